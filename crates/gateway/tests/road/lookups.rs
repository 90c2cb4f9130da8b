//! Looking up who cares for whom: once a minute a person, never beyond our own upstream, and fail-closed.

use crate::{
    stage::{Set, Stage, TEAMS, page, patient, team},
    ward::Script,
};
use lexicon::Reason;
use serde_json::json;

#[tokio::test]
async fn a_lookup_serves_one_person_for_a_minute() {
    let stage = Stage::raise().await;
    stage.ward.answers(TEAMS, page(&[team("team-p001", "p001")], None));
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    for (wait, lookups, age) in [(0, 1, 0), (30, 0, 30), (20, 1, 0)] {
        stage.passes(wait);
        let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
        assert_eq!(response.status(), 200);
        assert_eq!(stage.record_of(&response).relationship_age_s, Some(age));
        assert_eq!(stage.ward.paths().iter().filter(|path| *path == TEAMS).count(), lookups, "after {wait} s");
    }
    // The team was left meanwhile: at the latest after a minute that counts.
    stage.ward.answers(TEAMS, page(&[], None));
    stage.passes(60);
    let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
    let record = stage.record_of(&response);
    assert_eq!(record.reason, Some(Reason::RelationshipNone));
    assert_eq!(record.relationship_source.as_deref(), Some("query:CareTeam"), "no team was found, nothing failed");
    stage.close().await;
}

/// Whatever goes wrong is "no relationship", and the record says that the lookup failed.
#[tokio::test]
async fn a_lookup_that_fails_grants_nothing() {
    let mine = team("team-p001", "p001");
    for (name, script) in [
        ("broken", Script::status(500)),
        ("moved", Script::status(302).with("location", TEAMS)),
        ("not a bundle", Script::json(mine.to_string())),
        ("not JSON", Script::json("[")),
        ("leads elsewhere", page(std::slice::from_ref(&mine), Some("https://other.example/r4/CareTeam?page=2"))),
        ("leads to another base", page(std::slice::from_ref(&mine), Some("https://localhost:1/r4/CareTeam?page=2"))),
    ] {
        let stage = Stage::raise().await;
        stage.ward.answers(TEAMS, script);
        stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
        let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
        let record = stage.record_of(&response);
        assert_eq!(record.reason, Some(Reason::RelationshipNone), "{name}");
        assert_eq!(record.relationship_source.as_deref(), Some("query:CareTeam:failed"), "{name}");
        assert_eq!(stage.ward.paths(), [TEAMS, "/r4/Patient/p001"], "{name}");
        stage.close().await;
    }
}

/// Pages are followed below our own upstream's base, and not for ever.
#[tokio::test]
async fn pages_are_followed_to_a_bound() {
    let stage = Stage::raise().await;
    let second = format!("{}/CareTeam?page=2", stage.base);
    stage.ward.answers(TEAMS, page(&[team("team-p002", "p002")], Some(&second)));
    stage.ward.answers("/r4/CareTeam?page=2", page(&[team("team-p001", "p001")], None));
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    assert_eq!(stage.get("/fhir/Patient/p001", &stage.nurse()).await.status(), 200);
    stage.ward.seen();
    stage.passes(60);
    stage.ward.answers("/r4/CareTeam?page=2", page(&[team("team-p001", "p001")], Some(&second)));
    let response = stage.get("/fhir/Patient/p001", &stage.nurse()).await;
    assert_eq!(stage.record_of(&response).reason, Some(Reason::RelationshipNone), "an answer without end is no answer");
    assert!(stage.ward.paths().len() < 40);
    stage.close().await;
}

/// Only people who can work in a team are looked up; a claim in a token opens nothing by itself.
#[tokio::test]
async fn who_cannot_be_in_a_team_is_not_looked_up() {
    let stage = Stage::raise().await;
    stage.ward.answers("/r4/Patient/p001", Script::json(patient("p001").to_string()));
    for (claims, reason) in [
        (json!({ "fhirUser": null }), Some(Reason::RelationshipNone)),
        (json!({ "fhirUser": null, "care_teams": ["team-p001"] }), Some(Reason::RelationshipNone)),
        (json!({ "fhirUser": "https://other.example/Practitioner/nurse-1" }), Some(Reason::RelationshipNone)),
        (
            json!({ "roles": ["patient"], "fhirUser": "Patient/p001", "patient": "p001", "scope": "patient/Patient.r" }),
            None,
        ),
    ] {
        let response = stage.get("/fhir/Patient/p001", &stage.token(claims.clone())).await;
        assert_eq!(stage.record_of(&response).reason, reason, "{claims}");
        assert_eq!(stage.ward.paths(), ["/r4/Patient/p001"], "{claims}");
    }
    stage.close().await;
}

const ROSTER: &str = "care_team,patient,member,from,until
of-the-file,p001,Practitioner/nurse-1,2026-01-01,2026-12-31
of-the-file,p002,Practitioner/nurse-1,2026-01-01,2026-10-31
of-the-file,p003,Practitioner/nurse-9,,
";

/// A relationship of the file counts on its days and for its member, with the lookup's or without; the record says that
/// the file was asked.
#[tokio::test]
async fn a_relationship_may_stand_in_a_file() {
    let stage = Stage::set(Set { roster: Some(ROSTER), ..Set::default() }).await;
    for id in ["p001", "p002", "p003", "p004"] {
        stage.ward.answers(&format!("/r4/Patient/{id}"), Script::json(patient(id).to_string()));
    }
    stage.ward.answers(TEAMS, page(&[team("looked-up", "p004")], None));
    for (id, reason) in [
        ("p001", None),
        ("p002", Some(Reason::RelationshipNone)),
        ("p003", Some(Reason::RelationshipNone)),
        ("p004", None),
    ] {
        let response = stage.get(&format!("/fhir/Patient/{id}"), &stage.nurse()).await;
        let record = stage.record_of(&response);
        assert_eq!(record.reason, reason, "{id}");
        assert_eq!(record.relationship_source.as_deref(), Some("file+query:CareTeam"), "{id}");
    }
    // Without the upstream's word the file's still counts.
    stage.passes(60);
    stage.ward.answers(TEAMS, Script::status(500));
    for (id, reason) in [("p001", None), ("p004", Some(Reason::RelationshipNone))] {
        let response = stage.get(&format!("/fhir/Patient/{id}"), &stage.nurse()).await;
        let record = stage.record_of(&response);
        assert_eq!(record.reason, reason, "{id}");
        assert_eq!(record.relationship_source.as_deref(), Some("file+query:CareTeam:failed"), "{id}");
    }
    stage.close().await;
}
