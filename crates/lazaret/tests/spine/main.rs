//! The real binary, end to end: `lazaret up` in a fresh folder, requests over real TLS, evidence through the CLI.

mod answers;
mod caller;
mod canaries;
mod disk;
mod flood;
mod foreign;
mod house;
mod kills;
mod newcomer;
mod production;
mod refusals;
mod reload;
mod tampering;
