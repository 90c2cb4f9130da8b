use crate::filter::{Limits, Scanned};
use crate::projection::Projections;
use crate::scope::{Grant, Scopes};
use lexicon::{Interaction, Kind, LocalId, ResourceType};
use proptest::prelude::*;
use serde_json::{Value, json};

fn reading(claim: &str, name: &str) -> String {
    let resource_type = ResourceType::from_name(name).unwrap();
    match Scopes::parse(claim).covering(Kind::Person, Interaction::Read, resource_type) {
        Ok(grants) => grants.iter().map(Grant::text).collect::<Vec<_>>().join(" "),
        Err(reason) => reason.code().to_owned(),
    }
}

/// May a person see the resource under the claim, with a launch context of `me`?
fn admits(claim: &str, resource: &Value) -> bool {
    let scanned = Scanned::of(resource.to_string().as_bytes(), Limits::READ).unwrap();
    let me = LocalId::new("me");
    let grants = Scopes::parse(claim).covering(Kind::Person, Interaction::Read, scanned.resource_type());
    grants.is_ok_and(|grants| grants.iter().any(|grant| grant.admits(&scanned, me.as_ref(), me.as_ref()).is_ok()))
}

#[test]
fn a6_what_cannot_be_enforced_grants_nothing() {
    for query in [
        "category:not=x",
        "category:in=x",
        "code:text=x",
        "subject.name=x",
        "subject:Patient.name=x",
        "patient:missing=true",
        "_has:Group:member:_id=g",
        "_filter=code eq x",
        "_include=x",
        "_revinclude=x",
        "unknown=x",
        "date:missing=true",
        "date=ap2020",
        "date=2020-13",
        "date=",
        "value-quantity=5||",
        "value-quantity=five",
        "code-value-quantity=x",
        "value-string:exact=x",
        "value-string:contains=x",
        "Category=x",
        "_lastUpdated=gt2020",
        "subject:Patient=me",
        "subject:identifier=x",
        "_content=x",
        "gender=male",
        "category",
        "category=",
        "=x",
        "",
        "category=x&",
        "&category=x",
        "category=a|b|c",
        "category=|",
        "category=a%2",
        "category=%ff",
        "category=%00",
        "category=a+b",
        "category=x?y=z",
        "category=a,,b",
        "category=a%5C",
        "category=a%5Cx",
        "category=a$b",
        "category=x&unknown=y",
        "subject=x/y",
        "subject=patient/me",
        "subject=Patient/me/_history/1",
        "subject=urn:uuid:1",
        "subject=Patient/",
        "category=x#y",
        "_profile=",
        "status=http://x|final",
        "status=|final",
        "status=http://x|",
    ] {
        let claim = format!("user/Observation.r?{}", query.replace(' ', "%20"));
        assert_eq!(reading(&claim, "Observation"), "scope.not-modelled", "{query}");
        assert_eq!(
            reading(&format!("{claim} patient/Observation.rs"), "Observation"),
            "patient/Observation.rs",
            "{query}"
        );
    }
}

#[test]
fn a6_values_that_cannot_be_compared_grant_nothing() {
    for query in [
        "active=yes",
        "active=http://x|true",
        "active=TRUE",
        "phonetic=x",
        "birthdate=x",
        "deceased=no",
        "name=",
        "near=1|1",
    ] {
        assert_eq!(reading(&format!("user/Patient.r?{query}"), "Patient"), "scope.not-modelled", "{query}");
    }
    let values = |n: usize| format!("user/Observation.r?code={}", vec!["a"; n].join(","));
    assert_eq!(reading(&values(64), "Observation"), "user/Observation.r");
    assert_eq!(reading(&values(65), "Observation"), "scope.not-modelled");
    // A parameter means something only on the types that have it.
    assert_eq!(reading("user/*.r?category=x", "Observation"), "user/*.r");
    assert_eq!(reading("user/*.r?category=x", "Patient"), "scope.not-modelled");
    assert_eq!(reading("user/Patient.r?unknown=x", "Observation"), "scope.missing");
}

fn observation() -> Value {
    json!({
        "resourceType": "Observation", "id": "o1", "status": "final",
        "meta": {
            "profile": ["http://hl7.org/fhir/StructureDefinition/vitalsigns"],
            "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N" }],
            "tag": [{ "code": "bare" }],
        },
        "identifier": [{ "system": "urn:lab", "value": "A,1" }, { "value": "loose" }],
        "category": [{ "coding": [{ "system": "http://cat", "code": "laboratory" }, { "system": "http://cat", "code": "chem" }], "text": "lab" }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "1234-5" }] },
        "subject": { "reference": "Patient/me" },
        "performer": [{ "reference": "Practitioner/d1" }, { "reference": "https://other/Practitioner/d2" }, { "reference": "Organization/me" }],
        "component": [{ "code": { "coding": [{ "system": "http://loinc.org", "code": "part" }] } }],
        "valueCodeableConcept": { "coding": [{ "system": "http://v", "code": "pos" }] },
    })
}

