//! A search, read strictly (<https://hl7.org/fhir/R4/search.html>): each parameter is one that is understood in full,
//! or the search is refused. Nothing is dropped, since a condition that vanishes widens the answer.

mod include;
mod key;
mod result;

pub(crate) use include::INCLUDED_TYPES;
pub use include::{Direction, Include, Repetition};
pub use result::{Summary, Total, count, page};

use crate::condition::Condition;
use crate::order::Order;
use crate::parameter::place::Datatype;
use crate::parameter::{Kind, Parameter};
use crate::request::Parameters;
use lexicon::{Reason, ResourceType};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// Criteria, includes and alternatives of one search; more is no search but a way to spend our time.
const CRITERIA: usize = 32;
const INCLUDES: usize = 16;
const ALTERNATIVES: usize = 512;

/// What a search asks for.
#[derive(Clone)]
pub struct Search {
    pub of: ResourceType,
    /// All of them hold.
    pub criteria: Vec<Criterion>,
    pub sort: Vec<Order>,
    pub includes: Vec<Include>,
    /// How many matches a page should hold; never zero, which asks for [`Summary::Count`].
    pub count: Option<u32>,
    pub total: Total,
    pub summary: Summary,
    /// Elements to reduce the answer to; none means all.
    pub elements: Vec<String>,
    /// A sealed cursor, which says all the rest.
    pub page: Option<String>,
}

/// One condition on a resource of the type searched.
#[derive(Clone)]
pub enum Criterion {
    /// On an element of its own.
    Own(Condition),
    /// Any one of these: how a resource is a member of a compartment. An alternative that looks at something hidden
    /// never holds.
    AnyOf(Vec<Condition>),
    /// On a resource that it refers to.
    Chain { reference: &'static Parameter, target: ResourceType, inner: Vec<Criterion> },
    /// On a resource that refers to it.
    Has { of: ResourceType, reference: &'static Parameter, inner: Box<Criterion> },
}

/// Blank: what is searched for names people.
impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Search").field("of", &self.of).finish_non_exhaustive()
    }
}

impl fmt::Debug for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Criterion")
    }
}

impl Search {
    /// The search for everything of a type.
    pub fn all(of: ResourceType) -> Self {
        Self {
            of,
            criteria: Vec::new(),
            sort: Vec::new(),
            includes: Vec::new(),
            count: None,
            total: Total::None,
            summary: Summary::False,
            elements: Vec::new(),
            page: None,
        }
    }

    /// Reads the parameters of a search, URL and body together. `_format` and `_pretty` are read elsewhere.
    pub fn parse(of: ResourceType, parameters: &Parameters) -> Result<Self, Reason> {
        let mut search = Self::all(of);
        let mut once = HashSet::new();
        let mut alternatives = 0;
        for (name, value) in parameters.pairs() {
            let (code, suffix) = name.split_once(':').map_or((name, None), |(code, suffix)| (code, Some(suffix)));
            if let Some(direction) = Direction::of(code) {
                search.includes.push(Include::parse(of, direction, suffix, value)?);
            } else if result::is_one(code) {
                if suffix.is_some() {
                    return Err(Reason::ParameterModifier);
                }
                if !once.insert(code) {
                    return Err(Reason::ParameterDuplicate);
                }
                search.add_result(code, value)?;
            } else {
                alternatives += value.split(',').count();
                search.criteria.push(key::criterion(of, name, value, key::HOPS)?);
            }
        }
        if search.criteria.len() > CRITERIA || search.includes.len() > INCLUDES || alternatives > ALTERNATIVES {
            return Err(Reason::SearchTooBroad);
        }
        search.check(parameters)?;
        Ok(search)
    }

    /// What single parameters cannot know of each other.
    fn check(&self, parameters: &Parameters) -> Result<(), Reason> {
        let presents = |name: &str| matches!(name, "_page" | "_format" | "_pretty");
        if self.page.is_some() && !parameters.names().all(presents) {
            return Err(Reason::ParameterNotModelled);
        }
        // Two ways to reduce an answer, of which R4 does not say what they mean together.
        if !self.elements.is_empty() && !matches!(self.summary, Summary::False | Summary::Count) {
            return Err(Reason::ParameterValue);
        }
        // R4, 3.1.1.5.8: these are not to be mixed.
        if self.summary == Summary::Text && !self.includes.is_empty() {
            return Err(Reason::ParameterValue);
        }
        Ok(())
    }

    /// Every other type that this search looks at.
    pub fn types(&self) -> Vec<ResourceType> {
        self.leads().into_keys().collect()
    }

    /// The same, each with what it is needed for; of several needs the strictest.
    pub fn leads(&self) -> BTreeMap<ResourceType, Lead> {
        let mut hops = BTreeSet::new();
        self.criteria.iter().for_each(|criterion| criterion.hops(&mut hops));
        let mut leads: BTreeMap<_, _> = hops.into_iter().map(|of| (of, Lead::Hop)).collect();
        let mut add = |of: ResourceType, lead: Lead| {
            let known = leads.entry(of).or_insert(lead);
            *known = lead.min(*known);
        };
        for include in &self.includes {
            add(include.of, Lead::Include);
            if include.direction == Direction::Forward {
                let lead = if include.targets().len() > 1 { Lead::Perhaps } else { Lead::Include };
                include.targets().into_iter().for_each(|target| add(target, lead));
            }
        }
        leads.remove(&self.of);
        leads
    }
}

/// What a search needs another type for, the strictest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lead {
    /// A chain or `_has` goes through it: the caller must be one who may search it.
    Hop,
    /// It holds what is included, or is the one type included: likewise.
    Include,
    /// One of several that an included reference may name. Where the caller may not search it, it is not included.
    Perhaps,
}

impl Criterion {
    fn hops(&self, types: &mut BTreeSet<ResourceType>) {
        match self {
            Self::Own(_) | Self::AnyOf(_) => {}
            Self::Chain { target, inner, .. } => {
                types.insert(*target);
                inner.iter().for_each(|inner| inner.hops(types));
            }
            Self::Has { of, inner, .. } => {
                types.insert(*of);
                inner.hops(types);
            }
        }
    }
}

/// Can it name resources, so that a search may go on there? A canonical URL names no resource by its id.
pub(crate) fn leads_on(parameter: &Parameter) -> bool {
    let names = parameter.places.iter().any(|place| place.datatype == Datatype::Reference);
    parameter.kind == Kind::Reference && names
}

#[cfg(test)]
mod tests;
