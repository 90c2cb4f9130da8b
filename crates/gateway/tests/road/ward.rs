//! A scripted FHIR server behind real mutual TLS: it answers what a test tells it to, and remembers what it was asked.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use identity::{Acceptor, Line, Peer};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::Notify};

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
    /// Ends the connection after this answer without having said so.
    pub vanishes: bool,
    pub never_answers: bool,
}

impl Script {
    pub fn json(body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/fhir+json; charset=utf-8".to_owned())];
        let body = Bytes::from(body.into());
        Self { status: 200, headers, body, vanishes: false, never_answers: false }
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

pub struct Ward {
    pub address: SocketAddr,
    scripts: Mutex<HashMap<String, Script>>,
    seen: Mutex<Vec<Seen>>,
}

impl Ward {
    pub async fn open(acceptor: Acceptor) -> Arc<Self> {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = tcp.local_addr().expect("bound");
        let ward = Arc::new(Self { address, scripts: Mutex::default(), seen: Mutex::default() });
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

    /// What it was asked since the last time.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().expect("a list"))
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    async fn serve(self: Arc<Self>, line: Line, peer: Peer) {
        let vanish = Arc::new(Notify::new());
        let (gone, is_h2) = (vanish.clone(), peer.h2);
        let service = service_fn(move |request: Request<Incoming>| {
            let (ward, peer, vanish) = (self.clone(), peer.clone(), vanish.clone());
            async move {
                let path = request.uri().path_and_query().map_or("", |path| path.as_str()).to_owned();
                let seen = Seen {
                    method: request.method().to_string(),
                    path: path.clone(),
                    headers: request.headers().clone(),
                    client: peer.spiffe,
                };
                ward.seen.lock().expect("a list").push(seen);
                let script = ward.scripts.lock().expect("a script").get(&path).cloned();
                let script = script.unwrap_or_else(|| Script::status(404));
                if script.never_answers {
                    std::future::pending::<()>().await;
                }
                if script.vanishes {
                    vanish.notify_one();
                }
                let mut response = Response::builder().status(script.status);
                for (name, value) in &script.headers {
                    response = response.header(*name, value);
                }
                Ok::<_, Infallible>(response.body(Full::new(script.body)).expect("a response"))
            }
        });
        let io = TokioIo::new(line);
        if is_h2 {
            let _ended =
                hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await;
        } else {
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
            tokio::pin!(connection);
            tokio::select! {
                _ended = connection.as_mut() => {}
                () = gone.notified() => {
                    // Lets the answer out and hears no further request.
                    connection.as_mut().graceful_shutdown();
                    let _ended = connection.await;
                }
            }
        }
    }
}
