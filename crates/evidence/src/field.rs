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
    49 disclosed "disclosed",
    50 continued "continued",
    51 segment "segment",
    52 patients "patients",
    53 narrowing "narrowing",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Effect, Pseudonym, Row, Under};
    use lexicon::{Interaction, Kind, Narrowing, Reason, ResourceType, Station, Trace};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn pick<T: Copy>(from: &[T], seed: u64) -> T {
        from[usize::try_from(seed % from.len() as u64).expect("small")]
    }

    fn pseudonym(seed: u64) -> Pseudonym {
        Pseudonym { key: (seed as u32).to_be_bytes(), mac: u128::from(seed).to_be_bytes() }
    }

    fn text(seed: u64) -> String {
        ["", "ward-app", "\u{e9}\u{1f3e5}", "a \"quoted\\ \n line"].map(str::to_owned)[(seed % 4) as usize].clone()
    }

    fn texts(seed: u64) -> Vec<String> {
        (0..seed % 30).map(text).collect()
    }

    /// A record whose every field comes from its own seed, and is absent for every third.
    fn filled(seeds: &[u64]) -> Record {
        let mut seeds = seeds.iter().copied().cycle();
        let mut seed = || seeds.next().expect("endless");
        let types: Vec<_> = ResourceType::all().collect();
        let mut record = Record::new(pick(Leaf::ALL, seed()), Time::from_millis(seed()));
        macro_rules! some {
            ($($field:ident $make:expr;)+) => {$(
                record.$field = Some(seed()).filter(|seed| seed % 3 > 0).map($make);
            )+};
        }
        some! {
            trace |n| Trace::from_bytes(u128::from(n).to_be_bytes());
            station |n| pick(&Station::ALL, n);
            actor_kind |n| pick(&[Kind::Person, Kind::Workload, Kind::Stranger], n);
            actor pseudonym; issuer text; client text; token pseudonym;
            assurance |n| n as u8;
            phishing_resistant |n| n % 2 == 0;
            authenticated_age_s |n| n;
            peer_prefix text; peer pseudonym; foreign_trace pseudonym; zone text; road text; purpose text;
            interaction |n| pick(Interaction::ALL, n);
            resource_type |n| pick(&types, n);
            resource pseudonym; patient pseudonym;
            returned |n| n; withheld_elements |n| n;
            allowed |n| n % 2 == 0;
            reason |n| pick(Reason::ALL, n);
            generation |n| [n as u8; 32];
            relationship_source text; relationship_age_s |n| n;
            client_tls text; upstream_tls text; upstream_peer text;
            upstream_status |n| n as u16; status |n| n as u16;
            answer |n| [n as u8; 32];
            latency_us |n| n; count |n| n; window_s |n| n;
            exact |n| n % 2 == 0;
            software text;
            epoch |n| n;
            step_ms |n| n.cast_signed();
            bytes |n| n;
            effect |n| pick(Effect::ALL, n);
            alert text;
            continued |n| n % 2 == 0;
            segment |n| n; patients |n| n;
            narrowing |n| pick(&Narrowing::ALL, n);
        }
        for n in 0..seed() % 40 {
            let patient = Some(seed()).filter(|n| n % 3 > 0).map(|n| u128::from(n % 8).to_be_bytes());
            let (resource, kind) = (u128::from(n).to_be_bytes(), pick(&types, seed()));
            record.disclosed.push(Row { resource_type: kind, resource, patient });
        }
        if !record.disclosed.rows().is_empty() {
            record.disclosed.under(Under { resource: [7; 4], patient: [8; 4] });
        }
        record.scopes = texts(seed());
        record.policies = texts(seed());
        record.groups = texts(seed());
        record
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seeds in prop::collection::vec(any::<u64>(), 1..60)) {
            let record = filled(&seeds);
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn bytes_that_read_are_the_only_form(seeds in prop::collection::vec(any::<u64>(), 1..60), at in any::<usize>(), byte in any::<u8>(), how in 0..4) {
            let mut bytes = filled(&seeds).encode();
            let at = at % bytes.len();
            match how {
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(record.encode(), bytes);
            }
        }

        #[test]
        fn what_fits_is_a_leaf(long in 0..3000_usize, many in 0..300_usize) {
            let mut record = filled(&[1]);
            record.issuer = Some("\u{1f3e5}".repeat(long));
            record.scopes = vec!["s".repeat(long); many];
            record.policies = record.scopes.clone();
            record.groups = record.scopes.clone();
            let before = record.clone();
            record.fit();
            prop_assert!(record.encode().len() < LEAF_BYTES);
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record.clone()));
            prop_assert_eq!(record == before, long <= 64 && many <= 64, "cut only what is too long");
        }
    }

    fn check(bytes: &[u8], expect: Flaw) {
        assert_eq!(Record::decode(bytes).map_err(|error| error.why), Err(expect), "{bytes:02x?}");
    }

    #[test]
    fn what_is_not_the_one_form_is_refused() {
        // {0: 1, 1: "shut", 2: 0}
        let good = [0xa3, 0, 1, 1, 0x64, b's', b'h', b'u', b't', 2, 0];
        assert_eq!(Record::decode(&good), Ok(Record::new(Leaf::Shut, Time::default())));
        check(&[&good[..], &[0]].concat(), Flaw::Trailing);
        check(&[0xa0], Flaw::KeyMissing(0));
        check(&[0xa1, 0, 1], Flaw::KeyMissing(1));
        check(&[0xa2, 0, 1, 1, 0x64, b's', b'h', b'u', b't'], Flaw::KeyMissing(2));
        check(&[0xa2, 0, 1, 2, 0], Flaw::KeyMissing(1));
        check(&[0xa1, 0, 2], Flaw::Version(2));
        check(&[0xa3, 0, 1, 1, 0x64, b's', b'h', b'u', b'd', 2, 0], Flaw::Word);
        check(&[0xa3, 0, 1, 1, 0x64, b's', b'h', b'u', b't', 1, 0], Flaw::KeyOrder);
        let with = |more: &[u8]| [&[0xa4], &good[1..], more].concat();
        check(&with(&[2, 0]), Flaw::KeyOrder);
        check(&with(&[0x18, 60, 0]), Flaw::KeyUnknown(60));
        check(&with(&[10, 0x80]), Flaw::EmptyList);
        check(&with(&[11, 0x19, 1, 0]), Flaw::Range);
        check(&with(&[3, 0x41, 0]), Flaw::Range);
        check(&with(&[7, 0x61, 0xff]), Flaw::Utf8);
        check(&with(&[0x18, 3, 0]), Flaw::NotCanonical);
        check(&with(&[0x18, 53, 0x64, b'k', b'e', b'p', b't']), Flaw::Word);
        check(&vec![0; LEAF_BYTES + 1], Flaw::TooLong);
    }

    #[test]
    fn the_table_has_each_key_name_and_group_once() {
        let fields = Record::fields();
        assert!(fields.iter().map(|field| field.key).eq(0..fields.len() as u64), "keys without a gap");
        assert_eq!(fields.iter().map(|field| field.name).collect::<HashSet<_>>().len(), fields.len());
        let mut groups: Vec<_> =
            fields.iter().filter_map(|field| field.name.split_once('.')).map(|name| name.0).collect();
        groups.dedup();
        assert_eq!(groups.iter().collect::<HashSet<_>>().len(), groups.len(), "a group's fields are neighbours");
        assert!(fields.iter().filter(|field| field.required).map(|field| field.key).eq(0..3));
    }

    #[test]
    fn json_is_for_people_and_well_formed() {
        let mut record = Record::new(Leaf::Closed, Time::from_millis(1_795_257_000_123));
        record.issuer = Some("a\"b\\c\nd\u{202e}".into());
        record.scopes = vec!["user/Patient.rs".into(), "openid".into()];
        record.peer_prefix = Some("10.0.1.0/24".into());
        record.resource_type = Some(ResourceType::PATIENT);
        record.patient = Some(Pseudonym { key: [0xa1, 0, 0, 2], mac: [0x9b; 16] });
        record.allowed = Some(true);
        record.step_ms = Some(-7);
        let expect = concat!(
            r#"{ "version": 1, "index": 4711, "leaf": "closed", "time": "2026-11-21T10:30:00.123Z", "#,
            r#""issuer": "a\"b\\c\u000ad\u202e", "scopes": ["user/Patient.rs", "openid"], "#,
            r#""source": { "peer_prefix": "10.0.1.0/24" }, "#,
            r#""resource": { "type": "Patient", "patient": "hmac:a1000002:9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b9b" }, "#,
            r#""allowed": true, "step_ms": -7 }"#
        );
        assert_eq!(record.to_json(4711), expect);
    }
}
