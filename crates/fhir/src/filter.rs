//! The streaming filter: bytes of one upstream resource in, a strictly checked structure out, a projection of it on.
//!
//! Three stages. [`index`] turns blocks of 64 bytes into the positions that matter; [`grammar`] checks RFC 8259 over
//! them, and what readers differ about (duplicate names, escaped names, depth); [`project`] walks the checked structure
//! by the types of R4 and copies, byte for byte, the spans a projection shows; only references below a base are written
//! anew, relative. Both first stages can stop after any
//! byte, so the result does not depend on how the document was cut.
//!
//! What holds: every byte of an answer was read by our strict grammar at a path that is shown, and the answer is
//! strict JSON; so any strict reader of it sees only what is shown.
//!
//! Memory: the document, up to `Limits::bytes`, and sixteen bytes a value or name. Positions are kept for one chunk
//! of 16 KB. Of a searchset, [`crate::bundle`] cuts out the entries and runs each through on its own.

mod document;
mod grammar;
mod index;
mod lexical;
mod project;
mod scanned;

pub(crate) use document::{Checked, Document};
pub use project::{Part, Projected};
pub use scanned::{Node, Scanned};

use lexicon::Reason;
use std::fmt;

/// The document is not acceptable. Where and why is not said: it would be content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Broken;

impl From<Broken> for Reason {
    fn from(_: Broken) -> Self {
        Self::UpstreamMalformed
    }
}

/// What one document may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub bytes: usize,
    /// Objects and arrays open at once, the outermost included.
    pub depth: usize,
}

impl Limits {
    /// 1 MiB and 64 levels: one resource of a read.
    pub const READ: Self = Self { bytes: 1 << 20, depth: 64 };
    /// Positions are 32 bits wide; the last block may be padded.
    const MOST_BYTES: usize = i32::MAX as usize;
    /// The walks over a document recurse.
    const MOST_DEPTH: usize = 128;
}

/// Takes one resource in chunks of any size. The first refusal is final.
pub struct Filter {
    document: Document,
    refused: Option<Reason>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("bytes", &self.document.bytes().len()).finish_non_exhaustive()
    }
}

impl Filter {
    pub fn new(limits: Limits) -> Self {
        Self { document: Document::new(limits), refused: None }
    }

    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let pushed = self.document.push(chunk);
        self.refused = pushed.err();
        pushed
    }

    /// The checked resource, if the document ends here.
    pub fn finish(self) -> Result<Scanned, Reason> {
        match self.refused {
            Some(reason) => Err(reason),
            None => self.document.finish()?.typed(),
        }
    }
}

impl Scanned {
    /// Checks one whole document; for what is already in memory.
    pub fn of(document: &[u8], limits: Limits) -> Result<Self, Reason> {
        let mut filter = Filter::new(limits);
        filter.push(document)?;
        filter.finish()
    }
}

#[cfg(test)]
mod tests;
