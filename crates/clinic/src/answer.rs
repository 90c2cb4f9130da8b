//! From a request line to an answer. Plain: no sockets, so that tests can ask directly.

use crate::key::{Held, Key};
use crate::search::{Handling, Misunderstood, Search};
use crate::text;
use crate::world::World;
use http::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED};
use http::{HeaderValue, Method, StatusCode};
use lexicon::{LocalId, ResourceType};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// Where the FHIR base is on this server.
pub const PATH: &str = "/fhir";

/// An id that once was: reads of `Patient/gone` are answered 410.
pub const GONE: &str = "gone";

/// A request, as far as it matters here.
pub struct Ask<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub query: &'a str,
    /// `Host` or `:authority`, for links.
    pub authority: &'a str,
    pub handling: Handling,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: String,
}

impl Answer {
    fn json(status: StatusCode, body: String) -> Self {
        let media_type = HeaderValue::from_static("application/fhir+json; charset=utf-8");
        Self { status, headers: vec![(CONTENT_TYPE, media_type)], body }
    }

    fn outcome(status: StatusCode, code: &str, diagnostics: &str) -> Self {
        let issue = json!({"severity": "error", "code": code, "diagnostics": diagnostics});
        Self::json(status, text::write(&json!({"resourceType": "OperationOutcome", "issue": [issue]})))
    }

    fn absent() -> Self {
        Self::outcome(StatusCode::NOT_FOUND, "not-found", "no such resource")
    }

    fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

pub fn answer(world: &World, ask: &Ask<'_>) -> Answer {
    if *ask.method != Method::GET && *ask.method != Method::HEAD {
        return Answer::outcome(StatusCode::METHOD_NOT_ALLOWED, "not-supported", "the clinic is read only")
            .with(ALLOW, "GET, HEAD");
    }
    let Some(below) = ask.path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')) else {
        return Answer::outcome(StatusCode::NOT_FOUND, "not-found", "the FHIR base is /fhir");
    };
    let parts: Vec<&str> = below.split('/').collect();
    match parts.as_slice() {
        ["metadata"] => Answer::json(StatusCode::OK, text::write(&capabilities())),
        [name, rest @ ..] => match (Held::from_name(name), rest) {
            (Some(held), []) => search(world, held, ask),
            (Some(held), [id]) => read(world, held, id),
            (Some(held), [id, "_history", version]) if *version == "1" => read(world, held, id),
            (Some(held), [id, "_history"]) => history(world, held, (id, ask)),
            (None, [] | [_]) if ResourceType::from_name(name).is_none() => {
                Answer::outcome(StatusCode::NOT_FOUND, "not-supported", "not an R4 resource type")
            }
            _ => Answer::absent(),
        },
        [] => Answer::absent(),
    }
}

fn read(world: &World, held: Held, id: &str) -> Answer {
    if LocalId::new(id).is_none() {
        return Answer::outcome(StatusCode::BAD_REQUEST, "value", "an id has 1 to 64 of A-Z a-z 0-9 - .");
    }
    if held == Held::Patient && id == GONE {
        return Answer::outcome(StatusCode::GONE, "deleted", "the resource was deleted");
    }
    let found = Key::parse(held, id).and_then(|key| Some((key, world.text(key)?)));
    let Some((key, text)) = found else { return Answer::absent() };
    let changed = UNIX_EPOCH + Duration::from_millis(world.changed(key).millis());
    Answer::json(StatusCode::OK, text).with(ETAG, "W/\"1\"").with(LAST_MODIFIED, &httpdate::fmt_http_date(changed))
}

