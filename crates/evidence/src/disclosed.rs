//! The list of what an answer discloses: each resource, and the patient it is about, by pseudonym. Written as columns,
//! so that a search answer of 500 resources is one leaf.

use crate::Pseudonym;
use crate::cbor::{DecodeError, Decoder, Encoder, Flaw};
use crate::value::{Slot, Value};
use lexicon::ResourceType;
use std::collections::HashMap;
use std::hash::Hash;

/// Which keys made the pseudonyms of a list: one for all its resources, one for all its patients.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Under {
    pub resource: [u8; 4],
    pub patient: [u8; 4],
}

/// One resource that left, by pseudonym. One that is about several patients has a row for each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Row {
    pub resource_type: ResourceType,
    pub resource: [u8; 16],
    /// Whom it is about, when it is about somebody.
    pub patient: Option<[u8; 16]>,
}

/// What an answer names, in its order.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Disclosed {
    under: Under,
    rows: Vec<Row>,
}

/// Most bytes of a row: its array and type (2 each at most), its pseudonym (17), its patient's place (5) and pseudonym (17).
const ROW: usize = 43;

/// Most bytes of a type's name in the table of types, which each list has once.
const TYPE: usize = 40;

impl Disclosed {
    pub fn under(&mut self, under: Under) {
        self.under = under;
    }

    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many different resources there are.
    pub fn different(&self) -> usize {
        table(self.rows.iter().map(|row| (row.resource_type, row.resource))).0.len()
    }

    /// The pseudonyms as other fields have them.
    pub fn resources(&self) -> impl Iterator<Item = Pseudonym> {
        self.rows.iter().map(|row| Pseudonym { key: self.under.resource, mac: row.resource })
    }

    /// The different patients, in the order of their first row.
    pub fn patients(&self) -> Vec<Pseudonym> {
        let patients = table(self.rows.iter().filter_map(|row| row.patient)).0;
        patients.into_iter().map(|mac| Pseudonym { key: self.under.patient, mac }).collect()
    }

    /// Never less than the bytes that it is written in.
    pub(crate) fn most_bytes(&self) -> usize {
        self.rows.len() * ROW + table(self.rows.iter().map(|row| row.resource_type)).0.len() * TYPE
    }

    /// The same list in parts of at most `bytes`.
    pub(crate) fn parts(self, bytes: usize) -> impl Iterator<Item = Self> {
        let each = (bytes / (ROW + TYPE)).max(1);
        let rows: Vec<Vec<Row>> = self.rows.chunks(each).map(<[Row]>::to_vec).collect();
        rows.into_iter().map(move |rows| Self { under: self.under, rows })
    }
}

/// Different items in the order of their first use, and where each stands.
fn table<T: Copy + Eq + Hash>(items: impl Iterator<Item = T>) -> (Vec<T>, HashMap<T, u64>) {
    let (mut different, mut places) = (Vec::new(), HashMap::new());
    for item in items {
        places.entry(item).or_insert_with(|| {
            different.push(item);
            different.len() as u64
        });
    }
    (different, places)
}

impl Slot for Disclosed {
    type Item = Self;
    fn held(&self) -> Option<&Self> {
        (!self.rows.is_empty()).then_some(self)
    }
    fn fill(&mut self, item: Self) {
        *self = item;
    }
}

impl Value for Disclosed {
    const CDDL: &'static str = "disclosed";

    fn put(&self, to: &mut Encoder) {
        let (types, type_places) = table(self.rows.iter().map(|row| row.resource_type));
        let (patients, patient_places) = table(self.rows.iter().filter_map(|row| row.patient));
        to.array(5);
        to.bytes(&self.under.resource);
        to.bytes(&self.under.patient);
        to.array(types.len());
        types.iter().for_each(|kind| to.text(kind.name()));
        to.array(patients.len());
        patients.iter().for_each(|mac| to.bytes(mac));
        to.array(self.rows.len());
        for row in &self.rows {
            to.array(3);
            // Every type is in its table, from 1 on.
            to.unsigned(type_places.get(&row.resource_type).map_or(0, |place| place - 1));
            to.bytes(&row.resource);
            to.unsigned(row.patient.and_then(|mac| patient_places.get(&mac).copied()).unwrap_or(0));
        }
    }

