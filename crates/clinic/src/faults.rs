//! The test rig of an upstream: what goes wrong on purpose, and what was seen. `up` has none.

use crate::answer::Answer;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LOCATION};
use http::{HeaderValue, StatusCode};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Something an upstream should not do, and sooner or later does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Waits before it answers.
    Slow(Duration),
    /// Never answers.
    Silent,
    /// Sends the head and half of the body, then neither goes on nor ends.
    Stalled,
    /// Sends the head and half of the body, then breaks the connection.
    Cut,
    /// Answers with this status and an OperationOutcome that names a patient.
    Status(u16),
    /// Answers 302 to here.
    Redirect(String),
    /// Sends half of the JSON as if it were all.
    BrokenJson,
    /// Sends bytes that are no UTF-8 inside a string.
    BrokenUtf8,
    /// Says the resource type twice.
    DuplicateKey,
    /// Sends this many nested extensions.
    Deep(usize),
    /// Sends another patient's resource: the whole text of this `Type/id` is answered instead.
    Instead(String),
    /// Compresses, though nobody asked.
    Gzip,
    /// Says it is `text/html`.
    MediaType,
    /// Pads the resource to at least so many bytes.
    Huge(usize),
}

/// A request as the clinic saw it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
}

/// A shared knob: clones act on the same clinic, also while it serves.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    planted: BTreeMap<String, Fault>,
    seen: Vec<Seen>,
}

impl Faults {
    /// From now on `below` (the path and query below the base, as `Patient/p001`) goes wrong. A path without a query
    /// stands for all of its queries.
    pub fn plant(&self, below: &str, fault: Fault) {
        self.state().planted.insert(below.to_owned(), fault);
    }

    /// From now on `below` is well again.
    pub fn heal(&self, below: &str) {
        self.state().planted.remove(below);
    }

    /// All requests so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    pub(crate) fn see(&self, seen: Seen) {
        self.state().seen.push(seen);
    }

    pub(crate) fn at(&self, path: &str, query: &str) -> Option<Fault> {
        let below = path.strip_prefix(crate::answer::PATH).unwrap_or(path).trim_start_matches('/');
        let state = self.state();
        state.planted.get(&format!("{below}?{query}")).or_else(|| state.planted.get(below)).cloned()
    }

    /// A test that panicked while it held the lock has failed already; the others go on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Whole,
    Cut,
    Stalled,
}

/// An answer on its way out.
pub struct Reply {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub chunks: VecDeque<Bytes>,
    pub end: End,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let chunks = VecDeque::from([Bytes::from(answer.body)]);
        Self { status: answer.status, headers: answer.headers, chunks, end: End::Whole }
    }
}

