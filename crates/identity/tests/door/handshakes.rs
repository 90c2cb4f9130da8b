//! Real connections on loopback: versions, suites, groups, certificates, identities.

use crate::stage::{NOW, clock, run};
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, Dialler, DiallerSettings, Expect, HandshakeFailed, Issued,
    Line, Material, Peer, Pem, SpiffeId, TrustDomain, is_development_certificate,
};
use lexicon::Time;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const GATEWAY: &str = "spiffe://lazaret.localhost/gateway";
const CLINIC: &str = "spiffe://lazaret.localhost/clinic";

/// One folder with its authority.
pub struct House {
    folder: TempDir,
    pub authority: Authority,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(folder.path(), NOW).expect("an authority");
        Self { folder, authority }
    }

    pub fn bundle(&self) -> Bundle {
        Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle")
    }

    pub fn server(&self) -> Material {
        material(&self.authority.issue_server(NOW).expect("issued"))
    }

    pub fn workload(&self, id: &str) -> Material {
        material(&self.authority.issue_workload(id, NOW).expect("issued"))
    }

    pub fn acceptor(&self, material: Material, clients: Clients) -> Acceptor {
        Acceptor::new(&AcceptorSettings { clients, ..AcceptorSettings::new(material, clock(NOW)) }).expect("settings")
    }

    pub fn dialler(&self, material: Option<Material>, expect: Expect) -> Dialler {
        Dialler::new(&self.dialler_settings(material, expect)).expect("settings")
    }

    fn dialler_settings(&self, material: Option<Material>, expect: Expect) -> DiallerSettings {
        DiallerSettings {
            trust: self.bundle(),
            material,
            expect,
            protocols: vec!["h2"],
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            clock: clock(NOW),
        }
    }
}

pub fn material(issued: &Issued) -> Material {
    let pem = Pem { chain: issued.certificate_pem.as_bytes(), key: issued.key_pem.as_bytes() };
    Material::from_pem(&pem).expect("a pair")
}

pub fn localhost() -> Expect {
    Expect::Dns("localhost".to_owned())
}

fn spiffe(id: &str) -> Expect {
    Expect::Spiffe(SpiffeId::new(id).expect("an id"))
}

fn domain() -> TrustDomain {
    TrustDomain::new(identity::TRUST_DOMAIN).expect("a domain")
}

pub type Shaken = Result<(Line, Peer), HandshakeFailed>;

/// Both ends of one connection. The client also reads, because TLS 1.3 tells a client of its refusal only then.
pub async fn connect(acceptor: &Acceptor, dialler: &Dialler) -> (Shaken, Shaken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = async { acceptor.accept(listener.accept().await.expect("a client").0).await };
    tokio::join!(server, dialler.dial(address))
}

fn words(shaken: &Shaken) -> &'static str {
    shaken.as_ref().err().map_or("ok", |failed| failed.alert)
}

#[test]
fn mutual_tls_between_workloads() {
    let house = House::new();
    let clients = Clients::Workloads { bundle: house.bundle(), domain: domain() };
    let acceptor = house.acceptor(house.workload(CLINIC), clients);
    let gateway = house.workload(GATEWAY);
    let fingerprint = gateway.fingerprint();
    let dialler = house.dialler(Some(gateway), spiffe(CLINIC));
    run(async {
        let (server, client) = connect(&acceptor, &dialler).await;
        let ((mut at_server, client_seen), (mut at_client, server_seen)) =
            (server.expect("server"), client.expect("client"));
        assert_eq!(client_seen.spiffe.as_deref(), Some(GATEWAY));
        assert_eq!(client_seen.certificate, fingerprint);
        assert_eq!(client_seen.certificate_expires, Some(NOW.plus_seconds(90 * 86_400)));
        assert_eq!(client_seen.tls, "1.3 X25519MLKEM768");
        assert_eq!(server_seen.spiffe.as_deref(), Some(CLINIC));
        assert_eq!(server_seen.tls, "1.3 X25519MLKEM768");
        assert!(client_seen.h2 && server_seen.h2);
        at_client.write_all(b"ask").await.expect("sent");
        at_client.shutdown().await.expect("closed");
        let mut heard = String::new();
        at_server.read_to_string(&mut heard).await.expect("heard");
        assert_eq!(heard, "ask");
    });
}

