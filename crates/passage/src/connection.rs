//! One connection: handshake, HTTP/1.1 or HTTP/2 by ALPN, a berth for each passage, and how it is hung up.

use crate::{
    Arrival, Client, House, Reply, Road, Silence,
    desk::Desk,
    driver::pass,
    headers,
    limits::{Limits, Neighbourhood, Timeouts},
    outgoing::Outgoing,
    tally::End,
};
use http::{Request, Response, request::Parts};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use identity::{Acceptor, HandshakeFailed, Line, Peer};
use std::{
    convert::Infallible,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::TcpStream,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{sleep, timeout},
};

/// What the requests of a connection are given to.
pub(crate) trait Door: Send + Sync + 'static {
    fn desk(&self) -> &Arc<Desk>;

    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        link: Arc<Link>,
    ) -> impl Future<Output = Result<Response<Outgoing>, Silence>> + Send;
}

/// What a connection is given by its listener.
pub(crate) struct Guest {
    pub source: IpAddr,
    pub turns: Arc<Semaphore>,
    pub closing: watch::Receiver<()>,
    pub alive: mpsc::Sender<Infallible>,
}

/// What all requests of one connection share.
pub(crate) struct Link {
    pub peer: Arc<Peer>,
    pub source: IpAddr,
    berths: Arc<Semaphore>,
    alive: mpsc::Sender<Infallible>,
    requests: AtomicU64,
    /// Somebody was verified on it.
    verified: Arc<AtomicBool>,
    hangup: Arc<Notify>,
}

impl Link {
    pub fn verified(&self) {
        self.verified.store(true, Ordering::Relaxed);
    }

    /// What a passage takes along when it is detached: its berth, and the listener's word that it is still there.
    pub async fn hold(&self) -> Result<(OwnedSemaphorePermit, mpsc::Sender<Infallible>), Silence> {
        let berth = self.berths.clone().acquire_owned().await.map_err(|_| Silence::Bug)?;
        Ok((berth, self.alive.clone()))
    }
}

pub(crate) async fn converse<D: Door>(socket: TcpStream, acceptor: &Acceptor, door: Arc<D>, guest: Guest) {
    let desk = door.desk().clone();
    let Limits { berths, .. } = desk.settings.limits;
    let Guest { source, turns, closing, alive } = guest;
    let (line, peer) = match shake_hands(socket, acceptor, &desk, (source, &turns)).await {
        Ok(shaken) => shaken,
        Err(HandshakeFailed { alert }) => return desk.ended(End::Handshake(alert)),
    };
    let link = Arc::new(Link {
        source,
        berths: Arc::new(Semaphore::new(berths)),
        alive,
        requests: AtomicU64::new(0),
        verified: Arc::default(),
        hangup: Arc::default(),
        peer: Arc::new(peer),
    });
    let clean = speak(line, door, &link, closing).await;
    match (link.requests.load(Ordering::Relaxed), clean) {
        (_, false) => desk.ended(End::Protocol),
        (0, true) => desk.ended(End::Unused),
        _ => {}
    }
}

/// A client that says nothing holds no turn: turns are taken when its first byte is there. It takes one of its address
/// before one of all, so that an address that stalls keeps only itself waiting.
async fn shake_hands(
    socket: TcpStream,
    acceptor: &Acceptor,
    desk: &Desk,
    (source, turns): (IpAddr, &Semaphore),
) -> Result<(Line, Peer), HandshakeFailed> {
    let shaken = timeout(desk.settings.timeouts.handshake, async {
        if !matches!(socket.peek(&mut [0]).await, Ok(1)) {
            return Err(HandshakeFailed { alert: "closed" });
        }
        let _own = desk.guards.handshakes.turn(Neighbourhood::of(source)).await;
        let _turn = turns.acquire().await;
        acceptor.accept(socket).await
    });
    shaken.await.unwrap_or(Err(HandshakeFailed { alert: "timeout" }))
}

