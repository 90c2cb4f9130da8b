use super::*;
use crate::Engine;
use crate::agreement::{asked, policies, some_facts};
use crate::lexemes::{Bag, Seen, Word};
use crate::load::Sources;
use crate::scene::{groups as all_groups, id, person, question, starter, step_up, works_in};
use lexicon::{Action, Facts, Judge, Principal, Question, Relationship, Verdict};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

const TEXTS: [&str; 3] = ["p1", "p2", "t1"];

fn predicate() -> impl Strategy<Value = Predicate> {
    let numbers = || btree_set(0..TEXTS.len(), 1..=2).prop_map(|numbers| numbers.into_iter().collect::<Numbers>());
    let single = || select(vec![Single::Patient, Single::Department]);
    let several = || select(vec![Several::CareTeams, Several::Labels]);
    let leaf = prop_oneof![
        1 => select(vec![Predicate::True, Predicate::False, Predicate::Opaque]),
        2 => single().prop_map(Predicate::Has),
        3 => (single(), numbers()).prop_map(|(single, numbers)| Predicate::Is(single, numbers)),
        3 => (several(), numbers()).prop_map(|(several, numbers)| Predicate::Meets(several, numbers)),
        2 => (several(), numbers()).prop_map(|(several, numbers)| Predicate::Within(several, numbers)),
        2 => (several(), numbers()).prop_map(|(several, numbers)| Predicate::Covers(several, numbers)),
        1 => several().prop_map(Predicate::Empty),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=3).prop_map(Predicate::All),
            vec(inner.clone(), 1..=3).prop_map(Predicate::Any),
            inner.prop_map(|part| Predicate::Not(Box::new(part))),
        ]
    })
}

/// What can be seen of any resource, as far as these few texts go.
fn everything() -> Vec<Seen> {
    let single = [None, Some(Word::Known(0)), Some(Word::Known(1)), Some(Word::Foreign)];
    let bags =
        || (0usize..16).map(|bits| Bag { known: (0..3).filter(|n| bits >> n & 1 == 1).collect(), foreign: bits > 7 });
    let mut all = Vec::new();
    for patient in single {
        for care_teams in bags() {
            for labels in bags() {
                let department = if labels.foreign { None } else { patient };
                all.push(Seen { patient, department, care_teams: care_teams.clone(), labels });
            }
        }
    }
    all
}

fn implies(if_: &Predicate, then: &Predicate) -> bool {
    Implication { left: Cell::new(COMPARISONS) }.holds(if_, then)
}