/// Spoils an answer. `other` gives the text of another resource.
pub fn spoil(answer: Answer, fault: &Fault, other: impl Fn(&str) -> Option<String>) -> Reply {
    let mut reply = Reply::from(Answer { body: String::new(), ..answer });
    let body = answer.body;
    let bytes = match fault {
        Fault::Slow(_) | Fault::Silent => body.into_bytes(),
        Fault::Stalled | Fault::Cut => {
            reply.end = if *fault == Fault::Cut { End::Cut } else { End::Stalled };
            half(&body)
        }
        Fault::Status(status) => {
            reply.status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let who = crate::names::CANARY;
            format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"exception","diagnostics":"row of {who} is locked"}}]}}"#)
                .into_bytes()
        }
        Fault::Redirect(to) => {
            reply.status = StatusCode::FOUND;
            reply.headers.extend(HeaderValue::from_str(to).map(|to| (LOCATION, to)));
            Vec::new()
        }
        Fault::BrokenJson => half(&body),
        Fault::BrokenUtf8 => {
            let mut bytes = body.into_bytes();
            let at = bytes.windows(4).position(|window| window == b"\"id\"").unwrap_or(0);
            // Into the value of `id`: after `"id":"`.
            bytes.splice(at + 6..at + 6, [0xC3, 0x28]);
            bytes
        }
        Fault::DuplicateKey => body.replacen('{', r#"{"resourceType":"Basic","#, 1).into_bytes(),
        Fault::Deep(levels) => {
            let nest = format!("{}{}", r#"{"url":"x","extension":["#.repeat(*levels), "]}".repeat(*levels));
            body.replacen('{', &format!(r#"{{"extension":[{nest}],"#), 1).into_bytes()
        }
        Fault::Instead(reference) => other(reference).unwrap_or_default().into_bytes(),
        Fault::Gzip => {
            reply.headers.push((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
            gzip(body.as_bytes())
        }
        Fault::MediaType => {
            reply.headers.retain(|(name, _)| name != CONTENT_TYPE);
            reply.headers.push((CONTENT_TYPE, HeaderValue::from_static("text/html")));
            body.into_bytes()
        }
        Fault::Huge(least) => {
            let padding = "x".repeat(least.saturating_sub(body.len()));
            body.replacen('{', &format!(r#"{{"language":"{padding}","#), 1).into_bytes()
        }
    };
    reply.headers.retain(|(name, _)| name != CONTENT_LENGTH);
    reply.chunks = bytes.chunks(16 * 1024).map(Bytes::copy_from_slice).collect();
    reply
}

fn half(body: &str) -> Vec<u8> {
    body.bytes().take(body.len() / 2).collect()
}

/// A gzip member of stored blocks (RFC 1952, RFC 1951 section 3.2.4): compressed in name only, and valid.
fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = data.chunks(0xFFFF).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(len.to_le_bytes());
        out.extend((!len).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(data).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn spoilt(fault: Fault) -> (Reply, Vec<u8>) {
        let body = r#"{"resourceType":"Patient","id":"p001","active":true}"#.to_owned();
        let media_type = HeaderValue::from_static("application/fhir+json");
        let answer = Answer { status: StatusCode::OK, headers: vec![(CONTENT_TYPE, media_type)], body };
        let reply =
            spoil(answer, &fault, |reference| (reference == "Patient/p002").then(|| r#"{"id":"p002"}"#.to_owned()));
        let bytes = reply.chunks.iter().flatten().copied().collect();
        (reply, bytes)
    }

    fn parses(bytes: &[u8]) -> bool {
        serde_json::from_slice::<Value>(bytes).is_ok()
    }

    #[test]
    fn each_fault_is_the_fault_it_says() {
        assert!(!parses(&spoilt(Fault::BrokenJson).1));
        assert!(std::str::from_utf8(&spoilt(Fault::BrokenUtf8).1).is_err());
        let (_, twice) = spoilt(Fault::DuplicateKey);
        assert!(parses(&twice) && String::from_utf8_lossy(&twice).matches("resourceType").count() == 2);
        let (_, deep) = spoilt(Fault::Deep(50));
        assert!(parses(&deep) && deep.iter().filter(|byte| **byte == b'{').count() == 51);
        assert_eq!(spoilt(Fault::Instead("Patient/p002".to_owned())).1, br#"{"id":"p002"}"#);
        let (_, huge) = spoilt(Fault::Huge(100_000));
        assert!(parses(&huge) && huge.len() >= 100_000);
        assert_eq!(spoilt(Fault::Cut).0.end, End::Cut);
        assert_eq!(spoilt(Fault::Stalled).0.end, End::Stalled);
        let (redirect, _) = spoilt(Fault::Redirect("https://elsewhere.example/".to_owned()));
        assert!(redirect.status == StatusCode::FOUND && redirect.headers.iter().any(|(name, _)| name == LOCATION));
        let (status, outcome) = spoilt(Fault::Status(503));
        assert!(status.status == StatusCode::SERVICE_UNAVAILABLE && parses(&outcome));
        let (html, _) = spoilt(Fault::MediaType);
        assert_eq!(html.headers.iter().filter(|(name, _)| name == CONTENT_TYPE).count(), 1);
    }

    /// Python: `gzip.decompress(bytes.fromhex(...)) == b"123456789"`; the checksum is the check value of CRC-32/ISO-HDLC.
    #[test]
    fn gzip_is_gzip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        let (reply, bytes) = spoilt(Fault::Gzip);
        assert!(reply.headers.iter().any(|(name, value)| name == CONTENT_ENCODING && value == "gzip"));
        assert_eq!(bytes.get(..3), Some(&[0x1F, 0x8B, 8][..]));
        assert_eq!(bytes.get(10), Some(&1), "one block, the last");
    }

    #[test]
    fn a_knob_turns_while_others_hold_it() {
        let (faults, other) = (Faults::default(), Faults::default());
        let same = faults.clone();
        same.plant("Patient/p001", Fault::Silent);
        assert_eq!(faults.at("/fhir/Patient/p001", "_format=json"), Some(Fault::Silent));
        assert_eq!(faults.at("/fhir/Patient/p002", ""), None);
        assert_eq!(other.at("/fhir/Patient/p001", ""), None);
        faults.heal("Patient/p001");
        assert_eq!(same.at("/fhir/Patient/p001", ""), None);
    }
}
