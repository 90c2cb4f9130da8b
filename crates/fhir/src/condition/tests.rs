//! Documents, conditions and whether they match, kind by kind, with the examples of
//! <https://hl7.org/fhir/R4/search.html>.

mod fuzz;
mod lemma;
mod maker;
mod ranges;
mod references;
mod upstream;

use super::*;
use crate::filter::Limits;
use serde_json::{Value, json};

/// `code[:modifier]=value` on a type.
fn compile(of: ResourceType, query: &str) -> Result<Condition, Reason> {
    let (name, value) = query.split_once('=').unwrap();
    let (code, modifier) = name.split_once(':').map_or((name, Modifier::None), |(code, modifier)| {
        (code, Modifier::parse(modifier).unwrap_or_else(|| panic!("`{modifier}` is a modifier")))
    });
    let parameter = parameter::find(of, code).unwrap_or_else(|| panic!("{of} has `{code}`"));
    Condition::compile(of, parameter, modifier, value)
}

fn base() -> Base {
    Base::new(["https://localhost:8443/fhir", "https://up.example/r4"])
}

#[track_caller]
fn check(document: &Value, query: &str, expect: bool) {
    let scanned = Scanned::of(document.to_string().as_bytes(), Limits::READ).unwrap();
    let condition = compile(scanned.resource_type(), query).unwrap_or_else(|reason| panic!("{query}: {reason:?}"));
    assert_eq!(condition.matches(&scanned, &base()), expect, "{query} of {document}");
}

#[track_caller]
fn refused(of: &str, query: &str, expect: Reason) {
    let found = compile(ResourceType::from_name(of).unwrap(), query).map(|_| ());
    assert_eq!(found.unwrap_err(), expect, "{of}?{query}");
}

fn patient(member: &str, value: Value) -> Value {
    json!({ "resourceType": "Patient", "id": "p1", member: value })
}

fn observation(member: &str, value: Value) -> Value {
    json!({ "resourceType": "Observation", "id": "o1", member: value })
}

#[test]
fn strings_start_with_the_value_whatever_case_and_accents() {
    let eve = patient("name", json!([{ "family": "Évelyn-Søn", "given": ["Anna Maria", "Zoë"], "text": "Dr. X" }]));
    for query in ["given=ann", "given=zoe", "given=ZOË", "name=evelyn", "name=dr.", "name=anna maria", "family=ÉVELYN"]
    {
        check(&eve, query, true);
    }
    for query in ["given=maria", "family=lyn", "given=evelyn", "name=nna"] {
        check(&eve, query, false);
    }
    let address = patient("address", json!([{ "line": ["12 High St"], "city": "Kraków", "postalCode": "30-001" }]));
    for query in ["address=krakow", "address=12 high", "address=30-", "address-city=KRAKÓW"] {
        check(&address, query, true);
    }
    check(&address, "address=high", false);
    check(&observation("valueCodeableConcept", json!({ "text": "Positive" })), "value-string=pos", true);
}

#[test]
fn c13_exact_and_contains_are_what_they_say() {
    let eve = patient("name", json!([{ "given": ["Eve", "Séverine"] }]));
    check(&eve, "given:exact=Eve", true);
    check(&eve, "given:exact=eve", false);
    check(&eve, "given:exact=Ev", false);
    check(&eve, "given:exact=Severine", false);
    check(&eve, "given:contains=eve", true);
    check(&eve, "given:contains=ERIN", true);
    check(&eve, "given:contains=x", false);
    check(&eve, "given:contains=x,verin", true);
}

#[test]
fn tokens_are_compared_by_system_and_code() {
    let code = observation(
        "code",
        json!({ "text": "c", "coding": [{ "system": "http://loinc.org", "code": "1-1" }, { "code": "bare" }, { "display": "x" }] }),
    );
    for query in ["code=1-1", "code=http://loinc.org|1-1", "code=http://loinc.org|", "code=|bare", "code=x,bare"] {
        check(&code, query, true);
    }
    for query in
        ["code=|1-1", "code=http://x|1-1", "code=c", "code=BARE", "code=http://loinc.org|bare", "code=http://x|"]
    {
        check(&code, query, false);
    }
    let person = json!({ "resourceType": "Patient", "active": true, "gender": "female",
        "identifier": [{ "system": "urn:mrn", "value": "A,1" }],
        "telecom": [{ "system": "phone", "value": "555" }, { "system": "email", "value": "e@x" }, { "value": "raw" }] });
    for query in [
        "active=true",
        "gender=female",
        r"identifier=urn:mrn|A\,1",
        r"identifier=A\,1",
        "phone=555",
        "email=e@x",
        "telecom=raw",
        "telecom=555",
        "gender=male,female",
    ] {
        check(&person, query, true);
    }
    for query in ["active=false", "gender=Female", "identifier=urn:mrn|A", "phone=e@x", "email=555", "phone=raw"] {
        check(&person, query, false);
    }
    let group = |member: &str, value: Value| json!({ "resourceType": "Group", "characteristic": [{ member: value, "code": { "coding": [{ "code": "k" }] } }] });
    check(&group("valueBoolean", json!(true)), "value=true", true);
    check(&group("valueCodeableConcept", json!({ "coding": [{ "code": "true" }] })), "value=true", true);
    check(&group("valueBoolean", json!(true)), "value=mixed", false);
    check(&group("valueBoolean", json!(false)), "characteristic-value=k$false", true);
}

