//! The property that everything else rests on: the compiled plan, the plan's fallback and the whole policy set as Cedar
//! evaluates it say the same of every resource. Random policies, callers and facts. Compiled for tests only.

use crate::Engine;
use crate::engine::Rules;
use crate::entities::{Asked, Asker};
use crate::load::Sources;
use crate::plan::{Examiner, Ruling};
use crate::scene::{NOW, groups, id, kind, person, question, step_up, strings};
use cedar_policy::{Authorizer, Decision, Entities};
use lexicon::{Action, Assurance, Facts, Kind, Question, Reason, Relationship, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;

const TYPES: [&str; 3] = ["Patient", "Observation", "Claim"];
const TEAMS: [&str; 4] = ["t1", "t2", "t3", "t4"];
const LABELS: [&str; 5] = ["N", "R", "V", "http://example.org|X", "U"];
const ROLES: [&str; 3] = ["nurse", "physician", "support"];

/// Conditions that a predicate expresses, some that only Cedar can, some that fail when they are reached.
fn atom() -> impl Strategy<Value = String> {
    let label = || select(LABELS.to_vec());
    let labels = || subsequence(LABELS.to_vec(), 1..=4).prop_map(|labels| format!("{labels:?}"));
    let team_words = [
        "principal.care_teams.containsAny(resource.care_teams)",
        "resource.care_teams.containsAny(principal.care_teams)",
        "principal.care_teams.containsAll(resource.care_teams)",
        "resource.care_teams.containsAll(principal.care_teams)",
        "resource.care_teams == principal.care_teams",
        "resource.care_teams.contains(\"t2\")",
        "resource.care_teams.isEmpty()",
    ];
    let single_words = [
        "(resource has patient)",
        "(resource has labels)",
        "(resource has patient && resource.patient == \"p1\")",
        "(resource has patient && [\"p1\", \"p2\"].contains(resource.patient))",
        "(resource has patient && principal has patient && principal.patient != resource.patient)",
        "(resource has department && principal has department && resource.department == principal.department)",
        "(if resource has department then resource.department == \"d1\" else context.assurance == 2)",
    ];
    let known_words = [
        "context.assurance >= 2",
        "context.authenticated_age_s <= 43200",
        "context.phishing_resistant",
        "context.scopes.contains(\"user/Patient.r\")",
        "principal.client == \"ward-app\"",
        "principal is Lazaret::Person",
    ];
    let opaque_words = [
        "resource.type like \"P*\"",
        "(resource has department && resource.department like \"*1\")",
        "(resource has patient && resource.patient == resource.type)",
        "resource.labels == resource.care_teams",
        "resource.labels.containsAny(resource.care_teams)",
    ];
    let failing = ["context.assurance + 9223372036854775807 > 0", "-(context.assurance - 9223372036854775807 - 1) > 3"];
    prop_oneof![
        4 => select(TYPES.to_vec()).prop_map(|t| format!("resource.type == \"{t}\"")),
        2 => subsequence(TYPES.to_vec(), 1..=2).prop_map(|types| format!("{types:?}.contains(resource.type)")),
        2 => label().prop_map(|label| format!("resource.labels.contains(\"{label}\")")),
        3 => labels().prop_map(|labels| format!("{labels}.containsAll(resource.labels)")),
        1 => labels().prop_map(|labels| format!("resource.labels.containsAny({labels})")),
        1 => labels().prop_map(|labels| format!("resource.labels.containsAll({labels})")),
        1 => labels().prop_map(|labels| format!("{labels} == resource.labels")),
        6 => select(team_words.to_vec()).prop_map(str::to_owned),
        4 => select(single_words.to_vec()).prop_map(str::to_owned),
        4 => select(known_words.to_vec()).prop_map(str::to_owned),
        3 => select(ROLES.to_vec()).prop_map(|role| format!("principal in Lazaret::Role::\"{role}\"")),
        2 => select(opaque_words.to_vec()).prop_map(str::to_owned),
        2 => select(failing.to_vec()).prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(3, 8, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            3 => two.clone().prop_map(|(a, b)| format!("({a} && {b})")),
            3 => two.prop_map(|(a, b)| format!("({a} || {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

pub(crate) fn policies() -> impl Strategy<Value = String> {
    let scopes = [
        // Strangers have no attributes, so a policy on every action says whom it is about.
        "principal is Lazaret::Person, action",
        "principal, action == Lazaret::Action::\"read\"",
        "principal, action in [Lazaret::Action::\"read\", Lazaret::Action::\"view\"]",
        "principal in Lazaret::Role::\"nurse\", action in Lazaret::Action::\"view:Patient\"",
        "principal is Lazaret::Person in Lazaret::Role::\"nurse\", action == Lazaret::Action::\"read\"",
        "principal is Lazaret::Workload, action in [Lazaret::Action::\"read\", Lazaret::Action::\"view\"]",
        "principal, action in [Lazaret::Action::\"read\", Lazaret::Action::\"view:Patient.contact\"]",
    ];
    let policy = (select(vec!["permit", "permit", "forbid"]), select(scopes.to_vec()), condition(), any::<bool>());
    vec(policy, 2..6).prop_map(|all| {
        let written = all.iter().enumerate().map(|(n, (effect, scope, condition, positive))| {
            let clause = if *positive { "when" } else { "unless" };
            format!("@id(\"p{n}\")\n{effect} ({scope}, resource) {clause} {{ {condition} }};\n")
        });
        written.collect()
    })
}

pub(crate) fn asked() -> impl Strategy<Value = (Question, Relationship)> {
    let person = (
        subsequence(ROLES.to_vec(), 0..=2),
        proptest::option::of(select(vec!["d1", "d2"])),
        proptest::option::of(select(vec!["p1", "p2"])),
        subsequence(TEAMS.to_vec(), 0..=2),
        vec((select(TEAMS.to_vec()), select(vec!["p1", "p2", "p9"])), 0..=3),
        (0u8..=3, any::<bool>(), select(vec![None, Some(10), Some(90_000)]), any::<bool>()),
        select(TYPES.to_vec()),
    );
    person.prop_map(|(roles, department, patient, claimed, found, (level, phishing_resistant, age, human), asked)| {
        let mut principal = person_of(&roles, human);
        principal.department = department.map(str::to_owned);
        principal.patient = patient.map(id);
        principal.care_teams = strings(&claimed);
        let authenticated_at = age.map(|age: u64| lexicon::Time::from_seconds(NOW.seconds() - age));
        principal.assurance = Assurance { level, phishing_resistant, authenticated_at };
        let care_teams = found.iter().map(|(team, patient)| (id(team), id(patient))).collect();
        let relationship = Relationship { care_teams, ..Relationship::default() };
        (question(principal, Action::Read, asked), relationship)
    })
}

fn person_of(roles: &[&str], human: bool) -> lexicon::Principal {
    let kind = if human { Kind::Person } else { Kind::Workload };
    lexicon::Principal { kind, ..person(roles) }
}

pub(crate) fn some_facts() -> impl Strategy<Value = Facts> {
    let foreign = |known: &[&'static str]| [known, &["foreign-1", "foreign-2"]].concat();
    (
        proptest::option::of(select(vec!["p1", "p2", "p9", "Patient"])),
        proptest::option::of(select(vec!["d1", "d2", "d9"])),
        subsequence(foreign(&TEAMS), 0..=3),
        subsequence(foreign(&LABELS), 1..=3),
    )
        .prop_map(|(patient, department, care_teams, labels)| Facts {
            resource_type: kind("Patient"),
            patient: patient.map(id),
            department: department.map(str::to_owned),
            care_teams: strings(&care_teams),
            labels: strings(&labels),
        })
}

/// The slow way: the whole policy set, nothing sliced, nothing evaluated beforehand.
struct Oracle<'a> {
    rules: &'a Rules,
    asker: &'a Asker,
    entities: Entities,
}

impl Oracle<'_> {
    fn ruling(&self, action: &str) -> Ruling {
        let (names, schema) = (&self.rules.book.names, &self.rules.book.vocabulary.schema);
        let request = self.asker.request(names, schema, &names.action(action)).expect("a request");
        let response = Authorizer::new().is_authorized(&request, &self.rules.book.policies, &self.entities);
        if response.diagnostics().errors().next().is_some() {
            return Ruling::Error;
        }
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        match response.decision() {
            Decision::Allow => Ruling::Permits(policies),
            Decision::Deny if policies.is_empty() => Ruling::Silent,
            Decision::Deny => Ruling::Forbids(policies),
        }
    }

    /// In the words of a verdict.
    fn verdict(&self, facts: &Facts) -> Verdict {
        let refuse = |reason, policies| Verdict::Refuse { reason, policies };
        let policies = match self.ruling("read") {
            Ruling::Permits(policies) => policies,
            Ruling::Forbids(policies) => return refuse(Reason::PolicyForbidden, policies),
            Ruling::Silent => return refuse(Reason::RelationshipNone, Vec::new()),
            Ruling::Error => return refuse(Reason::PolicyErrorHidden, Vec::new()),
        };
        let mut seen = strings(&["default"]);
        let names = groups().into_iter().filter(|(t, _)| *t == facts.resource_type).flat_map(|(_, names)| names);
        for name in names {
            match self.ruling(&format!("view:{}.{name}", facts.resource_type)) {
                Ruling::Permits(_) => seen.push(name),
                Ruling::Error => return refuse(Reason::PolicyErrorHidden, Vec::new()),
                Ruling::Forbids(_) | Ruling::Silent => {}
            }
        }
        Verdict::Permit { groups: seen, policies }
    }
}

/// How often each outcome was met: a property that never met a permit would be worth nothing.
#[derive(Default)]
struct Met {
    permits: Cell<u32>,
    refusals: Cell<u32>,
    errors: Cell<u32>,
    classes_refused: Cell<u32>,
    left_to_cedar: Cell<u32>,
    compiled: Cell<u32>,
    not_loaded: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

fn agree(met: &Met, engine: &Engine, (question, relationship): &(Question, Relationship), all: &[Facts]) {
    let rules = engine.rules();
    let (names, schema) = (&rules.book.names, &rules.book.vocabulary.schema);
    let asker = Asker::new(names, schema, &Asked::new(question, relationship)).expect("an asker");
    let plan = engine.decide(question, relationship);
    for facts in all {
        let facts = Facts { resource_type: question.resource_type.expect("a type"), ..facts.clone() };
        let entities = asker.with_record(names, schema, &facts).expect("entities");
        let whole = Oracle { rules, asker: &asker, entities }.verdict(&facts);
        match &plan {
            Ok(plan) => {
                assert_eq!(plan.verdict(&facts, None), whole);
                assert_eq!(plan.verdict(&facts, Some(Examiner::Cedar)), whole);
                count(if plan.is_opaque() { &met.left_to_cedar } else { &met.compiled });
            }
            // A class is refused only if no resource of it would be permitted.
            Err(halt) => {
                assert!(matches!(whole, Verdict::Refuse { .. }), "{halt:?} but {whole:?}");
                count(&met.classes_refused);
            }
        }
        count(match whole {
            Verdict::Permit { .. } => &met.permits,
            Verdict::Refuse { reason: Reason::PolicyErrorHidden, .. } => &met.errors,
            Verdict::Refuse { .. } => &met.refusals,
        });
    }
}

#[test]
fn plan_fallback_and_whole_policy_set_agree() {
    let met = Met::default();
    let config = Config { cases: 48, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let all = (policies(), vec(asked(), 6), vec(some_facts(), 8));
    let run = TestRunner::new(config).run(&all, |(policies, askers, facts)| {
        let sources =
            Sources { policies: vec![("random.cedar".to_owned(), policies)], groups: groups(), step_up: step_up() };
        // A random policy may be one that can never apply, and then it does not load.
        let Ok(engine) = Engine::load(&sources) else {
            count(&met.not_loaded);
            return Ok(());
        };
        askers.iter().for_each(|asker| agree(&met, &engine, asker, &facts));
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    assert!(met.not_loaded.get() < 24, "too few policies load: {}", met.not_loaded.get());
    // Far below what is usual, so that chance alone does not fail it.
    for (what, cell, at_least) in [
        ("permits", &met.permits, 100),
        ("refusals", &met.refusals, 100),
        ("errors", &met.errors, 1),
        ("classes refused", &met.classes_refused, 100),
        ("left to Cedar", &met.left_to_cedar, 8),
        ("compiled", &met.compiled, 100),
    ] {
        assert!(cell.get() >= at_least, "{what}: only {}", cell.get());
    }
}
