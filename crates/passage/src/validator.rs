//! Entity tags and preconditions of reads (RFC 9110 sections 8.8.3 and 13). The tag is a keyed hash of the body as this
//! caller is shown it: it changes when that does, and never because of something hidden. It is compared last, when the
//! answer is already permitted, so a `304` says no more than the answer would.
//!
//! `Last-Modified` is not sent: a resource may change in what is hidden, and the time of that must not show. Without it
//! `If-Modified-Since` and `If-Unmodified-Since` have nothing to be compared to and are ignored (RFC 9110 section 13.1.3).

use http::{HeaderMap, HeaderValue, Method, header};
use lexicon::Reason;

/// The entity tags of an `If-None-Match`.
pub(crate) enum Known {
    Any,
    Tags(Vec<String>),
}

/// The preconditions of a read, if it has any that count. What belongs to writes is refused on a read: `If-Match` would
/// be true of no weak tag.
pub(crate) fn preconditions(method: &Method, headers: &HeaderMap) -> Result<Option<Known>, Reason> {
    if *method != Method::GET && *method != Method::HEAD {
        return Ok(None);
    }
    if headers.contains_key(header::IF_MATCH) {
        return Err(Reason::RequestHeader);
    }
    let mut known: Option<Known> = None;
    for line in headers.get_all(header::IF_NONE_MATCH) {
        let line = line.to_str().map_err(|_| Reason::RequestHeader)?;
        known = Some(match (known, line.trim()) {
            (None, "*") => Known::Any,
            (None, list) => Known::Tags(tags(list)?),
            (Some(Known::Tags(mut all)), list) => {
                all.append(&mut tags(list)?);
                Known::Tags(all)
            }
            (Some(Known::Any), _) => return Err(Reason::RequestHeader),
        });
    }
    Ok(known)
}

/// `W/"a", "b"` as `a`, `b`. An opaque tag may hold commas.
fn tags(list: &str) -> Result<Vec<String>, Reason> {
    let (mut tags, mut rest) = (Vec::new(), list);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return if tags.is_empty() { Err(Reason::RequestHeader) } else { Ok(tags) };
        }
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or(Reason::RequestHeader)?;
        let (tag, after) = quoted.split_once('"').ok_or(Reason::RequestHeader)?;
        tags.push(tag.to_owned());
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(Reason::RequestHeader);
        }
    }
}

/// An entity tag of ours.
pub(crate) struct Tag(String);

impl Tag {
    pub fn new(hash: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(hash)))
    }

    /// Weak, because other bytes may say the same, and because a strong one would license ranges.
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("W/\"{}\"", self.0)).ok()
    }

    /// By the weak comparison (RFC 9110 section 8.8.3.2).
    pub fn is_known(&self, known: &Known) -> bool {
        match known {
            Known::Any => true,
            Known::Tags(tags) => tags.contains(&self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&str, &str)], expect: Result<bool, Reason>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: http::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        let tag = Tag::new([0xab; 16]);
        let got = preconditions(&Method::GET, &headers);
        assert_eq!(got.map(|known| known.is_some_and(|known| tag.is_known(&known))), expect, "{lines:?}");
    }

    #[test]
    fn e2_only_our_own_tag_is_known() {
        let own = format!("\"{}\"", "ab".repeat(16));
        let weak = format!("W/{own}");
        assert_eq!(Tag::new([0xab; 16]).header().expect("ascii"), weak.as_str());
        for known in [own.as_str(), &weak, "*", &format!("W/\"1\", {weak}"), &format!("\"a,b\" ,, {own} , \"c\"")] {
            check(&[("if-none-match", known)], Ok(true));
        }
        check(&[("if-none-match", "W/\"1\""), ("if-none-match", &weak)], Ok(true));
        for other in ["W/\"1\"", "\"\"", &weak.to_uppercase().replace("W/", "")] {
            check(&[("if-none-match", other)], Ok(false));
        }
        for broken in ["", "1", "\"a", "W/1", "\"a\" \"b\"", "w/\"a\"", "*, \"a\"", ","] {
            check(&[("if-none-match", broken)], Err(Reason::RequestHeader));
        }
        check(&[("if-none-match", "*"), ("if-none-match", "*")], Err(Reason::RequestHeader));
    }

    #[test]
    fn e2_times_are_ignored_and_if_match_is_refused() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        check(&[("if-modified-since", date), ("if-unmodified-since", date)], Ok(false));
        check(&[("if-match", "W/\"1\"")], Err(Reason::RequestHeader));
        let headers: HeaderMap = [(header::IF_MATCH, HeaderValue::from_static("W/\"1\""))].into_iter().collect();
        assert!(matches!(preconditions(&Method::PUT, &headers), Ok(None)), "a write has its own answer");
    }
}
