//! This room keeps keys and uses them: keyed hashes (pseudonyms, answer salts) and the log's signature.
//! (Envelope encryption and key services come with their first use.)
//!
//! It knows: key files, key ids, HMAC-SHA-256, Ed25519.
//! It refuses to know: what the bytes mean.
//! It mints: [`Pseudonym`] (by [`PseudonymKeys`]), signatures (by [`LogKey`]).
//! If it fails: at start, with the key's path and what to do; never while serving.
//! Start reading at: [`PseudonymKeys`].

use std::path::Path;

/// Why a value is hashed. One key a purpose, so that equal values under two purposes cannot be linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose { Actor, Patient, Resource, Token, Address, Trace, Answer }

/// A keyed hash with the id of its key. Safe to record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pseudonym { pub key: [u8; 4], pub mac: [u8; 16] }

/// The keys of all purposes, from files of mode 0600 in one folder.
pub struct PseudonymKeys { _private: () }

#[derive(Debug, thiserror::Error)]
#[error("key: {0}")]
pub struct KeyError(String); // becomes an enum with hints: unreadable, wrong length, wrong mode, exists already

impl PseudonymKeys {
    /// Makes a fresh key for every purpose. Refuses a folder that already has one.
    pub fn create(_folder: &Path) -> Result<Self, KeyError> { todo!() }
    pub fn open(_folder: &Path) -> Result<Self, KeyError> { todo!() }
    /// HMAC-SHA-256(key of purpose, value), first 16 bytes.
    pub fn pseudonym(&self, _purpose: Purpose, _value: &[u8]) -> Pseudonym { todo!() }
    /// Full 32 bytes, for salts (Purpose::Answer).
    pub fn mac(&self, _purpose: Purpose, _value: &[u8]) -> [u8; 32] { todo!() }
}

/// The Ed25519 key that signs this log's checkpoints.
pub struct LogKey { _private: () }

impl LogKey {
    pub fn create(_path: &Path) -> Result<Self, KeyError> { todo!() }
    pub fn open(_path: &Path) -> Result<Self, KeyError> { todo!() }
    pub fn public(&self) -> [u8; 32] { todo!() }
    pub fn sign(&self, _message: &[u8]) -> [u8; 64] { todo!() }
}
