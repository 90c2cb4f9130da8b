//! The whole door with the FHIR road, the starter's policies and projections, and a scripted upstream.

use crate::ward::{Script, Ward};
use bytes::Bytes;
use fhir::{Limits, Projections, capability::About};
use gateway::{
    Destination, Dial, DialFailed, Dialled, Hop,
    fhir::{Caps, Fhir, Roster, Settings, Upstream, UpstreamSettings},
};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, DevelopmentIssuer, Dialler, DiallerSettings, Expect,
    IssuerNames, IssuerSettings, KeySource, Material, Offline, Pem, Profile, SpiffeId, TrustDomain, Verifier,
};
use ledger::{Keys, Ledger, Scribe};
use lexicon::{Challenge, Time};
use passage::{Clock, Deadline, Desk, Generation, House, Telemetry, Timeouts, listen};
use policy::{Engine, Sources};
use seal::CursorKeys;
use serde_json::{Value, json};
use std::{
    future::Future,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub const BASE: &str = "https://localhost:8443/fhir";
pub const CLINIC: &str = "spiffe://lazaret.localhost/clinic";
const GATEWAY: &str = "spiffe://lazaret.localhost/gateway";

pub struct Stage {
    pub folder: TempDir,
    pub ward: Arc<Ward>,
    /// The upstream's base, as links of its own would name it.
    pub base: String,
    address: SocketAddr,
    authority: Authority,
    issuer: DevelopmentIssuer,
    clock: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Deadline>,
    scribe: Scribe,
}

/// What a test may want otherwise.
pub struct Set {
    /// Whom the gateway expects behind the upstream's address.
    pub expects: &'static str,
    pub is_h2: bool,
    pub answer_timeout: Duration,
    pub limits: Limits,
    /// Care relationships from a file.
    pub roster: Option<&'static str>,
    pub caps: Caps,
    /// The projections name when a resource was changed, as the starter's do.
    pub is_dated: bool,
}

impl Default for Set {
    fn default() -> Self {
        let limits = Limits { bytes: 64 * 1024, depth: 32 };
        Self {
            expects: CLINIC,
            is_h2: false,
            answer_timeout: Duration::from_secs(20),
            limits,
            roster: None,
            caps: Caps::default(),
            is_dated: true,
        }
    }
}

/// Implements the gateway's need for TLS, as the composition root does.
struct Harbour {
    dialler: Dialler,
    address: SocketAddr,
}

impl Dial for Harbour {
    fn dial<'a>(
        &'a self,
        _: &'a Destination,
    ) -> Pin<Box<dyn Future<Output = Result<Dialled, DialFailed>> + Send + 'a>> {
        Box::pin(async move {
            let (line, peer) = self.dialler.dial(self.address).await.map_err(|failed| DialFailed(failed.alert))?;
            let hop = Hop { peer: peer.spiffe, tls: Some(peer.tls) };
            Ok(Dialled { stream: Box::new(line), hop, is_h2: peer.h2 })
        })
    }
}

impl Stage {
    pub async fn raise() -> Self {
        Self::set(Set::default()).await
    }

    pub async fn set(set: Set) -> Self {
        let folder = TempDir::new().expect("a folder");
        let clock = Arc::new(AtomicU64::new(1_795_257_000));
        let now = Time::from_seconds(clock.load(SeqCst));
        let authority = Authority::create(folder.path(), now).expect("an authority");
        let issuer = DevelopmentIssuer::create(folder.path()).expect("an issuer");
        let tls = Tls { authority: &authority, clock: ticking(&clock), now };
        let ward = Ward::open(tls.ward(set.is_h2)).await;
        let base = format!("https://localhost:{}/r4", ward.address.port());
        let upstream = tls.upstream(&set, &base, ward.address);
        let (ledger, scribe) = book(folder.path(), now);
        let settings = passage::Settings {
            zone: "edge".into(),
            realm: BASE.into(),
            limits: passage::Limits::default(),
            timeouts: Timeouts::default(),
        };
        let wall = ticking(&clock);
        let desk = Desk::new(settings, Arc::new(ledger), Clock::new(move || wall()), Telemetry::new(None));
        let cursors = seal::CursorKeys::create(&folder.path().join("keys")).expect("keys");
        let generation = generation(&issuer, upstream, &set, Arc::new(cursors), now);
        let house = House::open(Arc::new(desk), generation).await.expect("a book");
        let tcp = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = tcp.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(listen(tcp, tls.front(), Arc::new(house), async { drop(stopped.await) }));
        Self { folder, ward, base, address, authority, issuer, clock, stop, served, scribe }
    }

