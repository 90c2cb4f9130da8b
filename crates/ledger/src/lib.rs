//! This room is the memory of the house: one writer, one log, receipts.
//!
//! It knows: the write-ahead log, group commit, the tree, checkpoints on disk and elsewhere, recovery, exclusive writing, pseudonymising.
//! It refuses to know: HTTP, FHIR, who is allowed what.
//! It mints: [`Receipt`] and [`Docket`].
//! If it fails: [`Outage`]; nothing is acknowledged that is not on disk. `Health` turns red, and recovers when the disk does.
//! Start reading at: [`Ledger`], then `scribe.rs`.

mod book;
mod course;
mod docket;
mod frame;
mod gauges;
mod horizon;
mod ledger;
mod reader;
mod receipt;
mod recovery;
mod scribe;
#[cfg(test)]
mod simulation;
mod sinks;
mod tally;
mod tuning;
mod volume;
mod walk;

pub use docket::{Docket, Named};
pub use gauges::{Gauges, Health};
pub use ledger::{Keys, Ledger, OpenError, Settings};
pub use reader::{Against, Entry, ReadError, Reader, Report, VerifyError, prove, verify};
pub use receipt::{Outage, Pending, Proof, Receipt};
pub use recovery::Damage;
pub use scribe::Scribe;
pub use sinks::SinkError;
pub use tuning::{Strangers, Tuning};
