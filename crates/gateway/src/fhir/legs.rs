//! Which queries go upstream for one search. Asking for less than all only saves work: every entry is judged and
//! compared again, so a query may ask for too much and must never ask for too little.
//!
//! A query cannot say "or" over different parameters. So where one of several conditions must hold, each becomes a leg
//! of its own; what an earlier leg also asks for is passed over in a later one. That makes the union exact without
//! remembering anything from page to page.

use ::fhir::{Base, Condition, Grant, Parameter, Scanned, compartment, order::Order, request::Parameters};
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

/// One query.
pub(super) struct Leg {
    narrowing: Vec<Condition>,
}

impl Leg {
    /// Does it ask for this resource?
    pub fn asks_for(&self, resource: &Scanned, base: &Base) -> bool {
        self.narrowing.iter().all(|condition| condition.matches(resource, base))
    }

    /// From now on it asks for all that the legs before it left. Says whether that is more.
    pub fn widen(&mut self) -> bool {
        let was_narrow = !self.narrowing.is_empty();
        self.narrowing.clear();
        was_narrow
    }

    /// The query that goes upstream. What does not fit is left out: a wider one.
    pub fn query(&self, asking: &Asking, order: Ordered) -> Query {
        let mut parameters = Vec::new();
        let mut asked = Vec::new();
        let mut length = asking.of.name().len() + 32;
        let sort: Vec<String> = asking.sort.iter().map(Order::query).collect();
        let sort = (order == Ordered::Upstream && !sort.is_empty()).then(|| ("_sort".to_owned(), sort.join(",")));
        let conditions = asking.all.iter().chain(&self.narrowing);
        let conditions = conditions.filter_map(|condition| Some((condition.query()?, Some(condition))));
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

/// The legs of a search: none if nothing can be found.
pub(super) fn legs(asking: &Asking, whose: &Whose<'_>) -> Vec<Leg> {
    let mut own = whose.condition(asking.of);
    if asking.is_within && own.as_ref().is_some_and(|ways| !ways.is_empty()) {
        own = None;
    }
    let mut choices: Vec<&Vec<Condition>> = asking.any.iter().chain(&own).collect();
    if choices.iter().any(|alternatives| alternatives.is_empty()) {
        return Vec::new();
    }
    // The longest lists first to go: a superset.
    choices.sort_by_key(|alternatives| alternatives.len());
    let mut number = 1;
    choices.retain(|alternatives| {
        let fits = number * alternatives.len() <= LEGS;
        number *= if fits { alternatives.len() } else { 1 };
        fits
    });
    let mut legs = vec![Leg { narrowing: Vec::new() }];
    for alternatives in choices {
        let with = |leg: &Leg, one: &Condition| {
            let narrowing = leg.narrowing.iter().chain([one]).cloned().collect();
            Leg { narrowing }
        };
        legs = legs.iter().flat_map(|leg| alternatives.iter().map(|one| with(leg, one))).collect();
    }
    legs
}

/// Tells one set of legs from another, so that a position in one is not taken for a position in the other. Where a new
/// version hashes otherwise, pages begun under the old one are found again by number.
pub(super) fn mark(asking: &Asking, legs: &[Leg]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for leg in legs {
        leg.query(asking, Ordered::Upstream).path.hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
