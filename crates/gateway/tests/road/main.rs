//! The FHIR road behind the real door: real TLS on both legs, real tokens, the starter's policies, a real book. Only the
//! upstream is scripted, and it lies in every way a test can think of.

#[cfg(test)]
mod fetched;
#[cfg(test)]
mod lies;
#[cfg(test)]
mod lookups;
#[cfg(test)]
#[expect(dead_code, reason = "the tests of searches use the rest")]
mod stage;
#[cfg(test)]
mod ward;

use http::Request;
use lexicon::{Interaction, Kind, Reason};
use serde_json::{Value, json};
use stage::{CLINIC, Set, Stage, TEAMS, page, patient, read, team};
use std::collections::HashSet;
use ward::Script;

/// A resource of two patients is nobody's to judge by, and tells of both: the record names and the budget charges both,
/// however it is asked for.
#[tokio::test]
async fn f9_every_patient_of_a_resource_is_named_and_charged() {
    let stage = Stage::raise().await;
    let to = |id: &str| json!({ "reference": format!("Patient/{id}") });
    let mut coverage = patient("c1");
    for (name, value) in [
        ("resourceType", json!("Coverage")),
        ("status", json!("active")),
        ("policyHolder", to("parent")),
        ("beneficiary", to("child")),
        ("payor", json!([{ "reference": "Organization/o1" }])),
    ] {
        coverage[name] = value;
    }
    for extra in ["text", "name", "telecom", "managingOrganization", "identifier"] {
        coverage.as_object_mut().expect("an object").remove(extra);
    }
    stage.ward.answers("/r4/Coverage/c1", Script::json(coverage.to_string()));
    stage.ward.otherwise(move |path| match path.starts_with("/r4/Coverage?") {
        true => page(std::slice::from_ref(&coverage), None),
        false => Script::status(404),
    });
    let left = |response: &http::Response<bytes::Bytes>| {
        let header = response.headers()["ratelimit"].to_str().expect("ascii").to_owned();
        let left = header.split(';').nth(3).and_then(|left| left.strip_prefix("r=")).expect("patients left");
        left.parse::<u64>().expect("a number")
    };
    for (sub, path) in [("b-1", "/fhir/Coverage/c1"), ("b-2", "/fhir/Coverage?status=active")] {
        let claims = json!({ "scope": "user/*.rs", "roles": ["billing"], "sub": sub, "fhirUser": null });
        let token = stage.token(claims);
        let before = left(&stage.get("/fhir/Coverage/none", &token).await);
        let response = stage.get(path, &token).await;
        assert_eq!(response.status(), 200, "{path}");
        let record = stage.record_of(&response);
        let rows = record.disclosed.rows();
        assert_eq!((rows.len(), record.patients, record.returned), (2, Some(2), Some(1)), "{path}");
        assert!(rows[0].resource == rows[1].resource && rows[0].patient != rows[1].patient, "{path}");
        assert!(rows.iter().all(|row| row.patient.is_some()), "{path}");
        assert_eq!(record.disclosed.different(), 1, "{path}");
        let after = left(&stage.get("/fhir/Coverage/none", &token).await);
        assert_eq!(before - after, 2, "{path}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_nurse_reads_what_may_be_seen_of_a_patient_of_hers() {
    for is_h2 in [false, true] {
        let stage = Stage::set(Set { is_h2, ..Set::default() }).await;
        stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
        stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
        let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
        assert_eq!(response.status(), 200);
        let body: Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(body["name"][0]["family"], "Canary");
        assert_eq!(body["telecom"][0]["value"], "555-0100", "the group that the nurse's policy permits");
        for hidden in ["text", "identifier", "managingOrganization"] {
            assert!(body.get(hidden).is_none(), "{hidden} is shown");
        }
        assert!(body["meta"]["tag"].to_string().contains("SUBSETTED"));
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/fhir+json; charset=utf-8");
        assert_eq!(
            (&headers["cache-control"], &headers["x-content-type-options"]),
            (&"no-store".parse().unwrap(), &"nosniff".parse().unwrap())
        );
        let record = stage.record_of(&response);
        assert_eq!((record.interaction, record.reason, record.allowed), (Some(Interaction::Read), None, Some(true)));
        assert_eq!((record.upstream_peer.as_deref(), record.upstream_status), (Some(CLINIC), Some(200)));
        assert_eq!(record.upstream_tls.as_deref(), Some("1.3 X25519MLKEM768"));
        assert_eq!(
            (record.relationship_source.as_deref(), record.relationship_age_s),
            (Some("query:CareTeam"), Some(0))
        );
        assert_eq!(record.policies, ["nurse-reads-own-care-team"]);
        assert_eq!(record.scopes, ["user/*.r"]);
        assert!(record.groups.contains(&"contact".to_owned()));
        assert_eq!((record.returned, record.purpose.as_deref()), (Some(1), Some("treatment")));
        assert!(record.withheld_elements.is_some_and(|withheld| withheld >= 3));
        assert!(record.patient.is_some() && record.resource.is_some());
        stage.close().await;
    }
}

/// Nothing that a client wrote reaches the upstream but what was parsed (F3, F5, F6).
#[tokio::test]
async fn the_upstream_request_is_built_anew() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    let request = Request::get("/fhir/Patient/p001?_format=json&_pretty=true")
        .header("authorization", format!("Bearer {}", stage.nurse()))
        .header("accept", "application/fhir+json, text/html;q=0.1")
        .header("accept-encoding", "gzip")
        .header("cookie", "canary=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-consent-scope", "all")
        .header("forwarded", "for=10.0.0.1")
        .header("if-none-match", "W/\"7\"")
        .header("baggage", "canary=1")
        .header("tracestate", "canary=1")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let response = stage.send(request).await;
    assert_eq!(response.status(), 200);
    let trace = response.headers()["lazaret-trace"].to_str().expect("hex").to_owned();
    let seen = stage.ward.seen();
    assert_eq!(seen.iter().map(|seen| seen.path.as_str()).collect::<Vec<_>>(), [TEAMS, "/r4/Patient/p001"]);
    for seen in seen {
        assert_eq!((seen.method.as_str(), seen.client.as_deref()), ("GET", Some("spiffe://lazaret.localhost/gateway")));
        let names: HashSet<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, HashSet::from(["host", "accept", "accept-encoding", "prefer", "traceparent"]));
        assert_eq!(seen.headers["accept"], "application/fhir+json");
        assert_eq!(seen.headers["accept-encoding"], "identity");
        assert_eq!(seen.headers["prefer"], "handling=strict");
        let parent = seen.headers["traceparent"].to_str().expect("ascii").to_owned();
        assert!(parent.starts_with(&format!("00-{trace}-")), "{parent}");
    }
    stage.close().await;
}

