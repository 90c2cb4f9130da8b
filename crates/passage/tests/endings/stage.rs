//! A door with real rooms behind it: TLS, tokens, policies and a book in a temporary folder. Only the road is a toy.

use crate::pier::Pier;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, DevelopmentIssuer, Dialler, DiallerSettings, Expect,
    IssuerNames, IssuerSettings, KeySource, Line, Material, Offline, Pem, Profile, Verifier,
};
use ledger::{Keys, Ledger, Scribe, Strangers, Tuning};
use lexicon::{Challenge, Time};
use passage::{Admin, Clock, Deadline, Desk, Generation, House, Limits, Telemetry, Timeouts, listen, listen_admin};
use policy::{Engine, Sources};
use serde_json::{Map, Value, json};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::{Receiver, sync_channel},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::oneshot,
    task::JoinHandle,
};

pub const AUDIENCE: &str = "https://localhost:8443/fhir";
const ADMIN: &str = "spiffe://lazaret.localhost/admin";

const POLICIES: &str = r#"
@id("public")
permit (principal, action == Lazaret::Action::"capabilities", resource);
@id("nurse-reads")
permit (principal in Lazaret::Role::"nurse", action == Lazaret::Action::"read", resource);
@id("two-factors")
forbid (principal is Lazaret::Person, action == Lazaret::Action::"read", resource) unless { context.assurance >= 2 };
@id("no-restricted")
forbid (principal, action == Lazaret::Action::"read", resource) when { resource.labels.contains("R") };
@id("nurse-updates")
permit (principal in Lazaret::Role::"nurse", action == Lazaret::Action::"update", resource);
@id("no-devices")
forbid (principal, action == Lazaret::Action::"read", resource) when { resource.type == "Device" };
"#;

pub struct Stage {
    pub folder: TempDir,
    pub pier: Pier,
    pub lines: Receiver<String>,
    pub house: Arc<House<Pier>>,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// Seconds by which the wall clock is ahead of what has passed.
    pub skipped_s: Arc<AtomicU64>,
    authority: Authority,
    issuer: DevelopmentIssuer,
    clock: identity::Clock,
    stop: Vec<oneshot::Sender<()>>,
    served: Vec<JoinHandle<Deadline>>,
    scribe: Scribe,
}

/// Which HTTP a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Http {
    One,
    Two,
}

impl Stage {
    pub async fn raise() -> Self {
        Self::with(Limits::default(), Timeouts::default()).await
    }

    pub async fn with(limits: Limits, timeouts: Timeouts) -> Self {
        Self::raise_on(limits, timeouts, Strangers::default()).await
    }

    /// With other quotas for refusals of strangers in the book.
    pub async fn raise_with_strangers(strangers: Strangers) -> Self {
        Self::raise_on(Limits::default(), Timeouts::default(), strangers).await
    }