#[test]
fn without_a_certificate_there_is_no_identity() {
    let house = House::new();
    let optional = house.acceptor(house.server(), Clients::Optional(house.bundle()));
    let off = house.acceptor(house.server(), Clients::Off);
    let (bare, named) = (house.dialler(None, localhost()), house.dialler(Some(house.workload(GATEWAY)), localhost()));
    run(async {
        let facts = async |acceptor, dialler| {
            let (server, client) = connect(acceptor, dialler).await;
            client.expect("client");
            let (_, peer) = server.expect("server");
            (peer.spiffe.is_some(), peer.certificate.is_some(), peer.certificate_expires.is_some())
        };
        assert_eq!(facts(&optional, &bare).await, (false, false, false));
        assert_eq!(facts(&optional, &named).await, (true, true, true));
        assert_eq!(facts(&off, &named).await, (false, false, false));
    });
}

#[test]
fn a_required_certificate_must_be_there_and_verify() {
    let (house, other) = (House::new(), House::new());
    let later = NOW.plus_seconds(91 * 86_400);
    let expired = material(&house.authority.issue_workload(GATEWAY, Time::from_seconds(1)).expect("issued"));
    let future = material(&house.authority.issue_workload(GATEWAY, later).expect("issued"));
    let only_server = house.server();
    for (clients, material, expect) in [
        (Clients::Required(house.bundle()), None, "certificate_required"),
        (Clients::Required(house.bundle()), Some(house.workload(GATEWAY)), "ok"),
        (Clients::Required(house.bundle()), Some(other.workload(GATEWAY)), "unknown_ca"),
        (Clients::Required(house.bundle()), Some(expired.clone()), "certificate_expired"),
        (Clients::Required(house.bundle()), Some(future), "certificate_expired"),
        // A server's certificate is not a client's (extended key usage).
        (Clients::Required(house.bundle()), Some(only_server), "unsupported_certificate"),
        // A bad certificate is refused where none would have been fine.
        (Clients::Optional(house.bundle()), Some(other.workload(GATEWAY)), "unknown_ca"),
        (Clients::Optional(house.bundle()), Some(expired), "certificate_expired"),
    ] {
        let said = format!("{clients:?} {expect}");
        let acceptor = house.acceptor(house.server(), clients);
        let (server, _) = run(connect(&acceptor, &house.dialler(material, localhost())));
        assert_eq!(words(&server), expect, "{said}");
    }
}

/// The authority cannot make such certificates, so they are made by hand with a foreign authority.
#[test]
fn workloads_of_another_trust_domain_are_refused() {
    let foreign = Foreign::new();
    let house = House::new();
    let bundle = Bundle::from_pem(foreign.pem.as_bytes()).expect("a bundle");
    let clients = Clients::Workloads { bundle, domain: domain() };
    let acceptor = house.acceptor(house.server(), clients);
    for (names, expect) in [
        (vec![GATEWAY], "ok"),
        (vec!["spiffe://lazaret.localhost.evil/gateway"], "name_mismatch"),
        (vec!["spiffe://evil/gateway"], "name_mismatch"),
        (vec![], "name_mismatch"),
        // X.509-SVID: exactly one URI name, so two are none, also when both are fine.
        (vec![GATEWAY, CLINIC], "name_mismatch"),
        (vec![GATEWAY, "https://example.org"], "name_mismatch"),
        (vec!["https://lazaret.localhost/gateway"], "name_mismatch"),
    ] {
        let dialler = house.dialler(Some(foreign.issue(&names)), localhost());
        let (server, _) = run(connect(&acceptor, &dialler));
        assert_eq!(words(&server), expect, "{names:?}");
    }
}

#[test]
fn the_dialler_knows_whom_it_expects() {
    let (house, other) = (House::new(), House::new());
    let expired = material(&house.authority.issue_workload(CLINIC, Time::from_seconds(1)).expect("issued"));
    for (server, expect, words_expected) in [
        (house.workload(CLINIC), spiffe(CLINIC), "ok"),
        (house.workload(GATEWAY), spiffe(CLINIC), "name_mismatch"),
        // A DNS name does not stand in for a SPIFFE id, nor the other way round.
        (house.server(), spiffe(CLINIC), "name_mismatch"),
        (house.workload(CLINIC), localhost(), "name_mismatch"),
        (house.server(), localhost(), "ok"),
        (house.server(), Expect::Dns("127.0.0.1".to_owned()), "ok"),
        (house.server(), Expect::Dns("example.org".to_owned()), "name_mismatch"),
        (other.workload(CLINIC), spiffe(CLINIC), "unknown_ca"),
        (other.server(), localhost(), "unknown_ca"),
        (expired, spiffe(CLINIC), "certificate_expired"),
    ] {
        let acceptor = house.acceptor(server, Clients::Off);
        let said = format!("{expect:?} {words_expected}");
        let (_, client) = run(connect(&acceptor, &house.dialler(None, expect)));
        assert_eq!(words(&client), words_expected, "{said}");
    }
    assert!(Dialler::new(&house.dialler_settings(None, Expect::Dns("not a name".to_owned()))).is_err());
}

