//! The real thing: the door, the policy engine and the book, TLS in front, and the reference server behind, reached over
//! pipes in this process. One for all cases; law and worlds change between them.

use crate::{
    asks::Sent,
    law::{Law, Who},
    model::{Answer, BASE},
    trial::{Case, Subject},
    upstream::{self, Habits},
    world::World,
};
use bytes::Bytes;
use fhir::{Limits, Projections, capability::About};
use gateway::{
    Destination, Dial, DialFailed, Dialled, Hop,
    fhir::{Caps, Fhir, Settings, Upstream, UpstreamSettings},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, DevelopmentIssuer, Dialler, DiallerSettings, Expect, IssuerNames,
    IssuerSettings, KeySource, Material, Offline, Pem, Profile, Verifier,
};
use ledger::{Keys, Ledger};
use lexicon::{Challenge, Time};
use passage::{Clock, Desk, Generation, House, Rate, Telemetry, Timeouts, listen};
use policy::{Engine, Sources};
use seal::CursorKeys;
use serde_json::json;
use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

const UPSTREAM: &str = "https://upstream.test:8080/r4";
const NOW: Time = Time::from_seconds(1_795_257_000);

/// What the upstream holds at the moment, and what it was asked.
#[derive(Default)]
struct Feed {
    world: Option<Arc<World>>,
    habits: Option<Habits>,
    log: Vec<String>,
    /// The gateway is looking up who cares for whom. How often it does depends on the clock alone.
    is_lookup: bool,
}

pub struct Door {
    runtime: Runtime,
    feed: Arc<Mutex<Feed>>,
    house: Arc<House<Fhir>>,
    parts: Parts,
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
    /// What is set up for the case at hand.
    ready: Option<Ready>,
    cases: u64,
    pub habits: Habits,
    _folder: TempDir,
}

/// A door before each kind of upstream.
pub struct Doors([Door; 4]);

impl Doors {
    pub fn open() -> Self {
        Self(upstream::HABITS.map(Door::open))
    }

    /// Eight cases of one law go to one door, then the next.
    pub fn of(&mut self, seed: u64) -> &mut Door {
        &mut self.0[usize::try_from(seed / 8 % 4).expect("small")]
    }
}

struct Ready {
    worlds: [Arc<World>; 2],
    tokens: [String; 2],
}

/// What a generation is made of, and what does not change with the law.
struct Parts {
    authority: Authority,
    issuer: DevelopmentIssuer,
    verifier: Arc<Verifier>,
    upstream: Arc<Upstream>,
    cursors: Arc<CursorKeys>,
    /// The last law's, since laws stay for some cases.
    made: Option<(String, Arc<Engine>, Arc<Projections>)>,
}

struct Pipe(Arc<Mutex<Feed>>);

impl Dial for Pipe {
    fn dial<'a>(
        &'a self,
        _: &'a Destination,
    ) -> Pin<Box<dyn Future<Output = Result<Dialled, DialFailed>> + Send + 'a>> {
        let (near, far) = tokio::io::duplex(256 * 1024);
        let feed = self.0.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(feed.clone(), request));
            // The gateway closes a connection when it no longer needs it.
            let _ended = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service).await;
        });
        let hop = Hop { peer: Some("spiffe://lazaret.localhost/clinic".into()), tls: None };
        Box::pin(async move { Ok(Dialled { stream: Box::new(near), hop, is_h2: false }) })
    }
}

async fn serve(feed: Arc<Mutex<Feed>>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let method = if request.method() == "POST" { "POST" } else { "GET" };
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let path = path.strip_prefix("/r4").unwrap_or(path).to_owned();
    let line = format!("{} {path}", request.method());
    let form = request.into_body().collect().await.expect("a body").to_bytes();
    let form = String::from_utf8(form.to_vec()).expect("text");
    let mut feed = feed.lock().expect("a feed");
    let is_next_page = feed.is_lookup && line.contains("/CareTeam?_getpages=");
    feed.is_lookup = is_next_page || (line.contains("/CareTeam?participant=") && line.ends_with("&_count=200"));
    if !feed.is_lookup {
        feed.log.push(line);
    }
    let sent = Sent { method, path, form: Some(form), if_none_match: None };
    let (world, habits) = (feed.world.clone().expect("a world"), feed.habits.expect("habits"));
    let (status, body) = upstream::answer(&world, habits, &sent);
    let body = body.map_or_else(String::new, |body| body.to_string());
    let response = Response::builder().status(status).header("content-type", "application/fhir+json");
    Ok(response.body(Full::new(body.into())).expect("a response"))
}

