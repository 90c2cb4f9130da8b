use super::*;
use crate::elements::{Elements, Holds, TypeId};

static TABLE: &str = include_str!("../../tables/search-parameters.tsv");
static README: &str = include_str!("../../tables/README.md");

fn lines() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

fn known(name: &str) -> ResourceType {
    ResourceType::from_name(name).unwrap()
}

fn fits(kind: Kind, datatype: Datatype) -> bool {
    match kind {
        Kind::Number => matches!(datatype, Datatype::Number | Datatype::Range),
        Kind::Date => matches!(datatype, Datatype::Moment | Datatype::Period | Datatype::Timing),
        Kind::String => matches!(datatype, Datatype::Word | Datatype::HumanName | Datatype::Address),
        Kind::Token => matches!(
            datatype,
            Datatype::Coding
                | Datatype::CodeableConcept
                | Datatype::Identifier
                | Datatype::ContactPoint
                | Datatype::Boolean
                | Datatype::StandingFlag
                | Datatype::StandingText
                | Datatype::Word
                | Datatype::Uri
        ),
        Kind::Reference => matches!(datatype, Datatype::Reference | Datatype::Canonical | Datatype::Uri),
        Kind::Quantity => matches!(datatype, Datatype::Quantity | Datatype::Money | Datatype::Range),
        Kind::Uri => matches!(datatype, Datatype::Uri | Datatype::Canonical),
        Kind::Composite | Kind::Special => false,
    }
}

#[test]
fn every_row_of_the_table_is_understood() {
    for line in lines() {
        let row = Row::parse(line).unwrap_or_else(|| panic!("{line}"));
        assert!(row.owner == "Resource" || ResourceType::from_name(row.owner).is_some(), "{line}");
        let kind = row.part.as_ref().map_or(row.kind, |part| part.kind);
        assert!(row.datatype.is_none_or(|datatype| fits(kind, datatype)), "{line}");
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!((fields.len(), row.target.is_none()), (7, fields[5].is_empty()), "{line}");
        let named =
            row.targets.split('|').all(|name| matches!(name, "" | "*") || ResourceType::from_name(name).is_some());
        assert!(named && (kind == Kind::Reference && row.datatype.is_some()) != row.targets.is_empty(), "{line}");
    }
}

/// The README says how many of R4's parameters are here; these are its numbers.
#[test]
fn as_many_parameters_as_the_readme_says() {
    let mut pairs: Vec<(&str, &str)> = lines().filter_map(Row::parse).map(|row| (row.owner, row.code)).collect();
    pairs.dedup();
    assert_eq!(pairs.len(), PARAMETERS.values().map(HashMap::len).sum::<usize>());
    assert!(README.contains(&format!("{} of 1706 pairs of type and parameter", pairs.len())), "{}", pairs.len());
    assert!(README.contains("1365 of 1375 definitions"));
    // The ten definitions that are left out.
    for (of, code) in [
        ("Resource", "_content"),
        ("Resource", "_query"),
        ("DomainResource", "_text"),
        ("Bundle", "composition"),
        ("Bundle", "message"),
        ("DocumentReference", "relationship"),
        ("Location", "near"),
        ("InsurancePlan", "phonetic"),
        ("Organization", "phonetic"),
        ("Patient", "phonetic"),
    ] {
        assert!(!pairs.contains(&(of, code)) && README.contains(&format!("`{code}`")), "{of}?{code}");
    }
    for (kind, count) in [
        (Kind::Composite, 71),
        (Kind::Date, 140),
        (Kind::Number, 6),
        (Kind::Quantity, 40),
        (Kind::Reference, 515),
        (Kind::Special, 0),
        (Kind::String, 193),
        (Kind::Token, 671),
        (Kind::Uri, 57),
    ] {
        let found = PARAMETERS.values().flat_map(HashMap::values).filter(|parameter| parameter.kind == kind).count();
        assert_eq!(found, count, "{kind:?}");
    }
}

/// Walks a place by the table of elements: is each step there, and an array where R4 has one?
fn follow(elements: &Elements, from: TypeId, steps: &[Step]) -> Option<Holds> {
    let mut holds = Holds::Complex(from);
    for step in steps {
        let Holds::Complex(owner) = holds else { return None };
        let element = elements.of(owner).element(step.name).filter(|element| element.many == step.many)?;
        holds = element.holds;
    }
    Some(holds)
}