    /// A client for public documents, led to the scripted server.
    pub fn fetch(&self) -> gateway::Fetch {
        let now = Time::from_seconds(self.clock.load(SeqCst));
        let tls = Tls { authority: &self.authority, clock: ticking(&self.clock), now };
        let expect = Expect::Spiffe(SpiffeId::new(CLINIC).expect("an id"));
        let mut settings = dialler_settings(tls.bundle(), expect, tls.clock.clone());
        settings.material = Some(tls.workload(GATEWAY));
        let dialler = Dialler::new(&settings).expect("a dialler");
        gateway::Fetch::new(Harbour { dialler, address: self.ward.address })
    }

    pub fn passes(&self, seconds: u64) {
        self.clock.fetch_add(seconds, SeqCst);
    }

    /// A nurse with two factors; `change` replaces claims, and null takes one away.
    pub fn token(&self, change: Value) -> String {
        let now = Time::from_seconds(self.clock.load(SeqCst));
        let mut claims = json!({
            "aud": BASE, "sub": "nurse-1", "client_id": "ward-app", "scope": "user/*.r", "roles": ["nurse"],
            "fhirUser": "Practitioner/nurse-1", "acr": "urn:lazaret:acr:mfa", "auth_time": now.seconds() - 60,
        });
        let claims = claims.as_object_mut().expect("an object");
        claims.extend(change.as_object().cloned().unwrap_or_default());
        claims.retain(|_, value| !value.is_null());
        self.issuer.mint(claims, now, 900).expect("a token")
    }

    pub fn nurse(&self) -> String {
        self.token(json!({}))
    }

    pub async fn get(&self, path: &str, token: &str) -> Response<Bytes> {
        self.send(Request::get(path).header("authorization", format!("Bearer {token}"))).await
    }

    /// A search whose parameters are in its body.
    pub async fn post(&self, path: &str, token: &str, form: &str) -> Response<Bytes> {
        let request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.exchange(request, Bytes::copy_from_slice(form.as_bytes())).await
    }

    pub async fn send(&self, request: http::request::Builder) -> Response<Bytes> {
        self.exchange(request, Bytes::new()).await
    }

    /// Sends on a connection of its own.
    async fn exchange(&self, request: http::request::Builder, body: Bytes) -> Response<Bytes> {
        let bundle = Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle");
        let settings = dialler_settings(bundle, Expect::Dns("localhost".into()), ticking(&self.clock));
        let (line, _) = Dialler::new(&settings).expect("a dialler").dial(self.address).await.expect("a handshake");
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(line)).await.expect("a connection");
        tokio::spawn(connection);
        let request = request.header("host", "localhost").body(Full::new(body)).expect("a request");
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        Response::from_parts(head, body.collect().await.expect("a body").to_bytes())
    }

    pub fn record_of(&self, response: &Response<Bytes>) -> evidence::Record {
        let trace = response.headers().get("lazaret-trace").and_then(|hex| hex.to_str().ok()).expect("a trace");
        let found = read(self.folder.path()).into_iter().filter(|r| r.trace.is_some_and(|of| of.to_string() == trace));
        let found: Vec<_> = found.collect();
        let [record] = found.as_slice() else { panic!("{} records of one answer", found.len()) };
        assert_eq!(record.status, Some(response.status().as_u16()));
        record.clone()
    }

    pub async fn close(self) {
        drop(self.stop);
        assert_eq!(self.served.await.expect("a listener"), Deadline::Kept);
        let scribe = self.scribe;
        tokio::task::spawn_blocking(move || scribe.join()).await.expect("joined");
    }
}

/// Every leaf of the book, also while it is being written.
pub fn read(folder: &Path) -> Vec<evidence::Record> {
    let reader = ledger::Reader::open(&folder.join("book")).expect("a book");
    reader.map(|entry| entry.expect("whole").record().expect("a record")).collect()
}

fn ticking(clock: &Arc<AtomicU64>) -> identity::Clock {
    let clock = clock.clone();
    Arc::new(move || Time::from_seconds(clock.load(SeqCst)))
}

struct Tls<'a> {
    authority: &'a Authority,
    clock: identity::Clock,
    now: Time,
}

impl Tls<'_> {
    fn bundle(&self) -> Bundle {
        Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle")
    }

    fn workload(&self, id: &str) -> Material {
        let own = self.authority.issue_workload(id, self.now).expect("issued");
        material(own.certificate_pem.as_bytes(), own.key_pem.as_bytes())
    }

    fn front(&self) -> Acceptor {
        let own = self.authority.issue_server(self.now).expect("issued");
        let own = material(own.certificate_pem.as_bytes(), own.key_pem.as_bytes());
        Acceptor::new(&AcceptorSettings::new(own, self.clock.clone())).expect("an acceptor")
    }

    fn ward(&self, is_h2: bool) -> Acceptor {
        let domain = TrustDomain::new("lazaret.localhost").expect("a domain");
        let mut settings = AcceptorSettings::new(self.workload(CLINIC), self.clock.clone());
        settings.clients = Clients::Workloads { bundle: self.bundle(), domain };
        settings.protocols = vec![if is_h2 { "h2" } else { "http/1.1" }];
        Acceptor::new(&settings).expect("an acceptor")
    }

    fn upstream(&self, set: &Set, base: &str, address: SocketAddr) -> Arc<Upstream> {
        let expect = Expect::Spiffe(SpiffeId::new(set.expects).expect("an id"));
        let mut settings = dialler_settings(self.bundle(), expect, self.clock.clone());
        settings.material = Some(self.workload(GATEWAY));
        settings.protocols = vec!["h2", "http/1.1"];
        let dialler = Dialler::new(&settings).expect("a dialler");
        let mut settings = UpstreamSettings::new(base);
        settings.answer_timeout = set.answer_timeout;
        Arc::new(Upstream::new(settings, Harbour { dialler, address }).expect("an upstream"))
    }
}