#[test]
fn the_authority_is_limited_to_this_machine() {
    let house = House::new();
    for foreign in ["spiffe://other/x", "spiffe://lazaret.localhost", "https://lazaret.localhost/x", "x", ""] {
        assert!(house.authority.issue_workload(foreign, NOW).is_err(), "{foreign}");
    }
    // Whoever has the key and ignores that function still gets no further: names outside are refused by the chain.
    let key = std::fs::read_to_string(house.folder.path().join("ca.key")).expect("the key");
    let stolen = Foreign::with_key(&key, house.authority.bundle_pem());
    for (name, expect) in [("localhost", "ok"), ("bank.example", "bad_certificate")] {
        let acceptor = house.acceptor(stolen.issue_server(name), Clients::Off);
        let (_, client) = run(connect(&acceptor, &house.dialler(None, Expect::Dns(name.to_owned()))));
        assert_eq!(words(&client), expect, "{name}");
    }
}

#[test]
fn the_authority_is_made_once_and_opened_again() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let folder = house.folder.path();
    assert!(Authority::create(folder, NOW).is_err(), "never overwritten");
    let mode = std::fs::metadata(folder.join("ca.key")).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Authority::open(folder).expect("opens");
    assert_eq!(again.bundle_pem(), house.authority.bundle_pem());
    // What the opened one issues verifies under the bundle of the first.
    let acceptor = house.acceptor(material(&again.issue_server(NOW).expect("issued")), Clients::Off);
    let (_, client) = run(connect(&acceptor, &house.dialler(None, localhost())));
    assert_eq!(words(&client), "ok");
    let issued = again.issue_workload(CLINIC, NOW).expect("issued");
    for _ in 0..2 {
        let (_, key) = issued.write(folder, "clinic").expect("written, also over an older one");
        assert_eq!(std::fs::metadata(key).expect("the key").permissions().mode() & 0o777, 0o600);
    }
    // A key of another folder beside this certificate is noticed.
    let other = House::new();
    std::fs::copy(other.folder.path().join("ca.key"), folder.join("ca.key")).expect("copied");
    assert!(Authority::open(folder).is_err());
    assert_ne!(house.authority.bundle_pem(), other.authority.bundle_pem());
}

#[test]
fn development_certificates_are_recognised() {
    let house = House::new();
    let issued = house.authority.issue_server(NOW).expect("issued");
    let foreign = Foreign::new();
    assert!(is_development_certificate(house.authority.bundle_pem().as_bytes()));
    assert!(is_development_certificate(issued.certificate_pem.as_bytes()));
    let both = format!("{}{}", foreign.pem, issued.certificate_pem);
    assert!(is_development_certificate(both.as_bytes()), "anywhere in a bundle");
    assert!(!is_development_certificate(foreign.pem.as_bytes()));
    assert!(!is_development_certificate(b""));
    assert!(!is_development_certificate(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

#[test]
fn certificates_are_replaced_without_a_restart() {
    let house = House::new();
    let acceptor = house.acceptor(house.workload(GATEWAY), Clients::Off);
    let shared = acceptor.clone();
    let dialler = house.dialler(None, spiffe(CLINIC));
    assert_eq!(words(&run(connect(&shared, &dialler)).1), "name_mismatch");
    acceptor.replace(&AcceptorSettings::new(house.workload(CLINIC), clock(NOW))).expect("replaced");
    assert_eq!(words(&run(connect(&shared, &dialler)).1), "ok");
}

type Versions = &'static [&'static rustls::SupportedProtocolVersion];
static ONLY_1_2: Versions = &[&rustls::version::TLS12];
static ONLY_1_3: Versions = &[&rustls::version::TLS13];

/// A client as a browser or an old library may be: versions, suites and groups by hand.
struct Old {
    versions: Versions,
    provider: CryptoProvider,
    protocols: Vec<Vec<u8>>,
}

impl Old {
    fn new() -> Self {
        Self { versions: ONLY_1_2, provider: aws_lc_rs::default_provider(), protocols: Vec::new() }
    }

    fn config(self, house: &House) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let pem = house.authority.bundle_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(pem).expect("PEM")).expect("an anchor");
        let mut config = ClientConfig::builder_with_details(Arc::new(self.provider), Arc::new(Fixed))
            .with_protocol_versions(self.versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = self.protocols;
        config
    }
}

#[derive(Debug)]
struct Fixed;

impl rustls::time_provider::TimeProvider for Fixed {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(NOW.seconds())))
    }
}

