//! Bundles: one page of an upstream's searchset or history in, entry by entry; an answer of our own out.
//!
//! [`Entries`] cuts a page while it arrives. Each item of `entry` becomes a document of its own, and what stands around
//! them another, the frame, in which `entry` is an empty array. All are read by the strict grammar of [`crate::filter`].
//! Memory is bounded by one entry, the frame and one chunk, in whatever order the members come. That the page was a
//! Bundle of the right kind is certain only at [`Entries::finish`].
//!
//! One entry that cannot be read does not take its neighbours with it: whoever may not see it would learn of it by
//! their absence. It comes out as [`Mode::Unreadable`], with nothing of it, if it is sound JSON (RFC 8259) and
//!
//! * is longer or deeper than the limits: the rest of it is passed over and not held;
//! * has a name twice, a name with an escape, or half a surrogate pair, anywhere: readers differ about those;
//! * has as `resource` no object, or one whose `resourceType` is missing, no string, or no type of R4.
//!
//! The whole page is refused for
//!
//! * an entry that is no JSON: brackets that do not match, bytes that are no UTF-8, control characters in strings,
//!   numbers or escapes that are none, an end in the middle; nor is one passed over that is 65,536 levels deep;
//! * an item of `entry` that is no object;
//! * words of the server about an entry that are not R4's: `fullUrl`, `search`, `request`, or that there is no resource
//!   (bdl-5). They do not depend on what a resource holds;
//! * anything wrong with the frame, and more bytes or entries than a page may have.
//!
//! Of the Bundle's own words we read `type`, `total` and the `next` link; of an entry `resource`, `search.mode`,
//! `request.method`, `request.url`. All else is checked and dropped. An answer is written anew by [`Writer`], from
//! [`crate::Projected`] values alone; so no link, id, score or warning of the upstream is ever in it.

mod cutter;
mod entry;
mod skim;
mod writer;

pub use entry::{Entry, Method, Mode, Request, Tail};
pub use writer::Writer;

use crate::filter::{Document, Limits};
use cutter::{Cutter, Piece};
use lexicon::Reason;
use skim::{Skim, Unsound};
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
    /// Of the resource in an entry. What is beyond them is passed over.
    pub entry: Limits,
    /// Of the whole page, with what is passed over.
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
    current: Current,
    ready: VecDeque<Entry>,
    refused: bool,
}

/// The entry we are in.
enum Current {
    None,
    Strict(Document),
    /// It cannot be read, and is only passed over.
    PassedOver(Skim),
}

impl From<Unsound> for Reason {
    fn from(_: Unsound) -> Self {
        Self::UpstreamPage
    }
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
            current: Current::None,
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
                Piece::Entry => self.entry(cut)?,
                Piece::EntryEnd => {
                    self.entry(cut)?;
                    self.end()?;
                }
            }
        }
        if fits.len() < chunk.len() { Err(Reason::UpstreamTooLarge) } else { Ok(()) }
    }

    fn entry(&mut self, cut: &[u8]) -> Result<(), Reason> {
        if matches!(self.current, Current::None) {
            let Limits { bytes, depth } = self.limits.entry;
            let limits = Limits { bytes: bytes.saturating_add(ENTRY_ASIDE), depth: depth + 1 };
            self.current = Current::Strict(Document::new(limits));
        }
        match &mut self.current {
            Current::None => Err(Reason::Bug),
            Current::PassedOver(skim) => Ok(skim.push(cut)?),
            Current::Strict(document) => {
                let before = document.bytes().len();
                if document.push(cut).is_ok() {
                    return Ok(());
                }
                // Whatever was wrong: it is passed over if it is JSON from its first byte to its last.
                let mut skim = Skim::new();
                skim.push(document.bytes().get(..before).unwrap_or_default())?;
                skim.push(cut)?;
                self.current = Current::PassedOver(skim);
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), Reason> {
        self.seen += 1;
        if self.seen > self.limits.entries {
            return Err(Reason::UpstreamTooLarge);
        }
        let entry = match std::mem::replace(&mut self.current, Current::None) {
            Current::None => return Err(Reason::Bug),
            Current::PassedOver(skim) => {
                skim.finish()?;
                Entry::unreadable()
            }
            Current::Strict(document) => match document.finish_or_bytes() {
                Ok(checked) => Entry::read(self.kind, checked, self.limits.entry)?,
                Err((_, bytes)) => {
                    let mut skim = Skim::new();
                    skim.push(&bytes)?;
                    skim.finish()?;
                    Entry::unreadable()
                }
            },
        };
        self.ready.push_back(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