#[test]
fn granular_parameters_are_judged_on_the_resource() {
    let check = |query: &str, expect: bool| {
        assert_eq!(admits(&format!("user/Observation.rs?{query}"), &observation()), expect, "{query}")
    };
    for query in [
        "category=laboratory",
        "category=http://cat|laboratory",
        "category=http%3A%2F%2Fcat%7Claboratory",
        "category=http://cat|",
        "category=x,laboratory",
        "category=x%2Claboratory",
        "category=laboratory&category=chem",
        "category=laboratory&code=1234-5",
        "identifier=urn:lab|A%5C,1",
        "identifier=|loose",
        "status=final",
        "status=preliminary,final",
        "_tag=|bare",
        "_tag=bare",
        "_id=o1",
        "_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|N",
        "combo-code=part",
        "component-code=part",
        "_profile=http://hl7.org/fhir/StructureDefinition/vitalsigns",
        "value-concept=http://v|pos",
        "subject=Patient/me",
        "subject=me",
        "patient=Patient/me",
        "patient=me",
        "performer=Practitioner/d1",
    ] {
        check(query, true);
    }
    for query in [
        "category=lab",
        "category=Laboratory",
        "category=http://other|laboratory",
        "category=|laboratory",
        "category=http://ca|laboratory",
        "category=http://other|",
        "category=laboratory&category=x",
        "category=laboratory&code=x",
        "category=lab%2525oratory",
        "identifier=urn:lab|A,1x",
        "identifier=urn:lab|loose",
        "identifier=|A%5C,1",
        "status=preliminary",
        "_tag=http://x|bare",
        "_id=o2",
        "_security=R",
        "code=part",
        "component-code=1234-5",
        "_profile=http://hl7.org/fhir/StructureDefinition",
        "subject=Patient/you",
        "subject=Group/me",
        "patient=Group/me",
        "performer=Practitioner/d2",
        "performer=d2",
        "performer=Patient/me",
        "value-concept=neg",
        "performer=https://other/Practitioner/d",
        "performer=https://other/Practitioner/d2",
        "focus=Patient/me",
    ] {
        check(query, false);
    }
}

/// Dates, text, numbers and amounts too, as a search would judge them.
#[test]
fn granular_parameters_of_every_kind_are_judged() {
    let observation = json!({
        "resourceType": "Observation",
        "effectiveDateTime": "2024-03-01T10:00:00Z",
        "code": { "coding": [{ "code": "glucose" }] },
        "valueQuantity": { "value": 5.4, "system": "http://unitsofmeasure.org", "code": "mmol/L" },
    });
    for (query, expect) in [
        ("date=ge2024", true),
        ("date=2024-03-01", true),
        ("date=gt2024-03-01", false),
        ("value-quantity=gt5", true),
        ("value-quantity=5.4|http://unitsofmeasure.org|mmol/L", true),
        ("value-quantity=5.4||mg", false),
        ("code-value-quantity=glucose$gt5", true),
        ("code-value-quantity=glucose$lt5", false),
        ("date=ge2024&value-quantity=lt5", false),
    ] {
        assert_eq!(admits(&format!("user/Observation.rs?{query}"), &observation), expect, "{query}");
    }
    let patient = json!({ "resourceType": "Patient", "name": [{ "family": "Müller" }], "birthDate": "1970-05-01" });
    for (query, expect) in [
        ("name=mul", true),
        ("family=Mull", true),
        ("name=ller", false),
        ("birthdate=1970", true),
        ("deceased=true", false),
    ] {
        assert_eq!(admits(&format!("user/Patient.rs?{query}"), &patient), expect, "{query}");
    }
}

#[test]
fn a1_values_are_decoded_exactly_once() {
    let once = json!({ "resourceType": "Observation", "identifier": [{ "value": "a%41" }] });
    assert!(admits("user/Observation.r?identifier=a%2541", &once));
    assert!(!admits("user/Observation.r?identifier=a%41", &once));
    let twice = json!({ "resourceType": "Observation", "identifier": [{ "value": "aA" }] });
    assert!(admits("user/Observation.r?identifier=a%41", &twice));
    assert!(!admits("user/Observation.r?identifier=a%2541", &twice));
}

