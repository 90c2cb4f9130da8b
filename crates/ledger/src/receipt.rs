use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// Nothing could be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the book cannot be written; see the health of the ledger")]
pub struct Outage;

/// What a receipt stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The leaf at the receipt's index is this record.
    Record,
    /// The leaf is a tally that licenses refusals in fixed words, and this one is counted by it.
    Tally,
}

/// Proof that a record is on disk. Not `Clone`; binds one digest.
#[derive(Debug)]
pub struct Receipt {
    index: u64,
    binds: [u8; 32],
    proof: Proof,
}

impl Receipt {
    /// The one mint. Called by the scribe, after the sync.
    pub(crate) fn mint(index: u64, binds: [u8; 32], proof: Proof) -> Self {
        Self { index, binds, proof }
    }

    pub fn index(&self) -> u64 {
        self.index
    }

    pub fn binds(&self) -> &[u8; 32] {
        &self.binds
    }

    pub fn proof(&self) -> Proof {
        self.proof
    }
}

pub(crate) type Answer = Result<Receipt, Outage>;

/// Resolves when the record is durable, or is known not to be. Owns nothing of the docket.
#[must_use = "the record is posted, but only awaiting this tells whether it is on disk"]
pub struct Pending(Option<oneshot::Receiver<Answer>>);

impl Pending {
    pub(crate) fn new(answer: oneshot::Receiver<Answer>) -> Self {
        Self(Some(answer))
    }

    /// What could not even be posted.
    pub(crate) fn failed() -> Self {
        Self(None)
    }
}

impl Future for Pending {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // A scribe that went away without an answer is an outage too.
            Some(answer) => Pin::new(answer).poll(cx).map(|answer| answer.unwrap_or(Err(Outage))),
            None => Poll::Ready(Err(Outage)),
        }
    }
}
