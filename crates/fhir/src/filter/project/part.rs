//! Less of what is shown, as the caller asked: `_elements` and `_summary`
//! (<https://hl7.org/fhir/R4/search.html#elements>, <https://hl7.org/fhir/R4/search.html#summary>).
//!
//! A part is cut from what was projected, never from the resource. So it cannot show more than the whole, and what the
//! whole says of versions and withheld parts stays true.

use super::super::scanned::{Node, Scanned};
use super::{Kind, SUBSETTED, says_subsetted};
use crate::elements::{Elements, Holds, TypeId};
use crate::filter::Limits;

/// How much of what is shown a caller asked for. Id, `meta` and what R4 makes mandatory are in every part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    All,
    /// Elements of the resource itself by name; of a choice `value`, `value[x]` or one type, `valueQuantity`.
    Elements(Vec<String>),
    /// `_summary=true`: what R4 marks as summary, at every depth.
    Summary,
    /// `_summary=text`: the narrative.
    Text,
    /// `_summary=data`: all but the narrative.
    Data,
}

/// Which members of an object are kept.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Everything,
    /// The resource itself.
    Root(&'a Part, TypeId),
    /// What R4 marks as summary of a type, and what it demands there.
    Summary(TypeId),
}

/// The part of an answer, if anything of it is left out; and then it says so in `meta.tag`.
pub(super) fn cut(whole: &[u8], elements: &Elements, part: &Part) -> Option<Vec<u8>> {
    const LIMITS: Limits = Limits { bytes: Limits::MOST_BYTES, depth: Limits::MOST_DEPTH };
    if *part == Part::All {
        return None;
    }
    let shown = Scanned::of(whole, LIMITS).ok()?;
    let id = elements.named(shown.resource_type().name())?;
    let mut knife = Knife { shown: &shown, elements, out: Vec::with_capacity(whole.len()), left_out: false };
    knife.resource(Scope::Root(part, id));
    knife.left_out.then_some(knife.out)
}

struct Knife<'a> {
    shown: &'a Scanned,
    elements: &'a Elements,
    out: Vec<u8>,
    left_out: bool,
}

impl<'a> Knife<'a> {
    fn resource(&mut self, scope: Scope<'_>) {
        let mut after_id = 0;
        self.out.push(b'{');
        for member in self.shown.members(0) {
            let label = self.label(member);
            if label != b"meta" {
                self.member(member, scope);
            }
            if matches!(label, b"resourceType" | b"id") {
                after_id = self.out.len();
            }
        }
        let rest = self.out.split_off(after_id);
        self.meta();
        self.out.extend_from_slice(&rest);
        self.out.push(b'}');
    }

    /// Meta as it was shown, with the mark if anything is left out.
    fn meta(&mut self) {
        let meta = self.shown.root().get("meta").map(Node::at);
        let tags = meta.and_then(|meta| self.shown.member(meta, b"tag")).map(|(_, value)| value);
        let says = tags.is_some_and(|tags| self.shown.items(tags).any(|at| says_subsetted(Node::of(self.shown, at))));
        if !self.left_out || says {
            if let Some(meta) = meta {
                self.name(b"meta");
                self.copy(meta);
            }
            return;
        }
        self.name(b"meta");
        self.out.push(b'{');
        for member in meta.into_iter().flat_map(|meta| self.shown.members(meta)) {
            if self.label(member) != b"tag" {
                self.member(member, Scope::Everything);
            }
        }
        self.name(b"tag");
        self.out.push(b'[');
        for tag in tags.into_iter().flat_map(|tags| self.shown.items(tags)) {
            self.comma();
            self.copy(tag);
        }
        self.comma();
        self.out.extend_from_slice(SUBSETTED);
        self.out.extend_from_slice(b"]}");
    }

    fn member(&mut self, member: (usize, usize), scope: Scope<'_>) {
        let label = self.label(member);
        let Some(inner) = self.inside(scope, label) else {
            self.left_out = true;
            return;
        };
        let start = self.out.len();
        self.name(label);
        if !self.value(member.1, inner) {
            self.out.truncate(start);
        }
    }

    /// Is a member kept, and how much of what is inside it? A `_name` goes with its element, and whole: the nulls of
    /// two arrays that belong together mean something only side by side.
    fn inside(&self, scope: Scope<'_>, label: &[u8]) -> Option<Scope<'static>> {
        let (of, part) = match scope {
            Scope::Everything => return Some(Scope::Everything),
            Scope::Root(_, _) if matches!(label, b"resourceType" | b"id" | b"meta") => return Some(Scope::Everything),
            Scope::Root(part, of) => (of, part),
            Scope::Summary(of) => (of, &Part::Summary),
        };
        let name = label.strip_prefix(b"_").unwrap_or(label);
        let element = self.elements.of(of).element(name)?;
        let asked = |names: &[String]| {
            let is = |name: &String| {
                *name == element.name
                    || name.strip_suffix("[x]").unwrap_or(name) == element.defined.trim_end_matches("[x]")
            };
            names.iter().any(is)
        };
        match part {
            Part::All => Some(Scope::Everything),
            Part::Data => (element.defined != "text").then_some(Scope::Everything),
            Part::Text => (element.mandatory || element.defined == "text").then_some(Scope::Everything),
            Part::Elements(names) => (element.mandatory || asked(names)).then_some(Scope::Everything),
            Part::Summary if element.summary || element.mandatory => match element.holds {
                Holds::Complex(inner) => Some(Scope::Summary(inner)),
                _ => Some(Scope::Everything),
            },
            Part::Summary => None,
        }
    }

    /// False if nothing of the value is kept; then nothing is written.
    fn value(&mut self, at: usize, scope: Scope<'_>) -> bool {
        let (kind, start) = (self.shown.cell(at).kind, self.out.len());
        match (scope, kind) {
            (Scope::Summary(_), Kind::Object) => {
                self.out.push(b'{');
                for member in self.shown.members(at) {
                    self.member(member, scope);
                }
                self.close(start, b'}')
            }
            (Scope::Summary(_), Kind::Array) => {
                self.out.push(b'[');
                for item in self.shown.items(at) {
                    let before = self.out.len();
                    self.comma();
                    if !self.value(item, scope) {
                        self.out.truncate(before);
                    }
                }
                self.close(start, b']')
            }
            _ => {
                self.copy(at);
                true
            }
        }
    }

    fn close(&mut self, start: usize, bracket: u8) -> bool {
        if self.out.len() == start + 1 {
            self.out.truncate(start);
            return false;
        }
        self.out.push(bracket);
        true
    }

    fn copy(&mut self, at: usize) {
        let cell = self.shown.cell(at);
        self.out.extend_from_slice(self.shown.source(cell.start, cell.end));
    }

    fn name(&mut self, label: &[u8]) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(label);
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn label(&self, (name, _): (usize, usize)) -> &'a [u8] {
        self.shown.content(self.shown.cell(name))
    }
}

#[cfg(test)]
mod tests;
