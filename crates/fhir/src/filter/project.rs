//! Third stage: a walk over a checked resource by the types of R4, copying what a projection shows.
//!
//! A member is shown if the projection has a rule for its name at that place and its value has the shape R4 gives it:
//! an array where the element repeats and only there, and a string, number, boolean or object as its type demands.
//! All else is withheld. An object or array that comes out empty is taken back, since FHIR has no empty ones.

mod part;
mod walk;

pub use part::Part;

use super::grammar::Kind;
use super::scanned::{Node, Scanned};
use crate::projection::{Projection, Shows, View};
use crate::reference::Base;
use lexicon::{LocalId, ResourceType};
use std::fmt;
use walk::{Member, Walk};

/// FHIR's mark for "this is not the whole resource" (<https://hl7.org/fhir/R4/valueset-common-tags.html>).
const SUBSETTED: &[u8] =
    br#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;
const SUBSETTED_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// What a caller may see of one resource. Only [`Scanned::project_part`] makes one.
pub struct Projected {
    resource_type: ResourceType,
    id: Option<LocalId>,
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

    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// `Resource.id`, if it is shown.
    pub fn id(&self) -> Option<&LocalId> {
        self.id.as_ref()
    }

    /// How many parts the projection left out: members of objects and items of arrays, a part with all it holds counted once,
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
    /// References below `base` come out relative; what leads elsewhere is withheld.
    pub fn project(&self, projection: &Projection, base: &Base) -> Projected {
        self.project_part(projection, base, &Part::All)
    }

    /// As much of [`Self::project`] as a caller asked for, marked as partial if that is less than all. What was not
    /// asked for is not counted as withheld.
    pub fn project_part(&self, projection: &Projection, base: &Base, part: &Part) -> Projected {
        let of_type = projection.resource_type() == self.resource_type;
        let view = if of_type { projection.root() } else { View::Nothing };
        let mut walk = Walk { scanned: self, projection, base, out: Vec::with_capacity(self.size()), withheld: 0 };
        walk.resource(view);
        let bytes = part::cut(&walk.out, projection.elements(), part).unwrap_or(walk.out);
        let id = if of_type && projection.shows(&["id"]) { self.id() } else { None };
        Projected { resource_type: self.resource_type, id, bytes, withheld: walk.withheld }
    }
}

impl Walk<'_> {
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
            said = self.shows_coding(shows)
                && self.scanned.items(tags).any(|at| says_subsetted(Node::of(self.scanned, at)));
        }
        if !said {
            self.comma();
            self.out.extend_from_slice(SUBSETTED);
        }
        self.out.extend_from_slice(b"]}");
    }

    /// Are both halves of a coding shown?
    fn shows_coding(&self, shows: Shows) -> bool {
        let Shows::Inside(view) = shows else { return false };
        [&b"system"[..], b"code"].iter().all(|name| self.projection.rule(view, name).is_some())
    }
}

fn says_subsetted(tag: Node<'_>) -> bool {
    let is = |name, wanted| tag.get(name).and_then(Node::text).is_some_and(|text| text == wanted);
    is("system", SUBSETTED_SYSTEM) && is("code", "SUBSETTED")
}

#[cfg(test)]
mod tests;
