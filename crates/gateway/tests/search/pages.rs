//! Pages: filled with what may be seen, continued by a cursor that serves one caller for a while and holds no right.

use crate::{
    shelf::{Shelf, body, finding, ids, link, person, restricted},
    staffed,
    stage::{Set, Stage, TEAMS, page, read, team},
    ward_of,
};
use gateway::fhir::Caps;
use lexicon::Reason;
use serde_json::{Value, json};

/// Ten that may be seen, each behind many that may not.
fn sparse() -> Vec<Value> {
    let hidden = |n: usize| (0..7).map(move |m| restricted(finding(&format!("h{n}-{m}"), "p001", "a")));
    (0..10).flat_map(|n| hidden(n).chain([finding(&format!("o{n}"), "p001", "a")])).chain(hidden(10)).collect()
}

/// Every page from the first on: the ids on each.
async fn walk(stage: &Stage, token: &str, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let found = body(&stage.get(&path, token).await);
        pages.push(ids(&found, "match"));
        next = link(&found, "next");
        assert!(pages.len() < 20, "pages without end");
    }
    pages
}

/// C18: pages are full whatever is hidden between, and there is a next one exactly if something is on it.
#[tokio::test]
async fn c18_pages_are_filled_and_end_where_nothing_more_may_be_seen() {
    for (size, page_of_upstream) in [(3, 4), (3, 100), (5, 3), (10, 7), (1, 50), (50, 1)] {
        let stage = Stage::raise().await;
        let token = staffed(&stage, &["p001"]);
        Shelf { page: page_of_upstream, ..Shelf::new(sparse()) }.stand(&stage);
        let pages = walk(&stage, &token, &format!("/fhir/Observation?_count={size}")).await;
        let all: Vec<String> = (0..10).map(|n| format!("o{n}")).collect();
        let expect: Vec<Vec<String>> = all.chunks(size).map(<[String]>::to_vec).collect();
        assert_eq!(pages, expect, "{size} of {page_of_upstream}");
        stage.close().await;
    }
}

#[tokio::test]
async fn c12_an_order_the_upstream_does_not_keep_is_kept_here() {
    let births = ["1990-05-05", "1980-01-01", "1985", "1999-12-31", "1980-01-01"];
    let mut people: Vec<Value> =
        births.iter().enumerate().map(|(n, born)| person(&format!("p{n}"), "Amber", born)).collect();
    people.insert(2, restricted(person("h1", "Amber", "1970-01-01")));
    let (stage, token) = ward_of(&["p0", "p1", "p2", "p3", "p4", "h1"], people).await;
    for (sort, expect) in
        [("birthdate", ["p1", "p4", "p2", "p0", "p3"]), ("-birthdate", ["p3", "p0", "p2", "p1", "p4"])]
    {
        let pages = walk(&stage, &token, &format!("/fhir/Patient?_sort={sort}&_count=2")).await;
        assert_eq!(pages.concat(), expect, "{sort}");
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1], "{sort}");
        assert!(stage.ward.paths().iter().any(|path| path.contains(&format!("_sort={sort}"))));
    }
    stage.close().await;
}

/// C15: a page link is one caller's, for a quarter of an hour, as it was made.
#[tokio::test]
async fn c15_a_cursor_is_bound_to_its_caller_and_place() {
    let (stage, token) = ward_of(&["p001"], sparse()).await;
    let next = link(&body(&stage.get("/fhir/Observation?_count=3&code=a", &token).await), "next").expect("a next page");
    assert!(next.starts_with("/fhir/Observation?_page="), "{next}");
    let mut changed = next.clone();
    let last = changed.pop().expect("a cursor");
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let elsewhere = next.replace("/Observation?", "/Condition?");
    let compartment = next.replace("/Observation?", "/Patient/p001/Observation?");
    let other = stage.token(json!({ "scope": "user/*.rs", "sub": "nurse-2" }));
    let another_app = stage.token(json!({ "scope": "user/*.rs", "client_id": "other-app" }));
    stage.ward.seen();
    for (path, token, reason) in [
        (&changed, &token, Reason::CursorInvalid),
        (&elsewhere, &token, Reason::CursorInvalid),
        (&compartment, &token, Reason::CursorInvalid),
        (&next, &other, Reason::CursorInvalid),
        (&next, &another_app, Reason::CursorInvalid),
        (&format!("{next}&_count=100"), &token, Reason::ParameterNotModelled),
        (&format!("{next}&code=b"), &token, Reason::ParameterNotModelled),
    ] {
        let response = stage.get(path, token).await;
        assert_eq!(stage.record_of(&response).reason, Some(reason), "{path}");
    }
    assert!(stage.ward.paths().iter().all(|path| path.starts_with("/r4/CareTeam")));
    // It serves again and again, with a new token of the same caller, and then no longer.
    stage.passes(14 * 60);
    let token = staffed(&stage, &["p001"]);
    for _ in 0..2 {
        assert_eq!(ids(&body(&stage.get(&next, &token).await), "match"), ["o3", "o4", "o5"]);
    }
    stage.passes(2 * 60);
    let response = stage.get(&next, &stage.token(json!({ "scope": "user/*.rs" }))).await;
    assert_eq!(stage.record_of(&response).reason, Some(Reason::CursorInvalid));
    stage.close().await;
}

