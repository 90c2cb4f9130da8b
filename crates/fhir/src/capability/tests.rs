use super::*;

fn about() -> About {
    About {
        software_version: "1.2.3".to_owned(),
        base: "https://localhost:8443/fhir".to_owned(),
        since: Time::from_seconds(1_795_257_000),
        issuer: None,
    }
}

fn known_issuer() -> Issuer {
    Issuer {
        issuer: "https://issuer.example".to_owned(),
        jwks_uri: Some("https://issuer.example/keys".to_owned()),
        authorization_endpoint: Some("https://issuer.example/authorize".to_owned()),
        token_endpoint: Some("https://issuer.example/token".to_owned()),
        ..Issuer::default()
    }
}

fn upstream() -> Value {
    json!({
        "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "status": "active",
        "publisher": "SECRET-CANARY", "text": { "div": "SECRET-CANARY" }, "contained": [{ "id": "SECRET-CANARY" }],
        "rest": [
            { "mode": "client", "resource": [{ "type": "Flag", "interaction": [{ "code": "read" }] }] },
            { "mode": "server", "documentation": "SECRET-CANARY", "operation": [{ "name": "export" }],
              "resource": [
                { "type": "Patient", "interaction": [{ "code": "read" }, { "code": "delete" }],
                  "versioning": "SECRET-CANARY", "conditionalDelete": "multiple",
                  "searchParam": [{ "name": "SECRET-CANARY" }], "searchInclude": ["*"] },
                { "type": "Observation", "profile": "SECRET-CANARY", "interaction": [
                    { "code": "search-type", "documentation": "SECRET-CANARY" }, { "code": "vread" }, { "code": "create" }],
                  "searchParam": [{ "name": "SECRET-CANARY", "type": "token" }, { "name": "code", "type": "SECRET-CANARY",
                    "documentation": "SECRET-CANARY" }, { "name": "patient" }, { "name": "_filter" }],
                  "searchInclude": ["Observation:patient", "Observation:SECRET-CANARY"],
                  "searchRevInclude": ["Condition:evidence-detail", "SECRET-CANARY"] },
                { "type": "Condition", "interaction": [{ "code": "search-type" }, { "code": "history-instance" }] },
                { "type": "Flag", "interaction": [{ "code": "delete" }] },
                { "type": "SECRET-CANARY", "interaction": [{ "code": "read" }] },
                { "type": "Encounter", "interaction": [{ "code": "read" }] }] }]
    })
}

fn rewritten(upstream: &Value, about: &About) -> Value {
    let bytes = rewrite(upstream.to_string().as_bytes(), about).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn of_type<'a>(statement: &'a Value, of: &str) -> &'a Value {
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    resources.iter().find(|resource| resource["type"] == of).unwrap_or(&Value::Null)
}

fn names(list: &Value) -> Vec<&str> {
    let name = |item: &'_ Value| item["name"].is_string();
    list.as_array()
        .into_iter()
        .flatten()
        .map(|item| if name(item) { &item["name"] } else { item })
        .filter_map(Value::as_str)
        .collect()
}

#[test]
fn only_what_the_upstream_answers_too_is_stated() {
    let statement = rewritten(&upstream(), &about());
    let reads = json!({ "type": "Encounter", "interaction": [{ "code": "read" }], "versioning": "no-version" });
    assert_eq!(*of_type(&statement, "Encounter"), reads);
    assert_eq!(of_type(&statement, "Patient")["interaction"], json!([{ "code": "read" }]));
    assert_eq!(of_type(&statement, "Patient").get("searchParam"), None, "it is not searched");
    assert_eq!(*of_type(&statement, "Flag"), Value::Null);
    let observation = of_type(&statement, "Observation");
    assert_eq!(observation["interaction"], json!([{ "code": "vread" }, { "code": "search-type" }]));
    assert_eq!(observation["versioning"], "versioned");
    assert_eq!(statement["rest"].as_array().unwrap().len(), 1);
    assert_eq!(statement["rest"][0]["compartment"], json!(["http://hl7.org/fhir/CompartmentDefinition/patient"]));
    assert_eq!(statement["software"]["version"], "1.2.3");
    assert_eq!(statement["implementation"]["url"], "https://localhost:8443/fhir");
    assert_eq!(statement["date"], "2026-11-21T10:30:00.000Z");
}