#[test]
fn c8_not_matches_what_has_none_of_the_values() {
    let of = |gender: Value| patient("gender", gender);
    check(&of(json!("male")), "gender:not=male", false);
    check(&of(json!("male")), "gender:not=male,female", false);
    check(&of(json!("other")), "gender:not=male,female", true);
    check(&json!({ "resourceType": "Patient" }), "gender:not=male", true);
    let two = observation("category", json!([{ "coding": [{ "code": "a" }] }, { "coding": [{ "code": "b" }] }]));
    check(&two, "category:not=a", false);
    check(&two, "category:not=c", true);
}

/// `Patient.deceased.exists() and Patient.deceased != false`
#[test]
fn deceased_is_false_of_who_is_not() {
    for (member, value, dead) in [
        ("deceasedBoolean", json!(true), true),
        ("deceasedBoolean", json!(false), false),
        ("deceasedDateTime", json!("2020"), true),
        ("active", json!(true), false),
        // In these shapes no projection shows them.
        ("deceasedBoolean", json!("true"), false),
        ("deceasedDateTime", json!(true), false),
        ("deceasedBoolean", json!([true]), false),
    ] {
        let document = patient(member, value);
        check(&document, "deceased=true", dead);
        check(&document, "deceased=false", !dead);
        check(&document, "deceased:not=true", !dead);
        check(&document, "deceased=true,false", true);
    }
}

#[test]
fn text_and_type_of_a_code() {
    let code = observation("code", json!({ "text": "Body weight", "coding": [{ "code": "w", "display": "Gewicht" }] }));
    for (query, expect) in
        [("code:text=body", true), ("code:text=GEW", true), ("code:text=weight", false), ("code:text=w", false)]
    {
        check(&code, query, expect);
    }
    let kind = json!({ "coding": [{ "system": "http://t", "code": "MR" }], "text": "Record number" });
    let person = patient("identifier", json!([{ "type": kind, "value": "446053" }, { "system": "s", "value": "9" }]));
    for (query, expect) in [
        ("identifier:of-type=http://t|MR|446053", true),
        ("identifier:of-type=http://t|MR|9", false),
        ("identifier:of-type=http://u|MR|446053", false),
        ("identifier:of-type=http://t|XX|446053", false),
        ("identifier:text=record", true),
        ("identifier:text=446053", false),
    ] {
        check(&person, query, expect);
    }
}

#[test]
fn c14_missing_asks_for_values_that_are_shown() {
    let nothing = json!({ "resourceType": "Observation", "_status": { "extension": [] } });
    for query in
        ["status:missing=true", "code:missing=true", "date:missing=true", "subject:missing=true", "_id:missing=true"]
    {
        check(&nothing, query, true);
        check(&nothing, &query.replace("true", "false"), false);
    }
    let there = json!({ "resourceType": "Observation", "id": "o1", "status": "final", "code": { "coding": [{ "code": "x" }] },
        "effectivePeriod": { "end": "2020" }, "subject": { "reference": "Patient/p1" } });
    for query in [
        "status:missing=false",
        "code:missing=false",
        "date:missing=false",
        "subject:missing=false",
        "_id:missing=false",
    ] {
        check(&there, query, true);
        check(&there, &query.replace("false", "true"), false);
    }
    // What no projection shows counts for nothing.
    check(&observation("subject", json!({ "reference": "https://other/Patient/p1" })), "subject:missing=true", true);
    check(&observation("code", json!({ "text": "only words" })), "code:missing=true", true);
    check(&observation("status", json!(["final"])), "status:missing=true", true);
    check(&patient("telecom", json!([{ "system": "email", "value": "e" }])), "phone:missing=true", true);
}

