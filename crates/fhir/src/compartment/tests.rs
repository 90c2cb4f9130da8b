use super::*;
use crate::filter::Limits;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const OURS: &str = "https://localhost:8443/fhir";

fn scanned(resource: &Value) -> Scanned {
    Scanned::of(resource.to_string().as_bytes(), Limits::READ).unwrap_or_else(|reason| panic!("{reason}: {resource}"))
}

fn patient(resource: &Value) -> Option<String> {
    patient_of(&scanned(resource), &Base::new([OURS])).map(|id| id.reveal().to_owned())
}

#[track_caller]
fn check(resource: Value, expect: Option<&str>) {
    assert_eq!(patient(&resource).as_deref(), expect, "{resource}");
}

fn to(reference: &str) -> Value {
    json!({ "reference": reference })
}

fn observation(elements: Value) -> Value {
    let mut resource = json!({ "resourceType": "Observation", "id": "o1" });
    for (name, value) in elements.as_object().unwrap() {
        resource[name] = value.clone();
    }
    resource
}

/// A resource that holds one value at one path.
fn holding(resource_type: ResourceType, path: &[&str], value: Value) -> Value {
    let inner = path.iter().rev().fold(value, |value, name| json!({ (*name): value }));
    let mut resource = json!({ "resourceType": resource_type.name(), "id": "x1" });
    for (name, value) in inner.as_object().unwrap() {
        resource[name] = value.clone();
    }
    resource
}

#[test]
fn b1_every_way_of_the_official_table_makes_a_member() {
    for (resource_type, ways) in WAYS.iter().filter(|(t, _)| **t != ResourceType::PATIENT) {
        for way in ways {
            check(holding(*resource_type, &way.path, to("Patient/me")), Some("me"));
            check(holding(*resource_type, &way.path, json!([to("Patient/me"), to("Patient/you")])), None);
            check(holding(*resource_type, &way.path, to("Group/me")), None);
        }
    }
}

/// The types of CompartmentDefinition/patient 4.0.1 with more than one parameter, written down apart from the table.
const SEVERAL: &str = "AllergyIntolerance(asserter,patient,recorder) Basic(author,patient) CarePlan(patient,performer) \
    CareTeam(participant,patient) Claim(patient,payee) Communication(recipient,sender,subject) \
    CommunicationRequest(recipient,requester,sender,subject) Composition(attester,author,subject) \
    Condition(asserter,patient) Coverage(beneficiary,payor,policy-holder,subscriber) DeviceRequest(performer,subject) \
    DocumentManifest(author,recipient,subject) DocumentReference(author,subject) ExplanationOfBenefit(patient,payee) \
    Invoice(patient,recipient,subject) List(source,subject) MedicationAdministration(patient,performer,subject) \
    MedicationDispense(patient,receiver,subject) Observation(performer,subject) Procedure(patient,performer) \
    QuestionnaireResponse(author,subject) RequestGroup(participant,subject) ServiceRequest(performer,subject)";

