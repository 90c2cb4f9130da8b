//! Tests of [`Engine::decide`] and of verdicts, one claim each. Compiled for tests only.

use crate::Engine;
use crate::plan::Examiner;
use crate::scene::{NOW, SURE, UNSURE, engine, facts, id, person, question, starter, step_up, strings, works_in};
use lexicon::{Action, Assurance, Facts, Halt, Judge, Kind, Principal, Question, Reason, Relationship, Verdict};

const READ: &str = "@id(\"permit-read\") permit (principal, action == Lazaret::Action::\"read\", resource);";
const READ_AND_VIEW: &str = "@id(\"permit-all\")
permit (principal, action in [Lazaret::Action::\"read\", Lazaret::Action::\"view\"], resource);";

/// What a nurse of team p001 is told of that resource: the reason, or the groups.
fn check(policies: &[&str], facts: &Facts, expected: &Result<Vec<String>, Reason>) {
    let engine = engine(&policies.join("\n"));
    let asked = question(person(&["nurse"]), Action::Read, facts.resource_type.name());
    let plan = engine.decide(&asked, &works_in(&["team-p001"])).expect("a plan");
    for examiner in [None, Some(Examiner::Cedar)] {
        let told = match plan.verdict(facts, examiner) {
            Verdict::Permit { groups, .. } => Ok(groups),
            Verdict::Refuse { reason, .. } => Err(reason),
        };
        assert_eq!(told, *expected, "{policies:?} by {examiner:?}");
    }
}

fn halted(policies: &[&str], asked: &Question) -> Halt {
    engine(&policies.join("\n")).decide(asked, &works_in(&["team-p001"])).expect_err("a refusal")
}

fn starter_engine() -> Engine {
    Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"))
}

fn nurse() -> Question {
    question(person(&["nurse"]), Action::Read, "Patient")
}

fn labelled(labels: &[&str]) -> Facts {
    Facts { labels: strings(labels), ..facts("Patient") }
}

#[test]
fn a_nurse_reads_a_patient_of_hers() {
    let plan = starter_engine().decide(&nurse(), &works_in(&["team-p001"])).expect("a plan");
    assert_eq!(plan.policies(), ["nurse-reads-own-care-team"]);
    let groups = strings(&["default", "contact"]);
    let policies = strings(&["nurse-reads-own-care-team"]);
    assert_eq!(plan.judge(&facts("Patient")), Verdict::Permit { groups, policies });
}

#[test]
fn another_nurses_patient_is_refused_for_want_of_a_relationship() {
    // A team of another patient, and no team at all: the same answer, so a failed lookup tells nothing.
    for relationship in [works_in(&["team-p002"]), Relationship::default()] {
        let plan = starter_engine().decide(&nurse(), &relationship).expect("a plan");
        let expected = Verdict::Refuse { reason: Reason::RelationshipNone, policies: Vec::new() };
        assert_eq!(plan.judge(&facts("Patient")), expected);
    }
}

#[test]
fn starter_plans_are_compiled_to_the_last_policy() {
    let engine = starter_engine();
    for role in ["nurse", "physician", "support", "billing", "patient"] {
        let mut principal = person(&[role]);
        principal.department = Some("dept-cardiology".to_owned());
        principal.patient = Some(id("p001"));
        let plan = engine.decide(&question(principal, Action::Read, "Patient"), &works_in(&["team-p001"]));
        assert!(!plan.expect("a plan").is_opaque(), "{role}");
    }
}

/// Trap: without the schema's action entities Cedar does not know that an action is in a group, and skips the forbid.
#[test]
fn a_forbid_on_a_group_of_actions_is_not_skipped() {
    let all = strings(&["default", "contact", "identifiers", "demographics"]);
    check(&[READ_AND_VIEW], &facts("Patient"), &Ok(all));
    let forbid = "@id(\"no-views\") forbid (principal, action in Lazaret::Action::\"view\", resource);";
    check(&[READ_AND_VIEW, forbid], &facts("Patient"), &Ok(strings(&["default"])));
    let forbid = "@id(\"no-views\") forbid (principal, action, resource)
        when { action in Lazaret::Action::\"view:Patient\" && resource.labels.contains(\"R\") };";
    check(&[READ_AND_VIEW, forbid], &labelled(&["R"]), &Ok(strings(&["default"])));
    let all = strings(&["default", "contact", "identifiers", "demographics"]);
    check(&[READ_AND_VIEW, forbid], &labelled(&["N"]), &Ok(all));
}

/// Trap: a forbid that errs is skipped by Cedar, which is a permit. Any error refuses.
#[test]
fn a_forbid_that_errs_refuses() {
    let errs = "@id(\"errs\") forbid (principal, action, resource)
        when { context.assurance + 9223372036854775807 > 0 };";
    let halt = halted(&[READ, errs], &nurse());
    assert_eq!((halt.reason, halt.policies), (Reason::PolicyError, strings(&["errs"])));

    let errs_on_some = "@id(\"errs\") forbid (principal, action, resource)
        when { resource.labels.contains(\"R\") && context.assurance + 9223372036854775807 > 0 };";
    check(&[READ, errs_on_some], &labelled(&["N"]), &Ok(strings(&["default"])));
    check(&[READ, errs_on_some], &labelled(&["R"]), &Err(Reason::PolicyErrorHidden));
}

/// The same of a permit: what cannot be evaluated is not understood.
#[test]
fn a_permit_that_errs_refuses() {
    let errs = "@id(\"errs\") permit (principal, action == Lazaret::Action::\"read\", resource)
        when { resource.labels.contains(\"R\") && context.assurance + 9223372036854775807 > 0 };";
    check(&[READ, errs], &labelled(&["R"]), &Err(Reason::PolicyErrorHidden));
    let group = errs.replace("\"read\"", "\"view:Patient.contact\"");
    check(&[READ, &group], &labelled(&["R"]), &Err(Reason::PolicyErrorHidden));
}

/// The part about the type is false for every Patient; the error before it is met all the same.
#[test]
fn a_decided_part_does_not_hide_an_error_before_it() {
    let errs = "@id(\"errs\") forbid (principal, action, resource)
        when { resource.labels.contains(\"R\") && context.assurance + 9223372036854775807 > 0 }
        when { resource.type == \"Observation\" };";
    check(&[READ, errs], &labelled(&["N"]), &Ok(strings(&["default"])));
    check(&[READ, errs], &labelled(&["R"]), &Err(Reason::PolicyErrorHidden));
}

/// Even where nothing but the error is left of a group.
#[test]
fn an_error_about_a_group_that_nobody_may_see_refuses() {
    let errs = "@id(\"errs\") forbid (principal, action in Lazaret::Action::\"view\", resource)
        when { resource.labels.contains(\"R\") && context.assurance + 9223372036854775807 > 0 };";
    check(&[READ, errs], &labelled(&["N"]), &Ok(strings(&["default"])));
    check(&[READ, errs], &labelled(&["R"]), &Err(Reason::PolicyErrorHidden));
}

#[test]
fn a_forbid_wins_over_every_permit() {
    let forbid = "@id(\"f\") forbid (principal, action, resource) when { resource.labels.contains(\"R\") };";
    check(&[READ, forbid], &labelled(&["R"]), &Err(Reason::PolicyForbidden));
    check(&[READ, forbid], &labelled(&["N"]), &Ok(strings(&["default"])));
}

#[test]
fn a_forbid_gives_its_own_reason() {
    let plain = "@id(\"a\") forbid (principal, action, resource) when { resource.labels.contains(\"R\") };";
    let own = "@id(\"b\") @reason(\"label.not-cleared\")
        forbid (principal, action, resource) when { resource.labels.contains(\"R\") };";
    check(&[READ, own], &labelled(&["R"]), &Err(Reason::LabelNotCleared));
    check(&[READ, plain, own], &labelled(&["R"]), &Err(Reason::LabelNotCleared));
}

#[test]
fn an_unknown_label_is_not_cleared() {
    let allow_list = "@id(\"labels\") @reason(\"label.not-cleared\")
        forbid (principal, action, resource) unless { [\"N\", \"http://example.org|A\"].containsAll(resource.labels) };";
    let seen = strings(&["default"]);
    check(&[READ, allow_list], &labelled(&["N"]), &Ok(seen.clone()));
    check(&[READ, allow_list], &labelled(&["http://example.org|A", "N"]), &Ok(seen));
    for bad in ["V", "n", " N", "http:\\/\\/example.org|A", "http://example.org|B", "", "N\u{0}"] {
        check(&[READ, allow_list], &labelled(&["N", bad]), &Err(Reason::LabelNotCleared));
    }
}

#[test]
fn a_resource_without_labels_is_refused() {
    check(&[READ], &labelled(&[]), &Err(Reason::LabelNotCleared));
}

#[test]
fn labels_beyond_the_64th_stay_apart() {
    let known: Vec<String> = (0..200).map(|n| format!("L{n}")).collect();
    let forbid =
        format!("@id(\"f\") forbid (principal, action, resource) unless {{ {known:?}.containsAll(resource.labels) }};");
    let one = "@id(\"g\") forbid (principal, action, resource) when { resource.labels.contains(\"L99\") };";
    check(&[READ, &forbid, one], &labelled(&["L98", "L64"]), &Ok(strings(&["default"])));
    check(&[READ, &forbid, one], &labelled(&["L99"]), &Err(Reason::PolicyForbidden));
    check(&[READ, &forbid, one], &labelled(&["L200"]), &Err(Reason::PolicyForbidden));
}

/// A plan made for one type says nothing of another.
#[test]
fn a_plan_for_another_type_refuses() {
    let plan = engine(READ).decide(&nurse(), &Relationship::default()).expect("a plan");
    let expected = Verdict::Refuse { reason: Reason::UpstreamMismatch, policies: Vec::new() };
    assert_eq!(plan.judge(&facts("Observation")), expected);
}

#[test]
fn each_group_has_its_own_conditions() {
    let contact = "@id(\"contact\") permit (principal, action == Lazaret::Action::\"view:Patient.contact\", resource)
        when { resource has department && resource.department == \"dept-cardiology\" };";
    let elsewhere = Facts { department: Some("dept-oncology".to_owned()), ..facts("Patient") };
    check(&[READ, contact], &facts("Patient"), &Ok(strings(&["default", "contact"])));
    check(&[READ, contact], &elsewhere, &Ok(strings(&["default"])));
    check(&[READ, contact], &Facts { department: None, ..elsewhere }, &Ok(strings(&["default"])));
}

#[test]
fn a_group_without_read_is_nothing() {
    let contact = "@id(\"contact\") permit (principal, action == Lazaret::Action::\"view:Patient.contact\", resource);";
    assert_eq!(halted(&[contact], &nurse()).reason, Reason::PolicyRefused);
}

#[test]
fn the_class_is_refused_by_type_without_looking_at_a_resource() {
    let patients = "@id(\"p\") permit (principal, action, resource) when { resource.type == \"Patient\" };";
    let observation = question(person(&["nurse"]), Action::Read, "Observation");
    assert_eq!(halted(&[patients], &observation), Halt::new(Reason::PolicyRefused));
    let forbid = "@id(\"f\") forbid (principal, action, resource) when { [\"Observation\"].contains(resource.type) };";
    let halt = halted(&[READ, forbid], &observation);
    assert_eq!((halt.reason, halt.policies), (Reason::PolicyRefused, strings(&["f"])));
}

fn with_assurance(mut asked: Question, assurance: Assurance) -> Question {
    asked.context.assurance = assurance;
    asked
}

#[test]
fn missing_assurance_is_a_challenge() {
    let long_ago = Assurance { authenticated_at: Some(lexicon::Time::from_seconds(NOW.seconds() - 43_201)), ..SURE };
    let unknown = Assurance { authenticated_at: None, ..SURE };
    for assurance in [UNSURE, long_ago, unknown, Assurance::default()] {
        let halt = starter_engine().decide(&with_assurance(nurse(), assurance), &works_in(&["team-p001"]));
        let halt = halt.expect_err("a refusal");
        assert_eq!(halt.reason, Reason::AssuranceInsufficient);
        assert_eq!(halt.challenge, Some(step_up()));
        assert_eq!(halt.policies, ["phi-needs-a-second-factor"]);
    }
    let just = Assurance { authenticated_at: Some(lexicon::Time::from_seconds(NOW.seconds() - 43_200)), ..SURE };
    assert!(starter_engine().decide(&with_assurance(nurse(), just), &works_in(&["team-p001"])).is_ok());
}

#[test]
fn no_challenge_where_it_would_not_help() {
    let analyst = with_assurance(question(person(&["analyst"]), Action::Read, "Patient"), UNSURE);
    let halt = starter_engine().decide(&analyst, &Relationship::default()).expect_err("a refusal");
    assert_eq!((halt.reason, halt.challenge), (Reason::PolicyRefused, None));
    // A program cannot sign in again.
    let mut program = with_assurance(nurse(), UNSURE);
    program.principal.kind = Kind::Workload;
    let forbid = "@id(\"f\") forbid (principal, action, resource) unless { context.assurance >= 2 };";
    assert_eq!(halted(&[READ, forbid], &program).reason, Reason::PolicyRefused);
}

/// A challenge would say that the resource exists and how it is labelled.
#[test]
fn no_challenge_depends_on_a_resource() {
    let restricted = "@id(\"f\") forbid (principal, action, resource)
        when { resource.labels.contains(\"R\") } unless { context.assurance >= 3 };";
    check(&[READ, restricted], &labelled(&["N"]), &Ok(strings(&["default"])));
    check(&[READ, restricted], &labelled(&["R"]), &Err(Reason::PolicyForbidden));
}

#[test]
fn a_stranger_may_ask_for_capabilities_and_nothing_else() {
    let mut asked = question(Principal::stranger(NOW), Action::Capabilities, "Patient");
    asked.resource_type = None;
    assert!(starter_engine().decide(&asked, &Relationship::default()).is_ok());
    for action in Action::ALL.into_iter().filter(|action| *action != Action::Capabilities) {
        let asked = question(Principal::stranger(NOW), action, "Patient");
        let open = "@id(\"open\") permit (principal, action, resource);";
        let halt = engine(open).decide(&asked, &Relationship::default()).expect_err("a refusal");
        assert_eq!(halt, Halt::new(Reason::PolicyRefused), "{}", action.code());
    }
}

/// A role in a stranger's claims cannot reach the policies either.
#[test]
fn a_stranger_has_no_roles() {
    let nurses = "@id(\"n\") permit (principal, action == Lazaret::Action::\"capabilities\", resource)
        when { principal in Lazaret::Role::\"nurse\" };";
    let mut asked = question(Principal::stranger(NOW), Action::Capabilities, "CapabilityStatement");
    asked.principal.roles = strings(&["nurse"]);
    assert_eq!(halted(&[nurses], &asked).reason, Reason::PolicyRefused);
    asked.principal.kind = Kind::Person;
    assert!(engine(nurses).decide(&asked, &Relationship::default()).is_ok());
}

#[test]
fn a_question_about_no_type_is_refused() {
    let mut asked = nurse();
    asked.resource_type = None;
    assert_eq!(halted(&[READ], &asked), Halt::new(Reason::PolicyRefused));
}

/// Policies whose head is not about the caller are left out before anything is evaluated; no other may be.
#[test]
fn every_form_of_a_head_is_about_whom_it_says() {
    for (head, is_about_a_nurse) in [
        ("principal", true),
        ("principal is Lazaret::Person", true),
        ("principal is Lazaret::Workload", false),
        ("principal in Lazaret::Role::\"nurse\"", true),
        ("principal in Lazaret::Role::\"physician\"", false),
        ("principal is Lazaret::Person in Lazaret::Role::\"nurse\"", true),
        ("principal is Lazaret::Workload in Lazaret::Role::\"nurse\"", false),
    ] {
        let permit = format!("@id(\"x\") permit ({head}, action == Lazaret::Action::\"read\", resource);");
        let decided = engine(&permit).decide(&nurse(), &Relationship::default());
        assert_eq!(decided.is_ok(), is_about_a_nurse, "permit {head}");
        let forbid = format!("{READ} @id(\"x\") forbid ({head}, action == Lazaret::Action::\"read\", resource);");
        let decided = engine(&forbid).decide(&nurse(), &Relationship::default());
        assert_eq!(decided.is_err(), is_about_a_nurse, "forbid {head}");
    }
}

#[test]
fn unknown_roles_are_nothing() {
    let mut asked = nurse();
    asked.principal.roles = strings(&["nobody", "Lazaret::Role::\"nurse\"", "", "\"); permit(", "nurse"]);
    assert!(starter_engine().decide(&asked, &works_in(&["team-p001"])).is_ok());
    asked.principal.roles.pop();
    let halt = starter_engine().decide(&asked, &works_in(&["team-p001"])).expect_err("a refusal");
    assert_eq!(halt.reason, Reason::PolicyRefused);
}

#[test]
fn an_expired_lookup_is_no_relationship() {
    let expired = Relationship { valid_until: Some(NOW), ..works_in(&["team-p001"]) };
    let plan = starter_engine().decide(&nurse(), &expired).expect("a plan");
    let expected = Verdict::Refuse { reason: Reason::RelationshipNone, policies: Vec::new() };
    assert_eq!(plan.judge(&facts("Patient")), expected);
}

#[test]
fn a_plan_ends_with_the_first_thing_it_was_made_from() {
    let ends = |credentials: u64, relationship: Option<u64>| {
        let mut asked = nurse();
        asked.principal.valid_until = NOW.plus_seconds(credentials);
        let valid_until = relationship.map(|seconds| NOW.plus_seconds(seconds));
        let relationship = Relationship { valid_until, ..works_in(&["team-p001"]) };
        starter_engine().decide(&asked, &relationship).expect("a plan").valid_until().seconds() - NOW.seconds()
    };
    assert_eq!(ends(900, Some(48)), 48);
    assert_eq!(ends(30, Some(48)), 30);
    assert_eq!(ends(900, None), 900);
}

#[test]
fn a_team_claimed_by_the_token_counts_as_the_callers() {
    let mut asked = nurse();
    asked.principal.care_teams = strings(&["team-p001"]);
    let plan = starter_engine().decide(&asked, &Relationship::default()).expect("a plan");
    assert!(matches!(plan.judge(&facts("Patient")), Verdict::Permit { .. }));
    let other = Facts { care_teams: strings(&["team-p009"]), ..facts("Patient") };
    assert!(matches!(plan.judge(&other), Verdict::Refuse { reason: Reason::RelationshipNone, .. }));
}

#[test]
fn the_debug_of_a_plan_names_no_one() {
    let plan = starter_engine().decide(&nurse(), &works_in(&["team-p001"])).expect("a plan");
    assert_eq!(format!("{plan:?}"), "Plan { resource_type: \"Patient\", .. }");
}

/// The second factor is asked of persons only, so the roles of the starter policies are for persons only.
#[test]
fn a_program_with_a_nurses_role_is_not_a_nurse() {
    let mut asked = nurse();
    asked.principal.kind = Kind::Workload;
    let halt = starter_engine().decide(&asked, &works_in(&["team-p001"])).expect_err("a refusal");
    assert_eq!(halt, Halt::new(Reason::PolicyRefused));
}
