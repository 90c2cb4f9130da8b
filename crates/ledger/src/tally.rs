//! Failures before authentication, counted so that a flood of strangers fills neither the disk nor the queue
//! (decision 3). The first of a source and reason in a window are written in full. Then one open tally leaf is
//! written, which says that more are only counted: its receipt licenses their refusals. The final count follows when
//! the window ends.

use evidence::{Leaf, Record};
use lexicon::{Reason, Time};
use std::collections::HashMap;

/// How many of what a window may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub window_s: u64,
    /// Written in full, of one source and reason, and of all together.
    pub full: u64,
    pub full_in_all: u64,
    /// Answered under one tally. Beyond, there is no receipt and so no answer.
    pub licensed: u64,
    /// Sources told apart. All further ones share a tally.
    pub sources: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    /// Absent for the tally that all further sources share.
    prefix: Option<String>,
    reason: Option<Reason>,
}

#[derive(Default)]
struct Count {
    seen: u64,
    written: u64,
    /// Index of the open tally leaf.
    licence: Option<u64>,
}

/// What to do with a refusal.
#[derive(Debug)]
pub(crate) enum Admission {
    Full,
    /// Write this tally, which will have the index that was told, and answer under it.
    Open(Box<Record>),
    /// Answer under the tally at this index.
    Licensed(u64),
    Beyond,
}

pub(crate) struct Tallies {
    quota: Quota,
    counts: HashMap<Key, Count>,
    full: u64,
}

impl Tallies {
    pub fn new(quota: Quota) -> Self {
        Self { quota, counts: HashMap::new(), full: 0 }
    }

    /// Is nothing counted, so that no window is open?
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Judges one refusal. `next` is the index that a leaf written for it would get.
    pub fn admit(&mut self, refusal: &Record, next: u64) -> Admission {
        let mut key = Key { prefix: refusal.peer_prefix.clone(), reason: refusal.reason };
        if !self.counts.contains_key(&key) && self.counts.len() >= self.quota.sources {
            key.prefix = None;
        }
        let quota = self.quota;
        let count = self.counts.entry(key.clone()).or_default();
        count.seen += 1;
        if count.licence.is_none() && count.written < quota.full && self.full < quota.full_in_all {
            count.written += 1;
            self.full += 1;
            return Admission::Full;
        }
        match count.licence {
            None => {
                count.licence = Some(next);
                Admission::Open(Box::new(tally(&key, count, refusal.time, quota.window_s)))
            }
            Some(index) if count.seen - count.written <= quota.licensed => Admission::Licensed(index),
            Some(_) => Admission::Beyond,
        }
    }

    /// Ends the window: the final counts, of those that have an open tally.
    pub fn end(&mut self, now: Time) -> Vec<Record> {
        self.full = 0;
        let licensed = self.counts.drain().filter(|(_, count)| count.licence.is_some());
        let mut records: Vec<_> = licensed
            .map(|(key, count)| {
                let mut record = tally(&key, &count, now, self.quota.window_s);
                record.exact = Some(true);
                record
            })
            .collect();
        records.sort_by(|a, b| {
            (&a.peer_prefix, a.reason.map(Reason::code)).cmp(&(&b.peer_prefix, b.reason.map(Reason::code)))
        });
        records
    }

    /// Forgets the window: its open tallies may not be on disk.
    pub fn forget(&mut self) {
        self.counts.clear();
        self.full = 0;
    }
}

/// A tally counts what is not written in full.
fn tally(key: &Key, count: &Count, now: Time, window_s: u64) -> Record {
    let mut record = Record::new(Leaf::Tally, now);
    record.peer_prefix = key.prefix.clone();
    record.reason = key.reason;
    record.count = Some(count.seen - count.written);
    record.window_s = Some(window_s);
    record.exact = Some(false);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { window_s: 60, full: 2, full_in_all: 5, licensed: 3, sources: 2 };

    fn refusal(prefix: &str, reason: Reason) -> Record {
        let mut record = Record::new(Leaf::Closed, Time::default());
        record.peer_prefix = Some(prefix.into());
        record.reason = Some(reason);
        record
    }

    /// What becomes of one refusal after the other: `F`ull, `O`pen, `L`icensed, `B`eyond.
    fn fates(tallies: &mut Tallies, refusals: &[&Record]) -> String {
        let fate = |(next, refusal): (u64, &&Record)| match tallies.admit(refusal, next) {
            Admission::Full => 'F',
            Admission::Open(_) => 'O',
            Admission::Licensed(_) => 'L',
            Admission::Beyond => 'B',
        };
        (0..).zip(refusals).map(fate).collect()
    }

    fn told(records: &[Record]) -> Vec<(Option<&str>, Option<u64>, Option<bool>)> {
        records.iter().map(|record| (record.peer_prefix.as_deref(), record.count, record.exact)).collect()
    }

    #[test]
    fn each_source_and_reason_has_its_own_quota() {
        let mut tallies = Tallies::new(QUOTA);
        let (a, b) = (refusal("a", Reason::CredentialInvalid), refusal("a", Reason::CredentialExpired));
        assert_eq!(fates(&mut tallies, &[&a, &a, &a, &b, &a, &a, &a, &b, &b]), "FFOFLLBFO");
        let records = tallies.end(Time::default());
        assert_eq!(told(&records), [(Some("a"), Some(1), Some(true)), (Some("a"), Some(4), Some(true))]);
    }

    #[test]
    fn all_sources_together_have_one_too() {
        let mut tallies = Tallies::new(QUOTA);
        let refusals = ["a", "b", "c", "d", "e"].map(|prefix| refusal(prefix, Reason::CredentialInvalid));
        // Two sources are told apart; the others share a tally, and a quota.
        let [a, b, c, d, e] = refusals.each_ref();
        assert_eq!(fates(&mut tallies, &[a, b, c, d, e, a, b, e]), "FFFFOFOL");
        assert_eq!(
            told(&tallies.end(Time::default())),
            [(None, Some(2), Some(true)), (Some("b"), Some(1), Some(true))]
        );
    }

    #[test]
    fn a_window_ends_and_the_next_begins_anew() {
        let mut tallies = Tallies::new(QUOTA);
        let a = refusal("a", Reason::CredentialInvalid);
        assert!(tallies.is_empty());
        assert_eq!(fates(&mut tallies, &[&a]), "F");
        assert!(!tallies.is_empty());
        assert_eq!(tallies.end(Time::default()), [], "what was written in full needs no tally");
        assert!(tallies.is_empty());
        assert_eq!(fates(&mut tallies, &[&a, &a, &a]), "FFO");
        tallies.forget();
        assert_eq!(fates(&mut tallies, &[&a]), "F", "a licence that may not be on disk licenses nothing");
    }
}
