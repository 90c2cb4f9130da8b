//! Third stage: a walk over a checked resource by the types of R4, copying what a projection shows.
//!
//! A member is shown if the projection has a rule for its name at that place and its value has the shape R4 gives it:
//! an array where the element repeats and only there, and a string, number, boolean or object as its type demands.
//! All else is withheld. An object or array that comes out empty is taken back, since FHIR has no empty ones.

use super::grammar::Kind;
use super::scanned::{Node, Scanned};
use crate::projection::{Projection, Shows, View};
use std::fmt;

/// FHIR's mark for "this is not the whole resource" (<https://hl7.org/fhir/R4/valueset-common-tags.html>).
const SUBSETTED: &[u8] =
    br#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;
const SUBSETTED_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// What a caller may see of one resource. Only [`Scanned::project`] makes one.
pub struct Projected {
    bytes: Vec<u8>,
    withheld: u64,
}

impl fmt::Debug for Projected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projected").field("withheld", &self.withheld).finish_non_exhaustive()
    }
}

impl Projected {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many parts were left out: members of objects and items of arrays, a part with all it holds counted once,
    /// at the outermost object or array that was left out itself. One that was taken back because nothing in it is
    /// shown is not counted beside what it held.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }
}

impl Scanned {
    /// The resource as the projection shows it: type, id, meta, then the rest in its own order. If anything is
    /// withheld, `meta.tag` says so and `meta.versionId` and `meta.lastUpdated`, which tell of changes to what is
    /// hidden, are withheld too. A projection of another type shows nothing but the type.
    pub fn project(&self, projection: &Projection) -> Projected {
        let of_type = projection.resource_type() == self.resource_type;
        let view = if of_type { projection.root() } else { View::Nothing };
        let mut walk = Walk { scanned: self, projection, out: Vec::with_capacity(self.bytes.len()), withheld: 0 };
        walk.resource(view);
        Projected { bytes: walk.out, withheld: walk.withheld }
    }
}

/// A member of an object: the cells of its name and of its value.
type Member = (usize, usize);

struct Walk<'a> {
    scanned: &'a Scanned,
    projection: &'a Projection,
    out: Vec<u8>,
    withheld: u64,
}

impl<'a> Walk<'a> {
    fn resource(&mut self, view: View) {
        self.out.extend_from_slice(b"{\"resourceType\":\"");
        self.out.extend_from_slice(self.scanned.resource_type.name().as_bytes());
        self.out.push(b'"');

        let mut meta = None;
        let mut rest = Vec::new();
        for member in self.scanned.members(0) {
            match self.label(member) {
                b"resourceType" => {}
                b"id" => self.member(0, view, member),
                b"meta" => meta = Some(member),
                _ => rest.push(member),
            }
        }
        let after_id = self.out.len();
        for member in rest {
            self.member(0, view, member);
        }
        // Meta depends on whether the rest was shown in full, and reads better before it.
        let after_rest = self.out.len();
        self.meta(view, meta);
        let length = self.out.len() - after_rest;
        if let Some(tail) = self.out.get_mut(after_id..) {
            tail.rotate_right(length);
        }
        self.out.push(b'}');
    }

    /// Walks meta as if nothing were withheld; and if something is, anew.
    fn meta(&mut self, view: View, meta: Option<Member>) {
        let (start, withheld) = (self.out.len(), self.withheld);
        if let Some(member) = meta {
            self.member(0, view, member);
        }
        if self.withheld > 0 {
            self.out.truncate(start);
            self.withheld = withheld;
            self.partial_meta(view, meta);
        }
    }

    /// Meta of a resource of which something is withheld: without what dates it, with the tag that says so.
    fn partial_meta(&mut self, view: View, meta: Option<Member>) {
        self.name(b"meta");
        self.out.push(b'{');
        let mut tag = None;
        let value = meta.map(|(_, value)| value);
        let inside = self.projection.rule(view, b"meta").map(|rule| rule.shows);
        if let (Some(value), Some(Shows::Inside(inside))) = (value.filter(|at| self.is(*at, Kind::Object)), inside) {
            for member in self.scanned.members(value) {
                match self.label(member) {
                    b"versionId" | b"lastUpdated" | b"_versionId" | b"_lastUpdated" => self.withheld += 1,
                    b"tag" => match self.projection.rule(inside, b"tag") {
                        Some(rule) => tag = Some((member.1, rule.shows)),
                        None => self.withheld += 1,
                    },
                    _ => self.member(value, inside, member),
                }
            }
            self.withheld += u64::from(self.scanned.members(value).next().is_none());
        } else if value.is_some() {
            self.withheld += 1;
        }
        self.name(b"tag");
        self.out.push(b'[');
        let mut said = false;
        if let Some((tags, shows)) = tag {
            self.items(tags, shows);
            said = self.shows_coding(shows) && self.scanned.items(tags).any(|at| self.says_subsetted(at));
        }
        if !said {
            self.comma();
            self.out.extend_from_slice(SUBSETTED);
        }
        self.out.extend_from_slice(b"]}");
    }

    fn member(&mut self, object: usize, view: View, member: Member) {
        let label = self.label(member);
        let Some(rule) = self.projection.rule(view, label) else {
            self.withheld += u64::from(!self.is_shown_beside(object, view, label));
            return;
        };
        let beside = if rule.aside { self.beside(object, label) } else { None };
        let value = member.1;
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
        let cell = self.scanned.cell(at);
        self.out.extend_from_slice(self.scanned.source(cell.start, cell.end));
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

    fn items(&mut self, array: usize, shows: Shows) {
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

    fn name(&mut self, label: &[u8]) {
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
    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn label(&self, (name, _): Member) -> &'a [u8] {
        self.scanned.content(self.scanned.cell(name))
    }

    fn is(&self, at: usize, kind: Kind) -> bool {
        self.scanned.cell(at).kind == kind
    }

    fn is_leaf(&self, at: usize, shows: Shows) -> bool {
        match shows {
            Shows::Text => self.is(at, Kind::Text),
            Shows::Number => self.is(at, Kind::Number),
            Shows::Boolean => self.is(at, Kind::Boolean),
            Shows::Inside(_) => false,
        }
    }

    /// Are both halves of a coding shown?
    fn shows_coding(&self, shows: Shows) -> bool {
        let Shows::Inside(view) = shows else { return false };
        [&b"system"[..], b"code"].iter().all(|name| self.projection.rule(view, name).is_some())
    }

    fn says_subsetted(&self, tag: usize) -> bool {
        let tag = Node::of(self.scanned, tag);
        let is = |name, wanted| tag.get(name).and_then(Node::text).is_some_and(|text| text == wanted);
        is("system", SUBSETTED_SYSTEM) && is("code", "SUBSETTED")
    }
}

#[cfg(test)]
mod tests;
