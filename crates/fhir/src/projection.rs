//! Projections: which elements of each type a group shows, and the compiled form the filter walks by.
//!
//! An element is shown if its path is named, and known in R4 for its type; naming a complex element names what R4
//! says is inside it. Some elements repeat what stands elsewhere or can hold anything. They are shown only where a
//! path names them themselves: `extension`, `modifierExtension`, element ids, `_name` members, `Reference.display`,
//! `Reference.identifier`, `Meta.source`, and of a resource `text`. `contained` cannot be named at all: the policy
//! judged the resource around it, not the one inside.
//!
//! What leads elsewhere is not shown: of a `Reference.reference` what is relative or below one of our bases (then it is
//! written relative), of an `Attachment.url` what is relative.
//!
//! An element that R4 makes mandatory and that no group names is left out like any other, and nothing is put in its
//! place: a `data-absent-reason` has no place in a complex element, and would tell which elements a hidden resource
//! has. The answer says that it is partial (`SUBSETTED`). A projection for readers that insist on mandatory elements
//! names them; the starter does.

mod compile;
mod load;

pub use load::ProjectionError;

use crate::by_name::ByName;
use crate::elements::{Elements, Holds, TypeId};
use lexicon::ResourceType;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Type -> group -> element paths, each checked against the R4 tables.
pub struct Projections {
    text: String,
    elements: Arc<Elements>,
    types: BTreeMap<ResourceType, Groups>,
    /// One entry a type and set of groups; both come from the file, so the number is bounded.
    compiled: Mutex<HashMap<(ResourceType, u64), Arc<Projection>>>,
}

/// Concrete element names from the resource down; the last may be a `_name`.
type Path = Vec<String>;

#[derive(Default)]
struct Groups {
    default: Vec<Path>,
    /// Sorted by name.
    others: Vec<(String, Vec<Path>)>,
}

impl fmt::Debug for Projections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projections").field("types", &self.types.keys()).finish_non_exhaustive()
    }
}

impl Projections {
    pub fn load(toml_text: &str) -> Result<Self, ProjectionError> {
        let elements = Elements::r4()?;
        let types = load::groups(toml_text, &elements)?;
        Ok(Self { text: toml_text.to_owned(), elements: Arc::new(elements), types, compiled: Mutex::default() })
    }

    /// The groups of each listed type, without `default`.
    pub fn groups(&self) -> Vec<(ResourceType, Vec<String>)> {
        let names = |groups: &Groups| groups.others.iter().map(|(name, _)| name.clone()).collect();
        self.types.iter().map(|(resource_type, groups)| (*resource_type, names(groups))).collect()
    }

    /// What the default group and `groups` together show of a type. A group that the file does not have shows
    /// nothing; a type that the file does not list shows its type and id.
    pub fn compile(&self, resource_type: ResourceType, groups: &[String]) -> Arc<Projection> {
        let listed = self.types.get(&resource_type);
        let others = listed.map(|listed| listed.others.as_slice()).unwrap_or_default();
        let chosen = |name: &String| groups.contains(name);
        let mask = others.iter().enumerate().fold(0, |mask, (at, (name, _))| mask | u64::from(chosen(name)) << at);

        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let own_id = [vec!["id".to_owned()]];
            let default = listed.map_or(own_id.as_slice(), |listed| &listed.default);
            let more = others.iter().filter(|(name, _)| chosen(name)).flat_map(|(_, paths)| paths);
            Arc::new(compile::projection(&self.elements, resource_type, default.iter().chain(more)))
        };
        Arc::clone(compiled.entry((resource_type, mask)).or_insert_with(make))
    }

    /// The text it was loaded from.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What may be seen of one type. Compiled; made by [`Projections::compile`].
pub struct Projection {
    resource_type: ResourceType,
    elements: Arc<Elements>,
    parts: Vec<ByName<Rule>>,
    root: View,
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection").field("resource_type", &self.resource_type).finish_non_exhaustive()
    }
}

/// What may be seen inside one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// All that R4 knows of the type, less what must be named itself.
    Whole(TypeId),
    /// The members listed in that part of the projection.
    Part(usize),
    /// The type and id of a resource, if even that.
    Nothing,
}

/// How one member is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rule {
    /// An array in JSON, whatever its length.
    pub(crate) many: bool,
    pub(crate) shows: Shows,
    /// Its `_name` is shown with it.
    pub(crate) aside: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shows {
    Text,
    /// The text of a reference, if it leads to one of ours.
    Literal,
    /// The text of a relative link.
    Link,
    Number,
    Boolean,
    Inside(View),
}

impl Projection {
    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    pub(crate) fn root(&self) -> View {
        self.root
    }

    pub(crate) fn elements(&self) -> &Elements {
        &self.elements
    }

    /// The rule for a member of that name, if it may be seen.
    pub(crate) fn rule(&self, view: View, name: &[u8]) -> Option<Rule> {
        match view {
            View::Nothing => None,
            View::Part(at) => self.parts.get(at)?.get(name).copied(),
            View::Whole(id) => {
                let element = self.elements.of(id).element(name).filter(|element| !element.tacit)?;
                let shows = match element.holds {
                    Holds::Text => Shows::Text,
                    Holds::Literal => Shows::Literal,
                    Holds::Link => Shows::Link,
                    Holds::Number => Shows::Number,
                    Holds::Boolean => Shows::Boolean,
                    Holds::Complex(inner) => Shows::Inside(View::Whole(inner)),
                    Holds::Resource => return None,
                };
                Some(Rule { many: element.many, shows, aside: false })
            }
        }
    }

    /// Is the simple element at that path shown? It depends on the path alone, never on a resource.
    pub(crate) fn shows(&self, path: &[&str]) -> bool {
        let mut view = self.root;
        let mut names = path.iter().peekable();
        while let Some(name) = names.next() {
            let shows = self.rule(view, name.as_bytes()).map(|rule| rule.shows);
            match (shows, names.peek()) {
                (Some(Shows::Inside(inside)), Some(_)) => view = inside,
                (Some(Shows::Text | Shows::Literal | Shows::Link | Shows::Number | Shows::Boolean), None) => {
                    return true;
                }
                _ => return false,
            }
        }
        false
    }

    /// What a `_name` member shows once it is named: its id and extensions.
    pub(crate) fn aside(&self) -> View {
        View::Whole(Elements::aside())
    }
}

#[cfg(test)]
mod tests;
