//! Which queries go upstream for one search. Asking for less than all only saves work: every entry is judged and
//! compared again, so a query may ask for too much and must never ask for too little.
//!
//! A query cannot say "or" over different parameters. So where one of several conditions must hold, each becomes a leg
//! of its own. A resource is taken from one of them only, the first whose condition it meets as the caller is shown it. So
//! the union is exact without remembering anything from page to page, and its order follows from what is shown.

use ::fhir::{Condition, Grant, Parameter, compartment, order::Order, request::Parameters};
use lexicon::{Judge, LocalId, Reach, ResourceType};
use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// More queries than these for one search, and one asks for all of them.
const LEGS: usize = 12;

/// Servers take at least 8000 octets (RFC 9110 section 4.1), base included.
const PATH_BYTES: usize = 6 << 10;

/// Ids in one condition, in octets.
const IDS_BYTES: usize = 3 << 10;

/// The upstream's pages are of one size, whatever page a client wants.
const PAGE: &str = "100";

/// What resources of one type are searched by: all of the first, and of each of the second one.
pub(super) struct Asking {
    pub of: ResourceType,
    pub all: Vec<Condition>,
    pub any: Vec<Vec<Condition>>,
    pub sort: Vec<Order>,
    /// One patient's compartment is among it: nothing narrows it further.
    pub is_within: bool,
}

impl Asking {
    pub fn new(of: ResourceType) -> Self {
        Self { of, all: Vec::new(), any: Vec::new(), sort: Vec::new(), is_within: false }
    }

    /// "The id is one of these."
    pub fn ids(&mut self, ids: &[LocalId]) {
        let of = self.of;
        self.any.push(chunks(ids).map(|ids| Condition::ids(of, ids)).collect());
    }

    /// "The reference names one of these."
    pub fn naming(&mut self, reference: &'static Parameter, target: ResourceType, ids: &[LocalId]) {
        self.any.push(naming(self.of, reference, target, ids));
    }
}

fn naming(of: ResourceType, reference: &'static Parameter, target: ResourceType, ids: &[LocalId]) -> Vec<Condition> {
    let named = |ids: &[LocalId]| ids.iter().map(|id| (target, id.clone())).collect::<Vec<_>>();
    chunks(ids).map(|ids| Condition::naming(of, reference, &named(ids))).collect()
}

/// Cuts a list of ids into parts that fit into a URL.
fn chunks(ids: &[LocalId]) -> impl Iterator<Item = &[LocalId]> {
    let mut rest = ids;
    std::iter::from_fn(move || {
        let mut room = IDS_BYTES;
        // `Type/` and a comma, escaped.
        let fits = |id: &&LocalId| {
            let length = id.reveal().len() + 24;
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        let (now, later) = rest.split_at_checked(rest.iter().take_while(fits).count())?;
        rest = later;
        (!now.is_empty()).then_some(now)
    })
}

/// Whose resources the answer can hold: by the plan, and by scopes that are all for the patient in launch context.
pub(super) struct Whose<'a> {
    pub plan: &'a dyn Judge,
    pub grants: &'a [Grant],
    pub launched: Option<&'a LocalId>,
    /// Is what a condition looks at shown with every resource of the type?
    pub always: &'a dyn Fn(&Condition) -> bool,
    /// With any?
    pub ever: &'a dyn Fn(&Condition) -> bool,
}

impl Whose<'_> {
    /// Sorted, so that the same patients always make the same legs.
    fn patients(&self) -> Option<BTreeSet<LocalId>> {
        let reached = match self.plan.reach() {
            Reach::Anybody => None,
            Reach::Patients(patients) => Some(patients.into_iter().collect::<BTreeSet<_>>()),
        };
        // A grant of another context reaches what belongs to nobody.
        if self.grants.iter().any(|grant| grant.reaches(self.launched, None)) {
            return reached;
        }
        let launched = self.launched.filter(|id| reached.as_ref().is_none_or(|reached| reached.contains(*id)));
        Some(launched.cloned().into_iter().collect())
    }

    /// "It belongs to one of them": an alternative for each way to belong. None if it may belong to anybody.
    fn condition(&self, of: ResourceType) -> Option<Vec<Condition>> {
        let patients: Vec<LocalId> = self.patients()?.into_iter().collect();
        if of == ResourceType::PATIENT {
            return Some(chunks(&patients).map(|ids| Condition::ids(of, ids)).collect());
        }
        let ways = compartment::memberships(of).into_iter();
        Some(ways.flat_map(|way| naming(of, way, ResourceType::PATIENT, &patients)).collect())
    }
}

/// One choice between conditions, as far as legs are made of it.
struct Choice {
    /// One of these: shown wherever they hold.
    ways: Vec<Condition>,
    /// Or one of these, where it need not be shown which. They are one alternative, so that nothing tells them apart.
    rest: Vec<Condition>,
}

impl Choice {
    fn queries(&self) -> usize {
        self.ways.len() + self.rest.len()
    }

    fn alternatives(&self) -> impl Iterator<Item = Vec<&Condition>> {
        let rest = Some(self.rest.iter().collect::<Vec<_>>()).filter(|rest| !rest.is_empty());
        self.ways.iter().map(|way| vec![way]).chain(rest)
    }

    /// The first alternative that holds. The rest does not have to show that it does.
    fn first(&self, holds: &impl Fn(&Condition) -> bool) -> Option<usize> {
        let rest = (!self.rest.is_empty()).then_some(self.ways.len());
        self.ways.iter().position(holds).or(rest)
    }
}

