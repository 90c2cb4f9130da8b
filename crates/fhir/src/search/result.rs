//! The parameters that say how to answer: `_count`, `_sort`, `_total`, `_summary`, `_elements` and our own `_page`.

use super::Search;
use crate::order::{Direction, Order};
use crate::parameter;
use lexicon::{Reason, ResourceType};

const SORT_KEYS: usize = 4;
const ELEMENTS: usize = 64;
const CURSOR_BYTES: usize = 8192;

/// `_total`; an estimate would be a guess at what is hidden, so it is exact as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Total {
    None,
    Accurate,
}

/// `_summary`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Summary {
    False,
    True,
    Text,
    Data,
    /// No resources, only how many.
    Count,
}

pub(super) fn is_one(code: &str) -> bool {
    matches!(code, "_count" | "_sort" | "_total" | "_summary" | "_elements" | "_page" | "_format" | "_pretty")
}

impl Search {
    pub(super) fn add_result(&mut self, code: &str, value: &str) -> Result<(), Reason> {
        match code {
            "_count" => match count(value)? {
                0 => self.summary = Summary::Count,
                some => self.count = Some(some),
            },
            "_sort" => self.sort = sort(self.of, value)?,
            "_elements" => self.elements = elements(value)?,
            "_page" => self.page = Some(page(value)?),
            "_total" => {
                self.total = match value {
                    "none" => Total::None,
                    "accurate" | "estimate" => Total::Accurate,
                    _ => return Err(Reason::ParameterValue),
                }
            }
            "_summary" => {
                let summary = match value {
                    "true" => Summary::True,
                    "false" => Summary::False,
                    "text" => Summary::Text,
                    "data" => Summary::Data,
                    "count" => Summary::Count,
                    _ => return Err(Reason::ParameterValue),
                };
                // `_count=0` may have come first.
                if self.summary != Summary::Count {
                    self.summary = summary;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A number in its one spelling.
pub fn count(value: &str) -> Result<u32, Reason> {
    let plain = value.bytes().all(|b| b.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    value.parse().ok().filter(|_| plain).ok_or(Reason::ParameterValue)
}

/// A sealed cursor; whether it is one of ours is for who holds the keys.
pub fn page(value: &str) -> Result<String, Reason> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let fits = !value.is_empty() && value.len() <= CURSOR_BYTES && value.bytes().all(plain);
    if fits { Ok(value.to_owned()) } else { Err(Reason::CursorInvalid) }
}

fn sort(of: ResourceType, value: &str) -> Result<Vec<Order>, Reason> {
    let mut keys: Vec<Order> = Vec::new();
    for key in value.split(',') {
        let (code, direction) = match key.strip_prefix('-') {
            Some(code) => (code, Direction::Descending),
            None => (key, Direction::Ascending),
        };
        let parameter = parameter::find(of, code).ok_or(Reason::ParameterNotModelled)?;
        let order = Order::by(parameter, direction).ok_or(Reason::ParameterNotModelled)?;
        if keys.iter().any(|known| known.parameter().code == code) {
            return Err(Reason::ParameterDuplicate);
        }
        keys.push(order);
    }
    if keys.len() > SORT_KEYS { Err(Reason::SearchTooBroad) } else { Ok(keys) }
}

/// Names of the resource's own elements; which of them a type has is for who reduces the answer.
fn elements(value: &str) -> Result<Vec<String>, Reason> {
    let plain = |name: &str| {
        let name = name.strip_suffix("[x]").unwrap_or(name);
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let names: Vec<String> = value.split(',').map(str::to_owned).collect();
    if names.len() > ELEMENTS {
        return Err(Reason::SearchTooBroad);
    }
    if names.iter().all(|name| plain(name)) { Ok(names) } else { Err(Reason::ParameterValue) }
}
