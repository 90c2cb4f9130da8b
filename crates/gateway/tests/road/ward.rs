//! A scripted FHIR server behind real mutual TLS: it answers what a test tells it to, and remembers what it was asked.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use identity::{Acceptor, Line, Peer};
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};
use tokio::net::TcpListener;

/// A request as the upstream saw it.
#[derive(Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub client: Option<String>,
}

/// An answer of the upstream.
#[derive(Clone)]
pub struct Script {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub manner: Manner,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Answers,
    /// Answers once on a connection; the next request there finds nobody.
    VanishesAfterOne,
    Vanishes,
    NeverAnswers,
}

impl Script {
    pub fn json(body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/fhir+json; charset=utf-8".to_owned())];
        let body = Bytes::from(body.into());
        Self { status: 200, headers, body, manner: Manner::Answers }
    }

    pub fn status(status: u16) -> Self {
        Self { status, ..Self::json("{\"resourceType\":\"OperationOutcome\"}") }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(of, _)| *of != name);
        self.headers.push((name, value.into()));
        self
    }
}

/// Answers what no script was written for.
type Otherwise = Box<dyn Fn(&str) -> Script + Send>;

pub struct Ward {
    pub address: SocketAddr,
    scripts: Mutex<HashMap<String, Script>>,
    otherwise: Mutex<Otherwise>,
    seen: Mutex<Vec<Seen>>,
}

impl Ward {
    pub async fn open(acceptor: Acceptor) -> Arc<Self> {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = tcp.local_addr().expect("bound");
        let otherwise: Otherwise = Box::new(|_| Script::status(404));
        let otherwise = Mutex::new(otherwise);
        let ward = Arc::new(Self { address, scripts: Mutex::default(), otherwise, seen: Mutex::default() });
        let serving = Arc::downgrade(&ward);
        tokio::spawn(async move {
            while let (Ok((socket, _)), Some(ward)) = (tcp.accept().await, serving.upgrade()) {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok((line, peer)) = acceptor.accept(socket).await {
                        ward.serve(line, peer).await;
                    }
                });
            }
        });
        ward
    }

    /// What is answered to `path` (below the host, with its query) from now on.
    pub fn answers(&self, path: &str, script: Script) {
        self.scripts.lock().expect("a script").insert(path.to_owned(), script);
    }

    /// What is answered to all other paths from now on.
    pub fn otherwise(&self, answer: impl Fn(&str) -> Script + Send + 'static) {
        *self.otherwise.lock().expect("an answer") = Box::new(answer);
    }

    /// What it was asked since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("a list"))
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    async fn serve(self: Arc<Self>, line: Line, peer: Peer) {
        let (answered, is_h2) = (Arc::new(AtomicBool::new(false)), peer.h2);
        let service = service_fn(move |request: Request<Incoming>| {
            let (ward, peer, answered) = (self.clone(), peer.clone(), answered.clone());
            async move { ward.answer(&request, peer, answered.swap(true, SeqCst)).await }
        });
        let io = TokioIo::new(line);
        // A client that left is the end of a connection like any other.
        if is_h2 {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ended = builder.serve_connection(io, service).await;
        } else {
            let _ended = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
        }
    }

    /// An error ends the connection without an answer.
    async fn answer(
        &self,
        request: &Request<Incoming>,
        peer: Peer,
        answered: bool,
    ) -> io::Result<Response<Full<Bytes>>> {
        let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
        let (method, headers, client) = (request.method().to_string(), request.headers().clone(), peer.spiffe);
        self.seen.lock().expect("a list").push(Seen { method, path: path.clone(), headers, client });
        let script = self.scripts.lock().expect("a script").get(&path).cloned();
        let script = script.unwrap_or_else(|| (self.otherwise.lock().expect("an answer"))(&path));
        match script.manner {
            Manner::NeverAnswers => std::future::pending().await,
            Manner::Vanishes => return Err(io::ErrorKind::BrokenPipe.into()),
            Manner::VanishesAfterOne if answered => return Err(io::ErrorKind::BrokenPipe.into()),
            Manner::VanishesAfterOne | Manner::Answers => {}
        }
        let mut response = Response::builder().status(script.status);
        for (name, value) in &script.headers {
            response = response.header(*name, value);
        }
        Ok(response.body(Full::new(script.body)).expect("a response"))
    }
}
