//! Searches through the whole door. The upstream ignores every parameter unless a test says otherwise, and holds what
//! callers may not see beside what they may.

#[cfg(test)]
mod hops;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod members;
#[cfg(test)]
mod oracles;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod shelf;
#[cfg(test)]
#[expect(dead_code, reason = "the other tests of the road use more of it")]
#[path = "../road/stage.rs"]
mod stage;
#[cfg(test)]
mod tells;
#[cfg(test)]
mod versions;
#[cfg(test)]
#[expect(dead_code, reason = "the other tests of the road use more of it")]
#[path = "../road/ward.rs"]
mod ward;

use lexicon::Interaction;
use serde_json::{Value, json};
use shelf::{Shelf, body, finding, ids, link, person, restricted};
use stage::{BASE, Stage, TEAMS, page, team};

/// A nurse who may search, and works in the team of these patients.
async fn ward_of(patients: &[&str], resources: impl IntoIterator<Item = Value>) -> (Stage, String) {
    let stage = Stage::raise().await;
    let token = staffed(&stage, patients);
    Shelf::new(resources).stand(&stage);
    (stage, token)
}

fn staffed(stage: &Stage, patients: &[&str]) -> String {
    let teams: Vec<Value> = patients.iter().map(|patient| team(&format!("team-{patient}"), patient)).collect();
    stage.ward.answers(TEAMS, page(&teams, None));
    stage.token(json!({ "scope": "user/*.rs" }))
}

#[tokio::test]
async fn a_search_finds_what_may_be_seen_and_is_written_as_ours() {
    let people =
        [person("p001", "Amber", "1980-01-01"), person("p009", "Amber", "1980-01-01"), person("p002", "Birch", "1990")];
    let (stage, token) = ward_of(&["p001", "p002"], people).await;
    let response = stage.get("/fhir/Patient?family=amber&_format=json", &token).await;
    let found = body(&response);
    let keys: Vec<&String> = found.as_object().expect("an object").keys().collect();
    assert_eq!(keys.len(), 5);
    assert!(
        String::from_utf8_lossy(response.body())
            .starts_with("{\"resourceType\":\"Bundle\",\"type\":\"searchset\",\"entry\":[")
    );
    assert_eq!((ids(&found, "match"), &found["total"]), (vec!["p001".to_owned()], &json!(1)));
    let entry = &found["entry"][0];
    assert_eq!(entry["fullUrl"], format!("{BASE}/Patient/p001"));
    assert!(entry["resource"]["meta"]["tag"].to_string().contains("SUBSETTED"));
    assert_eq!(entry["resource"]["meta"].get("versionId"), None, "it dates what is withheld");
    assert_eq!(link(&found, "self").as_deref(), Some("/fhir/Patient?family=amber"));
    assert_eq!(link(&found, "next"), None);
    let record = stage.record_of(&response);
    assert_eq!((record.interaction, record.returned), (Some(Interaction::SearchType), Some(1)));
    assert_eq!((record.allowed, record.upstream_status), (Some(true), Some(200)));
    assert_eq!(record.policies, ["nurse-reads-own-care-team"]);
    // What is asked upstream is narrowed to the nurse's patients, in our spelling.
    let asked = stage.ward.paths();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].starts_with("/r4/Patient?family=amber&_id=p001%2Cp002&_count=100"), "{asked:?}");
    stage.close().await;
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let (stage, token) = ward_of(&["p001"], [person("p009", "Amber", "1980-01-01")]).await;
    let found = body(&stage.get("/fhir/Patient", &token).await);
    assert_eq!((found.get("entry"), &found["total"]), (None, &json!(0)));
    // Who works in no team is not asked about: nothing can be found.
    let nobody = staffed(&stage, &[]);
    stage.passes(61);
    stage.ward.seen();
    let found = body(&stage.get("/fhir/Observation", &nobody).await);
    assert_eq!((found.get("entry"), &found["total"]), (None, &json!(0)));
    assert_eq!(stage.ward.paths(), [TEAMS]);
    stage.close().await;
}

/// C9: a form is read like a query, and what is said in both is refused.
#[tokio::test]
async fn c9_parameters_in_a_body_are_read_and_merged() {
    let (stage, token) =
        ward_of(&["p001"], [person("p001", "Amber", "1980-01-01"), person("p009", "Amber", "1980")]).await;
    let response = stage.post("/fhir/Patient/_search?family=amber", &token, "gender=female").await;
    let found = body(&response);
    assert_eq!(ids(&found, "match"), ["p001"]);
    assert_eq!(link(&found, "self").as_deref(), Some("/fhir/Patient?family=amber&gender=female"));
    let other = body(&stage.post("/fhir/Patient/_search", &token, "family=birch").await);
    assert_eq!(other["total"], 0);
    stage.ward.seen();
    let twice = stage.post("/fhir/Patient/_search?family=amber", &token, "family=birch").await;
    assert_eq!(stage.record_of(&twice).reason, Some(lexicon::Reason::ParameterDuplicate));
    assert!(stage.ward.seen().is_empty());
    stage.close().await;
}

/// E3: a `HEAD` goes the same way, and its record is the same.
#[tokio::test]
async fn e3_head_is_judged_like_get() {
    let (stage, token) =
        ward_of(&["p001"], [person("p001", "Amber", "1980"), restricted(finding("o1", "p001", "a"))]).await;
    for (path, expect) in
        [("/fhir/Patient?family=amber", 200), ("/fhir/Patient?identifier=x", 403), ("/fhir/Observation/o1", 404)]
    {
        let request = http::Request::head(path).header("authorization", format!("Bearer {token}"));
        let head = stage.send(request).await;
        let get = stage.get(path, &token).await;
        assert_eq!((head.status().as_u16(), get.status().as_u16()), (expect, expect), "{path}");
        assert!(head.body().is_empty());
        let (head, get) = (stage.record_of(&head), stage.record_of(&get));
        assert_eq!((head.reason, head.returned), (get.reason, get.returned), "{path}");
    }
    stage.close().await;
}
