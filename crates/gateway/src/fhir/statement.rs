//! The upstream's statement of itself, rebuilt by allow-list, kept for a minute. It is public and the same for all.

use super::Upstream;
use ::fhir::capability::{About, rewrite};
use bytes::Bytes;
use lexicon::Time;
use passage::{Moment, Told};
use std::sync::{Mutex, PoisonError};

const MAX_AGE_S: u64 = 60;

/// No honest statement is longer.
const BYTES: usize = 4 << 20;

#[derive(Default)]
pub(super) struct Statement(Mutex<Option<(Time, Bytes)>>);

impl Statement {
    pub async fn current(&self, upstream: &Upstream, about: &About, moment: Moment) -> Told<Bytes> {
        if let Some(kept) = self.kept(moment.now) {
            return Told::new(Ok(kept));
        }
        let Told { notes, outcome } = upstream.document("/metadata", moment.trace, BYTES).await;
        let outcome = outcome.and_then(|document| {
            let statement = Bytes::from(rewrite(&document, about)?);
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment.now, statement.clone()));
            Ok(statement)
        });
        Told { notes, outcome }
    }

    fn kept(&self, now: Time) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After a clock that went back, what was kept is of no known age.
        kept.as_ref().filter(|(at, _)| *at <= now && now.seconds_since(*at) < MAX_AGE_S).map(|(_, kept)| kept.clone())
    }
}