/// One request line for each interaction of R4, and the code it is refused with. None reaches the upstream.
#[tokio::test]
async fn what_is_not_answered_says_so_and_causes_nothing() {
    let stage = Stage::raise().await;
    let token = stage.token(json!({ "scope": "user/*.cruds" }));
    let answered = Interaction::ALL.iter().filter(|interaction| fhir::request::unanswered(**interaction).is_none());
    let mut met: HashSet<Interaction> = answered.copied().collect();
    for (line, interaction, reason) in [
        ("GET /Patient/_history", Interaction::HistoryType, Reason::HistoryTypeNotAnswered),
        ("GET /_history", Interaction::HistorySystem, Reason::HistorySystemNotAnswered),
        ("POST /_search", Interaction::SearchSystem, Reason::SearchSystemNotAnswered),
        ("POST /Patient", Interaction::Create, Reason::CreateNotAnswered),
        ("POST /Patient if-none-exist", Interaction::ConditionalCreate, Reason::ConditionalCreateNotAnswered),
        ("PUT /Patient/p1", Interaction::Update, Reason::UpdateNotAnswered),
        ("PUT /Patient?identifier=1", Interaction::ConditionalUpdate, Reason::ConditionalUpdateNotAnswered),
        ("PATCH /Patient/p1", Interaction::Patch, Reason::PatchNotAnswered),
        ("PATCH /Patient?identifier=1", Interaction::ConditionalPatch, Reason::ConditionalPatchNotAnswered),
        ("DELETE /Patient/p1", Interaction::Delete, Reason::DeleteNotAnswered),
        ("DELETE /Patient?identifier=1", Interaction::ConditionalDelete, Reason::ConditionalDeleteNotAnswered),
        ("POST /", Interaction::Batch, Reason::BatchNotAnswered),
        ("GET /Patient/p1/$everything", Interaction::Operation, Reason::OperationNotAnswered),
    ] {
        let (method, rest) = line.split_once(' ').expect("a line");
        let (path, conditional) = rest.split_once(' ').map_or((rest, false), |(path, _)| (path, true));
        let mut request = Request::builder().method(method).uri(format!("/fhir{path}"));
        request = request.header("authorization", format!("Bearer {token}"));
        if conditional {
            request = request.header("if-none-exist", "identifier=1");
        }
        let response = stage.send(request).await;
        let record = stage.record_of(&response);
        assert_eq!((record.reason, record.interaction), (Some(reason), Some(interaction)), "{line}");
        let outcome: Value = serde_json::from_slice(response.body()).expect("JSON");
        assert_eq!(outcome["issue"][0]["details"]["coding"][0]["code"], reason.code(), "{line}");
        met.insert(interaction);
    }
    assert_eq!(met.len(), Interaction::ALL.len(), "an interaction without a test");
    assert!(stage.ward.paths().is_empty(), "something went upstream");
    stage.close().await;
}

