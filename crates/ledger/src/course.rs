//! What a docket's answer names, and the entries of a long one that are under way (decisions 1 and 34).

use crate::scribe::Seat;
use evidence::{Disclosed, Pseudonym, Record, Row, Under};
use lexicon::ResourceType;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::sync::Semaphore;

/// Most entries of one docket, beside its closing one, whose fate is not known yet. The queue has a place for each.
pub(crate) const WINDOW: usize = 4;

/// Did every entry so far get on disk? Shared with the scribe, which sees each entry's fate first.
#[derive(Clone, Default)]
pub(crate) struct Fate(Arc<AtomicBool>);

impl Fate {
    pub fn is_broken(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// An entry did not get on disk, or nobody can tell: no later one is proof of anything.
    pub fn broke(&self) {
        self.0.store(true, Relaxed);
    }
}

#[derive(Default)]
pub(crate) struct Course {
    /// Named since the last entry.
    disclosed: Disclosed,
    resources: u64,
    patients: HashSet<[u8; 16]>,
    /// Of a long answer.
    long: Option<Long>,
}

struct Long {
    window: Arc<Semaphore>,
    fate: Fate,
    segments: u64,
}

impl Course {
    /// A row for each patient of a resource, or one without any.
    pub fn name(&mut self, resource_type: ResourceType, resource: Pseudonym, patients: Vec<Pseudonym>) {
        let row = Row { resource_type, resource: resource.mac, patient: None };
        if patients.is_empty() {
            if self.disclosed.rows().is_empty() {
                self.disclosed.under(Under { resource: resource.key, ..Under::default() });
            }
            self.disclosed.push(row);
        }
        for Pseudonym { key, mac } in patients {
            self.disclosed.under(Under { resource: resource.key, patient: key });
            self.patients.insert(mac);
            self.disclosed.push(Row { patient: Some(mac), ..row });
        }
        self.resources += 1;
    }

    pub fn take(&mut self) -> Disclosed {
        std::mem::take(&mut self.disclosed)
    }

    /// A place for one more entry, if the docket has one left.
    pub fn window(&mut self) -> Option<Seat> {
        let long = self.long();
        let place = Arc::clone(&long.window).try_acquire_owned();
        if place.is_err() {
            long.fate.broke();
        }
        place.ok().map(Seat::of_note)
    }

    pub fn next_segment(&mut self) -> u64 {
        let long = self.long();
        long.segments += 1;
        long.segments
    }

    fn long(&mut self) -> &mut Long {
        let window = || Arc::new(Semaphore::new(WINDOW));
        self.long.get_or_insert_with(|| Long { window: window(), fate: Fate::default(), segments: 0 })
    }

    pub fn fate(&self) -> Option<Fate> {
        self.long.as_ref().map(|long| long.fate.clone())
    }

    /// What the last leaf says of the whole.
    pub fn conclude(&self, record: &mut Record) {
        if self.resources > 0 {
            record.patients = Some(self.patients.len() as u64);
        }
        if let Some(long) = &self.long {
            record.segment = Some(long.segments);
            record.returned = Some(self.resources);
        }
    }
}
