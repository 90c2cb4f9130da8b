//! Who gets through the door and who does not, on real signatures and real TLS connections.

#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod arbitrary;
mod binding;
mod handshakes;
mod providers;
mod refusals;
mod rotation;
mod stage;
