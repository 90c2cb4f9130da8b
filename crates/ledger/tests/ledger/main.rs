//! The ledger from outside, on real folders.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod document;
#[cfg(test)]
mod forger;
#[cfg(test)]
mod house;
#[cfg(test)]
mod long;
#[cfg(test)]
mod passages;
#[cfg(test)]
mod sinks;