    fn take(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let start = from.rest();
        exactly(from, 5)?;
        let under = Under { resource: from.bytes()?, patient: from.bytes()? };
        let types = (0..from.array()?).map(|_| ResourceType::take(from)).collect::<Result<Vec<_>, _>>()?;
        let patients = (0..from.array()?).map(|_| from.bytes::<16>()).collect::<Result<Vec<_>, _>>()?;
        let mut rows = Vec::new();
        for _ in 0..from.array()? {
            exactly(from, 3)?;
            let resource_type = *place(from, &types, 0)?.ok_or(from.flaw(Flaw::Disclosed))?;
            let resource = from.bytes()?;
            rows.push(Row { resource_type, resource, patient: place(from, &patients, 1)?.copied() });
        }
        if rows.is_empty() {
            return Err(from.flaw(Flaw::EmptyList));
        }
        let taken = Self { under, rows };
        // Tables in another order, or with what no row uses, would be a second form of the same list.
        let mut again = Encoder::default();
        taken.put(&mut again);
        let read = start.len().saturating_sub(from.rest().len());
        if start.get(..read) == Some(again.finish().as_slice()) { Ok(taken) } else { Err(from.flaw(Flaw::Disclosed)) }
    }

    fn json(&self, to: &mut String) {
        let (resources, patients) = (self.different(), self.patients().len());
        to.push_str(&format!("{{ \"resources\": {resources}, \"patients\": {patients}, \"list\": ["));
        for (at, (row, resource)) in self.rows.iter().zip(self.resources()).enumerate() {
            to.push_str(if at == 0 { "{ \"type\": " } else { ", { \"type\": " });
            row.resource_type.json(to);
            to.push_str(", \"id\": ");
            resource.json(to);
            if let Some(mac) = row.patient {
                to.push_str(", \"patient\": ");
                Pseudonym { key: self.under.patient, mac }.json(to);
            }
            to.push_str(" }");
        }
        to.push_str("] }");
    }
}

fn exactly(from: &mut Decoder<'_>, length: usize) -> Result<(), DecodeError> {
    if from.array()? == length { Ok(()) } else { Err(from.flaw(Flaw::Disclosed)) }
}

