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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Head, inclusion_proof, root};
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn proof(index: usize) -> (Proof, Verifier) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("seed");
        let verifier = Verifier::new("book", pair.public_key().as_ref().try_into().expect("32")).expect("name");
        let hashes: Vec<_> = (0..11_u8).map(|n| leaf_hash(&[n])).collect();
        let checkpoint = Checkpoint { origin: "book".into(), tree: Head { size: 11, root: root(&hashes) } };
        let checkpoint = verifier.seal(&checkpoint.text(), |text| pair.sign(text).as_ref().try_into().expect("64"));
        (Proof { index: index as u64, path: inclusion_proof(index, &hashes), checkpoint }, verifier)
    }

    #[test]
    fn a_proof_holds_for_its_leaf_after_being_sent() {
        for index in 0..11 {
            let (proof, verifier) = proof(index);
            let text = proof.to_string();
            assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex {index}\n")));
            let read = Proof::parse(&text).expect("a proof");
            assert_eq!(read, proof);
            assert_eq!(read.verify(&[index as u8], &verifier), Ok(()));
            assert_eq!(read.verify(&[index as u8 + 1], &verifier), Err(ProofError::Path));
            let stranger = Verifier::new("other", [0; 32]).expect("name");
            assert_eq!(read.verify(&[index as u8], &stranger), Err(ProofError::Checkpoint(NoteError::Unsigned)));
        }
    }

    #[test]
    fn what_is_not_a_proof_is_refused() {
        let (proof, _) = proof(3);
        let text = proof.to_string();
        for wrong in
            ["", "x", &text.replace("@v1", "@v2"), &text.replace("index 3", "index x"), &text.replacen('=', "", 1)]
        {
            assert!(Proof::parse(wrong).is_err(), "{wrong}");
        }
    }
}
