//! This room keeps keys and uses them: keyed hashes (pseudonyms, answer salts) and the log's signature.
//! (Envelope encryption and key services come with their first use.)
//!
//! It knows: key files, key ids, HMAC-SHA-256, Ed25519.
//! It refuses to know: what the bytes mean.
//! It mints: [`Pseudonym`] (by [`PseudonymKeys`]), signatures (by [`LogKey`]).
//! If it fails: at start, with the key's path and what to do; never while serving.
//! Start reading at: [`PseudonymKeys`].

mod key_file;
mod log_key;
mod pseudonym;

pub use key_file::KeyError;
pub use log_key::LogKey;
pub use pseudonym::{Pseudonym, PseudonymKeys, Purpose};
