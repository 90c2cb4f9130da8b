//! This room attacks FHIR gateways: a public corpus of requests that would leak, and a runner that judges the answers.
//!
//! It knows: the corpus (`corpus/*.toml`), a description of one target, HTTP from the outside.
//! It refuses to know: how any gateway works inside; it sees what a client sees. It is a visitor.
//! It mints: nothing.
//! If it fails: an attack that could not be carried out is `unclear`, never `held`.
//! Start reading at: [`run`], then [`Attack`]; `docs/drill.md` has the format.

mod ask;
mod attack;
mod judge;
mod normal;
mod question;
mod report;
mod run;
mod target;

pub use attack::{Attack, Class, Corpus, CorpusError, Entries, Request, Statuses, Twin};
pub use report::{Finding, Report, Tally, Verdict};
pub use run::{Limits, Permission, Refused, Run, run};
pub use target::{Target, TargetError};