#[test]
fn e9_parameters_and_includes_are_those_of_both() {
    let statement = rewritten(&upstream(), &about());
    let observation = of_type(&statement, "Observation");
    assert_eq!(
        observation["searchParam"],
        json!([{ "name": "code", "type": "token" }, { "name": "patient", "type": "reference" }])
    );
    assert_eq!(names(&observation["searchInclude"]), ["Observation:patient"]);
    assert_eq!(names(&observation["searchRevInclude"]), ["Condition:evidence-detail"]);
    // Where the upstream does not say, all of ours.
    let condition = of_type(&statement, "Condition");
    let of = lexicon::ResourceType::from_name("Condition").unwrap();
    assert_eq!(names(&condition["searchParam"]), crate::parameter::all(of).iter().map(|p| p.code).collect::<Vec<_>>());
    assert!(names(&condition["searchInclude"]).contains(&"Condition:encounter"));
    assert!(!names(&condition["searchInclude"]).contains(&"Condition:evidence-detail"), "one type at a time");
    assert!(names(&condition["searchRevInclude"]).contains(&"Observation:focus"));
    assert!(!names(&condition["searchRevInclude"]).iter().any(|name| name.starts_with("Encounter:")), "not searched");
}

#[test]
fn f7_nothing_the_upstream_wrote_passes() {
    assert!(!rewritten(&upstream(), &about()).to_string().contains("SECRET-CANARY"));
}

/// Elements with a minimum of one in R4's definition of CapabilityStatement.
#[test]
fn required_elements_are_there() {
    let statement = rewritten(&json!({ "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1" }), &about());
    for name in ["status", "date", "kind", "fhirVersion", "format"] {
        assert!(statement.get(name).is_some(), "{name}");
    }
    assert_eq!(statement["rest"][0].get("resource"), None, "an empty array is not allowed in FHIR's JSON");
}

#[test]
fn what_is_no_r4_statement_is_refused() {
    let check = |body: &str, expect| assert_eq!(rewrite(body.as_bytes(), &about()).err(), Some(expect), "{body}");
    check("", Reason::UpstreamMalformed);
    check("{", Reason::UpstreamMalformed);
    check("[]", Reason::UpstreamMismatch);
    check(r#"{"resourceType":"Patient"}"#, Reason::UpstreamMismatch);
    check(r#"{"resourceType":"CapabilityStatement"}"#, Reason::UpstreamMismatch);
    check(r#"{"resourceType":"CapabilityStatement","fhirVersion":"5.0.0"}"#, Reason::UpstreamMismatch);
    assert_eq!(rewrite(&vec![b' '; STATEMENT_BYTES + 1], &about()), Err(Reason::UpstreamTooLarge));
}

#[test]
fn smart_configuration_states_what_is_known() {
    let read = |about: &About| serde_json::from_slice::<Value>(&smart_configuration(about)).unwrap();
    let bare = read(&about());
    assert_eq!(bare.get("issuer"), None);
    assert_eq!(bare.get("code_challenge_methods_supported"), None);
    let capabilities: Vec<&str> = bare["capabilities"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(["permission-v1", "permission-v2"].iter().all(|c| capabilities.contains(c)));

    let full = read(&About { issuer: Some(known_issuer()), ..about() });
    assert_eq!(full["issuer"], "https://issuer.example");
    assert_eq!(full["token_endpoint"], "https://issuer.example/token");
    assert_eq!(full["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(full.get("revocation_endpoint"), None);
}

#[test]
fn oauth_uris_are_stated_when_both_are_known() {
    assert_eq!(rewritten(&upstream(), &about())["rest"][0]["security"].get("extension"), None);
    let about = About { issuer: Some(known_issuer()), ..about() };
    let uris = &rewritten(&upstream(), &about)["rest"][0]["security"]["extension"][0]["extension"];
    assert_eq!(uris[1], json!({ "url": "token", "valueUri": "https://issuer.example/token" }));
}
