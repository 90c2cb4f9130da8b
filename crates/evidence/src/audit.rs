//! The verifier: reads every leaf of a book again and compares what it finds with checkpoints.

use crate::cbor::DecodeError;
use crate::tree::{Frontier, Head, leaf_hash};
use crate::{Checkpoint, Record};
use lexicon::Time;

/// The first thing that does not fit.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Difference {
    #[error("leaf {index} is not a record: {error}")]
    Leaf { index: u64, error: DecodeError },
    #[error("leaf {index} is earlier than the leaf before it; a writer never does that")]
    Time { index: u64 },
    #[error(
        "the book has {held} leaves but a checkpoint signed {signed}: leaves were removed from its end, or the checkpoint is another book's"
    )]
    Short { held: u64, signed: u64 },
    #[error(
        "the first {size} leaves are not those the checkpoint signed: a leaf from {from} on was changed, removed, added or moved"
    )]
    Root {
        /// Leaves below this index agree with a smaller checkpoint.
        from: u64,
        size: u64,
    },
}

/// A running verification. Feed it every leaf in order; [`Audit::finish`] compares what is left.
pub struct Audit {
    /// Still to be met, largest size first.
    awaited: Vec<Head>,
    frontier: Frontier,
    agreed: u64,
    last: Time,
}

impl Audit {
    pub fn new(checkpoints: &[Checkpoint]) -> Self {
        let mut awaited: Vec<_> = checkpoints.iter().map(|checkpoint| checkpoint.tree).collect();
        awaited.sort_by_key(|tree| std::cmp::Reverse(tree.size));
        Self { awaited, frontier: Frontier::default(), agreed: 0, last: Time::default() }
    }

    /// Takes the next leaf and returns the record it holds.
    pub fn leaf(&mut self, leaf: &[u8]) -> Result<Record, Difference> {
        self.compare()?;
        let index = self.frontier.size();
        let record = Record::decode(leaf).map_err(|error| Difference::Leaf { index, error })?;
        if record.time < self.last {
            return Err(Difference::Time { index });
        }
        self.last = record.time;
        self.frontier.push(leaf_hash(leaf));
        Ok(record)
    }

    /// The tree over all leaves, if every checkpoint was met.
    pub fn finish(mut self) -> Result<Head, Difference> {
        self.compare()?;
        let held = self.frontier.size();
        match self.awaited.last() {
            Some(tree) => Err(Difference::Short { held, signed: tree.size }),
            None => Ok(Head { size: held, root: self.frontier.root() }),
        }
    }

    fn compare(&mut self) -> Result<(), Difference> {
        let size = self.frontier.size();
        while let Some(tree) = self.awaited.pop_if(|tree| tree.size == size) {
            if tree.root != self.frontier.root() {
                return Err(Difference::Root { from: self.agreed, size });
            }
            self.agreed = size;
        }
        Ok(())
    }
}
