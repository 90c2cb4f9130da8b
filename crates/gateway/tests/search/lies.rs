//! An upstream that answers a search with something else: what it sends is judged, what it says is not believed, and
//! what cannot be read is no answer.

use crate::{
    shelf::{Shelf, body, bundle, finding, ids, person, restricted},
    staffed,
    stage::Stage,
    ward::{Manner, Script},
    ward_of,
};
use lexicon::Reason;
use serde_json::{Value, json};

fn entry(resource: &Value, mode: &str) -> Value {
    json!({ "resource": resource, "search": { "mode": mode } })
}

fn next(url: &str) -> Value {
    json!({ "relation": "next", "url": url })
}

/// C16, C17, C11: entries, links and totals that nobody asked for.
#[tokio::test]
async fn c17_only_matches_of_the_type_come_through() {
    let stage = Stage::raise().await;
    let token = staffed(&stage, &["p001"]);
    let outcome = json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": "warning", "code": "processing",
        "diagnostics": "canary: SELECT * FROM patients" }] });
    let entries = [
        entry(&outcome, "outcome"),
        entry(&finding("o1", "p001", "a"), "match"),
        entry(&finding("o1", "p001", "a"), "match"),
        entry(&finding("o2", "p001", "a"), "include"),
        entry(&person("p001", "canary", "1980"), "match"),
        entry(&restricted(finding("o3", "p001", "a")), "match"),
        entry(&finding("o9", "p009", "a"), "match"),
        entry(&outcome, "match"),
    ];
    stage.ward.otherwise(move |_| bundle("searchset", &entries, &[], 12_345));
    let response = stage.get("/fhir/Observation", &token).await;
    let found = body(&response);
    assert_eq!((ids(&found, "match"), &found["total"]), (vec!["o1".to_owned()], &json!(1)));
    assert_eq!(found["entry"].as_array().map(Vec::len), Some(1));
    assert_eq!(stage.record_of(&response).returned, Some(1));
    stage.close().await;
}

/// Decision 19: a page is followed below our upstream's base, and not in a circle.
#[tokio::test]
async fn c16_foreign_and_circular_links_are_not_followed() {
    for (name, link) in [
        ("elsewhere", "https://other.example/r4/Observation?page=2".to_owned()),
        ("another port", "https://localhost:1/r4/Observation?page=2".to_owned()),
        ("another base", "BASEx/Observation?page=2".to_owned()),
        ("above", "BASE/../secret?page=2".to_owned()),
        ("no search", "BASE/Observation".to_owned()),
        ("relative", "/Observation?page=2".to_owned()),
        ("with a user", "https://user@localhost/r4/Observation?page=2".to_owned()),
        ("a circle", "BASE/Observation?page=2".to_owned()),
    ] {
        let stage = Stage::raise().await;
        let token = staffed(&stage, &["p001"]);
        let link = link.replace("BASE", &stage.base);
        stage
            .ward
            .otherwise(move |_| bundle("searchset", &[entry(&finding("o1", "p001", "a"), "match")], &[next(&link)], 9));
        let response = stage.get("/fhir/Observation", &token).await;
        let record = stage.record_of(&response);
        assert_eq!((response.status().as_u16(), record.reason), (502, Some(Reason::UpstreamPage)), "{name}");
        assert!(!String::from_utf8_lossy(response.body()).contains("o1"), "{name}");
        let asked = stage.ward.paths();
        assert_eq!(asked.iter().any(|path| path.contains("page=2")), name == "a circle", "{name}: {asked:?}");
        assert!(asked.len() < 5, "{name}");
        stage.close().await;
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_no_answer() {
    let good = || bundle("searchset", &[entry(&finding("o1", "p001", "a"), "match")], &[], 1);
    let text = |script: &Script| String::from_utf8(script.body.to_vec()).expect("text");
    let cut = text(&good()).replace("\"total\":1", "\"total\":");
    let twice = text(&good()).replacen("\"id\":\"o1\"", "\"id\":\"o2\",\"id\":\"o1\"", 1);
    for (name, script, reason) in [
        ("broken", Script::json(cut), Reason::UpstreamPage),
        ("two ids", Script::json(twice), Reason::UpstreamPage),
        ("a history", bundle("history", &[], &[], 0), Reason::UpstreamPage),
        ("a resource", Script::json(finding("o1", "p001", "a").to_string()), Reason::UpstreamPage),
        ("empty", Script::json(""), Reason::UpstreamPage),
        ("html", good().with("content-type", "text/html"), Reason::UpstreamPage),
        ("gzip", good().with("content-encoding", "gzip"), Reason::UpstreamPage),
        ("failed", Script::status(500), Reason::UpstreamFailed),
        ("moved", Script::status(302).with("location", "/r4/Observation"), Reason::UpstreamSearch),
        ("refused", Script::status(400), Reason::UpstreamSearch),
        ("forbidden", Script::status(403), Reason::UpstreamSearch),
        ("nobody", Script { manner: Manner::Vanishes, ..good() }, Reason::UpstreamFailed),
    ] {
        let stage = Stage::raise().await;
        let token = staffed(&stage, &["p001"]);
        stage.ward.otherwise(move |_| script.clone());
        let response = stage.get("/fhir/Observation", &token).await;
        assert_eq!(stage.record_of(&response).reason, Some(reason), "{name}");
        assert!(response.status().is_server_error(), "{name}");
        assert!(!String::from_utf8_lossy(response.body()).contains("o1"), "{name}");
        stage.close().await;
    }
}

/// Narrowing is an optimisation: where the upstream refuses it, it is asked without.
#[tokio::test]
async fn c5_a_refused_narrowing_is_left_out() {
    let (stage, token) = ward_of(&["p001"], []).await;
    let shelf = bundle(
        "searchset",
        &[entry(&finding("o1", "p001", "a"), "match"), entry(&finding("o9", "p009", "a"), "match")],
        &[],
        2,
    );
    stage.ward.otherwise(move |path| {
        if path.contains("subject=") || path.contains("_sort=") { Script::status(400) } else { shelf.clone() }
    });
    for query in ["code=a", "code=a&_sort=code"] {
        let found = body(&stage.get(&format!("/fhir/Observation?{query}"), &token).await);
        assert_eq!(ids(&found, "match"), ["o1"], "{query}");
        assert!(stage.ward.paths().iter().any(|path| path.starts_with("/r4/Observation?code=a&_count=")), "{query}");
    }
    stage.close().await;
}

/// The next page fails after the first one was read: no answer, not half of one.
#[tokio::test]
async fn a_page_that_fails_later_ends_the_answer() {
    let stage = Stage::raise().await;
    let token = staffed(&stage, &["p001"]);
    Shelf { page: 1, ..Shelf::new([finding("o1", "p001", "a"), finding("o2", "p001", "a")]) }.stand(&stage);
    stage.ward.answers("/r4/Observation?page=1&canary=next", Script::status(503));
    let response = stage.get("/fhir/Observation", &token).await;
    assert_eq!((response.status().as_u16(), stage.record_of(&response).reason), (502, Some(Reason::UpstreamFailed)));
    stage.close().await;
}