/// What stands at the place that is read, counted from `first`; nothing for a place before it.
fn place<'a, T>(from: &mut Decoder<'_>, table: &'a [T], first: u64) -> Result<Option<&'a T>, DecodeError> {
    let Some(place) = from.unsigned()?.checked_sub(first) else { return Ok(None) };
    let found = usize::try_from(place).ok().and_then(|place| table.get(place));
    found.map(Some).ok_or(from.flaw(Flaw::Disclosed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LEAF_BYTES, Leaf, Record};
    use lexicon::{Time, Trace};
    use proptest::prelude::*;

    fn row(seed: u64) -> Row {
        let types: Vec<_> = ResourceType::all().collect();
        let at = usize::try_from(seed % types.len() as u64).expect("small");
        let patient = (!seed.is_multiple_of(7)).then(|| u128::from(seed % 1000).to_be_bytes());
        Row { resource_type: types[at], resource: u128::from(seed).to_be_bytes(), patient }
    }

    fn list(seeds: impl IntoIterator<Item = u64>) -> Disclosed {
        let mut list = Disclosed::default();
        list.under(Under { resource: [1; 4], patient: [2; 4] });
        seeds.into_iter().for_each(|seed| list.push(row(seed)));
        list
    }

    fn naming(disclosed: Disclosed, texts: usize) -> Record {
        let mut record = Record::new(Leaf::Closed, Time::from_seconds(9));
        record.trace = Some(Trace::from_bytes([7; 16]));
        record.policies = vec!["p".repeat(300); texts];
        (record.scopes, record.groups) = (record.policies.clone(), record.policies.clone());
        record.disclosed = disclosed;
        record
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn nothing_of_a_list_is_ever_cut(seeds in prop::collection::vec(any::<u64>(), 0..4000), texts in 0..100_usize) {
            let record = naming(list(seeds), texts);
            let leaves = record.clone().leaves();
            let rows: Vec<_> = leaves.iter().flat_map(|leaf| leaf.disclosed.rows()).copied().collect();
            prop_assert_eq!(rows, record.disclosed.rows());
            for leaf in &leaves {
                let bytes = leaf.encode();
                prop_assert!(bytes.len() <= LEAF_BYTES, "{}", bytes.len());
                prop_assert_eq!(&Record::decode(&bytes).expect("a record"), leaf);
                prop_assert_eq!(leaf.trace, record.trace);
            }
            let (last, before) = leaves.split_last().expect("one at least");
            prop_assert_eq!((last.leaf, last.continued), (Leaf::Closed, None));
            prop_assert!(before.iter().all(|leaf| leaf.leaf == Leaf::Disclosing && leaf.continued == Some(true)));
        }
    }

    #[test]
    fn an_answer_of_500_resources_about_500_patients_is_one_leaf() {
        let record = naming(list((0..500).map(|n| n * 7 + 1)), 10);
        assert_eq!(record.disclosed.patients().len(), 500);
        let leaves = record.leaves();
        assert_eq!(leaves.len(), 1);
        assert!(leaves[0].encode().len() < LEAF_BYTES / 2, "{}", leaves[0].encode().len());
    }

    /// Even when everything else of the record is as long as it may be, at once.
    #[test]
    fn a_list_with_no_room_goes_before_its_leaf() {
        let leaves = naming(list((0..500).map(|n| n * 7 + 1)), 100).leaves();
        assert_eq!(leaves.iter().map(|leaf| leaf.disclosed.rows().len()).collect::<Vec<_>>(), [500, 0]);
        // What the document says of the leaves of a longer list.
        let parts: Vec<_> = list(0..100_000).parts(LEAF_BYTES - 256).map(|part| part.rows().len()).collect();
        assert!(parts.split_last().expect("many").1.iter().all(|rows| *rows >= 700), "{parts:?}");
    }

    fn check(item: impl FnOnce(&mut Encoder), expect: Result<usize, Flaw>) {
        let mut to = Encoder::default();
        item(&mut to);
        let bytes = to.finish();
        let taken = Disclosed::take(&mut Decoder::new(&bytes));
        assert_eq!(taken.map(|list| list.rows().len()).map_err(|error| error.why), expect, "{bytes:02x?}");
    }

    /// A list with these types, so many patients, and these rows: type, patient.
    fn written(types: &'static [&'static str], patients: u8, rows: &'static [(u64, u64)]) -> impl FnOnce(&mut Encoder) {
        move |to| {
            to.array(5);
            to.bytes(&[1; 4]);
            to.bytes(&[2; 4]);
            to.array(types.len());
            types.iter().for_each(|kind| to.text(kind));
            to.array(patients.into());
            (0..patients).for_each(|n| to.bytes(&[n; 16]));
            to.array(rows.len());
            for (kind, patient) in rows {
                to.array(3);
                to.unsigned(*kind);
                to.bytes(&[9; 16]);
                to.unsigned(*patient);
            }
        }
    }

    #[test]
    fn a_list_has_one_form() {
        check(written(&["Patient", "Observation"], 2, &[(0, 1), (1, 0), (1, 2), (0, 1)]), Ok(4));
        check(written(&["Patient"], 0, &[(0, 0)]), Ok(1));
        // No rows; tables with what no row uses, with one thing twice, in another order.
        check(written(&[], 0, &[]), Err(Flaw::EmptyList));
        check(written(&["Patient", "Observation"], 0, &[(0, 0)]), Err(Flaw::Disclosed));
        check(written(&["Patient", "Patient"], 0, &[(0, 0), (1, 0)]), Err(Flaw::Disclosed));
        check(written(&["Patient", "Observation"], 0, &[(1, 0), (0, 0)]), Err(Flaw::Disclosed));
        check(written(&["Patient"], 1, &[(0, 0)]), Err(Flaw::Disclosed));
        check(written(&["Patient"], 2, &[(0, 2), (0, 1)]), Err(Flaw::Disclosed));
        // Places that are not there; a word that is no type.
        check(written(&["Patient"], 0, &[(1, 0)]), Err(Flaw::Disclosed));
        check(written(&["Patient"], 1, &[(0, 2)]), Err(Flaw::Disclosed));
        check(written(&["Patient"], 1, &[(0, u64::MAX)]), Err(Flaw::Disclosed));
        check(written(&["Person's"], 0, &[(0, 0)]), Err(Flaw::Word));
    }

    #[test]
    fn json_says_how_many_and_then_which() {
        let mut list = list([]);
        let patient = Some([0xbb; 16]);
        list.push(Row { resource_type: ResourceType::PATIENT, resource: [0xaa; 16], patient });
        list.push(Row { resource_type: ResourceType::PATIENT, resource: [0xcc; 16], patient: None });
        let mut text = String::new();
        list.json(&mut text);
        let (aa, bb, cc) = ("aa".repeat(16), "bb".repeat(16), "cc".repeat(16));
        assert_eq!(
            text,
            format!(
                "{{ \"resources\": 2, \"patients\": 1, \"list\": [\
                 {{ \"type\": \"Patient\", \"id\": \"hmac:01010101:{aa}\", \"patient\": \"hmac:02020202:{bb}\" }}, \
                 {{ \"type\": \"Patient\", \"id\": \"hmac:01010101:{cc}\" }}] }}"
            )
        );
    }
}