#[test]
fn places_have_the_shape_of_their_elements() {
    let elements = Elements::r4().unwrap();
    for of in ResourceType::all() {
        let root = elements.named(of.name()).unwrap();
        for parameter in all(of) {
            for place in &parameter.places {
                let holds = follow(&elements, root, &place.steps);
                let is_simple = holds.is_some_and(|holds| !matches!(holds, Holds::Complex(_) | Holds::Resource));
                assert!(holds.is_some() && is_simple == place.datatype.is_simple(), "{of}?{}", parameter.code);
            }
            for context in &parameter.contexts {
                let Some(Holds::Complex(item)) = follow(&elements, root, &context.steps) else {
                    panic!("{of}?{}", parameter.code)
                };
                for place in context.parts.iter().flat_map(|part| &part.places) {
                    let from = if place.from_root { root } else { item };
                    assert!(follow(&elements, from, &place.steps).is_some(), "{of}?{}", parameter.code);
                }
            }
            let parts = parameter.contexts.first().map_or(0, |context| context.parts.len());
            assert_eq!(
                (parameter.kind == Kind::Composite, parts > 1),
                (parts > 0, parts > 0),
                "{of}?{}",
                parameter.code
            );
            assert!(parameter.contexts.iter().all(|context| context.parts.len() == parts), "{of}?{}", parameter.code);
        }
    }
}

#[test]
fn knows_parameters_by_type_and_exact_code() {
    let observation = known("Observation");
    let patient = find(observation, "patient").unwrap();
    assert_eq!(patient.reads(), [["subject", "reference"], ["subject", "type"]]);
    assert_eq!(patient.targets, [ResourceType::PATIENT]);
    assert_eq!(find(observation, "subject").unwrap().targets.len(), 4);
    assert_eq!(find(observation, "focus").unwrap().targets.len(), ResourceType::all().count());
    assert_eq!(find(observation, "combo-code").unwrap().places.len(), 2);
    assert_eq!(find(observation, "date").unwrap().places.len(), 4);
    assert!(find(observation, "code").unwrap().targets.is_empty());
    for code in [
        "code:not",
        "subject.name",
        "_has:Group:member:_id",
        "_filter",
        "_list",
        "_text",
        "_content",
        "_query",
        "_sort",
        "_type",
        "gender",
        "",
        "Code",
        "code ",
    ] {
        assert!(find(observation, code).is_none(), "{code}");
    }
}

#[test]
fn every_type_has_the_parameters_of_all_resources() {
    for of in ResourceType::all() {
        for (code, kind) in [
            ("_id", Kind::Token),
            ("_lastUpdated", Kind::Date),
            ("_profile", Kind::Uri),
            ("_security", Kind::Token),
            ("_source", Kind::Uri),
            ("_tag", Kind::Token),
        ] {
            assert_eq!(find(of, code).map(|parameter| parameter.kind), Some(kind), "{of}?{code}");
        }
        let all = all(of);
        assert!(all.iter().all(|parameter| find(of, parameter.code) == Some(*parameter)));
        assert!(all.is_sorted_by(|one, next| one.code < next.code));
    }
    assert_eq!(id(), find(ResourceType::PATIENT, "_id").unwrap());
}

/// Both halves of a code, the member that picks an item, and every part of a composite.
#[test]
fn c13_reads_name_every_simple_element() {
    let reads = |name: &str, code: &str| {
        let mut paths: Vec<String> =
            find(known(name), code).unwrap().reads().iter().map(|path| path.join(".")).collect();
        paths.sort();
        paths.join(" ")
    };
    assert_eq!(reads("Observation", "code"), "code.coding.code code.coding.system");
    assert_eq!(reads("Patient", "phone"), "telecom.system telecom.value");
    assert_eq!(reads("Patient", "deceased"), "deceasedBoolean deceasedDateTime");
    assert_eq!(reads("Patient", "name"), "name.family name.given name.prefix name.suffix name.text");
    assert_eq!(reads("Library", "depends-on"), "relatedArtifact.resource relatedArtifact.type");
    assert_eq!(
        reads("Observation", "component-code-value-quantity"),
        "component.code.coding.code component.code.coding.system component.valueQuantity.code \
         component.valueQuantity.comparator component.valueQuantity.system component.valueQuantity.unit \
         component.valueQuantity.value"
    );
    assert_eq!(
        reads("MolecularSequence", "chromosome-variant-coordinate"),
        "referenceSeq.chromosome.coding.code referenceSeq.chromosome.coding.system variant.end variant.start"
    );
}

#[test]
fn c3_a_reference_names_local_resources_of_its_type() {
    let document = br#"{"resourceType":"Observation","subject":{"reference":"Patient/a"},"performer":[
        {"reference":"Practitioner/b"},{"reference":"https://up.example/r4/Practitioner/b"},{"reference":"https://other/Practitioner/c"},
        {"reference":"PractitionerRole/d","type":"Practitioner"},{"display":"e"},{"reference":"PractitionerRole/f","type":"PractitionerRole"}]}"#;
    let scanned = Scanned::of(document, crate::Limits::READ).unwrap();
    let named = |code: &str| -> Vec<String> {
        let found = find(known("Observation"), code).unwrap().named(&scanned, &Base::new(["https://up.example/r4"]));
        found.iter().map(|(of, id)| format!("{of}/{}", id.reveal())).collect()
    };
    assert_eq!(named("subject"), ["Patient/a"]);
    assert_eq!(named("patient"), ["Patient/a"]);
    assert_eq!(named("performer"), ["Practitioner/b", "PractitionerRole/f"]);
    assert!(named("encounter").is_empty() && named("code").is_empty());
}
