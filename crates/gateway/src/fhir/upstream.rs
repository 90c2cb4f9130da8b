//! The one FHIR server behind the road. Requests are built here from what was parsed; nothing a client wrote is sent on
//! (F3, F5, F6). What comes back is believed only as far as it was checked (decision 20).

use crate::{
    dial::{Destination, Dial, Hop},
    fetch::destination,
    wire::Connector,
};
use ::fhir::{
    Filter, Limits, Scanned,
    bundle::{BundleKind, Entries, Entry, EntryLimits, Tail},
};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::{
    client::legacy::{Client, Error},
    rt::{TokioExecutor, TokioTimer},
};
use lexicon::{Halt, Reason, Trace};
use passage::{Notes, Told};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// Bytes handed to the filter at a time.
const PIECE: usize = 16 * 1024;

/// An error's body is read up to here and thrown away, so that its connection can be used again.
const DREGS: usize = 64 * 1024;

pub struct UpstreamSettings {
    /// `https://host:port/base`, without a trailing slash.
    pub base: String,
    /// From the request to the last byte of the answer, dialling included.
    pub answer_timeout: Duration,
    /// An idle connection is dropped before the other side would.
    pub idle_timeout: Duration,
    pub idle_connections: usize,
}

impl UpstreamSettings {
    pub fn new(base: impl Into<String>) -> Self {
        let (answer_timeout, idle_timeout) = (Duration::from_secs(10), Duration::from_secs(20));
        Self { base: base.into(), answer_timeout, idle_timeout, idle_connections: 64 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the upstream's base `{0}` is not an https URL without query; write it as https://host:port/path")]
    Base(String),
}

/// One flow: one identity of ours, one peer, one pool.
pub struct Upstream {
    client: Client<Connector, Empty<Bytes>>,
    base: String,
    settings: UpstreamSettings,
}

impl Upstream {
    pub fn new(settings: UpstreamSettings, dial: impl Dial) -> Result<Self, UpstreamError> {
        let base = settings.base.trim_end_matches('/').to_owned();
        let to = base.parse::<Uri>().ok().filter(|uri| uri.query().is_none()).as_ref().and_then(destination);
        let to: Destination = to.ok_or_else(|| UpstreamError::Base(settings.base.clone()))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.idle_timeout)
            .pool_max_idle_per_host(settings.idle_connections)
            // Each attempt is ours to decide (decision 42).
            .retry_canceled_requests(false)
            .build(Connector { dial: Arc::new(dial), to: Arc::new(to) });
        Ok(Self { client, base, settings })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Reads what is below the base at `path` (which begins with `/`), into the filter as it arrives.
    pub(super) async fn read(&self, path: &str, trace: Trace, limits: Limits) -> Told<Scanned> {
        self.get(path, trace, Sieve::Filter(Filter::new(limits))).await.and_then(|sieve| match sieve {
            Sieve::Filter(filter) => filter.finish(),
            Sieve::Plain { .. } => Err(Reason::Bug),
        })
    }

    /// The same, for a document that is rebuilt rather than filtered.
    pub(super) async fn document(&self, path: &str, trace: Trace, most: usize) -> Told<Vec<u8>> {
        self.get(path, trace, Sieve::Plain { bytes: Vec::new(), most }).await.and_then(|sieve| match sieve {
            Sieve::Plain { bytes, .. } => Ok(bytes),
            Sieve::Filter(_) => Err(Reason::Bug),
        })
    }

    /// Opens a page of a search or a history. Its entries are read as they arrive.
    pub(super) async fn page(&self, ask: &Turn<'_>, notes: &mut Notes) -> Result<Paged, Reason> {
        let opening = timeout(self.settings.answer_timeout, self.ask(ask.path, ask.trace)).await;
        let response = opening.unwrap_or(Err(Reason::UpstreamTimeout))?;
        note(&response, notes);
        let (head, body) = response.into_parts();
        match head.status.as_u16() {
            200 => {}
            400..=499 => {
                pour_away(body).await;
                return Ok(Paged::Refused(head.status));
            }
            500..=599 => return Err(Reason::UpstreamFailed),
            _ => return Err(Reason::UpstreamSearch),
        }
        acceptable(&head.headers).map_err(|_| Reason::UpstreamPage)?;
        let patience = self.settings.answer_timeout;
        let entries = Entries::new(ask.kind, ask.limits);
        Ok(Paged::Page(Box::new(Page { body, arrived: Bytes::new(), entries, patience })))
    }

    async fn get(&self, path: &str, trace: Trace, sieve: Sieve) -> Fetched<Sieve> {
        let mut notes = Notes::default();
        let outcome = timeout(self.settings.answer_timeout, self.exchange(path, trace, sieve, &mut notes)).await;
        Fetched { notes, outcome: outcome.unwrap_or(Err(Reason::UpstreamTimeout)) }
    }

    async fn exchange(&self, path: &str, trace: Trace, mut sieve: Sieve, notes: &mut Notes) -> Result<Sieve, Reason> {
        let response = self.ask(path, trace).await?;
        note(&response, notes);
        let (head, mut body) = response.into_parts();
        if let Err(reason) = meaning(head.status) {
            pour_away(body).await;
            return Err(reason);
        }
        acceptable(&head.headers)?;
        if body.size_hint().lower() > sieve.most() as u64 {
            return Err(Reason::UpstreamTooLarge);
        }
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Reason::UpstreamFailed)?.into_data() else { continue };
            for piece in data.chunks(PIECE) {
                sieve.push(piece)?;
            }
        }
        Ok(sieve)
    }

