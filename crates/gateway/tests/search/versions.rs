//! Versions: what may be seen of a resource as it was follows from what may be seen of it now, too (B9).

use crate::{
    shelf::{Shelf, finding, person, restricted, with},
    staffed,
    stage::{Set, Stage},
};
use bytes::Bytes;
use http::Response;
use lexicon::Reason;
use serde_json::{Value, json};

fn version(mut resource: Value, number: &str) -> Value {
    resource["meta"]["versionId"] = number.into();
    resource
}

async fn of(current: Value, versions: Vec<Value>) -> (Stage, String) {
    on(Stage::raise().await, current, versions)
}

fn on(stage: Stage, current: Value, versions: Vec<Value>) -> (Stage, String) {
    let token = staffed(&stage, &["p001"]);
    Shelf { versions, ..Shelf::new([current]) }.stand(&stage);
    (stage, token)
}

fn names(response: &Response<Bytes>) -> Vec<String> {
    assert_eq!(response.status(), 200, "{}", String::from_utf8_lossy(response.body()));
    let text = String::from_utf8_lossy(response.body()).into_owned();
    assert!(!text.contains("canary") && !text.contains("etag") && !text.contains("versionId"), "{text}");
    let found: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(found["type"], "history");
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    assert_eq!(found["total"], entries.len());
    let name = |entry: &Value| entry["resource"]["name"][0]["family"].as_str().expect("a name").to_owned();
    entries.iter().map(name).collect()
}

#[tokio::test]
async fn b9_a_history_shows_versions_that_may_be_seen_and_no_hidden_change() {
    let now = || person("p001", "Amber", "1980");
    let (stage, token) = of(
        now(),
        vec![
            version(now(), "7"),
            version(with(now(), "managingOrganization", json!({ "reference": "Organization/canary2" })), "6"),
            version(restricted(person("p001", "canary", "1980")), "5"),
            version(person("p009", "canary", "1980"), "4"),
            version(finding("p001", "p001", "canary"), "3"),
            version(person("p001", "Birch", "1980"), "2"),
            version(person("p001", "Amber", "1980"), "1"),
        ],
    )
    .await;
    assert_eq!(names(&stage.get("/fhir/Patient/p001/_history", &token).await), ["Amber", "Birch", "Amber"]);
    // Nothing at all of what is hidden now, or not there.
    for (path, reason) in [
        ("/fhir/Patient/p009/_history", Reason::ResourceAbsent),
        ("/fhir/Patient/p001/_history?_since=2020-01-01", Reason::ParameterNotModelled),
    ] {
        let response = stage.get(path, &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(reason), "{path}");
    }
    stage.close().await;
}

#[tokio::test]
async fn b9_what_is_hidden_now_has_no_past() {
    let old = version(person("p001", "Amber", "1980"), "1");
    let (stage, token) = of(restricted(person("p001", "Amber", "1980")), vec![old]).await;
    let absent = stage.get("/fhir/Patient/nobody/_history/1", &token).await;
    for path in ["/fhir/Patient/p001/_history", "/fhir/Patient/p001/_history/1"] {
        let response = stage.get(path, &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(Reason::LabelNotCleared), "{path}");
        assert_eq!((response.status(), response.body().len()), (absent.status(), absent.body().len()), "{path}");
    }
    stage.close().await;
}

/// Asking by number would count changes. A version is shown where its number is.
#[tokio::test]
async fn b9_a_version_by_number_is_shown_where_its_number_is() {
    let bare = || json!({ "resourceType": "Patient", "id": "p001", "meta": crate::shelf::labelled("N"), "name": [{ "family": "Amber" }] });
    let versions = vec![
        version(bare(), "5"),
        version(person("p001", "Amber", "1980"), "4"),
        version(restricted(bare()), "3"),
        version(with(bare(), "id", json!("p009")), "2"),
    ];
    for is_dated in [true, false] {
        let stage = Stage::set(Set { is_dated, ..Set::default() }).await;
        let (stage, token) = on(stage, bare(), versions.clone());
        for (number, reason) in [
            // Where no projection names its number, every version lacks something.
            ("5", (!is_dated).then_some(Reason::VersionHidden)),
            ("4", Some(Reason::VersionHidden)),
            ("3", Some(Reason::VersionHidden)),
            ("2", Some(Reason::ResourceAbsent)),
            ("1", Some(Reason::ResourceAbsent)),
        ] {
            let response = stage.get(&format!("/fhir/Patient/p001/_history/{number}"), &token).await;
            assert_eq!(stage.record_of(&response).reason, reason, "{number}");
            assert_eq!(response.status(), if reason.is_some() { 404 } else { 200 }, "{number}");
        }
        stage.close().await;
    }
}
