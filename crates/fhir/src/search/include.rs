//! `_include` and `_revinclude` (<https://hl7.org/fhir/R4/search.html#include>).

use super::leads_on;
use crate::parameter::{self, Parameter};
use lexicon::{Reason, ResourceType};

/// A reference to more types than these is included one type at a time.
pub(crate) const INCLUDED_TYPES: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// `_include`: what the matches refer to.
    Forward,
    /// `_revinclude`: what refers to the matches.
    Reverse,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repetition {
    Once,
    /// On what was included, too.
    Iterate,
}

/// More resources to answer with, by one reference.
#[derive(Clone, Debug)]
pub struct Include {
    pub direction: Direction,
    /// The type that holds the reference.
    pub of: ResourceType,
    pub reference: &'static Parameter,
    /// The only type that the reference should name.
    pub target: Option<ResourceType>,
    pub repetition: Repetition,
}

impl Direction {
    pub(super) fn of(code: &str) -> Option<Self> {
        match code {
            "_include" => Some(Self::Forward),
            "_revinclude" => Some(Self::Reverse),
            _ => None,
        }
    }
}

impl Include {
    /// `Type:reference[:Target]` of a search for `searched`.
    pub(super) fn parse(
        searched: ResourceType,
        direction: Direction,
        suffix: Option<&str>,
        value: &str,
    ) -> Result<Self, Reason> {
        let repetition = match suffix {
            None => Repetition::Once,
            Some("iterate") => Repetition::Iterate,
            Some(_) => return Err(Reason::ParameterModifier),
        };
        // A wildcard leads wherever the server behind us knows a reference.
        if value.split(':').any(|part| part == "*") {
            return Err(Reason::IncludeRefused);
        }
        let mut parts = value.split(':');
        let (Some(of), Some(code), target, None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(Reason::ParameterValue);
        };
        let of = ResourceType::from_name(of).ok_or(Reason::ParameterValue)?;
        let reference =
            parameter::find(of, code).filter(|reference| leads_on(reference)).ok_or(Reason::ParameterNotModelled)?;
        let named = |name| ResourceType::from_name(name).filter(|named| reference.targets.contains(named));
        let target = target.map(|name| named(name).ok_or(Reason::ParameterValue)).transpose()?;
        let include = Self { direction, of, reference, target, repetition };
        include.check(searched)?;
        Ok(include)
    }

    /// Without `:iterate` one end is what was searched for; otherwise nothing would ever be included.
    fn check(&self, searched: ResourceType) -> Result<(), Reason> {
        let from_match = match self.direction {
            Direction::Forward => self.of == searched,
            Direction::Reverse => self.targets().contains(&searched),
        };
        if self.repetition == Repetition::Once && !from_match {
            return Err(Reason::ParameterValue);
        }
        if self.direction == Direction::Forward && self.targets().len() > INCLUDED_TYPES {
            return Err(Reason::IncludeRefused);
        }
        Ok(())
    }

    /// The types that the reference may name.
    pub fn targets(&self) -> Vec<ResourceType> {
        self.target.map_or_else(|| self.reference.targets.clone(), |target| vec![target])
    }
}
