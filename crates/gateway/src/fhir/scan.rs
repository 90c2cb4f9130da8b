//! One search upstream: its legs, their pages, their entries, one at a time, each through the sieve. What the upstream
//! says about its answer is not believed (decision 20): neither types nor matches, nor that a page follows another.

use super::{
    Fhir,
    cursor::Position,
    legs::{Ask, Asking, Legs, Ordered, Whose, query},
    sieve::{Seen, Sieve, grants},
    upstream::{Page, Paged, Turn},
};
use ::fhir::{
    Condition, Grant, Part, Projected, Projection, Scanned, Surface,
    bundle::{BundleKind, Entry, Mode},
    request::Asked,
};
use lexicon::{Judge, LocalId, Narrowing, Reason, ResourceType, Shown};
use passage::{Disclosed, Moment, Notes, Sight};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
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
    /// What the answer tells of without showing it: steps, counts, what lies beyond the page.
    pub told: Vec<Disclosed>,
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

/// Finds that are held to be put in order, in bytes.
const HELD: usize = 16 << 20;

/// Finds that are held, within bounds, each with what it is put in order by.
pub(super) struct Held<Key> {
    pub found: Vec<(Key, Found)>,
    bytes: usize,
}

impl<Key> Default for Held<Key> {
    fn default() -> Self {
        Self { found: Vec::new(), bytes: 0 }
    }
}

impl<Key> Held<Key> {
    pub fn push(&mut self, key: Key, found: Found) -> Result<(), Reason> {
        self.bytes += found.size();
        self.found.push((key, found));
        if self.bytes > HELD { Err(Reason::SearchTooBroad) } else { Ok(()) }
    }
}

/// A resource that may be seen and matches.
pub(super) struct Found {
    pub id: LocalId,
    /// As it goes into the answer.
    pub projected: Projected,
    /// All the caller may see of it, until nothing more is asked of it.
    pub view: Option<Scanned>,
    /// The length of that.
    pub seen: usize,
    pub projection: Arc<Projection>,
    /// How much the caller may not see.
    pub withheld: u64,
    pub disclosed: Disclosed,
    pub position: Position,
}

impl Found {
    /// What it takes in memory, roughly.
    pub fn size(&self) -> usize {
        // A view is its text and a cell for each value in it.
        let view = if self.view.is_some() { 4 * self.seen } else { 0 };
        self.projected.bytes().len() + view + 512
    }

    /// The resources that a reference names, as far as that is shown.
    pub fn named(&self, reference: &::fhir::Parameter, road: &Fhir) -> Vec<(ResourceType, LocalId)> {
        let shown = Surface::reads_shown(&reference.reads(), &self.projection, || self.withheld);
        let view = self.view.as_ref().filter(|_| shown);
        view.map(|view| reference.named(view, &road.base)).unwrap_or_default()
    }
}

pub(super) struct Scan {
    asking: Asking,
    part: Part,
    grants: Vec<Grant>,
    legs: Legs,
    pub ordered: Ordered,
    leg: usize,
    /// Of the leg's queries.
    query: usize,
    /// How much of it the upstream takes.
    ask: Ask,
    /// Of the page that is being read, or comes next; empty for the first of a query.
    path: String,
    page: Option<Box<Page>>,
    /// What the query that led to it asks of each entry.
    asked: Vec<Condition>,
    /// Entries taken from it.
    taken: u32,
    /// Entries of it that were dealt with on an earlier page of ours; of a leg of several queries, finds.
    passed: u32,
    /// Pages of this query.
    turned: HashSet<String>,
    met: HashSet<LocalId>,
    /// Finds of a leg of several queries, and what of them is still to come.
    held: Held<LocalId>,
    pours: VecDeque<Found>,
}

impl Scan {
    pub fn new(asking: Asking, part: Part, errand: &Errand<'_>) -> Result<Self, Reason> {
        let of = asking.of;
        let grants = errand.grants(of)?;
        let plan = errand.plan(of)?;
        let groups = plan.groups();
        let shows = |least: &[Shown]| {
            let named = groups.iter().filter(|(_, shown)| least.contains(shown)).map(|(group, _)| group.clone());
            let shown = errand.road.settings.projections.compile(of, &named.collect::<Vec<_>>());
            move |condition: &Condition| Surface::reads_shown(&condition.reads(), &shown, || 0)
        };
        let (always, ever) = (shows(&[Shown::Always]), shows(&[Shown::Always, Shown::Sometimes]));
        let launched = errand.sight.principal.patient.as_ref();
        let legs = Legs::new(&asking, &Whose { plan, grants: &grants, launched, always: &always, ever: &ever });
        let is_plain = legs.all.iter().map(|leg| leg.queries.len()).sum::<usize>() <= 1;
        let ordered = if asking.sort.is_empty() || !is_plain { Ordered::Here } else { Ordered::Upstream };
        Ok(Self {
            asking,
            part,
            grants,
            legs,
            ordered,
            leg: 0,
            query: 0,
            ask: Ask::Everything,
            path: String::new(),
            page: None,
            asked: Vec::new(),
            taken: 0,
            passed: 0,
            turned: HashSet::new(),
            met: HashSet::new(),
            held: Held::default(),
            pours: VecDeque::new(),
        })
    }

    pub fn mark(&self) -> u64 {
        self.legs.mark(&self.asking)
    }

