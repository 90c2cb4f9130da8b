//! What the upstream is asked is what was compiled (C6).

use super::{check, compile};
use crate::condition::{Condition, Modifier};
use crate::parameter;
use lexicon::{LocalId, ResourceType};
use proptest::prelude::*;
use serde_json::json;

fn observation() -> ResourceType {
    ResourceType::from_name("Observation").unwrap()
}

/// The query for the upstream, `name=value`.
fn rendered(of: ResourceType, query: &str) -> Option<String> {
    compile(of, query).unwrap().query().map(|(name, value)| format!("{name}={value}"))
}

#[track_caller]
fn renders(query: &str, expect: &str) {
    assert_eq!(rendered(observation(), query).as_deref(), Some(expect), "{query}");
}

#[test]
fn c6_one_spelling_goes_upstream() {
    for query in [
        "code=http://loinc.org|1-1,|bare,x,http://loinc.org|",
        "code:not=a,b",
        "code:text=body",
        "status:missing=true",
        "code:missing=false",
        "subject:missing=false",
        "value-quantity=gt5.40|http://unitsofmeasure.org|mg,5||mg,ne6",
        "date=ge2013-01-14T10:00:00+01:00,2013",
        r"value-string=a\,b,c",
        "value-string:contains=a",
        "subject=Patient/p1,p2",
        "subject:identifier=urn:mrn|7",
        "component-code-value-quantity=http://l|sys$gt100||mm",
        "based-on=CarePlan/a",
    ] {
        renders(query, query);
    }
    for (query, expect) in [
        ("value-quantity=eq5", "value-quantity=5"),
        ("date=eq2013", "date=2013"),
        ("date=ge2013-01-14T10:00", "date=ge2013-01-14T10:00Z"),
        ("subject:Patient=p1", "subject=Patient/p1"),
        ("patient=p1", "patient=Patient/p1"),
    ] {
        renders(query, expect);
    }
}

#[test]
fn c6_what_the_upstream_may_read_otherwise_stays_here() {
    for query in [
        "value-quantity=ap5",
        "component-code-value-quantity=x$ap5",
        "value-quantity=5,ap6",
        "subject=https://localhost:8443/fhir/Patient/p1",
        // Hidden members would count as presence.
        "code:missing=true",
        "subject:missing=true",
    ] {
        assert_eq!(rendered(observation(), query), None, "{query}");
    }
}

#[test]
fn resolved_conditions_name_their_resources() {
    let subject = parameter::find(observation(), "subject").unwrap();
    let id = |text: &str| LocalId::new(text).unwrap();
    let naming = Condition::naming(
        observation(),
        subject,
        &[(ResourceType::PATIENT, id("a")), (ResourceType::PATIENT, id("b"))],
    );
    assert_eq!(naming.query(), Some(("subject".to_owned(), "Patient/a,Patient/b".to_owned())));
    let ids = Condition::ids(observation(), &[id("a"), id("b")]);
    assert_eq!(ids.query(), Some(("_id".to_owned(), "a,b".to_owned())));
    assert!(ids == compile(observation(), "_id=a,b").unwrap() && ids.reads() == [["id"]]);
    for none in [Condition::naming(observation(), subject, &[]), Condition::ids(observation(), &[])] {
        assert!(none.is_never() && none.query().is_none() && !naming.is_never());
        let document = json!({ "resourceType": "Observation", "id": "a", "subject": { "reference": "Patient/a" } });
        let scanned = crate::Scanned::of(document.to_string().as_bytes(), crate::Limits::READ).unwrap();
        assert!(!none.matches(&scanned, &super::base()));
        assert!(naming.matches(&scanned, &super::base()) && ids.matches(&scanned, &super::base()));
    }
    check(&json!({ "resourceType": "Observation", "id": "a" }), "_id=b,a", true);
}

/// Any value of any parameter of a type, from pieces that mean something.
fn questions() -> impl Strategy<Value = (ResourceType, String, Modifier, String)> {
    let types = [
        "Observation",
        "Patient",
        "Condition",
        "MolecularSequence",
        "Library",
        "ChargeItem",
        "Group",
        "QuestionnaireResponse",
    ];
    let pieces = r"(ge|ne|ap)?(5|5\.40|2013|2013-01-14T10:00|Patient/p1|p1|true|http://x|a|é|\\,|\\\||\\\$|\\\\|\||\$|,|mg){1,6}";
    let modifiers = [
        Modifier::None,
        Modifier::Missing,
        Modifier::Exact,
        Modifier::Contains,
        Modifier::Text,
        Modifier::Not,
        Modifier::OfType,
        Modifier::Identifier,
        Modifier::Type(ResourceType::PATIENT),
    ];
    (
        prop::sample::select(types.to_vec()),
        any::<prop::sample::Index>(),
        prop::sample::select(modifiers.to_vec()),
        pieces,
    )
        .prop_map(|(name, at, modifier, value)| {
            let of = ResourceType::from_name(name).unwrap();
            (of, at.get(&parameter::all(of)).code.to_owned(), modifier, value)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    /// Compiling what was rendered gives the same condition.
    #[test]
    fn c6_what_goes_upstream_is_what_was_compiled((of, code, modifier, value) in questions()) {
        let parameter = parameter::find(of, &code).unwrap();
        let Ok(condition) = Condition::compile(of, parameter, modifier, &value) else { return Ok(()) };
        let Some((name, rendered)) = condition.query() else { return Ok(()) };
        let again = compile(of, &format!("{name}={rendered}"));
        prop_assert!(again.as_ref().is_ok_and(|again| *again == condition), "{of}?{name}={rendered} of {value}");
        prop_assert_eq!(again.unwrap().query(), Some((name, rendered)));
    }
}
