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
//! of 16 KB. Neither stage looks further back than the value it is in, so a searchset can run through them entry by
//! entry.

mod grammar;
mod index;
mod lexical;
mod project;
mod scanned;

pub use project::Projected;
pub use scanned::{Node, Scanned};

use grammar::Grammar;
use index::{BLOCK, Indexer};
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

/// Larger chunks are worked off in pieces of this size, so that positions never pile up.
const PIECE: usize = 16 * 1024;

/// Takes one document in chunks of any size. The first refusal is final.
pub struct Filter {
    most: usize,
    bytes: Vec<u8>,
    /// How many bytes have been indexed: a multiple of [`BLOCK`].
    indexed: usize,
    indexer: Indexer,
    grammar: Grammar,
    tokens: Vec<u32>,
    refused: Option<Reason>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl Filter {
    pub fn new(limits: Limits) -> Self {
        Self {
            most: limits.bytes.min(Limits::MOST_BYTES),
            bytes: Vec::new(),
            indexed: 0,
            indexer: Indexer::default(),
            grammar: Grammar::new(limits.depth.min(Limits::MOST_DEPTH)),
            tokens: Vec::new(),
            refused: None,
        }
    }

    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        self.bytes.reserve(chunk.len().min(self.most - self.bytes.len()));
        let pushed = chunk.chunks(PIECE).try_for_each(|piece| self.piece(piece));
        self.refused = pushed.err();
        pushed
    }

    /// The checked resource, if the document ends here.
    pub fn finish(mut self) -> Result<Scanned, Reason> {
        if let Some(reason) = self.refused {
            return Err(reason);
        }
        let rest = self.bytes.get(self.indexed..).unwrap_or_default();
        let mut last = [b' '; BLOCK];
        let padded = last.get_mut(..rest.len()).ok_or(Reason::Bug)?;
        padded.copy_from_slice(rest);
        self.block(&last)?;
        self.grammar.feed(&self.bytes, &self.tokens)?;
        let cells = self.grammar.finish()?;
        simdutf8::basic::from_utf8(&self.bytes).map_err(|_| Broken)?;
        Ok(Scanned::typed(self.bytes, cells).ok_or(Broken)?)
    }

    /// What fits under the limit is read before the rest is refused: a document that is both broken and too large is
    /// then refused for the same reason however it was cut.
    fn piece(&mut self, piece: &[u8]) -> Result<(), Reason> {
        let room = self.most - self.bytes.len();
        let fits = piece.get(..room).unwrap_or(piece);
        self.bytes.extend_from_slice(fits);
        while let Some(block) = self.bytes.get(self.indexed..).and_then(|rest| rest.first_chunk::<BLOCK>()).copied() {
            self.block(&block)?;
            self.indexed += BLOCK;
        }
        self.grammar.feed(&self.bytes, &self.tokens)?;
        self.tokens.clear();
        if fits.len() < piece.len() { Err(Reason::UpstreamTooLarge) } else { Ok(()) }
    }

    fn block(&mut self, block: &[u8; BLOCK]) -> Result<(), Reason> {
        let base = u32::try_from(self.indexed).map_err(|_| Reason::Bug)?;
        Ok(self.indexer.block(block, base, &mut self.tokens)?)
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
