//! Connections that end without a record of their own are counted, by outcome, into one leaf a window (decision 3).

use crate::desk::Desk;
use evidence::{Leaf, Record};
use ledger::Outage;
use lexicon::{Reason, Station};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How an accepted TCP connection ended, where no record says so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    /// The TLS handshake failed: the alert, "timeout" or "closed".
    Handshake(&'static str),
    /// The address had too many new or open connections; closed before the handshake.
    Connections,
    /// A stranger's request beyond every limit; the connection was hung up on.
    Surplus,
    /// Handshake done, then no request.
    Unused,
    /// What came was not HTTP; the HTTP library answered with a status at most.
    Protocol,
}

impl End {
    fn reason(self) -> Option<Reason> {
        match self {
            Self::Connections | Self::Surplus => Some(Reason::LimitAddress),
            Self::Protocol => Some(Reason::RequestMalformed),
            Self::Handshake(_) | Self::Unused => None,
        }
    }

    pub fn code(self) -> String {
        match self {
            Self::Handshake(alert) => format!("handshake: {alert}"),
            Self::Connections => "limit: connections".to_owned(),
            Self::Surplus => "limit: strangers".to_owned(),
            Self::Unused => "unused".to_owned(),
            Self::Protocol => "protocol".to_owned(),
        }
    }
}

#[derive(Default)]
pub(crate) struct Tallies(Mutex<BTreeMap<End, u64>>);

impl Tallies {
    pub fn count(&self, end: End) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(end).or_insert(0) += 1;
    }

    fn take(&self) -> BTreeMap<End, u64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, end: End, count: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(end).or_insert(0) += count;
    }
}

impl Desk {
    pub(crate) fn ended(&self, end: End) {
        self.tallies.count(end);
        self.telemetry.ended(end);
    }

    /// Writes what was counted since the last time: one leaf an outcome. What cannot be written is counted on.
    pub(crate) async fn write_tallies(&self) -> Result<(), Outage> {
        let window_s = self.settings.timeouts.tally.as_secs();
        let mut result = Ok(());
        for (end, count) in self.tallies.take() {
            let mut record = Record::new(Leaf::Tally, self.clock.now());
            record.station = Some(Station::Arrive);
            record.zone = Some(self.settings.zone.clone());
            record.client_tls = Some(end.code());
            record.reason = end.reason();
            record.count = Some(count);
            record.window_s = Some(window_s);
            if let Err(outage) = self.ledger.note(record).await {
                self.tallies.give_back(end, count);
                result = Err(outage);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_outcome_and_forgets_nothing_that_was_not_written() {
        let tallies = Tallies::default();
        for end in [End::Unused, End::Handshake("timeout"), End::Unused] {
            tallies.count(end);
        }
        let taken = tallies.take();
        assert_eq!(taken, BTreeMap::from([(End::Unused, 2), (End::Handshake("timeout"), 1)]));
        tallies.count(End::Unused);
        tallies.give_back(End::Unused, 2);
        assert_eq!(tallies.take(), BTreeMap::from([(End::Unused, 3)]));
    }
}
