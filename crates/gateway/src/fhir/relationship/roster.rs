//! Care relationships from a file that the operator keeps, for what the upstream's care teams do not say. Read with the
//! configuration, so a reload changes it, and hashed with it.
//!
//! ```text
//! care_team,patient,member,from,until
//! # one membership a line; dates are days in UTC, both included, either may be left out
//! team-p001,p001,Practitioner/nurse-1,2026-01-01,2026-12-31
//! ```

use super::{MARGIN_S, Who};
use lexicon::{LocalId, ResourceType, Time};
use std::{collections::HashMap, fmt};

const COLUMNS: &str = "care_team,patient,member,from,until";

const DAY_S: u64 = 86_400;

/// Who cares for whom, by day.
#[derive(Default)]
pub struct Roster(HashMap<Who, Vec<Membership>>);

struct Membership {
    care_team: LocalId,
    patient: LocalId,
    /// Days since 1970-01-01.
    from: Option<u64>,
    until: Option<u64>,
}

/// What is wrong with a roster. It names the line and the column, not what stands there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct RosterError {
    pub line: usize,
    pub what: &'static str,
}

/// What a roster says of one person at one moment.
#[derive(Default)]
pub(super) struct Listed {
    pub care_teams: Vec<(LocalId, LocalId)>,
    /// When the first of these memberships ends.
    pub valid_until: Option<Time>,
}

impl Roster {
    pub fn parse(text: &str) -> Result<Self, RosterError> {
        let mut roster = Self::default();
        let mut lines = (1..).zip(text.lines());
        if lines.next().is_none_or(|(_, columns)| columns.trim_end() != COLUMNS) {
            return Err(RosterError { line: 1, what: "the first line is `care_team,patient,member,from,until`" });
        }
        for (line, written) in lines {
            let written = written.trim_end();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            let (member, membership) = membership(written).map_err(|what| RosterError { line, what })?;
            roster.0.entry(member).or_default().push(membership);
        }
        Ok(roster)
    }

    /// The care teams that a person works in, each with its patient: the same for the gateway and for `explain`.
    pub fn care_teams(&self, member: &(ResourceType, LocalId), now: Time) -> Vec<(LocalId, LocalId)> {
        self.listed(member, now).care_teams
    }

    pub(super) fn listed(&self, member: &Who, now: Time) -> Listed {
        let mut listed = Listed::default();
        for membership in self.0.get(member).into_iter().flatten() {
            let begins = membership.from.map(|day| Time::from_seconds(day.saturating_mul(DAY_S)));
            let ends = membership.until.map(|day| Time::from_seconds(day.saturating_add(1).saturating_mul(DAY_S)));
            // It ends a little early, so that none expires under way and takes the others with it.
            if begins.is_some_and(|at| now < at) || ends.is_some_and(|at| at <= now.plus_seconds(MARGIN_S)) {
                continue;
            }
            listed.care_teams.push((membership.care_team.clone(), membership.patient.clone()));
            listed.valid_until = super::earlier(listed.valid_until, ends);
        }
        listed
    }
}

/// Who works in which team names persons.
impl fmt::Debug for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roster")
    }
}

fn membership(line: &str) -> Result<(Who, Membership), &'static str> {
    let fields: Vec<&str> = line.split(',').collect();
    let [care_team, patient, member, from, until] = fields.as_slice() else {
        return Err("there are five columns, without quotation marks");
    };
    let care_team = LocalId::new(care_team).ok_or("care_team is not a FHIR id")?;
    let patient = LocalId::new(patient).ok_or("patient is not a FHIR id")?;
    let member = member.split_once('/').and_then(|(name, id)| {
        let works = ["Practitioner", "PractitionerRole", "RelatedPerson", "Person"].contains(&name);
        works.then(|| Some((ResourceType::from_name(name)?, LocalId::new(id)?))).flatten()
    });
    let member = member.ok_or("member is not such as Practitioner/nurse-1")?;
    let (from, until) = (day(from, "from is not a day")?, day(until, "until is not a day")?);
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        return Err("until is before from");
    }
    Ok((member, Membership { care_team, patient, from, until }))
}

/// `YYYY-MM-DD` in days since 1970-01-01; nothing at all is no limit.
fn day(text: &str, odd: &'static str) -> Result<Option<u64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let part = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse::<u64>().ok()
    };
    let parts = part(0, 4).zip(part(5, 7)).zip(part(8, 10)).filter(|_| text.len() == 10);
    let ((year, month), dom) = parts.ok_or(odd)?;
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) {
        return Err(odd);
    }
    // Years counted from 1 March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + dom;
    let day = days.checked_sub(719_469).ok_or(odd)?;
    // The 30th of February is another day when written back, and so is a date with other marks between.
    let written = Time::from_seconds(day.saturating_mul(DAY_S)).to_string();
    if written.get(..10) == Some(text) { Ok(Some(day)) } else { Err(odd) }
}

#[cfg(test)]
mod tests;
