//! One of the values that a condition lists.

use super::Modifier;
use super::escape::{escape, split, unescape};
use super::token::Token;
use crate::filter::Node;
use crate::parameter::content::{self, Amount};
use crate::parameter::decimal::Decimal;
use crate::parameter::fold::{begins, fold};
use crate::parameter::moment::{self, Instant};
use crate::parameter::place::{Datatype, Place};
use crate::parameter::span::{Prefix, Span};
use crate::parameter::{Kind, Parameter};
use crate::reference::{Base, Named};
use lexicon::{LocalId, ResourceType};
use std::ops::Bound;

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Token(Token),
    /// An identifier of a type.
    Typed(Token, String),
    Words {
        text: String,
        folded: String,
    },
    /// `Type/id`, or `id` alone.
    Local(Option<ResourceType>, LocalId),
    /// An absolute URL in place of a reference, perhaps a canonical one of a version.
    Url {
        url: String,
        version: Option<String>,
    },
    Uri(String),
    Number {
        prefix: Prefix,
        text: String,
        span: Span<Decimal>,
        unit: Unit,
    },
    Time {
        prefix: Prefix,
        text: String,
        span: Span<Instant>,
    },
    /// One of each part of a composite.
    All(Vec<Wanted>),
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Unit {
    Any,
    /// Its code or its name.
    Named(String),
    Coded {
        system: String,
        code: String,
    },
}

/// Longer numbers are no number of medicine.
const NUMBER_BYTES: usize = 64;

impl Wanted {
    /// Nothing for a value that cannot be compared exactly.
    pub(super) fn parse(parameter: &Parameter, modifier: Modifier, text: &str) -> Option<Self> {
        match (parameter.kind, modifier) {
            (Kind::Composite, _) => Self::composite(parameter, text),
            (Kind::Token, Modifier::Text) => Self::words(text),
            (Kind::Token, Modifier::OfType) => Self::typed(text),
            (Kind::Reference, Modifier::Identifier) => Token::parse(text).map(Self::Token),
            (Kind::Reference, Modifier::Type(of)) => Self::local(&unescape(text)?, Some(of)),
            (Kind::Reference, _) => Self::reference(parameter, text),
            (kind, _) => Self::simple(kind, &parameter.places.iter().collect::<Vec<_>>(), text),
        }
    }

    fn simple(kind: Kind, places: &[&Place], text: &str) -> Option<Self> {
        match kind {
            Kind::Token => Token::parse(text).filter(|token| token.fits(places.iter().copied())).map(Self::Token),
            Kind::String => Self::words(text),
            Kind::Uri => unescape(text).filter(|uri| !uri.is_empty()).map(Self::Uri),
            Kind::Number => Self::number(text, Unit::Any),
            Kind::Quantity => Self::quantity(text),
            Kind::Date => Self::time(text),
            Kind::Reference | Kind::Composite | Kind::Special => None,
        }
    }

    fn words(text: &str) -> Option<Self> {
        let text = unescape(text)?;
        let folded = fold(&text);
        (!folded.is_empty()).then_some(Self::Words { text, folded })
    }

    /// `system|code|value`, none of them empty.
    fn typed(text: &str) -> Option<Self> {
        let parts = split(text, '|')?;
        let [system, code, value] = parts.as_slice() else { return None };
        let value = unescape(value).filter(|value| !value.is_empty())?;
        Some(Self::Typed(Token::coded(system, code)?, value))
    }

    fn reference(parameter: &Parameter, text: &str) -> Option<Self> {
        let is = |datatypes: &[Datatype]| parameter.places.iter().any(|place| datatypes.contains(&place.datatype));
        let (references, urls) = (is(&[Datatype::Reference]), is(&[Datatype::Canonical, Datatype::Uri]));
        let parts = split(text, '|')?.into_iter().map(unescape).collect::<Option<Vec<_>>>()?;
        match parts.as_slice() {
            [text] if references && !text.contains(':') => {
                // Where it can only be of one type, it is of that one.
                let only = if let [only] = parameter.targets.as_slice() { Some(*only) } else { None };
                Self::local(text, only).or_else(|| Self::local(text, None))
            }
            [url] if !url.is_empty() => {
                let is_web = url.starts_with("http://") || url.starts_with("https://");
                (urls || is_web).then(|| Self::Url { url: url.clone(), version: None })
            }
            [url, version] if urls && !url.is_empty() && !version.is_empty() => {
                Some(Self::Url { url: url.clone(), version: Some(version.clone()) })
            }
            _ => None,
        }
    }

    /// `Type/id` or `id`, the type being `of` if there is one.
    fn local(text: &str, of: Option<ResourceType>) -> Option<Self> {
        let (named, id) = match text.split_once('/') {
            Some((name, id)) => (Some(ResourceType::from_name(name)?), id),
            None => (None, text),
        };
        let contradicts = matches!((named, of), (Some(named), Some(of)) if named != of);
        let id = LocalId::new(id).filter(|_| !contradicts)?;
        Some(Self::Local(named.or(of), id))
    }

    fn number(text: &str, unit: Unit) -> Option<Self> {
        let (prefix, number) = Prefix::split(text);
        let text = number.to_owned();
        if text.len() > NUMBER_BYTES {
            return None;
        }
        let span = match prefix {
            _ if prefix.is_exact() => Span::point(Decimal::parse(number)?),
            // R4 recommends ten per cent.
            Prefix::Ap => {
                let (low, high) = Decimal::about(number)?;
                Span { low: Bound::Included(low), high: Bound::Included(high) }
            }
            _ => {
                let (low, high) = Decimal::rounding_to(number)?;
                Span { low: Bound::Included(low), high: Bound::Excluded(high) }
            }
        };
        Some(Self::Number { prefix, text, span, unit })
    }

