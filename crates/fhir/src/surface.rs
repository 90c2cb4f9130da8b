//! What a caller may search by. An answer must follow from what the caller is shown, so a search may look only at
//! elements that can be shown: derived, for each type, from the projection of the element groups that a plan may
//! grant. No list of forbidden parameters exists.
//!
//! * A condition looks at elements that are shown with some resources at least; on each resource that does not show
//!   them, it does not hold ([`Surface::reads_shown`]).
//! * An order looks at elements that are shown with every resource, in full.
//! * A chain, `_has` or include looks at the reference, where it stands, and leads only to types that were added.
//!
//! `meta.versionId` and `meta.lastUpdated` tell of changes to what is hidden, and are shown only with a resource of
//! which nothing is withheld. A type cannot promise that: they may be asked for where they are named, and never sort.

mod list;

pub use list::{Row, RowKind};

use crate::order::Order;
use crate::parameter::{Parameter, Path};
use crate::projection::{Projection, Projections, Shows};
use crate::search::{Criterion, Direction, Include, Search};
use lexicon::{Reason, ResourceType, Shown};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// What one caller may search by.
pub struct Surface<'p> {
    projections: &'p Projections,
    types: BTreeMap<ResourceType, Sight>,
}

impl fmt::Debug for Surface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surface").field("types", &self.types.keys()).finish_non_exhaustive()
    }
}

/// What is shown of one type.
struct Sight {
    /// With every resource.
    always: Arc<Projection>,
    /// With some.
    ever: Arc<Projection>,
}

/// Whether something may be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    Allowed,
    /// It is answered from the resources that show what it looks at.
    WhereShown,
    Refused(Obstacle),
}

/// What stands in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// The type may not be searched.
    Type(ResourceType),
    /// The element is never shown, or not always where it must be.
    Element(ResourceType, String),
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(of) => write!(f, "{of}"),
            Self::Element(of, path) => write!(f, "{of}.{path}"),
        }
    }
}

impl Standing {
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// How much of an element must be seen.
#[derive(Clone, Copy)]
enum Need {
    /// With some resources.
    Ever,
    /// With every resource, whatever its value is.
    Always,
}

impl<'p> Surface<'p> {
    pub fn new(projections: &'p Projections) -> Self {
        Self { projections, types: BTreeMap::new() }
    }

    /// Adds a type that the caller may search, and the element groups beside `default` that the plan may grant.
    pub fn add(&mut self, of: ResourceType, groups: &[(String, Shown)]) {
        let named = |shown: &dyn Fn(Shown) -> bool| -> Vec<String> {
            groups.iter().filter(|(_, when)| shown(*when)).map(|(name, _)| name.clone()).collect()
        };
        let always = self.projections.compile(of, &named(&|when| when == Shown::Always));
        let ever = self.projections.compile(of, &named(&|_| true));
        self.types.insert(of, Sight { always, ever });
    }

    /// May this search be asked?
    pub fn admits(&self, search: &Search) -> Result<(), Reason> {
        if !self.types.contains_key(&search.of) {
            return Err(Reason::PolicyRefused);
        }
        search.criteria.iter().try_for_each(|criterion| self.admits_criterion(search.of, criterion))?;
        if search.sort.iter().any(|order| self.order(search.of, order).is_refused()) {
            return Err(Reason::ParameterHidden);
        }
        if search.includes.iter().any(|include| self.include(include).is_refused()) {
            return Err(Reason::IncludeRefused);
        }
        Ok(())
    }

    /// Does this resource show all that a condition looks at? `shown` is its projection; `withheld`, asked only where
    /// it matters, how many parts of the resource that leaves out.
    pub fn reads_shown(reads: &[Path], shown: &Projection, withheld: impl FnOnce() -> u64) -> bool {
        !reads.is_empty()
            && reads.iter().all(|path| shows(shown, path))
            && (!reads.iter().any(|path| dates(path)) || withheld() == 0)
    }

    fn admits_criterion(&self, of: ResourceType, criterion: &Criterion) -> Result<(), Reason> {
        match criterion {
            Criterion::Own(condition) => hidden(&self.look(of, &condition.reads(), Need::Ever)),
            Criterion::AnyOf(conditions) => {
                let shown = |reads: Vec<Path>| !self.look(of, &reads, Need::Ever).is_refused();
                let any = conditions.iter().any(|condition| shown(condition.reads()));
                if any { Ok(()) } else { Err(Reason::ParameterHidden) }
            }
            Criterion::Chain { reference, target, inner } => {
                hop(&self.chain(of, reference, *target))?;
                inner.iter().try_for_each(|inner| self.admits_criterion(*target, inner))
            }
            Criterion::Has { of: holder, reference, inner } => {
                hop(&self.has(of, *holder, reference))?;
                self.admits_criterion(*holder, inner)
            }
        }
    }

