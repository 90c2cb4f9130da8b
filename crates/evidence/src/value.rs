//! How each type of a record's fields is written: in CBOR, in CDDL, and in JSON for people.

use crate::cbor::{DecodeError, Decoder, Encoder, Flaw};
use crate::{Effect, Leaf, Pseudonym};
use lexicon::{Interaction, Kind, Narrowing, Reason, ResourceType, Station, Time, Trace};
use std::fmt::Write;

/// One item.
pub(crate) trait Value: Sized {
    /// The rule of `docs/evidence-format.md`.
    const CDDL: &'static str;
    fn put(&self, to: &mut Encoder);
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError>;
    fn json(&self, to: &mut String);
}

/// One field, which may be absent.
pub(crate) trait Slot {
    type Item: Value;
    const REQUIRED: bool = false;
    fn held(&self) -> Option<&Self::Item>;
    fn fill(&mut self, item: Self::Item);
}

impl<T: Value> Slot for Option<T> {
    type Item = T;
    fn held(&self) -> Option<&T> {
        self.as_ref()
    }
    fn fill(&mut self, item: T) {
        *self = Some(item);
    }
}

macro_rules! required {
    ($($type:ty),+) => {$(
        impl Slot for $type {
            type Item = Self;
            const REQUIRED: bool = true;
            fn held(&self) -> Option<&Self> {
                Some(self)
            }
            fn fill(&mut self, item: Self) {
                *self = item;
            }
        }
    )+};
}
required!(Leaf, Time);

impl Slot for Vec<String> {
    type Item = Self;
    fn held(&self) -> Option<&Self> {
        (!self.is_empty()).then_some(self)
    }
    fn fill(&mut self, item: Self) {
        *self = item;
    }
}

macro_rules! unsigned {
    ($($type:ty as $cddl:literal),+) => {$(
        impl Value for $type {
            const CDDL: &'static str = $cddl;
            fn put(&self, to: &mut Encoder) {
                to.unsigned(u64::from(*self));
            }
            fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                from.unsigned()?.try_into().map_err(|_| from.flaw(Flaw::Range))
            }
            fn json(&self, to: &mut String) {
                // Writing to a String cannot fail.
                let _ = write!(to, "{self}");
            }
        }
    )+};
}
unsigned!(u8 as "u8", u16 as "u16", u64 as "uint");

impl Value for i64 {
    const CDDL: &'static str = "int";
    fn put(&self, to: &mut Encoder) {
        to.signed(*self);
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.signed()
    }
    fn json(&self, to: &mut String) {
        let _ = write!(to, "{self}");
    }
}

impl Value for bool {
    const CDDL: &'static str = "bool";
    fn put(&self, to: &mut Encoder) {
        to.truth(*self);
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.truth()
    }
    fn json(&self, to: &mut String) {
        let _ = write!(to, "{self}");
    }
}

impl Value for String {
    const CDDL: &'static str = "tstr";
    fn put(&self, to: &mut Encoder) {
        to.text(self);
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.text().map(Into::into)
    }
    fn json(&self, to: &mut String) {
        quote(self, to);
    }
}

impl Value for Vec<String> {
    const CDDL: &'static str = "[+ tstr]";
    fn put(&self, to: &mut Encoder) {
        to.array(self.len());
        self.iter().for_each(|text| to.text(text));
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match from.array()? {
            0 => Err(from.flaw(Flaw::EmptyList)),
            length => (0..length).map(|_| from.text().map(Into::into)).collect(),
        }
    }
    fn json(&self, to: &mut String) {
        to.push('[');
        for (at, text) in self.iter().enumerate() {
            to.push_str(if at == 0 { "" } else { ", " });
            quote(text, to);
        }
        to.push(']');
    }
}

impl Value for Time {
    const CDDL: &'static str = "time";
    fn put(&self, to: &mut Encoder) {
        to.unsigned(self.millis());
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.unsigned().map(Self::from_millis)
    }
    fn json(&self, to: &mut String) {
        let _ = write!(to, "\"{self}\"");
    }
}

impl Value for Trace {
    const CDDL: &'static str = "trace";
    fn put(&self, to: &mut Encoder) {
        to.bytes(self.bytes());
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.bytes().map(Self::from_bytes)
    }
    fn json(&self, to: &mut String) {
        let _ = write!(to, "\"{self}\"");
    }
}

impl Value for [u8; 32] {
    const CDDL: &'static str = "digest";
    fn put(&self, to: &mut Encoder) {
        to.bytes(self);
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        from.bytes()
    }
    fn json(&self, to: &mut String) {
        to.push_str("\"sha256:");
        hex(self, to);
        to.push('"');
    }
}

impl Value for Pseudonym {
    const CDDL: &'static str = "pseudonym";
    fn put(&self, to: &mut Encoder) {
        to.bytes(&[self.key.as_slice(), self.mac.as_slice()].concat());
    }
    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let bytes: [u8; 20] = from.bytes()?;
        let mut pseudonym = Self { key: [0; 4], mac: [0; 16] };
        let halves = pseudonym.key.iter_mut().chain(&mut pseudonym.mac);
        halves.zip(bytes).for_each(|(to, byte)| *to = byte);
        Ok(pseudonym)
    }
    fn json(&self, to: &mut String) {
        to.push_str("\"hmac:");
        hex(&self.key, to);
        to.push(':');
        hex(&self.mac, to);
        to.push('"');
    }
}

/// A closed set of words, written as text.
macro_rules! worded {
    ($($type:ty as $cddl:literal: $code:path, $from:expr;)+) => {$(
        impl Value for $type {
            const CDDL: &'static str = $cddl;
            fn put(&self, to: &mut Encoder) {
                to.text($code(*self));
            }
            fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let word = from.text()?;
                $from(word).ok_or(from.flaw(Flaw::Word))
            }
            fn json(&self, to: &mut String) {
                quote($code(*self), to);
            }
        }
    )+};
}

worded! {
    Leaf as "leaf": Leaf::code, Leaf::from_code;
    Effect as "effect": Effect::code, Effect::from_code;
    Station as "station": Station::code, Station::from_code;
    Kind as "kind": Kind::code, kind;
    Interaction as "interaction": Interaction::code, Interaction::from_code;
    ResourceType as "resource-type": ResourceType::name, ResourceType::from_name;
    Reason as "reason": Reason::code, Reason::from_code;
    Narrowing as "narrowing": Narrowing::code, Narrowing::from_code;
}

fn kind(word: &str) -> Option<Kind> {
    [Kind::Person, Kind::Workload, Kind::Stranger].into_iter().find(|kind| kind.code() == word)
}

/// Declares an enum whose variants are words of the format.
macro_rules! words {
    ($(#[$doc:meta])+ $name:ident $rule:literal { $($(#[$about:meta])+ $variant:ident $word:literal),+ $(,)? }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name { $($(#[$about])+ $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}
pub(crate) use words;

fn hex(bytes: &[u8], to: &mut String) {
    bytes.iter().for_each(|byte| {
        let _ = write!(to, "{byte:02x}");
    });
}

/// A JSON string (RFC 8259 section 7). Control characters and what a terminal may obey are escaped.
pub(crate) fn quote(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                let _ = write!(to, "\\u{:04x}", c as u32);
            }
            c => to.push(c),
        }
    }
    to.push('"');
}
