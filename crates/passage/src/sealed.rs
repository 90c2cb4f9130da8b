//! Where the bytes of an answer, their digest and the receipt for them meet. Nothing else can be written to a client.

use aws_lc_rs::digest;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use ledger::Receipt;
use std::fmt;

/// Status and headers of an answer, all of them: the HTTP library adds only framing.
pub(crate) struct Head {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A whole answer with the digest of exactly what will be sent. Immutable, so the digest cannot disagree.
pub(crate) struct Sealed {
    head: Head,
    body: Bytes,
    digest: [u8; 32],
}

impl Sealed {
    /// SHA-256 over salt, status, each header and the body, each variable part after its length. The salt keeps the
    /// digest of a short answer from being guessed by whoever reads the book.
    pub fn new(head: Head, body: Bytes, salt: &[u8; 32]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        part(salt);
        part(&head.status.as_u16().to_be_bytes());
        part(&(head.headers.len() as u64).to_be_bytes());
        for (name, value) in &head.headers {
            part(name.as_str().as_bytes());
            part(value.as_bytes());
        }
        part(&body);
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Self { head, body, digest }
    }

    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub fn length(&self) -> u64 {
        self.body.len() as u64
    }
}

/// The only value that becomes bytes for a client. Made from a receipt that binds exactly these bytes.
pub struct Recorded {
    head: Head,
    body: Bytes,
}

impl Recorded {
    pub(crate) fn whole(receipt: &Receipt, sealed: Sealed) -> Result<Self, Silence> {
        if *receipt.binds() != sealed.digest {
            return Err(Silence::Bug);
        }
        Ok(Self { head: sealed.head, body: sealed.body })
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.head.status;
        response.headers_mut().extend(self.head.headers);
        response
    }
}

/// The end without an answer. Carries nothing of a request or an upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Silence {
    /// The book cannot be written: the connection is hung up.
    Outage,
    /// A bug of ours: only this stream ends, so that one poisonous request cannot end its neighbours.
    Bug,
    /// A stranger beyond every limit; counted, not answered. The connection is hung up.
    Surplus,
}

impl Silence {
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Bug => "bug",
            Self::Surplus => "surplus",
        }
    }

    pub(crate) const fn ends_the_connection(self) -> bool {
        !matches!(self, Self::Bug)
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "silence: {}", self.code())
    }
}

impl std::error::Error for Silence {}

/// How a passage ends for the client.
#[must_use]
pub enum Reply {
    Answer(Recorded),
    Silence(Silence),
}
