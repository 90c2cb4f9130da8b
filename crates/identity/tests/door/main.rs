//! Who gets through the door and who does not, on real signatures and real TLS connections.

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod binding;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod house;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod standing;
#[cfg(test)]
mod versions;
