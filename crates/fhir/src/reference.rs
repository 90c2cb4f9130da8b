//! What a `Reference` names: something of ours, something elsewhere, or nothing
//! (<https://hl7.org/fhir/R4/references.html>). Only the first ever proves anything.

use crate::filter::{Node, Scanned};
use lexicon::{LocalId, ResourceType};
use std::borrow::Cow;

/// Our own base URLs: the one clients use and the upstream's. An absolute reference below one of them is local.
#[derive(Clone, Debug, Default)]
pub struct Base(Vec<String>);

impl Base {
    /// What is not an absolute http or https URL is left out: then no reference is local by it.
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let slashed = |url: String| if url.ends_with('/') { url } else { url + "/" };
        Self(urls.into_iter().filter_map(canonical).map(slashed).collect())
    }

    /// The text of a reference as we write it: what is relative as it is, what is below one of the bases relative.
    /// Nothing for what leads elsewhere, or nowhere certain.
    pub(crate) fn relative<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if is_relative(text) {
            return Some(Cow::Borrowed(text));
        }
        self.below(text).filter(|rest| Named::relative(rest).is_some()).map(Cow::Owned)
    }

    /// The part of an absolute URL below one of the bases.
    fn below(&self, url: &str) -> Option<String> {
        let url = canonical(url)?;
        self.0.iter().find_map(|base| url.strip_prefix(base.as_str()).map(str::to_owned))
    }
}

/// Has a URL neither scheme nor host, however a browser reads it? It takes `\` for `/` and drops white space.
pub(crate) fn is_relative(url: &str) -> bool {
    !url.starts_with('/') && !url.contains([':', '\\']) && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// What a reference names.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Named {
    Local(ResourceType, LocalId),
    /// Not ours, or not certain; its type, when that is certain.
    Elsewhere(Option<ResourceType>),
    /// No more than words for people, if anything.
    Nothing,
}

impl Named {
    pub(crate) fn read(reference: Node<'_>, resource: &Scanned, base: &Base) -> Self {
        if !reference.is_object() {
            return Self::Elsewhere(None);
        }
        let Some(literal) = reference.get("reference") else {
            // An identifier is a logical reference: it may mean one of our patients, but never proves it.
            let is_logical = reference.get("identifier").is_some();
            return match (declared_type(reference), is_logical) {
                (Declared::Is(t), _) => Self::Elsewhere(Some(t)),
                (Declared::Unclear, _) | (Declared::Absent, true) => Self::Elsewhere(None),
                (Declared::Absent, false) => Self::Nothing,
            };
        };
        let named = match literal.text().as_deref() {
            Some(text) if text.starts_with('#') => Self::Elsewhere(contained_type(text, resource)),
            Some(text) => Self::literal(text, base),
            None => Self::Elsewhere(None),
        };
        // Where the reference and its `type` contradict each other, neither is believed.
        match (&named, declared_type(reference)) {
            (_, Declared::Absent) => named,
            (Self::Local(t, _) | Self::Elsewhere(Some(t)), Declared::Is(declared)) if *t == declared => named,
            (Self::Elsewhere(None), Declared::Is(declared)) => Self::Elsewhere(Some(declared)),
            _ => Self::Elsewhere(None),
        }
    }

    /// The text of `Reference.reference`, other than `#contained`.
    pub(crate) fn literal(text: &str, base: &Base) -> Self {
        if !text.contains(':') {
            return Self::relative(text).unwrap_or_else(|| Self::Elsewhere(conditional_type(text)));
        }
        if let Some(local) = base.below(text).as_deref().and_then(Self::relative) {
            return local;
        }
        Self::Elsewhere(canonical(text).and_then(|url| last_type(&url)))
    }

    /// `Type/id` or `Type/id/_history/version`.
    fn relative(text: &str) -> Option<Self> {
        let (name, id) = match text.split('/').collect::<Vec<_>>().as_slice() {
            [name, id] => (*name, *id),
            [name, id, "_history", version] if LocalId::new(version).is_some() => (*name, *id),
            _ => return None,
        };
        Some(Self::Local(ResourceType::from_name(name)?, LocalId::new(id)?))
    }
}

/// What `Reference.type` says.
enum Declared {
    Absent,
    Is(ResourceType),
    Unclear,
}

