//! Where the next page begins. Sealed for one caller and one place, padded, short-lived; never the upstream's own link
//! (decision 19). It holds no permission: a page is authorized like a first one, under the rules of its own time.

use lexicon::{Principal, Time};
use seal::CursorKeys;
use std::fmt;

/// How long a page may be asked for.
const LIFETIME_S: u64 = 15 * 60;

/// A sealed cursor must fit into a request line, with room for the rest of it.
const PLAIN_BYTES: usize = 5 << 10;

/// Room for a position, filled up: how far into the upstream's pages a page of ours ends depends on what is hidden there.
const PLACE_BYTES: usize = 1 << 10;

/// Layout of the plain text.
const VERSION: u8 = 2;

/// How the pages of one search are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manner {
    /// As the upstream sends them, from a position in one of its pages.
    Walk,
    /// All read, put in order here, and cut by number.
    Collect,
}

/// A position in the upstream's pages.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub leg: u32,
    /// Below the upstream's base.
    pub path: String,
    /// Entries of that page that come before.
    pub offset: u32,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub until: Time,
    /// The query as it was understood.
    pub query: String,
    pub manner: Manner,
    /// Matches on the pages before.
    pub shown: u64,
    /// An exact total that was counted for the first page.
    pub total: Option<u64>,
    /// Identifies the legs that the position is a position of.
    pub legs: u64,
    /// None where it would be too long: then as many matches are passed over as were shown.
    pub position: Option<Position>,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor")
    }
}

/// Whom and what a cursor is good for.
pub(super) struct Bound<'a> {
    pub principal: &'a Principal,
    /// Our base, the upstream's, and the path below them.
    pub places: [&'a str; 3],
}

impl Bound<'_> {
    fn bytes(&self) -> Vec<u8> {
        let Principal { issuer, subject, client, .. } = self.principal;
        let mut bytes = Vec::new();
        for part in [issuer, subject, client].into_iter().map(String::as_str).chain(self.places) {
            put_text(&mut bytes, part);
        }
        bytes
    }
}

impl Cursor {
    pub fn expiry(now: Time) -> Time {
        now.plus_seconds(LIFETIME_S)
    }

    /// Is a query short enough to come back in a cursor?
    pub fn fits(query: &str) -> bool {
        query.len() + PLACE_BYTES + 64 <= PLAIN_BYTES
    }

    /// None if it is too long to travel.
    pub fn seal(&self, keys: &CursorKeys, bound: &Bound<'_>) -> Option<String> {
        let plain = self.plain();
        (plain.len() <= PLAIN_BYTES).then(|| keys.seal(&bound.bytes(), &plain).ok())?
    }

    pub fn open(text: &str, keys: &CursorKeys, bound: &Bound<'_>) -> Option<Self> {
        let plain = keys.open_text(&bound.bytes(), text)?;
        let mut rest = plain.as_slice();
        let cursor = Self::read(&mut rest)?;
        rest.is_empty().then_some(cursor)
    }

    fn plain(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.until.millis().to_be_bytes());
        put_text(&mut out, &self.query);
        out.push(u8::from(self.manner == Manner::Collect));
        out.extend(self.shown.to_be_bytes());
        out.push(u8::from(self.total.is_some()));
        out.extend(self.total.unwrap_or_default().to_be_bytes());
        out.extend(self.legs.to_be_bytes());
        let begins = out.len() + 1;
        let fits = |at: &&Position| at.path.len() + 16 <= PLACE_BYTES;
        let position = self.position.as_ref().filter(fits);
        out.push(u8::from(position.is_some()));
        if let Some(Position { leg, path, offset }) = position {
            out.extend(leg.to_be_bytes());
            out.extend(offset.to_be_bytes());
            put_text(&mut out, path);
        }
        out.resize(begins + PLACE_BYTES, 0);
        out
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let [VERSION] = take(rest)? else { return None };
        let until = Time::from_millis(u64::from_be_bytes(take(rest)?));
        let query = take_text(rest)?;
        let manner = if flag(rest)? { Manner::Collect } else { Manner::Walk };
        let shown = u64::from_be_bytes(take(rest)?);
        let has_total = flag(rest)?;
        let total = Some(u64::from_be_bytes(take(rest)?)).filter(|_| has_total);
        let legs = u64::from_be_bytes(take(rest)?);
        let has_position = flag(rest)?;
        let (mut place, after) = rest.split_at_checked(PLACE_BYTES)?;
        *rest = after;
        let position = if has_position {
            let (leg, offset) = (u32::from_be_bytes(take(&mut place)?), u32::from_be_bytes(take(&mut place)?));
            Some(Position { leg, offset, path: take_text(&mut place)? })
        } else {
            None
        };
        Some(Self { until, query, manner, shown, total, legs, position })
    }
}

/// With its length before it, so that no two lists of texts look alike.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_be_bytes());
    out.extend(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    let [flag] = take(rest)?;
    Some(flag == 1)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(u64::from_be_bytes(take(rest)?)).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests;