    async fn raise_on(limits: Limits, timeouts: Timeouts, strangers: Strangers) -> Self {
        let folder = TempDir::new().expect("a folder");
        let skipped_s = Arc::new(AtomicU64::new(0));
        let clock = clock(skipped_s.clone());
        let now = clock();
        let authority = Authority::create(folder.path(), now).expect("an authority");
        let issuer = DevelopmentIssuer::create(folder.path()).expect("an issuer");
        let (ledger, scribe) = book(folder.path(), strangers, now);
        let (sink, lines) = sync_channel(10_000);
        let settings = passage::Settings { zone: "edge".into(), realm: AUDIENCE.into(), limits, timeouts };
        let wall = clock.clone();
        let desk = Desk::new(settings, Arc::new(ledger), Clock::new(move || wall()), Telemetry::new(Some(sink)));
        let desk = Arc::new(desk);
        let pier = Pier::default();
        let house = House::open(desk.clone(), generation(&issuer, pier.clone(), [1; 32])).await.expect("a book");
        let house = Arc::new(house);
        let (tcp, admin_tcp) = (bind().await, bind().await);
        let (address, admin) = (tcp.local_addr().expect("bound"), admin_tcp.local_addr().expect("bound"));
        let ((stop, stopped), (stop_admin, admin_stopped)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let acceptor = acceptor(&authority, &clock);
        let operators = Arc::new(Admin::new(desk, vec![ADMIN.into()]));
        let served = vec![
            tokio::spawn(listen(tcp, acceptor.clone(), house.clone(), async { drop(stopped.await) })),
            tokio::spawn(listen_admin(admin_tcp, acceptor, operators, async { drop(admin_stopped.await) })),
        ];
        let stop = vec![stop, stop_admin];
        Self { folder, pier, lines, house, address, admin, skipped_s, authority, issuer, clock, stop, served, scribe }
    }

    /// A nurse with two factors; `change` replaces claims.
    pub fn token(&self, change: Value) -> String {
        let now = (self.clock)();
        let mut claims = json!({
            "aud": AUDIENCE, "sub": "nurse-1", "client_id": "ward-app", "scope": "user/Patient.r", "roles": ["nurse"],
            "acr": "urn:lazaret:acr:mfa", "auth_time": now.seconds() - 60,
        });
        let change = change.as_object().cloned().unwrap_or_default();
        claims.as_object_mut().expect("an object").extend(change);
        let claims: Map<String, Value> = claims.as_object().cloned().unwrap_or_default();
        self.issuer.mint(&claims, now, 900).expect("a token")
    }

    pub fn nurse(&self) -> String {
        format!("Bearer {}", self.token(json!({})))
    }

    pub fn generation(&self, hash: [u8; 32]) -> Generation<Pier> {
        generation(&self.issuer, self.pier.clone(), hash)
    }

    /// Rules under which nobody may read.
    pub fn generation_of_nobody(&self, hash: [u8; 32]) -> Generation<Pier> {
        let nobody = "@id(\"nobody\")\nforbid (principal, action == Lazaret::Action::\"read\", resource);";
        let engine = Arc::new(engine(&format!("{POLICIES}\n{nobody}")));
        Generation { engine, ..self.generation(hash) }
    }

    pub async fn dial(&self, http: Http) -> Line {
        let (line, peer) = self.dialler(http, None).dial(self.address).await.expect("a handshake");
        assert_eq!(peer.h2, http == Http::Two);
        line
    }

    pub async fn client(&self, http: Http) -> Caller {
        Caller::new(self.dial(http).await, http).await
    }

    /// A client over HTTP/2 to which no more than 64 KiB are sent before it has read them.
    pub async fn narrow_client(&self) -> Caller {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(1 << 16).initial_connection_window_size(1 << 16);
        let line = TokioIo::new(self.dial(Http::Two).await);
        let (caller, connection) = builder.handshake(line).await.expect("a connection");
        tokio::spawn(connection);
        Caller::Two(caller)
    }

    /// A client at another address of this machine. A relay stands in for it, for the dialler chooses no address.
    pub async fn client_from(&self, source: &str, http: Http) -> Caller {
        let (relay, source, door) = (bind().await, source.parse().expect("an address"), self.address);
        let at = relay.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut near, _) = relay.accept().await.expect("a client");
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.bind(SocketAddr::new(source, 0)).expect("an address of this machine");
            let mut far = socket.connect(door).await.expect("accepted by the kernel");
            let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
        let (line, _) = self.dialler(http, None).dial(at).await.expect("a handshake");
        Caller::new(line, http).await
    }

    /// A client of the operator's listener, with or without the operator's certificate.
    pub async fn operator(&self, certificate: Option<&str>) -> Caller {
        let own = certificate.map(|id| self.authority.issue_workload(id, (self.clock)()).expect("issued"));
        let own = own.map(|own| material(own.certificate_pem.as_bytes(), own.key_pem.as_bytes()));
        let (line, _) = self.dialler(Http::One, own).dial(self.admin).await.expect("a handshake");
        Caller::new(line, Http::One).await
    }

    /// Returns when the door knows that so many clients wait for an answer, beside the operator who asks.
    pub async fn waiting(&self, clients: u32) {
        let expect = format!("lazaret_clients_waiting {}\n", clients + 1);
        while !self.metrics().await.contains(&expect) {}
    }

    /// The door's own counts, which it has time for only in its turn.
    pub async fn metrics(&self) -> String {
        let response = self.operator(Some(ADMIN)).await.get("/metrics", None).await.expect("an answer");
        String::from_utf8(response.body().to_vec()).expect("text")
    }

    fn dialler(&self, http: Http, material: Option<Material>) -> Dialler {
        let protocols = vec![if http == Http::Two { "h2" } else { "http/1.1" }];
        let seconds = Duration::from_secs;
        let settings = DiallerSettings {
            trust: Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle"),
            material,
            expect: Expect::Dns("localhost".into()),
            protocols,
            connect_timeout: seconds(10),
            handshake_timeout: seconds(10),
            clock: self.clock.clone(),
        };
        Dialler::new(&settings).expect("a dialler")
    }

