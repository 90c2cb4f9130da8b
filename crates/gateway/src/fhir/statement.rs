//! The upstream's statement of itself, rebuilt by allow-list, kept for a minute. It is public and the same for all, so
//! strangers may ask for it: however many do, the upstream is asked by one of them at a time, and after a failure not
//! again for some seconds.

use super::Upstream;
use ::fhir::capability::{About, rewrite};
use bytes::Bytes;
use lexicon::{Halt, Reason, Time};
use passage::{Moment, Told};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

const MAX_AGE_S: u64 = 60;

/// A failure is the answer for this long.
const FAILURE_AGE_S: u64 = 5;

/// No honest statement is longer.
const BYTES: usize = 4 << 20;

#[derive(Default)]
pub(super) struct Statement {
    /// Held while the upstream is asked.
    kept: Mutex<Option<Kept>>,
    /// How often that has been done.
    asked: AtomicU64,
}

struct Kept {
    at: Time,
    outcome: Result<Bytes, Reason>,
}

impl Statement {
    pub async fn current(&self, upstream: &Upstream, about: &About, moment: Moment) -> Told<Bytes> {
        let before = self.asked.load(Ordering::Relaxed);
        let mut kept = self.kept.lock().await;
        // What came while this one waited is news to it, also if that took longer than news are kept.
        let has_waited = self.asked.load(Ordering::Relaxed) != before;
        if let Some(kept) = kept.as_ref().filter(|kept| has_waited || kept.is_fresh(moment.now)) {
            return Told::new(kept.outcome.clone().map_err(Halt::new));
        }
        let Told { notes, outcome } = upstream.document("/metadata", moment.trace, BYTES).await;
        let rewritten = |document: Vec<u8>| rewrite(&document, about).map(Bytes::from);
        let outcome = outcome.map_err(|halt| halt.reason).and_then(rewritten);
        *kept = Some(Kept { at: moment.now, outcome: outcome.clone() });
        self.asked.fetch_add(1, Ordering::Relaxed);
        Told { notes, outcome: outcome.map_err(Halt::new) }
    }
}

impl Kept {
    fn is_fresh(&self, now: Time) -> bool {
        let most = if self.outcome.is_ok() { MAX_AGE_S } else { FAILURE_AGE_S };
        // After a clock that went back, what was kept is of no known age.
        self.at <= now && now.seconds_since(self.at) < most
    }
}
