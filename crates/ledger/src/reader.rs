//! Reading a book, also while its writer lives. Needs no key and no lock, and changes nothing.

use crate::frame::Frame;
use crate::volume;
use crate::walk::{Step, Stumble, Walk};
use evidence::{
    Audit, Checkpoint, DecodeError, Difference, Head, NoteError, Record, Verifier, inclusion_proof, leaf_hash,
};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("no book in `{}`; is the path right?", .directory.display())]
    Missing { directory: PathBuf },
    #[error("the book's header cannot be read; is it a book, and whole?")]
    Header,
    #[error("the book is damaged at byte {offset} (leaf {index}), with leaves behind it that were on disk")]
    Damaged { offset: u64, index: u64 },
    #[error("the book cannot be read")]
    Io(#[from] io::Error),
}

/// One leaf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub index: u64,
    pub epoch: u64,
    /// The bytes that the tree hashes.
    pub leaf: Vec<u8>,
}

impl Entry {
    pub fn record(&self) -> Result<Record, DecodeError> {
        Record::decode(&self.leaf)
    }
}

impl From<Frame> for Entry {
    fn from(frame: Frame) -> Self {
        Self { index: frame.place.index, epoch: frame.place.epoch, leaf: frame.leaf }
    }
}

/// Iterates over all whole leaves. The last ones may not be on disk yet: a reader may see more than a crash leaves,
/// never less. Ends at a torn tail, which a live writer may just be completing.
pub struct Reader {
    directory: PathBuf,
    walk: Walk<File>,
    ended: bool,
}

impl Reader {
    pub fn open(directory: &Path) -> Result<Self, ReadError> {
        let file = match volume::book(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadError::Missing { directory: directory.into() });
            }
            opened => opened?,
        };
        let walk = Walk::open(file)?.ok_or(ReadError::Header)?;
        Ok(Self { directory: directory.into(), walk, ended: false })
    }

    pub fn origin(&self) -> &str {
        &self.walk.header().origin
    }

    /// The verifier key that the book names itself by. Proof of nothing: compare it with one kept elsewhere.
    pub fn key(&self) -> &str {
        &self.walk.header().key
    }

    fn step(&mut self) -> Result<Option<Entry>, ReadError> {
        let step = match self.walk.next() {
            // A live writer may have completed the frame after it was read half. Only what is still broken is damage.
            Err(Stumble::Middle { offset, .. }) => {
                let mut file = volume::book(&self.directory)?;
                file.seek(SeekFrom::Start(offset))?;
                self.walk.resume(file, offset);
                self.walk.next()
            }
            step => step,
        };
        match step {
            Ok(Step::Leaf(frame)) => Ok(Some(frame.into())),
            Ok(Step::End) => Ok(None),
            Err(Stumble::Middle { offset, index }) => Err(ReadError::Damaged { offset, index }),
            Err(Stumble::Io(error)) => Err(error.into()),
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.step().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// What a book is compared with, beside its own checkpoint.
#[derive(Clone, Copy, Default, Debug)]
pub struct Against<'a> {
    /// A signed checkpoint that was kept elsewhere.
    pub since: Option<&'a str>,
    /// The log's verifier key, from elsewhere. Without it the book's own word is taken.
    pub key: Option<&'a str>,
}

/// What a verified book is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    pub origin: String,
    /// The verifier key that the checkpoints were checked with.
    pub key: String,
    /// The tree over all leaves that were read.
    pub tree: Head,
    /// Size of the tree that the checkpoint beside the book signs, and of the one kept elsewhere.
    pub signed: u64,
    pub since: Option<u64>,
    /// The checkpoint beside the book that the leaves were compared with, verbatim: what to keep elsewhere.
    pub checkpoint: String,
    /// Times the book was opened for writing after it was made.
    pub epoch: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Difference(#[from] Difference),
    #[error("the given verifier key")]
    Key(#[source] NoteError),
    #[error("the checkpoint beside the book")]
    Beside(#[source] NoteError),
    #[error("the checkpoint kept elsewhere")]
    Elsewhere(#[source] NoteError),
    #[error("the book is called `{found}`, but the key is that of `{expected}`")]
    Origin { found: String, expected: String },
    #[error("there is no checkpoint beside the book; a book always has one: it was removed")]
    NoCheckpoint,
    #[error("leaf {index} is not in the signed tree of {size} leaves; if it is new, try again in a second")]
    Unsigned { index: u64, size: u64 },
}

/// Reads a whole book again and compares it with its own checkpoint and with what was kept elsewhere.
pub fn verify(directory: &Path, against: Against<'_>) -> Result<Report, VerifyError> {
    // Before the leaves: a writer that lives may sign a larger tree at any time.
    let (reader, verifier, beside, checkpoint) = signed(directory, against.key)?;
    let since = against.since.map(|note| Checkpoint::open(note, &verifier).map_err(VerifyError::Elsewhere));
    let since = since.transpose()?;
    let (origin, key) = (reader.origin().to_owned(), verifier.to_string());
    let mut audit = Audit::new(&[Some(&beside), since.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>());
    let mut epoch = 0;
    for entry in reader {
        let entry = entry?;
        audit.leaf(&entry.leaf)?;
        epoch = entry.epoch;
    }
    let tree = audit.finish()?;
    let (signed, since) = (beside.tree.size, since.map(|since| since.tree.size));
    Ok(Report { origin, key, tree, signed, since, checkpoint, epoch })
}

/// A proof, checkable offline, that the leaf at `index` is in the tree that the checkpoint beside the book signs.
pub fn prove(directory: &Path, index: u64) -> Result<evidence::Proof, VerifyError> {
    let (reader, _, beside, checkpoint) = signed(directory, None)?;
    let size = beside.tree.size;
    if index >= size {
        return Err(VerifyError::Unsigned { index, size });
    }
    let bound = usize::try_from(size).unwrap_or(usize::MAX);
    let hashes = reader.take(bound).map(|entry| entry.map(|entry| leaf_hash(&entry.leaf)));
    let hashes = hashes.collect::<Result<Vec<_>, _>>()?;
    let held = hashes.len() as u64;
    if held < size {
        return Err(Difference::Short { held, signed: size }.into());
    }
    let path = inclusion_proof(usize::try_from(index).unwrap_or(usize::MAX), &hashes);
    Ok(evidence::Proof { index, path, checkpoint })
}

/// The book, who signs it, and its checkpoint: read and verbatim.
fn signed(directory: &Path, key: Option<&str>) -> Result<(Reader, Verifier, Checkpoint, String), VerifyError> {
    let note = volume::checkpoint(directory).map_err(ReadError::from)?;
    let reader = Reader::open(directory)?;
    let verifier = Verifier::parse(key.unwrap_or(reader.key())).map_err(VerifyError::Key)?;
    if reader.origin() != verifier.name() {
        return Err(VerifyError::Origin { found: reader.origin().into(), expected: verifier.name().into() });
    }
    let note = note.ok_or(VerifyError::NoCheckpoint)?;
    let beside = Checkpoint::open(&note, &verifier).map_err(VerifyError::Beside)?;
    Ok((reader, verifier, beside, note))
}