#[test]
fn an_implication_is_true_of_everything_that_can_be_seen() {
    let all = everything();
    let found = Cell::new(0);
    let config = Config { cases: 4_000, failure_persistence: None, ..Config::default() };
    let run = TestRunner::new(config).run(&(predicate(), predicate()), |(a, b)| {
        // Random pairs seldom imply each other; these do when the room is clever enough.
        let weaker = Predicate::Any(vec![a.clone(), b.clone()]);
        let stronger = Predicate::All(vec![a.clone(), b.clone()]);
        for (if_, then) in [(&a, &b), (&stronger, &b), (&b, &weaker), (&stronger, &weaker), (&weaker, &stronger)] {
            if !implies(if_, then) {
                continue;
            }
            found.set(found.get() + 1);
            for seen in &all {
                // `Opaque` here stands for "nobody knows": it is an error to a predicate, and an error shows nothing.
                let (premise, conclusion) = (if_.holds(seen), then.holds(seen));
                prop_assert!(premise != Ok(true) || conclusion != Ok(false), "an implication that is none");
            }
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    assert!(found.get() > 1_000, "too few implications: {}", found.get());
}

/// Cedar may find an opaque test true or false; a claim must survive both.
#[test]
fn an_opaque_test_proves_nothing() {
    let opaque = || Predicate::Opaque;
    let label = || Predicate::Meets(Several::Labels, [0].into_iter().collect());
    let check = |if_: &Predicate, then: &Predicate, expect: bool| assert_eq!(implies(if_, then), expect);
    check(&opaque(), &opaque(), false);
    check(&opaque(), &Predicate::True, true);
    check(&label(), &opaque(), false);
    check(&Predicate::All(vec![label(), opaque()]), &label(), true);
    check(&Predicate::Any(vec![label(), opaque()]), &label(), false);
    check(&Predicate::Not(Box::new(opaque())), &Predicate::Not(Box::new(opaque())), false);
}

#[test]
fn a_question_beyond_its_cost_is_answered_with_caution() {
    let label = Predicate::Meets(Several::Labels, [0].into_iter().collect());
    let spent = Implication { left: Cell::new(0) };
    assert!(!spent.holds(&label, &label));
    let deep = (0..12).fold(label, |inner, _| {
        let other = Predicate::Has(Single::Patient);
        Predicate::All(vec![Predicate::Any(vec![inner.clone(), other.clone()]), Predicate::Any(vec![other, inner])])
    });
    let counted = Implication { left: Cell::new(COMPARISONS) };
    let _ = counted.holds(&deep, &Predicate::Not(Box::new(deep.clone())));
}

/// The teams of the patient that the caller works in, as the road finds them.
fn related(facts: &Facts, relationship: &Relationship) -> Facts {
    let of_patient = |(_, of): &&(LocalId, LocalId)| Some(of) == facts.patient.as_ref();
    let teams = relationship.care_teams.iter().filter(of_patient).map(|(team, _)| team.reveal().to_owned()).collect();
    Facts { care_teams: teams, ..facts.clone() }
}

#[derive(Default)]
struct Met {
    always: Cell<u32>,
    sometimes: Cell<u32>,
    never: Cell<u32>,
    patients: Cell<u32>,
    anybody: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn keeps_its_word(met: &Met, engine: &Engine, (question, relationship): &(Question, Relationship), all: &[Facts]) {
    let Ok(plan) = engine.decide(question, relationship) else { return };
    let (foreseen, reach) = (plan.groups(), plan.reach());
    let possible = engine.rules().book.vocabulary.groups_of(question.resource_type.expect("a type").name()).count();
    for facts in all {
        let facts = Facts { resource_type: question.resource_type.expect("a type"), ..facts.clone() };
        // Any facts at all for the groups; for the reach those that a lookup can have led to.
        for (facts, is_related) in [(facts.clone(), false), (related(&facts, relationship), true)] {
            let Verdict::Permit { groups, .. } = plan.judge(&facts) else { continue };
            for (group, shown) in &foreseen {
                if *shown == Shown::Always {
                    assert!(groups.contains(group), "{group} is not always shown");
                    count(&met.always);
                } else {
                    count(&met.sometimes);
                }
            }
            let listed = |group: &String| foreseen.iter().any(|(name, _)| name == group);
            assert!(groups.iter().all(|group| group == "default" || listed(group)), "an unforeseen group");
            (foreseen.len()..possible).for_each(|_| count(&met.never));
            match &reach {
                Reach::Patients(patients) if is_related => {
                    assert!(facts.patient.is_some_and(|patient| patients.contains(&patient)), "beyond the reach");
                    count(&met.patients);
                }
                Reach::Patients(_) => {}
                Reach::Anybody => count(&met.anybody),
            }
        }
    }
}

#[test]
fn what_is_foreseen_comes_true() {
    let met = Met::default();
    let config = Config { cases: 96, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let all = (policies(), vec(asked(), 8), vec(some_facts(), 24));
    let run = TestRunner::new(config).run(&all, |(policies, askers, facts)| {
        let policies = vec![("random.cedar".to_owned(), policies)];
        let sources = Sources { policies, groups: all_groups(), step_up: step_up() };
        let Ok(engine) = Engine::load(&sources) else { return Ok(()) };
        askers.iter().for_each(|asker| keeps_its_word(&met, &engine, asker, &facts));
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    for (what, cell) in [
        ("always", &met.always),
        ("sometimes", &met.sometimes),
        ("never", &met.never),
        ("patients", &met.patients),
        ("anybody", &met.anybody),
    ] {
        assert!(cell.get() >= 20, "{what}: only {}", cell.get());
    }
}

fn foreseen(principal: Principal, resource_type: &str, teams: &[&str]) -> (Vec<(String, Shown)>, Reach) {
    let engine = Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"));
    let plan = engine.decide(&question(principal, Action::Read, resource_type), &works_in(teams));
    let plan = plan.unwrap_or_else(|halt| panic!("{halt:?}"));
    (plan.groups(), plan.reach())
}

fn always_of(names: &[&str]) -> Vec<(String, Shown)> {
    names.iter().map(|name| ((*name).to_owned(), Shown::Always)).collect()
}

fn patients(ids: &[&str]) -> Reach {
    Reach::Patients(ids.iter().map(|text| id(text)).collect())
}

/// Not only sound but of use: the starter's plans are read to the end.
#[test]
fn the_starter_is_foreseen_exactly() {
    let both = ["team-p001", "team-p003"];
    let check = |principal: Principal, resource_type, teams: &[&str], groups: &[&str], reach: Reach| {
        let role = principal.roles.join(" ");
        let (found, reached) = foreseen(principal, resource_type, teams);
        assert_eq!(found, always_of(groups), "{role} {resource_type}");
        assert!(reached == reach, "{role} {resource_type}");
    };
    let cardiologist = Principal { department: Some("dept-cardiology".to_owned()), ..person(&["physician"]) };
    let patient = Principal { patient: Some(id("p001")), ..person(&["patient"]) };
    let all = ["contact", "identifiers", "demographics"];
    check(person(&["nurse"]), "Patient", &both, &["contact"], patients(&["p001", "p003"]));
    check(person(&["nurse"]), "Observation", &both, &[], patients(&["p001", "p003"]));
    check(person(&["nurse"]), "Patient", &[], &["contact"], patients(&[]));
    check(person(&["physician"]), "Patient", &both, &all, patients(&["p001", "p003"]));
    check(cardiologist.clone(), "Patient", &both, &all, Reach::Anybody);
    check(cardiologist, "Observation", &both, &["notes"], patients(&["p001", "p003"]));
    check(person(&["support"]), "Patient", &[], &[], Reach::Anybody);
    check(person(&["billing"]), "Patient", &[], &["contact", "identifiers"], Reach::Anybody);
    check(patient, "Patient", &[], &all, patients(&["p001"]));
    // The nurse's permit shows less, but of the same patients.
    check(person(&["nurse", "physician"]), "Patient", &both, &all, patients(&["p001", "p003"]));
}

/// A team that only the token claims is tied to no patient.
#[test]
fn a_claimed_team_reaches_nobody() {
    let nurse = Principal { care_teams: vec!["team-p009".to_owned()], ..person(&["nurse"]) };
    assert!(foreseen(nurse, "Patient", &[]).1 == patients(&[]));
}

/// A plan is shared by the callers of one window; the patients of its teams are not.
#[test]
fn a_remembered_plan_reaches_the_patients_of_its_own_lookup() {
    let engine = Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"));
    let question = question(person(&["nurse"]), Action::Read, "Patient");
    for patient in ["p001", "p002"] {
        let relationship = Relationship { care_teams: vec![(id("team"), id(patient))], ..works_in(&[]) };
        let plan = engine.decide(&question, &relationship).unwrap_or_else(|halt| panic!("{halt:?}"));
        assert!(plan.reach() == patients(&[patient]));
    }
}

/// Two permits, of which only one shows: sometimes. One that shows to everybody: always. A forbid of its own: sometimes.
#[test]
fn a_group_is_always_shown_only_if_every_permit_shows_it() {
    let check = |policies: &str, expect: &[(&str, Shown)]| {
        let plan = crate::scene::engine(policies)
            .decide(&question(person(&["nurse"]), Action::Read, "Patient"), &works_in(&["team-p001"]))
            .unwrap_or_else(|halt| panic!("{halt:?}"));
        let expect: Vec<_> = expect.iter().map(|(name, shown)| ((*name).to_owned(), *shown)).collect();
        assert_eq!(plan.groups(), expect, "{policies}");
    };
    let in_care = "permit (principal, action in [Lazaret::Action::\"read\", Lazaret::Action::\"view:Patient.contact\"], resource) when { principal has subject && resource.care_teams.contains(\"team-p001\") };";
    let labelled = "permit (principal is Lazaret::Person, action == Lazaret::Action::\"read\", resource) when { resource.labels.contains(\"N\") };";
    let shows = "permit (principal is Lazaret::Person, action == Lazaret::Action::\"view:Patient.contact\", resource);";
    let hides = "forbid (principal is Lazaret::Person, action == Lazaret::Action::\"view:Patient.contact\", resource) when { resource.labels.contains(\"R\") };";
    let hides_all =
        "forbid (principal is Lazaret::Person, action == Lazaret::Action::\"view:Patient.contact\", resource);";
    let refuses = "forbid (principal is Lazaret::Person, action == Lazaret::Action::\"read\", resource) when { resource.labels.containsAny([\"R\", \"V\"]) };";
    let named = |texts: &[&str]| {
        let ids = texts.iter().enumerate().map(|(n, text)| format!("@id(\"p{n}\")\n{text}\n"));
        ids.collect::<String>()
    };
    check(&named(&[in_care]), &[("contact", Shown::Always)]);
    check(&named(&[in_care, labelled]), &[("contact", Shown::Sometimes)]);
    check(&named(&[in_care, labelled, shows]), &[("contact", Shown::Always)]);
    check(&named(&[in_care, hides]), &[("contact", Shown::Sometimes)]);
    check(&named(&[in_care, hides, refuses]), &[("contact", Shown::Always)]);
    check(&named(&[in_care, hides_all]), &[]);
    // Kept only to meet its errors; never shown.
    let opaque = "permit (principal is Lazaret::Person, action == Lazaret::Action::\"view:Patient.contact\", resource) when { resource.type like \"P*\" };";
    check(&named(&[labelled, opaque]), &[("contact", Shown::Sometimes)]);
    check(&named(&[labelled, opaque, hides_all]), &[]);
    check(&named(&[labelled]), &[]);
}
