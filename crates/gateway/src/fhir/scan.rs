//! One search upstream: its legs, their pages, their entries, one at a time, each through the sieve. What the upstream
//! says about its answer is not believed (decision 20): neither types nor matches, nor that a page follows another.

use super::{
    Fhir,
    cursor::Position,
    legs::{Asking, Leg, Ordered, Whose, legs, mark},
    sieve::{Seen, Sieve, grants},
    upstream::{Page, Paged, Turn},
};
use ::fhir::{
    Condition, Grant, Part, Projected, Projection, Scanned, Surface,
    bundle::{BundleKind, Entry, Mode},
    request::Asked,
};
use lexicon::{Judge, LocalId, Narrowing, Reason, ResourceType};
use passage::{Disclosed, Moment, Notes, Sight};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// Longer links of an upstream are not followed.
const LINK_BYTES: usize = 8 << 10;

/// For whom and when.
#[derive(Clone, Copy)]
pub(super) struct Errand<'a> {
    pub road: &'a Fhir,
    pub sight: &'a Sight<'a, Asked>,
    pub moment: Moment,
}

impl<'a> Errand<'a> {
    pub fn plan(&self, of: ResourceType) -> Result<&'a dyn Judge, Reason> {
        self.sight.plan_for(of).ok_or(Reason::ParameterChain)
    }

    pub fn grants(&self, of: ResourceType) -> Result<Vec<Grant>, Reason> {
        grants(self.sight.principal, self.sight.ask.interaction, of)
    }

    pub fn sieve<'s>(&'s self, of: ResourceType, grants: &'s [Grant]) -> Result<Sieve<'s>, Reason> {
        let Sight { principal, relationship, .. } = self.sight;
        Ok(Sieve { road: self.road, principal, relationship, plan: self.plan(of)?, grants })
    }
}

/// What one request has cost so far, and what its record will hold.
#[derive(Default)]
pub(super) struct Spent {
    pages: u32,
    entries: u32,
    pub notes: Notes,
    narrowing: Option<Narrowing>,
    groups: Words,
    policies: Words,
}

/// Words for the record, each once.
#[derive(Default)]
struct Words {
    all: BTreeSet<String>,
    untold: Vec<String>,
}

impl Words {
    fn add(&mut self, words: &[String]) {
        for word in words {
            if self.all.insert(word.clone()) {
                self.untold.push(word.clone());
            }
        }
    }
}

impl Spent {
    /// What there is to say since the last time.
    pub fn notes(&mut self) -> Notes {
        let groups = std::mem::take(&mut self.groups.untold);
        let policies = std::mem::take(&mut self.policies.untold);
        Notes { narrowing: self.narrowing, groups, policies, ..std::mem::take(&mut self.notes) }
    }

    /// The upstream did not keep to a query.
    fn narrowed(&mut self, narrowing: Narrowing) {
        self.narrowing = self.narrowing.max(Some(narrowing));
    }

    pub fn page(&mut self, road: &Fhir) -> Result<(), Reason> {
        self.pages += 1;
        if self.pages > road.settings.caps.pages { Err(Reason::SearchTooBroad) } else { Ok(()) }
    }

    pub fn entry(&mut self, road: &Fhir) -> Result<(), Reason> {
        self.entries += 1;
        if self.entries > road.settings.caps.entries { Err(Reason::SearchTooBroad) } else { Ok(()) }
    }

    pub fn saw(&mut self, seen: &Seen<'_>) {
        self.groups.add(&seen.groups);
        self.policies.add(&seen.policies);
    }
}

/// A resource that may be seen and matches.
pub(super) struct Found {
    pub id: LocalId,
    /// As it goes into the answer.
    pub projected: Projected,
    /// All the caller may see of it.
    pub view: Scanned,
    pub projection: Arc<Projection>,
    /// How much the caller may not see.
    pub withheld: u64,
    pub disclosed: Disclosed,
    pub position: Position,
}

impl Found {
    /// What it takes in memory, roughly.
    pub fn size(&self) -> usize {
        3 * self.projected.bytes().len() + 512
    }

    /// The resources that a reference names, as far as that is shown.
    pub fn named(&self, reference: &::fhir::Parameter, road: &Fhir) -> Vec<(ResourceType, LocalId)> {
        let shown = Surface::reads_shown(&reference.reads(), &self.projection, || self.withheld);
        if shown { reference.named(&self.view, &road.base) } else { Vec::new() }
    }
}

pub(super) struct Scan {
    asking: Asking,
    part: Part,
    grants: Vec<Grant>,
    legs: Vec<Leg>,
    pub ordered: Ordered,
    leg: usize,
    /// Of the page that is being read, or comes next; empty for the first of a leg.
    path: String,
    page: Option<Box<Page>>,
    /// What the query that led to it asks of each entry.
    asked: Vec<Condition>,
    /// Entries taken from it.
    taken: u32,
    /// Entries of it that were dealt with on an earlier page of ours.
    passed: u32,
    /// Pages of this leg.
    turned: HashSet<String>,
    met: HashSet<LocalId>,
}

impl Scan {
    pub fn new(asking: Asking, part: Part, errand: &Errand<'_>) -> Result<Self, Reason> {
        let grants = errand.grants(asking.of)?;
        let launched = errand.sight.principal.patient.as_ref();
        let legs = legs(&asking, &Whose { plan: errand.plan(asking.of)?, grants: &grants, launched });
        let ordered = if asking.sort.is_empty() || legs.len() > 1 { Ordered::Here } else { Ordered::Upstream };
        Ok(Self {
            asking,
            part,
            grants,
            legs,
            ordered,
            leg: 0,
            path: String::new(),
            page: None,
            asked: Vec::new(),
            taken: 0,
            passed: 0,
            turned: HashSet::new(),
            met: HashSet::new(),
        })
    }

