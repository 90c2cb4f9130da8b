//! Cuts a page at the borders of its entries. It decides nothing about what is between two borders: those bytes are
//! read again by the strict grammar, which refuses whatever this reader took for something else.

use lexicon::Reason;

/// What a run of bytes belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Piece {
    Frame,
    /// White space and commas in the array of entries.
    Between,
    Entry,
    /// The last bytes of an entry.
    EntryEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Frame,
    /// In the array of entries: after `[`, after a comma, after an item.
    First,
    Next,
    After,
    Entry,
}

/// Where we are among the members of the outermost object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Name,
    /// After the name `entry`, before its value.
    BeforeEntries,
    Value,
}

pub(super) struct Cutter {
    place: Place,
    /// Open brackets of the frame, or of the entry.
    depth: usize,
    in_string: bool,
    /// The next byte is escaped.
    escaped: bool,
    member: Member,
    /// Where in the frame the string began that was read last.
    string_start: usize,
    /// The array of entries was there.
    had_entries: bool,
}

impl Cutter {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Frame,
            depth: 0,
            in_string: false,
            escaped: false,
            member: Member::Name,
            string_start: 0,
            had_entries: false,
        }
    }

    /// The first piece of `rest` and how long it is, never 0. `frame` is the frame as far as it has come.
    pub(super) fn cut(&mut self, rest: &[u8], frame: &[u8]) -> Result<(Piece, usize), Reason> {
        if matches!(self.place, Place::First | Place::Next | Place::After) {
            let length = self.between(rest)?;
            if length > 0 {
                return Ok((Piece::Between, length));
            }
        }
        match self.place {
            Place::Entry => Ok(self.entry(rest)),
            _ => Ok((Piece::Frame, self.frame(rest, frame)?)),
        }
    }

    fn frame(&mut self, rest: &[u8], frame: &[u8]) -> Result<usize, Reason> {
        for (at, &byte) in rest.iter().enumerate() {
            if self.in_string {
                self.string(byte);
                if !self.in_string && self.member == Member::Name {
                    let read = rest.get(..at).unwrap_or_default();
                    let name = frame.iter().chain(read).skip(self.string_start);
                    self.member = if name.eq(b"entry") { Member::BeforeEntries } else { Member::Value };
                }
                continue;
            }
            if self.member == Member::BeforeEntries && !matches!(byte, b':' | b' ' | b'\t' | b'\n' | b'\r') {
                // What is no array is no list of entries; a second list would be read after the first was let out.
                if byte != b'[' || std::mem::replace(&mut self.had_entries, true) {
                    return Err(Reason::UpstreamPage);
                }
                (self.member, self.place) = (Member::Value, Place::First);
                return Ok(at + 1);
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.string_start = frame.len() + at + 1;
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth == 1 => self.member = Member::Name,
                _ => {}
            }
        }
        Ok(rest.len())
    }

    /// Up to the next item, or to the bracket that ends the array: that one belongs to the frame, as the first does.
    fn between(&mut self, rest: &[u8]) -> Result<usize, Reason> {
        for (at, &byte) in rest.iter().enumerate() {
            match (self.place, byte) {
                (_, b' ' | b'\t' | b'\n' | b'\r') => {}
                (Place::After, b',') => self.place = Place::Next,
                (Place::First | Place::Next, b'{') => {
                    (self.place, self.depth) = (Place::Entry, 0);
                    return Ok(at);
                }
                (Place::First | Place::After, b']') => {
                    (self.place, self.depth) = (Place::Frame, 2);
                    return Ok(at);
                }
                _ => return Err(Reason::UpstreamPage),
            }
        }
        Ok(rest.len())
    }

    fn entry(&mut self, rest: &[u8]) -> (Piece, usize) {
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            if self.in_string {
                let ahead = rest.get(at..).unwrap_or_default();
                let jump = if self.escaped { Some(0) } else { memchr::memchr2(b'"', b'\\', ahead) };
                let Some(jump) = jump else { return (Piece::Entry, rest.len()) };
                at += jump;
                self.string(ahead.get(jump).copied().unwrap_or_default());
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth == 0 {
                    self.place = Place::After;
                    return (Piece::EntryEnd, at + 1);
                }
            }
            at += 1;
        }
        (Piece::Entry, rest.len())
    }

    /// One byte inside a string.
    fn string(&mut self, byte: u8) {
        let literal = std::mem::replace(&mut self.escaped, false);
        match byte {
            b'\\' if !literal => self.escaped = true,
            b'"' if !literal => self.in_string = false,
            _ => {}
        }
    }
}
