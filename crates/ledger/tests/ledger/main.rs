//! The ledger from outside, on real folders.

mod house;
mod passages;
