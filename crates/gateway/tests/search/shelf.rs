//! An upstream that holds resources and understands no search: it sends all of a type, a page at a time, whatever was
//! asked for. An answer of the gateway is right with it, or it is right by accident.

use crate::{stage::Stage, ward::Script};
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

pub struct Shelf {
    pub resources: Vec<Value>,
    /// Older versions, newest first.
    pub versions: Vec<Value>,
    pub page: usize,
}

impl Shelf {
    pub fn new(resources: impl IntoIterator<Item = Value>) -> Self {
        Self { resources: resources.into_iter().collect(), versions: Vec::new(), page: 100 }
    }

    pub fn stand(self, stage: &Stage) {
        let base = stage.base.clone();
        stage.ward.otherwise(move |path| self.answer(&base, path));
    }

    fn answer(&self, base: &str, path: &str) -> Script {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = path.trim_start_matches("/r4/").split('/').collect();
        let one = |id: &str| self.resources.iter().find(|it| it["resourceType"] == parts[0] && it["id"] == id);
        match parts.as_slice() {
            [of] => {
                let all: Vec<&Value> = self.resources.iter().filter(|it| it["resourceType"] == *of).collect();
                let number = query.split('&').find_map(|pair| pair.strip_prefix("page=")?.parse().ok()).unwrap_or(0);
                let entries: Vec<Value> = all
                    .iter()
                    .skip(number * self.page)
                    .take(self.page)
                    .map(|it| json!({ "fullUrl": format!("{base}/{of}/canary"), "resource": it, "search": { "mode": "match" } }))
                    .collect();
                let mut links = vec![json!({ "relation": "self", "url": format!("{base}/{of}?canary=self") })];
                if all.len() > (number + 1) * self.page {
                    let url = format!("{base}/{of}?page={}&canary=next", number + 1);
                    links.push(json!({ "relation": "next", "url": url }));
                }
                bundle("searchset", &entries, &links, all.len())
            }
            [_, id] => one(id).map_or_else(|| Script::status(404), |it| Script::json(it.to_string())),
            [_, id, "_history"] => {
                let mine = self.versions.iter().filter(|it| it["id"] == *id);
                let put = |it: &Value| {
                    json!({ "resource": it, "request": { "method": "PUT", "url": format!("{base}/canary") },
                        "response": { "status": "200", "etag": "W/\"canary\"" } })
                };
                let entries: Vec<Value> = mine.map(put).collect();
                bundle("history", &entries, &[], entries.len())
            }
            [_, id, "_history", number] => {
                let found = self.versions.iter().find(|it| it["id"] == *id && it["meta"]["versionId"] == *number);
                found.map_or_else(|| Script::status(404), |it| Script::json(it.to_string()))
            }
            _ => Script::status(404),
        }
    }
}

pub fn bundle(kind: &str, entries: &[Value], links: &[Value], total: usize) -> Script {
    let bundle = json!({ "resourceType": "Bundle", "id": "canary", "type": kind, "total": total, "link": links, "entry": entries });
    Script::json(bundle.to_string())
}

pub fn labelled(label: &str) -> Value {
    json!({ "versionId": "7", "lastUpdated": "2026-01-02T03:04:05Z", "security": [{ "system": CONFIDENTIALITY, "code": label }] })
}

pub fn person(id: &str, family: &str, born: &str) -> Value {
    json!({ "resourceType": "Patient", "id": id, "meta": labelled("N"), "active": true, "birthDate": born, "gender": "female",
        "identifier": [{ "system": "urn:mrn", "value": format!("canary-{id}") }],
        "name": [{ "family": family }], "managingOrganization": { "reference": "Organization/canary" } })
}

/// An Observation about a patient.
pub fn finding(id: &str, patient: &str, code: &str) -> Value {
    json!({ "resourceType": "Observation", "id": id, "meta": labelled("N"), "status": "final",
        "category": [{ "coding": [{ "system": "urn:category", "code": "vital-signs" }] }],
        "code": { "coding": [{ "system": "urn:loinc", "code": code }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "note": [{ "text": "canary" }] })
}

pub fn with(mut resource: Value, name: &str, value: Value) -> Value {
    resource[name] = value;
    resource
}

pub fn restricted(resource: Value) -> Value {
    with(resource, "meta", labelled("R"))
}

pub fn body(response: &Response<Bytes>) -> Value {
    assert_eq!(response.status(), 200, "{}", String::from_utf8_lossy(response.body()));
    let text = std::str::from_utf8(response.body()).expect("text");
    // Nothing of the upstream's own words, and of what the fixtures hide, is in any answer.
    assert!(!text.contains("canary") && !text.contains("/r4"), "{text}");
    serde_json::from_str(text).expect("JSON")
}

/// The ids of an answer's entries of a mode, in their order.
pub fn ids(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let of_mode = entries.iter().filter(|entry| entry["search"]["mode"] == mode);
    of_mode.map(|entry| entry["resource"]["id"].as_str().expect("an id").to_owned()).collect()
}

pub fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array().expect("links");
    let found = links.iter().find(|link| link["relation"] == relation)?;
    let url = found["url"].as_str().expect("a URL");
    Some(url.strip_prefix(crate::stage::BASE.strip_suffix("/fhir").expect("a path")).expect("ours").to_owned())
}
