//! The order of a search's answer: `_sort` (<https://hl7.org/fhir/R4/search.html#sort>).

use crate::filter::{Node, Scanned};
use crate::parameter::content::{self, Amount};
use crate::parameter::decimal::Decimal;
use crate::parameter::fold::fold;
use crate::parameter::moment::Instant;
use crate::parameter::place::{self, Datatype, Place};
use crate::parameter::{Kind, Parameter, Path};
use crate::reference::Base;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Ascending,
    Descending,
}

/// One rule of an order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Order {
    parameter: &'static Parameter,
    direction: Direction,
}

/// Where a resource stands under one rule: less is earlier, whatever the direction. Who has no value is last. Keys of
/// different rules have no meaning together.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    direction: Direction,
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Time(Instant),
    /// None is below every number.
    Number(Option<Decimal>),
    Text(String),
}

/// Blank: it holds what the resource holds.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.value, &other.value) {
            (Some(own), Some(others)) if self.direction == Direction::Descending => others.cmp(own),
            (Some(own), Some(others)) => own.cmp(others),
            (own, others) => own.is_none().cmp(&others.is_none()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Order {
    /// Nothing for a kind that has no order.
    pub fn by(parameter: &'static Parameter, direction: Direction) -> Option<Self> {
        (!matches!(parameter.kind, Kind::Composite | Kind::Special)).then_some(Self { parameter, direction })
    }

    pub fn parameter(&self) -> &'static Parameter {
        self.parameter
    }

    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The path of every simple element that a key is made of.
    pub fn reads(&self) -> Vec<Path> {
        self.parameter.reads()
    }

    /// Of several values the lowest counts when ascending, the highest when descending. A range counts by where it
    /// starts, text without case and accents, a code without its system, an amount without its unit.
    pub fn key(&self, resource: &Scanned, base: &Base) -> Key {
        let mut best: Option<Value> = None;
        for place in &self.parameter.places {
            place::any(&place.steps, resource.root(), &mut |node| {
                each(node, (self.parameter.kind, place), base, &mut |value| {
                    let is_better = best.as_ref().is_none_or(|best| match self.direction {
                        Direction::Ascending => value < *best,
                        Direction::Descending => value > *best,
                    });
                    if is_better {
                        best = Some(value);
                    }
                });
                false
            });
        }
        Key { direction: self.direction, value: best }
    }

    /// Code for the upstream, with `-` for descending.
    pub fn query(&self) -> String {
        let sign = if self.direction == Direction::Descending { "-" } else { "" };
        format!("{sign}{}", self.parameter.code)
    }
}

/// Every value that an element is sorted by.
fn each(node: Node<'_>, (kind, place): (Kind, &Place), base: &Base, take: &mut dyn FnMut(Value)) {
    match place.datatype {
        datatype if kind == Kind::String => {
            content::any_string(node, datatype, &mut |text| {
                take(Value::Text(fold(text)));
                false
            });
        }
        Datatype::Moment | Datatype::Period | Datatype::Timing => {
            if let Some(span) = content::time(node, place.datatype) {
                take(Value::Time(start(&span.low).copied().unwrap_or(Instant::MIN)));
            }
        }
        Datatype::Number | Datatype::Quantity | Datatype::Money | Datatype::Range => {
            if let Some(amount) = Amount::read(node, place.datatype) {
                take(Value::Number(start(&amount.span.low).cloned()));
            }
        }
        Datatype::Reference => {
            let named = content::local(node, base);
            if let Some((of, id)) = named.filter(|(of, _)| place.target.is_none_or(|target| target == *of)) {
                take(Value::Text(format!("{of}/{}", id.reveal())));
            }
        }
        _ => {
            content::any_token(node, place.datatype, &mut |_, code| {
                if let Some(code) = code {
                    take(Value::Text(code.to_owned()));
                }
                false
            });
        }
    }
}

fn start<T>(bound: &Bound<T>) -> Option<&T> {
    match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(value),
        Bound::Unbounded => None,
    }
}

#[cfg(test)]
mod tests;