/// Refusals by the class of request, before anything is looked up or forwarded.
#[tokio::test]
async fn a_refusal_by_class_asks_nobody() {
    let stage = Stage::raise().await;
    let support = json!({ "sub": "support-1", "roles": ["support"], "fhirUser": null });
    for (path, claims, reason) in [
        ("/fhir/Patient/p001", json!({ "scope": "user/Appointment.r" }), Reason::ScopeMissing),
        ("/fhir/Patient/p001", json!({ "scope": "user/Patient.s" }), Reason::ScopeMissing),
        ("/fhir/Patient/p001", json!({ "scope": "system/Patient.r" }), Reason::ScopeMissing),
        ("/fhir/Observation/o1", support, Reason::PolicyRefused),
        ("/fhir/Patient/p001?name=x", json!({}), Reason::ParameterNotModelled),
        ("/fhir/patient/p001", json!({}), Reason::RequestTypeUnknown),
        ("/fhir/Patient/p_1", json!({}), Reason::RequestIdMalformed),
        ("/fhir/Patient/%2e%2e", json!({}), Reason::RequestMalformed),
        ("/fhir/Patient/p001?_format=xml", json!({}), Reason::RequestFormat),
        ("/other/Patient/p001", json!({}), Reason::RequestTypeUnknown),
        ("/fhirPatient/p001", json!({}), Reason::RequestTypeUnknown),
    ] {
        let response = stage.get(path, &stage.token(claims)).await;
        assert_eq!(stage.record_of(&response).reason, Some(reason), "{path}");
        assert_eq!(response.status().as_u16(), reason.status(), "{path}");
    }
    assert!(stage.ward.paths().is_empty(), "something went upstream");
    stage.close().await;
}

