mod generated;
mod starter;

use super::*;
use crate::filter::{Filter, Limits};
use crate::reference::Base;
use crate::request::Parameters;

const STARTER: &str = include_str!("../../../../policies/projections.toml");

fn of(name: &str) -> ResourceType {
    ResourceType::from_name(name).unwrap()
}

/// Types and their groups, `?` after one that is shown with some resources only.
type Grants<'a> = &'a [(&'a str, &'a [&'a str])];

/// Somebody like a nurse: contacts and context of her own care team, identifiers never, prices never.
const NURSE: Grants<'_> = &[
    ("Patient", &["contact?", "demographics", "care"]),
    ("Observation", &["context?", "method", "related"]),
    ("Condition", &["context?", "findings"]),
    ("Encounter", &["team", "stay?"]),
    ("CareTeam", &["details"]),
    ("Practitioner", &[]),
    ("Organization", &["contact?"]),
];

fn surface<'p>(projections: &'p Projections, grants: Grants<'_>) -> Surface<'p> {
    let mut surface = Surface::new(projections);
    for (name, groups) in grants {
        let groups: Vec<(String, Shown)> = groups.iter().map(|group| shown(group)).collect();
        surface.add(of(name), &groups);
    }
    surface
}

fn shown(group: &str) -> (String, Shown) {
    match group.strip_suffix('?') {
        Some(name) => (name.to_owned(), Shown::Sometimes),
        None => (group.to_owned(), Shown::Always),
    }
}

fn admits(surface: &Surface<'_>, text: &str) -> Result<(), Reason> {
    let (searched, query) = text.split_once('?').unwrap();
    surface.admits(&Search::parse(of(searched), &Parameters::parse(query)?)?)
}

/// Each may be asked, or is refused with that code.
#[track_caller]
fn check(surface: &Surface<'_>, text: &str, expect: &str) {
    let found = admits(surface, text).map_or_else(Reason::code, |()| "ok");
    assert_eq!(found, expect, "{text}");
}

fn check_nurse(cases: &[(&str, &str)]) {
    let projections = Projections::load(STARTER).unwrap();
    let surface = surface(&projections, NURSE);
    cases.iter().for_each(|(text, expect)| check(&surface, text, expect));
}

const HIDDEN: &str = "parameter.observes-hidden";
const CHAIN: &str = "parameter.chain-not-permitted";
const INCLUDE: &str = "include.not-permitted";

#[test]
fn what_is_shown_may_be_asked() {
    check_nurse(&[
        ("Patient?", "ok"),
        ("Patient?_id=a", "ok"),
        ("Patient?family=x&given=y&birthdate=ge1980&gender=male&deceased=true", "ok"),
        ("Patient?phone=1", "ok"),
        ("Patient?address-city=x", "ok"),
        ("Observation?code=x&value-quantity=gt5&date=2020&subject=Patient/a", "ok"),
        ("Observation?performer=Practitioner/a", "ok"),
        ("Observation?code-value-quantity=a$5", "ok"),
        ("Observation?combo-code=x", "ok"),
    ]);
}

#[test]
fn c13_a_range_a_part_or_a_composite_on_a_hidden_element_is_refused() {
    check_nurse(&[
        ("Patient?identifier=x", HIDDEN),
        ("Patient?organization=x", HIDDEN),
        ("Patient?link=x", HIDDEN),
        ("Condition?recorded-date=gt2020&identifier=x", HIDDEN),
        ("Encounter?length=gt5", "ok"),
        ("Encounter?account=x", HIDDEN),
        ("Practitioner?phone=1", HIDDEN),
        ("Practitioner?gender=male", HIDDEN),
        ("Practitioner?address:contains=x", HIDDEN),
    ]);
    let projections = Projections::load(
        r#"Observation = { default = ["id", "code", "component.code", "subject"], x = ["valueQuantity.value"] }"#,
    )
    .unwrap();
    let bare = surface(&projections, &[("Observation", &[])]);
    check(&bare, "Observation?code=x", "ok");
    check(&bare, "Observation?combo-code=x", "ok");
    for query in [
        "value-quantity=gt5",
        "code-value-quantity=a$gt5",
        "component-code-value-quantity=a$5",
        "combo-code-value-quantity=a$5",
    ] {
        check(&bare, &format!("Observation?{query}"), HIDDEN);
    }
    // A number without its unit is not all that a comparison looks at.
    check(&surface(&projections, &[("Observation", &["x"])]), "Observation?value-quantity=gt5", HIDDEN);
}

#[test]
fn c14_absence_of_a_hidden_element_is_hidden() {
    check_nurse(&[
        ("Patient?gender:missing=true", "ok"),
        ("Patient?phone:missing=true", "ok"),
        ("Patient?identifier:missing=true", HIDDEN),
        ("Patient?identifier:missing=false", HIDDEN),
        ("Encounter?account:missing=true", HIDDEN),
    ]);
}

#[test]
fn c8_no_modifier_opens_what_is_hidden() {
    let projections = Projections::load(STARTER).unwrap();
    let surface = surface(&projections, NURSE);
    let mut refused = 0;
    for (searched, code) in [
        ("Patient", "identifier"),
        ("Practitioner", "email"),
        ("Practitioner", "address"),
        ("Encounter", "account"),
        ("Patient", "organization"),
    ] {
        for modifier in [
            "",
            ":missing",
            ":exact",
            ":contains",
            ":text",
            ":not",
            ":in",
            ":not-in",
            ":above",
            ":below",
            ":of-type",
            ":identifier",
            ":Organization",
            ":Account",
        ] {
            for value in ["true", "a", "a|b|c"] {
                let found = admits(&surface, &format!("{searched}?{code}{modifier}={value}")).unwrap_err();
                let expected =
                    matches!(found, Reason::ParameterHidden | Reason::ParameterModifier | Reason::ParameterValue);
                assert!(expected, "{code}{modifier}={value}: {found}");
                refused += usize::from(found == Reason::ParameterHidden);
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn c12_an_order_needs_what_is_always_shown() {
    check_nurse(&[
        ("Patient?_sort=family,-birthdate", "ok"),
        ("Patient?_sort=_id", "ok"),
        ("Patient?_sort=phone", HIDDEN),
        ("Patient?_sort=family,address-city", HIDDEN),
        ("Patient?_sort=identifier", HIDDEN),
        ("Patient?_sort=_lastUpdated", HIDDEN),
        ("Condition?_sort=recorded-date", HIDDEN),
        ("Observation?_sort=-date", "ok"),
    ]);
    let projections = Projections::load(STARTER).unwrap();
    let always = surface(&projections, &[("Patient", &["contact", "department"])]);
    check(&always, "Patient?_sort=phone", "ok");
    // What a reference holds is not always shown.
    check(&always, "Patient?_sort=organization", HIDDEN);
    check(&always, "Patient?organization=x", "ok");
}

#[test]
fn c1_a_chain_needs_the_reference_the_type_and_the_element_at_its_end() {
    check_nurse(&[
        ("Observation?patient.family=x", "ok"),
        ("Observation?patient.phone=x", "ok"),
        ("Observation?patient.identifier=x", HIDDEN),
        ("Observation?encounter.status=x", "ok"),
        ("Observation?performer:Practitioner.name=x", "ok"),
        ("Observation?performer:Practitioner.email=x", HIDDEN),
        ("Observation?performer:PractitionerRole.role=x", CHAIN),
        ("Observation?subject:Group.type=person", CHAIN),
        ("Patient?organization.name=x", CHAIN),
        ("Patient?general-practitioner:Organization.name=x", "ok"),
        ("Observation?patient.general-practitioner:Organization.address-city=x", "ok"),
        ("Observation?patient.organization.name=x", CHAIN),
        ("Observation?patient.general-practitioner:Organization.identifier=x", HIDDEN),
    ]);
}

#[test]
fn c2_g1_a_has_is_judged_where_it_leads() {
    check_nurse(&[
        ("Patient?_has:Observation:patient:code=x", "ok"),
        ("Patient?_has:Observation:patient:identifier=x", HIDDEN),
        ("Patient?_has:Coverage:beneficiary:status=x", CHAIN),
        ("Patient?_has:MedicationRequest:patient:code=x", CHAIN),
        ("Practitioner?_has:Patient:general-practitioner:family=x", "ok"),
        ("Organization?_has:Patient:organization:family=x", CHAIN),
        ("Patient?_has:Observation:patient:_has:DiagnosticReport:result:code=x", CHAIN),
        ("Patient?_has:Observation:patient:_has:Observation:derived-from:code=x", "ok"),
        ("Patient?_has:Observation:patient:performer:Practitioner.email=x", HIDDEN),
        ("Observation?patient._has:Condition:subject:code=x", "ok"),
        ("Observation?patient._has:Claim:patient:status=x", CHAIN),
    ]);
}

#[test]
fn c3_g1_an_include_needs_the_reference_and_a_type_it_leads_to() {
    check_nurse(&[
        ("Observation?_include=Observation:patient", "ok"),
        ("Observation?_include=Observation:subject:Patient", "ok"),
        // Of its types some may be searched: those are included.
        ("Observation?_include=Observation:subject", "ok"),
        ("Observation?_include=Observation:subject:Device", INCLUDE),
        ("Observation?_include=Observation:performer:Practitioner", "ok"),
        ("Patient?_include=Patient:organization", INCLUDE),
        ("Patient?_include=Patient:general-practitioner:Organization", "ok"),
        ("Patient?_include=Patient:general-practitioner", "ok"),
        ("Observation?_include=Observation:patient&_include:iterate=Patient:organization", INCLUDE),
        ("Observation?_include=Observation:patient&_include:iterate=Patient:general-practitioner:Organization", "ok"),
        ("Patient?_revinclude=Observation:patient", "ok"),
        ("Patient?_revinclude=Coverage:beneficiary", INCLUDE),
        ("Organization?_revinclude=Patient:organization", INCLUDE),
        ("Patient?_revinclude:iterate=Provenance:target", INCLUDE),
        ("Observation?_include:iterate=MedicationRequest:patient", INCLUDE),
    ]);
}

#[test]
fn c3_an_include_that_leads_nowhere_is_refused() {
    let projections = Projections::load(STARTER).unwrap();
    let alone = surface(&projections, &[("Observation", &["context"])]);
    check(&alone, "Observation?_include=Observation:subject", INCLUDE);
    check(&alone, "Observation?_include=Observation:performer", INCLUDE);
    let with_one = surface(&projections, &[("Observation", &["context"]), ("Practitioner", &[])]);
    check(&with_one, "Observation?_include=Observation:subject", INCLUDE);
    check(&with_one, "Observation?_include=Observation:performer", "ok");
    // The reference itself is hidden.
    let hidden = surface(&projections, &[("Observation", &[]), ("Practitioner", &[])]);
    check(&hidden, "Observation?_include=Observation:performer", INCLUDE);
}

#[test]
fn c4_labels_are_searched_only_where_they_are_shown() {
    check_nurse(&[
        ("Observation?_security=R", "ok"),
        ("Observation?_security:not=R", "ok"),
        ("Observation?_tag=x", HIDDEN),
        ("Observation?_profile=http://x", HIDDEN),
        ("Observation?_source=http://x", HIDDEN),
    ]);
    let projections = Projections::load(r#"Observation = { default = ["id", "code"] }"#).unwrap();
    let bare = surface(&projections, &[("Observation", &[])]);
    check(&bare, "Observation?_security=R", HIDDEN);
    check(&bare, "Observation?_security:missing=true", HIDDEN);
}

#[test]
fn c19_a_type_that_was_not_added_is_not_searched() {
    check_nurse(&[("Coverage?", "policy.refused"), ("Coverage?_id=a", "policy.refused"), ("Task?", "policy.refused")]);
}

#[test]
fn c10_less_of_an_answer_is_no_way_around() {
    check_nurse(&[
        ("Patient?_elements=identifier", "ok"),
        ("Patient?_summary=text", "ok"),
        ("Patient?_elements=identifier&identifier=x", HIDDEN),
        ("Patient?_summary=count&identifier=x", HIDDEN),
        ("Patient?_count=0&identifier=x", HIDDEN),
        ("Patient?_total=accurate&_sort=identifier", HIDDEN),
    ]);
}

/// Decision 31: dates of change tell of what is hidden.
#[test]
fn c12_dates_of_change_are_asked_where_named_and_never_sorted_by() {
    check_nurse(&[
        ("Patient?_lastUpdated=gt2020", "ok"),
        ("Patient?_sort=-_lastUpdated", HIDDEN),
        // No group of the starter names that one.
        ("Patient?_source=x", HIDDEN),
    ]);
    let projections =
        Projections::load(r#"Patient = { default = ["id", "meta", "name"], x = ["birthDate"] }"#).unwrap();
    let all = surface(&projections, &[("Patient", &["x"])]);
    check(&all, "Patient?_lastUpdated=gt2020", "ok");
    check(&all, "Patient?_sort=_lastUpdated", HIDDEN);
    check(&all, "Patient?_sort=birthdate", "ok");
    let row = all.list(of("Patient")).into_iter().find(|row| row.name == "_lastUpdated").unwrap();
    assert_eq!(row.standing, Standing::WhereShown);

    let shown = projections.compile(of("Patient"), &[]);
    let path = |names: &[&'static str]| vec![names.to_vec()];
    let reads = |reads: Vec<Path>, withheld| Surface::reads_shown(&reads, &shown, || withheld);
    assert!(reads(path(&["meta", "lastUpdated"]), 0));
    assert!(!reads(path(&["meta", "lastUpdated"]), 1));
    assert!(!reads(path(&["meta", "versionId"]), 1));
    assert!(reads(path(&["name", "family"]), 1));
    assert!(!reads(path(&["birthDate"]), 0));
    assert!(!reads(vec![vec!["name", "family"], vec!["birthDate"]], 0));
}

/// What does not say what it looks at may look at anything.
#[test]
fn c13_what_looks_at_nothing_known_is_refused() {
    let projections = Projections::load(STARTER).unwrap();
    let surface = surface(&projections, NURSE);
    assert!(surface.look(of("Patient"), &[], Need::Ever).is_refused());
    assert!(surface.look(of("Patient"), &[], Need::Always).is_refused());
    let shown = projections.compile(of("Patient"), &[]);
    assert!(!Surface::reads_shown(&[], &shown, || 0));
}

/// Of a link only what is relative is shown; a condition would tell of the rest.
#[test]
fn c13_a_link_is_not_searched_even_where_it_is_named() {
    let projections = Projections::load(r#"DocumentReference = { default = ["id", "content", "status"] }"#).unwrap();
    let surface = surface(&projections, &[("DocumentReference", &[])]);
    check(&surface, "DocumentReference?status=current&language=en", "ok");
    check(&surface, "DocumentReference?location=https://elsewhere/x", HIDDEN);
    check(&surface, "DocumentReference?_sort=location", HIDDEN);
}

/// G2, C6: the ways into a compartment count as far as they are shown, and what else is asked is judged beside them.
#[test]
fn g2_membership_is_judged_by_what_is_shown_of_it() {
    let ask = |surface: &Surface<'_>, line: &str| {
        let asked = crate::request::parse(crate::request::Line::read(line)).unwrap();
        surface.admits(&asked.search.unwrap())
    };
    let projections = Projections::load(STARTER).unwrap();
    let nurse = surface(&projections, NURSE);
    assert_eq!(ask(&nurse, "GET /Patient/p/Observation"), Ok(()));
    assert_eq!(ask(&nurse, "GET /Patient/p/Observation?subject=Patient/p,Group/x"), Ok(()));
    assert_eq!(ask(&nurse, "GET /Patient/p/Observation?identifier=x"), Err(Reason::ParameterHidden));
    assert_eq!(ask(&nurse, "GET /Patient/p/Patient"), Ok(()));
    assert_eq!(ask(&nurse, "GET /Patient/p/Coverage"), Err(Reason::PolicyRefused));

    let projections = Projections::load(
        "Observation = { default = [\"id\", \"code\"], x = [\"subject\"] }\nPatient = { default = [\"name\"] }",
    )
    .unwrap();
    assert_eq!(ask(&surface(&projections, &[("Observation", &["x"])]), "GET /Patient/p/Observation"), Ok(()));
    assert_eq!(
        ask(&surface(&projections, &[("Observation", &[])]), "GET /Patient/p/Observation"),
        Err(Reason::ParameterHidden)
    );
    // Where ids are hidden they are hidden.
    assert_eq!(
        ask(&surface(&projections, &[("Patient", &[])]), "GET /Patient/p/Patient"),
        Err(Reason::ParameterHidden)
    );
}

#[test]
fn an_obstacle_names_the_first_hidden_element() {
    let projections = Projections::load(STARTER).unwrap();
    let rows = surface(&projections, NURSE).list(of("Patient"));
    let check = |name: &str, expect: &str| {
        let row = rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("{name}"));
        let found = match &row.standing {
            Standing::Allowed => "allowed".to_owned(),
            Standing::WhereShown => "where shown".to_owned(),
            Standing::Refused(obstacle) => obstacle.to_string(),
        };
        assert_eq!(found, expect, "{name}");
    };
    check("family", "allowed");
    check("family:exact", "allowed");
    check("phone", "where shown");
    check("_sort=family", "allowed");
    check("_sort=phone", "Patient.telecom.value");
    check("identifier", "Patient.identifier.system");
    check("organization:Organization.", "Patient.managingOrganization.reference");
    check("general-practitioner:Organization.", "allowed");
    check("general-practitioner:PractitionerRole.", "PractitionerRole");
    check("_has:Observation:patient:", "allowed");
    check("_has:Coverage:beneficiary:", "Coverage");
    check("_revinclude=Coverage:beneficiary", "Coverage");
    check("_revinclude=Condition:asserter", "where shown");
    check("_include=Patient:general-practitioner:Practitioner", "allowed");
    check("_include=Patient:link:RelatedPerson", "Patient.link.other.reference");
}

/// The projection of a resource, as text.
fn projected(projection: &Projection, text: &str) -> String {
    let mut filter = Filter::new(Limits { bytes: 1 << 16, depth: 32 });
    filter.push(text.as_bytes()).unwrap();
    let base = Base::new(["https://localhost/fhir"]);
    String::from_utf8(filter.finish().unwrap().project(projection, &base).into_bytes()).unwrap()
}

/// The kinds that have an order.
const SORTED: &[&str] = &["number", "date", "string", "token", "reference", "quantity", "uri"];
