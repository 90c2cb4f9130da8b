//! The cast of the tests: personas, the starter policies, a few resources. Compiled for tests only.

use crate::Engine;
use crate::load::Sources;
use lexicon::{
    Action, Assurance, Challenge, Context, Facts, Kind, LocalId, Principal, Question, Relationship, ResourceType, Time,
};

pub const NOW: Time = Time::from_seconds(1_795_257_000);

pub fn id(text: &str) -> LocalId {
    LocalId::new(text).expect("an id")
}

pub fn kind(name: &str) -> ResourceType {
    ResourceType::from_name(name).expect("an R4 type")
}

pub fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

pub fn groups() -> Vec<(ResourceType, Vec<String>)> {
    vec![
        (kind("Patient"), strings(&["contact", "identifiers", "demographics"])),
        (kind("Observation"), strings(&["notes"])),
        (kind("Coverage"), strings(&["identifiers"])),
    ]
}

pub fn step_up() -> Challenge {
    Challenge { acr_values: strings(&["urn:lazaret:acr:mfa"]), max_age_s: Some(43_200) }
}

pub fn starter() -> Sources {
    let policies = [
        ("always.cedar", include_str!("../../../policies/always.cedar")),
        ("clinical.cedar", include_str!("../../../policies/clinical.cedar")),
        ("office.cedar", include_str!("../../../policies/office.cedar")),
    ];
    let policies = policies.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    Sources { policies, groups: groups(), step_up: step_up() }
}

/// An engine with one file of policies.
pub fn engine(text: &str) -> Engine {
    let policies = vec![("test.cedar".to_owned(), text.to_owned())];
    Engine::load(&Sources { policies, groups: groups(), step_up: step_up() }).unwrap_or_else(|e| panic!("{e}"))
}

pub const SURE: Assurance =
    Assurance { level: 2, phishing_resistant: false, authenticated_at: Some(Time::from_seconds(1_795_257_000 - 600)) };
pub const UNSURE: Assurance = Assurance { level: 1, ..SURE };

/// A verified person with these roles.
pub fn person(roles: &[&str]) -> Principal {
    Principal {
        kind: Kind::Person,
        issuer: "dev".to_owned(),
        subject: "someone".to_owned(),
        client: "ward-app".to_owned(),
        roles: strings(roles),
        valid_until: NOW.plus_seconds(900),
        assurance: SURE,
        ..Principal::stranger(NOW)
    }
}

pub fn question(principal: Principal, action: Action, resource_type: &str) -> Question {
    let assurance = principal.assurance;
    Question {
        principal,
        action,
        resource_type: Some(kind(resource_type)),
        context: Context {
            now: NOW,
            purpose: "treatment".to_owned(),
            zone: "edge".to_owned(),
            assurance,
            scopes: vec![format!("user/{resource_type}.r")],
        },
    }
}

/// The caller works in these teams; each team is of the patient whose name it carries.
pub fn works_in(teams: &[&str]) -> Relationship {
    let patient = |team: &&str| (id(team), id(team.trim_start_matches("team-")));
    Relationship {
        care_teams: teams.iter().map(patient).collect(),
        source: "query:CareTeam",
        age_s: 12,
        valid_until: Some(NOW.plus_seconds(48)),
    }
}

/// A resource of that type in the compartment of `p001`, whose team is `team-p001`.
pub fn facts(resource_type: &str) -> Facts {
    Facts {
        resource_type: kind(resource_type),
        patient: Some(id("p001")),
        department: (resource_type == "Patient").then(|| "dept-cardiology".to_owned()),
        care_teams: strings(&["team-p001"]),
        labels: strings(&["N"]),
    }
}
