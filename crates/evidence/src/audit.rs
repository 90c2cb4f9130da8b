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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Hash, Leaf, root};

    fn leaves() -> Vec<Vec<u8>> {
        (0..20).map(|n| Record::new(Leaf::Closed, Time::from_seconds(n)).encode()).collect()
    }

    fn checkpoint(leaves: &[Vec<u8>]) -> Checkpoint {
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        Checkpoint { origin: "book".into(), tree: Head { size: leaves.len() as u64, root: root(&hashes) } }
    }

    fn check(leaves: &[Vec<u8>], checkpoints: &[Checkpoint]) -> Result<Head, Difference> {
        let mut audit = Audit::new(checkpoints);
        leaves.iter().try_for_each(|leaf| audit.leaf(leaf).map(|_| ()))?;
        audit.finish()
    }

    #[test]
    fn a_book_agrees_with_every_checkpoint_of_its_own() {
        let book = leaves();
        let checkpoints: Vec<_> = [7, 20, 1, 7].map(|size| checkpoint(&book[..size])).into();
        assert_eq!(check(&book, &checkpoints), Ok(checkpoint(&book).tree));
        assert_eq!(check(&[], &[]).map(|tree| tree.size), Ok(0));
    }

    #[test]
    fn the_first_difference_lies_between_two_checkpoints() {
        let book = leaves();
        let kept: Vec<_> = [5, 10, 20].map(|size| checkpoint(&book[..size])).into();
        let mut changed = book.clone();
        changed[7] = Record::new(Leaf::Abandoned, Time::from_seconds(7)).encode();
        assert_eq!(check(&changed, &kept), Err(Difference::Root { from: 5, size: 10 }));
        changed = book.clone();
        changed.remove(12);
        assert_eq!(check(&changed, &kept), Err(Difference::Short { held: 19, signed: 20 }));
        changed.push(Record::new(Leaf::Closed, Time::from_seconds(30)).encode());
        assert_eq!(check(&changed, &kept), Err(Difference::Root { from: 10, size: 20 }));
    }

    #[test]
    fn leaves_that_no_writer_writes_are_named() {
        let mut book = leaves();
        book.swap(3, 4);
        assert_eq!(check(&book, &[]), Err(Difference::Time { index: 4 }));
        book[2].push(0);
        assert!(matches!(check(&book, &[]), Err(Difference::Leaf { index: 2, .. })));
    }
}
