//! Steps to other resources: chains, `_has`, includes. Each is a search of its own, by the same rules.

use crate::{
    shelf::{body, finding, ids, person, restricted, with},
    ward_of,
};
use lexicon::Reason;
use serde_json::json;

/// C1: a chain looks at resources that may be seen, and at what is shown of them.
#[tokio::test]
async fn c1_a_chain_tells_nothing_of_a_hidden_resource() {
    let resources = [
        person("p001", "Amber", "1980-01-01"),
        restricted(person("p002", "Amber", "1980-01-01")),
        person("p009", "Amber", "1980-01-01"),
        finding("o1", "p001", "a"),
        finding("o2", "p002", "a"),
        finding("o9", "p009", "a"),
    ];
    let (stage, token) = ward_of(&["p001", "p002"], resources).await;
    for (query, expect) in [
        ("patient.family=Amber", vec!["o1"]),
        ("subject:Patient.family=Amber", vec!["o1"]),
        ("patient.family=Birch", vec![]),
        ("patient._id=p002", vec![]),
        ("patient=p002", vec!["o2"]),
    ] {
        let found = body(&stage.get(&format!("/fhir/Observation?{query}"), &token).await);
        assert_eq!(ids(&found, "match"), expect, "{query}");
        assert!(stage.ward.paths().iter().all(|path| !path.contains("patient.") && !path.contains("Patient.")));
    }
    stage.ward.seen();
    for query in ["patient.identifier=x", "patient.organization=Organization/x"] {
        let response = stage.get(&format!("/fhir/Observation?{query}"), &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(Reason::ParameterHidden), "{query}");
    }
    assert!(stage.ward.paths().is_empty());
    stage.close().await;
}

/// C2: so does `_has`, whatever its key looks like (G1).
#[tokio::test]
async fn c2_has_tells_nothing_of_a_hidden_resource() {
    let resources = [
        person("p001", "Amber", "1980-01-01"),
        person("p002", "Birch", "1980-01-01"),
        person("p009", "Cedar", "1980-01-01"),
        finding("o1", "p001", "a"),
        restricted(finding("o2", "p002", "a")),
        finding("o3", "p002", "b"),
        finding("o9", "p009", "a"),
    ];
    let (stage, token) = ward_of(&["p001", "p002"], resources).await;
    for (query, expect) in [
        ("_has:Observation:patient:code=a", vec!["p001"]),
        ("_has:Observation:patient:code=b", vec!["p002"]),
        ("_has:Observation:patient:code=a,b", vec!["p001", "p002"]),
        ("_has:Observation:patient:code=c", vec![]),
        ("_has:Observation:patient:patient.family=Birch", vec!["p002"]),
    ] {
        let found = body(&stage.get(&format!("/fhir/Patient?{query}"), &token).await);
        assert_eq!(ids(&found, "match"), expect, "{query}");
        assert!(stage.ward.paths().iter().all(|path| !path.contains("_has")));
    }
    stage.ward.seen();
    let response = stage.get("/fhir/Patient?_has:Observation:performer:code=a", &token).await;
    assert!(response.status().is_client_error());
    let response = stage.get("/fhir/Patient?_has:Observation:patient:performer=Practitioner/x", &token).await;
    assert_eq!(stage.record_of(&response).reason, Some(Reason::ParameterHidden));
    assert!(stage.ward.paths().is_empty());
    stage.close().await;
}

/// C3: what is included is judged like a match, and nothing is included that was not asked for.
#[tokio::test]
async fn c3_an_include_shows_what_may_be_seen() {
    let resources = [
        person("p001", "Amber", "1980-01-01"),
        restricted(person("p002", "Birch", "1980-01-01")),
        finding("o1", "p001", "a"),
        finding("o2", "p002", "a"),
        restricted(finding("o3", "p001", "a")),
        finding("o9", "p009", "a"),
    ];
    let (stage, token) = ward_of(&["p001", "p002"], resources).await;
    for (query, matches, included) in [
        ("Observation?code=a", vec!["o1", "o2"], vec![]),
        ("Observation?code=a&_include=Observation:patient", vec!["o1", "o2"], vec!["p001"]),
        ("Observation?code=a&_include=Observation:subject:Patient", vec!["o1", "o2"], vec!["p001"]),
        ("Patient?_revinclude=Observation:patient", vec!["p001"], vec!["o1"]),
        ("Patient?family=nobody&_revinclude=Observation:patient", vec![], vec![]),
        // What was included leads on, and nothing comes twice.
        (
            "Observation?_id=o1&_include=Observation:patient&_revinclude:iterate=Observation:patient",
            vec!["o1"],
            vec!["p001"],
        ),
    ] {
        let response = stage.get(&format!("/fhir/{query}"), &token).await;
        let found = body(&response);
        assert_eq!(
            (ids(&found, "match"), ids(&found, "include")),
            (matches.iter().map(ToString::to_string).collect(), included.iter().map(ToString::to_string).collect()),
            "{query}"
        );
        let shown = (matches.len() + included.len()) as u64;
        assert_eq!(stage.record_of(&response).returned, Some(shown), "{query}");
        assert!(stage.ward.paths().iter().all(|path| !path.contains("include")));
    }
    stage.ward.seen();
    for query in [
        "Observation?_include=*",
        "Observation?_include=Observation:*",
        "Observation?_include=Observation:performer:Practitioner",
    ] {
        let response = stage.get(&format!("/fhir/{query}"), &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(Reason::IncludeRefused), "{query}");
    }
    assert!(stage.ward.paths().is_empty());
    stage.close().await;
}

/// C3: a round trip of includes ends, and each resource stands in the answer once.
#[tokio::test]
async fn c3_iterating_ends() {
    let derived = |id: &str, from: &str| {
        with(finding(id, "p001", "a"), "hasMember", json!([{ "reference": format!("Observation/{from}") }]))
    };
    let (stage, _) = ward_of(&["p001"], [derived("o1", "o2"), derived("o2", "o3"), derived("o3", "o1")]).await;
    let physician = stage.token(json!({ "scope": "user/*.rs", "roles": ["physician"] }));
    let found = body_of_physician(
        &stage.get("/fhir/Observation?_id=o1&_include:iterate=Observation:has-member:Observation", &physician).await,
    );
    assert_eq!(
        (ids(&found, "match"), ids(&found, "include")),
        (vec!["o1".to_owned()], vec!["o2".to_owned(), "o3".to_owned()])
    );
    stage.close().await;
}

/// A physician is shown the notes.
fn body_of_physician(response: &http::Response<bytes::Bytes>) -> serde_json::Value {
    assert_eq!(response.status(), 200);
    serde_json::from_slice(response.body()).expect("JSON")
}