    /// What looking at those elements of a type needs.
    fn look(&self, of: ResourceType, reads: &[Path], need: Need) -> Standing {
        let Some(sight) = self.types.get(&of) else { return Standing::Refused(Obstacle::Type(of)) };
        let refused = |path: &[&str]| Standing::Refused(Obstacle::Element(of, path.join(".")));
        // What does not say what it looks at may look at anything.
        if reads.is_empty() {
            return refused(&["*"]);
        }
        let bare = |path: &&Path| match need {
            Need::Ever => !shows(&sight.ever, path),
            Need::Always => !shows(&sight.always, path) || dates(path) || leads(&sight.always, path),
        };
        if let Some(path) = reads.iter().find(bare) {
            return refused(path);
        }
        let always = reads.iter().all(|path| shows(&sight.always, path) && !dates(path));
        if always { Standing::Allowed } else { Standing::WhereShown }
    }

    fn order(&self, of: ResourceType, order: &Order) -> Standing {
        self.look(of, &order.reads(), Need::Always)
    }

    /// The reference in the one type, and the id of the other.
    fn chain(&self, of: ResourceType, reference: &Parameter, target: ResourceType) -> Standing {
        worse(self.look(target, &[vec!["id"]], Need::Ever), || self.look(of, &reference.reads(), Need::Ever))
    }

    fn has(&self, of: ResourceType, holder: ResourceType, reference: &Parameter) -> Standing {
        worse(self.look(holder, &reference.reads(), Need::Ever), || self.look(of, &[vec!["id"]], Need::Ever))
    }

    /// Of several types that a reference may name, one that may be searched is enough: the others are not included.
    fn include(&self, include: &Include) -> Standing {
        let reference = self.look(include.of, &include.reference.reads(), Need::Ever);
        match include.direction {
            Direction::Reverse => reference,
            Direction::Forward => {
                let targets = include.targets().into_iter();
                let mut standings = targets.map(|target| self.look(target, &[vec!["id"]], Need::Ever));
                let first = standings.next().unwrap_or(Standing::Refused(Obstacle::Type(include.of)));
                worse(reference, || standings.fold(first, better))
            }
        }
    }
}

/// The first unless it is refused, else the second unless that is too.
fn better(first: Standing, second: Standing) -> Standing {
    if first.is_refused() && !second.is_refused() { second } else { first }
}

/// The first if it is refused, else the lesser of both.
fn worse(first: Standing, second: impl FnOnce() -> Standing) -> Standing {
    match first {
        Standing::Refused(_) => first,
        Standing::Allowed => second(),
        Standing::WhereShown => match second() {
            Standing::Allowed => Standing::WhereShown,
            other => other,
        },
    }
}

fn hidden(standing: &Standing) -> Result<(), Reason> {
    match standing {
        Standing::Allowed | Standing::WhereShown => Ok(()),
        Standing::Refused(Obstacle::Type(_)) => Err(Reason::ParameterChain),
        Standing::Refused(Obstacle::Element(..)) => Err(Reason::ParameterHidden),
    }
}

fn hop(standing: &Standing) -> Result<(), Reason> {
    if standing.is_refused() { Err(Reason::ParameterChain) } else { Ok(()) }
}

/// Is the simple element at that path shown whatever its value is, or at least as far as it leads to one of ours? Of a
/// link only what is relative is shown, and a condition would tell of the rest.
fn shows(projection: &Projection, path: &[&str]) -> bool {
    projection.shows(path) && !matches!(leaf(projection, path), Some(Shows::Link))
}

/// Does it hold a reference, which is shown only if it leads to one of ours?
fn leads(projection: &Projection, path: &[&str]) -> bool {
    matches!(leaf(projection, path), Some(Shows::Literal))
}

fn leaf(projection: &Projection, path: &[&str]) -> Option<Shows> {
    let mut view = projection.root();
    let mut found = None;
    for name in path {
        found = projection.rule(view, name.as_bytes()).map(|rule| rule.shows);
        match found {
            Some(Shows::Inside(inside)) => view = inside,
            _ => return found,
        }
    }
    found
}

/// Does it date a resource?
fn dates(path: &[&str]) -> bool {
    matches!(path, ["meta", "versionId" | "lastUpdated", ..])
}

#[cfg(test)]
mod tests;
