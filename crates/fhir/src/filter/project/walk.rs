//! The walk itself: members, items and leaves of any element.

use super::super::grammar::Kind;
use super::super::scanned::{Node, Scanned};
use crate::projection::{Projection, Shows, View};
use crate::reference::{Base, is_relative};
use std::borrow::Cow;

/// A member of an object: the cells of its name and of its value.
pub(super) type Member = (usize, usize);

pub(super) struct Walk<'a> {
    pub(super) scanned: &'a Scanned,
    pub(super) projection: &'a Projection,
    pub(super) base: &'a Base,
    pub(super) out: Vec<u8>,
    pub(super) withheld: u64,
}

/// How the text of a reference is shown.
enum Literal {
    AsWritten,
    /// As what is left of it below a base.
    Relative(String),
}

impl<'a> Walk<'a> {
    pub(super) fn member(&mut self, object: usize, view: View, member: Member) {
        let label = self.label(member);
        let Some(rule) = self.projection.rule(view, label) else {
            self.withheld += u64::from(!self.is_shown_beside(object, view, label));
            return;
        };
        let value = member.1;
        let as_it_is = matches!(rule.shows, Shows::Text | Shows::Number | Shows::Boolean);
        if as_it_is && !rule.many && !rule.aside && self.is_leaf(value, rule.shows) {
            return self.leaf(member);
        }
        let beside = if rule.aside { self.beside(object, label) } else { None };
        let start = self.out.len();
        self.name(label);
        let shown = match (rule.many, beside) {
            (true, Some(beside)) if self.is_aligned(value, beside, rule.shows) => {
                return self.pairs(label, value, beside, rule.shows);
            }
            (true, _) => self.array(value, rule.shows),
            (false, _) => self.one(value, rule.shows),
        };
        if !shown {
            self.out.truncate(start);
        }
        if let Some(beside) = beside {
            self.aside(label, beside, shown && !rule.many);
        }
    }

    /// The usual case, copied as one span: `"name": value`.
    fn leaf(&mut self, (name, value): Member) {
        self.comma();
        let span = self.scanned.source(self.scanned.cell(name).start, self.scanned.cell(value).end);
        self.out.extend_from_slice(span);
    }

    /// Is this a `_name` that is dealt with together with its `name`?
    fn is_shown_beside(&self, object: usize, view: View, label: &[u8]) -> bool {
        let Some(name) = label.strip_prefix(b"_") else { return false };
        let has_rule = self.projection.rule(view, name).is_some_and(|rule| rule.aside);
        has_rule && self.scanned.member(object, name).is_some()
    }

    /// The value of the `_name` beside a `name`.
    fn beside(&self, object: usize, label: &[u8]) -> Option<usize> {
        let mut members = self.scanned.members(object);
        let found = members.find(|member| self.label(*member).strip_prefix(b"_") == Some(label));
        found.map(|(_, value)| value)
    }

    /// The `_name` of a simple element: never without its element.
    fn aside(&mut self, label: &[u8], beside: usize, beside_a_value: bool) {
        let start = self.out.len();
        if !beside_a_value {
            self.withheld += 1;
            return;
        }
        self.name_aside(label);
        if !self.one(beside, Shows::Inside(self.projection.aside())) {
            self.out.truncate(start);
        }
    }

    /// One value that is not an array.
    fn one(&mut self, at: usize, shows: Shows) -> bool {
        if let Shows::Inside(view) = shows
            && self.is(at, Kind::Object)
        {
            return self.object(at, view);
        }
        if !self.is_leaf(at, shows) {
            self.withheld += 1;
            return false;
        }
        match self.literal(at, shows) {
            // What is left of a reference below a base is `Type/id`: no character of it needs an escape.
            Some(Literal::Relative(relative)) => {
                self.out.push(b'"');
                self.out.extend_from_slice(relative.as_bytes());
                self.out.push(b'"');
            }
            Some(Literal::AsWritten) | None => {
                let cell = self.scanned.cell(at);
                self.out.extend_from_slice(self.scanned.source(cell.start, cell.end));
            }
        }
        true
    }

    fn object(&mut self, at: usize, view: View) -> bool {
        let start = self.out.len();
        self.out.push(b'{');
        let mut is_empty = true;
        for member in self.scanned.members(at) {
            is_empty = false;
            self.member(at, view, member);
        }
        self.withheld += u64::from(is_empty);
        self.close(start, b'}')
    }

