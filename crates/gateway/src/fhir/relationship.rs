//! Who cares for whom: the care teams a person works in. From a file that the operator keeps, and looked up at the
//! upstream under the gateway's own identity: one named query and its pages, nothing else (decision 11). Whatever goes
//! wrong with the lookup is "no relationship".

mod roster;

pub use roster::{Roster, RosterError};

use super::Upstream;
use ::fhir::{Limits, Node, Scanned};
use lexicon::{Kind, LocalId, Principal, Relationship, ResourceType, Time};
use passage::{Moment, Told};
use roster::Listed;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex as Lock, PoisonError},
};
use tokio::sync::Mutex;

/// How the record names the sources, by whether there is a file and what became of the lookup: to have no team and not
/// to know are two findings.
const fn source(from_file: &Option<Arc<Roster>>, lookup: Lookup) -> &'static str {
    match (from_file.is_some(), lookup) {
        (true, Lookup::None) => "file",
        (true, Lookup::Answered) => "file+query:CareTeam",
        (true, Lookup::Failed) => "file+query:CareTeam:failed",
        (false, Lookup::None) => "",
        (false, Lookup::Answered) => "query:CareTeam",
        (false, Lookup::Failed) => "query:CareTeam:failed",
    }
}

#[derive(Clone, Copy)]
enum Lookup {
    /// It is not asked for.
    None,
    Answered,
    Failed,
}

/// People whose teams are remembered at once.
const PEOPLE: usize = 10_000;

/// Pages of one answer, 200 teams each.
const PAGES: usize = 25;

/// A page of 200 small resources.
const PAGE: Limits = Limits { bytes: 4 << 20, depth: 64 };

/// A lookup is renewed this long before it may no longer be used, so that it does not expire under way.
const MARGIN_S: u64 = 15;

type Who = (ResourceType, LocalId);

pub(super) struct Relationships {
    roster: Option<Arc<Roster>>,
    /// How long a lookup may be used. Without it none is made.
    max_age_s: Option<u64>,
    /// One cell a person, so that many requests of one person make one lookup.
    known: Lock<HashMap<Who, Arc<Mutex<Option<Found>>>>>,
}

struct Found {
    at: Time,
    care_teams: Vec<(LocalId, LocalId)>,
}

impl Relationships {
    pub fn new(roster: Option<Arc<Roster>>, max_age_s: Option<u64>) -> Self {
        Self { roster, max_age_s, known: Lock::default() }
    }

    pub async fn of(&self, principal: &Principal, upstream: &Upstream, moment: Moment) -> Relationship {
        let Some(who) = principal.fhir_user.as_ref().filter(|who| cares(principal.kind, who)) else {
            return Relationship::default();
        };
        let looked_up = match self.max_age_s {
            Some(max_age_s) => self.looked_up(who, max_age_s, upstream, moment).await,
            None => Relationship { source: source(&self.roster, Lookup::None), ..Relationship::default() },
        };
        match &self.roster {
            Some(roster) => with(looked_up, roster.listed(who, moment.now)),
            None => looked_up,
        }
    }

    async fn looked_up(&self, who: &Who, max_age_s: u64, upstream: &Upstream, moment: Moment) -> Relationship {
        let cell = self.cell(who);
        let mut found = cell.lock().await;
        if !found.as_ref().is_some_and(|found| is_fresh(found, max_age_s, moment.now)) {
            let looked_up = look_up(who, upstream, moment).await;
            *found = looked_up.map(|care_teams| Found { at: moment.now, care_teams });
        }
        match found.as_ref() {
            Some(Found { at, care_teams }) => Relationship {
                care_teams: care_teams.clone(),
                source: source(&self.roster, Lookup::Answered),
                age_s: moment.now.seconds_since(*at),
                valid_until: Some(at.plus_seconds(max_age_s)),
            },
            None => Relationship { source: source(&self.roster, Lookup::Failed), ..Relationship::default() },
        }
    }

    fn cell(&self, who: &Who) -> Arc<Mutex<Option<Found>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.get(who) {
            return cell.clone();
        }
        if known.len() >= PEOPLE {
            // Whoever is being looked up right now keeps the cell; the rest are asked for again when they come.
            known.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        let cell = Arc::new(Mutex::default());
        known.insert(who.clone(), cell.clone());
        cell
    }
}

fn is_fresh(found: &Found, max_age_s: u64, now: Time) -> bool {
    // After a clock that went back, what was found is of no known age.
    found.at <= now && now.seconds_since(found.at) + MARGIN_S.min(max_age_s / 2) < max_age_s
}

