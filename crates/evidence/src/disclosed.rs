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

/// One resource that left, by pseudonym.
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
        let patients = self.patients().len();
        to.push_str(&format!("{{ \"resources\": {}, \"patients\": {patients}, \"list\": [", self.rows.len()));
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
