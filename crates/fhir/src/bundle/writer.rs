//! Writes an answer: what was projected, and our own words around it.

use super::{BundleKind, Method, Mode};
use crate::filter::Projected;
use std::fmt;

/// A Bundle that is written while its entries come. The order is fixed: type, entries, links, total.
pub struct Writer {
    /// Ends with a slash.
    base: String,
    out: Vec<u8>,
    any: bool,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.out.len()).finish_non_exhaustive()
    }
}

impl Writer {
    /// `base` is the URL that clients use.
    pub fn new(kind: BundleKind, base: &str) -> Self {
        let out = format!("{{\"resourceType\":\"Bundle\",\"type\":\"{}\"", kind.code()).into_bytes();
        Self { base: format!("{}/", base.trim_end_matches('/')), out, any: false }
    }

    /// An entry of a searchset.
    pub fn entry(&mut self, projected: Projected, mode: Mode) {
        self.open(&projected);
        self.say(b",\"search\":{\"mode\":\"");
        self.say(mode.code().as_bytes());
        self.say(b"\"}}");
    }

    /// An entry of a history. `request` and `response` are mandatory there (bdl-3, bdl-4) and repeat what the caller knows.
    pub fn version(&mut self, projected: Projected, method: Method) {
        let path = path(&projected);
        self.open(&projected);
        self.say(b",\"request\":{\"method\":\"");
        self.say(method.code().as_bytes());
        self.say(b"\",\"url\":\"");
        self.say(path.as_bytes());
        self.say(b"\"},\"response\":{\"status\":\"200\"}}");
    }

    /// The bytes since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// How many bytes [`Self::take`] would give.
    pub fn pending(&self) -> usize {
        self.out.len()
    }

    /// Ends the Bundle. Links are relation and URL, ours both.
    pub fn finish(&mut self, links: &[(&'static str, String)], total: Option<u64>) {
        if self.any {
            self.say(b"]");
        }
        for (at, (relation, url)) in links.iter().enumerate() {
            self.say(if at == 0 { b",\"link\":[" } else { b"," });
            self.say(b"{\"relation\":");
            self.quote(relation);
            self.say(b",\"url\":");
            self.quote(url);
            self.say(b"}");
        }
        if !links.is_empty() {
            self.say(b"]");
        }
        if let Some(total) = total {
            self.say(format!(",\"total\":{total}").as_bytes());
        }
        self.say(b"}");
    }

    fn open(&mut self, projected: &Projected) {
        let is_first = !std::mem::replace(&mut self.any, true);
        self.say(if is_first { b",\"entry\":[{" } else { b",{" });
        // An id that is not shown is not told by a URL either.
        if projected.id().is_some() {
            let url = format!("{}{}", self.base, path(projected));
            self.say(b"\"fullUrl\":");
            self.quote(&url);
            self.say(b",");
        }
        self.say(b"\"resource\":");
        self.say(projected.bytes());
    }

    fn quote(&mut self, text: &str) {
        self.say(serde_json::Value::from(text).to_string().as_bytes());
    }

    fn say(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

/// `Type/id`, or as much of it as is shown.
fn path(projected: &Projected) -> String {
    let of = projected.resource_type();
    projected.id().map_or_else(|| of.name().to_owned(), |id| format!("{of}/{}", id.reveal()))
}
