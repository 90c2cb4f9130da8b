//! This room is the shape of a record and the mathematics that make it checkable. Auditors build it alone.
//!
//! It knows: the record's fields, deterministic CBOR (RFC 8949 4.2), RFC 6962 trees, C2SP checkpoints, the verifier.
//! It refuses to know: files, keys that sign, who the pseudonyms are.
//! It mints: nothing; anyone may compute what is here.
//! If it fails: decoding says at which byte and why; verifying says which index does not fit.
//! Start reading at: [`Record`], then `field.rs` (the table of its fields) and `audit.rs` (the verifier).

mod audit;
mod cbor;
mod disclosed;
mod field;
mod note;
mod proof;
mod record;
mod tree;
mod value;

pub use audit::{Audit, Difference};
pub use cbor::{DecodeError, Flaw};
pub use disclosed::{Disclosed, Row, Under};
pub use field::{Field, LEAF_BYTES, VERSION};
pub use note::{Checkpoint, NoteError, Verifier};
pub use proof::{Proof, ProofError};
pub use record::{Effect, Leaf, Pseudonym, Record};
pub use tree::{
    Frontier, Growth, Hash, Head, Pair, consistency_proof, inclusion_proof, leaf_hash, node_hash, root, sha256,
    verify_consistency, verify_inclusion,
};
