//! Passes over an entry that is not kept: is it at least sound JSON?
//!
//! RFC 8259 to the letter and no more: names may come twice or hold escapes, and half a surrogate pair is an escape
//! like any other (sections 4, 7 and 8.2 leave those to the reader). One byte at a time, so that where a chunk ends
//! makes no difference. What is held is one byte a level that is open.

use std::ops::RangeInclusive;

/// Levels open at once. An entry that has more is not passed over: nothing that keeps resources reads or writes it.
const MOST_LEVELS: usize = 64 << 10;
const CONTINUATION: RangeInclusive<u8> = 0x80..=0xBF;

/// The entry is no JSON, so the page is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Unsound;

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

/// The word we are in.
#[derive(Clone)]
enum Word {
    Outside,
    Text,
    /// After a backslash.
    Escape,
    /// In `\u`: how many digits are to come.
    Hex(u8),
    /// In a character of more than one byte: how many are to come, and what the next may be.
    Wide(u8, RangeInclusive<u8>),
    Number(Digits),
    /// What is to come of `true`, `false` or `null`.
    Literal(&'static [u8]),
}

/// Where in a number we are (RFC 8259, section 6).
#[derive(Clone, Copy)]
enum Digits {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
}

pub(super) struct Skim {
    /// Of each open level: is it an object?
    levels: Vec<bool>,
    expect: Expect,
    word: Word,
}

impl Skim {
    pub(super) fn new() -> Self {
        Self { levels: Vec::new(), expect: Expect::Value, word: Word::Outside }
    }

    /// After an error nothing more may be pushed.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), Unsound> {
        chunk.iter().try_for_each(|&byte| self.byte(byte))
    }

    /// Was that one whole object?
    pub(super) fn finish(&self) -> Result<(), Unsound> {
        if self.expect == Expect::Nothing { Ok(()) } else { Err(Unsound) }
    }

    fn byte(&mut self, byte: u8) -> Result<(), Unsound> {
        self.word = match &self.word {
            Word::Outside => return self.outside(byte),
            Word::Text => match byte {
                b'"' => Word::Outside,
                b'\\' => Word::Escape,
                0x20..=0x7F => Word::Text,
                _ => wide(byte).ok_or(Unsound)?,
            },
            Word::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Word::Text,
                b'u' => Word::Hex(4),
                _ => return Err(Unsound),
            },
            Word::Hex(_) if !byte.is_ascii_hexdigit() => return Err(Unsound),
            Word::Hex(left) => {
                if *left > 1 {
                    Word::Hex(left - 1)
                } else {
                    Word::Text
                }
            }
            Word::Wide(_, next) if !next.contains(&byte) => return Err(Unsound),
            Word::Wide(left, _) => {
                if *left > 1 {
                    Word::Wide(left - 1, CONTINUATION)
                } else {
                    Word::Text
                }
            }
            Word::Literal(rest) => match rest.split_first() {
                Some((next, [])) if *next == byte => Word::Outside,
                Some((next, rest)) if *next == byte => Word::Literal(rest),
                _ => return Err(Unsound),
            },
            Word::Number(digits) => match digits.then(byte) {
                Some(digits) => Word::Number(digits),
                None if digits.may_end() => {
                    self.word = Word::Outside;
                    return self.outside(byte);
                }
                None => return Err(Unsound),
            },
        };
        Ok(())
    }

    /// A byte that is in no word; it may begin one.
    fn outside(&mut self, byte: u8) -> Result<(), Unsound> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => Ok(()),
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'}' => self.close(true),
            b']' => self.close(false),
            b':' if self.expect == Expect::Colon => {
                self.expect = Expect::Value;
                Ok(())
            }
            b',' if self.expect == Expect::CommaOrEnd => {
                self.expect = if self.levels.last() == Some(&true) { Expect::Name } else { Expect::Value };
                Ok(())
            }
            b'"' if matches!(self.expect, Expect::Name | Expect::NameOrEnd) => {
                (self.expect, self.word) = (Expect::Colon, Word::Text);
                Ok(())
            }
            b'"' => self.value(Word::Text),
            b'-' => self.value(Word::Number(Digits::Minus)),
            b'0' => self.value(Word::Number(Digits::Zero)),
            b'1'..=b'9' => self.value(Word::Number(Digits::Whole)),
            b't' => self.value(Word::Literal(b"rue")),
            b'f' => self.value(Word::Literal(b"alse")),
            b'n' => self.value(Word::Literal(b"ull")),
            _ => Err(Unsound),
        }
    }

    fn may_be_value(&self) -> bool {
        matches!(self.expect, Expect::Value | Expect::ValueOrEnd)
    }

    fn value(&mut self, word: Word) -> Result<(), Unsound> {
        if self.levels.is_empty() || !self.may_be_value() {
            return Err(Unsound);
        }
        (self.expect, self.word) = (Expect::CommaOrEnd, word);
        Ok(())
    }

    fn open(&mut self, is_object: bool) -> Result<(), Unsound> {
        let is_root = self.levels.is_empty();
        if !self.may_be_value() || (is_root && !is_object) || self.levels.len() >= MOST_LEVELS {
            return Err(Unsound);
        }
        self.levels.push(is_object);
        self.expect = if is_object { Expect::NameOrEnd } else { Expect::ValueOrEnd };
        Ok(())
    }

    fn close(&mut self, is_object: bool) -> Result<(), Unsound> {
        let empty = if is_object { Expect::NameOrEnd } else { Expect::ValueOrEnd };
        let may_end = self.expect == Expect::CommaOrEnd || self.expect == empty;
        if self.levels.pop() != Some(is_object) || !may_end {
            return Err(Unsound);
        }
        self.expect = if self.levels.is_empty() { Expect::Nothing } else { Expect::CommaOrEnd };
        Ok(())
    }
}