    pub fn asking(&self) -> &Asking {
        &self.asking
    }

    pub fn resume(&mut self, at: Position) {
        self.begin(at.leg as usize);
        self.path = at.path;
        self.passed = at.offset;
    }

    /// To the beginning, as if nothing had been read.
    pub fn rewind(&mut self) {
        self.page = None;
        self.met.clear();
        self.pours.clear();
        self.begin(0);
    }

    fn begin(&mut self, leg: usize) {
        self.leg = leg;
        self.held = Held::default();
        self.passed = 0;
        self.ask_for(0);
    }

    fn ask_for(&mut self, query: usize) {
        self.query = query;
        self.ask = Ask::Everything;
        self.path.clear();
        self.turned.clear();
    }

    fn holds(&self) -> bool {
        self.legs.all.get(self.leg).is_some_and(|leg| leg.queries.len() > 1)
    }

    /// The next resource that may be seen and matches.
    pub async fn next(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Found>, Reason> {
        loop {
            if let Some(found) = self.pours.pop_front() {
                return Ok(Some(found));
            }
            let Some(page) = &mut self.page else {
                if self.leg >= self.legs.all.len() {
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
            let holds = self.holds();
            if !holds && self.taken <= self.passed {
                continue;
            }
            match self.sift(entry, errand, spent)? {
                Some(found) if holds => self.held.push(found.id.clone(), found)?,
                Some(found) => return Ok(Some(found)),
                None => {}
            }
        }
    }

    /// Asks for the page. A first page that is refused is asked for again with less of the query.
    async fn turn(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Box<Page>, Reason> {
        let upstream = &errand.road.upstream;
        let is_first = self.path.is_empty();
        let most = self.ask;
        for ask in Ask::ALL.into_iter().filter(|ask| *ask >= most) {
            let leg = self.legs.all.get(self.leg).ok_or(Reason::Bug)?;
            let narrowing = leg.queries.get(self.query).ok_or(Reason::Bug)?;
            let query = query(&self.asking, narrowing, self.ordered, ask);
            if most < ask {
                self.ordered = Ordered::Here;
                if query.asked.len() < self.asked.len() {
                    spent.narrowed(Narrowing::Refused);
                }
            }
            (self.ask, self.asked) = (ask, query.asked);
            let path = if is_first { query.path } else { self.path.clone() };
            if !self.turned.insert(path.clone()) {
                if is_first {
                    // Refused already, in other words.
                    continue;
                }
                // Pages in a circle.
                return Err(Reason::UpstreamPage);
            }
            spent.page(errand.road)?;
            let limits = errand.road.settings.page_limits();
            let turn = Turn { path: &path, kind: BundleKind::Searchset, limits, trace: errand.moment.trace };
            match upstream.page(&turn, &mut spent.notes).await? {
                Paged::Page(page) => return Ok(page),
                Paged::Refused(_) if is_first => {}
                Paged::Refused(_) => return Err(Reason::UpstreamSearch),
            }
        }
        Err(Reason::UpstreamSearch)
    }

    /// Goes on to the next page, query or leg.
    fn end(&mut self, errand: &Errand<'_>) -> Result<(), Reason> {
        let tail = self.page.take().ok_or(Reason::Bug)?.finish()?;
        let holds = self.holds();
        if let Some(link) = tail.next {
            self.path = below(errand.road.upstream.base(), &link).ok_or(Reason::UpstreamPage)?;
            self.passed = if holds { self.passed } else { 0 };
            return Ok(());
        }
        let queries = self.legs.all.get(self.leg).map_or(0, |leg| leg.queries.len());
        if self.query + 1 < queries {
            self.ask_for(self.query + 1);
            return Ok(());
        }
        if holds {
            // By id, which is shown, and not by what made the upstream send it first.
            let mut found = std::mem::take(&mut self.held).found;
            found.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (offset, (_, found)) in (0..).zip(&mut found) {
                found.position.path.clear();
                found.position.offset = offset;
            }
            self.pours = found.into_iter().skip(self.passed as usize).map(|(_, found)| found).collect();
        }
        self.begin(self.leg + 1);
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
        if self.met.contains(&id) {
            return Ok(None);
        }
        let sieve = errand.sieve(self.asking.of, &self.grants)?;
        let Ok(seen) = sieve.see(&resource) else { return Ok(None) };
        let whole = seen.project();
        let (view, withheld, length) = (seen.view(&whole)?, whole.withheld(), whole.bytes().len());
        let holds = |condition: &Condition| {
            Surface::reads_shown(&condition.reads(), seen.projection(), || withheld) && condition.matches(&view, base)
        };
        let Asking { all, any, .. } = &self.asking;
        if !all.iter().all(holds) || !any.iter().all(|conditions| conditions.iter().any(holds)) {
            return Ok(None);
        }
        if self.legs.home(holds) != Some(self.leg) {
            return Ok(None);
        }
        spent.saw(&seen);
        let projected = if self.part == Part::All { whole } else { seen.project_part(&self.part) };
        let disclosed = seen.disclosed(id.clone());
        let leg = u32::try_from(self.leg).map_err(|_| Reason::Bug)?;
        let position = Position { leg, path: self.path.clone(), offset: self.taken - 1 };
        let projection = seen.share();
        self.met.insert(id.clone());
        Ok(Some(Found { id, projected, view: Some(view), seen: length, projection, withheld, disclosed, position }))
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
