use crate::filter::{Node, Scanned};
use crate::parameter::{self, Datatype, Kind, Parameter, Place};
use crate::projection::Projection;
use crate::reference::{Base, Named};
use lexicon::{LocalId, ResourceType};

const VALUES: usize = 64;

/// One `name=value` of a granular scope on one type: does one of the values match one of the elements? Codes are
/// compared as written. R4 lets servers ignore case; to grant less is the safe side.
#[derive(Clone)]
pub(super) struct Predicate {
    parameter: &'static Parameter,
    wanted: Vec<Wanted>,
}

#[derive(Clone, PartialEq, Eq)]
enum Wanted {
    Token {
        system: System,
        code: Option<String>,
    },
    /// `Type/id`, or `id` alone.
    Local(Option<ResourceType>, LocalId),
    /// An absolute URL, compared as text.
    Url(String),
}

#[derive(Clone, PartialEq, Eq)]
enum System {
    Any,
    None,
    Is(String),
}

impl System {
    fn admits(&self, found: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::None => found.is_none(),
            Self::Is(system) => found == Some(system.as_str()),
        }
    }
}

impl Predicate {
    /// Nothing if the parameter is unknown on the type (with a modifier or a chain it always is), or the value has a
    /// form that cannot be compared exactly.
    pub(super) fn compile(resource_type: ResourceType, name: &str, value: &str) -> Option<Self> {
        let parameter = parameter::find(resource_type, name)?;
        let values = split(value, ',')?;
        if values.len() > VALUES {
            return None;
        }
        let wanted = values.iter().map(|value| Wanted::parse(parameter, value)).collect::<Option<_>>()?;
        Some(Self { parameter, wanted })
    }

    /// Is all that this looks at shown, in every place and with both halves of a code? It does not depend on the
    /// values wanted, nor on those of a resource.
    pub(super) fn reads_only(&self, shown: &Projection) -> bool {
        self.parameter.places.iter().flat_map(Place::reads).all(|path| shown.shows(&path))
    }

    pub(super) fn matches(&self, resource: &Scanned) -> bool {
        self.parameter.places.iter().any(|place| {
            resource
                .nodes_at(&place.path)
                .into_iter()
                .any(|node| self.wanted.iter().any(|wanted| wanted.is(node, place, resource)))
        })
    }
}

impl Wanted {
    fn parse(parameter: &Parameter, value: &str) -> Option<Self> {
        match parameter.kind {
            Kind::Token => parameter
                .places
                .iter()
                .try_fold(Self::token(value)?, |token, place| token.fits(place.datatype).then_some(token)),
            Kind::Reference => Self::reference(&unescape(value)?),
            Kind::Uri => unescape(value).filter(|uri| !uri.is_empty()).map(Self::Url),
            _ => None,
        }
    }

    fn token(value: &str) -> Option<Self> {
        let parts = split(value, '|')?.into_iter().map(unescape).collect::<Option<Vec<_>>>()?;
        let (system, code) = match parts.as_slice() {
            [code] => (System::Any, code.as_str()),
            [system, code] if system.is_empty() => (System::None, code.as_str()),
            [system, code] => (System::Is(system.clone()), code.as_str()),
            _ => return None,
        };
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        // Without a code there must be a system.
        (code.is_some() || matches!(system, System::Is(_))).then_some(Self::Token { system, code })
    }

    /// A bare element has a system only through its binding, which is not known here.
    fn fits(&self, datatype: Datatype) -> bool {
        let Self::Token { system, code } = self else { return false };
        match datatype {
            Datatype::Coding | Datatype::CodeableConcept | Datatype::Identifier => true,
            Datatype::Boolean => *system == System::Any && matches!(code.as_deref(), Some("true" | "false")),
            Datatype::Word => *system == System::Any,
            Datatype::Reference | Datatype::Uri => false,
        }
    }

    fn reference(value: &str) -> Option<Self> {
        if value.starts_with("http://") || value.starts_with("https://") {
            return Some(Self::Url(value.to_owned()));
        }
        match value.split_once('/') {
            Some((name, id)) => Some(Self::Local(Some(ResourceType::from_name(name)?), LocalId::new(id)?)),
            None => Some(Self::Local(None, LocalId::new(value)?)),
        }
    }

    /// Is this element what is wanted?
    fn is(&self, node: Node<'_>, place: &Place, resource: &Scanned) -> bool {
        let text = |name: &str| node.get(name).and_then(Node::text);
        match place.datatype {
            Datatype::Coding => self.is_token(text("system").as_deref(), text("code").as_deref()),
            Datatype::CodeableConcept => node.nodes_at(&["coding"]).into_iter().any(|coding| {
                let text = |name: &str| coding.get(name).and_then(Node::text);
                self.is_token(text("system").as_deref(), text("code").as_deref())
            }),
            Datatype::Identifier => self.is_token(text("system").as_deref(), text("value").as_deref()),
            Datatype::Boolean | Datatype::Word => self.is_token(None, node.text().as_deref()),
            Datatype::Uri => node.text().is_some_and(|uri| *self == Self::Url(uri.into_owned())),
            Datatype::Reference => self.is_reference(node, place, resource),
        }
    }

    fn is_token(&self, found_system: Option<&str>, found_code: Option<&str>) -> bool {
        let Self::Token { system, code } = self else { return false };
        system.admits(found_system) && (code.is_none() || code.as_deref() == found_code)
    }

    fn is_reference(&self, node: Node<'_>, place: &Place, resource: &Scanned) -> bool {
        // No base: an absolute reference is equal to nothing.
        let named = Named::read(node, resource, &Base::default());
        let found_type = match &named {
            Named::Local(t, _) | Named::Elsewhere(Some(t)) => Some(*t),
            Named::Elsewhere(None) | Named::Nothing => None,
        };
        if place.target.is_some() && place.target != found_type {
            return false;
        }
        match (self, &named) {
            (Self::Local(of, id), Named::Local(t, found)) => id == found && of.is_none_or(|of| of == *t),
            // A reference that leads elsewhere is shown to nobody, so no URL is compared with one.
            _ => false,
        }
    }
}

/// Cuts at a separator that is not escaped (<https://hl7.org/fhir/R4/search.html#escaping>); escapes stay.
/// Nothing for a part that is empty altogether or an escape without its character.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == separator {
            parts.push(text.get(start..at)?);
            start = at + separator.len_utf8();
        }
    }
    parts.push(text.get(start..)?);
    Some(parts)
}

/// Resolves `\,` `\|` `\$` and `\\`. Nothing for another escape, or for a separator that should have had one.
fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().filter(|c| matches!(c, ',' | '|' | '$' | '\\'))?),
            ',' | '|' | '$' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
