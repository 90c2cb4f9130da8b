//! One condition of a search, `code[:modifier]=value[,value]`, evaluated on a resource as R4 says
//! (<https://hl7.org/fhir/R4/search.html>), or refused: nothing is evaluated nearly.

mod escape;
mod token;
mod wanted;

use crate::filter::{Node, Scanned};
use crate::parameter::content::{self, Amount};
use crate::parameter::place::{self, Datatype, Look, Place};
use crate::parameter::{self, Kind, Parameter, Path};
use crate::reference::Base;
use lexicon::{LocalId, Reason, ResourceType};
use std::fmt;
use token::Token;
use wanted::Wanted;

/// A longer value, or a list of more values, is refused.
const VALUE_BYTES: usize = 8 << 10;
const VALUES: usize = 64;

/// What follows a code after a colon (<https://hl7.org/fhir/R4/search.html#modifiers>).
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
        const WORDS: [Modifier; 11] = [
            Modifier::Missing,
            Modifier::Exact,
            Modifier::Contains,
            Modifier::Text,
            Modifier::Not,
            Modifier::In,
            Modifier::NotIn,
            Modifier::Above,
            Modifier::Below,
            Modifier::OfType,
            Modifier::Identifier,
        ];
        let word = WORDS.into_iter().find(|word| word.word() == text);
        word.or_else(|| ResourceType::from_name(text).map(Self::Type))
    }

    /// Without its colon; empty for none.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Missing => "missing",
            Self::Exact => "exact",
            Self::Contains => "contains",
            Self::Text => "text",
            Self::Not => "not",
            Self::In => "in",
            Self::NotIn => "not-in",
            Self::Above => "above",
            Self::Below => "below",
            Self::OfType => "of-type",
            Self::Identifier => "identifier",
            Self::Type(of) => of.name(),
        }
    }

    /// Can a condition with it be evaluated on the resource alone? Subsumption and value sets cannot.
    fn suits(self, parameter: &Parameter) -> bool {
        let all = |datatypes: &[Datatype]| parameter.places.iter().all(|place| datatypes.contains(&place.datatype));
        match (parameter.kind, self) {
            (Kind::Special, _) => false,
            (_, Self::None) | (Kind::String, Self::Exact | Self::Contains) | (Kind::Token, Self::Not) => true,
            (Kind::Composite, _) => false,
            // Of a place that cannot be read, it cannot be said whether there is something.
            (_, Self::Missing) => {
                parameter.is_whole && !parameter.places.iter().any(|place| place.datatype.is_standing())
            }
            (Kind::Token, Self::Text) => all(&[Datatype::Coding, Datatype::CodeableConcept, Datatype::Identifier]),
            (Kind::Token, Self::OfType) => all(&[Datatype::Identifier]),
            (Kind::Reference, Self::Identifier) => all(&[Datatype::Reference]),
            (Kind::Reference, Self::Type(of)) => has_references(parameter) && parameter.targets.contains(&of),
            _ => false,
        }
    }

    const fn look(self) -> Look {
        match self {
            Self::Text => Look::Text,
            Self::OfType => Look::Typed,
            Self::Identifier => Look::Logical,
            _ => Look::Value,
        }
    }
}

/// A condition ready to be asked of resources of one type.
#[derive(Clone, PartialEq)]
pub struct Condition {
    of: ResourceType,
    parameter: &'static Parameter,
    test: Test,
}

