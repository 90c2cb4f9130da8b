//! What the roads need to reach somebody. Wiring supplies it from the room that does TLS; a plain connection is not
//! something this room can make.

use std::{fmt, future::Future, pin::Pin};
use tokio::io::{AsyncRead, AsyncWrite};

/// Opens mutually authenticated TLS connections, and returns only to the peer it was told to expect.
pub trait Dial: Send + Sync + 'static {
    fn dial<'a>(
        &'a self,
        to: &'a Destination,
    ) -> Pin<Box<dyn Future<Output = Result<Dialled, DialFailed>> + Send + 'a>>;
}

/// Where to, as the URL says it. `Host` and port of one authority.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Destination {
    pub host: String,
    pub port: u16,
}

/// A connection, and whom it leads to.
pub struct Dialled {
    pub stream: Box<dyn Stream>,
    pub hop: Hop,
    /// ALPN chose HTTP/2.
    pub is_h2: bool,
}

/// The verified far end, as the record names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hop {
    /// SPIFFE id, or DNS name for a public peer.
    pub peer: Option<String>,
    /// Such as "1.3 X25519MLKEM768".
    pub tls: Option<String>,
}

/// An encrypted byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Could not be reached, or was not who it should be: a fixed word for the operator, nothing the peer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DialFailed(pub &'static str);

impl fmt::Display for DialFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dialling failed: {}", self.0)
    }
}

impl std::error::Error for DialFailed {}
