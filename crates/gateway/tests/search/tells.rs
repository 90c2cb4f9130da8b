//! What an answer could tell beside what it shows: by its order, its pages, the length of a link, by what it costs.

use crate::{
    shelf::{Shelf, body, bundle, finding, ids, labelled, link, person, restricted},
    staffed,
    stage::{Set, Stage, read},
    ward::Script,
    ward_of,
};
use bytes::Bytes;
use fhir::Limits;
use http::Response;
use lexicon::Reason;
use serde_json::{Value, json};

fn clerk(stage: &Stage, scope: &str) -> String {
    let mut claims = json!({ "scope": scope, "roles": ["billing"], "sub": "b-1", "fhirUser": null });
    if scope.starts_with("patient/") {
        claims["patient"] = "p001".into();
    }
    stage.token(claims)
}

/// Of one patient, who is also named where a clerk is not shown it.
fn coverage(id: &str, hidden: &[&str]) -> Value {
    let patient = json!({ "reference": "Patient/p001" });
    let mut it = json!({ "resourceType": "Coverage", "id": id, "meta": labelled("N"), "status": "active", "beneficiary": patient,
        "payor": [{ "reference": "Organization/x" }] });
    for way in hidden {
        it[*way] = patient.clone();
    }
    it
}

/// An upstream that keeps to what is asked of a Coverage's parties.
fn honest(stage: &Stage, all: Vec<Value>) {
    let ways = [
        ("policy-holder=", "policyHolder"),
        ("subscriber=", "subscriber"),
        ("payor=", "none"),
        ("beneficiary=", "beneficiary"),
    ];
    stage.ward.otherwise(move |path| {
        let asked =
            |one: &&Value| ways.iter().all(|(name, element)| !path.contains(name) || one.get(element).is_some());
        let entry = |one: &Value| json!({ "resource": one, "search": { "mode": "match" } });
        bundle("searchset", &all.iter().filter(asked).map(entry).collect::<Vec<_>>(), &[], 0)
    });
}

/// Every page: what is on it. A clerk is shown the payer's canary.
async fn pages(stage: &Stage, token: &str, first: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let response = stage.get(&path, token).await;
        assert_eq!(response.status(), 200, "{path}");
        let found: Value = serde_json::from_slice(response.body()).expect("JSON");
        pages.push(ids(&found, "match"));
        next = link(&found, "next");
        assert!(pages.len() < 20, "pages without end");
    }
    pages
}

/// B1: the order of a compartment, and of a launch context, follows from the ways that are shown.
#[tokio::test]
async fn b1_order_tells_nothing_of_a_hidden_way() {
    let cases: [[&[&str]; 3]; 4] = [
        [&[], &[], &[]],
        [&[], &["policyHolder"], &[]],
        [&["subscriber"], &[], &["policyHolder"]],
        [&[], &["subscriber", "policyHolder"], &["subscriber"]],
    ];
    for hidden in cases {
        let stage = Stage::raise().await;
        honest(&stage, hidden.iter().zip(["c1", "c2", "c3"]).map(|(ways, id)| coverage(id, ways)).collect());
        for (scope, path) in [
            ("user/*.rs", "/fhir/Patient/p001/Coverage"),
            ("user/*.rs", "/fhir/Coverage"),
            ("patient/Coverage.rs", "/fhir/Coverage"),
        ] {
            let token = clerk(&stage, scope);
            for count in [1, 10] {
                let shown = pages(&stage, &token, &format!("{path}?_count={count}")).await;
                let all = ["c1", "c2", "c3"].map(str::to_owned);
                let expect: Vec<Vec<String>> = all.chunks(count).map(<[String]>::to_vec).collect();
                assert_eq!(shown, expect, "{scope} {path} {count} {hidden:?}");
            }
        }
        stage.close().await;
    }
}

/// B1, C18: whatever an upstream makes of the legs, each match is on one page, once, and is counted once.
#[tokio::test]
async fn c18_an_upstream_that_ignores_the_legs_repeats_nothing() {
    let stage = Stage::raise().await;
    let token = clerk(&stage, "user/*.rs");
    Shelf::new(["c1", "c2", "c3"].map(|id| coverage(id, &[]))).stand(&stage);
    for path in ["/fhir/Patient/p001/Coverage", "/fhir/Coverage"] {
        assert_eq!(pages(&stage, &token, &format!("{path}?_count=1")).await, [["c1"], ["c2"], ["c3"]], "{path}");
        let counted = stage.get(&format!("{path}?_count=1&_total=accurate"), &token).await;
        let counted: Value = serde_json::from_slice(counted.body()).expect("JSON");
        assert_eq!(counted["total"], 3, "{path}");
    }
    let own = stage.token(json!({ "scope": "patient/*.rs", "patient": "p001", "roles": ["patient"], "fhirUser": "Patient/p001", "sub": "patient-1" }));
    Shelf::new((0..3).map(|n| finding(&format!("o{n}"), "p001", "a"))).stand(&stage);
    assert_eq!(pages(&stage, &own, "/fhir/Observation?_count=1").await, [["o0"], ["o1"], ["o2"]]);
    stage.close().await;
}

