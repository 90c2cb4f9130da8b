//! The real binary, end to end: `lazaret up` in a fresh folder, requests over real TLS, evidence through the CLI.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod caller;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod drill;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod house;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod newcomer;
#[cfg(test)]
mod production;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod search;
#[cfg(test)]
mod tampering;