    /// `number`, `number|system|code` or `number||code`.
    fn quantity(text: &str) -> Option<Self> {
        let parts = split(text, '|')?;
        match parts.as_slice() {
            [number] => Self::number(number, Unit::Any),
            [number, system, code] => {
                let (system, code) = (unescape(system)?, unescape(code)?);
                let unit = if system.is_empty() {
                    Unit::Named(code.clone())
                } else {
                    Unit::Coded { system, code: code.clone() }
                };
                Self::number(number, unit).filter(|_| !code.is_empty())
            }
            _ => None,
        }
    }

    /// What is near a date depends on today, which a condition does not know.
    fn time(text: &str) -> Option<Self> {
        let (prefix, date) = Prefix::split(text);
        let span = moment::span(date).filter(|_| prefix != Prefix::Ap)?;
        let zone = if moment::lacks_zone(date) { "Z" } else { "" };
        Some(Self::Time { prefix, text: format!("{date}{zone}"), span })
    }

    fn composite(parameter: &Parameter, text: &str) -> Option<Self> {
        let values = split(text, '$')?;
        let first = parameter.contexts.first()?;
        if values.len() != first.parts.len() {
            return None;
        }
        let parts = values.into_iter().zip(&first.parts).enumerate();
        let wanted = parts.map(|(at, (value, part))| {
            let everywhere = parameter.contexts.iter().filter_map(|context| context.parts.get(at));
            let places: Vec<&Place> = everywhere.flat_map(|part| &part.places).collect();
            Self::simple(part.kind, &places, value)
        });
        wanted.collect::<Option<_>>().map(Self::All)
    }

    /// Is this element what is wanted?
    pub(super) fn is(&self, node: Node<'_>, place: &Place, modifier: Modifier, base: &Base) -> bool {
        let datatype = place.datatype;
        match self {
            Self::Token(token) if modifier == Modifier::Identifier => content::logical(node, place.target, base)
                .is_some_and(|(system, value)| value.is_some() && token.is(system.as_deref(), value.as_deref())),
            Self::Token(token) => content::any_token(node, datatype, &mut |system, code| token.is(system, code)),
            Self::Typed(token, value) => {
                content::text(node, "value").as_deref() == Some(value)
                    && content::any_type(node, &mut |system, code| token.is(system, code))
            }
            Self::Words { text, folded } => {
                let is = &mut |found: &str| match modifier {
                    Modifier::Exact => found == text,
                    Modifier::Contains => fold(found).contains(folded.as_str()),
                    _ => begins(found, folded),
                };
                if modifier == Modifier::Text {
                    content::any_label(node, datatype, is)
                } else {
                    content::any_string(node, datatype, is)
                }
            }
            Self::Local(..) | Self::Url { .. } => self.is_reference(node, place, base),
            Self::Uri(wanted) => content::string(node).is_some_and(|found| found == *wanted),
            Self::Number { prefix, span, unit, .. } => {
                Amount::read(node, datatype).is_some_and(|found| unit.is_of(&found) && prefix.holds(span, &found.span))
            }
            Self::Time { prefix, span, .. } => {
                content::time(node, datatype).is_some_and(|found| prefix.holds(span, &found))
            }
            Self::All(_) => false,
        }
    }

    fn is_reference(&self, node: Node<'_>, place: &Place, base: &Base) -> bool {
        if place.datatype != Datatype::Reference {
            let Self::Url { url, version } = self else { return false };
            return content::string(node).is_some_and(|found| {
                let (of, found_version) = found.split_once('|').map_or((&*found, None), |(of, v)| (of, Some(v)));
                of == url && (version.is_none() || version.as_deref() == found_version)
            });
        }
        let Some((found_type, found_id)) = content::local(node, base) else { return false };
        if place.target.is_some_and(|target| target != found_type) {
            return false;
        }
        match self {
            Self::Local(of, id) => *id == found_id && of.is_none_or(|of| of == found_type),
            // A reference that leads elsewhere is shown to nobody, so only a URL of our own can be equal to one.
            Self::Url { url, version: None } => Named::literal(url, base) == Named::Local(found_type, found_id),
            _ => false,
        }
    }

    /// As it is written for the upstream. Nothing for what another server may read in its own way: how near is `ap`,
    /// and whose URL is absolute.
    pub(super) fn render(&self, parameter: &Parameter) -> Option<String> {
        Some(match self {
            Self::Token(token) => token.render(),
            Self::Typed(token, value) => format!("{}|{}", token.render(), escape(value)),
            Self::Words { text, .. } | Self::Uri(text) => escape(text),
            Self::Local(Some(of), id) => format!("{of}/{}", id.reveal()),
            Self::Local(None, id) => id.reveal().to_owned(),
            Self::Url { .. } if parameter.places.iter().any(|place| place.datatype == Datatype::Reference) => {
                return None;
            }
            Self::Url { url, version: None } => escape(url),
            Self::Url { url, version: Some(version) } => format!("{}|{}", escape(url), escape(version)),
            Self::Number { prefix: Prefix::Ap, .. } => return None,
            Self::Number { prefix, text, unit, .. } => format!("{}{text}{}", prefix.written(), unit.render()),
            Self::Time { prefix, text, .. } => format!("{}{text}", prefix.written()),
            Self::All(parts) => parts.iter().map(|part| part.render(parameter)).collect::<Option<Vec<_>>>()?.join("$"),
        })
    }
}

impl Unit {
    fn is_of(&self, amount: &Amount<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Named(code) => amount.is_in(None, code),
            Self::Coded { system, code } => amount.is_in(Some(system), code),
        }
    }

    fn render(&self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Named(code) => format!("||{}", escape(code)),
            Self::Coded { system, code } => format!("|{}|{}", escape(system), escape(code)),
        }
    }
}
