//! Tests of [`Engine::explain`]. Compiled for tests only.

use crate::scene::{UNSURE, engine, facts, person, question, starter, strings, works_in};
use crate::{Class, Engine, Explanation, Standing};
use lexicon::{Action, Facts, Principal, Question, Reason, Relationship, Verdict};

fn starter_engine() -> Engine {
    Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"))
}

fn explained(principal: Principal, resource_type: &str, facts: Option<&Facts>) -> Explanation {
    let asked: Question = question(principal, Action::Read, resource_type);
    starter_engine().explain(&asked, &works_in(&["team-p001"]), facts)
}

/// What would change it, and what is said of each policy: `permit id: standing`.
fn check(explanation: &Explanation, changes: &[&str], standings: &[&str]) {
    assert_eq!(explanation.changes, changes);
    let said = explanation.policies.iter().map(|policy| {
        let standing = match &policy.standing {
            Standing::Applies => "applies",
            Standing::DoesNotApply => "no",
            Standing::Errs => "errs",
            Standing::Depends { met: Some(true), .. } => "met",
            Standing::Depends { met: Some(false), .. } => "not met",
            Standing::Depends { met: None, .. } => "depends",
        };
        format!("{} {}: {standing}", policy.effect, policy.id)
    });
    let said: Vec<String> = said.filter(|said| !said.ends_with(": no")).collect();
    assert_eq!(said, standings);
}

#[test]
fn a_permit() {
    let explanation = explained(person(&["nurse"]), "Patient", Some(&facts("Patient")));
    assert!(matches!(&explanation.verdict, Some(Verdict::Permit { .. })));
    check(&explanation, &[], &["permit nurse-reads-own-care-team: met", "forbid only-known-labels: not met"]);
    let granted =
        |name: &str| explanation.groups.iter().find(|group| group.name == name).and_then(|group| group.granted);
    assert_eq!((granted("default"), granted("contact")), (Some(true), Some(true)));
}

#[test]
fn a_patient_of_another_nurse() {
    let other = Facts { care_teams: strings(&["team-p009"]), ..facts("Patient") };
    let explanation = explained(person(&["nurse"]), "Patient", Some(&other));
    let change = "a care team of the patient in which the caller works";
    check(&explanation, &[change], &["permit nurse-reads-own-care-team: not met", "forbid only-known-labels: not met"]);
    let told = explanation.to_string();
    assert!(told.contains("may see: no, relationship.none (no policy permits it)"), "{told}");
    assert!(told.contains("the caller is shown: 404 resource.not-found"), "{told}");
    assert!(told.contains("[\"team-p001\"].containsAny(resource.care_teams)"), "{told}");
}

#[test]
fn a_label() {
    let restricted = Facts { labels: strings(&["R"]), ..facts("Patient") };
    let explanation = explained(person(&["nurse"]), "Patient", Some(&restricted));
    let expected = ["permit nurse-reads-own-care-team: met", "forbid only-known-labels: met"];
    check(&explanation, &["no security label but N"], &expected);
}

#[test]
fn without_a_resource_conditions_stay_open() {
    let explanation = explained(person(&["nurse"]), "Patient", None);
    assert!(explanation.verdict.is_none());
    check(&explanation, &[], &["permit nurse-reads-own-care-team: depends", "forbid only-known-labels: depends"]);
    assert!(explanation.to_string().contains("element groups that may be granted: default, contact"));
}

#[test]
fn a_class_that_nobody_permits_to_this_role() {
    let explanation = explained(person(&["support"]), "Observation", Some(&facts("Observation")));
    assert!(matches!(&explanation.class, Class::Refused(halt) if halt.reason == Reason::PolicyRefused));
    let changes =
        ["the role `nurse` (nurse-reads-own-care-team)", "the role `physician` (physician-reads-own-care-team)"];
    check(&explanation, &changes, &["forbid only-known-labels: not met"]);
}

#[test]
fn a_missing_factor() {
    let explanation = explained(Principal { assurance: UNSURE, ..person(&["nurse"]) }, "Patient", None);
    let change = "sign in again with urn:lazaret:acr:mfa within the last 43200 s";
    let expected = [
        "permit nurse-reads-own-care-team: depends",
        "forbid only-known-labels: depends",
        "forbid phi-needs-a-second-factor: applies",
    ];
    check(&explanation, &[change], &expected);
}

#[test]
fn a_policy_that_cannot_be_evaluated() {
    let errs = "@id(\"errs\") forbid (principal is Lazaret::Person, action, resource)
        when { context.assurance + 9223372036854775807 > 0 };";
    let asked = question(person(&[]), Action::Read, "Patient");
    let explanation = engine(errs).explain(&asked, &Relationship::default(), None);
    check(&explanation, &[], &["forbid errs: errs"]);
    assert!(explanation.to_string().contains("forbid errs (test.cedar:1): cannot be evaluated"));
}
