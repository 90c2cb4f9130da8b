//! A client that speaks TLS to the gateway: well-formed requests through hyper, and raw bytes for all others.

use crate::house::House;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use identity::{Bundle, Dialler, DiallerSettings, Expect, Line, Material, PemFiles};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub struct Caller {
    dialler: Dialler,
    address: SocketAddr,
}

pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    pub fn trace(&self) -> &str {
        self.header("lazaret-trace")
    }

    /// The reason code that the caller is shown.
    pub fn reason(&self) -> String {
        self.json()["issue"][0]["details"]["coding"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn now() -> lexicon::Time {
    #[expect(clippy::disallowed_methods, reason = "a test's own clock")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    lexicon::Time::from_millis(u64::try_from(since.as_millis()).expect("fits"))
}

impl Caller {
    pub fn of(house: &House) -> Self {
        Self::to(&house.data.join("ca.pem"), house.port, None)
    }

    pub fn of_protocol(house: &House, protocol: &'static str) -> Self {
        Self::build(&house.data.join("ca.pem"), house.port, None, vec![protocol])
    }

    pub fn to(ca: &Path, port: u16, own: Option<(&Path, &Path)>) -> Self {
        Self::build(ca, port, own, vec!["http/1.1"])
    }

    fn build(ca: &Path, port: u16, own: Option<(&Path, &Path)>, protocols: Vec<&'static str>) -> Self {
        let dialler = Dialler::new(&DiallerSettings {
            trust: Bundle::from_file(ca).expect("a bundle"),
            material: own.map(|(chain, key)| Material::from_files(&PemFiles { chain, key }).expect("own material")),
            expect: Expect::Dns("localhost".to_owned()),
            protocols,
            connect_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            clock: Arc::new(now),
        })
        .expect("a dialler");
        Self { dialler, address: ([127, 0, 0, 1], port).into() }
    }

    pub async fn line(&self) -> Line {
        self.try_line().await.expect("a connection")
    }

    pub async fn try_line(&self) -> Option<Line> {
        self.dialler.dial(self.address).await.ok().map(|(line, _)| line)
    }

    /// GET with a token. `None` when the connection ends without an answer.
    pub async fn try_get(&self, path: &str, token: Option<&str>) -> Option<Answer> {
        let mut request = http::Request::get(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Full::default()).expect("a request")).await
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        self.try_get(path, token).await.expect("an answer")
    }

    pub async fn send(&self, mut request: http::Request<Full<Bytes>>) -> Option<Answer> {
        request.headers_mut().insert("host", http::HeaderValue::from_static("localhost"));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(self.try_line().await?)).await.ok()?;
        let driver = tokio::spawn(connection);
        let answer = async {
            let answer = sender.send_request(request).await.ok()?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        }
        .await;
        driver.abort();
        answer
    }

    /// Writes bytes as they are and reads until the server closes or 5 s pass; the text of all it said.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut line = self.line().await;
        let mut heard = Vec::new();
        // The server may hang up while we still write; what it said counts.
        let _cut = line.write_all(bytes).await;
        let _end = tokio::time::timeout(Duration::from_secs(5), line.read_to_end(&mut heard)).await;
        String::from_utf8_lossy(&heard).into_owned()
    }
}
