//! One strict JSON object that arrives in chunks: what a resource, an entry and the frame of a Bundle have in common.

use super::grammar::{Cell, Grammar, Kind};
use super::index::{BLOCK, Indexer};
use super::{Broken, Limits, Node, Scanned};
use lexicon::Reason;

/// Larger chunks are worked off in pieces of this size, so that positions never pile up.
const PIECE: usize = 16 * 1024;

pub(crate) struct Document {
    most: usize,
    bytes: Vec<u8>,
    /// How many bytes have been indexed: a multiple of [`BLOCK`].
    indexed: usize,
    indexer: Indexer,
    grammar: Grammar,
    tokens: Vec<u32>,
}

impl Document {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            most: limits.bytes.min(Limits::MOST_BYTES),
            bytes: Vec::new(),
            indexed: 0,
            indexer: Indexer::default(),
            grammar: Grammar::new(limits.depth.min(Limits::MOST_DEPTH)),
            tokens: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// After an error nothing more may be pushed.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Reason> {
        self.bytes.reserve(chunk.len().min(self.most - self.bytes.len()));
        chunk.chunks(PIECE).try_for_each(|piece| self.piece(piece))
    }

    /// The checked object, if the document ends here.
    pub(crate) fn finish(self) -> Result<Checked, Reason> {
        self.finish_or_bytes().map_err(|(reason, _)| reason)
    }

    /// The same; with a refusal, the bytes come back.
    pub(crate) fn finish_or_bytes(mut self) -> Result<Checked, (Reason, Vec<u8>)> {
        match self.complete() {
            Ok(cells) => Ok(Checked(Scanned::untyped(self.bytes, cells))),
            Err(reason) => Err((reason, self.bytes)),
        }
    }

    fn complete(&mut self) -> Result<Vec<Cell>, Reason> {
        let rest = self.bytes.get(self.indexed..).unwrap_or_default();
        let mut last = [b' '; BLOCK];
        let padded = last.get_mut(..rest.len()).ok_or(Reason::Bug)?;
        padded.copy_from_slice(rest);
        self.block(&last)?;
        self.grammar.feed(&self.bytes, &self.tokens)?;
        let cells = self.grammar.finish()?;
        simdutf8::basic::from_utf8(&self.bytes).map_err(|_| Broken)?;
        Ok(cells)
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

/// A strictly checked object, of whatever kind.
pub(crate) struct Checked(Scanned);

impl Checked {
    pub(crate) fn root(&self) -> Node<'_> {
        self.0.root()
    }

    /// The object read as a resource.
    pub(super) fn typed(self) -> Result<Scanned, Reason> {
        Ok(self.0.typed().ok_or(Broken)?)
    }

    /// The resource that a member of the object holds, within its own limits; nothing if there is no such member.
    /// An error says that what the member holds is no resource of R4, or too long.
    pub(crate) fn resource(self, member: &str, limits: Limits) -> Result<Option<Scanned>, Reason> {
        let whole = self.0;
        let Some((_, at)) = whole.member(0, member.as_bytes()) else { return Ok(None) };
        let cell = whole.cell(at);
        if cell.kind != Kind::Object || (cell.end - cell.start) as usize > limits.bytes {
            return Err(Broken.into());
        }
        // The cells of a value stand together; only where each one ends is counted from the first.
        let first = u32::try_from(at).map_err(|_| Broken)?;
        let own = whole.cells.get(at..cell.next as usize).ok_or(Broken)?;
        let cells = own.iter().map(|cell| Cell { next: cell.next - first, ..*cell }).collect();
        Ok(Some(Scanned::untyped(whole.bytes, cells).typed().ok_or(Broken)?))
    }
}