#[derive(Clone, PartialEq)]
enum Test {
    Missing(bool),
    /// One of these; with `:not`, none of them.
    Values(Modifier, Vec<Wanted>),
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
        if !modifier.suits(parameter) {
            return Err(Reason::ParameterModifier);
        }
        let test = Self::test(parameter, modifier, value).ok_or(Reason::ParameterValue)?;
        Ok(Self { of, parameter, test })
    }

    fn test(parameter: &Parameter, modifier: Modifier, value: &str) -> Option<Test> {
        if modifier == Modifier::Missing {
            return match value {
                "true" => Some(Test::Missing(true)),
                "false" => Some(Test::Missing(false)),
                _ => None,
            };
        }
        if value.len() > VALUE_BYTES {
            return None;
        }
        let values = escape::split(value, ',').filter(|values| values.len() <= VALUES)?;
        let wanted =
            values.into_iter().map(|value| Wanted::parse(parameter, modifier, value)).collect::<Option<_>>()?;
        // The type is in each of the values now.
        let modifier = if matches!(modifier, Modifier::Type(_)) { Modifier::None } else { modifier };
        Some(Test::Values(modifier, wanted))
    }

    /// "The reference is one of these"; of none, nothing.
    pub fn naming(of: ResourceType, parameter: &'static Parameter, ids: &[(ResourceType, LocalId)]) -> Self {
        let wanted = ids.iter().map(|(named, id)| Wanted::Local(Some(*named), id.clone())).collect();
        Self { of, parameter, test: Test::Values(Modifier::None, wanted) }
    }

    /// "The id is one of these"; of none, nothing.
    pub fn ids(of: ResourceType, ids: &[LocalId]) -> Self {
        let wanted = ids.iter().map(|id| Wanted::Token(Token::word(id.reveal()))).collect();
        Self { of, parameter: parameter::id(), test: Test::Values(Modifier::None, wanted) }
    }

    /// The type it is asked of.
    pub fn of(&self) -> ResourceType {
        self.of
    }

    pub fn parameter(&self) -> &'static Parameter {
        self.parameter
    }

    /// Is there no resource that it could match? Then the upstream is not to be asked at all.
    pub fn is_never(&self) -> bool {
        matches!(&self.test, Test::Values(modifier, wanted) if *modifier != Modifier::Not && wanted.is_empty())
    }

    /// The path of every simple element that it looks at, whatever its values and those of a resource.
    pub fn reads(&self) -> Vec<Path> {
        match &self.test {
            Test::Missing(_) => self.parameter.reads(),
            Test::Values(modifier, _) => self.parameter.looks_at(modifier.look()),
        }
    }

    /// Of the resource it looks at its type and at what it [`reads`](Self::reads), and of that only at what has the
    /// shape that R4 gives it: so where all that is shown, an answer follows from what is shown.
    pub fn matches(&self, resource: &Scanned, base: &Base) -> bool {
        let root = resource.root();
        resource.resource_type() == self.of
            && match &self.test {
                Test::Missing(missing) => self.is_present(root, base) != *missing,
                Test::Values(Modifier::Not, wanted) => !self.is_any(wanted, Modifier::Not, root, base),
                Test::Values(modifier, wanted) => self.is_any(wanted, *modifier, root, base),
            }
    }

    fn is_any(&self, wanted: &[Wanted], modifier: Modifier, root: Node<'_>, base: &Base) -> bool {
        if self.parameter.kind == Kind::Composite {
            return self.has_item(wanted, root, base);
        }
        if self.parameter.places.iter().any(|place| place.datatype.is_standing()) {
            let stands = self.stands(root);
            return wanted.iter().any(|one| matches!(one, Wanted::Token(token) if token.flag() == Some(stands)));
        }
        self.parameter.places.iter().any(|place| {
            place::any(&place.steps, root, &mut |node| wanted.iter().any(|one| one.is(node, place, modifier, base)))
        })
    }

    /// Has one item of a context all parts of one of the values?
    fn has_item(&self, wanted: &[Wanted], root: Node<'_>, base: &Base) -> bool {
        let has = |part: &parameter::Part, item: Node<'_>, value: &Wanted| {
            part.places.iter().any(|place| {
                let from = if place.from_root { root } else { item };
                place::any(&place.steps, from, &mut |node| value.is(node, place, Modifier::None, base))
            })
        };
        self.parameter.contexts.iter().any(|context| {
            place::any(&context.steps, root, &mut |item| {
                wanted.iter().any(|one| {
                    let Wanted::All(values) = one else { return false };
                    values.iter().zip(&context.parts).all(|(value, part)| has(part, item, value))
                })
            })
        })
    }

    /// Is there something that is not false?
    fn stands(&self, root: Node<'_>) -> bool {
        self.parameter.places.iter().any(|place| {
            place::any(&place.steps, root, &mut |node| match place.datatype {
                Datatype::StandingFlag => content::boolean(node) == Some(true),
                _ => content::string(node).is_some(),
            })
        })
    }

    fn is_present(&self, root: Node<'_>, base: &Base) -> bool {
        self.parameter
            .places
            .iter()
            .any(|place| place::any(&place.steps, root, &mut |node| has_value(node, place, base)))
    }

    /// Name and value for the upstream, with FHIR's escapes and without percent encoding: what this was compiled from,
    /// in one spelling. None if it is not to be sent, since another server may understand it to match less:
    ///
    /// * `ap`, as each server has its own idea of near;
    /// * an absolute URL where a reference may stand: the upstream has another base;
    /// * `:missing=true` on complex elements and references: what is hidden in one would count as present;
    /// * what [never](Self::is_never) matches.
    pub fn query(&self) -> Option<(String, String)> {
        let code = self.parameter.code;
        match &self.test {
            Test::Missing(missing) => {
                let is_simple = self.parameter.places.iter().all(|place| place.datatype.is_simple());
                (!missing || is_simple).then(|| (format!("{code}:missing"), missing.to_string()))
            }
            Test::Values(..) if self.is_never() => None,
            Test::Values(modifier, wanted) => {
                let values: Vec<String> = wanted.iter().map(|one| one.render(self.parameter)).collect::<Option<_>>()?;
                let colon = if *modifier == Modifier::None { "" } else { ":" };
                Some((format!("{code}{colon}{}", modifier.word()), values.join(",")))
            }
        }
    }
}

/// Canonical URLs name no type.
fn has_references(parameter: &Parameter) -> bool {
    parameter.places.iter().any(|place| place.datatype == Datatype::Reference)
}

/// Is there something that a comparison could look at?
fn has_value(node: Node<'_>, place: &Place, base: &Base) -> bool {
    match place.datatype {
        Datatype::HumanName | Datatype::Address => content::any_string(node, place.datatype, &mut |_| true),
        Datatype::Number | Datatype::Quantity | Datatype::Money | Datatype::Range => {
            Amount::read(node, place.datatype).is_some()
        }
        Datatype::Moment | Datatype::Period | Datatype::Timing => content::time(node, place.datatype).is_some(),
        Datatype::Reference => {
            content::local(node, base).is_some_and(|(found, _)| place.target.is_none_or(|target| target == found))
        }
        _ => content::any_token(node, place.datatype, &mut |_, _| true),
    }
}

#[cfg(test)]
mod tests;