    /// Stops the listeners, closes the book and reads it from disk.
    pub async fn close(self) -> Vec<evidence::Record> {
        let Self { folder, house, stop, served, scribe, pier, .. } = self;
        drop(stop);
        for served in served {
            assert_eq!(served.await.expect("a listener"), Deadline::Kept);
        }
        drop((house, pier));
        tokio::task::spawn_blocking(move || scribe.join()).await.expect("joined");
        read(folder.path())
    }
}

/// Starts at a fixed date and runs as time does, or as much faster as a test says.
fn clock(skipped_s: Arc<AtomicU64>) -> identity::Clock {
    let began = Instant::now();
    let passed = move || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let skipped = move || skipped_s.load(SeqCst) * 1000;
    Arc::new(move || Time::from_millis(1_795_257_000_000 + passed() + skipped()))
}

fn book(folder: &Path, strangers: Strangers, now: Time) -> (Ledger, Scribe) {
    let keys = || Keys {
        pseudonyms: seal::PseudonymKeys::open(&folder.join("keys")).expect("keys"),
        log: seal::LogKey::open(&folder.join("log.key")).expect("a key"),
    };
    std::fs::create_dir(folder.join("keys")).expect("a folder");
    seal::PseudonymKeys::create(&folder.join("keys")).expect("keys");
    seal::LogKey::create(&folder.join("log.key")).expect("a key");
    let settings = || ledger::Settings {
        directory: folder.join("book"),
        origin: "dev.test/book".into(),
        seats: 256,
        stranger_seats: 64,
        software: "test".into(),
    };
    Ledger::create(&settings(), &keys(), now).expect("a new book");
    Ledger::open_tuned(settings(), keys(), Tuning::default().strangers(strangers), now).expect("a book")
}

fn generation(issuer: &DevelopmentIssuer, road: Pier, hash: [u8; 32]) -> Generation<Pier> {
    let names = IssuerNames { name: "dev", url: identity::DEVELOPMENT_ISSUER, audience: AUDIENCE };
    let issuer = IssuerSettings::new(names, Profile::Development, KeySource::Pinned(issuer.jwks().to_owned()));
    let settings =
        identity::Settings { generation: hash, ..identity::Settings::new(vec![issuer], vec![AUDIENCE.into()]) };
    let verifier = Arc::new(Verifier::new(settings, Arc::new(Offline)).expect("a verifier"));
    Generation { verifier, engine: Arc::new(engine(POLICIES)), road, hash }
}

fn engine(policies: &str) -> Engine {
    let step_up = Challenge { acr_values: vec!["urn:lazaret:acr:mfa".into()], max_age_s: Some(900) };
    let policies = vec![("test.cedar".to_owned(), policies.to_owned())];
    let engine = Engine::load(&Sources { policies, groups: Vec::new(), step_up });
    engine.unwrap_or_else(|error| panic!("{error}"))
}

fn acceptor(authority: &Authority, clock: &identity::Clock) -> Acceptor {
    let own = authority.issue_server(clock()).expect("issued");
    let bundle = Bundle::from_pem(authority.bundle_pem().as_bytes()).expect("a bundle");
    let settings = AcceptorSettings {
        clients: Clients::Optional(bundle),
        ..AcceptorSettings::new(material(own.certificate_pem.as_bytes(), own.key_pem.as_bytes()), clock.clone())
    };
    Acceptor::new(&settings).expect("an acceptor")
}

fn material(chain: &[u8], key: &[u8]) -> Material {
    Material::from_pem(&Pem { chain, key }).expect("material")
}

async fn bind() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a port")
}

/// One connection of a client.
pub enum Caller {
    One(hyper::client::conn::http1::SendRequest<Full<Bytes>>),
    Two(hyper::client::conn::http2::SendRequest<Full<Bytes>>),
}