#[tokio::test]
async fn what_is_public_is_the_gateways_own_statement() {
    let stage = Stage::raise().await;
    let theirs = json!({ "resourceType": "CapabilityStatement", "status": "active", "fhirVersion": "4.0.1", "format": ["json"], "kind": "instance",
        "date": "2026-01-01", "description": "canary", "rest": [{ "mode": "server", "resource": [
            { "type": "Patient", "interaction": [{ "code": "read" }, { "code": "delete" }] }] }] });
    stage.ward.answers("/r4/metadata", Script::json(theirs.to_string()));
    for _ in 0..2 {
        let response = stage.send(Request::get("/fhir/metadata")).await;
        assert_eq!(response.status(), 200);
        let text = String::from_utf8(response.body().to_vec()).expect("text");
        assert!(text.contains("\"read\"") && !text.contains("delete") && !text.contains("canary"), "{text}");
        let record = stage.record_of(&response);
        assert_eq!((record.actor_kind, record.interaction), (Some(Kind::Stranger), Some(Interaction::Capabilities)));
    }
    assert_eq!(stage.ward.paths(), ["/r4/metadata"], "kept for a minute");
    stage.passes(61);
    stage.send(Request::get("/fhir/metadata")).await;
    assert_eq!(stage.ward.paths(), ["/r4/metadata"], "and then asked for again");
    let smart = stage.send(Request::get("/fhir/.well-known/smart-configuration")).await;
    assert_eq!(
        (smart.status().as_u16(), &smart.headers()["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let refused = stage.send(Request::get("/fhir/Patient/p001")).await;
    assert_eq!((refused.status().as_u16(), stage.record_of(&refused).reason), (401, Some(Reason::CredentialMissing)));
    assert!(stage.ward.paths().is_empty());
    stage.close().await;
}

/// The upstream's own address, and any other, stays out of an answer.
#[tokio::test]
async fn a_reference_below_the_upstream_comes_out_relative() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    let observation = json!({
        "resourceType": "Observation", "id": "o1", "meta": patient("p001")["meta"], "status": "final",
        "code": { "text": "x" }, "subject": { "reference": format!("{}/Patient/p001", stage.base) },
        "performer": [{ "reference": "https://other.example/Practitioner/x", "type": "Practitioner" }],
    });
    stage.ward.answers("/r4/Observation/o1", Script::json(observation.to_string()));
    let response = stage.get("/fhir/Observation/o1", &stage.nurse()).await;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    assert_eq!(response.status(), 200, "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(body["subject"], json!({ "reference": "Patient/p001" }));
    assert!(!text.contains(&stage.base) && !text.contains("other.example"), "{text}");
    stage.close().await;
}

/// A scope's parameters are no oracle: where the caller is not shown what they look at, a value that matches and one
/// that does not come to the same. A scope that looks at what is shown still narrows.
#[tokio::test]
async fn a_granular_scope_tells_nothing_of_what_is_hidden() {
    let stage = Stage::raise().await;
    let mut shown = patient("p001");
    shown["active"] = true.into();
    shown["meta"]["tag"] = json!([{ "system": "urn:tag", "code": "canary" }]);
    shown["meta"]["profile"] = json!(["urn:profile"]);
    stage.ward.answers("/r4/Patient/p001", Script::json(shown.to_string()));
    let security = "_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    let (normal, restricted) = (format!("{security}|N"), format!("{security}|R"));
    for (role, query, is_admitted) in [
        ("support", "identifier=urn:mrn|canary-mrn", false),
        ("support", "identifier=urn:mrn|other", false),
        ("support", "organization=Organization/dept-cardiology", false),
        ("support", "_tag=urn:tag|canary", false),
        ("support", "_profile=urn:profile", false),
        ("support", "active=true&identifier=urn:mrn|canary-mrn", false),
        ("support", "active=true", true),
        ("support", "active=false", false),
        ("support", "_id=p001", true),
        ("support", normal.as_str(), true),
        ("support", restricted.as_str(), false),
        ("billing", "identifier=urn:mrn|canary-mrn", true),
        ("billing", "identifier=urn:mrn|other", false),
    ] {
        let scope = format!("user/Patient.r?{query}");
        let caller = |scope: &str| stage.token(json!({ "roles": [role], "fhirUser": null, "scope": scope }));
        let response = stage.get("/fhir/Patient/p001", &caller(&scope)).await;
        let reason = (!is_admitted).then_some(Reason::ScopeGranular);
        assert_eq!(stage.record_of(&response).reason, reason, "{role} {query}");
        // A scope without parameters beside it admits whatever the other says.
        let both = stage.get("/fhir/Patient/p001", &caller(&format!("{scope} user/Patient.r"))).await;
        assert_eq!(both.status(), 200, "{role} {query}");
    }
    stage.close().await;
}

/// What is read is nowhere else: the book holds no name, id, number or path of it.
#[tokio::test]
async fn the_book_holds_no_canary() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    for path in ["/fhir/Patient/p001", "/fhir/Patient/p002", "/fhir/Patient?name=Canary"] {
        stage.get(path, &stage.nurse()).await;
    }
    assert!(read(stage.folder.path()).len() > 3);
    let folder = std::fs::read_dir(stage.folder.path().join("book")).expect("a book");
    for file in folder {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        for word in ["Canary", "canary", "p001", "p002", "nurse-1", "555-0100", "team-", "name="] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word} is in the book");
        }
    }
    stage.close().await;
}
