use super::*;

const FIRST: &str = "care_team,patient,member,from,until\n";

fn nurse() -> Who {
    (ResourceType::from_name("Practitioner").expect("R4"), LocalId::new("nurse-1").expect("an id"))
}

fn at(text: &str) -> Time {
    let days = day(&text[..10], "").expect("a day").expect("some day");
    let clock: Vec<u64> = text[11..].split(':').map(|part| part.parse().expect("a number")).collect();
    Time::from_seconds(days * DAY_S + clock[0] * 3600 + clock[1] * 60 + clock[2])
}

#[test]
fn a_day_is_a_day_of_the_calendar() {
    for (text, expect) in [
        ("1970-01-01", Ok(Some(0))),
        ("1970-03-01", Ok(Some(59))),
        ("2000-02-29", Ok(Some(11_016))),
        ("2026-11-21", Ok(Some(20_778))),
        ("", Ok(None)),
        ("2026-02-29", Err("odd")),
        ("2026-02-30", Err("odd")),
        ("2026-13-01", Err("odd")),
        ("2026-00-01", Err("odd")),
        ("2026-01-00", Err("odd")),
        ("2026-1-1", Err("odd")),
        ("2026/01/01", Err("odd")),
        ("1969-12-31", Err("odd")),
        ("2026-01-01T00:00:00Z", Err("odd")),
        ("+026-01-01", Err("odd")),
        (" 2026-01-1", Err("odd")),
    ] {
        assert_eq!(day(text, "odd"), expect, "{text}");
    }
}

#[test]
fn a_membership_counts_on_its_days_and_until_shortly_before_their_end() {
    let check = |dates: &str, now: &str, counts: bool| {
        let text = format!("{FIRST}# a comment\n\nteam-p001,p001,Practitioner/nurse-1,{dates}\n");
        let roster = Roster::parse(&text).expect("a roster");
        assert_eq!(roster.care_teams(&nurse(), at(now)).len(), usize::from(counts), "{dates} at {now}");
    };
    check(",", "2026-11-21T10:30:00", true);
    check("2026-11-21,2026-11-21", "2026-11-21T00:00:00", true);
    check("2026-11-21,2026-11-21", "2026-11-21T23:59:44", true);
    check("2026-11-21,2026-11-21", "2026-11-21T23:59:45", false);
    check("2026-11-21,2026-11-21", "2026-11-22T00:00:00", false);
    check("2026-11-21,2026-11-21", "2026-11-20T23:59:59", false);
    check("2026-11-22,", "2026-11-21T23:59:59", false);
    check("2026-11-22,", "2036-11-22T00:00:00", true);
    check(",2026-11-20", "2026-11-21T00:00:00", false);
}

#[test]
fn only_the_member_has_the_relationship_and_the_first_end_counts() {
    let rows = "t1,p1,Practitioner/nurse-1,,2026-12-31\nt2,p2,Practitioner/nurse-1,,2026-11-30\n\
        t3,p3,Practitioner/nurse-10,,\nt4,p4,PractitionerRole/nurse-1,,\nt5,p5,Practitioner/nurse-1,2027-01-01,\n";
    let roster = Roster::parse(&format!("{FIRST}{rows}")).expect("a roster");
    let listed = roster.listed(&nurse(), at("2026-11-21T10:30:00"));
    let teams: Vec<_> = listed.care_teams.iter().map(|(team, patient)| (team.reveal(), patient.reveal())).collect();
    assert_eq!(teams, [("t1", "p1"), ("t2", "p2")]);
    assert_eq!(listed.valid_until, Some(at("2026-12-01T00:00:00")));
    assert_eq!(format!("{roster:?}"), "Roster");
}

/// A line that is not understood might be the one that ends a membership: nothing of the file counts.
#[test]
fn a_roster_with_a_fault_does_not_load() {
    let check = |text: &str, line: usize| {
        let error = Roster::parse(text).expect_err(text);
        assert_eq!(error.line, line, "{text}");
        assert!(!error.to_string().contains("p001"), "{error}");
    };
    check("", 1);
    check("patient,care_team,member,from,until\n", 1);
    check("team-p001,p001,Practitioner/nurse-1,,\n", 1);
    for row in [
        "team-p001,p001,Practitioner/nurse-1",
        "team-p001,p001,Practitioner/nurse-1,,,",
        "\"team-p001\",p001,Practitioner/nurse-1,,",
        "team p001,p001,Practitioner/nurse-1,,",
        "team-p001,Patient/p001,Practitioner/nurse-1,,",
        "team-p001,p001,nurse-1,,",
        "team-p001,p001,Patient/p001,,",
        "team-p001,p001,practitioner/nurse-1,,",
        "team-p001,p001,Practitioner/..,,",
        "team-p001,p001,Practitioner/nurse-1,2026-02-30,",
        "team-p001,p001,Practitioner/nurse-1,,tomorrow",
        "team-p001,p001,Practitioner/nurse-1,2026-11-22,2026-11-21",
    ] {
        check(&format!("{FIRST}# one\n{row}\n"), 3);
    }
}
