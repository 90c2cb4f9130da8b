//! References and URLs: what leads to one of ours, and what is only text.

use super::{check, observation};
use serde_json::json;

#[test]
fn b6_references_are_resolved_before_they_are_compared() {
    let of = |reference: &str| observation("subject", json!({ "reference": reference }));
    for reference in ["Patient/p1", "Patient/p1/_history/3", "https://up.example/r4/Patient/p1"] {
        for query in [
            "subject=Patient/p1",
            "subject=p1",
            "patient=p1",
            "patient=Patient/p1",
            "subject:Patient=p1",
            "subject:Patient=Patient/p1",
            "subject=https://localhost:8443/fhir/Patient/p1",
            "subject=Group/x,Patient/p1",
        ] {
            check(&of(reference), query, true);
        }
        for query in [
            "subject=Patient/p2",
            "subject=Group/p1",
            "subject:Group=p1",
            "subject=P1",
            "patient=Group/p1",
            "subject=https://other/Patient/p1",
        ] {
            check(&of(reference), query, false);
        }
    }
    for reference in ["https://other/Patient/p1", "#p1", "urn:uuid:p1", "patient/p1", "Patient?identifier=p1", "p1"] {
        for query in ["subject=p1", "subject=Patient/p1", "patient=p1", "subject=https://other/Patient/p1"] {
            check(&of(reference), query, false);
        }
    }
    check(&of("Group/p1"), "patient=p1", false);
    let contradicting = observation("subject", json!({ "reference": "Patient/p1", "type": "Group" }));
    check(&contradicting, "subject=Patient/p1", false);
}

#[test]
fn an_identifier_in_a_reference() {
    let logical =
        observation("subject", json!({ "identifier": { "system": "urn:mrn", "value": "7" }, "type": "Patient" }));
    for (query, expect) in [
        ("subject:identifier=urn:mrn|7", true),
        ("subject:identifier=7", true),
        ("patient:identifier=7", true),
        ("subject:identifier=urn:mrn|", true),
        ("subject:identifier=8", false),
        ("subject=7", false),
    ] {
        check(&logical, query, expect);
    }
    let untyped = observation("subject", json!({ "identifier": { "value": "7" } }));
    check(&untyped, "subject:identifier=7", true);
    check(&untyped, "patient:identifier=7", false);
}

#[test]
fn urls_are_compared_as_written() {
    let set = json!({ "resourceType": "ValueSet", "url": "http://acme.org/fhir/ValueSet/123" });
    check(&set, "url=http://acme.org/fhir/ValueSet/123", true);
    check(&set, "url=http://acme.org/fhir/ValueSet/", false);
    check(&set, "url=HTTP://acme.org/fhir/ValueSet/123", false);
    let answers = |url: &str| json!({ "resourceType": "QuestionnaireResponse", "questionnaire": url });
    for (found, query, expect) in [
        ("http://x/q", "questionnaire=http://x/q", true),
        ("http://x/q|2", "questionnaire=http://x/q", true),
        ("http://x/q|2", "questionnaire=http://x/q|2", true),
        ("http://x/q|2", "questionnaire=http://x/q|3", false),
        ("http://x/q", "questionnaire=http://x/q|2", false),
        ("http://x/qq", "questionnaire=http://x/q", false),
    ] {
        check(&answers(found), query, expect);
    }
    let library = json!({ "resourceType": "Library", "relatedArtifact": [
        { "type": "composed-of", "resource": "http://x/a" }, { "type": "depends-on", "resource": "http://x/b" }] });
    check(&library, "composed-of=http://x/a", true);
    check(&library, "composed-of=http://x/b", false);
    check(&library, "depends-on=http://x/b", true);
}
