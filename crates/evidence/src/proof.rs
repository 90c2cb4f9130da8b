//! A proof that a leaf is in a log, offline (C2SP tlog-proof, <https://c2sp.org/tlog-proof>).

use crate::tree::{Hash, leaf_hash, verify_inclusion};
use crate::{Checkpoint, NoteError, Verifier};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofError {
    #[error("not a proof: its first line must be `c2sp.org/tlog-proof@v1`, then an index, hashes, and a checkpoint")]
    Form,
    #[error("the proof's checkpoint does not hold")]
    Checkpoint(#[from] NoteError),
    #[error("the proof does not lead from this leaf to the checkpoint's root")]
    Path,
}

/// Index, path from leaf to root, and the signed checkpoint that has the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    pub index: u64,
    pub path: Vec<Hash>,
    /// The signed note, verbatim.
    pub checkpoint: String,
}

impl Proof {
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(ProofError::Form)?;
        let mut lines = head.split('\n').filter(|line| !line.starts_with("extra "));
        if lines.next() != Some(FIRST_LINE) {
            return Err(ProofError::Form);
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")?.parse().ok()).ok_or(ProofError::Form)?;
        let hash = |line| STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok()).ok_or(ProofError::Form);
        Ok(Self { index, path: lines.map(hash).collect::<Result<_, _>>()?, checkpoint: checkpoint.into() })
    }

    /// Does this proof show that `leaf` is in the log of `verifier`?
    pub fn verify(&self, leaf: &[u8], verifier: &Verifier) -> Result<(), ProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, verifier)?;
        let holds = verify_inclusion(&leaf_hash(leaf), self.index, &self.path, checkpoint.tree);
        if holds { Ok(()) } else { Err(ProofError::Path) }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}\nindex {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", STANDARD.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