/// All pages, or the reason that ended them.
async fn sorted(stage: &Stage, token: &str, first: &str) -> (Vec<String>, Option<Reason>) {
    let (mut all, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let response = stage.get(&path, token).await;
        if let Some(reason) = stage.record_of(&response).reason {
            return (all, Some(reason));
        }
        let found = body(&response);
        all.extend(ids(&found, "match"));
        next = link(&found, "next");
    }
    (all, None)
}

/// C12: where the upstream's pages end depends on what is hidden. What is found out about its order does not.
#[tokio::test]
async fn c12_hidden_resources_do_not_decide_about_the_order() {
    for (size, ordered, refused) in [(5, 4, None), (7, 60, Some(Reason::CursorInvalid))] {
        let mut seen = Vec::new();
        for hidden in [0, 3] {
            let stage = Stage::raise().await;
            let names: Vec<String> = (0..=ordered).map(|n| format!("p{n:03}")).collect();
            let token = staffed(&stage, &names.iter().map(String::as_str).collect::<Vec<_>>());
            let born = |n: usize| if n == ordered { "1901-01-01".to_owned() } else { format!("19{:02}-01-01", 20 + n) };
            let mut people: Vec<Value> =
                names.iter().enumerate().map(|(n, id)| person(id, "Amber", &born(n))).collect();
            for n in 0..hidden {
                people.insert(3, restricted(person(&format!("h{n}"), "Amber", "1970-01-01")));
            }
            Shelf { page: size, ..Shelf::new(people) }.stand(&stage);
            seen.push(sorted(&stage, &token, "/fhir/Patient?_sort=birthdate&_count=2").await);
            stage.close().await;
        }
        let (all, reason) = &seen[0];
        assert!(seen.iter().all(|one| one == &seen[0]), "{size}: {seen:?}");
        assert_eq!((*reason, all.is_sorted_by(|a, b| a < b || b == "p000")), (refused, true), "{all:?}");
        // Nothing is lost or repeated before the pages end.
        if refused.is_none() {
            assert_eq!(all.len(), ordered + 1, "{all:?}");
            assert_eq!(all[0], format!("p{ordered:03}"));
        }
    }
}

/// C15: the length of a link follows from the query.
#[tokio::test]
async fn c15_a_cursor_is_as_long_whatever_is_passed_over() {
    let mut lengths = Vec::new();
    for hidden in [0, 120] {
        let stage = Stage::raise().await;
        let token = staffed(&stage, &["p001"]);
        let mut all: Vec<Value> = (0..hidden).map(|n| restricted(finding(&format!("h{n}"), "p001", "a"))).collect();
        all.extend((0..5).map(|n| finding(&format!("o{n}"), "p001", "a")));
        Shelf::new(all).stand(&stage);
        let mut row = Vec::new();
        for long in (0..512).step_by(32) {
            let path = format!("/fhir/Observation?_count=2&code=a,b{}", "z".repeat(long));
            let found = body(&stage.get(&path, &token).await);
            assert_eq!(ids(&found, "match"), ["o0", "o1"]);
            row.push(link(&found, "next").expect("a next page").len());
        }
        lengths.push(row);
        stage.close().await;
    }
    assert_eq!(lengths[0], lengths[1]);
}

/// A query that no cursor could hold is refused whether it has a second page or not.
#[tokio::test]
async fn c15_a_query_too_long_for_a_page_link_is_refused_at_once() {
    let (stage, token) = ward_of(&["p001"], (0..5).map(|n| finding(&format!("o{n}"), "p001", "a"))).await;
    for (count, long, reason) in [
        (2, 3900, None),
        (2, 6000, Some(Reason::SearchTooBroad)),
        (5, 6000, Some(Reason::SearchTooBroad)),
        (0, 6000, None),
    ] {
        let form = format!("_count={count}&code=a,{}", "z".repeat(long));
        let response = stage.post("/fhir/Observation/_search", &token, &form).await;
        assert_eq!(stage.record_of(&response).reason, reason, "{count} {long}");
    }
    stage.close().await;
}

