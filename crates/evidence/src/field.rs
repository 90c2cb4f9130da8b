//! The one table of a record's fields: key, name, type. CBOR, JSON and the format's document all follow it.

use crate::cbor::{DecodeError, Decoder, Encoder, Flaw};
use crate::value::{Slot, Value};
use crate::{Leaf, Record};
use lexicon::Time;

/// Version of the format, key 0 of every record.
pub const VERSION: u64 = 1;

/// Most bytes of a leaf.
pub const LEAF_BYTES: usize = 65_536;

/// One row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    pub key: u64,
    /// Name in JSON; a dot stands for nesting.
    pub name: &'static str,
    /// Rule of the CDDL.
    pub rule: &'static str,
    pub required: bool,
}

fn row<S: Slot>(_: impl Fn(&Record) -> &S, key: u64, name: &'static str) -> Field {
    Field { key, name, rule: S::Item::CDDL, required: S::REQUIRED }
}

fn put<S: Slot>(slot: &S, key: u64, to: &mut Encoder) {
    if let Some(item) = slot.held() {
        to.unsigned(key);
        item.put(to);
    }
}

fn take<S: Slot>(slot: &mut S, from: &mut Decoder<'_>) -> Result<(), DecodeError> {
    S::Item::take(from).map(|item| slot.fill(item))
}

macro_rules! fields {
    ($($key:literal $field:ident $name:literal),+ $(,)?) => {
        impl Record {
            /// The table, in the order of its keys.
            pub fn fields() -> Vec<Field> {
                vec![
                    Field { key: 0, name: "version", rule: "1", required: true },
                    $(row(|record: &Record| &record.$field, $key, $name)),+
                ]
            }

            /// The leaf's bytes: deterministic CBOR. See [`Record::fit`] for what keeps it within a leaf.
            pub fn encode(&self) -> Vec<u8> {
                let held = [$(self.$field.held().is_some()),+].into_iter().filter(|held| *held).count();
                let mut to = Encoder::default();
                to.map(1 + held);
                to.unsigned(0);
                to.unsigned(VERSION);
                $(put(&self.$field, $key, &mut to);)+
                to.finish()
            }

            fn take(&mut self, key: u64, from: &mut Decoder<'_>) -> Result<(), DecodeError> {
                match key {
                    $($key => take(&mut self.$field, from),)+
                    other => Err(from.flaw(Flaw::KeyUnknown(other))),
                }
            }

            /// JSON for people; `index` is the leaf's place in the book. Never read back.
            pub fn to_json(&self, index: u64) -> String {
                let mut to = Json { text: format!("{{ \"version\": {VERSION}, \"index\": {index}"), group: "" };
                $(to.member($name, &self.$field);)+
                to.finish()
            }
        }
    };
}

fields! {
    1 leaf "leaf",
    2 time "time",
    3 trace "trace",
    4 station "station",
    5 actor_kind "actor_kind",
    6 actor "actor",
    7 issuer "issuer",
    8 client "client",
    9 token "token",
    10 scopes "scopes",
    11 assurance "assurance",
    12 phishing_resistant "phishing_resistant",
    13 authenticated_age_s "authenticated_age_s",
    14 peer_prefix "source.peer_prefix",
    15 peer "source.peer",
    16 foreign_trace "foreign_trace",
    17 zone "zone",
    18 road "road",
    19 purpose "purpose",
    20 interaction "interaction",
    21 resource_type "resource.type",
    22 resource "resource.id",
    23 patient "resource.patient",
    24 returned "returned",
    25 withheld_elements "withheld_elements",
    26 allowed "allowed",
    27 reason "reason",
    28 policies "policies",
    29 groups "groups",
    30 generation "generation",
    31 relationship_source "relationship.source",
    32 relationship_age_s "relationship.age_s",
    33 client_tls "tls.client",
    34 upstream_tls "tls.upstream",
    35 upstream_peer "tls.upstream_peer",
    36 upstream_status "upstream_status",
    37 status "status",
    38 answer "answer",
    39 latency_us "latency_us",
    40 count "count",
    41 window_s "window_s",
    42 exact "exact",
    43 software "software",
    44 epoch "epoch",
    45 step_ms "step_ms",
    46 bytes "bytes",
    47 effect "effect",
    48 alert "alert",
}

impl Record {
    /// Reads a leaf, strictly: whatever [`Record::encode`] would have written otherwise is refused.
    pub fn decode(leaf: &[u8]) -> Result<Self, DecodeError> {
        if leaf.len() > LEAF_BYTES {
            return Err(DecodeError { at: LEAF_BYTES, why: Flaw::TooLong });
        }
        let mut from = Decoder::new(leaf);
        let length = from.map()?;
        if length == 0 || from.unsigned()? != 0 {
            return Err(from.flaw(Flaw::KeyMissing(0)));
        }
        match from.unsigned()? {
            VERSION => {}
            other => return Err(from.flaw(Flaw::Version(other))),
        }
        let mut record = Self::new(Leaf::Opened, Time::default());
        // The required fields are keys 1 and 2, so they are the first two after the version.
        let mut last = 0;
        for _ in 1..length {
            let key = from.unsigned()?;
            if key <= last {
                return Err(from.flaw(Flaw::KeyOrder));
            }
            if last < 2 && key != last + 1 {
                return Err(from.flaw(Flaw::KeyMissing(last + 1)));
            }
            last = key;
            record.take(key, &mut from)?;
        }
        if last < 2 {
            return Err(from.flaw(Flaw::KeyMissing(last + 1)));
        }
        from.end()?;
        Ok(record)
    }
}

/// Writes members; neighbours whose names share the part before the dot become one object.
struct Json {
    text: String,
    group: &'static str,
}

impl Json {
    fn member<S: Slot>(&mut self, name: &'static str, slot: &S) {
        let Some(item) = slot.held() else { return };
        let (group, name) = name.split_once('.').unwrap_or(("", name));
        if group != self.group {
            self.leave();
        }
        self.text.push_str(", ");
        if group != self.group {
            self.text.push_str(&format!("\"{group}\": {{ "));
            self.group = group;
        }
        self.text.push_str(&format!("\"{name}\": "));
        item.json(&mut self.text);
    }

    fn leave(&mut self) {
        if !self.group.is_empty() {
            self.text.push_str(" }");
            self.group = "";
        }
    }

    fn finish(mut self) -> String {
        self.leave();
        self.text.push_str(" }");
        self.text
    }
}