#[test]
fn an_absent_element_matches_nothing() {
    let bare = json!({ "resourceType": "Observation", "id": "o1" });
    for query in [
        "category=laboratory",
        "_security=http://x|",
        "subject=me",
        "_profile=http://x",
        "identifier=|x",
        "status=final",
    ] {
        assert!(!admits(&format!("user/Observation.r?{query}"), &bare), "{query}");
    }
    let patient = json!({ "resourceType": "Patient", "id": "me", "active": true });
    assert!(admits("user/Patient.r?active=true", &patient));
    assert!(!admits("user/Patient.r?active=false", &patient));
    let group = json!({ "resourceType": "Observation", "subject": { "reference": "Group/me" } });
    assert!(!admits("user/Observation.r?patient=me", &group), "the parameter demands a Patient");
}

#[test]
fn a7_one_scope_that_admits_is_enough() {
    let other = "user/Observation.rs?category=http://cat|vital-signs";
    let lab = "user/Observation.rs?category=http://cat|laboratory";
    assert!(!admits(other, &observation()));
    assert!(admits(&format!("{other} {lab}"), &observation()));
    assert!(admits(&format!("{lab} {other}"), &observation()));
    assert!(admits(&format!("{other} user/Observation.rs?code=1234-5"), &observation()));
    assert!(!admits(&format!("{other} user/Observation.rs?code=x patient/Patient.r"), &observation()));
    // Both halves of two scopes never make one.
    assert!(!admits(
        "user/Observation.r?category=laboratory&code=x user/Observation.r?category=x&code=1234-5",
        &observation()
    ));
}

/// Is a granular scope on Observations believed of a caller who is shown only these elements?
#[track_caller]
fn counts(query: &str, elements: &[&str], expect: bool) {
    let projections = Projections::load(&format!("[Observation]\ndefault = {}", json!(elements))).unwrap();
    let shown = projections.compile(ResourceType::from_name("Observation").unwrap(), &[]);
    let scopes = Scopes::parse(&format!("user/Observation.r{query}"));
    let grants =
        scopes.covering(Kind::Person, Interaction::Read, ResourceType::from_name("Observation").unwrap()).unwrap();
    assert_eq!(grants[0].reads_only(&shown), expect, "{query} with {elements:?}");
}

#[test]
fn parameters_look_only_at_what_is_shown() {
    counts("", &["id"], true);
    counts("?_id=o1", &["id"], true);
    counts("?_id=o1", &["status"], false);
    counts("?status=final", &["status"], true);
    counts("?status=final", &["id"], false);
    counts("?status=final&code=x", &["status"], false);
    counts("?_tag=x", &["meta"], true);
    counts("?_tag=x", &["meta.security"], false);
    counts("?_security=x", &["meta.security"], true);
    counts("?_profile=http://x", &["meta.security", "meta.tag"], false);
    counts("?_profile=http://x", &["meta.profile"], true);
    // Both halves of a code, or it would match a code of another system.
    counts("?code=x", &["code"], true);
    counts("?code=x", &["code.coding.code", "code.coding.system"], true);
    counts("?code=x", &["code.coding.code"], false);
    counts("?code=x", &["code.text"], false);
    counts("?identifier=x", &["identifier.value"], false);
    counts("?identifier=x", &["identifier.value", "identifier.system"], true);
    counts("?subject=me", &["subject"], true);
    counts("?subject=me", &["subject.reference"], false);
    counts("?subject=me", &["subject.display"], false);
    // Every place of a parameter, also where the resource at hand has nothing.
    counts("?combo-code=x", &["code"], false);
    counts("?combo-code=x", &["code", "component"], true);
    counts("?value-concept=x", &["value[x]"], true);
    counts("?value-concept=x", &["valueQuantity"], false);
}

#[test]
fn a_projection_of_another_type_shows_a_parameter_nothing() {
    let projections = Projections::load("[Patient]\ndefault = [\"id\"]").unwrap();
    let shown = projections.compile(ResourceType::PATIENT, &[]);
    let observation = ResourceType::from_name("Observation").unwrap();
    let scopes = Scopes::parse("user/Observation.r?_id=o1");
    let grants = scopes.covering(Kind::Person, Interaction::Read, observation).unwrap();
    assert!(!grants[0].reads_only(&shown));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// A parameter only narrows.
    #[test]
    fn parameters_only_narrow(
        query in "(category|code|status|_tag|subject)=(laboratory|1234-5|final|bare|me|http://cat\\||[a-z|,/]{0,3})(,x|&code=1234-5)?",
    ) {
        if admits(&format!("user/Observation.r?{query}"), &observation()) {
            prop_assert!(admits("user/Observation.r", &observation()));
            let narrower = format!("user/Observation.r?{query}&_id=another");
            prop_assert!(!admits(&narrower, &observation()));
        }
    }
}
