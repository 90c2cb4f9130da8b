//! What the personas see, and what the book says of it.

use crate::caller::Caller;
use crate::house::House;
use serde_json::Value;

/// (persona, path, status, shown reason, true reason in the book)
const MATRIX: &[(&str, &str, u16, &str, &str)] = &[
    ("nurse", "/fhir/Patient/p001", 200, "", ""),
    ("nurse", "/fhir/Patient/p011", 404, "resource.not-found", "relationship.none"),
    ("nurse", "/fhir/Patient/nobody", 404, "resource.not-found", "resource.not-found"),
    ("nurse", "/fhir/Observation/obs-p001-1", 200, "", ""),
    ("nurse", "/fhir/Observation/obs-p011-1", 404, "resource.not-found", "relationship.none"),
    ("nurse", "/fhir/Patient/p003", 404, "resource.not-found", "label.not-cleared"),
    ("support", "/fhir/Patient/p002", 200, "", ""),
    ("support", "/fhir/Observation/obs-p002-1", 403, "policy.refused", "policy.refused"),
    ("physician", "/fhir/Patient/p001", 200, "", ""),
    ("patient", "/fhir/Patient/p001", 200, "", ""),
    ("patient", "/fhir/Patient/p002", 404, "resource.not-found", "scope.patient"),
    ("billing", "/fhir/Coverage/cov-p002", 200, "", ""),
    ("billing", "/fhir/Condition/cond-p002-1", 403, "policy.refused", "policy.refused"),
    ("analyst", "/fhir/Patient/p001", 403, "policy.refused", "policy.refused"),
    ("admin", "/fhir/Patient/p001", 403, "policy.refused", "policy.refused"),
    ("nurse-no-mfa", "/fhir/Patient/p001", 401, "assurance.insufficient", "assurance.insufficient"),
    ("nurse-wrong-scope", "/fhir/Patient/p001", 403, "scope.missing", "scope.missing"),
];

