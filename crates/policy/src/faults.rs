//! Tests of loading: each fault by file and line, with what it is. Compiled for tests only.

use crate::scene::{engine, groups, kind, starter, step_up, strings};
use crate::{Engine, LoadError, Sources};

const READ: &str = "permit (principal, action == Lazaret::Action::\"read\", resource)";

fn load(files: &[(&str, &str)]) -> Result<Engine, LoadError> {
    let policies = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Engine::load(&Sources { policies, groups: groups(), step_up: step_up() })
}

/// Every fault found, as `file:line: problem`, without hints.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    let Err(error) = load(files) else { return Vec::new() };
    assert!(error.faults().iter().all(|fault| !fault.hint().is_empty()));
    let line = |fault: &crate::Fault| match fault.line() {
        Some(line) => format!("{}:{line}: {}", fault.file(), fault.problem()),
        None => format!("{}: {}", fault.file(), fault.problem()),
    };
    error.faults().iter().map(line).collect()
}

fn check(text: &str, expected: &str) {
    let found = faults(&[("a.cedar", text)]);
    assert!(found.iter().any(|fault| fault.contains(expected)), "{text}\n{expected}\n{found:?}");
}

#[test]
fn the_starter_policies_load() {
    Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn faults_have_a_place() {
    check(&format!("\n\n{READ};"), "a.cedar:3: a policy has no @id");
    check(&format!("@id(\"x\")\n{READ};\n@id(\"Not One\")\n{READ};"), "a.cedar:3: `Not One` is not a policy id");
    check(
        &format!("@id(\"x\")\n{READ};\n\n@id(\"x\")\n{READ} when {{ true }};"),
        "a.cedar:4: the policy id `x` is also used in a.cedar:1",
    );
    check("@id(\"x\")\npermit (principal, action,\n resource", "a.cedar:3: ");
    check(
        &format!("@id(\"x\")\n{READ}\nwhen {{ resource.typo == \"Patient\" }};"),
        "a.cedar:3: for policy `x`, attribute `typo`",
    );
}

#[test]
fn ids_are_unique_over_all_files() {
    let text = format!("@id(\"x\") {READ};");
    let found = faults(&[("a.cedar", &text), ("b.cedar", &text)]);
    assert_eq!(found, ["b.cedar:1: the policy id `x` is also used in a.cedar:1"]);
}

#[test]
fn annotations_are_known_and_reasons_hide_existence() {
    check(&format!("@id(\"x\") @descrption(\"typo\") {READ};"), "`@descrption` is not a known annotation");
    check(&format!("@id(\"x\") @reason(\"label.not-cleared\") {READ};"), "a permit cannot have a @reason");
    for code in ["no.such", "policy.refused", "assurance.insufficient", "internal.bug", "scope.patient"] {
        let forbid = format!("@id(\"x\") @reason(\"{code}\") forbid (principal, action, resource);");
        check(&forbid, &format!("`{code}` is not a reason a policy may give"));
    }
}

#[test]
fn only_words_of_the_vocabulary_exist() {
    for (condition, expected) in [
        ("context.mfa", "attribute `mfa`"),
        ("resource.patient == \"x\"", "optional"),
        ("resource.labels.contains(1)", "type"),
        ("principal.department == resource.department", "optional"),
        ("action == Lazaret::Action::\"raed\"", "raed"),
        ("action == Lazaret::Action::\"view:Patient.contacts\"", "view:Patient.contacts"),
        ("principal in Lazaret::Rolle::\"nurse\"", "Rolle"),
    ] {
        check(&format!("@id(\"x\") {READ} when {{ {condition} }};"), expected);
    }
}

/// Entities have ids that this room makes up; a policy on them would never apply, or worse, always.
#[test]
fn callers_and_records_are_not_named_by_id() {
    for named in ["Person::\"caller\"", "Workload::\"x\"", "Record::\"this\"", "Stranger::\"caller\""] {
        let on = if named.starts_with("Record") { "resource" } else { "principal" };
        let policy = format!("@id(\"x\") {READ} unless {{ {on} == Lazaret::{named} }};");
        check(&policy, &format!("a policy names `Lazaret::{named}`"));
    }
}

#[test]
fn what_can_never_apply_does_not_load() {
    check("@id(\"x\") permit (principal, action == Lazaret::Action::\"read\", resource) when { false };", "impossible");
    check(
        "@id(\"x\") permit (principal is Lazaret::Stranger, action == Lazaret::Action::\"read\", resource);",
        "policy `x`",
    );
    // Looks like `N`.
    check(&format!("@id(\"x\") {READ} when {{ resource.labels.contains(\"\u{202e}N\") }};"), "policy `x`");
}

#[test]
fn templates_do_not_load() {
    check(
        &format!("@id(\"y\") {READ};@id(\"x\") permit (principal == ?principal, action, resource);"),
        "a policy has slots",
    );
}

#[test]
fn nothing_does_not_load() {
    assert_eq!(faults(&[]), ["policies: there is no policy at all"]);
    assert_eq!(faults(&[("a.cedar", "// nothing\n")]), ["policies: there is no policy at all"]);
}

#[test]
fn all_faults_are_told_at_once() {
    let found = faults(&[
        ("a.cedar", &format!("{READ};\n{READ};")),
        ("b.cedar", "permit"),
        ("c.cedar", &format!("@id(\"x\") {READ} when {{ context.mfa }};")),
    ]);
    let places: Vec<_> = found.iter().map(|fault| fault.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(places, ["a.cedar:1", "a.cedar:2", "b.cedar:1", "c.cedar:1"]);
}

#[test]
fn element_groups_have_plain_names() {
    for name in ["default", "", "Contact", "a\"b", "a.b", "1a", "é"] {
        let groups = vec![(kind("Patient"), strings(&[name]))];
        let error = Engine::load(&Sources { groups, ..starter() }).err().expect("a fault").to_string();
        assert!(error.contains(&format!("`{name}` is not a name for an element group")), "{error}");
    }
    let groups = vec![(kind("Patient"), strings(&["a"])), (kind("Patient"), strings(&["a"]))];
    let error = Engine::load(&Sources { groups, ..starter() }).err().expect("a fault").to_string();
    assert!(error.contains("`view:Patient.a` is there twice"), "{error}");
}

/// The generation is a hash of this text, so two sets that decide differently must not share it.
#[test]
fn the_text_is_of_all_files_and_of_their_borders() {
    let text = |files: &[(&str, &str)]| load(files).unwrap_or_else(|error| panic!("{error}")).text().to_vec();
    let (a, b) = (format!("@id(\"a\") {READ};\n"), format!("@id(\"b\") {READ};\n"));
    let two = text(&[("a.cedar", &a), ("b.cedar", &b)]);
    assert_eq!(two, text(&[("b.cedar", &b), ("a.cedar", &a)]), "the order of files does not count");
    assert_ne!(two, text(&[("a.cedar", &format!("{a}{b}"))]));
    assert_ne!(two, text(&[("a.cedar", &b), ("b.cedar", &a)]));
    assert_ne!(engine(&a).text(), engine(&b).text());
    // The same lines in one file and in two: a name can look like a comment.
    let one = text(&[("//a", &format!("{a}\n//b\n{b}"))]);
    assert_ne!(one, text(&[("//a", &a), ("//b", &b)]));
    let fewer = Sources { policies: vec![("test.cedar".to_owned(), a.clone())], ..Sources::default() };
    assert_ne!(engine(&a).text(), Engine::load(&fewer).unwrap_or_else(|error| panic!("{error}")).text());
}
