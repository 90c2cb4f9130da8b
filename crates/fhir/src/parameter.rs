//! The search parameters that can be evaluated exactly on one resource: see `tables/README.md`.

use crate::filter::Scanned;
use crate::reference::Base;
use lexicon::{LocalId, ResourceType};
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
    fn from_name(name: &str) -> Option<Self> {
        [
            ("number", Self::Number),
            ("date", Self::Date),
            ("string", Self::String),
            ("token", Self::Token),
            ("reference", Self::Reference),
            ("composite", Self::Composite),
            ("quantity", Self::Quantity),
            ("uri", Self::Uri),
            ("special", Self::Special),
        ]
        .into_iter()
        .find_map(|(known, kind)| (known == name).then_some(kind))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Datatype {
    Coding,
    CodeableConcept,
    Identifier,
    Boolean,
    /// code, string, id
    Word,
    Reference,
    /// uri, url, canonical
    Uri,
}

impl Datatype {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Coding" => Self::Coding,
            "CodeableConcept" => Self::CodeableConcept,
            "Identifier" => Self::Identifier,
            "boolean" => Self::Boolean,
            "code" | "string" | "id" => Self::Word,
            "Reference" => Self::Reference,
            "uri" | "url" | "canonical" => Self::Uri,
            _ => return None,
        })
    }
}

/// One of the element paths of a parameter.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: Vec<&'static str>,
    pub(crate) datatype: Datatype,
    /// The type that a reference must name.
    pub(crate) target: Option<ResourceType>,
}

impl Place {
    /// The paths of the simple elements that a comparison looks at. Which resource a reference names follows from
    /// its literal and its type; what else is in it never makes one match.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let below: &[&[&str]] = match self.datatype {
            Datatype::Coding => &[&["system"], &["code"]],
            Datatype::CodeableConcept => &[&["coding", "system"], &["coding", "code"]],
            Datatype::Identifier => &[&["system"], &["value"]],
            Datatype::Reference => &[&["reference"], &["type"]],
            Datatype::Boolean | Datatype::Word | Datatype::Uri => &[&[]],
        };
        below.iter().map(|below| [self.path.as_slice(), below].concat())
    }
}

/// A search parameter of one type, as far as it can be evaluated exactly.
#[derive(Debug)]
pub struct Parameter {
    pub code: &'static str,
    pub kind: Kind,
    /// The types its references may name; empty unless it is of kind reference.
    pub targets: Vec<ResourceType>,
    pub(crate) places: Vec<Place>,
}

impl Parameter {
    /// The path of every simple element that any evaluation of it looks at.
    pub fn reads(&self) -> Vec<Path> {
        self.places.iter().flat_map(Place::reads).collect()
    }

    /// The local resources that a reference parameter names in this resource.
    pub fn named(&self, resource: &Scanned, base: &Base) -> Vec<(ResourceType, LocalId)> {
        let _ = (resource, base);
        Vec::new()
    }
}

/// By type, then by code.
static PARAMETERS: LazyLock<HashMap<&str, HashMap<&str, Parameter>>> = LazyLock::new(|| {
    let mut parameters: HashMap<_, HashMap<_, Parameter>> = HashMap::new();
    for line in include_str!("../tables/search-parameters.tsv").lines() {
        let Some((owner, code, kind, place)) = row(line) else { continue };
        let of_type = parameters.entry(owner).or_default();
        of_type
            .entry(code)
            .or_insert(Parameter { code, kind, targets: Vec::new(), places: Vec::new() })
            .places
            .push(place);
    }
    parameters
});

fn row(line: &'static str) -> Option<(&'static str, &'static str, Kind, Place)> {
    let mut fields = line.split('\t');
    let (owner, code, kind) = (fields.next()?, fields.next()?, Kind::from_name(fields.next()?)?);
    let (path, datatype, target) = (fields.next()?, Datatype::from_name(fields.next()?)?, fields.next()?);
    let path = path.split('.').collect();
    Some((owner, code, kind, Place { path, datatype, target: ResourceType::from_name(target) }))
}

/// The parameter of that exact code (no modifier, no chain) on that type.
pub fn find(resource_type: ResourceType, code: &str) -> Option<&'static Parameter> {
    [resource_type.name(), "Resource"].into_iter().find_map(|owner| PARAMETERS.get(owner)?.get(code))
}

/// `_id`.
pub(crate) fn id() -> &'static Parameter {
    static ID: LazyLock<Parameter> = LazyLock::new(|| {
        let place = Place { path: vec!["id"], datatype: Datatype::Word, target: None };
        Parameter { code: "_id", kind: Kind::Token, targets: Vec::new(), places: vec![place] }
    });
    &ID
}

/// Every parameter of that type, by code.
pub fn all(of: ResourceType) -> Vec<&'static Parameter> {
    let mut found: Vec<_> = ["Resource", of.name()]
        .into_iter()
        .filter_map(|owner| PARAMETERS.get(owner))
        .flat_map(HashMap::values)
        .collect();
    found.sort_by_key(|parameter| parameter.code);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_understood() {
        let rows = include_str!("../tables/search-parameters.tsv").lines().filter(|line| !line.starts_with('#'));
        let mut count = 0;
        for line in rows {
            let (owner, _, kind, place) = row(line).unwrap_or_else(|| panic!("{line}"));
            assert!(owner == "Resource" || ResourceType::from_name(owner).is_some(), "{line}");
            let fits = match place.datatype {
                Datatype::Reference => kind == Kind::Reference,
                Datatype::Uri => kind == Kind::Uri,
                _ => kind == Kind::Token,
            };
            assert!(fits, "{line}");
            assert_eq!(place.target.is_none(), line.ends_with('\t'), "{line}");
            count += 1;
        }
        assert_eq!(
            count,
            PARAMETERS.values().flat_map(HashMap::values).map(|parameter| parameter.places.len()).sum::<usize>()
        );
        assert!(count > 1000);
    }

    #[test]
    fn knows_parameters_by_type_and_exact_code() {
        let observation = ResourceType::from_name("Observation").unwrap();
        let patient = find(observation, "patient").unwrap();
        assert_eq!(patient.places[0].path, ["subject"]);
        assert_eq!(patient.places[0].target, Some(ResourceType::PATIENT));
        assert_eq!(find(observation, "combo-code").unwrap().places.len(), 2);
        assert_eq!(find(observation, "value-concept").unwrap().places[0].path, ["valueCodeableConcept"]);
        assert_eq!(find(observation, "_security").unwrap().places[0].path, ["meta", "security"]);
        for code in ["code:not", "subject.name", "_has:Group:member:_id", "_filter", "date", "gender", "", "Code"] {
            assert!(find(observation, code).is_none(), "{code}");
        }
    }
}
