//! This room holds the words of the house: every noun a policy may test and a record may contain.
//!
//! It knows: names, their spelling on the wire, and which reason leads to which answer.
//! It refuses to know: I/O, async, JSON, tokens, engines, clocks.
//! It mints: nothing; every type here is plain data.
//! If it fails: it cannot; constructors that judge return `Option`.
//! Start reading at: [`Question`] (what the door asks) and [`Reason`] (why it says no).

mod action;
mod assurance;
mod facts;
mod halt;
mod local_id;
mod narrowing;
mod principal;
mod question;
mod reason;
mod resource_type;
mod station;
mod time;
mod trace;

pub use action::{Action, Interaction};
pub use assurance::Assurance;
pub use facts::{Facts, Judge, Reach, Shown, Verdict};
pub use halt::{Challenge, Halt};
pub use local_id::LocalId;
pub use narrowing::Narrowing;
pub use principal::{Kind, Principal};
pub use question::{Context, Question, Relationship};
pub use reason::{Actor, Reason};
pub use resource_type::ResourceType;
pub use station::Station;
pub use time::Time;
pub use trace::Trace;
