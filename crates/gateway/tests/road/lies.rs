//! An upstream that fails, lies or is somebody else: each way has its reason, and those that depend on the resource look
//! like absence to the last byte.

use crate::{
    stage::{Set, Stage, TEAMS, page, patient, team},
    ward::{Manner, Script},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use lexicon::{Reason, Station};
use serde_json::{Value, json};
use std::time::Duration;

/// An answer without what is its own: trace, date, and how many requests are left. Of patients the same are left.
fn face(response: &Response<Bytes>) -> (StatusCode, HeaderMap, String) {
    let mut headers = response.headers().clone();
    let trace = headers.remove("lazaret-trace").expect("a trace");
    headers.remove("date").expect("a date");
    let left = headers.remove("ratelimit").expect("what is left");
    let patients = left.to_str().expect("ascii").split(';').nth(3).expect("patients left").to_owned();
    assert!(patients.starts_with("r="), "{patients}");
    headers.insert("patients-left", patients.parse().expect("a value"));
    let text = String::from_utf8(response.body().to_vec()).expect("text");
    (response.status(), headers, text.replace(trace.to_str().expect("hex"), ""))
}

fn changed(change: impl FnOnce(&mut Value)) -> Script {
    let mut patient = patient("p001");
    change(&mut patient);
    Script::json(patient.to_string())
}

fn label(code: &str) -> Value {
    json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code }])
}

fn lies() -> Vec<(&'static str, Script, Reason)> {
    let good = || Script::json(patient("p001").to_string());
    let text = patient("p001").to_string();
    vec![
        ("absent", Script::status(404), Reason::ResourceAbsent),
        ("gone", Script::status(410), Reason::ResourceAbsent),
        ("created", Script { status: 201, ..good() }, Reason::UpstreamStatus),
        ("partial", Script { status: 206, ..good() }, Reason::UpstreamStatus),
        ("moved", Script::status(302).with("location", "/r4/Patient/p003"), Reason::UpstreamStatus),
        ("unmodified", Script::status(304), Reason::UpstreamStatus),
        ("forbidden", Script::status(403), Reason::UpstreamStatus),
        ("broken", Script::status(500), Reason::UpstreamFailed),
        ("busy", Script::status(503), Reason::UpstreamFailed),
        ("html", good().with("content-type", "text/html"), Reason::UpstreamMediaType),
        ("xml", good().with("content-type", "application/fhir+xml"), Reason::UpstreamMediaType),
        ("plain json", good().with("content-type", "application/json"), Reason::UpstreamMediaType),
        ("gzip", good().with("content-encoding", "gzip"), Reason::UpstreamEncoding),
        ("another id", changed(|p| p["id"] = "p002".into()), Reason::UpstreamMismatch),
        ("no id", changed(|p| drop(p.as_object_mut().expect("an object").remove("id"))), Reason::UpstreamMismatch),
        ("another type", changed(|p| p["resourceType"] = "Person".into()), Reason::UpstreamMismatch),
        ("restricted", changed(|p| p["meta"]["security"] = label("R")), Reason::LabelNotCleared),
        ("very restricted", changed(|p| p["meta"]["security"] = label("V")), Reason::LabelNotCleared),
        ("unlabelled", changed(|p| p["meta"]["security"] = json!([])), Reason::LabelNotCleared),
        ("half a label", changed(|p| p["meta"]["security"] = json!([{ "code": "N" }])), Reason::LabelNotCleared),
        ("not JSON", Script::json("{\"resourceType\":\"Patient\""), Reason::UpstreamMalformed),
        ("two ids", Script::json(text.replacen('{', "{\"id\":\"p001\",", 1)), Reason::UpstreamMalformed),
        ("empty", Script::json(""), Reason::UpstreamMalformed),
        ("too deep", Script::json(format!("{}{}", "[".repeat(100), "]".repeat(100))), Reason::UpstreamMalformed),
        ("too large", changed(|p| p["name"][0]["family"] = "x".repeat(100_000).into()), Reason::UpstreamTooLarge),
    ]
}

#[tokio::test]
async fn every_lie_has_its_reason_and_what_depends_on_the_resource_looks_like_absence() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    let mut absence = None;
    for (name, script, reason) in lies() {
        stage.ward.answers("/r4/Patient/p001", script);
        let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
        let record = stage.record_of(&response);
        assert_eq!((record.reason, record.allowed), (Some(reason), Some(false)), "{name}");
        let at = if reason.code().starts_with("upstream.") && reason != Reason::UpstreamMismatch
            || reason == Reason::ResourceAbsent
        {
            Station::Forward
        } else {
            Station::Filter
        };
        assert_eq!(record.station, Some(at), "{name}");
        assert_eq!(response.status().as_u16(), reason.status(), "{name}");
        assert!(!String::from_utf8_lossy(response.body()).contains("Canary"), "{name}");
        if reason.status() == 404 {
            let face = face(&response);
            assert_eq!(absence.get_or_insert_with(|| face.clone()), &face, "{name}");
        }
    }
    // The redirect's target was never asked for, and each lie was asked for once.
    let paths = stage.ward.paths();
    assert_eq!(paths.len(), lies().len() + 1);
    assert!(!paths.iter().any(|path| path.ends_with("p003")));
    // A patient of somebody else's, and one whom the token's launch context does not mean, look the same.
    stage.ward.answers("/r4/Patient/p009", Script::json(patient("p009").to_string()));
    let other = stage.get("/fhir/Patient/p009", &stage.nurse()).await;
    assert_eq!(stage.record_of(&other).reason, Some(Reason::RelationshipNone));
    let launched =
        json!({ "scope": "patient/Patient.r", "patient": "p001", "roles": ["patient"], "fhirUser": "Patient/p001" });
    let foreign = stage.get("/fhir/Patient/p009", &stage.token(launched)).await;
    assert_eq!(stage.record_of(&foreign).reason, Some(Reason::ScopePatient));
    for response in [&other, &foreign] {
        assert_eq!(absence.as_ref(), Some(&face(response)));
    }
    stage.close().await;
}

