//! Reads values out of elements, in exactly the shapes in which a projection shows them: a value of the wrong JSON
//! kind, or an array where R4 has none, is as good as absent.

use super::decimal::Decimal;
use super::moment::{self, Instant};
use super::place::Datatype;
use super::span::Span;
use crate::filter::Node;
use crate::reference::{Base, Named};
use lexicon::{LocalId, ResourceType};
use std::borrow::Cow;
use std::ops::Bound;

pub(crate) fn string(node: Node<'_>) -> Option<Cow<'_, str>> {
    if node.is_string() { node.text() } else { None }
}

fn unquoted(node: Node<'_>) -> Option<Cow<'_, str>> {
    if node.is_string() { None } else { node.text() }
}

pub(crate) fn boolean(node: Node<'_>) -> Option<bool> {
    match unquoted(node)?.as_ref() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

pub(crate) fn number(node: Node<'_>) -> Option<Decimal> {
    Decimal::parse(&unquoted(node)?)
}

/// The string in a member.
pub(crate) fn text<'a>(node: Node<'a>, name: &str) -> Option<Cow<'a, str>> {
    string(node.get(name)?)
}

/// The items of a member that is an array.
fn many<'a>(node: Node<'a>, name: &str) -> impl Iterator<Item = Node<'a>> + use<'a> {
    let found = node.get(name).filter(|found| found.is_array()).map(Node::items);
    found.into_iter().flatten().filter(|item| !item.is_array())
}

/// Is it so of one of the strings that a string search looks at?
pub(crate) fn any_string(node: Node<'_>, datatype: Datatype, is: &mut dyn FnMut(&str) -> bool) -> bool {
    let (single, lists): (&[&str], &[&str]) = match datatype {
        Datatype::HumanName => (&["family", "text"], &["given", "prefix", "suffix"]),
        Datatype::Address => (&["city", "district", "state", "postalCode", "country", "text"], &["line"]),
        _ => return string(node).is_some_and(|text| is(&text)),
    };
    single.iter().any(|name| text(node, name).is_some_and(|text| is(&text)))
        || lists.iter().any(|name| many(node, name).any(|item| string(item).is_some_and(|text| is(&text))))
}

/// A code and the system it is of.
pub(crate) type Pair<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

fn pair<'a>(node: Node<'a>, code: &str) -> Pair<'a> {
    (text(node, "system"), text(node, code))
}

/// Is it so of one of the pairs of system and code that a token search looks at? Of none that has neither.
pub(crate) fn any_token(
    node: Node<'_>,
    datatype: Datatype,
    is: &mut dyn FnMut(Option<&str>, Option<&str>) -> bool,
) -> bool {
    let mut holds =
        |(system, code): Pair<'_>| (system.is_some() || code.is_some()) && is(system.as_deref(), code.as_deref());
    match datatype {
        Datatype::Coding => holds(pair(node, "code")),
        Datatype::CodeableConcept => many(node, "coding").any(|coding| holds(pair(coding, "code"))),
        Datatype::Identifier => holds(pair(node, "value")),
        Datatype::ContactPoint => holds((None, text(node, "value"))),
        Datatype::Boolean => holds((None, boolean(node).map(|is| Cow::Borrowed(if is { "true" } else { "false" })))),
        _ => holds((None, string(node))),
    }
}

/// Is it so of one of the texts beside a code?
pub(crate) fn any_label(node: Node<'_>, datatype: Datatype, is: &mut dyn FnMut(&str) -> bool) -> bool {
    let mut holds = |text: Option<Cow<'_, str>>| text.is_some_and(|text| is(&text));
    match datatype {
        Datatype::Coding => holds(text(node, "display")),
        Datatype::CodeableConcept => {
            holds(text(node, "text")) || many(node, "coding").any(|coding| holds(text(coding, "display")))
        }
        Datatype::Identifier => {
            holds(node.get("type").filter(|kind| kind.is_object()).and_then(|kind| text(kind, "text")))
        }
        _ => false,
    }
}

/// Is it so of one of the codes of an identifier's type?
pub(crate) fn any_type(identifier: Node<'_>, is: &mut dyn FnMut(Option<&str>, Option<&str>) -> bool) -> bool {
    identifier.get("type").is_some_and(|kind| any_token(kind, Datatype::CodeableConcept, is))
}

/// What `Reference.type` says, if it says anything.
enum Declared {
    Nothing,
    Is(ResourceType),
    Unclear,
}

fn declared(reference: Node<'_>) -> Declared {
    let Some(text) = text(reference, "type") else { return Declared::Nothing };
    let name = text.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(&text);
    ResourceType::from_name(name).map_or(Declared::Unclear, Declared::Is)
}

/// The local resource that a reference names. What leads elsewhere is shown to nobody, and counts as absent.
pub(crate) fn local(reference: Node<'_>, base: &Base) -> Option<(ResourceType, LocalId)> {
    let Named::Local(found, id) = Named::literal(&text(reference, "reference")?, base) else { return None };
    match declared(reference) {
        Declared::Is(declared) if declared != found => None,
        Declared::Unclear => None,
        Declared::Nothing | Declared::Is(_) => Some((found, id)),
    }
}

/// The identifier in a reference, if the reference names the type wanted, by its literal or in so many words.
pub(crate) fn logical<'a>(reference: Node<'a>, target: Option<ResourceType>, base: &Base) -> Option<Pair<'a>> {
    let is_target = |wanted| match declared(reference) {
        Declared::Is(declared) => declared == wanted,
        Declared::Nothing => local(reference, base).is_some_and(|(found, _)| found == wanted),
        Declared::Unclear => false,
    };
    if !target.is_none_or(is_target) {
        return None;
    }
    reference.get("identifier").filter(|node| node.is_object()).map(|identifier| pair(identifier, "value"))
}

