//! This room knows who is at the door, and who we are to others.
//!
//! It knows: TLS on both sides, SPIFFE ids, access tokens of configured issuers, assurance, the development authority.
//! It refuses to know: what a caller may do, what HTTP says beyond the credential, the book.
//! It mints: [`Caller`].
//! If it fails: an unverifiable credential is a [`lexicon::Reason`]; a broken configuration is an error at start.
//! Start reading at: [`Verifier`] in `token.rs`, then `tls.rs`.

mod authority;
mod bearer;
mod tls;

pub use authority::{Authority, AuthorityError, Issued, TRUST_DOMAIN, is_development_certificate};
pub use bearer::Bearer;
pub use tls::{
    Acceptor, AcceptorSettings, Bundle, Clients, Clock, Dialler, DiallerSettings, Expect, HandshakeFailed, Line,
    Material, MaterialError, Peer, Pem, PemFiles, SpiffeId, TrustDomain,
};

use lexicon::{Principal, Reason, Time};
use std::sync::Arc;

/// A verified caller. Only this room can make one; holds the principal and what it was verified from.
pub struct Caller {
    principal: Arc<Principal>,
    token: [u8; 32],
}
impl Caller {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
    /// SHA-256 of the token, for the record (which keeps a keyed hash of it) and for limits.
    pub fn token(&self) -> &[u8; 32] {
        &self.token
    }
}

/// Fetches an issuer's discovery document or key set. Wiring supplies it; identity opens no connections of its own.
pub trait Fetch: Send + Sync + 'static {
    fn get(&self, url: &str) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>>;
}
#[derive(Debug, thiserror::Error)]
#[error("fetch failed")]
pub struct FetchError;

/// Verifies credentials. One immutable set of issuers (a generation); keys inside rotate by themselves.
pub struct Verifier {
    _private: (),
}
impl Verifier {
    /// Verifies token and sender constraint for this connection. `now` comes from the caller.
    /// Uses the token cache; waits for keys only when a key id is unknown (rate-limited refetch).
    pub async fn verify(&self, _bearer: &Bearer, _peer: &Peer, _now: Time) -> Result<Caller, Reason> {
        todo!()
    }
    /// The caller of a request without credential, for what is public.
    pub fn stranger(&self, _now: Time) -> Caller {
        todo!()
    }
}
