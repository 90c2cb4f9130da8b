//! The search parameters of R4 that can be evaluated exactly on one resource: see `tables/README.md`.

pub(crate) mod content;
pub(crate) mod decimal;
pub(crate) mod fold;
pub(crate) mod moment;
pub(crate) mod place;
pub(crate) mod span;

use crate::filter::Scanned;
use crate::reference::Base;
use lexicon::{LocalId, ResourceType};
use place::{Datatype, Look, Place, Step};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Element names from the resource down, as they stand in JSON.
pub type Path = Vec<&'static str>;

/// <https://hl7.org/fhir/R4/search.html#ptypes>
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Number,
    Date,
    String,
    Token,
    Reference,
    Composite,
    Quantity,
    Uri,
    Special,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Number,
        Self::Date,
        Self::String,
        Self::Token,
        Self::Reference,
        Self::Composite,
        Self::Quantity,
        Self::Uri,
        Self::Special,
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// As `SearchParameter.type` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::String => "string",
            Self::Token => "token",
            Self::Reference => "reference",
            Self::Composite => "composite",
            Self::Quantity => "quantity",
            Self::Uri => "uri",
            Self::Special => "special",
        }
    }
}

/// A search parameter of one type.
#[derive(PartialEq, Debug)]
pub struct Parameter {
    pub code: &'static str,
    pub kind: Kind,
    /// The types its references may name; empty unless it is of kind reference.
    pub targets: Vec<ResourceType>,
    /// Empty for a composite.
    pub(crate) places: Vec<Place>,
    /// Of a composite only: where its parts are found together.
    pub(crate) contexts: Vec<Context>,
    /// Has none of its places a datatype that cannot be compared?
    pub(crate) is_whole: bool,
}

/// Each item at these steps has all parts of one value of a composite.
#[derive(PartialEq, Debug)]
pub(crate) struct Context {
    pub(crate) steps: Vec<Step>,
    pub(crate) parts: Vec<Part>,
}

#[derive(PartialEq, Debug)]
pub(crate) struct Part {
    pub(crate) kind: Kind,
    pub(crate) places: Vec<Place>,
}

impl Parameter {
    fn new(code: &'static str, kind: Kind) -> Self {
        Self { code, kind, targets: Vec::new(), places: Vec::new(), contexts: Vec::new(), is_whole: true }
    }

    /// The path of every simple element that a comparison of values looks at. A modifier may look at others: ask the
    /// [`crate::Condition`].
    pub fn reads(&self) -> Vec<Path> {
        self.looks_at(Look::Value)
    }

    pub(crate) fn looks_at(&self, look: Look) -> Vec<Path> {
        let own = self.places.iter().flat_map(|place| place.reads(&[], look));
        let parts = self.contexts.iter().flat_map(|context| {
            let places = context.parts.iter().flat_map(|part| &part.places);
            places.flat_map(|place| place.reads(&context.steps, look))
        });
        let mut found = Vec::new();
        for path in own.chain(parts) {
            if !found.contains(&path) {
                found.push(path);
            }
        }
        found
    }

    /// The local resources that a reference parameter names in this resource, each once.
    pub fn named(&self, resource: &Scanned, base: &Base) -> Vec<(ResourceType, LocalId)> {
        let mut found = Vec::new();
        for place in self.places.iter().filter(|place| place.datatype == Datatype::Reference) {
            place::any(&place.steps, resource.root(), &mut |node| {
                let named = content::local(node, base).filter(|(t, _)| place.target.is_none_or(|target| target == *t));
                if let Some(named) = named.filter(|named| !found.contains(named)) {
                    found.push(named);
                }
                false
            });
        }
        found
    }

