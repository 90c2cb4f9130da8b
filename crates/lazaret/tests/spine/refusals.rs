//! Good, wrong, stale, forged, over-long, malformed: each gets a status, a stable code, and a record or a named exit.

use crate::caller::{Answer, Caller};
use crate::house::House;
use bytes::Bytes;
use http_body_util::Full;

/// (method, path below the base, status, reason). A nurse with `user/*.rs` asks.
const INTERACTIONS: &[(&str, &str, u16, &str)] = &[
    ("GET", "/Patient/nobody/_history/1", 404, "resource.not-found"),
    ("GET", "/Patient/nobody/_history", 404, "resource.not-found"),
    ("GET", "/Patient/_history", 403, "interaction.history-type-not-answered"),
    ("GET", "/_history", 403, "interaction.history-system-not-answered"),
    ("GET", "/Patient?nome=x", 403, "parameter.not-modelled"),
    ("GET", "/Patient?name:phonetic=x", 403, "parameter.modifier"),
    ("GET", "/Patient?birthdate=x", 400, "parameter.value"),
    ("GET", "/?_type=Patient", 403, "interaction.search-system-not-answered"),
    ("GET", "/Patient/p001/*", 403, "interaction.search-compartment-not-answered"),
    ("GET", "/Practitioner/nurse-1/Observation", 403, "interaction.search-compartment-not-answered"),
    ("POST", "/Patient", 403, "interaction.create-not-answered"),
    ("PUT", "/Patient/p001", 403, "interaction.update-not-answered"),
    ("PUT", "/Patient?identifier=1", 403, "interaction.conditional-update-not-answered"),
    ("PATCH", "/Patient/p001", 403, "interaction.patch-not-answered"),
    ("PATCH", "/Patient?identifier=1", 403, "interaction.conditional-patch-not-answered"),
    ("DELETE", "/Patient/p001", 403, "interaction.delete-not-answered"),
    ("DELETE", "/Patient?identifier=1", 403, "interaction.conditional-delete-not-answered"),
    ("POST", "/", 403, "interaction.batch-not-answered"),
    ("GET", "/Patient/p001/$everything", 403, "interaction.operation-not-answered"),
    ("GET", "/$export", 403, "interaction.operation-not-answered"),
    ("GET", "/patient/p001", 404, "request.type-unknown"),
    ("GET", "/Nonsense/1", 404, "request.type-unknown"),
    ("GET", "/Patient/p_001", 400, "request.id-malformed"),
    ("GET", "/Patient/..%2fp001", 400, "request.malformed"),
    ("GET", "/Patient//p001", 400, "request.malformed"),
    ("GET", "/Patient/p001/", 400, "request.malformed"),
    ("GET", "/Patient/p001;v=1", 400, "request.malformed"),
    ("GET", "/Patient/p001?_elements=id", 403, "parameter.not-modelled"),
    ("GET", "/Patient/p001?_format=xml", 406, "request.format"),
    ("GET", "/Patient/p001?_format=json&_format=json", 400, "parameter.duplicate"),
    ("BREW", "/Patient/p001", 405, "request.method"),
];

