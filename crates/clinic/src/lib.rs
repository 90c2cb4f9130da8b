//! This room is a small FHIR R4 server with synthetic patients: the default upstream of `up`, and the world of tests.
//!
//! It knows: every resource of a world as a function of a seed, reads, histories and searches, and traps laid on purpose.
//! It refuses to know: the gateway in front of it, who asks on whose behalf, policy, the book. It is a visitor.
//! It mints: nothing.
//! If it fails: an answer is an OperationOutcome; a peer that is not the gateway is hung up on.
//! Start reading at: [`World`], then [`Clinic::serve`]; the traps are in `traps.rs`.

mod answer;
mod chart;
mod criterion;
mod dice;
mod faults;
mod key;
mod label;
mod names;
mod person;
mod search;
mod serve;
mod text;
mod traps;
mod world;

pub use answer::{GONE, PATH};
pub use faults::{Fault, Faults, Seen};
pub use key::{DEPARTMENTS, Held, Key};
pub use label::{Label, Sensitivity};
pub use names::CANARY;
pub use serve::{Clinic, Gate};
pub use traps::{BASE, GROUPS, LISTS, TRAPS, UNLABELLED};
pub use world::{Census, World, WorldError};
