//! The clinic on the network: mutual TLS, and one peer that may come in.

use crate::answer::{Ask, answer};
use crate::faults::{End, Fault, Faults, Reply, Seen, spoil};
use crate::key::{Held, Key};
use crate::search::Handling;
use crate::world::World;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use identity::{Acceptor, Line};
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

const CONNECTIONS_MOST: usize = 256;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open answers may take to end once shutdown began.
const GRACE: Duration = Duration::from_secs(2);

/// The clinic's server.
pub struct Clinic {
    world: World,
    faults: Option<Faults>,
}

/// Where it listens, and to whom.
pub struct Gate {
    pub listener: TcpListener,
    pub acceptor: Acceptor,
    /// The one SPIFFE id that is served, `spiffe://lazaret.localhost/gateway`; others are hung up on.
    pub peer: String,
}

impl Clinic {
    pub const fn new(world: World) -> Self {
        Self { world, faults: None }
    }

    /// A clinic that misbehaves as told. For tests.
    pub fn with_faults(mut self, faults: Faults) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Serves until `shutdown` is ready, then lets open answers end.
    pub async fn serve(self, gate: Gate, shutdown: impl Future<Output = ()>) {
        let (clinic, room) = (Arc::new(self), Arc::new(Semaphore::new(CONNECTIONS_MOST)));
        let (closing, closed) = watch::channel(());
        let (peer, mut visits, mut shutdown) = (Arc::<str>::from(gate.peer), JoinSet::new(), pin!(shutdown));
        loop {
            let seat = tokio::select! {
                () = &mut shutdown => break,
                Some(_) = visits.join_next() => continue,
                seat = Arc::clone(&room).acquire_owned() => seat,
            };
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = gate.listener.accept() => accepted,
            };
            let Ok((tcp, _)) = accepted else {
                // Out of descriptors, most likely: a connection that ends gives one back.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let (acceptor, clinic) = (gate.acceptor.clone(), Arc::clone(&clinic));
            let (peer, closed) = (Arc::clone(&peer), closed.clone());
            visits.spawn(async move {
                let _seat = seat;
                match acceptor.accept(tcp).await {
                    Ok((line, who)) if who.spiffe.as_deref() == Some(&*peer) => {
                        if who.h2 {
                            clinic.speak_h2(line, closed).await
                        } else {
                            clinic.speak_h1(line, closed).await
                        }
                    }
                    // Not ours to explain: a wrong peer gets no HTTP at all.
                    Ok(_) | Err(_) => {}
                }
            });
        }
        drop(gate.listener);
        drop(closing);
        let all = async { while visits.join_next().await.is_some() {} };
        // What has not ended by itself ends with the set.
        let _ = tokio::time::timeout(GRACE, all).await;
    }

    async fn speak_h1(self: Arc<Self>, line: Line, closed: watch::Receiver<()>) {
        let service = service_fn(move |request| Arc::clone(&self).reply(request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(line), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = &mut connection => return,
            () = over(closed) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn speak_h2(self: Arc<Self>, line: Line, closed: watch::Receiver<()>) {
        let service = service_fn(move |request| Arc::clone(&self).reply(request));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(256)
            .serve_connection(TokioIo::new(line), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = &mut connection => return,
            () = over(closed) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn reply(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Outgoing>, Infallible> {
        let uri = request.uri();
        let authority = uri.authority().map(|authority| authority.as_str());
        let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
        let ask = Ask {
            method: request.method(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            authority: authority.or(host).unwrap_or("localhost"),
            handling: handling(request.headers()),
        };
        let answer = answer(&self.world, &ask);
        let Some(faults) = &self.faults else { return Ok(outgoing(Reply::from(answer))) };
        faults.see(seen(&request));
        let Some(fault) = faults.at(ask.path, ask.query) else { return Ok(outgoing(Reply::from(answer))) };
        match fault {
            Fault::Slow(delay) => tokio::time::sleep(delay).await,
            Fault::Silent => std::future::pending().await,
            _ => {}
        }
        Ok(outgoing(spoil(answer, &fault, |reference| {
            let (name, id) = reference.split_once('/')?;
            self.world.text(Key::parse(Held::from_name(name)?, id)?)
        })))
    }
}

/// Ready when the clinic closes: the sender is gone then.
async fn over(mut closed: watch::Receiver<()>) {
    while closed.changed().await.is_ok() {}
}

/// `Prefer: handling=strict` (<https://hl7.org/fhir/R4/search.html#errors>).
fn handling(headers: &HeaderMap) -> Handling {
    let strict = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let strict = strict.flat_map(|value| value.split([',', ';'])).any(|word| word.trim() == "handling=strict");
    if strict { Handling::Strict } else { Handling::Lenient }
}

fn seen(request: &Request<Incoming>) -> Seen {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Seen {
        method: request.method().to_string(),
        target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    }
}

fn outgoing(reply: Reply) -> Response<Outgoing> {
    let mut response = Response::new(Outgoing { chunks: reply.chunks, end: reply.end, flushed: false });
    *response.status_mut() = reply.status;
    response.headers_mut().extend(reply.headers);
    response
}

/// A body that ends as it was told to.
struct Outgoing {
    chunks: std::collections::VecDeque<Bytes>,
    end: End,
    /// Has the connection had a turn to send what it was given?
    flushed: bool,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match (self.chunks.pop_front(), self.end) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            (None, End::Whole) => Poll::Ready(None),
            // An error right away would throw away the head as well.
            (None, End::Cut) if !self.flushed => {
                self.flushed = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, End::Cut) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            // Nobody will wake this; the connection ends when the other side or the clinic does.
            (None, End::Stalled) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        match self.end {
            End::Whole => SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum()),
            End::Cut | End::Stalled => SizeHint::default(),
        }
    }
}
