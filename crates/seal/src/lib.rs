//! This room keeps keys and uses them: keyed hashes (pseudonyms, answer salts), sealed cursors, the log's signature.
//! (Envelope encryption and key services come with their first use.)
//!
//! It knows: key files, key ids, HMAC-SHA-256, AES-256-GCM-SIV, Ed25519.
//! It refuses to know: what the bytes mean.
//! It mints: [`Pseudonym`] (by [`PseudonymKeys`]), signatures (by [`LogKey`]), sealed texts (by [`CursorKeys`]).
//! If it fails: at start, with the key's path and what to do; while serving only where the system gives no random bytes.
//! Start reading at: [`PseudonymKeys`].

mod cursor;
mod key_file;
mod log_key;
mod pseudonym;

pub use cursor::{CursorKeys, SealError};
pub use key_file::KeyError;
pub use log_key::LogKey;
pub use pseudonym::{Pseudonym, PseudonymKeys, Purpose};