/// C15: a cursor holds no right. Who left the team meanwhile sees nothing more; other scopes are other rights.
#[tokio::test]
async fn c15_a_page_is_authorized_anew() {
    let (stage, token) = ward_of(&["p001"], sparse()).await;
    let next = link(&body(&stage.get("/fhir/Observation?_count=3", &token).await), "next").expect("a next page");
    let reads = stage.token(json!({ "scope": "user/*.r" }));
    assert_eq!(stage.record_of(&stage.get(&next, &reads).await).reason, Some(Reason::ScopeMissing));
    stage.ward.answers(TEAMS, page(&[], None));
    stage.passes(61);
    let found = body(&stage.get(&next, &token).await);
    assert_eq!(found.get("entry"), None);
    // One more patient changes what is asked upstream. The pages go on where they were.
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001"), team("team-p002", "p002")], None));
    stage.passes(61);
    assert_eq!(ids(&body(&stage.get(&next, &token).await), "match"), ["o3", "o4", "o5"]);
    stage.close().await;
}

/// A search that would cost too much is refused, and never cut short.
#[tokio::test]
async fn c18_what_does_not_fit_the_budget_is_refused() {
    // 87 resources on 9 pages, once for each way to be a patient's.
    for (caps, reason) in [
        (Caps { entries: 174, ..Caps::default() }, None),
        (Caps { entries: 173, ..Caps::default() }, Some(Reason::SearchTooBroad)),
        (Caps { pages: 18, ..Caps::default() }, None),
        (Caps { pages: 17, ..Caps::default() }, Some(Reason::SearchTooBroad)),
    ] {
        let stage = Stage::set(Set { caps, ..Set::default() }).await;
        let token = staffed(&stage, &["p001"]);
        Shelf { page: 10, ..Shelf::new(sparse()) }.stand(&stage);
        let response = stage.get("/fhir/Observation", &token).await;
        assert_eq!(stage.record_of(&response).reason, reason, "{caps:?}");
        stage.close().await;
    }
}

/// A long page flows: it is recorded before it is sent, segment by segment, and is whole.
#[tokio::test]
async fn a_long_page_comes_whole_and_every_segment_is_recorded() {
    let stage = Stage::raise().await;
    let token = staffed(&stage, &["p001"]);
    let long = |n: usize| {
        let mut long = finding(&format!("o{n:04}"), "p001", "a");
        long["code"]["text"] = "x".repeat(4000).into();
        long
    };
    Shelf::new((0..700).map(long)).stand(&stage);
    let response = stage.get("/fhir/Observation?_count=650", &token).await;
    let found = body(&response);
    let all: Vec<String> = (0..650).map(|n| format!("o{n:04}")).collect();
    assert_eq!(ids(&found, "match"), all);
    assert!(response.body().len() > 2 << 20);
    let next = link(&found, "next").expect("a next page");
    assert_eq!(ids(&body(&stage.get(&next, &token).await), "match").len(), 50);
    let trace = response.headers()["lazaret-trace"].to_str().expect("hex").to_owned();
    let leaves =
        read(stage.folder.path()).into_iter().filter(|leaf| leaf.trace.is_some_and(|of| of.to_string() == trace));
    let leaves: Vec<_> = leaves.collect();
    assert!(leaves.len() > 3, "{} leaves", leaves.len());
    let closed = leaves.last().expect("a leaf");
    assert_eq!((closed.allowed, closed.reason), (Some(true), None));
    stage.close().await;
}