fn dialler_settings(trust: Bundle, expect: Expect, clock: identity::Clock) -> DiallerSettings {
    let (connect_timeout, handshake_timeout) = (Duration::from_secs(20), Duration::from_secs(20));
    let protocols = vec!["http/1.1"];
    DiallerSettings { trust, material: None, expect, protocols, connect_timeout, handshake_timeout, clock }
}

fn material(chain: &[u8], key: &[u8]) -> Material {
    Material::from_pem(&Pem { chain, key }).expect("material")
}

fn book(folder: &Path, now: Time) -> (Ledger, Scribe) {
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
    Ledger::open(settings(), keys(), now).expect("a book")
}

fn generation(
    issuer: &DevelopmentIssuer,
    upstream: Arc<Upstream>,
    set: &Set,
    cursors: Arc<CursorKeys>,
    now: Time,
) -> Generation<Fhir> {
    let names = IssuerNames { name: "dev", url: identity::DEVELOPMENT_ISSUER, audience: BASE };
    let issuer = IssuerSettings::new(names, Profile::Development, KeySource::Pinned(issuer.jwks().to_owned()));
    let settings = identity::Settings::new(vec![issuer], vec![BASE.into()]);
    let verifier = Arc::new(Verifier::new(settings, Arc::new(Offline)).expect("a verifier"));
    let starter = include_str!("../../../../policies/projections.toml");
    let undated = starter.replace("\"meta.versionId\", \"meta.lastUpdated\", ", "");
    assert_ne!(undated, starter);
    let projections = Projections::load(if set.is_dated { starter } else { &undated });
    let projections = Arc::new(projections.unwrap_or_else(|error| panic!("{error}")));
    let policies = [
        ("always.cedar", include_str!("../../../../policies/always.cedar")),
        ("clinical.cedar", include_str!("../../../../policies/clinical.cedar")),
        ("office.cedar", include_str!("../../../../policies/office.cedar")),
    ];
    let policies = policies.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec();
    let step_up = Challenge { acr_values: vec!["urn:lazaret:acr:mfa".into()], max_age_s: Some(43_200) };
    let engine = Engine::load(&Sources { policies, groups: projections.groups(), step_up });
    let engine = Arc::new(engine.unwrap_or_else(|error| panic!("{error}")));
    let settings = Settings {
        path: "/fhir".into(),
        purpose: "treatment".into(),
        unlabelled: "R".into(),
        relationship_max_age_s: Some(60),
        roster: set.roster.map(|text| Arc::new(Roster::parse(text).expect("a roster"))),
        limits: set.limits,
        projections,
        about: About { software_version: "0.0.0".into(), base: BASE.into(), since: now, issuer: None },
        caps: set.caps,
        cursors,
    };
    Generation { verifier, engine, road: Fhir::new(settings, upstream), hash: [3; 32] }
}

/// The query that asks for the nurse's care teams, as the upstream sees it.
pub const TEAMS: &str = "/r4/CareTeam?participant=Practitioner/nurse-1&status=active&_count=200";

pub fn team(id: &str, patient: &str) -> Value {
    json!({ "resourceType": "CareTeam", "id": id, "status": "active", "subject": { "reference": format!("Patient/{patient}") },
        "participant": [{ "member": { "reference": "Practitioner/nurse-1" } }] })
}

/// A page of a search, with a `next` link if there is one.
pub fn page(teams: &[Value], next: Option<&str>) -> Script {
    let entries: Vec<Value> = teams.iter().map(|team| json!({ "resource": team })).collect();
    let links: Vec<Value> = next.iter().map(|url| json!({ "relation": "next", "url": url })).collect();
    Script::json(json!({ "resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries }).to_string())
}

pub fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient", "id": id,
        "meta": { "versionId": "7", "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N" }] },
        "text": { "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Canary Narrative</div>" },
        "identifier": [{ "system": "urn:mrn", "value": "canary-mrn" }],
        "name": [{ "family": "Canary", "given": ["Kim"] }],
        "telecom": [{ "system": "phone", "value": "555-0100" }],
        "managingOrganization": { "reference": "Organization/dept-cardiology" },
    })
}
