//! What could tell of hidden elements by the answer to a question about them.

use crate::{
    shelf::{Shelf, body, finding, ids, labelled, person, restricted, with},
    staffed,
    stage::{Set, Stage},
    ward_of,
};
use lexicon::Reason;
use serde_json::{Value, json};

/// The question is refused by its class, before anything is asked upstream.
async fn refused(paths: &[(&str, Reason)]) {
    let (stage, token) = ward_of(&["p001"], [person("p001", "Amber", "1980-01-01")]).await;
    body(&stage.get("/fhir/Patient", &token).await);
    stage.ward.seen();
    for (path, reason) in paths {
        let response = stage.get(&format!("/fhir/{path}"), &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(*reason), "{path}");
        assert_eq!(response.status().as_u16(), reason.status(), "{path}");
    }
    assert!(stage.ward.paths().is_empty(), "something went upstream");
    stage.close().await;
}

#[tokio::test]
async fn c13_a_condition_on_a_hidden_element_is_refused() {
    refused(&[
        ("Patient?identifier=urn:mrn|canary", Reason::ParameterHidden),
        ("Patient?identifier=urn:mrn|canary&_id=p001", Reason::ParameterHidden),
        ("Patient?organization=Organization/x", Reason::ParameterHidden),
        ("Observation?performer=Practitioner/x", Reason::ParameterHidden),
        ("Encounter?location=Location/x", Reason::ParameterHidden),
    ])
    .await;
}

#[tokio::test]
async fn c14_missing_on_a_hidden_element_is_refused() {
    refused(&[
        ("Patient?identifier:missing=true", Reason::ParameterHidden),
        ("Patient?identifier:missing=false", Reason::ParameterHidden),
        ("Observation?performer:missing=true", Reason::ParameterHidden),
    ])
    .await;
}

#[tokio::test]
async fn c12_sorting_by_a_hidden_element_is_refused() {
    refused(&[
        ("Patient?_sort=organization", Reason::ParameterHidden),
        ("Patient?_sort=-_lastUpdated", Reason::ParameterHidden),
    ])
    .await;
}

#[tokio::test]
async fn c4_what_is_not_modelled_is_refused() {
    refused(&[
        ("Patient?_filter=name%20eq%20x", Reason::ParameterNotModelled),
        ("Patient?_text=x", Reason::ParameterNotModelled),
        ("Patient?_content=x", Reason::ParameterNotModelled),
        ("Patient?_list=x", Reason::ParameterNotModelled),
        ("Patient?nonsense=x", Reason::ParameterNotModelled),
    ])
    .await;
}

/// C19 and G4: no other type by another path.
#[tokio::test]
async fn c19_every_type_needs_its_own_scope() {
    let (stage, _) = ward_of(&["p001"], [finding("o1", "p001", "a")]).await;
    let patients = stage.token(json!({ "scope": "user/Patient.rs" }));
    for (path, reason) in [
        ("Patient/p001/Observation", Reason::ScopeMissing),
        ("Observation?patient=p001", Reason::ScopeMissing),
        ("Patient?_revinclude=Observation:patient", Reason::ScopeMissing),
        ("Patient?_has:Observation:patient:code=a", Reason::ScopeMissing),
        ("Patient/p001/*", Reason::SearchCompartmentNotAnswered),
        ("?_type=Observation", Reason::SearchSystemNotAnswered),
    ] {
        let response = stage.get(&format!("/fhir/{path}"), &patients).await;
        assert_eq!(stage.record_of(&response).reason, Some(reason), "{path}");
    }
    assert!(stage.ward.paths().is_empty());
    stage.close().await;
}

/// C5: a condition that the upstream ignores holds all the same.
#[tokio::test]
async fn c5_an_ignored_parameter_is_applied_here() {
    let people = [
        person("p001", "Amber", "1980-01-01"),
        person("p002", "Birch", "1985-05-05"),
        with(person("p003", "Amber", "1999-09-09"), "active", json!(false)),
        person("p009", "Amber", "1980-01-01"),
    ];
    let (stage, token) = ward_of(&["p001", "p002", "p003"], people).await;
    for (query, expect) in [
        ("family=Amber", vec!["p001", "p003"]),
        ("family=Amber&active=true", vec!["p001"]),
        ("family=Amber,Birch", vec!["p001", "p002", "p003"]),
        ("birthdate=gt1984", vec!["p002", "p003"]),
        ("_id=p002,p009", vec!["p002"]),
        ("gender=male", vec![]),
        ("active:not=true", vec!["p003"]),
    ] {
        let found = body(&stage.get(&format!("/fhir/Patient?{query}"), &token).await);
        assert_eq!(ids(&found, "match"), expect, "{query}");
        assert_eq!(found["total"], expect.len(), "{query}");
    }
    stage.close().await;
}