impl Digits {
    fn then(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::Sign,
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Self::Power,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Power)
    }
}

/// What follows the first byte of a character of more than one (RFC 3629, section 4).
fn wide(first: u8) -> Option<Word> {
    Some(match first {
        0xC2..=0xDF => Word::Wide(1, CONTINUATION),
        0xE0 => Word::Wide(2, 0xA0..=0xBF),
        0xED => Word::Wide(2, 0x80..=0x9F),
        0xE1..=0xEF => Word::Wide(2, CONTINUATION),
        0xF0 => Word::Wide(3, 0x90..=0xBF),
        0xF1..=0xF3 => Word::Wide(3, CONTINUATION),
        0xF4 => Word::Wide(3, 0x80..=0x8F),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn skim(document: &[u8]) -> bool {
        let mut skim = Skim::new();
        skim.push(document).is_ok() && skim.finish().is_ok()
    }

    /// `serde_json` skips a value by the same grammar: half surrogates and repeated names pass, any depth too.
    fn plainly(document: &[u8]) -> bool {
        let is_object = document.trim_ascii_start().starts_with(b"{");
        let sound = |text| serde_json::from_str::<IgnoredAny>(text).is_ok();
        is_object && std::str::from_utf8(document).is_ok_and(sound)
    }

    #[track_caller]
    fn check(document: impl AsRef<[u8]>, expect: bool) {
        let document = document.as_ref();
        assert_eq!(skim(document), expect, "{}", String::from_utf8_lossy(document));
    }

    #[test]
    fn sound_json_passes_whatever_it_says() {
        for document in [
            r#"{}"#,
            r#" {"a":[],"b":{},"":[[],{}]} "#,
            r#"{"a":1,"a":2,"\u0061":3}"#,
            r#"{"a":"\ud800 \" \\ \/ \b\f\n\r\t"}"#,
            r#"{"a":[0,-0,10,1.50,-1e5,1E+5,0.0e-1,true,false,null]}"#,
            "{\"a\":\"\u{7f}é€😀\u{10ffff}\"}",
        ] {
            check(document, true);
            assert!(plainly(document.as_bytes()), "{document}");
            (0..document.trim_end().len()).for_each(|end| check(&document.as_bytes()[..end], false));
        }
    }

    #[test]
    fn what_is_no_json_does_not_pass() {
        for document in [
            "",
            "1",
            "[]",
            "\"\"",
            "{}{}",
            "{},",
            "{]",
            "{\"a\":[}",
            "{\"a\":[1}]",
            "{\"a\":1,}",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\" 1}",
            "{\"a\":[1,]}",
            "{\"a\":[,1]}",
            "{\"a\":[1 2]}",
            "{a:1}",
            "{1:1}",
            "{'a':1}",
            "{\"a\":tru}",
            "{\"a\":truex}",
            "{\"a\":True}",
            "{\"a\":01}",
            "{\"a\":-}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":1e}",
            "{\"a\":1e+}",
            "{\"a\":1e5.0}",
            "{\"a\":NaN}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\n\"}",
            "{\"a\u{0}\":1}",
            "{\u{b}}",
            "\u{feff}{}",
            "{/**/}",
            "{\"a\":é}",
        ] {
            check(document, false);
            assert!(!plainly(document.as_bytes()), "{document}");
        }
    }

    #[test]
    fn levels_are_bounded_and_told_apart() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        check(nested(MOST_LEVELS), true);
        check(nested(MOST_LEVELS + 1), false);
    }

    /// Every two bytes, and every three that begin like a character, inside a string.
    #[test]
    fn utf_8_is_what_the_standard_says() {
        for first in 0x80..=0xFF_u8 {
            for second in 0..=0xFF_u8 {
                for rest in [&b""[..], b"\x80", b"\xbf\x80", b"\x80\xbf", b"\x80\x80\x80", b"\xc0"] {
                    let document = [b"{\"a\":\"", &[first, second][..], rest, b"\"}"].concat();
                    check(&document, plainly(&document));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn agrees_with_another_reader(parts in proptest::collection::vec(proptest::sample::select(&[
            "{", "}", "[", "]", ":", ",", "\"", "\"a\"", "\"a\":", "\\", "\\u12", "ab", "0", "1", "-", ".", "e", "+", "true",
            "null", " ", "\n", "{\"a\":", "[1,", "]}", "\"\\ud800\"", "é",
        ][..]), 0..12)) {
            let document = format!("{{\"a\":{}}}", parts.concat());
            prop_assert_eq!(skim(document.as_bytes()), plainly(document.as_bytes()), "{}", document);
        }
    }
}