async fn connect_old(acceptor: &Acceptor, config: ClientConfig) -> Shaken {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = async {
        let tcp = TcpStream::connect(address).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("a name");
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    };
    let server = async { acceptor.accept(listener.accept().await.expect("a client").0).await };
    let (server, _client) = tokio::join!(server, client);
    server
}

#[test]
fn version_1_2_is_the_floor_with_ephemeral_aead_only() {
    let house = House::new();
    let acceptor = house.acceptor(house.server(), Clients::Off);
    let (_, peer) = run(connect_old(&acceptor, Old::new().config(&house))).expect("1.2 is the floor");
    assert_eq!(peer.tls, "1.2 X25519");
    let mut seen = 0;
    for suite in aws_lc_rs::ALL_CIPHER_SUITES {
        let mut old = Old::new();
        old.provider.cipher_suites = vec![*suite];
        if suite.tls13().is_some() {
            old.versions = ONLY_1_3;
        }
        // The server's key is an ECDSA one, so suites for RSA find no certificate.
        let expect = if format!("{:?}", suite.suite()).contains("_RSA_") { "handshake_failure" } else { "ok" };
        assert_eq!(words(&run(connect_old(&acceptor, old.config(&house)))), expect, "{:?}", suite.suite());
        seen += 1;
    }
    assert!(seen >= 9);
    // rustls has no other suites to offer; these are asked for in a ClientHello by hand.
    for suite in [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
        CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    ] {
        let shaken = run(hello_by_hand(&acceptor, Hello { version: [3, 3], suite }));
        assert_eq!(words(&shaken), "handshake_failure", "{suite:?}");
    }
    for version in [[3, 0], [3, 1], [3, 2]] {
        let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
        let shaken = run(hello_by_hand(&acceptor, Hello { version, suite }));
        assert_eq!(words(&shaken), "protocol_version", "{version:?}");
    }
}

struct Hello {
    version: [u8; 2],
    suite: CipherSuite,
}

/// A ClientHello (RFC 5246 section 7.4.1.2) with one suite, and X25519, P-256 and ECDSA as extensions.
async fn hello_by_hand(acceptor: &Acceptor, hello: Hello) -> Shaken {
    let extensions: &[u8] = &[
        0, 10, 0, 6, 0, 4, 0, 29, 0, 23, // supported_groups
        0, 11, 0, 2, 1, 0, // ec_point_formats
        0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // signature_algorithms
        0, 23, 0, 0, // extended_master_secret
    ];
    let mut body = hello.version.to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 2]);
    body.extend(u16::from(hello.suite).to_be_bytes());
    body.extend([1, 0]);
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let mut message = vec![1, 0];
    message.extend((body.len() as u16).to_be_bytes());
    message.extend(body);
    let mut record = vec![22, 3, 1];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    say(acceptor, &record).await
}

/// Whatever bytes a client may begin with.
async fn say(acceptor: &Acceptor, bytes: &[u8]) -> Shaken {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connects");
    client.write_all(bytes).await.expect("sent");
    acceptor.accept(listener.accept().await.expect("a client").0).await
}

#[test]
fn failures_have_fixed_words() {
    let house = House::new();
    let acceptor = house.acceptor(house.server(), Clients::Off);
    run(async {
        assert_eq!(words(&say(&acceptor, b"GET /secret-patient HTTP/1.1\r\n\r\n").await), "decode_error");
        assert_eq!(words(&say(&acceptor, &[0; 64]).await), "decode_error");
        let mut old = Old::new();
        old.protocols = vec![b"smtp".to_vec()];
        let shaken = connect_old(&acceptor, old.config(&house)).await;
        assert_eq!(words(&shaken), "no_application_protocol");
        // A client that leaves.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        drop(TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connects"));
        assert_eq!(words(&acceptor.accept(listener.accept().await.expect("a client").0).await), "closed");
        // A client that trusts somebody else says so.
        let other = House::new();
        let (server, client) = connect(&acceptor, &other.dialler(None, localhost())).await;
        assert_eq!((words(&server), words(&client)), ("received unknown_ca", "unknown_ca"));
    });
}