fn declared_type(reference: Node<'_>) -> Declared {
    let Some(node) = reference.get("type") else { return Declared::Absent };
    let text = node.text().unwrap_or_default();
    let name = text.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(&text);
    ResourceType::from_name(name).map_or(Declared::Unclear, Declared::Is)
}

/// The type of the one contained resource with that id. A contained resource is never one of ours.
fn contained_type(fragment: &str, resource: &Scanned) -> Option<ResourceType> {
    let id = fragment.strip_prefix('#')?;
    let is_it = |node: &Node<'_>| node.get("id").and_then(Node::text).as_deref() == Some(id);
    let found: Vec<_> = resource.nodes_at(&["contained"]).into_iter().filter(is_it).collect();
    let [only] = found.as_slice() else { return None };
    ResourceType::from_name(&only.get("resourceType")?.text()?)
}

/// `Type?criteria`, as in transactions.
fn conditional_type(text: &str) -> Option<ResourceType> {
    text.split_once('?').and_then(|(name, _)| ResourceType::from_name(name))
}

/// The type in a URL that ends as a FHIR read does.
fn last_type(url: &str) -> Option<ResourceType> {
    let url = url.split_once("/_history/").map_or(url, |(before, _)| before);
    let (before, id) = url.rsplit_once('/')?;
    LocalId::new(id)?;
    ResourceType::from_name(before.rsplit_once('/')?.1)
}

/// Scheme and host in lower case and without the default port (RFC 3986 section 6.2); the path as it is.
fn canonical(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
    if authority.is_empty() || !authority.bytes().all(plain) {
        return None;
    }
    let authority = authority.to_ascii_lowercase();
    Some(format!("{scheme}://{}{path}", authority.strip_suffix(default_port).unwrap_or(&authority)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let base = Base::new(["https://localhost:8443/fhir", "https://Up.Example:443/r4/", "nonsense"]);
        let found = match Named::literal(text, &base) {
            Named::Local(t, id) => format!("{t} {}", id.reveal()),
            Named::Elsewhere(Some(t)) => format!("elsewhere {t}"),
            Named::Elsewhere(None) => "elsewhere".to_owned(),
            Named::Nothing => "nothing".to_owned(),
        };
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn b6_relative_versioned_and_own_absolute_references_are_local() {
        for text in [
            "Patient/p1",
            "Patient/p1/_history/3",
            "https://localhost:8443/fhir/Patient/p1",
            "HTTPS://LOCALHOST:8443/fhir/Patient/p1/_history/3",
            "https://up.example/r4/Patient/p1",
            "https://up.example:443/r4/Patient/p1",
        ] {
            check(text, "Patient p1");
        }
    }

    #[test]
    fn b6_foreign_absolute_reference_is_not_local() {
        for text in [
            "https://other/Patient/p1",
            "http://localhost:8443/fhir/Patient/p1",
            "https://localhost/fhir/Patient/p1",
            "https://localhost:8443/FHIR/Patient/p1",
            "https://localhost:8443/fhirx/Patient/p1",
            "https://localhost:8443/fhir/x/Patient/p1",
            "https://localhost:8443/fhir/../fhir/Patient/p1",
        ] {
            check(text, "elsewhere Patient");
        }
        check("https://other/Practitioner/d1/_history/1", "elsewhere Practitioner");
        check("https://user@localhost:8443/fhir/Patient/p1", "elsewhere");
        check("https://localhost:8443/fhir/Patient/p1?x=y", "elsewhere");
    }

    #[test]
    fn b6_other_spellings_are_not_local() {
        for text in [
            "patient/p1",
            "PATIENT/p1",
            "/Patient/p1",
            "./Patient/p1",
            "Patient//p1",
            "Patient/p1/",
            "Patient/p1 ",
            " Patient/p1",
            "Patient/p1#x",
            "Patient/p1/_history/",
            "Patient/p1/_history/1/2",
            "Patient/p1/Observation",
            "Patient/p%31",
            "Patient",
            "",
            "urn:uuid:6c1e1b1c-4b0e-4f3c-9d7e-0c8f6a1d2b3a",
            "urn:oid:1.2.3",
            "javascript:Patient/p1",
        ] {
            check(text, "elsewhere");
        }
        check("Practitioner?identifier=http://x|1", "elsewhere");
        check("Practitioner?identifier=1", "elsewhere Practitioner");
    }
}
