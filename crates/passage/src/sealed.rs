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
    /// SHA-256 over salt, status (two bytes), number of headers (eight bytes), each header's name and value in the order
    /// they are sent, and the body; each of these after its length (eight bytes, big-endian). The salt keeps the digest
    /// of a short answer from being guessed by whoever reads the book.
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

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::{Leaf, Record};
    use ledger::{Keys, Ledger, Settings};
    use lexicon::{Time, Trace};
    use std::time::Duration;

    fn sealed(status: u16, value: &'static str, body: &'static str) -> Sealed {
        let headers = vec![(http::header::CONTENT_TYPE, HeaderValue::from_static(value))];
        let head = Head { status: StatusCode::from_u16(status).expect("a status"), headers };
        Sealed::new(head, Bytes::from_static(body.as_bytes()), &[7; 32])
    }

    #[test]
    fn status_header_body_and_salt_all_count() {
        let digest = sealed(200, "a", "b").digest();
        assert_eq!(sealed(200, "a", "b").digest(), digest);
        for other in [sealed(404, "a", "b"), sealed(200, "x", "b"), sealed(200, "a", "x"), sealed(200, "ab", "")] {
            assert_ne!(other.digest(), digest);
        }
        let Sealed { head, body, .. } = sealed(200, "a", "b");
        assert_ne!(Sealed::new(head, body, &[8; 32]).digest(), digest);
    }

    fn book(folder: &std::path::Path) -> Ledger {
        let now = Time::from_seconds(1_795_257_000);
        let keys = || Keys {
            pseudonyms: seal::PseudonymKeys::open(&folder.join("keys")).expect("keys"),
            log: seal::LogKey::open(&folder.join("log.key")).expect("a key"),
        };
        std::fs::create_dir(folder.join("keys")).expect("a folder");
        seal::PseudonymKeys::create(&folder.join("keys")).expect("keys");
        seal::LogKey::create(&folder.join("log.key")).expect("a key");
        let settings = || Settings {
            directory: folder.join("book"),
            origin: "dev.test/book".into(),
            seats: 8,
            stranger_seats: 4,
            software: "test".into(),
        };
        Ledger::create(&settings(), &keys(), now).expect("a new book");
        Ledger::open(settings(), keys(), now).expect("a book").0
    }

    /// A receipt licenses the answer it binds, and no other: not a note's, not a neighbour's.
    #[tokio::test]
    async fn a_swapped_receipt_is_a_bug_that_answers_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, now) = (book(folder.path()), Time::from_seconds(1_795_257_001));
        let mut receipts = Vec::new();
        for body in ["mine", "yours"] {
            let source = std::net::Ipv4Addr::LOCALHOST.into();
            let docket = ledger.arrive(now, Trace::from_bytes([1; 16]), source, Duration::from_secs(5)).await;
            let pending = docket.expect("a seat").close(now, sealed(200, "a", body).digest());
            receipts.push(pending.await.expect("a receipt"));
        }
        let note = ledger.note(Record::new(Leaf::Tally, now)).await.expect("a receipt");
        let [mine, yours] = receipts.as_slice() else { panic!("two receipts") };
        assert!(Recorded::whole(mine, sealed(200, "a", "mine")).is_ok());
        for swapped in [yours, &note] {
            assert_eq!(Recorded::whole(swapped, sealed(200, "a", "mine")).err(), Some(Silence::Bug));
        }
    }
}
