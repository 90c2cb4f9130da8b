//! Whose a resource is: compartments, contexts of scopes, scopes with parameters.

use crate::{
    shelf::{Shelf, body, finding, ids, person, restricted, with},
    stage::{BASE, Stage},
    ward_of,
};
use lexicon::Reason;
use serde_json::{Value, json};

/// A patient's own token.
fn own(stage: &Stage, scope: &str) -> String {
    stage.token(json!({ "scope": scope, "patient": "p001", "roles": ["patient"], "fhirUser": "Patient/p001", "sub": "patient-1" }))
}

fn by(id: &str, subject: &str, performer: &str) -> Value {
    with(finding(id, subject, "a"), "performer", json!([{ "reference": format!("Patient/{performer}") }]))
}

/// What a patient sees holds the notes of the fixtures.
fn seen(response: &http::Response<bytes::Bytes>) -> Vec<String> {
    assert_eq!(response.status(), 200, "{}", String::from_utf8_lossy(response.body()));
    ids(&serde_json::from_slice(response.body()).expect("JSON"), "match")
}

/// B1: membership is the union over R4's parameters; each is a query of its own, and nothing comes twice.
#[tokio::test]
async fn b1_a_compartment_is_a_union() {
    let stage = Stage::raise().await;
    let only_performed = with(by("o2", "p001", "p001"), "subject", json!({ "reference": "Device/d1" }));
    Shelf::new([by("o1", "p001", "p001"), only_performed, by("o3", "p009", "p001"), finding("o4", "p009", "a")])
        .stand(&stage);
    let token = own(&stage, "patient/Observation.rs");
    assert_eq!(seen(&stage.get("/fhir/Observation", &token).await), ["o1", "o2"]);
    let asked = stage.ward.paths();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().any(|path| path.contains("performer=Patient%2Fp001")), "{asked:?}");
    assert_eq!(seen(&stage.get("/fhir/Patient/p001/Observation", &token).await), ["o1", "o2"]);
    assert_eq!(seen(&stage.get("/fhir/Patient/p001/Observation?code=b", &token).await), Vec::<String>::new());
    stage.close().await;
}

/// B2, B6, B7: other references, and references to other places, make nobody a member.
#[tokio::test]
async fn b2_other_references_confer_nothing() {
    let stage = Stage::raise().await;
    let focus = with(finding("o1", "p009", "a"), "focus", json!([{ "reference": "Patient/p001" }]));
    let foreign =
        with(finding("o2", "p009", "a"), "subject", json!({ "reference": "https://other.example/fhir/Patient/p001" }));
    let logical = with(finding("o3", "p009", "a"), "subject", json!({ "identifier": { "value": "p001" } }));
    let mut contained = with(finding("o4", "p009", "a"), "subject", json!({ "reference": "#p001" }));
    contained["contained"] = json!([{ "resourceType": "Patient", "id": "p001" }]);
    Shelf::new([focus, foreign, logical, contained]).stand(&stage);
    let token = own(&stage, "patient/Observation.rs");
    for path in ["Observation", "Patient/p001/Observation", "Observation?patient=p001"] {
        assert_eq!(seen(&stage.get(&format!("/fhir/{path}"), &token).await), Vec::<String>::new(), "{path}");
    }
    stage.close().await;
}

/// B4, G8: who is one of several patients sees nothing of the others.
#[tokio::test]
async fn b4_a_resource_of_two_patients_is_nobodys() {
    let stage = Stage::raise().await;
    let both = json!({ "resourceType": "Appointment", "id": "a1", "meta": crate::shelf::labelled("N"), "status": "booked", "participant": [
        { "actor": { "reference": "Patient/p001" }, "status": "accepted" }, { "actor": { "reference": "Patient/p009" }, "status": "accepted" }] });
    Shelf::new([both]).stand(&stage);
    let token = own(&stage, "patient/Appointment.rs");
    assert_eq!(seen(&stage.get("/fhir/Appointment", &token).await), Vec::<String>::new());
    stage.close().await;
}

