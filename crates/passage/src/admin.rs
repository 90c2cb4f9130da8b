//! The operator's listener: two fixed words of health for anyone, metrics for an operator's certificate.

use crate::{
    Arrival, Deadline, Recorded, Silence, Validator, Whole,
    answer::Case,
    connection::{Door, Link},
    desk::Desk,
    limits::Neighbourhood,
    listener::serve,
    outgoing::Outgoing,
    road::Answer,
    tally::End,
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use identity::Acceptor;
use ledger::Health;
use lexicon::{Kind, Reason, Station};
use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, time::timeout};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the operator may ask, on a listener of its own whose client certificates are optional.
pub struct Admin {
    desk: Arc<Desk>,
    operators: Vec<String>,
}

impl Admin {
    /// `operators`: SPIFFE ids whose certificates may read the metrics.
    pub fn new(desk: Arc<Desk>, operators: Vec<String>) -> Self {
        Self { desk, operators }
    }

    /// A small passage of its own: a docket, a verdict, a receipt.
    async fn pass(&self, parts: Parts, link: &Link) -> Result<Recorded, Silence> {
        let is_metrics = parts.method == Method::GET && parts.uri.path() == "/metrics";
        let arrival =
            Arrival { parts, body: None, peer: link.peer.clone(), source: link.source, verified: Arc::default() };
        let mut case = Case::open(&arrival, &self.desk).await?.on("admin");
        case.reach(Station::Authenticate);
        let Some(operator) = self.operator(link) else {
            return match case.charge_stranger() {
                Ok(()) => refuse(case, Reason::PolicyRefused, None).await,
                Err(wait) => refuse(case, Reason::LimitAddress, Some(wait)).await,
            };
        };
        link.verified();
        case.seen_as(Kind::Workload, operator);
        if !is_metrics {
            return refuse(case, Reason::ResourceAbsent, None).await;
        }
        let text = self.desk.telemetry.metrics() + &self.book();
        case.reach(Station::Record);
        let (disclosed, validator) = (Vec::new(), Validator::None);
        let body = text.into();
        case.answered(Whole { media_type: TEXT, body, returned: 0, withheld: 0, disclosed, validator }).await
    }

    fn operator<'a>(&self, link: &'a Link) -> Option<&'a String> {
        link.peer.spiffe.as_ref().filter(|id| self.operators.contains(id))
    }

    fn book(&self) -> String {
        let gauges = self.desk.ledger.gauges();
        let mut text = String::new();
        for (name, kind, value) in [
            ("green", "gauge", u64::from(gauges.health() == Health::Green)),
            ("entries_total", "counter", gauges.entries()),
            ("syncs_total", "counter", gauges.syncs()),
            ("last_sync_microseconds", "gauge", gauges.last_sync_us()),
            ("open_cases", "gauge", gauges.open_seats()),
            ("tallied_total", "counter", gauges.tallied()),
            ("outages_total", "counter", gauges.outages()),
            ("volume_used_percent", "gauge", gauges.used_percent()),
        ] {
            let _never_fails = writeln!(text, "# TYPE lazaret_book_{name} {kind}\nlazaret_book_{name} {value}");
        }
        let held = &self.desk.held;
        for (name, value) in [("held", held.now()), ("held_most", held.most())] {
            let name = format!("lazaret_long_answers_bytes_{name}");
            let _never_fails = writeln!(text, "# TYPE {name} gauge\n{name} {value}");
        }
        text
    }

    /// The exit that needs no receipt (decision 2): it must be able to say *red* when the book cannot be written.
    fn word(&self) -> Response<Outgoing> {
        let (status, word) = match self.desk.ledger.health() {
            Health::Green => (StatusCode::OK, "green\n"),
            Health::Red => (StatusCode::SERVICE_UNAVAILABLE, "red\n"),
        };
        let mut response = Response::new(Outgoing::Whole(Full::new(Bytes::from_static(word.as_bytes()))));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

async fn refuse(case: Case, reason: Reason, retry_after: Option<Duration>) -> Result<Recorded, Silence> {
    let body = Bytes::from(format!("{} {}\n", reason.code(), reason.hint()));
    case.refused(reason.into(), retry_after, Answer { media_type: "text/plain", body, scope: None }).await
}

impl Door for Admin {
    fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        link: Arc<Link>,
    ) -> Result<Response<Outgoing>, Silence> {
        let (parts, _body) = request.into_parts();
        if parts.method == Method::GET && matches!(parts.uri.path(), "/healthz" | "/readyz") {
            return Ok(self.word());
        }
        let guards = &self.desk.guards;
        let neighbourhood = Neighbourhood::of(link.source);
        if guards.refusals.is_spent(&neighbourhood, Instant::now()) && self.operator(&link).is_none() {
            self.desk.ended(End::Surplus);
            return Err(Silence::Surplus);
        }
        let hold = link.hold().await?;
        let Some(place) = guards.live.enter(neighbourhood) else {
            self.desk.ended(End::Surplus);
            return Err(Silence::Surplus);
        };
        // Detached, as at the road: a client that resets does not end what is under way.
        let passage = tokio::spawn(async move {
            let ended = timeout(self.desk.settings.timeouts.request, self.pass(parts, &link)).await;
            drop((hold, place));
            ended.unwrap_or(Err(Silence::Bug))
        });
        passage.await.unwrap_or(Err(Silence::Bug)).map(Recorded::into_response)
    }
}

/// Serves the operator until `stop` resolves, then drains.
pub async fn listen_admin(
    tcp: TcpListener,
    acceptor: Acceptor,
    admin: Arc<Admin>,
    stop: impl Future<Output = ()>,
) -> Deadline {
    serve(tcp, acceptor, admin, stop).await
}
