//! `[system|]code` (<https://hl7.org/fhir/R4/search.html#token>). Codes and systems are compared as written: R4 lets
//! servers ignore case where a code system does, and which do is not known here.

use super::escape::{escape, split, unescape};
use crate::parameter::place::{Datatype, Place};

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    system: System,
    code: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
enum System {
    Any,
    None,
    Is(String),
}

/// Can a token be equal to a value of that datatype?
#[derive(PartialEq)]
enum Fit {
    Perhaps,
    Never,
    /// The system of a bare element follows from its binding, which is not known here.
    Unknown,
}

impl Token {
    pub(super) fn parse(value: &str) -> Option<Self> {
        let parts = split(value, '|')?.into_iter().map(unescape).collect::<Option<Vec<_>>>()?;
        let (system, code) = match parts.as_slice() {
            [code] => (System::Any, code),
            [system, code] if system.is_empty() => (System::None, code),
            [system, code] => (System::Is(system.clone()), code),
            _ => return None,
        };
        let code = Some(code.clone()).filter(|code| !code.is_empty());
        // Without a code there must be a system.
        (code.is_some() || matches!(system, System::Is(_))).then_some(Self { system, code })
    }

    /// The one of a bare word.
    pub(super) fn word(code: &str) -> Self {
        Self { system: System::Any, code: Some(code.to_owned()) }
    }

    /// A system and a code, both.
    pub(super) fn coded(system: &str, code: &str) -> Option<Self> {
        let system = unescape(system).filter(|system| !system.is_empty())?;
        let code = unescape(code).filter(|code| !code.is_empty())?;
        Some(Self { system: System::Is(system), code: Some(code) })
    }

    /// Is it known of every place whether it can match there, and can it at one?
    pub(super) fn fits<'a>(&self, places: impl Iterator<Item = &'a Place>) -> bool {
        let mut can = false;
        for place in places {
            match self.fit(place.datatype) {
                Fit::Perhaps => can = true,
                Fit::Never => {}
                Fit::Unknown => return false,
            }
        }
        can
    }

    fn fit(&self, datatype: Datatype) -> Fit {
        match datatype {
            Datatype::Coding | Datatype::CodeableConcept | Datatype::Identifier => Fit::Perhaps,
            _ if self.system != System::Any => Fit::Unknown,
            Datatype::Boolean | Datatype::StandingFlag | Datatype::StandingText if self.flag().is_none() => Fit::Never,
            _ => Fit::Perhaps,
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match self.code.as_deref()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    pub(super) fn is(&self, system: Option<&str>, code: Option<&str>) -> bool {
        let is_system = match &self.system {
            System::Any => true,
            System::None => system.is_none(),
            System::Is(wanted) => system == Some(wanted.as_str()),
        };
        is_system && (self.code.is_none() || self.code.as_deref() == code)
    }

    pub(super) fn render(&self) -> String {
        let code = escape(self.code.as_deref().unwrap_or_default());
        match &self.system {
            System::Any => code,
            System::None => format!("|{code}"),
            System::Is(system) => format!("{}|{code}", escape(system)),
        }
    }
}
