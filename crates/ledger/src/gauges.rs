use lexicon::Time;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    Green,
    Red,
}

/// What the scribe tells of itself, for health and metrics. Holding it keeps nothing open.
#[derive(Debug, Default)]
pub struct Gauges {
    entries: AtomicU64,
    syncs: AtomicU64,
    last_sync_us: AtomicU64,
    open_seats: AtomicU64,
    tallied: AtomicU64,
    outages: AtomicU64,
    used_percent: AtomicU64,
    last_ms: AtomicU64,
    unsigned: AtomicBool,
    sink_behind: AtomicBool,
    poisoned: AtomicBool,
    reserve_spent: AtomicBool,
    clock_ahead: AtomicBool,
    ended: AtomicBool,
}

/// From here on the volume is called nearly full.
const NEARLY_FULL: u64 = 80;

impl Gauges {
    /// Leaves in the book.
    pub fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }

    pub fn syncs(&self) -> u64 {
        self.syncs.load(Relaxed)
    }

    pub fn last_sync_us(&self) -> u64 {
        self.last_sync_us.load(Relaxed)
    }

    /// Cases open now, closings not yet on disk included.
    pub fn open_seats(&self) -> u64 {
        self.open_seats.load(Relaxed)
    }

    /// Refusals counted in a tally rather than written in full.
    pub fn tallied(&self) -> u64 {
        self.tallied.load(Relaxed)
    }

    /// How often writing failed and had to be taken up again.
    pub fn outages(&self) -> u64 {
        self.outages.load(Relaxed)
    }

    pub fn used_percent(&self) -> u64 {
        self.used_percent.load(Relaxed)
    }

    pub fn health(&self) -> Health {
        let red = [&self.poisoned, &self.reserve_spent, &self.clock_ahead, &self.ended]
            .into_iter()
            .any(|flag| flag.load(Relaxed));
        if red { Health::Red } else { Health::Green }
    }

    /// One fixed phrase: what an operator should look at.
    pub fn detail(&self) -> &'static str {
        if self.ended.load(Relaxed) {
            "the ledger's writer has ended"
        } else if self.poisoned.load(Relaxed) {
            "the book cannot be written; trying again each second"
        } else if self.reserve_spent.load(Relaxed) {
            "the volume is full; the reserve is in use, and no new case is opened"
        } else if self.clock_ahead.load(Relaxed) {
            "the wall clock is more than a day ahead of what has passed; set it right, or restart if it is right now"
        } else if self.unsigned.load(Relaxed) {
            "the checkpoint cannot be written; trying again each second"
        } else if self.sink_behind.load(Relaxed) {
            "a checkpoint cannot be written where it is kept elsewhere; trying again each second"
        } else if self.used_percent() >= NEARLY_FULL {
            "the volume is more than 80 % full"
        } else {
            "writing"
        }
    }

    /// Time of the last record.
    pub(crate) fn last(&self) -> Time {
        Time::from_millis(self.last_ms.load(Relaxed))
    }

    pub(crate) fn seat_taken(&self) {
        self.open_seats.fetch_add(1, Relaxed);
    }

    pub(crate) fn seat_freed(&self) {
        self.open_seats.fetch_sub(1, Relaxed);
    }

    pub(crate) fn wrote(&self, entries: u64, last: Time) {
        self.entries.store(entries, Relaxed);
        self.last_ms.store(last.millis(), Relaxed);
    }

    pub(crate) fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Relaxed);
        self.last_sync_us.store(took.as_micros().try_into().unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn counted(&self) {
        self.tallied.fetch_add(1, Relaxed);
    }

    pub(crate) fn used(&self, percent: u8) {
        self.used_percent.store(u64::from(percent), Relaxed);
    }

    pub(crate) fn signing(&self, result: Result<(), ()>) {
        self.unsigned.store(result.is_err(), Relaxed);
    }

    pub(crate) fn sink_behind(&self, behind: bool) {
        self.sink_behind.store(behind, Relaxed);
    }

    pub(crate) fn broke(&self) {
        self.outages.fetch_add(1, Relaxed);
        self.poisoned.store(true, Relaxed);
    }

    pub(crate) fn mended(&self) {
        self.poisoned.store(false, Relaxed);
    }

    pub(crate) fn reserve_spent(&self) {
        self.reserve_spent.store(true, Relaxed);
    }

    pub(crate) fn reserve_held(&self) {
        self.reserve_spent.store(false, Relaxed);
    }

    pub(crate) fn clock_ahead(&self, ahead: bool) {
        self.clock_ahead.store(ahead, Relaxed);
    }

    pub(crate) fn ended(&self) {
        self.ended.store(true, Relaxed);
    }
}
