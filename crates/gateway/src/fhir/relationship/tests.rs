use super::*;

const BASE: &str = "https://up.example/r4";

#[track_caller]
fn check(team: &str, expect: Option<(&str, &str)>) {
    let scanned = Scanned::of(team.as_bytes(), PAGE).expect("JSON");
    let reader = Reader { base: BASE, member: "Practitioner/nurse-1", today: "2026-11-21T10:30:00.000Z" };
    let found = reader.team(scanned.root());
    let found = found.as_ref().map(|(team, patient)| (team.reveal(), patient.reveal()));
    assert_eq!(found, expect, "{team}");
}

fn team(rest: &str) -> String {
    let team = r#"{"resourceType":"CareTeam","id":"t1","status":"active","subject":{"reference":"Patient/p1"}"#;
    format!("{team},{rest}}}")
}

const ME: &str = r#"{"member":{"reference":"Practitioner/nurse-1"}}"#;

#[test]
fn a_member_of_an_active_team_of_a_local_patient() {
    check(&team(&format!(r#""participant":[{{"member":{{"reference":"Practitioner/x"}}}},{ME}]"#)), Some(("t1", "p1")));
    let absolute = format!(r#""participant":[{{"member":{{"reference":"{BASE}/Practitioner/nurse-1"}}}}]"#);
    check(&team(&absolute), Some(("t1", "p1")));
}

/// Each parameter of the query is checked again: the upstream may have ignored it (decision 20).
#[test]
fn what_the_upstream_should_not_have_returned_does_not_count() {
    let mine = team(&format!(r#""participant":[{ME}]"#));
    for (from, to) in [
        ("\"active\"", "\"inactive\""),
        ("CareTeam", "Group"),
        ("Patient/p1", "Group/p1"),
        ("Patient/p1", "https://other.example/r4/Patient/p1"),
        ("Patient/p1", "urn:uuid:1"),
        ("Patient/p1", "#p1"),
        ("Patient/p1", "Patient/p1/_history/1"),
        ("nurse-1", "nurse-10"),
        ("Practitioner/nurse-1", "https://other.example/r4/Practitioner/nurse-1"),
        ("Practitioner/nurse-1", "PractitionerRole/nurse-1"),
        ("\"id\":\"t1\"", "\"id\":\"t/1\""),
        (r#""reference":"Practitioner/nurse-1""#, r#""identifier":{"value":"nurse-1"}"#),
    ] {
        assert!(mine.contains(from));
        check(&mine.replace(from, to), None);
    }
    check(&team(r#""participant":[]"#), None);
}

#[test]
fn a_membership_ends_with_its_period_and_with_the_teams() {
    for (period, counts) in [
        (r#"{"end":"2026-11-21"}"#, true),
        (r#"{"end":"2026-11-20"}"#, false),
        (r#"{"end":"2026-11-20T23:59:59+01:00"}"#, false),
        (r#"{"end":"2026-12"}"#, true),
        (r#"{"end":"2025"}"#, false),
        (r#"{"start":"2026-11-21"}"#, true),
        (r#"{"start":"2026-11-22"}"#, false),
        (r#"{"start":"2020","end":"2030"}"#, true),
        (r#"{"end":null}"#, false),
        (r#"{"end":{}}"#, false),
    ] {
        let expect = counts.then_some(("t1", "p1"));
        check(&team(&format!(r#""period":{period},"participant":[{ME}]"#)), expect);
        let timed = ME.replacen('{', &format!(r#"{{"period":{period},"#), 1);
        check(&team(&format!(r#""participant":[{timed}]"#)), expect);
    }
}

#[test]
fn only_links_below_the_same_base_are_followed() {
    for (link, expect) in [
        ("https://up.example/r4/CareTeam?page=2", Some("/CareTeam?page=2")),
        ("https://up.example/r4?_getpages=a&_getpagesoffset=200", Some("?_getpages=a&_getpagesoffset=200")),
        ("https://up.example/r4/?p=2", Some("/?p=2")),
        ("https://up.example/r4/Patient?page=2", None),
        ("https://up.example/r4/CareTeam/../Patient?x", None),
        ("https://up.example/r45/CareTeam?page=2", None),
        ("https://up.example.evil/r4/CareTeam?page=2", None),
        ("http://up.example/r4/CareTeam?page=2", None),
        ("/r4/CareTeam?page=2", None),
        ("https://up.example/r4/CareTeam?a b", None),
        ("https://up.example/r4/CareTeam?a#b", None),
        ("", None),
    ] {
        assert_eq!(below(BASE, link).as_deref(), expect, "{link}");
    }
}

#[test]
fn a_lookup_is_used_for_less_than_its_age_and_never_after_the_clock_went_back() {
    let at = Time::from_seconds(1000);
    let found = Found { at, care_teams: Vec::new() };
    for (now, expect) in [(1000, true), (1044, true), (1045, false), (1060, false), (999, false)] {
        assert_eq!(is_fresh(&found, 60, Time::from_seconds(now)), expect, "{now}");
    }
}

/// However many people come, memory is bounded.
#[test]
fn people_are_forgotten_when_there_are_too_many() {
    let relationships = Relationships::new(None, Some(60));
    let practitioner = ResourceType::from_name("Practitioner").expect("R4");
    let who = |n: usize| (practitioner, LocalId::new(&format!("n{n}")).expect("an id"));
    let held = relationships.cell(&who(0));
    for n in 0..=PEOPLE {
        drop(relationships.cell(&who(n)));
    }
    assert!(relationships.known.lock().expect("test").len() <= PEOPLE);
    assert!(Arc::ptr_eq(&held, &relationships.cell(&who(0))), "whoever is being looked up keeps the cell");
}

/// Either source is enough; the record says which there were, and the first end counts.
#[test]
fn file_and_lookup_are_united() {
    let id = |text: &str| LocalId::new(text).expect("an id");
    let at = |seconds| Some(Time::from_seconds(seconds));
    let looked_up = || Relationship {
        care_teams: vec![(id("t1"), id("p1"))],
        source: "file+query:CareTeam",
        age_s: 12,
        valid_until: at(60),
    };
    let listed = |valid_until| Listed { care_teams: vec![(id("t1"), id("p1")), (id("t2"), id("p2"))], valid_until };
    for (ends, expect) in [(None, at(60)), (at(30), at(30)), (at(90), at(60))] {
        let both = with(looked_up(), listed(ends));
        assert_eq!(both.care_teams, [(id("t1"), id("p1")), (id("t2"), id("p2"))]);
        assert_eq!((both.source, both.age_s, both.valid_until), ("file+query:CareTeam", 12, expect));
    }
    let alone = with(Relationship::default(), listed(at(30)));
    assert_eq!((alone.care_teams.len(), alone.valid_until), (2, at(30)));
    let roster = Some(Arc::new(Roster::default()));
    assert_eq!(source(&roster, Lookup::None), "file");
    assert_eq!(source(&roster, Lookup::Failed), "file+query:CareTeam:failed");
    assert_eq!(source(&None, Lookup::Failed), "query:CareTeam:failed");
}
