//! The client's side.

use super::material::{Bundle, Material, MaterialError};
use super::spiffe::SpiffeId;
use super::trust::Exactly;
use super::{Clock, HandshakeFailed, Line, Peer, Ticks, VERSIONS, provider};
use rustls::ClientConfig;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls_pki_types::ServerName;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Whom we expect. Exactly one of the two counts: a workload by its SPIFFE id, a public server by its name.
#[derive(Clone, Debug)]
pub enum Expect {
    Spiffe(SpiffeId),
    Dns(String),
}

#[derive(Clone)]
pub struct DiallerSettings {
    pub trust: Bundle,
    /// Our own certificate, for servers that ask for one.
    pub material: Option<Material>,
    pub expect: Expect,
    /// ALPN offers, in order of preference.
    pub protocols: Vec<&'static str>,
    pub connect_timeout: Duration,
    pub handshake_timeout: Duration,
    pub clock: Clock,
}

impl fmt::Debug for DiallerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiallerSettings").field("expect", &self.expect).finish_non_exhaustive()
    }
}

/// Client side: dials, verifies the chain against the trust bundle AND that the peer is the expected one.
#[derive(Clone)]
pub struct Dialler {
    tls: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
    connect_timeout: Duration,
    handshake_timeout: Duration,
}

impl Dialler {
    pub fn new(settings: &DiallerSettings) -> Result<Self, MaterialError> {
        let provider = provider();
        let builder =
            ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(Ticks(Arc::clone(&settings.clock))))
                .with_protocol_versions(&VERSIONS)
                .map_err(MaterialError::Settings)?;
        let (builder, name) = match &settings.expect {
            Expect::Spiffe(id) => {
                let exactly = Exactly::new(id.clone(), settings.trust.clone(), &provider);
                (builder.dangerous().with_custom_certificate_verifier(Arc::new(exactly)), None)
            }
            Expect::Dns(name) => {
                let server = ServerName::try_from(name.clone()).map_err(|_| MaterialError::Name(name.clone()))?;
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&settings.trust.0), provider)
                    .build()
                    .map_err(|_| MaterialError::BadCertificate)?;
                (builder.with_webpki_verifier(verifier), Some(server))
            }
        };
        let mut tls = match &settings.material {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own.0)))),
            None => builder.with_no_client_auth(),
        };
        tls.alpn_protocols = settings.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        tls.resumption = Resumption::disabled();
        tls.enable_early_data = false;
        // A SPIFFE id is no host name; there is nothing to say in SNI.
        tls.enable_sni = name.is_some();
        Ok(Self {
            tls: Arc::new(tls),
            name,
            connect_timeout: settings.connect_timeout,
            handshake_timeout: settings.handshake_timeout,
        })
    }

    pub async fn dial(&self, address: SocketAddr) -> Result<(Line, Peer), HandshakeFailed> {
        let failed = |error: std::io::Error| HandshakeFailed::from_io(&error);
        let tcp = tokio::time::timeout(self.connect_timeout, TcpStream::connect(address))
            .await
            .map_err(|_| HandshakeFailed::TIMEOUT)?
            .map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        let name = self.name.clone().unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        let handshake = tokio_rustls::TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp);
        let stream = tokio::time::timeout(self.handshake_timeout, handshake)
            .await
            .map_err(|_| HandshakeFailed::TIMEOUT)?
            .map_err(failed)?;
        let peer = Peer::of(stream.get_ref().1)?;
        Ok((Line(stream.into()), peer))
    }
}

impl fmt::Debug for Dialler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialler")
    }
}