    /// A pooled connection may have been closed at the other end a moment ago. A read may then be asked once more: it
    /// causes nothing, however often it is heard.
    async fn ask(&self, path: &str, trace: Trace) -> Result<Response<Incoming>, Reason> {
        match self.client.request(self.request(path, trace)?).await {
            Err(error) if was_broken_off(&error) => self.client.request(self.request(path, trace)?).await,
            first => first,
        }
        .map_err(|error| if error.is_connect() { Reason::UpstreamUnreachable } else { Reason::UpstreamFailed })
    }

    /// The whole of what an upstream is told: a path, and these headers.
    fn request(&self, path: &str, trace: Trace) -> Result<Request<Empty<Bytes>>, Reason> {
        let hex = trace.to_string();
        let span = hex.get(16..).unwrap_or_default();
        Request::get(format!("{}{path}", self.base))
            .header(header::ACCEPT, "application/fhir+json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header("prefer", "handling=strict")
            .header("traceparent", format!("00-{hex}-{span}-01"))
            .body(Empty::new())
            .map_err(|_| Reason::Bug)
    }
}

/// Which page, and what it may cost.
pub(super) struct Turn<'a> {
    pub path: &'a str,
    pub kind: BundleKind,
    pub limits: EntryLimits,
    pub trace: Trace,
}

/// What an upstream says to that.
pub(super) enum Paged {
    Page(Box<Page>),
    /// It does not understand the query, or does not want it.
    Refused(StatusCode),
}

/// A page while it arrives. Of it, one entry and one chunk are in memory.
pub(super) struct Page {
    body: Incoming,
    arrived: Bytes,
    entries: Entries,
    /// How long the rest may be waited for; what the reader takes for itself does not count.
    patience: Duration,
}

impl Page {
    pub async fn next(&mut self) -> Result<Option<Entry>, Reason> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Ok(Some(entry));
            }
            if !self.arrived.is_empty() {
                let piece = self.arrived.split_to(PIECE.min(self.arrived.len()));
                self.entries.push(&piece)?;
                continue;
            }
            let began = Instant::now();
            let frame = timeout(self.patience, self.body.frame()).await.map_err(|_| Reason::UpstreamTimeout)?;
            self.patience = self.patience.saturating_sub(began.elapsed());
            let Some(frame) = frame else { return Ok(None) };
            // Trailers say nothing.
            if let Ok(data) = frame.map_err(|_| Reason::UpstreamFailed)?.into_data() {
                self.arrived = data;
            }
        }
    }

    /// After the last entry: the page was a whole one, and how it goes on.
    pub fn finish(self) -> Result<Tail, Reason> {
        self.entries.finish()
    }
}

fn note(response: &Response<Incoming>, notes: &mut Notes) {
    if let Some(hop) = response.extensions().get::<Hop>() {
        notes.upstream_peer.clone_from(&hop.peer);
        notes.upstream_tls.clone_from(&hop.tls);
    }
    notes.upstream_status = Some(response.status().as_u16());
}

/// What a fetch came to, before it is told to the door.
struct Fetched<T> {
    notes: Notes,
    outcome: Result<T, Reason>,
}

