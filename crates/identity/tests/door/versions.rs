//! What old, new and careless clients may negotiate.

use crate::house::{House, Shaken, words};
use crate::stage::{NOW, run};
use identity::{Acceptor, Clients};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CipherSuite, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Versions = &'static [&'static rustls::SupportedProtocolVersion];
static ONLY_1_2: Versions = &[&rustls::version::TLS12];
static ONLY_1_3: Versions = &[&rustls::version::TLS13];

/// A client as a browser or an old library may be: versions, suites and groups by hand.
pub struct Old {
    versions: Versions,
    provider: CryptoProvider,
    pub protocols: Vec<Vec<u8>>,
}

impl Old {
    pub fn new() -> Self {
        Self { versions: ONLY_1_2, provider: aws_lc_rs::default_provider(), protocols: Vec::new() }
    }

    pub fn config(self, house: &House) -> ClientConfig {
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

pub async fn connect_old(acceptor: &Acceptor, config: ClientConfig) -> Shaken {
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
pub async fn say(acceptor: &Acceptor, bytes: &[u8]) -> Shaken {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connects");
    client.write_all(bytes).await.expect("sent");
    acceptor.accept(listener.accept().await.expect("a client").0).await
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
