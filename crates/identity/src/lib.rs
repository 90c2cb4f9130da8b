//! This room knows who is at the door, and who we are to others.
//!
//! It knows: TLS on both sides, SPIFFE ids, access tokens of configured issuers, assurance, the development authority.
//! It refuses to know: what a caller may do, what HTTP says beyond the credential, the book.
//! It mints: [`Caller`].
//! If it fails: an unverifiable credential is a [`lexicon::Reason`]; a broken configuration is an error at start.
//! Start reading at: [`Verifier`], then `tls.rs`.

use lexicon::{Principal, Reason, Time};
use std::sync::Arc;

/// A verified caller. Only this room can make one; holds the principal and what it was verified from.
pub struct Caller { principal: Arc<Principal>, token: [u8; 32] }
impl Caller {
    pub fn principal(&self) -> &Principal { &self.principal }
    /// SHA-256 of the token, for the record (which keeps a keyed hash of it) and for limits.
    pub fn token(&self) -> &[u8; 32] { &self.token }
}

/// A bearer token as it came. `Debug` is blank, memory is wiped.
pub struct Bearer(zeroize::Zeroizing<String>);
impl Bearer {
    /// From the one `Authorization` header value. Err(CredentialMissing) for another scheme, CredentialMalformed for a bad shape or > 16 KiB.
    pub fn from_header(_value: &[u8]) -> Result<Self, Reason> { todo!() }
}

/// What a connection's TLS told us about the peer.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// SPIFFE id of the client certificate, verified against the trust bundle; absent without a certificate.
    pub spiffe: Option<String>,
    /// SHA-256 of the DER certificate (RFC 8705 `x5t#S256`), verified chain or not accepted at all.
    pub certificate: Option<[u8; 32]>,
    /// "1.3 X25519MLKEM768", as recorded.
    pub tls: String,
    pub h2: bool,
}

/// Fetches an issuer's discovery document or key set. Wiring supplies it; identity opens no connections of its own.
pub trait Fetch: Send + Sync + 'static {
    fn get(&self, url: &str) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>>;
}
#[derive(Debug, thiserror::Error)]
#[error("fetch failed")]
pub struct FetchError;

/// Verifies credentials. One immutable set of issuers (a generation); keys inside rotate by themselves.
pub struct Verifier { _private: () }
impl Verifier {
    /// Verifies token and sender constraint for this connection. `now` comes from the caller.
    /// Uses the token cache; waits for keys only when a key id is unknown (rate-limited refetch).
    pub async fn verify(&self, _bearer: &Bearer, _peer: &Peer, _now: Time) -> Result<Caller, Reason> { todo!() }
    /// The caller of a request without credential, for what is public.
    pub fn stranger(&self, _now: Time) -> Caller { todo!() }
}

/// Server side of a TLS connection. `accept` performs the handshake within its own timeout.
#[derive(Clone)]
pub struct Acceptor { _private: () }
impl Acceptor {
    pub async fn accept(&self, _tcp: tokio::net::TcpStream) -> Result<(Line, Peer), HandshakeFailed> { todo!() }
}
/// Client side: dials, verifies chain against the trust bundle AND the peer's SPIFFE id (or DNS name for public issuers).
#[derive(Clone)]
pub struct Dialler { _private: () }
impl Dialler {
    pub async fn dial(&self, _address: std::net::SocketAddr) -> Result<(Line, Peer), HandshakeFailed> { todo!() }
}
/// An established TLS stream: `AsyncRead + AsyncWrite + Unpin + Send`.
pub struct Line(tokio_rustls::TlsStream<tokio::net::TcpStream>);
/// What went wrong, without anything the peer said: an alert's name or "timeout" or "closed".
#[derive(Debug, thiserror::Error)]
#[error("handshake failed: {alert}")]
pub struct HandshakeFailed { pub alert: &'static str }

impl tokio::io::AsyncRead for Line {
    fn poll_read(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, buf: &mut tokio::io::ReadBuf<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_read(cx, buf)
    }
}
impl tokio::io::AsyncWrite for Line {
    fn poll_write(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>, buf: &[u8]) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
