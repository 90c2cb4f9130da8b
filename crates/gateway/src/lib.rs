//! This room holds the roads: they speak a protocol towards an upstream, and nothing else.
//!
//! It knows: how a FHIR request is rebuilt, forwarded, checked and reduced; how an upstream is reached and pooled.
//! It refuses to know: client sockets, how callers are verified, how a policy decides, the book.
//! It mints: [`Filtrate`](fhir::Filtrate).
//! If it fails: a [`lexicon::Reason`], recorded by the door; a relationship that cannot be looked up is none.
//! Start reading at: [`fhir::Fhir`], then `fhir/road.rs`.

pub mod dial;
pub mod fetch;
pub mod fhir;
mod wire;

pub use dial::{Destination, Dial, DialFailed, Dialled, Hop, Stream};
pub use fetch::{Fetch, FetchError};
