//! Bundles: one page of an upstream's searchset or history in, entry by entry; an answer of our own out.
//!
//! [`Entries`] cuts a page while it arrives. Each item of `entry` becomes a document of its own, and what stands around
//! them another, the frame, in which `entry` is an empty array. All are read by the strict grammar of [`crate::filter`],
//! so the page is strict exactly if its parts are. Memory is bounded by one entry, the frame and one chunk, in whatever
//! order the members come. That the page was a Bundle of the right kind is certain only at [`Entries::finish`].
//!
//! Of the Bundle's own words we read `type`, `total` and the `next` link; of an entry `resource`, `search.mode`,
//! `request.method`, `request.url`. All else is checked and dropped. An answer is written anew by [`Writer`], from
//! [`crate::Projected`] values alone; so no link, id, score or warning of the upstream is ever in it.

mod cutter;
mod entry;
mod writer;

pub use entry::{Entry, Method, Mode, Request, Tail};
pub use writer::Writer;

use crate::filter::{Document, Limits};
use cutter::{Cutter, Piece};
use lexicon::Reason;
use std::collections::VecDeque;
use std::fmt;

/// Which kind of Bundle (<https://hl7.org/fhir/R4/valueset-bundle-type.html>).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BundleKind {
    Searchset,
    History,
}

impl BundleKind {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Searchset => "searchset",
            Self::History => "history",
        }
    }
}

/// What one page may cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryLimits {
    /// Of the resource in an entry.
    pub entry: Limits,
    /// Of the whole page.
    pub bytes: u64,
    pub entries: usize,
}

impl EntryLimits {
    /// 1 MiB a resource as for a read, 64 MiB and 10,000 entries a page.
    pub const PAGE: Self = Self { entry: Limits::READ, bytes: 64 << 20, entries: 10_000 };
}

/// What stands around the entries: links, mostly.
const FRAME: Limits = Limits { bytes: 256 << 10, depth: 64 };
/// What stands around the resource in an entry.
const ENTRY_ASIDE: usize = 64 << 10;

/// Takes one page in chunks of any size. The first refusal is final.
pub struct Entries {
    kind: BundleKind,
    limits: EntryLimits,
    room: u64,
    seen: usize,
    cutter: Cutter,
    frame: Document,
    current: Option<Document>,
    ready: VecDeque<Entry>,
    refused: bool,
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Entries {
    pub fn new(kind: BundleKind, limits: EntryLimits) -> Self {
        Self {
            kind,
            limits,
            room: limits.bytes,
            seen: 0,
            cutter: Cutter::new(),
            frame: Document::new(FRAME),
            current: None,
            ready: VecDeque::new(),
            refused: false,
        }
    }

    /// Takes the next bytes. Entries that end in them can be had from [`Self::next`], even if what follows is refused.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Reason> {
        if self.refused {
            return Err(Reason::UpstreamPage);
        }
        let taken = self.take(chunk);
        self.refused = taken.is_err();
        // Which of the strict rules was broken says nothing more about a whole page.
        taken.map_err(|_| Reason::UpstreamPage)
    }

    /// The next entry that has arrived in full.
    #[expect(clippy::should_implement_trait, reason = "an iterator that ends would promise that nothing more comes")]
    pub fn next(&mut self) -> Option<Entry> {
        self.ready.pop_front()
    }

    /// What the page says of itself, if it ends here and was a whole one.
    pub fn finish(self) -> Result<Tail, Reason> {
        if self.refused {
            return Err(Reason::UpstreamPage);
        }
        let frame = self.frame.finish().map_err(|_| Reason::UpstreamPage)?;
        Tail::read(self.kind, frame.root()).ok_or(Reason::UpstreamPage)
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Reason> {
        let room = usize::try_from(self.room).unwrap_or(usize::MAX);
        let fits = chunk.get(..room).unwrap_or(chunk);
        self.room -= fits.len() as u64;
        let mut rest = fits;
        while !rest.is_empty() {
            let (piece, length) = self.cutter.cut(rest, self.frame.bytes())?;
            let (cut, after) = rest.split_at_checked(length).ok_or(Reason::Bug)?;
            rest = after;
            match piece {
                Piece::Frame => self.frame.push(cut)?,
                Piece::Between => {}
                Piece::Entry => self.current().push(cut)?,
                Piece::EntryEnd => {
                    self.current().push(cut)?;
                    self.end()?;
                }
            }
        }
        if fits.len() < chunk.len() { Err(Reason::UpstreamTooLarge) } else { Ok(()) }
    }

    fn current(&mut self) -> &mut Document {
        let Limits { bytes, depth } = self.limits.entry;
        let limits = Limits { bytes: bytes.saturating_add(ENTRY_ASIDE), depth: depth + 1 };
        self.current.get_or_insert_with(|| Document::new(limits))
    }

    fn end(&mut self) -> Result<(), Reason> {
        self.seen += 1;
        if self.seen > self.limits.entries {
            return Err(Reason::UpstreamTooLarge);
        }
        let entry = self.current.take().ok_or(Reason::Bug)?.finish()?;
        self.ready.push_back(Entry::read(self.kind, entry, self.limits.entry)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