    /// Takes one row of the table in.
    fn add(&mut self, row: Row) {
        if row.targets == "*" {
            self.targets = ResourceType::all().collect();
        }
        for target in row.targets.split('|').filter_map(ResourceType::from_name) {
            if !self.targets.contains(&target) {
                self.targets.push(target);
            }
        }
        match (row.datatype, row.part) {
            (None, _) => self.is_whole = false,
            (Some(datatype), None) => {
                let place = Place { steps: row.steps, datatype, target: row.target, from_root: false };
                self.places.push(place);
            }
            (Some(datatype), Some(part)) => {
                let place = Place { steps: row.steps, datatype, target: row.target, from_root: part.from_root };
                if self.contexts.last().is_none_or(|context| context.steps != part.context) {
                    self.contexts.push(Context { steps: part.context, parts: Vec::new() });
                }
                let Some(context) = self.contexts.last_mut() else { return };
                if context.parts.len() == part.at {
                    context.parts.push(Part { kind: part.kind, places: Vec::new() });
                }
                if let Some(part) = context.parts.get_mut(part.at) {
                    part.places.push(place);
                }
            }
        }
    }
}

/// By type, then by code.
static PARAMETERS: LazyLock<HashMap<&str, HashMap<&str, Parameter>>> = LazyLock::new(|| {
    let mut parameters: HashMap<_, HashMap<_, Parameter>> = HashMap::new();
    for row in include_str!("../tables/search-parameters.tsv").lines().filter_map(Row::parse) {
        let of_type = parameters.entry(row.owner).or_default();
        of_type.entry(row.code).or_insert_with(|| Parameter::new(row.code, row.kind)).add(row);
    }
    parameters
});

/// One line of the table.
struct Row {
    owner: &'static str,
    code: &'static str,
    kind: Kind,
    /// Of a composite: which part of which item.
    part: Option<Numbered>,
    steps: Vec<Step>,
    /// Absent where it cannot be compared.
    datatype: Option<Datatype>,
    target: Option<ResourceType>,
    targets: &'static str,
}

struct Numbered {
    at: usize,
    kind: Kind,
    context: Vec<Step>,
    from_root: bool,
}

impl Row {
    fn parse(line: &'static str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (owner, code, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let (path, datatype) = (fields.next()?, fields.next()?);
        let (target, targets) = (fields.next()?, fields.next()?);
        let (kind, part, path) = match kind.strip_prefix("composite.") {
            None => (Kind::from_name(kind)?, None, path),
            Some(part) => {
                let (at, kind) = part.split_once('.')?;
                let (context, path) = path.split_once('>')?;
                let (from_root, path) = path.strip_prefix('%').map_or((false, path), |path| (true, path));
                let context = place::steps(context)?;
                let part = Numbered { at: at.parse().ok()?, kind: Kind::from_name(kind)?, context, from_root };
                (Kind::Composite, Some(part), path)
            }
        };
        let datatype = if datatype == "-" { None } else { Some(Datatype::from_name(datatype)?) };
        let target = ResourceType::from_name(target);
        Some(Self { owner, code, kind, part, steps: place::steps(path)?, datatype, target, targets })
    }
}

/// The parameter of that exact code (no modifier, no chain) on that type.
pub fn find(of: ResourceType, code: &str) -> Option<&'static Parameter> {
    [of.name(), "Resource"].into_iter().find_map(|owner| PARAMETERS.get(owner)?.get(code))
}

/// `_id`, which every type has.
pub(crate) fn id() -> &'static Parameter {
    static ID: LazyLock<Parameter> = LazyLock::new(|| {
        let steps = place::steps("id").unwrap_or_default();
        let place = Place { steps, datatype: Datatype::Word, target: None, from_root: false };
        Parameter { places: vec![place], ..Parameter::new("_id", Kind::Token) }
    });
    &ID
}

/// Every parameter of that type, by code.
pub fn all(of: ResourceType) -> Vec<&'static Parameter> {
    let owners = ["Resource", of.name()].into_iter().filter_map(|owner| PARAMETERS.get(owner));
    let mut found: Vec<_> = owners.flat_map(HashMap::values).collect();
    found.sort_by_key(|parameter| parameter.code);
    found
}

#[cfg(test)]
mod tests;
