//! The part of CBOR that records use, in its one deterministic form (RFC 8949 section 4.2.1): shortest integers,
//! definite lengths. What is written any other way is not read.

/// Why bytes are not a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("byte {at}: {why}")]
pub struct DecodeError {
    /// Offset of the item that does not fit.
    pub at: usize,
    pub why: Flaw,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Flaw {
    #[error("a leaf has at most 65536 bytes")]
    TooLong,
    #[error("the bytes end inside an item")]
    Short,
    #[error("bytes follow the record")]
    Trailing,
    #[error("not the shortest form, or an indefinite length (RFC 8949 section 4.2.1)")]
    NotCanonical,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("the number does not fit its field")]
    Range,
    #[error("text is not UTF-8")]
    Utf8,
    #[error("not a word of the format")]
    Word,
    #[error("an empty list must be left out")]
    EmptyList,
    #[error("not the one form of a list of what was disclosed")]
    Disclosed,
    #[error("keys must ascend and appear once")]
    KeyOrder,
    #[error("key {0} is not in this version of the format")]
    KeyUnknown(u64),
    #[error("key {0} is required")]
    KeyMissing(u64),
    #[error("format version {0} is not known here; use a newer verifier")]
    Version(u64),
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
const FALSE: u64 = 20;
const TRUE: u64 = 21;

#[derive(Default)]
pub(crate) struct Encoder(Vec<u8>);

impl Encoder {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        match value {
            0..=23 => self.0.push(major | value as u8),
            24..=0xff => self.0.extend([major | 24, value as u8]),
            0x100..=0xffff => {
                self.0.push(major | 25);
                self.0.extend((value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.0.push(major | 26);
                self.0.extend((value as u32).to_be_bytes());
            }
            _ => {
                self.0.push(major | 27);
                self.0.extend(value.to_be_bytes());
            }
        }
    }

    pub(crate) fn unsigned(&mut self, value: u64) {
        self.head(UNSIGNED, value);
    }

    pub(crate) fn signed(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.head(UNSIGNED, value),
            // CBOR writes a negative n as -1 - n, which is the bitwise complement.
            Err(_) => self.head(NEGATIVE, !value as u64),
        }
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.head(BYTES, value.len() as u64);
        self.0.extend(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.head(TEXT, value.len() as u64);
        self.0.extend(value.as_bytes());
    }

    pub(crate) fn array(&mut self, length: usize) {
        self.head(ARRAY, length as u64);
    }

    pub(crate) fn map(&mut self, length: usize) {
        self.head(MAP, length as u64);
    }

    pub(crate) fn truth(&mut self, value: bool) {
        self.head(SIMPLE, if value { TRUE } else { FALSE });
    }
}

pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    at: usize,
    /// Offset of the last item's head, which errors name.
    item: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0, item: 0 }
    }

    pub(crate) fn flaw(&self, why: Flaw) -> DecodeError {
        DecodeError { at: self.item, why }
    }

    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError { at: self.at, why: Flaw::Trailing }) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(self.flaw(Flaw::Short))?;
        self.rest = rest;
        self.at += length;
        Ok(taken)
    }

    /// What is not read yet. The part of an earlier rest that is no part of a later one was read in between.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Major type and argument of the next item.
    fn head(&mut self) -> Result<(u8, u64), DecodeError> {
        self.item = self.at;
        let first = self.take(1)?.iter().fold(0, |_, byte| *byte);
        let (major, short) = (first >> 5, first & 0x1f);
        let (extra, least) = match short {
            0..=23 => return Ok((major, u64::from(short))),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(self.flaw(Flaw::NotCanonical)),
        };
        let value = self.take(extra)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least || major == SIMPLE { Err(self.flaw(Flaw::NotCanonical)) } else { Ok((major, value)) }
    }

    fn expect(&mut self, major: u8, what: &'static str) -> Result<u64, DecodeError> {
        match self.head()? {
            (found, value) if found == major => Ok(value),
            _ => Err(self.flaw(Flaw::Expected(what))),
        }
    }

    /// A length, which can never be more than what is left: an item has at least one byte.
    fn length(&mut self, major: u8, what: &'static str) -> Result<usize, DecodeError> {
        let length = self.expect(major, what)?;
        usize::try_from(length).ok().filter(|length| *length <= self.rest.len()).ok_or(self.flaw(Flaw::Short))
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        self.expect(UNSIGNED, "an unsigned integer")
    }

    pub(crate) fn signed(&mut self) -> Result<i64, DecodeError> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| self.flaw(Flaw::Range))?;
        match major {
            UNSIGNED => Ok(value),
            NEGATIVE => Ok(!value),
            _ => Err(self.flaw(Flaw::Expected("an integer"))),
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let length = self.length(BYTES, "a byte string")?;
        self.take(length)?.try_into().map_err(|_| self.flaw(Flaw::Range))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = self.length(TEXT, "a text string")?;
        std::str::from_utf8(self.take(length)?).map_err(|_| self.flaw(Flaw::Utf8))
    }

    pub(crate) fn array(&mut self) -> Result<usize, DecodeError> {
        self.length(ARRAY, "an array")
    }

    pub(crate) fn map(&mut self) -> Result<usize, DecodeError> {
        self.length(MAP, "a map")
    }

    pub(crate) fn truth(&mut self) -> Result<bool, DecodeError> {
        match self.expect(SIMPLE, "true or false")? {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => Err(self.flaw(Flaw::Expected("true or false"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 8949 appendix A.
    #[test]
    fn integers_have_the_forms_of_the_rfc() {
        for (value, expect) in [
            (0_i64, "00"),
            (1, "01"),
            (10, "0a"),
            (23, "17"),
            (24, "1818"),
            (100, "1864"),
            (1000, "1903e8"),
            (1_000_000, "1a000f4240"),
            (1_000_000_000_000, "1b000000e8d4a51000"),
            (-1, "20"),
            (-10, "29"),
            (-100, "3863"),
            (-1000, "3903e7"),
        ] {
            let mut encoder = Encoder::default();
            encoder.signed(value);
            let bytes = encoder.finish();
            assert_eq!(hex(&bytes), expect);
            assert_eq!(Decoder::new(&bytes).signed(), Ok(value));
        }
        for extreme in [i64::MIN, i64::MAX] {
            let mut encoder = Encoder::default();
            encoder.signed(extreme);
            assert_eq!(Decoder::new(&encoder.finish()).signed(), Ok(extreme));
        }
    }

    #[test]
    fn longer_forms_than_needed_are_refused() {
        for bytes in [
            &[0x18, 0x17][..],
            &[0x19, 0, 0xff],
            &[0x1a, 0, 0, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x1f],
            &[0x1c],
        ] {
            assert_eq!(Decoder::new(bytes).unsigned().map_err(|error| error.why), Err(Flaw::NotCanonical));
        }
        // Indefinite text, and `true` in two bytes.
        assert_eq!(Decoder::new(&[0x7f, 0x61, b'a', 0xff]).text().map_err(|e| e.why), Err(Flaw::NotCanonical));
        assert_eq!(Decoder::new(&[0xf8, 21]).truth().map_err(|e| e.why), Err(Flaw::NotCanonical));
    }

    #[test]
    fn a_length_beyond_the_bytes_is_refused_before_it_is_used() {
        let huge = [0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Decoder::new(&huge).bytes::<4>(), Err(DecodeError { at: 0, why: Flaw::Short }));
        assert_eq!(Decoder::new(&[0x9a, 0xff, 0xff, 0xff, 0xff]).array().map_err(|e| e.why), Err(Flaw::Short));
    }
}
