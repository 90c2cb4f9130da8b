//! Outgoing connections: the gateway states what it needs, identity does it.

use super::material;
use crate::blueprint::Road;
use crate::process;
use gateway::{Destination, Dial, DialFailed, Dialled, Hop};
use identity::{Bundle, Dialler, DiallerSettings, Expect, Line, Peer, SpiffeId};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// To the one upstream: its address, its SPIFFE id.
struct ToUpstream {
    dialler: Dialler,
    address: SocketAddr,
}

pub fn to_upstream(road: &Road) -> anyhow::Result<impl Dial> {
    let identity = SpiffeId::new(&road.upstream.identity).ok_or_else(|| {
        anyhow::anyhow!("`{}` is not a SPIFFE id; write spiffe://TRUST-DOMAIN/path", road.upstream.identity)
    })?;
    let dialler = Dialler::new(&DiallerSettings {
        trust: Bundle::from_pem(&road.upstream.trust)?,
        material: Some(material(&road.upstream.client)?),
        expect: Expect::Spiffe(identity),
        protocols: vec!["h2", "http/1.1"],
        connect_timeout: Duration::from_secs(road.limits.upstream_connect_timeout_s),
        handshake_timeout: Duration::from_secs(road.limits.upstream_connect_timeout_s),
        clock: Arc::new(process::now),
    })?;
    Ok(ToUpstream { dialler, address: road.upstream.address })
}

impl Dial for ToUpstream {
    fn dial<'a>(
        &'a self,
        _to: &'a Destination,
    ) -> Pin<Box<dyn Future<Output = Result<Dialled, DialFailed>> + Send + 'a>> {
        Box::pin(async move {
            let (line, peer) = self.dialler.dial(self.address).await.map_err(|failed| DialFailed(failed.alert))?;
            Ok(dialled(line, peer))
        })
    }
}

fn dialled(line: Line, peer: Peer) -> Dialled {
    Dialled { stream: Box::new(line), is_h2: peer.h2, hop: Hop { peer: peer.spiffe, tls: Some(peer.tls) } }
}

/// To an issuer's documents: any host of the trust bundle, by its DNS name.
struct ToIssuer {
    trust: Bundle,
}

impl Dial for ToIssuer {
    fn dial<'a>(
        &'a self,
        to: &'a Destination,
    ) -> Pin<Box<dyn Future<Output = Result<Dialled, DialFailed>> + Send + 'a>> {
        Box::pin(async move {
            let dialler = Dialler::new(&DiallerSettings {
                trust: self.trust.clone(),
                material: None,
                expect: Expect::Dns(to.host.clone()),
                protocols: vec!["http/1.1"],
                connect_timeout: Duration::from_secs(5),
                handshake_timeout: Duration::from_secs(5),
                clock: Arc::new(process::now),
            });
            let dialler = dialler.map_err(|_| DialFailed("name"))?;
            let mut addresses =
                tokio::net::lookup_host((to.host.as_str(), to.port)).await.map_err(|_| DialFailed("unresolved"))?;
            let mut last = DialFailed("unresolved");
            loop {
                let Some(address) = addresses.next() else { return Err(last) };
                match dialler.dial(address).await {
                    Ok((line, peer)) => return Ok(dialled(line, Peer { spiffe: Some(to.host.clone()), ..peer })),
                    Err(failed) => last = DialFailed(failed.alert),
                }
            }
        })
    }
}

/// Documents of issuers, fetched with one trust bundle each.
pub struct Documents(Vec<(Vec<String>, gateway::Fetch)>);

impl Documents {
    /// (beginnings of URLs: scheme and authority of the issuer and of its key hosts; the trust bundle for them).
    pub fn new(issuers: Vec<(Vec<String>, Bundle)>) -> Self {
        Self(issuers.into_iter().map(|(origins, trust)| (origins, gateway::Fetch::new(ToIssuer { trust }))).collect())
    }
}

impl identity::Fetch for Documents {
    fn get(&self, url: &str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, identity::FetchError>> + Send + '_>> {
        let below = |origin: &String| url.strip_prefix(origin.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let fetch = self.0.iter().find(|(origins, _)| origins.iter().any(below));
        let url = url.to_owned();
        Box::pin(async move {
            let (_, fetch) = fetch.ok_or(identity::FetchError)?;
            fetch.get(&url).await.map_err(|_| identity::FetchError)
        })
    }
}