fn ticking() -> identity::Clock {
    Arc::new(|| NOW)
}

impl Door {
    pub fn open(habits: Habits) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // In memory where there is such a place: thousands of syncs.
        let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("a folder");
        let authority = Authority::create(folder.path(), NOW).expect("an authority");
        let issuer = DevelopmentIssuer::create(folder.path()).expect("an issuer");
        let feed = Arc::new(Mutex::new(Feed::default()));
        let own = authority.issue_server(NOW).expect("issued");
        let pem = Pem { chain: own.certificate_pem.as_bytes(), key: own.key_pem.as_bytes() };
        let front = AcceptorSettings::new(Material::from_pem(&pem).expect("material"), ticking());
        let front = Acceptor::new(&front).expect("an acceptor");
        let names = IssuerNames { name: "dev", url: identity::DEVELOPMENT_ISSUER, audience: BASE };
        let keys = KeySource::Pinned(issuer.jwks().to_owned());
        let settings = IssuerSettings::new(names, Profile::Development, keys);
        let settings = identity::Settings::new(vec![settings], vec![BASE.into()]);
        let verifier = Arc::new(Verifier::new(settings, Arc::new(Offline)).expect("a verifier"));
        let ledger = book(folder.path());
        let cursors = Arc::new(CursorKeys::create(&folder.path().join("keys")).expect("keys"));
        let pipe = Pipe(feed.clone());
        let upstream = Arc::new(Upstream::new(UpstreamSettings::new(UPSTREAM), pipe).expect("an upstream"));
        let mut parts = Parts { authority, issuer, verifier, upstream, cursors, made: None };
        let case = Case::new(0);
        let first = parts.generation(&case.law);
        let desk = Arc::new(Desk::new(desk_settings(), Arc::new(ledger), Clock::new(|| NOW), Telemetry::new(None)));
        let (house, address) = runtime.block_on(async {
            let house = Arc::new(House::open(desk, first).await.expect("a book"));
            let tcp = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let address = tcp.local_addr().expect("bound");
            tokio::spawn(listen(tcp, front, house.clone(), std::future::pending()));
            (house, address)
        });
        Self { runtime, feed, house, parts, address, sender: None, ready: None, cases: 0, habits, _folder: folder }
    }

    fn prepare(&mut self, case: &Case) {
        let generation = self.parts.generation(&case.law);
        self.runtime.block_on(self.house.reload(generation)).expect("a book");
        let worlds = case.worlds.clone().map(|world| Arc::new(World { base: UPSTREAM.to_owned(), ..world }));
        // Two callers alike: what one of them had does not count against the other.
        self.cases += 1;
        let tokens =
            ["a", "b"].map(|of| token(&self.parts.issuer, &case.caller, &format!("caller-{:08}{of}", self.cases)));
        self.ready = Some(Ready { worlds, tokens });
    }

    async fn connect(address: SocketAddr, authority: &Authority) -> SendRequest<Full<Bytes>> {
        let trust = Bundle::from_pem(authority.bundle_pem().as_bytes()).expect("a bundle");
        let settings = DiallerSettings {
            trust,
            material: None,
            expect: Expect::Dns("localhost".into()),
            protocols: vec!["http/1.1"],
            connect_timeout: Duration::from_secs(20),
            handshake_timeout: Duration::from_secs(20),
            clock: ticking(),
        };
        let (line, _) = Dialler::new(&settings).expect("a dialler").dial(address).await.expect("a handshake");
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(line)).await.expect("a connection");
        tokio::spawn(connection);
        sender
    }
}

impl Subject for Door {
    fn begin(&mut self, case: &Case) {
        self.prepare(case);
    }

