//! What we read of an entry, and of what stands around the entries.

use super::BundleKind;
use crate::filter::{Checked, Limits, Node, Scanned};
use lexicon::Reason;
use std::borrow::Cow;
use std::fmt;

/// Why an entry is in a searchset (<https://hl7.org/fhir/R4/valueset-search-entry-mode.html>), or that we cannot say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Match,
    Include,
    /// The server's words about the search. They never go further.
    Outcome,
    /// The entry could not be read. No code of FHIR's: it is never written.
    Unreadable,
}

impl Mode {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Include => "include",
            Self::Outcome => "outcome",
            Self::Unreadable => "unreadable",
        }
    }
}

/// How a version came to be (<https://hl7.org/fhir/R4/valueset-http-verb.html>); GET and HEAD make none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::Post, Self::Put, Self::Patch, Self::Delete].into_iter().find(|method| method.code() == code)
    }
}

/// What made the version in an entry of a history.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    /// As written: relative to the upstream's base, or absolute.
    pub url: String,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

/// One entry of a page.
pub struct Entry {
    /// Absent from a deletion, from what cannot be read, and from an outcome: what the upstream says about a search is
    /// not kept.
    pub resource: Option<Scanned>,
    /// Of a searchset; every entry of a history that can be read is a match.
    pub mode: Mode,
    /// Of a history, there if the entry can be read.
    pub request: Option<Request>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Entry {
    pub(super) fn read(kind: BundleKind, entry: Checked, limits: Limits) -> Result<Self, Reason> {
        let root = entry.root();
        optional_text(root, "fullUrl").ok_or(Reason::UpstreamPage)?;
        let said = mode(root).ok_or(Reason::UpstreamPage)?;
        let request = match kind {
            BundleKind::Searchset => None,
            BundleKind::History => Some(request(root).ok_or(Reason::UpstreamPage)?),
        };
        let has_resource = root.get("resource").is_some();
        let deletes = request.as_ref().is_some_and(|request| request.method == Method::Delete);
        let is_sound = match kind {
            BundleKind::Searchset => has_resource || said == Some(Mode::Outcome),
            BundleKind::History => said.is_none() && has_resource != deletes,
        };
        if !is_sound {
            return Err(Reason::UpstreamPage);
        }
        if said == Some(Mode::Outcome) {
            return Ok(Self { resource: None, mode: Mode::Outcome, request });
        }
        let Ok(resource) = entry.resource("resource", limits) else { return Ok(Self::unreadable()) };
        let is_outcome = resource.as_ref().is_some_and(|it| it.resource_type().name() == "OperationOutcome");
        match kind {
            BundleKind::Searchset if is_outcome => Ok(Self { resource: None, mode: Mode::Outcome, request }),
            _ => Ok(Self { resource, mode: said.unwrap_or(Mode::Match), request }),
        }
    }

    /// Nothing of it is known, not even what the upstream said of it.
    pub(super) fn unreadable() -> Self {
        Self { resource: None, mode: Mode::Unreadable, request: None }
    }
}

/// `search.mode`, if it is there and one that R4 knows.
fn mode(entry: Node<'_>) -> Option<Option<Mode>> {
    let Some(search) = entry.get("search") else { return Some(None) };
    if !search.is_object() {
        return None;
    }
    match optional_text(search, "mode")? {
        None => Some(None),
        Some(code) => {
            let known = [Mode::Match, Mode::Include, Mode::Outcome];
            known.into_iter().find(|mode| mode.code() == code).map(Some)
        }
    }
}

fn request(entry: Node<'_>) -> Option<Request> {
    let request = entry.get("request")?;
    let method = Method::from_code(&text(request.get("method")?)?)?;
    Some(Request { method, url: text(request.get("url")?)?.into_owned() })
}

/// What a page says of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Tail {
    /// The URL of the next page, as written: absolute, or relative to who knows what.
    pub next: Option<String>,
    pub total: Option<u64>,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("has_next", &self.next.is_some()).finish_non_exhaustive()
    }
}

impl Tail {
    pub(super) fn read(kind: BundleKind, frame: Node<'_>) -> Option<Self> {
        let is_ours = text(frame.get("resourceType")?)? == "Bundle" && text(frame.get("type")?)? == kind.code();
        if !is_ours {
            return None;
        }
        let total = match frame.get("total") {
            None => None,
            // A number in any other spelling than digits is none that a server counted.
            Some(total) if !total.is_string() => Some(total.text()?.parse().ok()?),
            Some(_) => return None,
        };
        Some(Self { next: next(frame)?, total })
    }
}

/// The `next` link, of which there may be one.
fn next(frame: Node<'_>) -> Option<Option<String>> {
    let Some(links) = frame.get("link") else { return Some(None) };
    if !links.is_array() {
        return None;
    }
    let mut next = None;
    for link in links.items() {
        let (relation, url) = (text(link.get("relation")?)?, text(link.get("url")?)?);
        if relation == "next" && next.replace(url.into_owned()).is_some() {
            return None;
        }
    }
    Some(next)
}

fn text(node: Node<'_>) -> Option<Cow<'_, str>> {
    if node.is_string() { node.text() } else { None }
}

/// A member that is a string or absent.
fn optional_text<'a>(object: Node<'a>, name: &str) -> Option<Option<Cow<'a, str>>> {
    match object.get(name) {
        None => Some(None),
        Some(node) => text(node).map(Some),
    }
}
