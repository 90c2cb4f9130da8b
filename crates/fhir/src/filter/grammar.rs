//! Second stage: RFC 8259's grammar over the positions the indexer found, resumable after every token.
//!
//! Stricter than the RFC where readers differ about a document: no member name twice in an object, none with an
//! escape (FHIR's names are plain ASCII), a cap on depth. It leaves a flat list of cells, one a value or name.

use super::{Broken, lexical};
use crate::by_name::key;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
    Name,
}

/// One value or member name, in document order. A name is followed by its value, a container by what it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// First byte and the byte after the last; quotes and brackets included.
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the cell after this one and all it holds.
    pub(super) next: u32,
    pub(super) kind: Kind,
    /// A string that holds a backslash.
    pub(super) escaped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// After `[`.
    ValueOrEnd,
    /// After `{`.
    NameOrEnd,
    /// After a comma in an object.
    Name,
    Colon,
    CommaOrEnd,
    Nothing,
}

struct Frame {
    cell: usize,
    is_object: bool,
    /// Where the names of this object begin in `Grammar::names`.
    names: usize,
}

pub(super) struct Grammar {
    depth: usize,
    expect: Expect,
    frames: Vec<Frame>,
    cells: Vec<Cell>,
    /// Names of all open objects, outermost first.
    names: Vec<Name>,
    /// The opening quote of the string we are in.
    quote: Option<u32>,
    escaped: bool,
    /// The last cell is a bare word whose end is not known yet.
    pending: bool,
}

