use super::{Asked, Parameters};
use crate::percent;
use lexicon::{Interaction, LocalId, Reason};
use std::borrow::Cow;
use std::fmt;

/// A request line as it came, and what beside it changes what it asks for: one header, and the body of a search.
#[derive(Clone, Copy, Default)]
pub struct Line<'a> {
    pub method: &'a str,
    /// Below the base, still percent-encoded, with its leading `/`.
    pub path: &'a str,
    pub query: Option<&'a str>,
    /// The value of `If-None-Exist`.
    pub if_none_exist: Option<&'a str>,
    /// The body of a POST, if its media type is `application/x-www-form-urlencoded`.
    pub form: Option<&'a str>,
}

impl fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl<'a> Line<'a> {
    /// `METHOD /path?query`, and on a second line the form of a `_search` or the value of `If-None-Exist`: how seeds of
    /// the fuzzer are written.
    pub fn read(text: &'a str) -> Self {
        let (first, second) = text.split_once('\n').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let (method, target) = first.split_once(' ').unwrap_or((first, ""));
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let (form, if_none_exist) = if path.ends_with("/_search") { (second, None) } else { (None, second) };
        Self { method, path, query, if_none_exist, form }
    }
}

/// The path in its plain spelling. No character that FHIR uses in a path needs an escape; `$` and `*` are the two that
/// some clients escape all the same. Any other escape could only hide something from us or from the server behind us.
pub(super) fn spelled(path: &str) -> Result<Cow<'_, str>, Reason> {
    let refused = |b: u8| !b.is_ascii_graphic() || matches!(b, b';' | b'\\' | b'#' | b'?');
    if path.bytes().any(refused) {
        return Err(Reason::RequestMalformed);
    }
    if !path.contains('%') {
        return Ok(Cow::Borrowed(path));
    }
    let mut plain = String::with_capacity(path.len());
    for (at, piece) in path.split('%').enumerate() {
        let (sign, rest) = match (at, piece.get(..2)) {
            (0, _) => ("", piece),
            (_, Some("24")) => ("$", piece.get(2..).unwrap_or_default()),
            (_, Some("2A" | "2a")) => ("*", piece.get(2..).unwrap_or_default()),
            _ => return Err(Reason::RequestMalformed),
        };
        plain.push_str(sign);
        plain.push_str(rest);
    }
    Ok(Cow::Owned(plain))
}

/// The segments of a path; none for the base itself.
pub(super) fn segments(path: &str) -> Result<Vec<&str>, Reason> {
    if matches!(path, "" | "/") {
        return Ok(Vec::new());
    }
    let segments: Vec<&str> = path.strip_prefix('/').ok_or(Reason::RequestMalformed)?.split('/').collect();
    // An empty segment is `//` or a trailing slash.
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(Reason::RequestMalformed);
    }
    Ok(segments)
}

/// A request line made again from what was understood: the only one that may go upstream.
#[derive(Clone, PartialEq, Eq)]
pub struct Written {
    pub method: &'static str,
    pub path: String,
    pub query: Option<String>,
    pub if_none_exist: Option<String>,
    pub form: Option<String>,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl Written {
    pub fn line(&self) -> Line<'_> {
        Line {
            method: self.method,
            path: &self.path,
            query: self.query.as_deref(),
            if_none_exist: self.if_none_exist.as_deref(),
            form: self.form.as_deref(),
        }
    }
}

impl Asked {
    /// The one spelling of this request: what a `_search` is asked by stands in its form. [`super::parse`] reads it back
    /// to an equal value.
    pub fn written(&self) -> Written {
        let query = Some(self.parameters.to_string()).filter(|query| !query.is_empty());
        let (query, form) = if self.posts_search() { (None, query) } else { (query, None) };
        let if_none_exist = self.criteria.as_ref().map(Parameters::to_string);
        Written { method: self.method.name(), path: self.path(), query, if_none_exist, form }
    }

    pub(super) fn posts_search(&self) -> bool {
        use Interaction as I;
        let searches = matches!(self.interaction, I::SearchType | I::SearchSystem | I::SearchCompartment);
        searches && self.method == super::Method::Post
    }

    fn path(&self) -> String {
        use Interaction as I;
        let mut path = String::new();
        let mut add = |segment: &str| {
            path.push('/');
            path.push_str(segment);
        };
        if let Some((focus, id)) = &self.compartment {
            add(focus.name());
            add(id.reveal());
        }
        match (self.resource_type, self.interaction) {
            (Some(t), _) => add(t.name()),
            (None, I::SearchCompartment) => add("*"),
            _ => {}
        }
        if let Some(id) = self.id.as_ref().map(LocalId::reveal) {
            add(id);
        }
        match self.interaction {
            I::Capabilities => add("metadata"),
            I::SmartConfiguration => add(".well-known/smart-configuration"),
            I::Vread | I::HistoryInstance | I::HistoryType | I::HistorySystem => add("_history"),
            _ if self.posts_search() => add("_search"),
            I::Operation => add(&format!("${}", self.operation.as_deref().unwrap_or_default())),
            _ => {}
        }
        if let Some(version) = self.version.as_ref().map(LocalId::reveal) {
            add(version);
        }
        if path.is_empty() { "/".to_owned() } else { path }
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (name, value) in self.pairs() {
            if !text.is_empty() {
                text.push('&');
            }
            percent::encode(name, &mut text);
            text.push('=');
            percent::encode(value, &mut text);
        }
        f.write_str(&text)
    }
}
