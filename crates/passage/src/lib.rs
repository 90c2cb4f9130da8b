//! This room is the door (what the field calls a PEP): one request in, one recorded answer out.
//!
//! It knows: listeners, the states of a passage, the one driver, limits, what the log line and the metrics say.
//! It refuses to know: FHIR, upstreams, how a token is verified, how a policy decides, where the book lies.
//! It mints: [`Recorded`] and [`Silence`].
//! If it fails: nothing leaves. An outage of the book hangs up the connection; a bug ends only its stream.
//! Start reading at: [`pass`], then `states.rs`.

mod admin;
mod allowance;
mod answer;
mod challenge;
mod clock;
mod connection;
mod desk;
mod driver;
mod form;
mod gather;
mod gcra;
mod headers;
mod limits;
mod listener;
mod outgoing;
mod permitted;
mod plans;
mod pump;
mod road;
mod sealed;
mod states;
mod tally;
mod telemetry;
mod validator;

pub use admin::{Admin, listen_admin};
pub use clock::Clock;
pub use desk::{Desk, Generation, House, Settings};
pub use driver::{Arrival, Client, Stop, pass};
pub use gcra::Rate;
pub use limits::{Limits, Timeouts};
pub use listener::{Deadline, listen};
pub use plans::Plans;
pub use pump::Pump;
pub use road::{
    Answer, Class, Classes, Disclosed, Further, Moment, Need, Notes, Refusal, Road, Sight, Told, Validator, Whole,
    Words, Yield,
};
pub use sealed::{Recorded, Reply, Silence};
pub use states::{Authenticated, Authorized, Declared, Filtered, Forwarded, Halted, Informed, Read, Received};
pub use telemetry::Telemetry;
