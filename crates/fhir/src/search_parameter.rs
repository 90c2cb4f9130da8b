//! The search parameters that can be evaluated exactly on one resource: see `tables/README.md`.

use lexicon::ResourceType;
use std::collections::HashMap;
use std::sync::LazyLock;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Token,
    Reference,
    Uri,
}

impl Kind {
    fn from_name(name: &str) -> Option<Self> {
        [("token", Self::Token), ("reference", Self::Reference), ("uri", Self::Uri)]
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

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) kind: Kind,
    pub(crate) places: Vec<Place>,
}

/// By type, then by code.
static PARAMETERS: LazyLock<HashMap<&str, HashMap<&str, Parameter>>> = LazyLock::new(|| {
    let mut parameters: HashMap<_, HashMap<_, Parameter>> = HashMap::new();
    for line in include_str!("../tables/search-parameters.tsv").lines() {
        let Some((owner, code, kind, place)) = row(line) else { continue };
        let of_type = parameters.entry(owner).or_default();
        of_type.entry(code).or_insert(Parameter { kind, places: Vec::new() }).places.push(place);
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
pub(crate) fn find(resource_type: ResourceType, code: &str) -> Option<&'static Parameter> {
    [resource_type.name(), "Resource"].into_iter().find_map(|owner| PARAMETERS.get(owner)?.get(code))
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