impl Caller {
    async fn new(line: Line, http: Http) -> Self {
        match http {
            Http::One => {
                let (caller, connection) =
                    hyper::client::conn::http1::handshake(TokioIo::new(line)).await.expect("a connection");
                tokio::spawn(connection);
                Self::One(caller)
            }
            Http::Two => {
                let (caller, connection) =
                    hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(line))
                        .await
                        .expect("a connection");
                tokio::spawn(connection);
                Self::Two(caller)
            }
        }
    }

    /// The head of an answer, its body still under way.
    pub async fn begin(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, hyper::Error> {
        match self {
            Self::One(caller) => caller.send_request(request).await,
            Self::Two(caller) => caller.send_request(request).await,
        }
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, hyper::Error> {
        let response = self.begin(request).await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Returns when the door has ended the connection.
    pub async fn ended(&mut self) {
        match self {
            Self::One(caller) => {
                while caller.ready().await.is_ok() {
                    tokio::task::yield_now().await
                }
            }
            Self::Two(caller) => {
                while caller.ready().await.is_ok() {
                    tokio::task::yield_now().await
                }
            }
        }
    }

    pub async fn get(&mut self, path: &str, credential: Option<&str>) -> Result<Response<Bytes>, hyper::Error> {
        self.send(get(self.http(), path, credential)).await
    }

    fn http(&self) -> Http {
        match self {
            Self::One(_) => Http::One,
            Self::Two(_) => Http::Two,
        }
    }
}

pub fn get(http: Http, path: &str, credential: Option<&str>) -> Request<Full<Bytes>> {
    let uri = match http {
        Http::One => path.to_owned(),
        Http::Two => format!("https://localhost{path}"),
    };
    let mut request = Request::get(uri);
    if http == Http::One {
        request = request.header("host", "localhost");
    }
    if let Some(credential) = credential {
        request = request.header("authorization", credential);
    }
    request.body(Full::default()).expect("a request")
}

/// Every leaf of the book, also while it is being written.
pub fn read(folder: &Path) -> Vec<evidence::Record> {
    let reader = ledger::Reader::open(&folder.join("book")).expect("a book");
    reader.map(|entry| entry.expect("whole").record().expect("a record")).collect()
}

/// The digest that a receipt must bind, computed from what a client received and from nothing of the door's code.
pub fn digest(folder: &Path, response: &Response<Bytes>) -> [u8; 32] {
    let mut text = head_text(folder, response);
    text.extend((response.body().len() as u64).to_be_bytes());
    text.extend(response.body());
    sha256(&text)
}

/// The same for a beginning of a long answer's body.
pub fn digest_of_beginning<B>(folder: &Path, response: &Response<B>, beginning: &[u8]) -> [u8; 32] {
    let mut text = head_text(folder, response);
    text.extend([0xff; 8]);
    text.extend(beginning);
    text.extend((beginning.len() as u64).to_be_bytes());
    sha256(&text)
}

fn sha256(text: &[u8]) -> [u8; 32] {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text).as_ref().try_into().expect("32 bytes")
}

fn head_text<B>(folder: &Path, response: &Response<B>) -> Vec<u8> {
    let header = |name: &str| response.headers().get(name).map(|value| value.as_bytes());
    let trace = header("lazaret-trace").and_then(|hex| std::str::from_utf8(hex).ok()).expect("a trace");
    let trace = lexicon::Trace::from_hex(trace).expect("hex");
    let keys = seal::PseudonymKeys::open(&folder.join("keys")).expect("keys");
    let salt = keys.mac(seal::Purpose::Answer, trace.bytes());
    let names = [
        "content-type",
        "cache-control",
        "x-content-type-options",
        "strict-transport-security",
        "date",
        "lazaret-trace",
        "ratelimit-policy",
        "ratelimit",
        "etag",
        "www-authenticate",
        "retry-after",
    ];
    let headers: Vec<(&str, &[u8])> = names.iter().filter_map(|name| Some((*name, header(name)?))).collect();
    let framed = |name: &str| usize::from(response.headers().contains_key(name));
    let framing = framed("content-length") + framed("transfer-encoding") + framed("connection");
    assert_eq!(response.headers().len(), headers.len() + framing, "a header that no receipt binds");
    let mut text = Vec::new();
    let mut part = |bytes: &[u8]| {
        text.extend((bytes.len() as u64).to_be_bytes());
        text.extend(bytes);
    };
    part(&salt);
    part(&response.status().as_u16().to_be_bytes());
    part(&(headers.len() as u64).to_be_bytes());
    for (name, value) in headers {
        part(name.as_bytes());
        part(value);
    }
    text
}

/// Every leaf of one passage.
pub fn leaves_of<B>(folder: &Path, response: &Response<B>) -> Vec<evidence::Record> {
    let trace = response.headers().get("lazaret-trace").and_then(|hex| hex.to_str().ok()).expect("a trace").to_owned();
    read(folder).into_iter().filter(|record| record.trace.is_some_and(|of| of.to_string() == trace)).collect()
}

/// The record of an answer, which must bind it.
pub fn record_of(folder: &Path, response: &Response<Bytes>) -> evidence::Record {
    let mut found = leaves_of(folder, response).into_iter();
    let (record, None) = (found.next().expect("an answer without a record"), found.next()) else {
        panic!("two records of one answer");
    };
    assert_eq!(record.leaf, evidence::Leaf::Closed);
    assert_eq!(record.answer, Some(digest(folder, response)), "the record binds another answer");
    assert_eq!(record.status, Some(response.status().as_u16()));
    record
}