/// C6 and G2: alternatives of another type open nothing.
#[tokio::test]
async fn c6_an_alternative_opens_nothing() {
    let findings = [
        finding("o1", "p001", "a"),
        finding("o9", "p009", "a"),
        with(finding("g1", "p009", "a"), "subject", json!({ "reference": "Group/x" })),
    ];
    let (stage, token) = ward_of(&["p001"], findings).await;
    let found = body(&stage.get("/fhir/Observation?subject=Patient/p001,Group/x,Patient/p009", &token).await);
    assert_eq!(ids(&found, "match"), ["o1"]);
    stage.close().await;
}

/// C10: a part of the answer changes nothing about who may see it.
#[tokio::test]
async fn c10_a_part_is_cut_from_what_is_shown() {
    let narrated = json!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">canary</div>" });
    let people =
        [with(person("p001", "Amber", "1980-01-01"), "text", narrated), restricted(person("p002", "Amber", "1980"))];
    let (stage, token) = ward_of(&["p001", "p002"], people).await;
    for (query, shown, left_out) in [
        ("_elements=birthDate", "birthDate", "name"),
        ("_elements=identifier,name", "name", "identifier"),
        ("_elements=birthDate,managingOrganization", "birthDate", "managingOrganization"),
        ("_summary=text", "id", "text"),
        ("_summary=data", "name", "text"),
        ("_summary=true", "name", "identifier"),
    ] {
        let found = body(&stage.get(&format!("/fhir/Patient?{query}"), &token).await);
        assert_eq!(ids(&found, "match"), ["p001"], "{query}");
        let resource = &found["entry"][0]["resource"];
        assert!(resource.get(shown).is_some() && resource.get(left_out).is_none(), "{query}: {resource}");
        assert!(resource["meta"]["tag"].to_string().contains("SUBSETTED"), "{query}");
        assert!(stage.ward.paths().iter().all(|path| !path.contains("_elements") && !path.contains("_summary")));
    }
    stage.close().await;
}

/// C11: what is counted is what may be seen.
#[tokio::test]
async fn c11_a_total_counts_what_may_be_seen() {
    let mut people: Vec<Value> = (0..7).map(|n| person(&format!("p00{n}"), "Amber", "1980")).collect();
    people.extend((0..50).map(|n| person(&format!("h{n}"), "Amber", "1980")));
    people.push(restricted(person("p007", "Amber", "1980")));
    let mine = ["p000", "p001", "p002", "p003", "p004", "p005", "p006", "p007"];
    let (stage, token) = ward_of(&mine, people).await;
    for (query, entries, total) in [
        ("_summary=count", 0, json!(7)),
        ("_count=0", 0, json!(7)),
        ("_summary=count&_sort=birthdate", 0, json!(7)),
        ("_total=accurate&_count=2", 2, json!(7)),
        ("_total=estimate&_count=2", 2, json!(7)),
        ("_count=2", 2, Value::Null),
        ("_count=7", 7, json!(7)),
        ("_total=accurate&_count=2&_sort=birthdate", 2, json!(7)),
    ] {
        let found = body(&stage.get(&format!("/fhir/Patient?{query}"), &token).await);
        assert_eq!((ids(&found, "match").len(), &found["total"]), (entries, &total), "{query}");
    }
    stage.close().await;
}

/// What dates a resource is withheld with anything else of it, and cannot be asked for where it is.
#[tokio::test]
async fn c13_when_a_resource_changed_is_asked_only_where_it_is_shown() {
    let dated = |id: &str| {
        let meta = labelled("N");
        json!({ "resourceType": "Observation", "id": id, "meta": meta, "status": "final", "code": { "text": "x" },
            "subject": { "reference": "Patient/p001" } })
    };
    for is_dated in [true, false] {
        let stage = Stage::set(Set { is_dated, ..Set::default() }).await;
        let token = staffed(&stage, &["p001"]);
        Shelf::new([dated("o1"), with(dated("o2"), "note", json!([{ "text": "canary" }]))]).stand(&stage);
        for (query, expect) in [("_lastUpdated=gt2020", vec!["o1"]), ("_lastUpdated=lt2020", vec![])] {
            let response = stage.get(&format!("/fhir/Observation?{query}"), &token).await;
            if is_dated {
                assert_eq!(ids(&body(&response), "match"), expect, "{query}");
            } else {
                assert_eq!(stage.record_of(&response).reason, Some(Reason::ParameterHidden), "{query}");
            }
        }
        stage.close().await;
    }
}