    pub fn mark(&self) -> u64 {
        mark(&self.asking, &self.legs)
    }

    pub fn asking(&self) -> &Asking {
        &self.asking
    }

    pub fn resume(&mut self, at: Position) {
        self.leg = at.leg as usize;
        self.path = at.path;
        self.passed = at.offset;
    }

    /// To the beginning, as if nothing had been read.
    pub fn rewind(&mut self) {
        self.page = None;
        self.met.clear();
        self.begin(0);
    }

    fn begin(&mut self, leg: usize) {
        self.leg = leg;
        self.path.clear();
        self.turned.clear();
        self.passed = 0;
    }

    /// The next resource that may be seen and matches.
    pub async fn next(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Found>, Reason> {
        loop {
            let Some(page) = &mut self.page else {
                if self.leg >= self.legs.len() {
                    return Ok(None);
                }
                self.page = Some(self.turn(errand, spent).await?);
                self.taken = 0;
                continue;
            };
            let Some(entry) = page.next().await? else {
                self.end(errand)?;
                continue;
            };
            spent.entry(errand.road)?;
            self.taken += 1;
            if self.taken <= self.passed {
                continue;
            }
            if let Some(found) = self.sift(entry, errand, spent)? {
                return Ok(Some(found));
            }
        }
    }

    /// Asks for the page. A first page that is refused is asked for once more without what we added to the search.
    async fn turn(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Box<Page>, Reason> {
        let upstream = &errand.road.upstream;
        for _ in 0..2 {
            let is_first = self.path.is_empty();
            let leg = self.legs.get_mut(self.leg).ok_or(Reason::Bug)?;
            let query = leg.query(&self.asking, self.ordered);
            self.asked = query.asked;
            let path = if is_first { query.path } else { self.path.clone() };
            if !self.turned.insert(path.clone()) {
                // Pages in a circle.
                return Err(if is_first { Reason::UpstreamSearch } else { Reason::UpstreamPage });
            }
            spent.page(errand.road)?;
            let limits = errand.road.settings.page_limits();
            let turn = Turn { path: &path, kind: BundleKind::Searchset, limits, trace: errand.moment.trace };
            match upstream.page(&turn, &mut spent.notes).await? {
                Paged::Page(page) => return Ok(page),
                Paged::Refused(_) if is_first => {
                    if leg.widen() {
                        spent.narrowed(Narrowing::Refused);
                    }
                    self.ordered = Ordered::Here;
                }
                Paged::Refused(_) => return Err(Reason::UpstreamSearch),
            }
        }
        Err(Reason::UpstreamSearch)
    }

    /// Goes on to the next page or leg.
    fn end(&mut self, errand: &Errand<'_>) -> Result<(), Reason> {
        let tail = self.page.take().ok_or(Reason::Bug)?.finish()?;
        match tail.next {
            Some(link) => {
                self.path = below(errand.road.upstream.base(), &link).ok_or(Reason::UpstreamPage)?;
                self.passed = 0;
            }
            None => self.begin(self.leg + 1),
        }
        Ok(())
    }

    fn sift(&mut self, entry: Entry, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Found>, Reason> {
        // What was not asked for: warnings, includes, other types.
        let Some(resource) = entry.resource.filter(|it| it.resource_type() == self.asking.of) else { return Ok(None) };
        let Some(id) = resource.id().filter(|_| entry.mode == Mode::Match) else { return Ok(None) };
        let base = &errand.road.base;
        if !self.asked.iter().all(|condition| condition.matches(&resource, base)) {
            spent.narrowed(Narrowing::Ignored);
        }
        if self.legs.iter().take(self.leg).any(|earlier| earlier.asks_for(&resource, base)) || self.met.contains(&id) {
            return Ok(None);
        }
        let sieve = errand.sieve(self.asking.of, &self.grants)?;
        let Ok(seen) = sieve.see(&resource) else { return Ok(None) };
        let whole = seen.project();
        let (view, withheld) = (seen.view(&whole)?, whole.withheld());
        let holds = |condition: &Condition| {
            Surface::reads_shown(&condition.reads(), seen.projection(), || withheld) && condition.matches(&view, base)
        };
        let Asking { all, any, .. } = &self.asking;
        if !all.iter().all(holds) || !any.iter().all(|conditions| conditions.iter().any(holds)) {
            return Ok(None);
        }
        spent.saw(&seen);
        let projected = if self.part == Part::All { whole } else { seen.project_part(&self.part) };
        let disclosed = seen.disclosed(id.clone());
        let leg = u32::try_from(self.leg).map_err(|_| Reason::Bug)?;
        let position = Position { leg, path: self.path.clone(), offset: self.taken - 1 };
        let projection = seen.share();
        self.met.insert(id.clone());
        Ok(Some(Found { id, projected, view, projection, withheld, disclosed, position }))
    }
}

/// Path and query of a link with the same scheme, host and base (decision 19).
pub(super) fn below(base: &str, link: &str) -> Option<String> {
    let rest = link.strip_prefix(base)?;
    let (path, query) = rest.split_once('?')?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_');
    let is_below = (path.is_empty() || path.starts_with('/')) && path.bytes().all(is_plain);
    let is_query = query.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
    (is_below && is_query && rest.len() <= LINK_BYTES).then(|| rest.to_owned())
}
