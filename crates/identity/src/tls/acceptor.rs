//! The server's side.

use super::material::{Bundle, Material, MaterialError};
use super::spiffe::TrustDomain;
use super::trust::OfDomain;
use super::{Clock, HandshakeFailed, Line, Peer, Ticks, VERSIONS, provider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;

/// Which clients may connect.
#[derive(Clone, Debug)]
pub enum Clients {
    /// No certificate is asked for.
    Off,
    /// A certificate is asked for; one that is sent must verify. Its SPIFFE id, if any, is of no particular domain.
    Optional(Bundle),
    /// As `Optional`, and there must be one.
    Required(Bundle),
    /// There must be one, and it must be an SVID of this trust domain.
    Workloads { bundle: Bundle, domain: TrustDomain },
}

#[derive(Clone)]
pub struct AcceptorSettings {
    pub material: Material,
    pub clients: Clients,
    /// ALPN offers, in order of preference.
    pub protocols: Vec<&'static str>,
    pub handshake_timeout: Duration,
    pub clock: Clock,
}

impl AcceptorSettings {
    /// `h2` and `http/1.1`, no client certificates, ten seconds for a handshake.
    pub fn new(material: Material, clock: Clock) -> Self {
        Self {
            material,
            clients: Clients::Off,
            protocols: vec!["h2", "http/1.1"],
            handshake_timeout: Duration::from_secs(10),
            clock,
        }
    }
}

impl fmt::Debug for AcceptorSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptorSettings").field("clients", &self.clients).finish_non_exhaustive()
    }
}

/// Server side of a TLS connection. Clones share one configuration, which [`Acceptor::replace`] swaps.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<Arc<Ready>>>);

struct Ready {
    tls: Arc<ServerConfig>,
    timeout: Duration,
}

impl Acceptor {
    pub fn new(settings: &AcceptorSettings) -> Result<Self, MaterialError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(ready(settings)?)))))
    }

    /// New certificates or another trust bundle, from the next connection on. On error the old ones stay.
    pub fn replace(&self, settings: &AcceptorSettings) -> Result<(), MaterialError> {
        self.adopt(&Self::new(settings)?);
        Ok(())
    }

    /// What another acceptor was made with, from the next connection on. Cannot fail: what can, did when that was made.
    pub fn adopt(&self, made: &Self) {
        let ready = Arc::clone(&made.0.read().unwrap_or_else(PoisonError::into_inner));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ready;
    }

    /// Performs the handshake within its own timeout.
    pub async fn accept(&self, tcp: TcpStream) -> Result<(Line, Peer), HandshakeFailed> {
        let ready = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        let handshake = tokio_rustls::TlsAcceptor::from(Arc::clone(&ready.tls)).accept(tcp);
        let stream = tokio::time::timeout(ready.timeout, handshake)
            .await
            .map_err(|_| HandshakeFailed::TIMEOUT)?
            .map_err(|error| HandshakeFailed::from_io(&error))?;
        let peer = Peer::of(stream.get_ref().1)?;
        Ok((Line(stream.into()), peer))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

fn ready(settings: &AcceptorSettings) -> Result<Ready, MaterialError> {
    let builder = ServerConfig::builder_with_details(provider(), Arc::new(Ticks(Arc::clone(&settings.clock))))
        .with_protocol_versions(&VERSIONS)
        .map_err(MaterialError::Settings)?;
    let builder = match verifier(&settings.clients)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&settings.material.0));
    let mut tls = builder.with_cert_resolver(Arc::new(resolver));
    tls.alpn_protocols = settings.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    // No session outlives its connection, so no client certificate is taken from memory instead of the wire.
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    tls.send_tls13_tickets = 0;
    tls.max_early_data_size = 0;
    Ok(Ready { tls: Arc::new(tls), timeout: settings.handshake_timeout })
}

fn verifier(clients: &Clients) -> Result<Option<Arc<dyn ClientCertVerifier>>, MaterialError> {
    let chain = |bundle: &Bundle| {
        let roots: Arc<RootCertStore> = Arc::clone(&bundle.0);
        WebPkiClientVerifier::builder_with_provider(roots, provider())
    };
    let bad = |_| MaterialError::BadCertificate;
    Ok(match clients {
        Clients::Off => None,
        Clients::Optional(bundle) => Some(chain(bundle).allow_unauthenticated().build().map_err(bad)?),
        Clients::Required(bundle) => Some(chain(bundle).build().map_err(bad)?),
        Clients::Workloads { bundle, domain } => {
            let chain = chain(bundle).build().map_err(bad)?;
            Some(Arc::new(OfDomain { chain, domain: domain.clone() }))
        }
    })
}
