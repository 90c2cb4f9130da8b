//! Rates by key: the generic cell rate algorithm (ITU-T I.371), one instant a key, memory bounded.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So many in a period; at most `burst` of them at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    pub count: u32,
    pub period_s: u32,
    pub burst: u32,
}

/// One bucket a key. When `capacity` keys are alive, newcomers share one bucket: whoever is already known keeps theirs.
pub(crate) struct Gcra<K> {
    interval: Duration,
    tolerance: Duration,
    capacity: usize,
    cells: Mutex<Cells<K>>,
}

struct Cells<K> {
    /// When the bucket of a key will be full again ("theoretical arrival time").
    due: HashMap<K, Instant>,
    crowd: Option<Instant>,
    /// When the map may next be swept, so that sweeping cannot be provoked by every newcomer.
    sweep: Option<Instant>,
}

/// What is left in a bucket, and the seconds until it is full again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Allowance {
    pub remaining: u32,
    pub reset_s: u64,
}

impl<K: Hash + Eq> Gcra<K> {
    pub fn new(rate: Rate, capacity: usize) -> Self {
        let interval = Duration::from_secs(u64::from(rate.period_s.max(1))) / rate.count.max(1);
        let tolerance = interval.saturating_mul(rate.burst.max(1) - 1);
        let cells = Mutex::new(Cells { due: HashMap::new(), crowd: None, sweep: None });
        Self { interval, tolerance, capacity, cells }
    }

    /// Takes one from the key's bucket, or says how long to wait.
    pub fn charge(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cells.due.contains_key(&key);
        if !known && cells.due.len() >= self.capacity && cells.sweep.is_none_or(|at| at <= now) {
            cells.due.retain(|_, due| *due > now);
            cells.sweep = Some(now + Duration::from_secs(1));
        }
        if known || cells.due.len() < self.capacity {
            return self.take(cells.due.entry(key).or_insert(now), now);
        }
        self.take(cells.crowd.get_or_insert(now), now)
    }

    /// Would the next charge be refused?
    pub fn is_spent(&self, key: &K, now: Instant) -> bool {
        self.ahead(key, now) > self.tolerance
    }

    pub fn allowance(&self, key: &K, now: Instant) -> Allowance {
        let ahead = self.ahead(key, now);
        let free = (self.tolerance + self.interval).saturating_sub(ahead);
        let remaining = free.as_nanos() / self.interval.as_nanos().max(1);
        let reset_s = ahead.as_secs() + u64::from(ahead.subsec_nanos() > 0);
        Allowance { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset_s }
    }

    fn ahead(&self, key: &K, now: Instant) -> Duration {
        let cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match cells.due.get(key) {
            Some(due) => Some(*due),
            None if cells.due.len() >= self.capacity => cells.crowd,
            None => None,
        };
        due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))
    }

    fn take(&self, due: &mut Instant, now: Instant) -> Result<(), Duration> {
        let ahead = due.saturating_duration_since(now);
        if ahead > self.tolerance {
            return Err(ahead - self.tolerance);
        }
        *due = now + ahead + self.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { count: 2, period_s: 1, burst: 3 };
    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn a_burst_then_the_rate() {
        let (gcra, t) = (Gcra::new(RATE, 10), Instant::now());
        for remaining in [3, 2, 1] {
            assert!(!gcra.is_spent(&1, t));
            assert_eq!(gcra.allowance(&1, t).remaining, remaining);
            assert_eq!(gcra.charge(1, t), Ok(()));
        }
        assert!(gcra.is_spent(&1, t));
        assert_eq!(gcra.allowance(&1, t), Allowance { remaining: 0, reset_s: 2 });
        assert_eq!(gcra.charge(1, t), Err(HALF));
        assert_eq!(gcra.charge(2, t), Ok(()), "another key has its own bucket");
        assert_eq!(gcra.charge(1, t + HALF), Ok(()));
        assert!(gcra.charge(1, t + HALF).is_err());
    }

    #[test]
    fn when_full_newcomers_share_and_the_known_keep_theirs() {
        let (gcra, t) = (Gcra::new(RATE, 2), Instant::now());
        for key in [1, 2] {
            assert_eq!(gcra.charge(key, t), Ok(()));
        }
        for key in 10..13 {
            assert_eq!(gcra.charge(key, t), Ok(()));
        }
        assert!(gcra.charge(13, t).is_err(), "the crowd's bucket is empty");
        assert!(gcra.is_spent(&14, t));
        assert_eq!(gcra.charge(1, t), Ok(()));
        assert_eq!(gcra.cells.lock().expect("test").due.len(), 2, "memory is bounded");
        // Buckets that are full again are forgotten, and make room.
        assert_eq!(gcra.charge(14, t + HALF * 8), Ok(()));
        assert_eq!(gcra.cells.lock().expect("test").due.len(), 1);
    }

    proptest::proptest! {
        /// Over any sequence of arrivals, no key gets more than its burst plus what its rate refilled.
        #[test]
        fn never_more_than_burst_and_rate(gaps in proptest::collection::vec(0u64..400, 1..200)) {
            let (gcra, start) = (Gcra::new(RATE, 4), Instant::now());
            let (mut at, mut passed) = (start, 0u128);
            for gap in gaps {
                at += Duration::from_millis(gap);
                passed += u128::from(gcra.charge(7, at).is_ok());
                let refilled = at.duration_since(start).as_millis() / 500;
                proptest::prop_assert!(passed <= 3 + refilled);
            }
        }
    }
}