/// How many resources the leaves of an answer name.
fn named(stage: &Stage, response: &Response<Bytes>) -> usize {
    let trace = response.headers()["lazaret-trace"].to_str().expect("hex").to_owned();
    let leaves = read(stage.folder.path()).into_iter();
    let mine = leaves.filter(|leaf| leaf.trace.is_some_and(|of| of.to_string() == trace));
    mine.map(|leaf| leaf.disclosed.different()).sum()
}

/// C11: what a count, a step or a next page tells of is named in the record and charged, like what is shown.
#[tokio::test]
async fn c11_what_is_told_without_being_shown_is_named_and_charged() {
    let people =
        [person("p001", "Amber", "1980-01-01"), person("p002", "Birch", "1990-01-01"), finding("o1", "p001", "a")];
    for (query, returned, names) in [
        ("Patient?birthdate=1980-01-01&_summary=count", 0, 1),
        ("Patient?birthdate=1981-01-01&_summary=count", 0, 0),
        ("Patient?_id=p001&birthdate=le1985&_count=0", 0, 1),
        ("Patient?_id=p001&birthdate=ge1985&_count=0", 0, 0),
        ("Patient?_count=1", 1, 2),
        ("Patient?_count=1&_total=accurate", 1, 2),
        ("Patient?_count=1&_sort=-birthdate", 1, 2),
        ("Observation?subject:Patient.birthdate=1980-01-01", 1, 2),
        ("Observation?subject:Patient.birthdate=1990-01-01", 0, 1),
        ("Observation?subject:Patient.birthdate=1991-01-01", 0, 0),
        ("Patient?_has:Observation:patient:code=a&birthdate=1990-01-01", 0, 1),
    ] {
        let (stage, token) = ward_of(&["p001", "p002"], people.clone()).await;
        let before = stage.get("/fhir/Patient?_id=nobody", &token).await;
        let response = stage.get(&format!("/fhir/{query}"), &token).await;
        let after = stage.get("/fhir/Patient?_id=nobody", &token).await;
        assert_eq!(stage.record_of(&response).returned, Some(returned), "{query}");
        assert_eq!(named(&stage, &response), names, "{query}");
        let left = |response: &Response<Bytes>| {
            let limits = response.headers()["ratelimit"].to_str().expect("text").to_owned();
            limits.split_once("\"patients\"").expect("a budget").1.to_owned()
        };
        assert_eq!(left(&before) == left(&after), names == 0, "{query}: {:?} {:?}", left(&before), left(&after));
        stage.close().await;
    }
}

/// C5: what the upstream does not take of a search is matched here, and it is asked for the rest.
#[tokio::test]
async fn c5_a_refused_condition_is_left_out() {
    for (refused, sent) in [
        ("code=", "/r4/Observation?subject=Patient%2Fp001&_count="),
        ("subject=", "/r4/Observation?code=a&_count="),
        ("=", "/r4/Observation?_count="),
    ] {
        let (stage, token) = ward_of(&["p001"], []).await;
        let entries: Vec<Value> = [finding("o1", "p001", "a"), finding("o2", "p001", "b"), finding("o9", "p009", "a")]
            .iter()
            .map(|it| json!({ "resource": it, "search": { "mode": "match" } }))
            .collect();
        stage.ward.otherwise(move |path| {
            let asked = path.replace("_count=100", "");
            if asked.contains(refused) { Script::status(400) } else { bundle("searchset", &entries, &[], 0) }
        });
        let found = body(&stage.get("/fhir/Observation?code=a", &token).await);
        assert_eq!(ids(&found, "match"), ["o1"], "{refused}");
        let asked = stage.ward.paths();
        assert!(asked.iter().any(|path| path.starts_with(sent)), "{refused}: {asked:?}");
        stage.close().await;
    }
}

/// C18: what is held to be put in order is counted as it is held: with all that may be seen, where includes look at it.
#[tokio::test]
async fn c18_what_is_held_is_counted_whatever_part_of_it_is_answered() {
    let stage = Stage::set(Set { limits: Limits { bytes: 1 << 20, depth: 32 }, ..Set::default() }).await;
    let names: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    let token = staffed(&stage, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let people = names.iter().map(|id| person(id, &"x".repeat(600_000), "1980"));
    Shelf { page: 4, ..Shelf::new(people) }.stand(&stage);
    for (query, reason) in [
        ("_sort=birthdate&_elements=birthDate", None),
        ("_sort=birthdate&_elements=birthDate&_revinclude=Observation:patient", Some(Reason::SearchTooBroad)),
    ] {
        let response = stage.get(&format!("/fhir/Patient?{query}"), &token).await;
        assert_eq!(stage.record_of(&response).reason, reason, "{query}");
    }
    stage.close().await;
}