/// A2: each scope in its own context.
#[tokio::test]
async fn a2_contexts_do_not_widen_each_other() {
    let resources = [
        person("p001", "Amber", "1980"),
        person("p002", "Birch", "1980"),
        finding("o1", "p001", "a"),
        finding("o2", "p002", "a"),
    ];
    let (stage, _) = ward_of(&["p001", "p002"], resources).await;
    let token = stage.token(json!({ "scope": "patient/Observation.rs user/Patient.rs", "patient": "p001" }));
    assert_eq!(ids(&body(&stage.get("/fhir/Observation", &token).await), "match"), ["o1"]);
    assert_eq!(ids(&body(&stage.get("/fhir/Patient", &token).await), "match"), ["p001", "p002"]);
    // Observations by way of patients are those of the launch context.
    let found = body(&stage.get("/fhir/Patient?_revinclude=Observation:patient", &token).await);
    assert_eq!(ids(&found, "include"), ["o1"]);
    stage.close().await;
}

/// A4: reading is not searching, and searching is not reading. The challenge names the scope that was missing.
#[tokio::test]
async fn a4_letters_are_interactions() {
    let (stage, _) = ward_of(&["p001"], [person("p001", "Amber", "1980")]).await;
    for (letters, path, wanted) in [
        ("r", "Patient/p001", None),
        ("r", "Patient", Some("user/Patient.s")),
        ("r", "Patient?_id=p001", Some("user/Patient.s")),
        ("rs", "Patient/p001/Observation", Some("user/Observation.s")),
        ("s", "Patient", None),
        ("s", "Patient/p001", Some("user/Patient.r")),
        ("s", "Patient/p001/_history", Some("user/Patient.r")),
        ("s", "Patient/p001/_history/7", Some("user/Patient.r")),
    ] {
        let token = stage.token(json!({ "scope": format!("user/Patient.{letters}") }));
        let response = stage.get(&format!("/fhir/{path}"), &token).await;
        let reason = wanted.map(|_| Reason::ScopeMissing);
        assert_eq!(stage.record_of(&response).reason, reason, "{letters} {path}");
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().expect("text"));
        let expect =
            wanted.map(|scope| format!("Bearer realm=\"{BASE}\", error=\"insufficient_scope\", scope=\"{scope}\""));
        assert_eq!(challenge, expect.as_deref(), "{letters} {path}");
    }
    stage.close().await;
}

/// A7: scopes over different parameters are a union, neither less nor more.
#[tokio::test]
async fn a7_scopes_over_different_parameters_are_a_union() {
    let laboratory = json!([{ "coding": [{ "system": "urn:category", "code": "laboratory" }] }]);
    let findings = [
        finding("both", "p001", "a"),
        finding("vital", "p001", "b"),
        with(finding("coded", "p001", "a"), "category", laboratory.clone()),
        with(finding("none", "p001", "b"), "category", laboratory),
        restricted(finding("hidden", "p001", "a")),
    ];
    let (stage, _) = ward_of(&["p001"], findings).await;
    let vital = "user/Observation.rs?category=urn:category|vital-signs";
    let coded = "user/Observation.rs?code=urn:loinc|a";
    // A parameter that looks at what is hidden grants nothing.
    let hidden = "user/Observation.rs?performer=Practitioner/x";
    for (scope, expect) in [
        (vital.to_owned(), vec!["both", "vital"]),
        (coded.to_owned(), vec!["both", "coded"]),
        (format!("{vital} {coded}"), vec!["both", "vital", "coded"]),
        (format!("{vital}&code=urn:loinc|a"), vec!["both"]),
        (hidden.to_owned(), vec![]),
        (format!("{hidden} {coded}"), vec!["both", "coded"]),
    ] {
        let token = stage.token(json!({ "scope": scope }));
        let found = body(&stage.get("/fhir/Observation", &token).await);
        assert_eq!(
            (ids(&found, "match"), &found["total"]),
            (expect.iter().map(ToString::to_string).collect(), &json!(expect.len())),
            "{scope}"
        );
    }
    stage.close().await;
}

/// E1: a compartment whose patient is hidden answers like one whose patient does not exist.
#[tokio::test]
async fn e1_a_hidden_patients_compartment_looks_like_nobodys() {
    let (stage, token) = ward_of(&["p001"], [person("p009", "Amber", "1980"), finding("o9", "p009", "a")]).await;
    let mut faces = Vec::new();
    for id in ["p009", "nobody"] {
        for path in ["/fhir/Patient/ID/Observation", "/fhir/Observation?patient=ID", "/fhir/Patient?_id=ID"] {
            let response = stage.get(&path.replace("ID", id), &token).await;
            let found = body(&response);
            faces.push((path, response.status(), found.to_string().replace(id, "ID")));
        }
    }
    let (hidden, absent) = faces.split_at(3);
    assert_eq!(hidden, absent);
    stage.close().await;
}
