//! Tests of [`Engine::decide`](crate::Engine::decide) and of verdicts, one claim each. Compiled for tests only.

use crate::scene::{
    NOW, SURE, UNSURE, engine, facts, id, kind, person, question, starter, step_up, strings, works_in,
};
use crate::{Engine, Sources};
use lexicon::{
    Action, Assurance, Facts, Halt, Judge, Kind, Principal, Question, Reason, Relationship, ResourceType, Verdict,
};

fn check(policies: &str, question: &Question, facts: &Facts, expected: &Verdict) {
    let plan = engine(policies).decide(question, &works_in(&["team-p001"])).expect("a plan");
    assert_eq!(plan.judge(facts), *expected, "{policies}");
}

fn refused(policies: &str, question: &Question) -> Halt {
    engine(policies).decide(question, &works_in(&["team-p001"])).expect_err("a refusal")
}

fn starter_engine() -> Engine {
    Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"))
}

fn nurse_reads_patient() -> Question {
    question(person(&["nurse"]), Action::Read, "Patient")
}

#[test]
fn a_nurse_reads_a_patient_of_hers() {
    let plan = starter_engine().decide(&nurse_reads_patient(), &works_in(&["team-p001"])).expect("a plan");
    assert_eq!(plan.policies(), ["nurse-reads-own-care-team"]);
    let expected = Verdict::Permit {
        groups: strings(&["default", "contact"]),
        policies: strings(&["nurse-reads-own-care-team"]),
    };
    assert_eq!(plan.judge(&facts("Patient")), expected);
}

#[test]
fn a_stranger_to_the_patient_is_told_nothing() {
    let plan = starter_engine().decide(&nurse_reads_patient(), &works_in(&["team-p002"])).expect("a plan");
    let expected = Verdict::Refuse { reason: Reason::RelationshipNone, policies: Vec::new() };
    assert_eq!(plan.judge(&facts("Patient")), expected);
}