/// What was looked up and what the file lists. A team that both name is named once.
fn with(mut relationship: Relationship, listed: Listed) -> Relationship {
    for team in listed.care_teams {
        if !relationship.care_teams.contains(&team) {
            relationship.care_teams.push(team);
        }
    }
    relationship.valid_until = earlier(relationship.valid_until, listed.valid_until);
    relationship
}

fn earlier(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    a.into_iter().chain(b).min()
}

/// Only people who can be members of a care team in their work. A patient's own rights come from the launch context.
fn cares(kind: Kind, (resource_type, _): &Who) -> bool {
    kind == Kind::Person && *resource_type != ResourceType::PATIENT
}

async fn look_up((of, id): &Who, upstream: &Upstream, moment: Moment) -> Option<Vec<(LocalId, LocalId)>> {
    let member = format!("{of}/{}", id.reveal());
    let mut path = format!("/CareTeam?participant={member}&status=active&_count=200");
    let mut care_teams = Vec::new();
    for _ in 0..PAGES {
        let Told { outcome, .. } = upstream.read(&path, moment.trace, PAGE).await;
        let page = outcome.ok().filter(|page| page.resource_type().name() == "Bundle")?;
        let reader = Reader { base: upstream.base(), member: &member, today: &moment.now.to_string() };
        care_teams.extend(page.nodes_at(&["entry", "resource"]).into_iter().filter_map(|team| reader.team(team)));
        match next(&page) {
            None => return Some(care_teams),
            // A link that leads elsewhere is not followed, and what came so far is not the whole truth.
            Some(link) => path = below(upstream.base(), &link)?,
        }
    }
    None
}

/// Reads one care team. The upstream may have ignored a parameter: everything asked for is checked again (decision 20).
struct Reader<'a> {
    base: &'a str,
    member: &'a str,
    /// RFC 3339; periods are compared to the day.
    today: &'a str,
}

impl Reader<'_> {
    fn team(&self, team: Node<'_>) -> Option<(LocalId, LocalId)> {
        let is = |name: &str, expect: &str| team.get(name).and_then(Node::text).as_deref() == Some(expect);
        if !is("resourceType", "CareTeam") || !is("status", "active") || self.has_ended(team) {
            return None;
        }
        let participants = team.nodes_at(&["participant"]);
        let mut current = participants.into_iter().filter(|participant| !self.has_ended(*participant));
        if !current.any(|participant| self.names(participant.get("member")).as_deref() == Some(self.member)) {
            return None;
        }
        let subject = self.names(team.get("subject"))?;
        let patient = LocalId::new(subject.strip_prefix("Patient/")?)?;
        let id = LocalId::new(team.get("id")?.text()?.as_ref())?;
        Some((id, patient))
    }

    /// `Type/id` of a reference to one of ours.
    fn names(&self, reference: Option<Node<'_>>) -> Option<String> {
        let text = reference?.get("reference")?.text()?;
        let local = text.strip_prefix(self.base).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&text);
        let (name, id) = local.split_once('/')?;
        (ResourceType::from_name(name).is_some() && LocalId::new(id).is_some()).then(|| local.to_owned())
    }

    fn has_ended(&self, node: Node<'_>) -> bool {
        let Some(period) = node.get("period") else { return false };
        let before_today = |name: &str| {
            let date = period.get(name).and_then(Node::text)?;
            let length = date.len().min(10);
            Some(date.get(..length)?.cmp(self.today.get(..length)?))
        };
        let (start, end) = (before_today("start"), before_today("end"));
        let is_odd = period.get("end").is_some() && end.is_none() || period.get("start").is_some() && start.is_none();
        is_odd || end.is_some_and(|end| end.is_lt()) || start.is_some_and(|start| start.is_gt())
    }
}

fn next(page: &Scanned) -> Option<String> {
    let links = page.nodes_at(&["link"]);
    let is_next = |link: &Node<'_>| link.get("relation").and_then(Node::text).as_deref() == Some("next");
    let next = links.into_iter().find(is_next)?;
    Some(next.get("url").and_then(Node::text).unwrap_or_default().into_owned())
}

/// The path and query of a link with the same scheme, host and base (decision 19).
fn below(base: &str, link: &str) -> Option<String> {
    let path = link.strip_prefix(base)?;
    let is_search = path.starts_with('?') || path.starts_with("/CareTeam?") || path.starts_with("/?");
    (is_search && path.bytes().all(|b| b.is_ascii_graphic() && b != b'#')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests;