#[tokio::test(flavor = "multi_thread")]
async fn personas_see_what_the_matrix_says_and_the_book_knows_why() {
    let house = House::up();
    let caller = Caller::of(&house);
    for (persona, path, status, shown, truly) in MATRIX {
        let answer = caller.get(path, Some(&house.token(persona))).await;
        let record = house.record_of(answer.trace());
        let what = format!("{persona} {path}: {record}");
        assert_eq!(answer.status, *status, "{what}");
        if *status != 200 {
            assert_eq!(answer.reason(), *shown, "{what}");
            assert_eq!(record["reason"], *truly, "{what}");
        }
        assert_eq!(record["status"], *status, "{what}");
        assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    }
    assert!(house.verify().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurse_sees_the_minimal_projection() {
    let house = House::up();
    let caller = Caller::of(&house);
    let patient = caller.get("/fhir/Patient/p001", Some(&house.token("nurse"))).await.json();
    assert_eq!(patient["resourceType"], "Patient");
    assert_eq!(patient["id"], "p001");
    assert!(patient["name"].is_array());
    for hidden in ["text", "contained", "extension", "_birthDate", "identifier", "photo", "generalPractitioner"] {
        assert!(patient.get(hidden).is_none(), "{hidden}");
    }
    let tags = patient["meta"]["tag"].as_array().expect("tags");
    assert!(tags.iter().any(|tag| tag["code"] == "SUBSETTED"));
    // The physician's projection is wider than the nurse's, of the same resource.
    let wider = caller.get("/fhir/Patient/p001", Some(&house.token("physician"))).await.json();
    let members = |value: &Value| value.as_object().expect("an object").len();
    assert!(members(&wider) > members(&patient));
}

/// Decision 12: a resource that is hidden and one that is absent look the same, headers included.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_and_absent_are_the_same() {
    let house = House::up();
    let caller = Caller::of(&house);
    let token = house.token("nurse");
    let mut seen = Vec::new();
    for path in ["/fhir/Patient/p011", "/fhir/Patient/p003", "/fhir/Patient/absent", "/fhir/Patient/p999"] {
        let answer = caller.get(path, Some(&token)).await;
        let trace = answer.trace().to_owned();
        let body = String::from_utf8(answer.body.to_vec()).expect("text").replace(&trace, "TRACE");
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date" && *name != "lazaret-trace")
            .map(|(name, value)| (name, value.to_str().expect("ASCII")))
            // How many requests are left differs; how many patients, does not.
            .map(|(name, value)| {
                (name, if name == "ratelimit" { value.split(';').nth(3).unwrap_or(value) } else { value })
            })
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        headers.sort();
        seen.push((answer.status, headers, body));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_public_and_says_only_what_is_answered() {
    let house = House::up();
    let caller = Caller::of(&house);
    let answer = caller.get("/fhir/metadata", None).await;
    assert_eq!(answer.status, 200);
    let statement = answer.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    let resources = statement["rest"][0]["resource"].as_array().expect("resources");
    assert!(resources.iter().any(|resource| resource["type"] == "Patient"));
    for resource in resources {
        let codes: Vec<&str> =
            resource["interaction"].as_array().expect("some").iter().filter_map(|i| i["code"].as_str()).collect();
        assert_eq!(codes, ["read", "vread", "history-instance", "search-type"], "{}", resource["type"]);
    }
    let record = house.record_of(answer.trace());
    assert_eq!(record["interaction"], "capabilities");
    let configuration = caller.get("/fhir/.well-known/smart-configuration", None).await;
    assert_eq!(configuration.status, 200);
    assert!(
        configuration.json()["capabilities"]
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one == "permission-v2"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_up_finds_its_book_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut house = House::up_in(&data, &[]);
    let answer = Caller::of(&house).get("/fhir/Patient/p001", Some(&house.token("nurse"))).await;
    let trace = answer.trace().to_owned();
    assert!(house.stop().success(), "a clean end: {}", house.log());
    let before = crate::house::records(&data).len();
    drop(house);

    let house = House::up_in(&data, &[]);
    assert_eq!(house.record_of(&trace)["status"], 200, "the record of the first run is still there");
    assert!(house.records().len() > before);
    assert_eq!(Caller::of(&house).get("/fhir/Patient/p001", Some(&house.token("nurse"))).await.status, 200);
    assert!(house.verify().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_answers_too() {
    use http_body_util::{BodyExt, Full};
    let house = House::up();
    let line = Caller::of_protocol(&house, "h2").line().await;
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<bytes::Bytes>>(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(line),
    )
    .await
    .expect("HTTP/2");
    let driver = tokio::spawn(connection);
    let token = house.token("nurse");
    let ask = |path: &str| {
        http::Request::get(format!("https://localhost{path}"))
            .header("authorization", format!("Bearer {token}"))
            .body(Full::default())
            .expect("a request")
    };
    let answers = [sender.send_request(ask("/fhir/Patient/p001")), sender.send_request(ask("/fhir/Patient/p011"))];
    let mut statuses = Vec::new();
    for answer in answers {
        let answer = answer.await.expect("an answer");
        statuses.push(answer.status().as_u16());
        answer.into_body().collect().await.expect("a body");
    }
    assert_eq!(statuses, [200, 404]);
    driver.abort();
}

/// `explain` asks the same rooms without making the request, so it says what the gateway would.
#[tokio::test(flavor = "multi_thread")]
async fn explain_says_what_the_gateway_answers() {
    let house = House::up();
    for (persona, path, status, _, truly) in MATRIX {
        let request = path.trim_start_matches("/fhir/");
        let out = house.lazaret(&["explain", "--as", persona, request, "--json"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let told: Value = serde_json::from_slice(&out.stdout).expect("JSON");
        assert_eq!(
            (told["answer"].as_u64(), told["reason"].as_str().unwrap_or_default()),
            (Some(u64::from(*status)), *truly),
            "{persona} {path}"
        );
    }
    let in_words = house.lazaret(&["explain", "--as", "nurse", "GET", "Patient/p011"]);
    let in_words = String::from_utf8_lossy(&in_words.stdout).into_owned();
    assert!(in_words.contains("relationship.none") && in_words.contains("nurse-reads-own-care-team"), "{in_words}");
    let read = |words: &[&str]| -> Value {
        let out = house.lazaret(words);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).expect("JSON")
    };
    let surface = read(&["explain", "surface", "--as", "nurse", "Patient", "--json"]);
    let standing = |name: &str| {
        let mut rows = surface["rows"].as_array().expect("rows").iter();
        rows.find(|row| row["name"] == name).map(|row| row["standing"].clone())
    };
    assert_eq!(standing("birthdate"), Some("allowed".into()));
    assert_eq!(standing("identifier"), Some("refused".into()));
    let worth = read(&["explain", "worth", "--as", "support", "--json"]);
    assert_eq!(
        worth["types"].as_object().map(|types| types.keys().cloned().collect()),
        Some(vec!["Patient".to_owned()])
    );
}
