//! An upstream that answers a search with something else: what it sends is judged, what it says is not believed, and
//! what cannot be read is no answer.

use crate::{
    shelf::{Shelf, body, bundle, finding, ids, person, restricted},
    staffed,
    stage::Stage,
    ward::{Manner, Script},
    ward_of,
};
use lexicon::{Narrowing, Reason};
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
    for (name, script, reason) in [
        ("broken", Script::json(cut), Reason::UpstreamPage),
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

/// One entry that cannot be read is not there, as in a read of it. The others are.
#[tokio::test]
async fn c17_an_entry_that_cannot_be_read_is_passed_over() {
    let entries = [entry(&finding("o1", "p001", "a"), "match"), entry(&finding("o2", "p001", "a"), "match")];
    let good = bundle("searchset", &entries, &[], 2);
    let text = String::from_utf8(good.body.to_vec()).expect("text");
    let twice = text.replacen("\"id\":\"o1\"", "\"id\":\"o3\",\"id\":\"o1\"", 1);
    assert_ne!(text, twice);
    let (stage, token) = ward_of(&["p001"], []).await;
    stage.ward.otherwise(move |_| Script::json(twice.clone()));
    assert_eq!(ids(&body(&stage.get("/fhir/Observation", &token).await), "match"), ["o2"]);
    stage.close().await;
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

/// Decision 20: the record says what the upstream made of a query. The answer is the same every time.
#[tokio::test]
async fn c5_an_upstream_that_does_not_keep_to_a_query_is_marked() {
    use Narrowing::{Ignored, Refused};
    let wanted = finding("o1", "p001", "a");
    let (elsewhere, other) = (finding("o9", "p009", "a"), finding("o2", "p001", "b"));
    let (hidden, person) = (restricted(finding("o3", "p001", "a")), person("p001", "Amber", "1980"));
    for (name, refused, sent, mark) in [
        ("what was asked for", "never", vec![&wanted], None),
        ("twice", "never", vec![&wanted, &wanted], None),
        ("what may not be seen", "never", vec![&wanted, &hidden], None),
        ("another type", "never", vec![&wanted, &person], None),
        ("somebody else's", "never", vec![&wanted, &elsewhere], Some(Ignored)),
        ("another code", "never", vec![&other, &wanted], Some(Ignored)),
        ("no narrowing", "subject=", vec![&wanted, &elsewhere], Some(Refused)),
        ("neither", "subject=", vec![&other, &wanted], Some(Ignored)),
        ("one leg each", "performer=", vec![&wanted, &elsewhere], Some(Ignored)),
    ] {
        let stage = Stage::raise().await;
        let token = staffed(&stage, &["p001"]);
        let entries: Vec<Value> = sent.into_iter().map(|one| entry(one, "match")).collect();
        stage.ward.otherwise(move |path| match path {
            path if path.contains(refused) => Script::status(400),
            path if path.contains("performer=") => bundle("searchset", &[], &[], 0),
            _ => bundle("searchset", &entries, &[], 0),
        });
        let response = stage.get("/fhir/Observation?code=a&_sort=code", &token).await;
        assert_eq!((name, ids(&body(&response), "match")), (name, vec!["o1".to_owned()]));
        assert_eq!((name, stage.record_of(&response).narrowing), (name, mark));
        stage.close().await;
    }
}

/// Also in what a search goes through, in what it includes, beyond the page, and where it fails in the end.
#[tokio::test]
async fn c5_the_mark_is_of_the_whole_request() {
    let people = || [person("p001", "Amber", "1980"), person("p002", "Birch", "1990")];
    for (query, reason, mark) in [
        ("Patient?_id=p001,p002", None, None),
        ("Patient?_id=p001", None, Some(Narrowing::Ignored)),
        ("Observation?subject:Patient.family=amber", None, Some(Narrowing::Ignored)),
        ("Patient?_id=p001,p002&_revinclude=Observation:subject", None, Some(Narrowing::Ignored)),
        ("Patient?_id=p001&_count=1", None, Some(Narrowing::Ignored)),
    ] {
        let (stage, token) = ward_of(&["p001", "p002"], people().into_iter().chain([finding("o9", "p009", "a")])).await;
        let response = stage.get(&format!("/fhir/{query}"), &token).await;
        let record = stage.record_of(&response);
        assert_eq!((query, record.reason, record.narrowing), (query, reason, mark));
        stage.close().await;
    }
    let stage = Stage::raise().await;
    let token = staffed(&stage, &["p001"]);
    Shelf { page: 1, ..Shelf::new(people()) }.stand(&stage);
    stage.ward.answers("/r4/Patient?page=1&canary=next", Script::status(503));
    let record = stage.record_of(&stage.get("/fhir/Patient?family=birch", &token).await);
    assert_eq!((record.reason, record.narrowing), (Some(Reason::UpstreamFailed), Some(Narrowing::Ignored)));
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
