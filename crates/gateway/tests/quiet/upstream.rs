//! A FHIR server that holds what a world holds, for the gateway to stand before. It answers by the reference's own
//! matching, and can be told to be as careless as some servers are.

use crate::{
    asks::Sent,
    matching::{matches, sort_key},
    query::{Criterion, Query, pairs, parse},
    table::TYPES,
    world::{Kept, World},
};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// What it does of what it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Does it heed conditions, or find everything of the type?
    pub narrows: bool,
    pub sorts: bool,
    /// The most entries on a page, whatever is asked for.
    pub page: usize,
}

pub const HONEST: Habits = Habits { narrows: true, sorts: true, page: 1_000 };
pub const HABITS: [Habits; 4] = [
    HONEST,
    Habits { narrows: false, sorts: false, page: 1_000 },
    Habits { narrows: true, sorts: false, page: 3 },
    Habits { narrows: false, sorts: true, page: 2 },
];

pub type Said = (u16, Option<Value>);

/// `sent.path` is what stands below the base.
pub fn answer(world: &World, habits: Habits, sent: &Sent) -> Said {
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    let Some(mut with) = pairs(query) else { return outcome(400) };
    with.extend(pairs(sent.form.as_deref().unwrap_or_default()).unwrap_or_default());
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["metadata"] => (200, Some(statement())),
        [of] | [of, "_search"] => search(world, habits, of, &with),
        [of, id] => match world.find(of, id).map(Kept::current) {
            Some(Some(current)) => (200, Some(current.clone())),
            Some(None) => outcome(410),
            None => outcome(404),
        },
        [of, id, "_history"] => match world.find(of, id) {
            Some(kept) => (200, Some(history(world, kept, &with))),
            None => outcome(404),
        },
        [of, id, "_history", number] => {
            let versions = world.find(of, id).map(|kept| kept.versions.as_slice()).unwrap_or_default();
            let found = versions.iter().find(|version| version["meta"]["versionId"] == *number);
            found.map_or_else(|| outcome(404), |version| (200, Some(Value::clone(version))))
        }
        _ => outcome(404),
    }
}

fn outcome(status: u16) -> Said {
    let issue =
        json!([{ "severity": "error", "code": "processing", "diagnostics": "Canary diagnostics of the upstream" }]);
    (status, Some(json!({ "resourceType": "OperationOutcome", "issue": issue })))
}

fn statement() -> Value {
    let of_type = |of: &&'static str| {
        let codes = ["read", "vread", "history-instance", "search-type"].map(|code| json!({ "code": code }));
        let search: Vec<Value> =
            crate::table::all(of).iter().map(|row| json!({ "name": row.code, "type": "token" })).collect();
        json!({ "type": of, "interaction": codes, "searchParam": search })
    };
    let types: Vec<Value> = TYPES.iter().map(of_type).collect();
    json!({ "resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1", "format": ["json"],
        "kind": "instance", "date": "2026-01-01", "rest": [{ "mode": "server", "resource": types }] })
}

fn search(world: &World, habits: Habits, of: &str, with: &[(String, String)]) -> Said {
    // A cursor of ours: where to go on, and with what.
    let (offset, with) = match with {
        [(name, value)] if name == "_getpages" => {
            match value.split_once('.').map(|(at, rest)| (at.parse(), unhex(rest))) {
                Some((Ok(offset), Some(again))) => (offset, pairs(&again).unwrap_or_default()),
                _ => return outcome(404),
            }
        }
        with => (0_usize, with.to_vec()),
    };
    let Some(query) = parse(of, &with) else { return outcome(400) };
    let Some(found) = find(world, habits, &query) else { return outcome(400) };
    let size = query.count.min(habits.page).max(1);
    let mut entries: Vec<Value> = found
        .iter()
        .skip(offset)
        .take(size)
        .map(|resource| {
            let url = format!("{}/{of}/{}", world.base, resource["id"].as_str().unwrap_or_default());
            json!({ "fullUrl": url, "resource": resource, "search": { "mode": "match", "score": 0.5 } })
        })
        .collect();
    let warned = json!({ "resourceType": "OperationOutcome", "issue": [{ "diagnostics": format!("Canary: {} rows", found.len()) }] });
    entries.push(json!({ "resource": warned, "search": { "mode": "outcome" } }));
    let mut links = vec![json!({ "relation": "self", "url": format!("{}/{of}", world.base) })];
    if found.len() > offset + size {
        let again: Vec<String> =
            with.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let cursor = format!("{}.{}", offset + size, crate::model::hex(&again.join("&")));
        links.push(json!({ "relation": "next", "url": format!("{}/{of}?_getpages={cursor}", world.base) }));
    }
    (
        200,
        Some(json!({ "resourceType": "Bundle", "id": "canary", "meta": { "lastUpdated": "2026-01-01T00:00:00Z" },
        "type": "searchset", "total": found.len(), "link": links, "entry": entries })),
    )
}

/// None if a value cannot be read.
fn find<'a>(world: &'a World, habits: Habits, query: &Query) -> Option<Vec<&'a Value>> {
    let mut found: Vec<&Value> = world.current(query.of).collect();
    if habits.narrows {
        for criterion in &query.criteria {
            let Criterion::Own(row, wanted) = criterion else { return None };
            // Is the value one at all? Then every resource can be asked.
            matches(&json!({}), row, wanted)?;
            found.retain(|resource| matches(resource, row, wanted) == Some(true));
        }
    }
    if let Some((row, is_descending)) = query.sort.filter(|_| habits.sorts) {
        let key = |resource: &Value| sort_key(resource, row, is_descending);
        found.sort_by(|a, b| match (key(a), key(b)) {
            (Some(a), Some(b)) if is_descending => b.order(&a),
            (Some(a), Some(b)) => a.order(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
    }
    Some(found)
}

fn history(world: &World, kept: &Kept, _: &[(String, String)]) -> Value {
    let url = format!("{}/{}/{}", world.base, kept.of, kept.id);
    let mut entries = Vec::new();
    if kept.is_deleted {
        entries.push(
            json!({ "fullUrl": url, "request": { "method": "DELETE", "url": format!("{}/{}", kept.of, kept.id) },
            "response": { "status": "204" } }),
        );
    }
    for version in kept.versions.iter().rev() {
        entries.push(json!({ "fullUrl": url, "resource": **version,
            "request": { "method": "PUT", "url": format!("{}/{}", kept.of, kept.id) },
            "response": { "status": "200", "etag": format!("W/{}", version["meta"]["versionId"]) } }));
    }
    json!({ "resourceType": "Bundle", "type": "history", "total": entries.len(), "entry": entries,
        "link": [{ "relation": "self", "url": format!("{url}/_history") }] })
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}