#[test]
fn composites_hold_within_one_item() {
    let pressure = |systolic: u32, diastolic: u32| {
        let part = |code: &str, value: u32| json!({ "code": { "coding": [{ "code": code }] }, "valueQuantity": { "value": value } });
        observation("component", json!([part("sys", systolic), part("dia", diastolic)]))
    };
    for (query, expect) in [
        ("component-code-value-quantity=sys$gt100", true),
        ("component-code-value-quantity=dia$gt100", false),
        ("component-code-value-quantity=dia$lt100,sys$lt1", true),
        ("combo-code-value-quantity=sys$120", true),
        ("code-value-quantity=sys$120", false),
    ] {
        check(&pressure(120, 80), query, expect);
    }
    let sequence = json!({ "resourceType": "MolecularSequence",
        "referenceSeq": { "chromosome": { "coding": [{ "code": "X" }] }, "windowStart": 10, "windowEnd": 20 },
        "variant": [{ "start": 1, "end": 5 }, { "start": 7, "end": 9 }] });
    check(&sequence, "chromosome-variant-coordinate=X$lt2$gt4", true);
    check(&sequence, "chromosome-variant-coordinate=X$lt2$gt8", false);
    check(&sequence, "chromosome-variant-coordinate=Y$lt2$gt4", false);
    check(&sequence, "chromosome-window-coordinate=X$10$20", true);
    for value in ["sys", "sys$gt1$2", "$gt1", "sys$", "sys$x", r"sys\$gt1"] {
        refused("Observation", &format!("component-code-value-quantity={value}"), Reason::ParameterValue);
    }
}

#[test]
fn c8_modifiers_that_need_more_than_the_resource_are_refused() {
    for query in [
        "code:in=x",
        "code:not-in=x",
        "code:above=x",
        "code:below=x",
        "status:text=x",
        "code:of-type=a|b|c",
        "code:exact=x",
        "value-string:not=x",
        "value-string:text=x",
        "date:not=2020",
        "date:exact=2020",
        "value-quantity:missing=true",
        "combo-code-value-quantity:missing=true",
        "subject:Practitioner=x",
        "patient:Group=x",
        "subject:exact=x",
        "subject:above=x",
        "code:identifier=x",
        "code:Patient=x",
        "value-quantity:contains=1",
    ] {
        refused("Observation", query, Reason::ParameterModifier);
    }
    refused("Patient", "deceased:missing=true", Reason::ParameterModifier);
    refused("Patient", "gender:text=x", Reason::ParameterModifier);
    refused("ValueSet", "url:below=http://x", Reason::ParameterModifier);
    refused("ValueSet", "url:above=http://x", Reason::ParameterModifier);
    refused("Procedure", "date:missing=true", Reason::ParameterModifier);
}

#[test]
fn c6_values_that_could_be_read_in_two_ways_are_refused() {
    for query in [
        "code=",
        "code=a,,b",
        "code=|",
        "code=a|b|c",
        "code=a$b",
        r"code=a\x",
        r"code=a\",
        "status=http://x|final",
        "status=|final",
        "subject=",
        "subject=patient/p1",
        "subject=Patient/",
        "subject=Patient/p1/_history/1",
        "subject=a b",
        "subject=urn:uuid:1",
        "subject:Patient=Group/p1",
        "subject=http://x|1",
        "code:text=",
        "value-string=",
        "value-string=\u{301}",
        "value-string=a|b",
        "status:missing=yes",
        "status:missing=",
        "status:missing=true,false",
        "subject:identifier=",
    ] {
        refused("Observation", query, Reason::ParameterValue);
    }
    for query in [
        "active=yes",
        "active=http://x|true",
        "active=TRUE",
        "deceased=1",
        "identifier:of-type=a|b",
        "identifier:of-type=|b|c",
        "identifier:of-type=a||c",
        "identifier:of-type=a|b|",
    ] {
        refused("Patient", query, Reason::ParameterValue);
    }
    refused("ValueSet", "url=http://x|1", Reason::ParameterValue);
    let many = |n: usize| format!("code={}", vec!["a"; n].join(","));
    let observation = ResourceType::from_name("Observation").unwrap();
    assert!(compile(observation, &many(64)).is_ok());
    refused("Observation", &many(65), Reason::ParameterValue);
    refused("Observation", &format!("code={}", "a".repeat(VALUE_BYTES + 1)), Reason::ParameterValue);
}

#[test]
fn a_condition_holds_for_its_own_type_only() {
    let scanned = Scanned::of(br#"{"resourceType":"Patient","id":"x"}"#, Limits::READ).unwrap();
    let observation = ResourceType::from_name("Observation").unwrap();
    assert!(!compile(observation, "_id=x").unwrap().matches(&scanned, &base()));
    assert!(!compile(observation, "_id:missing=true").unwrap().matches(&scanned, &base()));
    assert!(compile(ResourceType::PATIENT, "_id=x").unwrap().matches(&scanned, &base()));
}

#[test]
fn debug_says_nothing() {
    let condition = compile(ResourceType::PATIENT, "name=jane").unwrap();
    assert_eq!(format!("{condition:?}"), "Condition");
}