/// Nothing here ever changes: each resource has one version.
fn history(world: &World, held: Held, (id, ask): (&str, &Ask<'_>)) -> Answer {
    let found = Key::parse(held, id).and_then(|key| Some((key, world.resource(key)?)));
    let Some((key, resource)) = found else { return Answer::absent() };
    let (url, at) = (format!("https://{}{PATH}/{}", ask.authority, key.reference()), world.changed(key).to_string());
    let entry = json!({
        "fullUrl": url, "resource": resource,
        "request": {"method": "PUT", "url": key.reference()},
        "response": {"status": "201", "etag": "W/\"1\"", "lastModified": at},
    });
    let links = json!([{"relation": "self", "url": format!("{url}/_history")}]);
    let bundle = json!({"resourceType": "Bundle", "type": "history", "total": 1, "link": links, "entry": [entry]});
    Answer::json(StatusCode::OK, text::write(&bundle))
}

fn search(world: &World, held: Held, ask: &Ask<'_>) -> Answer {
    match Search::parse(held, ask.query, ask.handling) {
        Ok(search) => {
            let page = search.page(world, &format!("https://{}{PATH}", ask.authority));
            Answer::json(StatusCode::OK, text::write(&page))
        }
        Err(Misunderstood::Parameter(_)) => {
            Answer::outcome(StatusCode::BAD_REQUEST, "not-supported", "a search parameter is not known")
        }
        Err(Misunderstood::Value(_)) => {
            Answer::outcome(StatusCode::BAD_REQUEST, "invalid", "a search parameter has a value that cannot be read")
        }
    }
}

/// What this server can do (<https://hl7.org/fhir/R4/capabilitystatement.html>).
fn capabilities() -> Value {
    let resources: Vec<Value> = Held::ALL
        .iter()
        .map(|held| {
            json!({"type": held.name(), "versioning": "versioned",
                   "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "history-instance"}, {"code": "search-type"}]})
        })
        .collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "Lazaret clinic", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "synthetic patients; nobody here exists"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": resources}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &Method, target: &str) -> Answer {
        let world = World::create(7, 20).expect("a world");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        answer(&world, &Ask { method, path, query, authority: "clinic:1", handling: Handling::Lenient })
    }

    fn check(target: &str, expect: u16) -> Answer {
        let answer = ask(&Method::GET, target);
        assert_eq!(answer.status.as_u16(), expect, "{target}");
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(body["resourceType"] == "OperationOutcome", expect >= 400, "{target}");
        answer
    }

    #[test]
    fn answers_what_it_should() {
        for (target, expect) in [
            ("/fhir/metadata", 200),
            ("/fhir/Patient/p001", 200),
            ("/fhir/Patient/p001/_history/1", 200),
            ("/fhir/Patient/p001/_history/2", 404),
            ("/fhir/Patient/p001/_history", 200),
            ("/fhir/Patient/p021/_history", 404),
            ("/fhir/Patient/p001/Observation", 404),
            ("/fhir/Patient/p021", 404),
            ("/fhir/Patient/p0001", 404),
            ("/fhir/Patient/gone", 410),
            ("/fhir/Patient/a_b", 400),
            ("/fhir/Patient", 200),
            ("/fhir/CareTeam?participant=Practitioner/nurse-1&status=active", 200),
            ("/fhir/Observation?patient=Patient/p001&_count=2", 200),
            ("/fhir/Observation?_count=-1", 400),
            ("/fhir/Claim/c1", 404),
            ("/fhir/patient/p001", 404),
            ("/fhir", 404),
            ("/fhir/", 404),
            ("/", 404),
            ("/Patient/p001", 404),
            ("/fhirPatient/p001", 404),
        ] {
            check(target, expect);
        }
    }

    #[test]
    fn a_read_names_its_version() {
        let answer = check("/fhir/Observation/obs-p001-3", 200);
        let header =
            |name| answer.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.to_str().expect("ascii").to_owned());
        assert_eq!(header(ETAG).as_deref(), Some("W/\"1\""));
        assert!(
            header(LAST_MODIFIED).expect("a date").ends_with("2026 GMT")
                || header(LAST_MODIFIED).expect("a date").contains(" 2026 ")
        );
        assert_eq!(header(CONTENT_TYPE).as_deref(), Some("application/fhir+json; charset=utf-8"));
    }

    #[test]
    fn writes_are_kept_out() {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for target in ["/fhir/Patient/p001", "/fhir/Patient", "/fhir/Patient/_search", "/fhir"] {
                let answer = ask(&method, target);
                assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {target}");
                assert!(answer.headers.iter().any(|(name, _)| name == ALLOW));
            }
        }
    }

    #[test]
    fn links_use_the_name_the_caller_used() {
        let body: Value = serde_json::from_str(&check("/fhir/Patient?_count=5", 200).body).expect("JSON");
        assert_eq!(body["link"][1]["url"], "https://clinic:1/fhir/Patient?_count=5&_offset=5");
        assert_eq!(body["entry"][0]["fullUrl"], "https://clinic:1/fhir/Patient/p001");
    }
}