async fn ask(caller: &Caller, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = http::Request::builder().method(method).uri(format!("/fhir{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    caller.send(request.body(Full::<Bytes>::default()).expect("a request")).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_interaction_is_refused_by_its_own_code() {
    let house = House::up();
    let caller = Caller::of(&house);
    let bearer = format!("Bearer {}", house.token("nurse"));
    for (method, path, status, reason) in INTERACTIONS {
        let answer = ask(&caller, method, path, &[("authorization", &bearer)]).await;
        assert_eq!((answer.status, answer.reason().as_str()), (*status, *reason), "{method} {path}");
        assert_eq!(house.record_of(answer.trace())["reason"], *reason, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_would_change_the_meaning_are_refused() {
    let house = House::up();
    let caller = Caller::of(&house);
    let bearer = format!("Bearer {}", house.token("nurse"));
    for (name, value) in [("x-http-method-override", "DELETE"), ("x-method-override", "PUT")] {
        let answer = ask(&caller, "GET", "/Patient/p001", &[("authorization", &bearer), (name, value)]).await;
        assert_eq!((answer.status, answer.reason().as_str()), (400, "request.header"), "{name}");
    }
    let twice = ask(&caller, "GET", "/Patient/p001", &[("authorization", &bearer), ("authorization", &bearer)]).await;
    assert_eq!(twice.status, 400, "two credentials");
    // What a trusted proxy would say is not believed, and does not hurt.
    let spoofed = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-consent-scope", "all"),
        ("x-client-cert", "x"),
    ];
    assert_eq!(ask(&caller, "GET", "/Patient/p001", &spoofed).await.status, 200);
    let xml = [("authorization", bearer.as_str()), ("accept", "application/fhir+xml")];
    assert_eq!(ask(&caller, "GET", "/Patient/p001", &xml).await.reason(), "request.format");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_every_wrong_kind_are_refused_and_recorded() {
    let house = House::up();
    let caller = Caller::of(&house);
    let good = house.token("nurse");
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    let forged = {
        let mut signature = parts[2].clone().into_bytes();
        signature[10] = if signature[10] == b'A' { b'B' } else { b'A' };
        format!("{}.{}.{}", parts[0], parts[1], String::from_utf8(signature).expect("text"))
    };
    parts[0] = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0".to_owned();
    let none = format!("{}.{}.", parts[0], parts[1]);
    for (token, shown, truly) in [
        (forged.as_str(), "credential.invalid", "credential.signature"),
        (none.as_str(), "credential.invalid", "credential.algorithm"),
        ("not-a-token", "credential.invalid", "credential.malformed"),
    ] {
        let answer = caller.get("/fhir/Patient/p001", Some(token)).await;
        assert_eq!((answer.status, answer.reason().as_str()), (401, shown), "{truly}");
        assert_eq!(house.record_of(answer.trace())["reason"], truly);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{truly}");
        let record = house.record_of(answer.trace());
        assert!(record.get("actor").is_none_or(serde_json::Value::is_null), "a stranger's claims are not facts");
    }
    let without = caller.get("/fhir/Patient/p001", None).await;
    assert_eq!((without.status, without.reason().as_str()), (401, "credential.missing"));
    assert!(without.header("www-authenticate").starts_with("Bearer"));
    assert!(!without.header("www-authenticate").contains("error="), "RFC 6750 3.1: no error code without a credential");

    let step_up = caller.get("/fhir/Patient/p001", Some(&house.token("nurse-no-mfa"))).await;
    let challenge = step_up.header("www-authenticate");
    assert!(
        challenge.contains("error=\"insufficient_user_authentication\"") && challenge.contains("acr_values="),
        "{challenge}"
    );
    let scope = caller.get("/fhir/Patient/p001", Some(&house.token("nurse-wrong-scope"))).await;
    assert!(scope.header("www-authenticate").contains("insufficient_scope"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_says_that_it_expired() {
    let house = House::up();
    let out = house.lazaret(&["token", "nurse", "--lifetime-s", "1", "--issued-s-ago", "600"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let token = String::from_utf8(out.stdout).expect("text");
    let answer = Caller::of(&house).get("/fhir/Patient/p001", Some(token.trim())).await;
    assert_eq!((answer.status, answer.reason().as_str()), (401, "credential.expired"));
}

/// Bytes that are no request, or too long a one: an answer of the HTTP library without data, or silence, never a hang,
/// and the connection stands in a tally.
#[tokio::test(flavor = "multi_thread")]
async fn raw_nonsense_ends_and_the_house_stands() {
    let house = House::up();
    let caller = Caller::of(&house);
    let long = format!("GET /fhir/Patient/{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(100_000));
    let many = format!("GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x-a: b\r\n".repeat(5_000));
    let cases: Vec<Vec<u8>> = vec![
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /fhir/metadata HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /fhir/metadata HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec(),
        b"GET /fhir/metadata HTTP/1.1\r\nhost : localhost\r\n\r\n".to_vec(),
        b"GET /fhir/Patient/p001 HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \x01\x02\r\n\r\n".to_vec(),
        long.into_bytes(),
        many.into_bytes(),
    ];
    for (at, case) in cases.iter().enumerate() {
        let heard = caller.raw(case).await;
        assert!(!heard.contains("\"resourceType\":\"Patient\""), "case {at}");
        assert!(!heard.starts_with("HTTP/1.1 2"), "case {at}: {heard}");
    }
    let medium = format!("/fhir/Patient/p001?_format={}", "j".repeat(9_000));
    assert_eq!(caller.get(&medium, Some(&house.token("nurse"))).await.status, 414);
    assert_eq!(caller.get("/fhir/Patient/p001", Some(&house.token("nurse"))).await.status, 200);
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_two_words_and_metrics_need_a_certificate() {
    let house = House::up();
    let ca = house.data.join("ca.pem");
    let stranger = Caller::to(&ca, house.admin_port, None);
    for path in ["/healthz", "/readyz"] {
        let answer = stranger.get(path, None).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"green\n"[..]), "{path}");
    }
    let refused = stranger.try_get("/metrics", None).await;
    assert!(refused.is_none_or(|answer| answer.status == 403 || answer.status == 401), "metrics need a certificate");
    let (chain, key) = (house.data.join("tls/admin.pem"), house.data.join("tls/admin.key"));
    let operator = Caller::to(&ca, house.admin_port, Some((&chain, &key)));
    let metrics = operator.get("/metrics", None).await;
    assert_eq!(metrics.status, 200);
    assert!(String::from_utf8_lossy(&metrics.body).contains("lazaret_"));
}