#[test]
fn b1_the_table_is_the_official_one() {
    assert_eq!(WAYS.len(), 66);
    let rows = include_str!("../../tables/compartments.tsv").lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(WAYS.values().map(Vec::len).sum::<usize>(), rows);
    let codes: BTreeMap<&str, BTreeSet<&str>> =
        WAYS.iter().map(|(t, ways)| (t.name(), ways.iter().map(|way| way.parameter).collect())).collect();
    let several = codes.iter().filter(|(_, codes)| codes.len() > 1);
    let written = several.map(|(name, codes)| format!("{name}({})", Vec::from_iter(codes.iter().copied()).join(",")));
    assert_eq!(written.collect::<Vec<_>>().join(" "), SEVERAL.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn b1_membership_is_the_union_of_all_ways() {
    check(observation(json!({ "subject": to("Patient/me") })), Some("me"));
    check(observation(json!({ "performer": [to("Practitioner/d1"), to("Patient/me")] })), Some("me"));
    check(observation(json!({ "subject": to("Device/x"), "performer": [to("Patient/me")] })), Some("me"));
    check(observation(json!({ "subject": to("Patient/me"), "performer": [to("Patient/me")] })), Some("me"));
    check(observation(json!({ "subject": to("Patient/me"), "performer": [{ "display": "Dr X" }] })), Some("me"));
}

#[test]
fn b2_other_references_never_make_a_member() {
    check(observation(json!({ "focus": [to("Patient/me")] })), None);
    check(observation(json!({ "patient": to("Patient/me") })), None);
    check(observation(json!({ "extension": [{ "url": "http://x", "valueReference": to("Patient/me") }] })), None);
    check(observation(json!({ "subject": to("Group/g"), "focus": [to("Patient/me")] })), None);
    let encounter = json!({ "resourceType": "Encounter", "participant": [{ "individual": to("Patient/me") }] });
    check(encounter, None);
}

#[test]
fn b3_types_without_parameters_belong_to_nobody() {
    for name in ["Task", "Binary", "Device", "Location", "Medication", "Organization", "Practitioner", "Subscription"] {
        let resource_type = ResourceType::from_name(name).unwrap();
        assert!(!WAYS.contains_key(&resource_type), "{name}");
        for element in ["subject", "patient", "for", "focus"] {
            check(holding(resource_type, &[element], to("Patient/me")), None);
        }
    }
}

#[test]
fn b4_several_patients_are_nobodys() {
    check(observation(json!({ "subject": to("Patient/me"), "performer": [to("Patient/you")] })), None);
    check(observation(json!({ "subject": to("Patient/you"), "performer": [to("Patient/me")] })), None);
    let group = |members: Value| json!({ "resourceType": "Group", "member": members });
    check(group(json!([{ "entity": to("Patient/me") }, { "entity": to("Patient/you") }])), None);
    check(group(json!([{ "entity": to("Patient/me") }])), Some("me"));
    check(group(json!([])), None);
}

/// By whom a resource is judged is one question, of whom it tells another.
#[test]
fn f9_every_patient_of_every_way_is_named() {
    let check = |resource: Value, expect: &[&str]| {
        let (scanned, base) = (scanned(&resource), Base::new([OURS]));
        let found = patients_of(&scanned, &base);
        assert_eq!(found.iter().map(LocalId::reveal).collect::<Vec<_>>(), expect, "{resource}");
        assert!(patient_of(&scanned, &base).is_none_or(|one| found == [one]), "{resource}");
    };
    for (resource_type, ways) in WAYS.iter().filter(|(t, _)| **t != ResourceType::PATIENT) {
        for way in ways {
            let several = json!([to("Patient/me"), to("Patient/you"), to("Patient/me"), to("Device/d")]);
            check(holding(*resource_type, &way.path, several), &["me", "you"]);
        }
    }
    check(observation(json!({ "performer": [to("Patient/you")], "subject": to("Patient/me") })), &["me", "you"]);
    // A stranger beside them is named nowhere, and takes nobody away.
    check(observation(json!({ "performer": [to("https://other/Patient/x")], "subject": to("Patient/me") })), &["me"]);
    check(observation(json!({ "focus": [to("Patient/me")] })), &[]);
    check(json!({ "resourceType": "Patient", "id": "me", "link": [{ "other": to("Patient/you") }] }), &["me"]);
    check(json!({ "resourceType": "Organization", "id": "o" }), &[]);
}

#[test]
fn b5_a_patient_is_its_own_and_links_change_nothing() {
    let patient = |link: &str| json!({ "resourceType": "Patient", "id": "me", "link": [{ "other": to(link) }] });
    check(patient("Patient/you"), Some("me"));
    check(patient("https://other/Patient/you"), Some("me"));
    check(json!({ "resourceType": "Patient" }), None);
}

#[test]
fn b6_own_spellings_prove_membership() {
    for reference in
        ["Patient/me/_history/3", "https://localhost:8443/fhir/Patient/me", "HTTPS://localhost:8443/fhir/Patient/me"]
    {
        check(observation(json!({ "subject": to(reference) })), Some("me"));
    }
    check(
        observation(json!({ "subject": { "reference": "Patient/me", "type": "Patient", "display": "x" } })),
        Some("me"),
    );
    // The filter hands over JSON's escapes resolved.
    let escaped = r#"{"resourceType":"Observation","subject":{"reference":"P\u0061tient\/me"}}"#;
    let scanned = Scanned::of(escaped.as_bytes(), Limits::READ).unwrap();
    assert_eq!(patient_of(&scanned, &Base::default()).as_ref().map(LocalId::reveal), Some("me"));
}

/// What may mean another patient is alone no proof, and takes away what a second reference would prove.
const STRANGERS: &[&str] = &[
    r#"{"reference":"https://other/Patient/me"}"#,
    r#"{"reference":"http://localhost:8443/fhir/Patient/me"}"#,
    r#"{"reference":"urn:uuid:6c1e1b1c-4b0e-4f3c-9d7e-0c8f6a1d2b3a"}"#,
    r#"{"reference":"patient/me"}"#,
    r#"{"reference":"Patient?identifier=1"}"#,
    r##"{"reference":"#p1"}"##,
    r##"{"reference":"#none"}"##,
    r##"{"reference":"#"}"##,
    r#"{"reference":""}"#,
    r#"{"reference":7}"#,
    r#"{"reference":{"reference":"Patient/me"}}"#,
    r#"{"reference":"Patient/me","type":"Group"}"#,
    r#"{"reference":"Group/g1","type":"Patient"}"#,
    r#"{"reference":"Patient/me","type":"nonsense"}"#,
    r#"{"identifier":{"system":"urn:mrn","value":"me"}}"#,
    r#"{"identifier":{"system":"urn:mrn","value":"me"},"type":"Patient"}"#,
    r#"{"type":"Patient","display":"x"}"#,
    r#""Patient/me""#,
];

#[test]
fn b6_a_foreign_or_unclear_reference_never_proves_membership() {
    for stranger in STRANGERS {
        let stranger: Value = serde_json::from_str(stranger).unwrap();
        let contained = json!([{ "resourceType": "Patient", "id": "p1" }]);
        check(observation(json!({ "contained": contained, "subject": stranger })), None);
        check(
            observation(json!({ "contained": contained, "subject": stranger, "performer": [to("Patient/me")] })),
            None,
        );
        check(
            observation(json!({ "contained": contained, "subject": to("Patient/me"), "performer": [stranger] })),
            None,
        );
    }
}

#[test]
fn b6_a_subject_without_a_name_hides_a_patient() {
    for subject in [json!({ "display": "Jane" }), json!({}), json!({ "extension": [{ "url": "http://x" }] })] {
        check(observation(json!({ "subject": subject, "performer": [to("Patient/me")] })), None);
    }
}

#[test]
fn b6_what_is_certainly_no_patient_takes_nothing() {
    for performer in [
        to("https://other/Practitioner/d1"),
        to("Practitioner?identifier=http%3A%2F%2Fx|1"),
        json!({ "reference": "urn:uuid:6c1e1b1c-4b0e-4f3c-9d7e-0c8f6a1d2b3a", "type": "Practitioner" }),
        json!({ "identifier": { "value": "1" }, "type": "Organization" }),
        json!({ "identifier": { "value": "1" }, "type": "http://hl7.org/fhir/StructureDefinition/Organization" }),
        to("#d1"),
        json!({ "display": "Dr X" }),
    ] {
        let contained = json!([{ "resourceType": "Practitioner", "id": "d1" }]);
        check(
            observation(json!({ "contained": contained, "subject": to("Patient/me"), "performer": [performer] })),
            Some("me"),
        );
    }
}

#[test]
fn b7_a_contained_subject_never_grants() {
    let contained = |patients: Value| observation(json!({ "contained": patients, "subject": to("#me") }));
    check(contained(json!([{ "resourceType": "Patient", "id": "me" }])), None);
    check(contained(json!([{ "resourceType": "Patient", "id": "me" }, { "resourceType": "Group", "id": "me" }])), None);
    check(contained(json!([])), None);
}

#[test]
fn a_department_is_our_own_organization() {
    let base = Base::new([OURS]);
    let of = |organization: Value| {
        let patient = json!({ "resourceType": "Patient", "id": "me", "managingOrganization": organization });
        department_of(&scanned(&patient), &base)
    };
    assert_eq!(of(to("Organization/dept-oncology")).as_deref(), Some("dept-oncology"));
    assert_eq!(of(to("https://localhost:8443/fhir/Organization/dept-oncology")).as_deref(), Some("dept-oncology"));
    for other in ["Patient/dept-oncology", "https://other/Organization/dept-oncology", "#dept-oncology", ""] {
        assert_eq!(of(to(other)), None, "{other}");
    }
    assert_eq!(of(json!([to("Organization/a"), to("Organization/b")])), None);
    assert_eq!(of(json!({ "identifier": { "value": "dept-oncology" } })), None);
    let other = holding(ResourceType::CARE_TEAM, &["managingOrganization"], to("Organization/dept-oncology"));
    assert_eq!(department_of(&scanned(&other), &base), None);
}

#[test]
fn labels_are_bare_only_for_confidentiality() {
    let labels =
        |security: Value| labels_of(&scanned(&json!({ "resourceType": "Flag", "meta": { "security": security } })));
    let check = |coding: Value, expect: &str| assert_eq!(labels(json!([coding])), [expect], "{coding}");
    check(json!({ "system": CONFIDENTIALITY, "code": "R" }), "R");
    check(
        json!({ "system": CONFIDENTIALITY, "code": "r" }),
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|r",
    );
    check(json!({ "system": "http://x", "code": "N" }), "http://x|N");
    check(json!({ "code": "N" }), "|N");
    check(json!({ "system": "http://x" }), "http://x|");
    check(json!({ "system": "", "code": "N" }), "|N");
    check(json!({ "system": "http://x|y", "code": "z" }), "|");
    check(json!({ "system": "http://x", "code": "y|z" }), "|");
    check(json!({}), "|");
    check(json!("N"), "|");
    let both = json!([{ "system": CONFIDENTIALITY, "code": "N" }, { "system": CONFIDENTIALITY, "code": "V" }]);
    assert_eq!(labels(both), ["N", "V"]);
    assert_eq!(labels(json!([])), [""; 0]);
}

/// A raw comparison would take an escaped `R` for something else, and a permit for it as well.
#[test]
fn labels_are_compared_without_json_escapes() {
    let escaped = r#"{"resourceType":"Flag","meta":{"security":[{"system":"http:\/\/terminology.hl7.org\/CodeSystem\/v3-Confidentiality","code":"\u0052"}]}}"#;
    assert_eq!(labels_of(&Scanned::of(escaped.as_bytes(), Limits::READ).unwrap()), ["R"]);
}