/// The range of time that an element covers.
pub(crate) fn time(node: Node<'_>, datatype: Datatype) -> Option<Span<Instant>> {
    match datatype {
        Datatype::Moment => moment::span(&string(node)?),
        Datatype::Period => period(node),
        Datatype::Timing => timing(node),
        _ => None,
    }
}

/// Open where it has no bound (<https://hl7.org/fhir/R4/search.html#date>). A bound that is no date makes it no period.
fn period(node: Node<'_>) -> Option<Span<Instant>> {
    let read = |name| match text(node, name) {
        Some(text) => moment::range(&text).map(Some),
        None => Some(None),
    };
    let (start, end) = (read("start")?, read("end")?);
    if start.is_none() && end.is_none() {
        return None;
    }
    let low = start.map_or(Bound::Unbounded, |(from, _)| Bound::Included(from));
    let high = end.map_or(Bound::Unbounded, |(_, to)| Bound::Excluded(to));
    // What ends before it starts covers no time.
    let is_empty = matches!((low, high), (Bound::Included(low), Bound::Excluded(high)) if low >= high);
    (!is_empty).then_some(Span { low, high })
}

/// Its outer limits; what happens between them does not count.
fn timing(node: Node<'_>) -> Option<Span<Instant>> {
    let events = many(node, "event").filter_map(|event| moment::range(&string(event)?));
    let hull = events.reduce(|(from, to), (next_from, next_to)| (from.min(next_from), to.max(next_to)));
    let hull = hull.map(|(from, to)| Span { low: Bound::Included(from), high: Bound::Excluded(to) });
    let bounds = node.get("repeat").and_then(|repeat| repeat.get("boundsPeriod")).and_then(period);
    match (hull, bounds) {
        (Some(hull), Some(bounds)) => {
            Some(Span { low: earliest(hull.low, bounds.low), high: latest(hull.high, bounds.high) })
        }
        (hull, bounds) => hull.or(bounds),
    }
}

fn earliest(a: Bound<Instant>, b: Bound<Instant>) -> Bound<Instant> {
    match (a, b) {
        (Bound::Included(a), Bound::Included(b)) => Bound::Included(a.min(b)),
        _ => Bound::Unbounded,
    }
}

fn latest(a: Bound<Instant>, b: Bound<Instant>) -> Bound<Instant> {
    match (a, b) {
        (Bound::Excluded(a), Bound::Excluded(b)) => Bound::Excluded(a.max(b)),
        _ => Bound::Unbounded,
    }
}

/// A range of numbers and the elements that say of what.
pub(crate) struct Amount<'a> {
    pub(crate) span: Span<Decimal>,
    datatype: Datatype,
    node: Node<'a>,
}

/// ISO 4217, which `Money.currency` is bound to.
const CURRENCIES: &str = "urn:iso:std:iso:4217";

impl<'a> Amount<'a> {
    pub(crate) fn read(node: Node<'a>, datatype: Datatype) -> Option<Self> {
        let value = |node: Node<'_>| number(node.get("value")?);
        let span = match datatype {
            Datatype::Number => Span::point(number(node)?),
            Datatype::Money => Span::point(value(node)?),
            Datatype::Quantity => compared(value(node)?, text(node, "comparator").as_deref())?,
            Datatype::Range => {
                let [low, high] = ["low", "high"].map(|end| node.get(end).and_then(value));
                let is_range = match (&low, &high) {
                    (None, None) => false,
                    (Some(low), Some(high)) => low <= high,
                    _ => true,
                };
                let bound = |end: Option<Decimal>| end.map_or(Bound::Unbounded, Bound::Included);
                is_range.then(|| Span { low: bound(low), high: bound(high) })?
            }
            _ => return None,
        };
        Some(Self { span, datatype, node })
    }

    /// Is its unit of that code: in that system, or, without one, by code or by name?
    pub(crate) fn is_in(&self, system: Option<&str>, code: &str) -> bool {
        match self.datatype {
            Datatype::Money => {
                system.is_none_or(|system| system == CURRENCIES) && text(self.node, "currency").as_deref() == Some(code)
            }
            Datatype::Quantity => is_unit(self.node, system, code),
            Datatype::Range => {
                let ends = || ["low", "high"].into_iter().filter_map(|end| self.node.get(end));
                let counted = |end: &Node<'_>| end.get("value").and_then(number).is_some();
                ends().filter(counted).all(|end| is_unit(end, system, code))
            }
            _ => false,
        }
    }
}

fn is_unit(quantity: Node<'_>, system: Option<&str>, code: &str) -> bool {
    let is = |name: &str| text(quantity, name).as_deref() == Some(code);
    match system {
        Some(_) => text(quantity, "system").as_deref() == system && is("code"),
        None => is("code") || is("unit"),
    }
}

/// `<5` is every number below five. Nothing for a comparator that R4 does not have.
fn compared(value: Decimal, comparator: Option<&str>) -> Option<Span<Decimal>> {
    let (low, high) = match comparator {
        None => return Some(Span::point(value)),
        Some("<") => (Bound::Unbounded, Bound::Excluded(value)),
        Some("<=") => (Bound::Unbounded, Bound::Included(value)),
        Some(">") => (Bound::Excluded(value), Bound::Unbounded),
        Some(">=") => (Bound::Included(value), Bound::Unbounded),
        Some(_) => return None,
    };
    Some(Span { low, high })
}