/// A version is asked for before the resource is judged, and whatever the upstream says to it is said to nobody else.
#[tokio::test]
async fn g2_a_version_that_fails_tells_nothing_of_a_hidden_resource() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    for id in ["p001", "p009"] {
        stage.ward.answers(&format!("/r4/Patient/{id}"), Script::json(patient(id).to_string()));
    }
    let nobodys = stage.get("/fhir/Patient/p010/_history/1", &stage.nurse()).await;
    assert_eq!(stage.record_of(&nobodys).reason, Some(Reason::ResourceAbsent));
    let nobody = Script { manner: Manner::Vanishes, ..Script::status(200) };
    for (name, script, reason) in [
        ("absent", Script::status(404), Reason::ResourceAbsent),
        ("not understood", Script::status(501), Reason::UpstreamFailed),
        ("broken", Script::status(500), Reason::UpstreamFailed),
        ("refused", Script::status(405), Reason::UpstreamStatus),
        ("gone away", nobody, Reason::UpstreamFailed),
        ("not JSON", Script::json("{"), Reason::UpstreamMalformed),
    ] {
        for (id, reason) in [("p001", reason), ("p009", Reason::RelationshipNone)] {
            stage.ward.answers(&format!("/r4/Patient/{id}/_history/1"), script.clone());
            let response = stage.get(&format!("/fhir/Patient/{id}/_history/1"), &stage.nurse()).await;
            let record = stage.record_of(&response);
            assert_eq!((record.reason, record.upstream_status), (Some(reason), Some(200)), "{name} {id}");
            if id == "p009" {
                assert_eq!((record.station, face(&response)), (Some(Station::Filter), face(&nobodys)), "{name}");
            }
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn somebody_else_at_the_address_is_nobody() {
    let stage = Stage::set(Set { expects: "spiffe://lazaret.localhost/other", ..Set::default() }).await;
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
    let record = stage.record_of(&response);
    assert_eq!((response.status().as_u16(), record.reason), (502, Some(Reason::UpstreamUnreachable)));
    assert_eq!((record.upstream_peer, record.upstream_status), (None, None));
    assert!(stage.ward.seen().is_empty(), "no request reached somebody else");
    stage.close().await;
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_given_up() {
    let stage = Stage::set(Set { answer_timeout: Duration::from_millis(300), ..Set::default() }).await;
    stage.ward.answers("/r4/Patient/p001", Script { manner: Manner::NeverAnswers, ..Script::status(200) });
    let response =
        stage.get("/fhir/Patient/p001", &stage.token(json!({ "roles": ["support"], "fhirUser": null }))).await;
    let record = stage.record_of(&response);
    assert_eq!((response.status().as_u16(), record.reason), (504, Some(Reason::UpstreamTimeout)));
    stage.close().await;
}

/// A connection that its other side has given up is not the client's problem: a read is asked once more, and once only.
#[tokio::test]
async fn a_read_is_asked_once_more_on_a_new_connection_and_not_again() {
    let stage = Stage::raise().await;
    let support = stage.token(json!({ "roles": ["support"], "fhirUser": null }));
    let script = |manner| Script { manner, ..Script::json(patient("p001").to_string()) };
    for (manner, expect, asked) in
        [(Manner::VanishesAfterOne, [200, 200, 200], 5), (Manner::Vanishes, [502, 502, 502], 6)]
    {
        stage.ward.answers("/r4/Patient/p001", script(manner));
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let response = stage.get("/fhir/Patient/p001", &support).await;
            stage.record_of(&response);
            statuses.push(response.status().as_u16());
        }
        assert_eq!((statuses.as_slice(), stage.ward.seen().len()), (expect.as_slice(), asked));
    }
    stage.close().await;
}

/// Anyone may ask for metadata. Many who ask at once make one request upstream, and a failure is not asked for again
/// at once.
#[tokio::test]
async fn a_crowd_at_metadata_is_one_request_upstream() {
    let stage = Stage::set(Set { answer_timeout: Duration::from_secs(2), ..Set::default() }).await;
    let ask = || stage.send(Request::get("/fhir/metadata"));
    stage.ward.answers("/r4/metadata", Script { manner: Manner::NeverAnswers, ..Script::status(200) });
    let crowd = tokio::join!(ask(), ask(), ask(), ask());
    for response in [&crowd.0, &crowd.1, &crowd.2, &crowd.3] {
        assert_eq!(stage.record_of(response).reason, Some(Reason::UpstreamTimeout));
    }
    assert_eq!(stage.ward.paths(), ["/r4/metadata"]);
    let theirs = json!({ "resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1", "format": ["json"],
        "kind": "instance", "date": "2026-01-01", "rest": [{ "mode": "server" }] });
    stage.ward.answers("/r4/metadata", Script::json(theirs.to_string()));
    stage.passes(4);
    assert_eq!(ask().await.status(), 504);
    assert!(stage.ward.paths().is_empty(), "the failure is remembered");
    stage.passes(1);
    assert_eq!(ask().await.status(), 200);
    assert_eq!(stage.ward.paths(), ["/r4/metadata"], "and not for long");
    stage.close().await;
}
