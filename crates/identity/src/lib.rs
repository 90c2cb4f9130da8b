//! This room knows who is at the door, and who we are to others.
//!
//! It knows: TLS on both sides, SPIFFE ids, access tokens of configured issuers, assurance, the development authority.
//! It refuses to know: what a caller may do, what HTTP says beyond the credential, the book.
//! It mints: [`Caller`], [`Named`].
//! If it fails: an unverifiable credential is a [`lexicon::Reason`]; a broken configuration is an error at start.
//! Start reading at: [`Verifier`] in `token.rs`, then `tls.rs`.

mod algorithm;
mod assurance;
mod authority;
mod bearer;
mod issuer;
mod jwks;
mod profile;
mod settings;
mod strict;
mod tls;
mod token;

pub use algorithm::Algorithm;
pub use assurance::AcrLevel;
pub use authority::{Authority, AuthorityError, Issued, TRUST_DOMAIN, is_development_certificate};
pub use bearer::Bearer;
pub use issuer::{DEVELOPMENT_ISSUER, DevelopmentIssuer, IssuerError};
pub use jwks::{Fetch, FetchError, KeyPolicy, KeySetError, KeySource, Offline};
pub use profile::{Profile, WorkloadSign};
pub use settings::{ClaimNames, IssuerNames, IssuerSettings, RoleMap, Settings, SettingsError, fhir_users};
pub use tls::{
    Acceptor, AcceptorSettings, Bundle, Clients, Clock, Dialler, DiallerSettings, Expect, HandshakeFailed, Line,
    Material, MaterialError, Peer, Pem, PemFiles, SpiffeId, TrustDomain,
};
pub use token::{Caller, DenyList, Named, Refused, Verifier};