#[test]
fn a_silent_client_is_let_go() {
    let house = House::new();
    let mut settings = AcceptorSettings::new(house.server(), clock(NOW));
    settings.handshake_timeout = Duration::from_millis(50);
    let acceptor = Acceptor::new(&settings).expect("settings");
    assert_eq!(words(&run(say(&acceptor, &[]))), "timeout");
}

#[test]
fn nobody_listening_is_refused() {
    let house = House::new();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        drop(listener);
        let dialled = house.dialler(None, localhost()).dial(address).await;
        assert_eq!(words(&dialled), "refused");
    });
}

/// A client that would resume gets no ticket and no session, so its certificate is looked at each time.
#[test]
fn nothing_is_resumed() {
    let house = House::new();
    let acceptor = house.acceptor(house.server(), Clients::Optional(house.bundle()));
    for versions in [ONLY_1_2, ONLY_1_3] {
        let old = Old { versions, ..Old::new() };
        let config = Arc::new(old.config(&house));
        run(async {
            for _ in 0..2 {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("an address");
                let client = async {
                    let tcp = TcpStream::connect(address).await.expect("connects");
                    let name = ServerName::try_from("localhost").expect("a name");
                    let mut line =
                        tokio_rustls::TlsConnector::from(Arc::clone(&config)).connect(name, tcp).await.expect("shaken");
                    let mut heard = Vec::new();
                    line.read_to_end(&mut heard).await.expect("heard");
                    line.get_ref().1.handshake_kind()
                };
                let server = async {
                    let (mut line, _) =
                        acceptor.accept(listener.accept().await.expect("a client").0).await.expect("ok");
                    line.write_all(b"answer").await.expect("sent");
                    line.shutdown().await.expect("closed");
                };
                let (kind, ()) = tokio::join!(client, server);
                assert_ne!(kind, Some(rustls::HandshakeKind::Resumed));
            }
        });
    }
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    let house = House::new();
    let (one, two) =
        (house.authority.issue_server(NOW).expect("issued"), house.authority.issue_server(NOW).expect("issued"));
    let pair =
        |chain: &str, key: &str| Material::from_pem(&Pem { chain: chain.as_bytes(), key: key.as_bytes() }).is_ok();
    assert!(pair(&one.certificate_pem, &one.key_pem));
    assert!(!pair(&one.certificate_pem, &two.key_pem));
    assert!(!pair(&one.certificate_pem, ""));
    assert!(!pair("", &one.key_pem));
    assert!(Bundle::from_pem(b"").is_err());
}

/// An authority without constraints, as somebody else's may be.
struct Foreign {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Foreign {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = Self::params();
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    fn params() -> rcgen::CertificateParams {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "somebody else");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    }

    /// Issues in the name of the authority whose key this is.
    fn with_key(key_pem: &str, bundle_pem: &str) -> Self {
        let key = rcgen::KeyPair::from_pem(key_pem).expect("a key");
        let der = CertificateDer::from_pem_slice(bundle_pem.as_bytes()).expect("PEM");
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
        let mut params = Self::params();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let organization = parsed.subject().iter_organization().next().and_then(|o| o.as_str().ok()).expect("O");
        let name = parsed.subject().iter_common_name().next().and_then(|n| n.as_str().ok()).expect("CN");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self { issuer: rcgen::Issuer::new(params, key), pem: bundle_pem.to_owned() }
    }

    fn issue(&self, uris: &[&str]) -> Material {
        let names = uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().expect("IA5")));
        self.sign(names.collect())
    }

    fn issue_server(&self, name: &str) -> Material {
        self.sign(vec![rcgen::SanType::DnsName(name.try_into().expect("IA5"))])
    }

    fn sign(&self, names: Vec<rcgen::SanType>) -> Material {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Material::from_pem(&Pem { chain: chain.as_bytes(), key: key.as_bytes() }).expect("a pair")
    }
}
