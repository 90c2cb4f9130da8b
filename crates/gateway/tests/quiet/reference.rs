//! Holds answers of the gateway to what the model says: status, which resources, what of each, in which order, how many.

use crate::{
    asks::{Ask, Memory},
    door::Door,
    leaks::Leaks,
    matching::{Key, sort_key},
    model::{Answer, BASE, Model},
    query::{Query, parse},
    trial::{Case, Subject},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Pages of one search that are followed.
const PAGES: usize = 60;

/// What the pages of a search came to.
#[derive(Default)]
struct Found {
    matches: Vec<Value>,
    included: BTreeMap<String, Value>,
    sizes: Vec<usize>,
    totals: BTreeSet<u64>,
}

/// How two answers relate.
pub enum Judgement {
    Same,
    /// The gateway refused what the model would answer, by the class of the request.
    Stricter(String),
    Wrong(String),
}

/// Asks both in the first world. A link is followed to its end.
pub fn judge(case: &Case, ask: &Ask, door: &mut Door) -> Judgement {
    let Some(sent) = ask.sent(&Memory::default()) else { return Judgement::Same };
    let (answer, _) = door.ask(case, 0, &sent);
    let mut whole = ask.clone();
    if let Some(with) = whole.parameters_mut() {
        // Pages and parts are compared with the whole.
        let is_whole = |name: &str, value: &str| {
            name != "_count" && name != "_elements" && (name != "_summary" || value == "count")
        };
        with.retain(|(name, value)| is_whole(name, value));
    }
    let whole = whole.sent(&Memory::default()).expect("sent");
    let (expected, _) = Model(Leaks::none()).ask(case, 0, &whole);
    let (stated, _) = Model(Leaks::none()).ask(case, 0, &sent);
    let wrong = |what: &str| Judgement::Wrong(format!("{what}\n  gateway {answer:?}\n  model {expected:?}"));
    if let Some(canary) = ["upstream.test", "Canary diagnostics", "Canary:", "_getpages"]
        .iter()
        .find(|canary| answer.body.contains(**canary))
    {
        return wrong(&format!("`{canary}` is in the answer"));
    }
    match (answer.status, stated.status) {
        (200, 200) => {}
        (403, 200) => return Judgement::Stricter(code(&answer)),
        (a, b) if a == b || refuses(a) && refuses(b) => return Judgement::Same,
        _ => return wrong("another status"),
    }
    if sent.method == "HEAD" {
        return Judgement::Same;
    }
    let (got, want) = (json(&answer.body), json(&expected.body));
    let Ask::Search { of, with, .. } = ask else {
        let is_reduced = ask.parameters().is_some_and(|with| !with.is_empty());
        let resources = |body: &Value| match body["entry"].as_array() {
            Some(entries) => entries.iter().map(|entry| entry["resource"].clone()).collect(),
            None if body["resourceType"] == "Bundle" => Vec::new(),
            None => vec![body.clone()],
        };
        let is_same = is_reduced || resources(&got) == resources(&want);
        return if is_same { Judgement::Same } else { wrong("another resource") };
    };
    let query = parse(of, with).expect("the model answered it");
    let found = match follow(case, &got, door) {
        Ok(found) => found,
        Err(what) => return wrong(&what),
    };
    let mut expected_found = Found::default();
    add(&mut expected_found, &want);
    // An order that the upstream does not keep is seen only as far as was read for a page.
    let is_kept = door.habits.sorts || found.sizes.len() == 1;
    if let Some(what) = misordered(&query, &found, &expected_found).filter(|_| is_kept) {
        return wrong(&what);
    }
    match differs(&query, &found, &expected_found, want["total"].as_u64()) {
        Some(what) => wrong(&what),
        None => Judgement::Same,
    }
}

fn refuses(status: u16) -> bool {
    matches!(status, 400 | 403 | 404)
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

fn code(answer: &Answer) -> String {
    let body = json(&answer.body);
    body["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn follow(case: &Case, first: &Value, door: &mut Door) -> Result<Found, String> {
    let mut found = Found::default();
    let mut page = first.clone();
    for _ in 0..PAGES {
        add(&mut found, &page);
        let links = page["link"].as_array().cloned().unwrap_or_default();
        let Some(link) = links.iter().find(|link| link["relation"] == "next") else { return Ok(found) };
        let next = link["url"].as_str().and_then(|url| url.strip_prefix(BASE));
        let memory = Memory { next: Some(next.ok_or("a link that leads elsewhere")?.to_owned()), validator: None };
        let sent = Ask::Follow.sent(&memory).expect("a link");
        let (answer, _) = door.ask(case, 0, &sent);
        if answer.status != 200 {
            return Err(format!("the next page is {answer:?}"));
        }
        page = json(&answer.body);
    }
    Err("pages without end".to_owned())
}

fn add(found: &mut Found, page: &Value) {
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    let of = |mode| {
        entries.iter().filter(move |entry| entry["search"]["mode"] == mode).map(|entry| entry["resource"].clone())
    };
    let before = found.matches.len();
    found.matches.extend(of("match"));
    found.sizes.push(found.matches.len() - before);
    found.included.extend(of("include").map(|resource| (named(&resource), resource)));
    found.totals.extend(page["total"].as_u64());
}

fn named(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap_or_default(), resource["id"].as_str().unwrap_or_default())
}

/// Resources that sort alike may come in any order. Where what has no such element comes is not said by R4: all of it
/// first, or all of it last.
fn misordered(query: &Query, found: &Found, expected: &Found) -> Option<String> {
    let (row, is_descending) = query.sort.filter(|_| query.elements.is_none() && query.summary.is_none())?;
    let keys = |found: &Found| -> Vec<Option<Key>> {
        found.matches.iter().map(|resource| sort_key(resource, row, is_descending)).collect()
    };
    let (got, want) = (keys(found), keys(expected));
    let runs = got.chunk_by(|a, b| a.is_none() == b.is_none()).count();
    let is_same = got.iter().flatten().eq(want.iter().flatten());
    (runs > 2 || !is_same).then(|| format!("another order: {got:?} for {want:?}"))
}

fn differs(query: &Query, found: &Found, expected: &Found, many: Option<u64>) -> Option<String> {
    let ids = |found: &Found| found.matches.iter().map(named).collect::<Vec<_>>();
    let (mut got, mut want) = (ids(found), ids(expected));
    got.sort();
    want.sort();
    if got != want {
        return Some(format!("other matches: {got:?} for {want:?}"));
    }
    // What matches on one page may be included on another.
    let included = |found: &Found| -> BTreeSet<String> {
        found.included.keys().filter(|name| !want.contains(name)).cloned().collect()
    };
    if included(found) != included(expected) {
        return Some(format!("other includes: {:?} for {:?}", included(found), included(expected)));
    }
    if let Some(total) = found.totals.iter().find(|total| Some(**total) != many) {
        return Some(format!("a total of {total} for {many:?}"));
    }
    if query.is_total_asked && found.totals.is_empty() {
        return Some("no total although asked for".to_owned());
    }
    if query.summary.as_deref() != Some("count") {
        let (last, full) = found.sizes.split_last()?;
        if full.iter().any(|size| *size != query.count) || *last > query.count || (*last == 0 && !full.is_empty()) {
            return Some(format!("pages of {:?} for {}", found.sizes, query.count));
        }
    }
    let whole = query.elements.is_none() && query.summary.is_none();
    let mut shown: BTreeMap<String, &Value> = expected.included.iter().map(|(name, r)| (name.clone(), r)).collect();
    shown.extend(expected.matches.iter().map(|resource| (named(resource), resource)));
    let all = found.matches.iter().chain(found.included.values());
    let other = all.into_iter().find(|resource| {
        let Some(expected) = shown.get(&named(resource)) else { return true };
        if whole { *resource != *expected } else { !is_part(resource, expected) }
    });
    other.map(|resource| format!("another resource: {resource}\n  for {:?}", shown.get(&named(resource))))
}

/// Are all top elements of the one, but for meta, those of the other?
fn is_part(part: &Value, whole: &Value) -> bool {
    let members = part.as_object().expect("a resource");
    members.iter().filter(|(name, _)| *name != "meta").all(|(name, value)| whole.get(name) == Some(value))
}
