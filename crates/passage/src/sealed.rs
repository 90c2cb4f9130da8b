//! Where the bytes of an answer, their digest and the receipt for them meet. Nothing else can be written to a client.

use crate::outgoing::{Outgoing, Stream};
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
        let mut hash = head.hash(salt);
        part(&mut hash, &body);
        Self { head, body, digest: finished(hash) }
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

impl Head {
    fn hash(&self, salt: &[u8; 32]) -> digest::Context {
        let mut hash = digest::Context::new(&digest::SHA256);
        part(&mut hash, salt);
        part(&mut hash, &self.status.as_u16().to_be_bytes());
        part(&mut hash, &(self.headers.len() as u64).to_be_bytes());
        for (name, value) in &self.headers {
            part(&mut hash, name.as_str().as_bytes());
            part(&mut hash, value.as_bytes());
        }
        hash
    }
}

fn part(hash: &mut digest::Context, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

fn finished(hash: digest::Context) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    digest
}

/// The digest of a long answer as far as it is known. Its body's length is not known before its end, so eight bytes of
/// ones stand where the length of a whole body would, and the length follows the bytes: no long answer has the digest of
/// a whole one, and every beginning of a body has its own.
#[derive(Clone)]
pub(crate) struct Running {
    hash: digest::Context,
    length: u64,
}

impl Running {
    pub fn new(head: &Head, salt: &[u8; 32]) -> Self {
        let mut hash = head.hash(salt);
        hash.update(&[0xff; 8]);
        Self { hash, length: 0 }
    }

    pub fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    pub fn digest(&self) -> [u8; 32] {
        let mut hash = self.hash.clone();
        hash.update(&self.length.to_be_bytes());
        finished(hash)
    }
}

/// The only value that becomes bytes for a client. Made from a receipt that binds exactly these bytes; of a long answer,
/// its head, while the pump brings the rest segment by segment, each under a receipt of its own.
pub struct Recorded {
    head: Head,
    body: Outgoing,
}

impl Recorded {
    pub(crate) fn whole(receipt: &Receipt, sealed: Sealed) -> Result<Self, Silence> {
        Self::licensed(receipt, &sealed.digest, sealed.head, Outgoing::Whole(Full::new(sealed.body)))
    }

    /// `opening`: the digest of the head, before any byte of the body.
    pub(crate) fn begun(receipt: &Receipt, head: Head, opening: &Running, body: Stream) -> Result<Self, Silence> {
        Self::licensed(receipt, &opening.digest(), head, Outgoing::Long(body))
    }

    fn licensed(receipt: &Receipt, digest: &[u8; 32], head: Head, body: Outgoing) -> Result<Self, Silence> {
        if receipt.binds() != digest {
            return Err(Silence::Bug);
        }
        Ok(Self { head, body })
    }

    pub(crate) fn into_response(self) -> Response<Outgoing> {
        let mut response = Response::new(self.body);
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

    /// Whatever a long answer is cut into, its beginnings have digests of their own, and no whole answer has one of them.
    #[test]
    fn a_running_digest_is_of_the_bytes_and_not_of_the_pieces() {
        let Sealed { head, .. } = sealed(200, "a", "");
        let digest = |pieces: &[&str]| {
            let mut running = Running::new(&head, &[7; 32]);
            pieces.iter().for_each(|piece| running.add(piece.as_bytes()));
            assert_eq!(running.length(), pieces.concat().len() as u64);
            running.digest()
        };
        assert_eq!(digest(&["ab", "c"]), digest(&["a", "", "bc"]));
        let bodies = ["", "a", "ab"];
        let mut all: Vec<_> = bodies.iter().map(|body| digest(&[body])).collect();
        all.extend(bodies.iter().map(|body| sealed(200, "a", body).digest()));
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
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
