//! How late it can be at most. A wall clock that jumps far ahead would date a record there, and no later decision may be
//! earlier than a record: one wild jump would lock every caller out, for good. So such a date is not believed.

use lexicon::Time;
use std::time::Instant;

/// How far a record may be ahead of what has passed since the start. More than any time zone's mistake.
const AHEAD_MS: u64 = 24 * 3_600 * 1_000;

/// The time of the start, or of the last record if that is later, and what the monotonic clock said then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Horizon {
    from: Time,
    since: Instant,
}

impl Horizon {
    pub fn new(from: Time, since: Instant) -> Self {
        Self { from, since }
    }

    /// What time it should be by the monotonic clock.
    pub fn expected(&self, at: Instant) -> Time {
        let passed = at.saturating_duration_since(self.since).as_millis().try_into().unwrap_or(u64::MAX);
        Time::from_millis(self.from.millis().saturating_add(passed))
    }

    pub fn is_beyond(&self, time: Time, at: Instant) -> bool {
        is_far(self.expected(at), time)
    }
}

/// Does `later` lie more than a day behind `earlier`?
pub(crate) fn is_far(earlier: Time, later: Time) -> bool {
    later.millis() > earlier.millis().saturating_add(AHEAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_day_ahead_of_what_has_passed_is_believed_and_no_more() {
        let start = Instant::now();
        let horizon = Horizon::new(Time::from_seconds(1000), start);
        for (passed, time, expect) in [
            (0, 1000, false),
            (0, 0, false),
            (0, 1000 + 86_400, false),
            (0, 1001 + 86_400, true),
            (50, 1050 + 86_400, false),
            (50, 1051 + 86_400, true),
            (0, u64::MAX / 1000, true),
        ] {
            let at = start + Duration::from_secs(passed);
            assert_eq!(horizon.is_beyond(Time::from_seconds(time), at), expect, "{passed} {time}");
        }
        assert_eq!(horizon.expected(start + Duration::from_secs(9)), Time::from_seconds(1009));
    }
}
