//! How a book is taken up again: after a crash, after a clean stop, and after a disk that failed and came back. One
//! function for all three, so that the rare way is the tested way.

use crate::frame::{Frame, Header};
use crate::volume::Volume;
use crate::walk::{Step, Stumble, Walk};
use evidence::{Checkpoint, DecodeError, Disclosed, Frontier, Head, Leaf, NoteError, Record, Verifier, leaf_hash};
use lexicon::{Time, Trace};
use std::collections::BTreeMap;
use std::io;

/// Why a book cannot be written on.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    #[error("the book's header cannot be read; restore the folder from a copy")]
    Header,
    #[error(
        "damaged at byte {offset} (leaf {index}), with leaves behind it that were on disk; keep a copy of the folder, restore the book from its copy or witness, or start a new book with `init` and keep this one as evidence"
    )]
    Middle { offset: u64, index: u64 },
    #[error("leaf {index} at byte {offset} is not a record ({error}); was the book written by a newer version?")]
    Leaf { offset: u64, index: u64, error: DecodeError },
    #[error(
        "the book has {held} leaves, but its checkpoint signed {signed}: its end is missing; restore it from a copy, or start a new book with `init` and keep this one as evidence"
    )]
    Short { held: u64, signed: u64 },
    #[error(
        "the first {size} leaves are not those that the checkpoint signed; the book was changed: keep it as evidence"
    )]
    Changed { size: u64 },
    #[error(
        "the book has {held} leaves, but a checkpoint of {size} is kept elsewhere: the book was put back to an older state; restore its newest copy, or start a new book with `init` and keep both as evidence"
    )]
    Behind { held: u64, size: u64 },
    #[error("the book has no checkpoint; put back the newest you have: without one its end cannot be told from a cut")]
    NoCheckpoint,
    #[error("the checkpoint beside the book does not hold")]
    Checkpoint(#[from] NoteError),
    #[error(
        "its last record is of {last}, more than a day after now ({now}); no decision is earlier than a record: set the clock right, or, if the record is wrong, start a new book with `init` and keep this one as evidence"
    )]
    Ahead { last: Time, now: Time },
    #[error("the folder cannot be read or written")]
    Io(#[from] io::Error),
}

impl From<Stumble> for Damage {
    fn from(stumble: Stumble) -> Self {
        match stumble {
            Stumble::Middle { offset, index } => Self::Middle { offset, index },
            Stumble::Io(error) => Self::Io(error),
        }
    }
}

/// What a book holds, after its torn tail was cut off and the rest made durable.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub header: Header,
    pub frontier: Frontier,
    /// Bytes of the book.
    pub length: u64,
    /// Bytes that were cut off.
    pub torn: u64,
    /// Epoch and time of the last leaf.
    pub epoch: u64,
    pub last: Time,
    /// Size of the tree that the checkpoint beside the book has.
    pub signed: u64,
    /// Passages that began to cause something and never closed.
    pub open: BTreeMap<[u8; 16], Record>,
}

/// Reads everything, cuts what is torn, and writes what no checkpoint covers once more in place: after a failed sync
/// the system may hold pages that look written and are not on disk, and only writing them again gets them there.
///
/// `kept` are heads that were kept elsewhere: a book that does not hold them is left as it is.
pub(crate) fn recover(volume: &mut impl Volume, verifier: &Verifier, kept: &[Head]) -> Result<Recovered, Damage> {
    let note = volume.checkpoint()?.ok_or(Damage::NoCheckpoint)?;
    let signed = Checkpoint::open(&note, verifier)?;
    let (mut found, settled) = read(volume, &signed, kept)?;
    let length = volume.length()?;
    found.torn = length.saturating_sub(found.length);
    if found.torn > 0 {
        volume.truncate(found.length)?;
    }
    rewrite(volume, settled, found.length)?;
    volume.sync()?;
    Ok(found)
}

/// Reads all leaves; the second value is the offset up to which the checkpoint covers them.
fn read(volume: &impl Volume, signed: &Checkpoint, kept: &[Head]) -> Result<(Recovered, u64), Damage> {
    let mut walk = Walk::open(volume.read()?)?.ok_or(Damage::Header)?;
    let mut found = Recovered {
        header: walk.header().clone(),
        frontier: Frontier::default(),
        length: walk.offset(),
        torn: 0,
        epoch: 0,
        last: Time::default(),
        signed: signed.tree.size,
        open: BTreeMap::new(),
    };
    let mut settled = None;
    loop {
        if found.frontier.size() == signed.tree.size {
            if found.frontier.root() != signed.tree.root {
                return Err(Damage::Changed { size: signed.tree.size });
            }
            settled = Some(found.length);
        }
        let size = found.frontier.size();
        if kept.iter().any(|head| head.size == size && head.root != found.frontier.root()) {
            return Err(Damage::Changed { size });
        }
        match walk.next()? {
            Step::Leaf(frame) => found.take(&frame)?,
            Step::End => break,
        }
    }
    let held = found.frontier.size();
    let ahead = kept.iter().map(|head| head.size).max().filter(|size| *size > held);
    let short = Damage::Short { held: found.frontier.size(), signed: signed.tree.size };
    let settled = settled.ok_or(short)?;
    ahead.map_or(Ok((found, settled)), |size| Err(Damage::Behind { held, size }))
}

impl Recovered {
    fn take(&mut self, frame: &Frame) -> Result<(), Damage> {
        let (index, offset) = (self.frontier.size(), frame.offset);
        let record = Record::decode(&frame.leaf).map_err(|error| Damage::Leaf { offset, index, error })?;
        self.frontier.push(leaf_hash(&frame.leaf));
        self.length = frame.end();
        self.epoch = frame.place.epoch;
        self.last = self.last.max(record.time);
        self.follow(record);
        Ok(())
    }

    fn follow(&mut self, mut record: Record) {
        let Some(trace) = record.trace.as_ref().map(Trace::bytes).copied() else { return };
        match record.leaf {
            Leaf::Intent => {
                self.open.insert(trace, record);
            }
            // A write whose answer is long is still a write.
            Leaf::Began | Leaf::Disclosing => {
                record.disclosed = Disclosed::default();
                self.open.entry(trace).or_insert(record);
            }
            Leaf::Closed | Leaf::Abandoned | Leaf::Interrupted => {
                self.open.remove(&trace);
            }
            _ => {}
        }
    }
}

fn rewrite(volume: &mut impl Volume, from: u64, to: u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).map_or(buffer.len(), |rest| rest.min(buffer.len()));
        let part = buffer.get_mut(..length).unwrap_or_default();
        volume.read_at(at, part)?;
        volume.write_at(at, part)?;
        at += length as u64;
    }
    Ok(())
}
