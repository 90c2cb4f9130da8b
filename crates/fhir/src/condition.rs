//! One condition of a search, `code[:modifier]=value[,value]`, evaluated on a resource exactly as R4 says
//! (<https://hl7.org/fhir/R4/search.html>).

use crate::filter::Scanned;
use crate::parameter::{Parameter, Path};
use crate::reference::Base;
use lexicon::{LocalId, Reason, ResourceType};
use std::fmt;

/// What follows a code after a colon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Modifier {
    None,
    Missing,
    Exact,
    Contains,
    Text,
    Not,
    In,
    NotIn,
    Above,
    Below,
    OfType,
    Identifier,
    Type(ResourceType),
}

impl Modifier {
    /// The modifier of that text, without its colon.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "missing" => Self::Missing,
            "exact" => Self::Exact,
            "contains" => Self::Contains,
            "text" => Self::Text,
            "not" => Self::Not,
            "in" => Self::In,
            "not-in" => Self::NotIn,
            "above" => Self::Above,
            "below" => Self::Below,
            "of-type" => Self::OfType,
            "identifier" => Self::Identifier,
            name => Self::Type(ResourceType::from_name(name)?),
        })
    }
}

/// A condition ready to be asked of resources of one type.
#[derive(Clone)]
pub struct Condition {
    parameter: &'static Parameter,
}

/// Blank: values name people and what they have.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condition")
    }
}

impl Condition {
    /// `value` is percent-decoded once and still has FHIR's escapes.
    pub fn compile(
        of: ResourceType,
        parameter: &'static Parameter,
        modifier: Modifier,
        value: &str,
    ) -> Result<Self, Reason> {
        let _ = (of, parameter, modifier, value);
        Err(Reason::ParameterValue)
    }

    /// "The reference is one of these"; of none, nothing.
    pub fn naming(of: ResourceType, parameter: &'static Parameter, ids: &[(ResourceType, LocalId)]) -> Self {
        let _ = (of, ids);
        Self { parameter }
    }

    /// "The id is one of these"; of none, nothing.
    pub fn ids(of: ResourceType, ids: &[LocalId]) -> Self {
        let _ = (of, ids);
        Self { parameter: crate::parameter::id() }
    }

    /// The parameter that it is about.
    pub fn parameter(&self) -> &'static Parameter {
        self.parameter
    }

    /// The path of every simple element that it looks at, whatever its values and those of a resource.
    pub fn reads(&self) -> Vec<Path> {
        self.parameter.reads()
    }

    pub fn matches(&self, resource: &Scanned, base: &Base) -> bool {
        let _ = (resource, base);
        false
    }

    /// Name and value for the upstream, with FHIR's escapes and without percent encoding. None if it is not to be sent.
    pub fn query(&self) -> Option<(String, String)> {
        None
    }
}