impl Grammar {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            expect: Expect::Value,
            frames: Vec::new(),
            cells: Vec::new(),
            names: Vec::new(),
            quote: None,
            escaped: false,
            pending: false,
        }
    }

    /// Takes the next tokens; `bytes` is the document as far as it has come.
    pub(super) fn feed(&mut self, bytes: &[u8], tokens: &[u32]) -> Result<(), Broken> {
        tokens.iter().try_for_each(|&at| self.token(bytes, at))
    }

    /// The cells of one whole object with nothing after it.
    pub(super) fn finish(&mut self) -> Result<Vec<Cell>, Broken> {
        let is_whole = self.expect == Expect::Nothing && self.quote.is_none();
        if is_whole { Ok(std::mem::take(&mut self.cells)) } else { Err(Broken) }
    }

    fn token(&mut self, bytes: &[u8], at: u32) -> Result<(), Broken> {
        let byte = *bytes.get(at as usize).ok_or(Broken)?;
        if let Some(start) = self.quote {
            if byte == b'"' {
                self.quote = None;
                return self.string(bytes, start, at + 1);
            }
            self.escaped = true;
            return Ok(());
        }
        self.settle(bytes, at)?;
        match byte {
            b'"' => {
                self.quote = Some(at);
                self.escaped = false;
                Ok(())
            }
            b'{' => self.open(at, Kind::Object),
            b'[' => self.open(at, Kind::Array),
            b'}' => self.close(bytes, at, Kind::Object),
            b']' => self.close(bytes, at, Kind::Array),
            b':' => self.pass(Expect::Colon, Expect::Value),
            b',' => {
                let in_object = self.frames.last().is_some_and(|frame| frame.is_object);
                self.pass(Expect::CommaOrEnd, if in_object { Expect::Name } else { Expect::Value })
            }
            _ => {
                self.pending = true;
                self.value(Cell { start: at, end: at, next: 0, kind: Kind::Null, escaped: false })
            }
        }
    }

    fn pass(&mut self, from: Expect, to: Expect) -> Result<(), Broken> {
        if self.expect != from {
            return Err(Broken);
        }
        self.expect = to;
        Ok(())
    }

    /// A bare word ends where the next token begins; between them there can only be white space.
    fn settle(&mut self, bytes: &[u8], next: u32) -> Result<(), Broken> {
        if !std::mem::replace(&mut self.pending, false) {
            return Ok(());
        }
        let cell = self.cells.last_mut().ok_or(Broken)?;
        let word = bytes.get(cell.start as usize..next as usize).ok_or(Broken)?.trim_ascii_end();
        cell.kind = lexical::scalar(word).ok_or(Broken)?;
        cell.end = cell.start + u32::try_from(word.len()).map_err(|_| Broken)?;
        Ok(())
    }

    fn string(&mut self, bytes: &[u8], start: u32, end: u32) -> Result<(), Broken> {
        let content = bytes.get(start as usize + 1..end as usize - 1).ok_or(Broken)?;
        let cell = Cell { start, end, next: 0, kind: Kind::Text, escaped: self.escaped };
        if matches!(self.expect, Expect::Name | Expect::NameOrEnd) {
            if self.escaped {
                return Err(Broken);
            }
            self.names.push(Name { key: key(content), start: start + 1, end: end - 1 });
            self.expect = Expect::Colon;
            return self.push(Cell { kind: Kind::Name, ..cell });
        }
        if self.escaped && !lexical::escapes_are_sound(content) {
            return Err(Broken);
        }
        self.value(cell)
    }

    /// A value that is complete, or (a bare word) will be at the next token.
    fn value(&mut self, cell: Cell) -> Result<(), Broken> {
        // The outermost value is an object, never a string or a bare word.
        if self.frames.is_empty() || !matches!(self.expect, Expect::Value | Expect::ValueOrEnd) {
            return Err(Broken);
        }
        self.expect = Expect::CommaOrEnd;
        self.push(cell)
    }

    fn open(&mut self, at: u32, kind: Kind) -> Result<(), Broken> {
        let is_object = kind == Kind::Object;
        let allowed = matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
        if !allowed || self.frames.len() >= self.depth || (self.frames.is_empty() && !is_object) {
            return Err(Broken);
        }
        self.frames.push(Frame { cell: self.cells.len(), is_object, names: self.names.len() });
        self.expect = if is_object { Expect::NameOrEnd } else { Expect::ValueOrEnd };
        self.push(Cell { start: at, end: at, next: 0, kind, escaped: false })
    }

    fn close(&mut self, bytes: &[u8], at: u32, kind: Kind) -> Result<(), Broken> {
        let is_object = kind == Kind::Object;
        let empty = if is_object { Expect::NameOrEnd } else { Expect::ValueOrEnd };
        let frame = self.frames.pop().ok_or(Broken)?;
        if frame.is_object != is_object || (self.expect != Expect::CommaOrEnd && self.expect != empty) {
            return Err(Broken);
        }
        if is_object {
            let names = self.names.get_mut(frame.names..).ok_or(Broken)?;
            if any_twice(bytes, names) {
                return Err(Broken);
            }
            self.names.truncate(frame.names);
        }
        let next = u32::try_from(self.cells.len()).map_err(|_| Broken)?;
        let cell = self.cells.get_mut(frame.cell).ok_or(Broken)?;
        (cell.end, cell.next) = (at + 1, next);
        self.expect = if self.frames.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
        Ok(())
    }

    fn push(&mut self, cell: Cell) -> Result<(), Broken> {
        let next = u32::try_from(self.cells.len() + 1).map_err(|_| Broken)?;
        self.cells.push(Cell { next, ..cell });
        Ok(())
    }
}

/// A member name; the key settles most comparisons without reading the bytes.
struct Name {
    key: u64,
    start: u32,
    end: u32,
}

impl Name {
    fn text<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Does a name appear twice? Pair by pair when there are few; sorted when there are many, so that a hostile object
/// costs n log n.
fn any_twice(bytes: &[u8], names: &mut [Name]) -> bool {
    const FEW: usize = 12;
    let same = |a: &Name, b: &Name| a.key == b.key && a.text(bytes) == b.text(bytes);
    if names.len() > FEW {
        names.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| a.text(bytes).cmp(b.text(bytes))));
        return names.windows(2).any(|pair| matches!(pair, [a, b] if same(a, b)));
    }
    let mut rest = &*names;
    while let Some((first, others)) = rest.split_first() {
        if others.iter().any(|other| same(first, other)) {
            return true;
        }
        rest = others;
    }
    false
}
