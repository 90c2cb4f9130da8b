//! The clinic on a real socket: who gets in, what they get, and how it ends.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use bytes::Bytes;
use clinic::{CANARY, Clinic, Fault, Faults, Gate, Held, Key, World};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, Dialler, DiallerSettings, Expect, HandshakeFailed, Issued,
    Line, Material, Pem, SpiffeId, TrustDomain,
};
use lexicon::Time;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const GATEWAY: &str = "spiffe://lazaret.localhost/gateway";
const CLINIC: &str = "spiffe://lazaret.localhost/clinic";
/// 2026-11-21.
const NOW: Time = Time::from_seconds(1_795_219_200);

/// A clinic that is open, and the keys to its door.
struct Open {
    address: SocketAddr,
    authority: Authority,
    faults: Faults,
    close: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

fn material(issued: &Issued) -> Material {
    let pem = Pem { chain: issued.certificate_pem.as_bytes(), key: issued.key_pem.as_bytes() };
    Material::from_pem(&pem).expect("material")
}

fn world() -> World {
    World::create(42, 20).expect("a world")
}

impl Open {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(folder.path(), NOW).expect("an authority");
        let bundle = Bundle::from_pem(authority.bundle_pem().as_bytes()).expect("a bundle");
        let own = material(&authority.issue_workload(CLINIC, NOW).expect("a certificate"));
        let mut settings = AcceptorSettings::new(own, Arc::new(|| NOW));
        settings.clients =
            Clients::Workloads { bundle, domain: TrustDomain::new("lazaret.localhost").expect("a domain") };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let gate =
            Gate { listener, acceptor: Acceptor::new(&settings).expect("an acceptor"), peer: GATEWAY.to_owned() };
        let (close, closed) = oneshot::channel();
        let faults = Faults::default();
        let clinic = Clinic::new(world()).with_faults(faults.clone());
        let serving = tokio::spawn(clinic.serve(gate, async { drop(closed.await) }));
        Self { address, authority, faults, close: Some(close), serving }
    }

    /// Dials as `id`, or without a certificate.
    async fn dial(&self, id: Option<&str>, protocol: &'static str) -> Result<Line, HandshakeFailed> {
        let settings = DiallerSettings {
            trust: Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle"),
            material: id.map(|id| material(&self.authority.issue_workload(id, NOW).expect("a certificate"))),
            expect: Expect::Spiffe(SpiffeId::new(CLINIC).expect("an id")),
            protocols: vec![protocol],
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            clock: Arc::new(|| NOW),
        };
        Ok(Dialler::new(&settings).expect("a dialler").dial(self.address).await?.0)
    }

    async fn get(&self, target: &str) -> Response<Incoming> {
        let line = self.dial(Some(GATEWAY), "http/1.1").await.expect("a handshake");
        get_h1(line, target).await.expect("an answer")
    }

    async fn close(mut self) {
        drop(self.close.take());
        self.serving.await.expect("the clinic ends by itself");
    }
}

fn request(target: &str) -> Request<Empty<Bytes>> {
    Request::get(target).header("host", "clinic.test").header("x-seen", "yes").body(Empty::new()).expect("a request")
}

async fn get_h1(line: Line, target: &str) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(line)).await?;
    tokio::spawn(connection);
    sender.send_request(request(target)).await
}

async fn get_h2(line: Line, target: &str) -> hyper::Result<Response<Incoming>> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(line)).await?;
    tokio::spawn(connection);
    sender.send_request(request(&format!("https://clinic.test{target}"))).await
}

