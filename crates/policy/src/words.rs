//! Holds `vocabulary.cedarschema` and `lexicon` together: a word of one is a word of the other. Compiled for tests only.

use crate::vocabulary::TEXT;
use cedar_policy::SchemaFragment;
use lexicon::{Action, Assurance, Context, Facts, Interaction, Kind, Principal};
use std::collections::BTreeSet;

/// Fields of a struct with the word each has in the schema, or none. Does not compile when a field is missing.
macro_rules! fields {
    ($type:ident { $($field:ident: $word:expr),+ $(,)? }) => {{
        fn _has_no_other($type { $($field: _),+ }: $type) {}
        let words: Vec<Option<&str>> = vec![$($word),+];
        words.into_iter().flatten().map(str::to_owned).collect::<BTreeSet<String>>()
    }};
}

fn schema() -> serde_json::Value {
    let (fragment, warnings) = SchemaFragment::from_cedarschema_str(TEXT).expect("the schema parses");
    assert_eq!(warnings.count(), 0);
    fragment.to_json_value().expect("the schema as JSON")["Lazaret"].take()
}

fn keys(value: &serde_json::Value) -> BTreeSet<String> {
    value.as_object().expect("an object").keys().cloned().collect()
}

fn attributes(entity: &str) -> BTreeSet<String> {
    keys(&schema()["entityTypes"][entity]["shape"]["attributes"])
}

#[test]
fn actions_are_the_same_words() {
    let mut words: BTreeSet<String> = Action::ALL.iter().map(|action| action.code().to_owned()).collect();
    assert!(Interaction::ALL.iter().all(|interaction| words.contains(interaction.action().code())));
    // The root of the groups that are made from the projections.
    words.insert("view".to_owned());
    assert_eq!(keys(&schema()["actions"]), words);
}

#[test]
fn kinds_are_the_same_words() {
    fn entity(kind: Kind) -> &'static str {
        match kind {
            Kind::Person => "Person",
            Kind::Workload => "Workload",
            Kind::Stranger => "Stranger",
        }
    }
    let mut words = BTreeSet::from(["Role".to_owned(), "Record".to_owned()]);
    for kind in [Kind::Person, Kind::Workload, Kind::Stranger] {
        assert_eq!(entity(kind).to_lowercase(), kind.code());
        words.insert(entity(kind).to_owned());
    }
    assert_eq!(keys(&schema()["entityTypes"]), words);
}

#[test]
fn principals_are_the_same_words() {
    let words = fields!(Principal {
        kind: None,  // the entity's type
        roles: None, // the entity's parents
        issuer: Some("issuer"),
        subject: Some("subject"),
        client: Some("client"),
        fhir_user: Some("fhir_user"),
        department: Some("department"),
        care_teams: Some("care_teams"),
        patient: Some("patient"),
        scopes: None,      // those that cover the request are in the context
        assurance: None,   // in the context, with an age
        valid_until: None, // the plan's end, not a policy's business
    });
    assert_eq!(attributes("Person"), words);
    assert_eq!(attributes("Workload"), words);
}

#[test]
fn facts_are_the_same_words() {
    let words = fields!(Facts {
        resource_type: Some("type"),
        patient: Some("patient"),
        department: Some("department"),
        care_teams: Some("care_teams"),
        labels: Some("labels"),
    });
    assert_eq!(attributes("Record"), words);
}

#[test]
fn circumstances_are_the_same_words() {
    let mut words = fields!(Context {
        now: None, // only as the age of the authentication
        purpose: Some("purpose"),
        zone: Some("zone"),
        assurance: None, // its fields are
        scopes: Some("scopes"),
    });
    words.extend(fields!(Assurance {
        level: Some("assurance"),
        phishing_resistant: Some("phishing_resistant"),
        authenticated_at: Some("authenticated_age_s"),
    }));
    assert_eq!(keys(&schema()["commonTypes"]["Ask"]["attributes"]), words);
}

#[test]
fn every_action_is_about_a_record_in_these_circumstances() {
    let schema = schema();
    for (name, action) in schema["actions"].as_object().expect("actions") {
        let applies = &action["appliesTo"];
        let kinds: BTreeSet<&str> =
            applies["principalTypes"].as_array().into_iter().flatten().filter_map(|kind| kind.as_str()).collect();
        let expected: &[&str] = match name.as_str() {
            "view" => &[],
            "capabilities" => &["Person", "Workload", "Stranger"],
            _ => &["Person", "Workload"],
        };
        assert_eq!(kinds, expected.iter().copied().collect(), "{name}");
    }
}
