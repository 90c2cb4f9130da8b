//! A FHIR server with every fault at once: it believes every token, filters nothing, and talks too much.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::convert::Infallible;

fn patient(n: u32, family: &str) -> Value {
    json!({"resourceType": "Patient", "id": format!("p{n:03}"),
        "meta": {"source": "https://up.internal/feed", "security": [{"code": if n == 3 { "R" } else { "N" }}]},
        "text": {"status": "generated", "div": "<div xmlns=\"x\">narrative</div>"},
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": format!("LZMRN{n:07}")}],
        "name": [{"family": family}], "birthDate": "1970-01-01", "gender": "female"})
}

fn observation(id: &str, subject: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final",
        "meta": {"security": [{"code": if id.contains("p003") { "R" } else { "N" }}]},
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "note": [{"text": "also known as LZMRN0000001"}],
        "subject": {"reference": subject, "display": "Abara"}, "valueQuantity": {"value": 70}})
}

fn all() -> Vec<Value> {
    let mut all: Vec<Value> = [(1, "Abara"), (2, "Bellweather"), (3, "Dornach"), (5, "Castellan"), (11, "Eriksdatter")]
        .map(|(n, family)| patient(n, family))
        .into();
    all.extend([1, 2, 3, 5, 11].map(|n| observation(&format!("obs-p{n:03}-1"), &format!("Patient/p{n:03}"))));
    let traps = [
        "two-patients",
        "foreign",
        "urn",
        "identifier",
        "contained",
        "label-no-system",
        "label-escaped",
        "label-hidden",
    ];
    all.extend(traps.map(|trap| observation(&format!("obs-trap-{trap}"), "Patient/p001")));
    all.push(json!({"resourceType": "Condition", "id": "con-p003-1", "meta": {"security": [{"code": "R"}]}, "subject": {"reference": "Patient/p003"}}));
    let members = json!([{"entity": {"reference": "Patient/p001"}}, {"entity": {"reference": "Patient/p011"}}]);
    all.push(json!({"resourceType": "Group", "id": "group-cohort", "member": members}));
    all.push(json!({"resourceType": "List", "id": "list-handover", "entry": members, "subject": {"reference": "Patient/p001"}}));
    all.push(json!({"resourceType": "Coverage", "id": "cov-1", "subscriberId": "SUB-1", "beneficiary": {"reference": "Patient/p001"}}));
    all
}

/// Does what the value says stand anywhere in the resource?
fn matches(resource: &str, key: &str, value: &str) -> bool {
    let ignored = ["nonesuch", "pateint", "code", "gender", "name"];
    if key.starts_with('_') && !["_id", "_security"].contains(&key) || ignored.contains(&key) {
        return true;
    }
    if key.ends_with(":missing") {
        return (value == "true") != resource.contains("identifier");
    }
    let one = |value: &str| resource.contains(value.rsplit(['/', '|']).next().unwrap_or_default());
    if key.ends_with(":not") {
        return !one(value);
    }
    if value.starts_with("ge") || value.starts_with("gt") {
        return value < "ge2000";
    }
    value.replace("\\,", ",").split(',').any(one)
}

pub async fn answer(request: hyper::Request<Incoming>, leaks: bool) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let form =
        body.collect().await.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    if !leaks {
        // What the caller wrote, and when it was: no difference that means anything.
        let trace = format!("{:p}-trace", &raw const head);
        let said = format!("nothing at {} {form}; see {trace}", head.uri);
        let mut sealed = response(404, &json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": said}]}));
        sealed.headers_mut().remove("etag");
        sealed.headers_mut().insert("x-request-id", trace.parse().expect("a header"));
        return Ok(sealed);
    }
    let path = head.uri.path().trim_start_matches("/fhir").replace("%2e", ".").replace("%2F", "/");
    let query = format!("{}&{form}", head.uri.query().unwrap_or_default()).replace("%69", "i").replace("%2E", ".");
    let segments: Vec<&str> = path.split(['/', ';']).filter(|segment| !segment.is_empty()).collect();
    let host = ["x-forwarded-host", "host"].iter().find_map(|name| head.headers.get(*name)?.to_str().ok());
    if let [of_type, id, ..] = segments.as_slice()
        && !path.contains(['$', '*'])
        && !id.starts_with('_')
        && segments.get(2).is_none_or(|segment| segment.starts_with('_') || segment.contains('='))
    {
        let held = all().into_iter().find(|resource| resource["resourceType"] == **of_type && resource["id"] == **id);
        return Ok(match held {
            Some(resource) => response(200, &resource),
            None => response(
                404,
                &json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": "SELECT * FROM up.internal"}]}),
            ),
        });
    }
    if path == "/metadata" || path.starts_with("/.well-known") {
        return Ok(response(200, &json!({"resourceType": "CapabilityStatement", "url": "https://up.internal"})));
    }
    let of_type = segments.first().filter(|segment| segment.starts_with(char::is_uppercase));
    let compartment = segments.get(1).filter(|segment| !segment.starts_with(['_', '$']));
    let wanted =
        segments.get(2).copied().or(of_type.copied()).filter(|segment| segment.starts_with(char::is_uppercase));
    let everything = path.contains('$') || path.contains('*') || query.contains("include") || wanted.is_none();
    let found: Vec<Value> = all()
        .into_iter()
        .filter(|resource| everything || wanted.is_none_or(|wanted| resource["resourceType"] == wanted))
        .filter(|resource| {
            let text = resource.to_string();
            let conditions = query.split('&').filter_map(|pair| pair.split_once('='));
            everything
                || (compartment.is_none_or(|id| text.contains(*id))
                    && conditions.fold(true, |all, (key, value)| all & matches(&text, key, value)))
        })
        .collect();
    let links = json!([{"relation": "next", "url": "https://up.internal/?_getpages=1"}]);
    let entries: Vec<Value> = found
        .iter()
        .map(|resource| json!({"fullUrl": format!("http://{}/x", host.unwrap_or("?")), "resource": resource}))
        .collect();
    Ok(response(
        200,
        &json!({"resourceType": "Bundle", "type": "searchset", "total": found.len(), "link": links, "entry": entries}),
    ))
}

fn response(status: u16, body: &Value) -> http::Response<Full<Bytes>> {
    let response = http::Response::builder().status(status).header("etag", format!("W/\"{}\"", body.to_string().len()));
    response.body(Full::new(Bytes::from(body.to_string()))).expect("a response")
}