async fn text(response: Response<Incoming>) -> hyper::Result<String> {
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn the_gateway_reads_over_both_versions_of_http() {
    let open = Open::new().await;
    let truth = world().text(Key::patient(1)).expect("held");
    assert!(truth.contains(CANARY));
    let h1 = open.get("/fhir/Patient/p001").await;
    assert_eq!((h1.status(), h1.version()), (StatusCode::OK, http::Version::HTTP_11));
    assert_eq!(h1.headers()["etag"], "W/\"1\"");
    assert_eq!(text(h1).await.expect("a body"), truth);
    let h2 = get_h2(open.dial(Some(GATEWAY), "h2").await.expect("a handshake"), "/fhir/Patient/p001")
        .await
        .expect("an answer");
    assert_eq!((h2.status(), h2.version()), (StatusCode::OK, http::Version::HTTP_2));
    assert_eq!(text(h2).await.expect("a body"), truth);
    let page = text(open.get("/fhir/CareTeam?participant=Practitioner/nurse-1&status=active&_count=2").await)
        .await
        .expect("a body");
    assert!(page.contains(
        "https://clinic.test/fhir/CareTeam?participant=Practitioner/nurse-1&status=active&_count=2&_offset=2"
    ));
    open.close().await;
}

/// With TLS 1.3 a client learns only after its own handshake that it was turned away, so what counts is that no
/// request is answered, and that none was seen.
#[tokio::test]
async fn nobody_else_gets_in() {
    let open = Open::new().await;
    for id in
        [None, Some("spiffe://lazaret.localhost/admin"), Some("spiffe://lazaret.localhost/gateway/x"), Some(CLINIC)]
    {
        let answered = match open.dial(id, "http/1.1").await {
            Ok(line) => get_h1(line, "/fhir/Patient/p001").await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered, "{id:?}");
    }
    assert!(open.faults.seen().is_empty());
    assert_eq!(open.get("/fhir/Patient/p001").await.status(), StatusCode::OK);
    open.close().await;
}

#[tokio::test]
async fn what_was_asked_can_be_read_back() {
    let open = Open::new().await;
    open.get("/fhir/Observation?patient=p001").await;
    let seen = open.faults.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].method.as_str(), seen[0].target.as_str()), ("GET", "/fhir/Observation?patient=p001"));
    assert!(seen[0].headers.contains(&("x-seen".to_owned(), "yes".to_owned())));
    open.close().await;
}

#[tokio::test]
async fn faults_happen_on_the_wire() {
    let open = Open::new().await;
    let faults = &open.faults;
    faults.plant("Patient/p001", Fault::Status(500));
    let answer = open.get("/fhir/Patient/p001").await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(text(answer).await.expect("a body").contains(CANARY), "what an upstream says of its failure must not pass");
    faults.plant("Patient/p001", Fault::Cut);
    assert!(text(open.get("/fhir/Patient/p001").await).await.is_err());
    faults.plant("Patient/p001", Fault::Instead("Patient/p002".to_owned()));
    let other = text(open.get("/fhir/Patient/p001").await).await.expect("a body");
    assert_eq!(Some(other), world().text(Key::patient(2)));
    faults.plant("Patient/p001", Fault::Gzip);
    assert_eq!(open.get("/fhir/Patient/p001").await.headers()["content-encoding"], "gzip");
    faults.plant("Patient/p001", Fault::Huge(2_000_000));
    assert!(text(open.get("/fhir/Patient/p001").await).await.expect("a body").len() >= 2_000_000);
    faults.plant("Patient/p001", Fault::Slow(Duration::from_millis(1)));
    assert_eq!(open.get("/fhir/Patient/p001").await.status(), StatusCode::OK);
    faults.heal("Patient/p001");
    let truth = world().text(Key::new(Held::Patient, 1, 1));
    assert_eq!(text(open.get("/fhir/Patient/p001").await).await.ok(), truth);
    open.close().await;
}

/// Neither a client that keeps its connection, nor one that waits for an answer that never ends, holds the clinic open.
#[tokio::test]
async fn it_closes_with_clients_still_there() {
    let open = Open::new().await;
    let mut idle = Vec::new();
    for protocol in ["http/1.1", "h2"] {
        let line = open.dial(Some(GATEWAY), protocol).await.expect("a handshake");
        idle.push(line);
    }
    open.faults.plant("Patient/p001", Fault::Stalled);
    open.faults.plant("Patient/p002", Fault::Silent);
    let stalled = open.get("/fhir/Patient/p001").await;
    assert_eq!(stalled.status(), StatusCode::OK);
    let line = open.dial(Some(GATEWAY), "http/1.1").await.expect("a handshake");
    let silent = tokio::spawn(get_h1(line, "/fhir/Patient/p002"));
    while open.faults.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    open.close().await;
    assert!(silent.await.expect("a task").is_err());
    assert!(text(stalled).await.is_err());
}