    fn array(&mut self, at: usize, shows: Shows) -> bool {
        if !self.is(at, Kind::Array) {
            self.withheld += 1;
            return false;
        }
        let start = self.out.len();
        self.out.push(b'[');
        self.items(at, shows);
        self.close(start, b']')
    }

    pub(super) fn items(&mut self, array: usize, shows: Shows) {
        if !self.is(array, Kind::Array) || self.scanned.items(array).next().is_none() {
            self.withheld += 1;
        }
        for item in self.scanned.items(array) {
            let start = self.out.len();
            self.comma();
            if !self.one(item, shows) {
                self.out.truncate(start);
            }
        }
    }

    /// Two arrays that belong together item by item (<https://hl7.org/fhir/R4/json.html#primitive>), with a value to
    /// show in the first.
    fn is_aligned(&self, values: usize, asides: usize, shows: Shows) -> bool {
        self.is(asides, Kind::Array)
            && self.scanned.items(values).count() == self.scanned.items(asides).count()
            && self.scanned.items(values).any(|at| self.is_leaf(at, shows))
    }

    /// Shows such two arrays. A pair keeps its place in both, with null for the missing half; a pair of which neither
    /// half is shown is left out of both.
    fn pairs(&mut self, label: &[u8], values: usize, asides: usize, shows: Shows) {
        self.out.push(b'[');
        let mut second = Vec::new();
        let mut any_aside = false;
        for (value, aside) in self.scanned.items(values).zip(self.scanned.items(asides)) {
            let has_value = self.is_leaf(value, shows);
            let first = std::mem::replace(&mut self.out, second);
            let start = self.out.len();
            self.comma();
            let has_aside = !self.is(aside, Kind::Null) && self.one(aside, Shows::Inside(self.projection.aside()));
            if !has_aside {
                self.out.truncate(start);
            }
            if has_value && !has_aside {
                self.comma();
                self.out.extend_from_slice(b"null");
            }
            second = std::mem::replace(&mut self.out, first);
            any_aside |= has_aside;
            if has_value {
                self.comma();
                self.one(value, shows);
            } else {
                // A null that holds the place of an aside is no loss.
                self.withheld += u64::from(!(has_aside && self.is(value, Kind::Null)));
                if has_aside {
                    self.comma();
                    self.out.extend_from_slice(b"null");
                }
            }
        }
        self.out.push(b']');
        if any_aside {
            self.name_aside(label);
            self.out.push(b'[');
            self.out.append(&mut second);
            self.out.push(b']');
        }
    }

    /// Ends an object or array that began at `start`; takes it back if nothing is in it.
    fn close(&mut self, start: usize, bracket: u8) -> bool {
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            return false;
        }
        self.out.push(bracket);
        true
    }

    pub(super) fn name(&mut self, label: &[u8]) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(label);
        self.out.extend_from_slice(b"\":");
    }

    fn name_aside(&mut self, label: &[u8]) {
        self.out.extend_from_slice(b",\"_");
        self.out.extend_from_slice(label);
        self.out.extend_from_slice(b"\":");
    }

    /// A comma, unless this is the first thing inside its brackets.
    pub(super) fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    pub(super) fn label(&self, (name, _): Member) -> &'a [u8] {
        self.scanned.content(self.scanned.cell(name))
    }

    pub(super) fn is(&self, at: usize, kind: Kind) -> bool {
        self.scanned.cell(at).kind == kind
    }

    /// The text of a reference as it may be shown.
    fn literal(&self, at: usize, shows: Shows) -> Option<Literal> {
        if shows != Shows::Literal || !self.is(at, Kind::Text) {
            return None;
        }
        let text = Node::of(self.scanned, at).text()?;
        match self.base.relative(&text)? {
            Cow::Borrowed(_) => Some(Literal::AsWritten),
            Cow::Owned(relative) => Some(Literal::Relative(relative)),
        }
    }

    fn is_leaf(&self, at: usize, shows: Shows) -> bool {
        match shows {
            Shows::Text => self.is(at, Kind::Text),
            Shows::Literal => self.literal(at, shows).is_some(),
            Shows::Link => {
                let text = Node::of(self.scanned, at).text();
                self.is(at, Kind::Text) && text.is_some_and(|text| is_relative(&text))
            }
            Shows::Number => self.is(at, Kind::Number),
            Shows::Boolean => self.is(at, Kind::Boolean),
            Shows::Inside(_) => false,
        }
    }
}
