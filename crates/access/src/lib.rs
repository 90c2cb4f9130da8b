//! This room knows what callers have had over time: of how many different patients, within a window.
//!
//! It knows: who had whose data lately, by hashes that mean nothing outside this process.
//! It refuses to know: who a caller is, what was shown, clocks, entropy; time and salt are handed in.
//! It mints: [`Reservation`].
//! If it fails: newcomers are refused; whoever is known already keeps what they had. A restart forgets everything.
//! Start reading at: [`Budgets::reserve`].

mod budget;
mod window;

pub use budget::{Budgets, Limits, Owner, Refused, Reservation, Standing, Strength};