    fn ask(&mut self, _: &Case, which: usize, sent: &Sent) -> (Answer, Vec<String>) {
        let ready = self.ready.as_ref().expect("prepared");
        {
            let mut feed = self.feed.lock().expect("a feed");
            *feed = Feed { world: Some(ready.worlds[which].clone()), habits: Some(self.habits), ..Feed::default() };
        }
        let mut request = Request::builder().method(sent.method).uri(format!("/fhir{}", sent.path));
        request =
            request.header("host", "localhost").header("authorization", format!("Bearer {}", ready.tokens[which]));
        if let Some(validator) = &sent.if_none_match {
            request = request.header("if-none-match", validator);
        }
        if sent.form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::from(sent.form.clone().unwrap_or_default()));
        let request = request.body(body).expect("a request");
        let (address, authority) = (self.address, &self.parts.authority);
        let mut sender = self.sender.take().filter(|sender| !sender.is_closed());
        let (response, sender) = self.runtime.block_on(async {
            let mut sender = match sender.take() {
                Some(sender) => sender,
                None => Self::connect(address, authority).await,
            };
            sender.ready().await.expect("a connection");
            let response = sender.send_request(request).await.expect("an answer");
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            (Response::from_parts(head, body), sender)
        });
        self.sender = Some(sender);
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = String::from_utf8(response.body().to_vec()).expect("text");
        let log = std::mem::take(&mut self.feed.lock().expect("a feed").log);
        (Answer { status: response.status().as_u16(), headers, body }, log)
    }
}

impl Parts {
    fn generation(&mut self, law: &Law) -> Generation<Fhir> {
        let text = format!("{}{}", law.projections(), law.cedar());
        if self.made.as_ref().is_none_or(|(of, ..)| *of != text) {
            let projections = Projections::load(&law.projections());
            let projections = Arc::new(projections.unwrap_or_else(|error| panic!("{error}: {}", law.projections())));
            let policies = vec![("generated.cedar".to_owned(), law.cedar())];
            let sources = Sources { policies, groups: projections.groups(), step_up: Challenge::default() };
            let engine = Engine::load(&sources);
            let engine = Arc::new(engine.unwrap_or_else(|error| panic!("{error}: {}", law.cedar())));
            self.made = Some((text, engine, projections));
        }
        let (_, engine, projections) = self.made.as_ref().expect("made");
        let settings = Settings {
            path: "/fhir".into(),
            purpose: "treatment".into(),
            unlabelled: "R".into(),
            relationship_max_age_s: Some(60),
            roster: None,
            limits: Limits { bytes: 64 * 1024, depth: 32 },
            projections: projections.clone(),
            about: About { software_version: "0.0.0".into(), base: BASE.into(), since: NOW, issuer: None },
            caps: Caps::default(),
            cursors: self.cursors.clone(),
        };
        let road = Fhir::new(settings, self.upstream.clone());
        Generation { verifier: self.verifier.clone(), engine: engine.clone(), road, hash: [3; 32] }
    }
}

fn token(issuer: &DevelopmentIssuer, caller: &Who, subject: &str) -> String {
    let scopes: Vec<String> = caller.scopes.iter().map(crate::law::Scope::text).collect();
    let mut claims = json!({
        "aud": BASE, "sub": subject, "client_id": "app", "scope": scopes.join(" "), "roles": caller.roles,
        "acr": "urn:lazaret:acr:mfa", "auth_time": NOW.seconds() - 60,
        "fhirUser": caller.practitioner.map(|id| format!("Practitioner/{id}")),
        "department": caller.department, "patient": caller.patient,
    });
    let claims = claims.as_object_mut().expect("an object");
    claims.retain(|_, value| !value.is_null());
    issuer.mint(claims, NOW, 900).expect("a token")
}

/// Limits and timeouts so wide that no test meets them: what they do is tested elsewhere.
fn desk_settings() -> passage::Settings {
    let wide = Rate { count: 1_000_000, period_s: 1, burst: 1_000_000 };
    let limits = passage::Limits { connections: wide, strangers: wide, tokens: wide, ..passage::Limits::default() };
    let long = Duration::from_secs(86_400);
    let timeouts = Timeouts { header: long, idle: long, idle_unverified: long, ..Timeouts::default() };
    passage::Settings { zone: "edge".into(), realm: BASE.into(), limits, timeouts }
}

fn book(folder: &Path) -> Ledger {
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
    Ledger::create(&settings(), &keys(), NOW).expect("a new book");
    // The scribe's thread ends with the process.
    let (ledger, scribe) = Ledger::open(settings(), keys(), NOW).expect("a book");
    drop(scribe);
    ledger
}