/// One alternative of each choice.
pub(super) struct Leg {
    picks: Vec<usize>,
    /// What goes upstream for it. Where it is several queries, their finds are one list in the order of ids.
    pub queries: Vec<Vec<Condition>>,
}

/// How much of a query an upstream is asked to keep to. One that refuses all of it is asked for less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Ask {
    Everything,
    Unsorted,
    /// What we added to the search.
    Narrowing,
    /// What the caller asks.
    Criteria,
    Bare,
}

impl Ask {
    pub const ALL: [Self; 5] = [Self::Everything, Self::Unsorted, Self::Narrowing, Self::Criteria, Self::Bare];
}

/// The query that goes upstream. What does not fit is left out: a wider one.
pub(super) fn query(asking: &Asking, narrowing: &[Condition], order: Ordered, ask: Ask) -> Query {
    let mut parameters = Vec::new();
    let mut asked = Vec::new();
    let mut length = asking.of.name().len() + 32;
    let sort: Vec<String> = asking.sort.iter().map(Order::query).collect();
    let is_sorted = order == Ordered::Upstream && ask == Ask::Everything && !sort.is_empty();
    let sort = is_sorted.then(|| ("_sort".to_owned(), sort.join(",")));
    let criteria = asking.all.iter().filter(|_| !matches!(ask, Ask::Narrowing | Ask::Bare));
    let narrowing = narrowing.iter().filter(|_| !matches!(ask, Ask::Criteria | Ask::Bare));
    let conditions = criteria.chain(narrowing).filter_map(|condition| Some((condition.query()?, Some(condition))));
    for ((name, value), condition) in sort.map(|sort| (sort, None)).into_iter().chain(conditions) {
        // Escaped, an octet may be three.
        let more = name.len() + value.bytes().map(|b| if b.is_ascii_alphanumeric() { 1 } else { 3 }).sum::<usize>();
        if length + more <= PATH_BYTES {
            length += more + 2;
            parameters.push((name, value));
            asked.extend(condition.cloned());
        }
    }
    parameters.push(("_count".to_owned(), PAGE.to_owned()));
    let query: Parameters = parameters.into_iter().collect();
    Query { path: format!("/{}?{query}", asking.of), asked }
}

/// A query as it is sent.
pub(super) struct Query {
    /// Path and query below the upstream's base.
    pub path: String,
    /// What it says of each resource.
    pub asked: Vec<Condition>,
}

/// Who puts matches in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ordered {
    /// The upstream is asked to; whether it does is checked.
    Upstream,
    /// Nobody, or we.
    Here,
}

/// The legs of a search.
pub(super) struct Legs {
    choices: Vec<Choice>,
    /// None if nothing can be found.
    pub all: Vec<Leg>,
}

impl Legs {
    pub fn new(asking: &Asking, whose: &Whose<'_>) -> Self {
        let mut own = whose.condition(asking.of);
        if asking.is_within && own.as_ref().is_some_and(|ways| !ways.is_empty()) {
            own = None;
        }
        // A way that is never shown is no way to match, but it is one to belong.
        let ever = |ways: &Vec<Condition>| ways.iter().filter(|way| (whose.ever)(way)).cloned().collect();
        let asked = asking.any.iter().map(|ways| Choice { ways: ever(ways), rest: Vec::new() });
        let own = own.map(|ways| {
            let (ways, rest) = ways.into_iter().partition(|way| (whose.always)(way));
            Choice { ways, rest }
        });
        Self::of(asked.chain(own).collect())
    }

    fn of(mut choices: Vec<Choice>) -> Self {
        if choices.iter().any(|choice| choice.queries() == 0) {
            return Self { choices, all: Vec::new() };
        }
        // The longest lists first to go: a superset.
        choices.sort_by_key(Choice::queries);
        let mut number = 1;
        choices.retain(|choice| {
            let fits = number * choice.queries() <= LEGS;
            number *= if fits { choice.queries() } else { 1 };
            fits
        });
        let mut all = vec![Leg { picks: Vec::new(), queries: vec![Vec::new()] }];
        for choice in &choices {
            let with = |leg: &Leg, (pick, ways): (usize, Vec<&Condition>)| {
                let picks = leg.picks.iter().copied().chain([pick]).collect();
                let add = |query: &Vec<Condition>, way: &Condition| query.iter().chain([way]).cloned().collect();
                let queries = leg.queries.iter().flat_map(|query| ways.iter().map(|way| add(query, way)));
                Leg { picks, queries: queries.collect() }
            };
            all = all.iter().flat_map(|leg| choice.alternatives().enumerate().map(|one| with(leg, one))).collect();
        }
        Self { choices, all }
    }

    /// The one leg that a resource is taken from, by what the caller is shown of it: whichever leg the upstream sends it
    /// for, however often, and whatever else is in it.
    pub fn home(&self, holds: impl Fn(&Condition) -> bool) -> Option<usize> {
        let picks: Option<Vec<usize>> = self.choices.iter().map(|choice| choice.first(&holds)).collect();
        let picks = picks?;
        self.all.iter().position(|leg| leg.picks == picks)
    }

    /// Tells one set of legs from another, so that a position in one is not taken for a position in the other. Where a
    /// new version hashes otherwise, pages begun under the old one are found again by number.
    pub fn mark(&self, asking: &Asking) -> u64 {
        let mut hasher = DefaultHasher::new();
        for leg in &self.all {
            leg.picks.hash(&mut hasher);
            for narrowing in &leg.queries {
                query(asking, narrowing, Ordered::Upstream, Ask::Everything).path.hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests;