/// Speaks HTTP until the peer, a silence, idleness or the listener ends it. False when what came was not HTTP.
async fn speak<D: Door>(line: Line, door: Arc<D>, link: &Arc<Link>, closing: watch::Receiver<()>) -> bool {
    let desk = door.desk().clone();
    let (limits, timeouts) = (desk.settings.limits, desk.settings.timeouts);
    let is_h2 = link.peer.h2;
    let shared = link.clone();
    let service = service_fn(move |request| {
        let (door, link, desk) = (door.clone(), shared.clone(), desk.clone());
        async move {
            link.requests.fetch_add(1, Ordering::Relaxed);
            let _waiting = desk.telemetry.waits();
            let answered = door.answer(request, link.clone()).await;
            answered.inspect_err(|silence| {
                desk.telemetry.silent(*silence);
                if silence.ends_the_connection() {
                    link.hangup.notify_one();
                }
            })
        }
    });
    let ends = quiet(link, &limits, &timeouts, closing);
    if is_h2 {
        let connection = http2_builder(&limits).serve_connection(TokioIo::new(line), service);
        run(connection, |it| it.graceful_shutdown(), ends, link, timeouts.drain).await
    } else {
        let connection = http1_builder(&limits, &timeouts).serve_connection(TokioIo::new(line), service);
        run(connection, |it| it.graceful_shutdown(), ends, link, timeouts.drain).await
    }
}

fn http1_builder(limits: &Limits, timeouts: &Timeouts) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header)
        .max_headers(limits.header_count)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(64 * 1024))
        .auto_date_header(false);
    builder
}

fn http2_builder(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(u32::try_from(limits.berths).ok())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_send_buf_size(128 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .auto_date_header(false);
    builder
}

async fn run<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    shut: impl FnOnce(Pin<&mut C>),
    ends: impl Future<Output = ()>,
    link: &Link,
    grace: Duration,
) -> bool {
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return !is_foreign(&ended),
        () = link.hangup.notified() => return true,
        () = ends => shut(connection.as_mut()),
    }
    tokio::select! {
        ended = connection => !is_foreign(&ended),
        () = link.hangup.notified() => true,
        () = sleep(grace) => true,
    }
}

fn is_foreign(ended: &hyper::Result<()>) -> bool {
    ended.as_ref().is_err_and(|error| error.is_parse() || error.is_parse_status())
}

/// Resolves when the listener closes, or when nothing was asked for a while and nothing is under way.
async fn quiet(link: &Link, limits: &Limits, timeouts: &Timeouts, mut closing: watch::Receiver<()>) {
    loop {
        let seen = link.requests.load(Ordering::Relaxed);
        let verified = link.verified.load(Ordering::Relaxed);
        let idle = if verified { timeouts.idle } else { timeouts.idle.min(timeouts.idle_unverified) };
        tokio::select! {
            _ = closing.changed() => return,
            () = sleep(idle) => {}
        }
        let resting = link.berths.available_permits() == limits.berths;
        let promoted = link.verified.load(Ordering::Relaxed) != verified;
        if resting && !promoted && link.requests.load(Ordering::Relaxed) == seen {
            return;
        }
    }
}

impl<R: Road> Door for House<R> {
    fn desk(&self) -> &Arc<Desk> {
        House::desk(self)
    }

    /// Berth and place are taken before the passage is detached and move into it: what a client resets still counts.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        link: Arc<Link>,
    ) -> Result<Response<Outgoing>, Silence> {
        let (parts, body) = request.into_parts();
        let body = Some(body).filter(|body| !body.is_end_stream());
        let guards = &House::desk(&self).guards;
        let neighbourhood = Neighbourhood::of(link.source);
        if guards.refusals.is_spent(&neighbourhood, Instant::now()) && !self.vouches(&parts, &link).await {
            House::desk(&self).ended(End::Surplus);
            return Err(Silence::Surplus);
        }
        let hold = link.hold().await?;
        let Some(place) = guards.live.enter(neighbourhood) else {
            House::desk(&self).ended(End::Surplus);
            return Err(Silence::Surplus);
        };
        let arrival =
            Arrival { parts, body, peer: link.peer.clone(), source: link.source, verified: link.verified.clone() };
        let (client, reply) = Client::new(link.hangup.clone());
        tokio::spawn(async move {
            pass(arrival, &self, client).await;
            drop((hold, place));
        });
        match reply.await {
            Ok(Reply::Answer(recorded)) => Ok(recorded.into_response()),
            Ok(Reply::Silence(silence)) => Err(silence),
            // The passage panicked; its docket wrote where.
            Err(_) => Err(Silence::Bug),
        }
    }
}

impl<R: Road> House<R> {
    /// While an address is over every limit, only a credential that verifies opens a docket for it.
    async fn vouches(&self, parts: &Parts, link: &Link) -> bool {
        let Ok(Some(bearer)) = headers::bearer(&parts.headers) else {
            return false;
        };
        let now = House::desk(self).clock.now();
        self.generation().verifier.verify(&bearer, &link.peer, now).await.is_ok()
    }
}