impl<T> Fetched<T> {
    fn and_then<U>(self, next: impl FnOnce(T) -> Result<U, Reason>) -> Told<U> {
        Told { notes: self.notes, outcome: self.outcome.and_then(next).map_err(Halt::new) }
    }
}

/// Where the bytes go, and how many may.
enum Sieve {
    Filter(Filter),
    Plain { bytes: Vec<u8>, most: usize },
}

impl Sieve {
    fn most(&self) -> usize {
        match self {
            // The filter has its own limit, and says so by itself.
            Self::Filter(_) => usize::MAX,
            Self::Plain { most, .. } => *most,
        }
    }

    fn push(&mut self, piece: &[u8]) -> Result<(), Reason> {
        match self {
            Self::Filter(filter) => filter.push(piece),
            Self::Plain { bytes, most } if bytes.len() + piece.len() > *most => Err(Reason::UpstreamTooLarge),
            Self::Plain { bytes, .. } => {
                bytes.extend_from_slice(piece);
                Ok(())
            }
        }
    }
}

/// What a status of the upstream means for a read. Redirects are not followed.
fn meaning(status: StatusCode) -> Result<(), Reason> {
    match status.as_u16() {
        200 => Ok(()),
        404 | 410 => Err(Reason::ResourceAbsent),
        500..=599 => Err(Reason::UpstreamFailed),
        _ => Err(Reason::UpstreamStatus),
    }
}

/// Only what was asked for: unencoded FHIR JSON in UTF-8.
fn acceptable(headers: &HeaderMap) -> Result<(), Reason> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    if encodings.any(|encoding| encoding != "identity") {
        return Err(Reason::UpstreamEncoding);
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().and_then(|value| value.to_str().ok()), types.next()) {
        (Some(value), None) if is_fhir_json(value) => Ok(()),
        _ => Err(Reason::UpstreamMediaType),
    }
}

fn is_fhir_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let is_it = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/fhir+json"));
    is_it
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
                charset.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

async fn pour_away(mut body: Incoming) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > DREGS {
            return;
        }
    }
}

/// Broken off before an answer began. How that shows depends on when the other side closed, and whether it said so.
fn was_broken_off(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    !error.is_connect() && cause.is_some_and(|cause| !cause.is_parse() && !cause.is_user())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_one_meaning() {
        for (status, expect) in [
            (200, Ok(())),
            (201, Err(Reason::UpstreamStatus)),
            (204, Err(Reason::UpstreamStatus)),
            (302, Err(Reason::UpstreamStatus)),
            (304, Err(Reason::UpstreamStatus)),
            (401, Err(Reason::UpstreamStatus)),
            (404, Err(Reason::ResourceAbsent)),
            (410, Err(Reason::ResourceAbsent)),
            (429, Err(Reason::UpstreamStatus)),
            (500, Err(Reason::UpstreamFailed)),
            (503, Err(Reason::UpstreamFailed)),
        ] {
            assert_eq!(meaning(StatusCode::from_u16(status).expect("valid")), expect, "{status}");
        }
    }

    fn check(lines: &[(&str, &str)], expect: Result<(), Reason>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: header::HeaderName = name.parse().expect("valid");
            headers.append(name, value.parse().expect("valid"));
        }
        assert_eq!(acceptable(&headers), expect, "{lines:?}");
    }

    #[test]
    fn only_unencoded_fhir_json_is_read() {
        for good in [
            "application/fhir+json",
            "Application/FHIR+JSON; charset=UTF-8",
            "application/fhir+json; fhirVersion=4.0; charset=\"utf-8\"",
        ] {
            check(&[("content-type", good)], Ok(()));
            check(&[("content-type", good), ("content-encoding", "identity")], Ok(()));
            for encoding in ["gzip", "br", "identity, gzip", ""] {
                check(&[("content-type", good), ("content-encoding", encoding)], Err(Reason::UpstreamEncoding));
            }
        }
        for bad in
            ["application/json", "text/html", "application/fhir+xml", "application/fhir+json; charset=utf-16", ""]
        {
            check(&[("content-type", bad)], Err(Reason::UpstreamMediaType));
        }
        check(&[], Err(Reason::UpstreamMediaType));
        let twice = ("content-type", "application/fhir+json");
        check(&[twice, twice], Err(Reason::UpstreamMediaType));
    }
}
