//! This room is the memory of the house: one writer, one log, receipts.
//!
//! It knows: the write-ahead log, group commit, the tree, checkpoints on disk, recovery, exclusive writing, pseudonymising.
//! It refuses to know: HTTP, FHIR, who is allowed what.
//! It mints: [`Receipt`] and [`Docket`].
//! If it fails: [`Outage`]; nothing is acknowledged that is not on disk. `Health` turns red, and recovers when the disk does.
//! Start reading at: [`Ledger`], then `scribe.rs`.

use evidence::Record;
use lexicon::{LocalId, Principal, ResourceType, Station, Time, Trace};
use std::{future::Future, net::IpAddr, path::PathBuf, pin::Pin, task::{Context, Poll}, time::Duration};

pub struct Settings {
    pub directory: PathBuf,
    pub origin: String,
    /// Most passages open at once.
    pub seats: usize,
    /// Of those, how many may be held by passages that are not authenticated yet.
    pub stranger_seats: usize,
    pub software: String,
}
pub struct Keys { pub pseudonyms: seal::PseudonymKeys, pub log: seal::LogKey }

#[derive(Debug, thiserror::Error)]
#[error("ledger: {0}")]
pub struct OpenError(String); // becomes an enum: missing (never created implicitly), locked, network file system, damaged at frame n, wrong origin ...

/// Shared handle. Cheap to clone? No: one owner, `Arc` it in wiring.
pub struct Ledger { _private: () }
/// Joins the scribe thread. Dropped last.
pub struct Scribe { _private: () }
impl Scribe { pub fn join(self) { todo!() } }

/// Nothing could be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage;

/// Proof that a record is on disk. Not `Clone`; binds one digest.
#[derive(Debug)]
pub struct Receipt { index: u64, binds: [u8; 32] }
impl Receipt {
    pub fn index(&self) -> u64 { self.index }
    pub fn binds(&self) -> &[u8; 32] { &self.binds }
}

/// Resolves when the record is durable, or is known not to be. Owns nothing of the docket.
#[must_use]
pub struct Pending { _private: () }
impl Future for Pending {
    type Output = Result<Receipt, Outage>;
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> { todo!() }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health { Green, Red }

impl Ledger {
    /// Makes a new, empty book. Refuses a folder that already holds one.
    pub fn create(_settings: &Settings, _keys: &Keys, _now: Time) -> Result<(), OpenError> { todo!() }
    /// Opens an existing book for writing: takes the lock, recovers the tail, starts the scribe thread.
    pub fn open(_settings: Settings, _keys: Keys, _now: Time) -> Result<(Self, Scribe), OpenError> { todo!() }
    /// Opens a case, waiting up to `patience` for a seat. `stranger` seats come from their own quota until
    /// [`Docket::caller`] moves the case to the seats of the known.
    pub async fn arrive(&self, _now: Time, _trace: Trace, _source: IpAddr, _patience: Duration) -> Result<Docket, Outage> { todo!() }
    /// A leaf outside any passage: Generation, ClockStep, Tally.
    pub fn note(&self, _record: Record) -> Pending { todo!() }
    pub fn health(&self) -> Health { todo!() }
}

/// The open case of one passage; moved from station to station. Dropped open, it records `Abandoned{station}`.
pub struct Docket { _private: () }
impl Docket {
    pub fn reach(&mut self, _station: Station) { todo!() }
    pub fn station(&self) -> Station { todo!() }
    pub fn trace(&self) -> Trace { todo!() }
    /// The record so far, for the fields that identify nobody. `leaf`, `time`, pseudonyms are overwritten by the ledger.
    pub fn draft(&mut self) -> &mut Record { todo!() }
    /// Fills actor, issuer, client, kind, assurance; moves the case from a stranger's seat to a known one's.
    /// Outage when no such seat is free within `patience`.
    pub async fn caller(&mut self, _principal: &Principal, _token: &[u8; 32], _now: Time, _patience: Duration) -> Result<(), Outage> { todo!() }
    pub fn foreign_trace(&mut self, _traceparent: &[u8]) { todo!() }
    pub fn resource(&mut self, _kind: ResourceType, _id: &LocalId) { todo!() }
    pub fn patient(&mut self, _id: &LocalId) { todo!() }
    /// Salt for the answer's digest: HMAC(answer key, trace). Recomputable by the holder of the key, useless without.
    pub fn salt(&self) -> [u8; 32] { todo!() }
    /// Posts `Closed` at once (before any await) and returns a future that borrows nothing. No second try.
    pub fn close(self, _now: Time, _answer: [u8; 32]) -> Pending { todo!() }
}
