//! TLS on both sides: who may connect to us, whom we connect to, and what each learned of the other.
//!
//! One crypto provider, always passed, never installed. Groups in order of preference; suites are the provider's, all
//! of them AEAD with (EC)DHE. No resumption and no 0-RTT anywhere: a certificate is looked at on every connection.

mod acceptor;
mod alert;
mod dialler;
mod material;
mod spiffe;
mod trust;

pub use acceptor::{Acceptor, AcceptorSettings, Clients};
pub use alert::HandshakeFailed;
pub use dialler::{Dialler, DiallerSettings, Expect};
pub(crate) use material::sha256;
pub use material::{Bundle, Material, MaterialError, Pem, PemFiles};
pub use spiffe::{SpiffeId, TrustDomain};

use lexicon::Time;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CommonState, ProtocolVersion};
use rustls_pki_types::UnixTime;
use std::fmt;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Where certificate validity takes its time from. Made in the binary; tests pass a fixed one.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// What a connection's TLS told us about the peer. `Debug` shows only what names nobody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// SPIFFE id of the client certificate, verified against the trust bundle; absent without a certificate, and when
    /// the certificate does not have exactly one URI name.
    pub spiffe: Option<String>,
    /// SHA-256 of the DER certificate (RFC 8705 `x5t#S256`). The chain was verified, or the connection was refused.
    pub certificate: Option<[u8; 32]>,
    /// `notAfter` of that certificate. A connection may outlive it; what was bound to it may not.
    pub certificate_expires: Option<Time>,
    /// "1.3 X25519MLKEM768", as recorded.
    pub tls: String,
    /// ALPN chose `h2`.
    pub h2: bool,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("tls", &self.tls).field("h2", &self.h2).finish_non_exhaustive()
    }
}

impl Peer {
    fn of(connection: &CommonState) -> Result<Self, HandshakeFailed> {
        let mut peer =
            Self { tls: describe(connection), h2: connection.alpn_protocol() == Some(b"h2"), ..Self::default() };
        if let Some(leaf) = connection.peer_certificates().and_then(<[_]>::first) {
            let facts = material::Leaf::read(leaf).ok_or(HandshakeFailed { alert: "bad_certificate" })?;
            peer.spiffe = facts.spiffe.map(|id| id.to_string());
            peer.certificate = Some(facts.fingerprint);
            peer.certificate_expires = Some(facts.not_after);
        }
        Ok(peer)
    }
}

/// Fixed words only: version and key exchange group.
fn describe(connection: &CommonState) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        _ => "?",
    };
    let group = connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()).unwrap_or("?");
    format!("{version} {group}")
}

fn provider() -> Arc<CryptoProvider> {
    use aws_lc_rs::kx_group;
    let kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

static VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// Hands our clock to rustls, which would otherwise read the system's.
struct Ticks(Clock);

impl fmt::Debug for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticks")
    }
}

impl rustls::time_provider::TimeProvider for Ticks {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis((self.0)().millis())))
    }
}

/// An established TLS connection.
pub struct Line(tokio_rustls::TlsStream<TcpStream>);

impl Line {
    /// The socket below, for its options and its end.
    pub fn socket(&self) -> &TcpStream {
        self.0.get_ref().0
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
