use crate::course::Course;
use crate::gauges::Gauges;
use crate::receipt::{Outage, Pending};
use crate::scribe::{Class, Message, Seat, Urgency};
use evidence::{Leaf, Pseudonym, Record};
use lexicon::{Kind, LocalId, Principal, ResourceType, Station, Time, Trace};
use seal::{PseudonymKeys, Purpose};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// What every docket needs of the ledger.
#[derive(Clone)]
pub(crate) struct Links {
    pub scribe: SyncSender<Message>,
    pub keys: Arc<PseudonymKeys>,
    /// Seats of cases whose caller is known.
    pub known: Arc<Semaphore>,
    pub gauges: Arc<Gauges>,
}

/// What identifies somebody, kept apart from the draft so that only the ledger fills it.
#[derive(Clone, Copy, Default)]
struct Marks {
    actor: Option<Pseudonym>,
    token: Option<Pseudonym>,
    peer: Option<Pseudonym>,
    foreign_trace: Option<Pseudonym>,
    resource: Option<Pseudonym>,
    patient: Option<Pseudonym>,
}

/// Whom a verified signature names. Only pseudonyms of subject and token are kept.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    /// The issuer's name in the configuration.
    pub issuer: &'a str,
    pub subject: &'a str,
    /// SHA-256 of the token.
    pub token: &'a [u8; 32],
}

/// The open case of one passage; moved from station to station. Dropped open, it records `Abandoned{station}`, which
/// for a stranger is counted as refusals are.
pub struct Docket {
    draft: Box<Record>,
    marks: Marks,
    prefix: String,
    trace: Trace,
    station: Station,
    arrived: Time,
    since: Instant,
    known: bool,
    /// What its answer names, and how far a long one is.
    course: Course,
    /// Taken when the case is closed. The message that closes it carries the seat to the scribe.
    seat: Option<Seat>,
    links: Links,
}

impl Docket {
    pub(crate) fn open(links: Links, seat: Seat, arrived: Time, trace: Trace, source: IpAddr) -> Self {
        let source = source.to_canonical();
        let (prefix, address) = match source {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                (format!("{a}.{b}.{c}.0/24"), v4.octets().to_vec())
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                (format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)), v6.octets().to_vec())
            }
        };
        let peer = Some(mark(&links.keys, Purpose::Address, &address));
        Self {
            draft: Box::new(Record::new(Leaf::Closed, arrived)),
            marks: Marks { peer, ..Marks::default() },
            prefix,
            trace,
            station: Station::Arrive,
            arrived,
            since: Instant::now(),
            known: false,
            course: Course::default(),
            seat: Some(seat),
            links,
        }
    }

    pub fn reach(&mut self, station: Station) {
        self.station = station;
    }

    pub fn station(&self) -> Station {
        self.station
    }

    pub fn trace(&self) -> Trace {
        self.trace
    }

    /// The record so far, for the fields that identify nobody. `leaf`, `time`, pseudonyms are overwritten by the
    /// ledger.
    pub fn draft(&mut self) -> &mut Record {
        &mut self.draft
    }

    /// Fills actor, issuer, client, kind, assurance; moves the case from a stranger's seat to a known one's.
    /// Outage when no such seat is free within `patience`. A principal that is a stranger keeps a stranger's seat.
    pub async fn caller(
        &mut self,
        principal: &Principal,
        token: &[u8; 32],
        now: Time,
        patience: Duration,
    ) -> Result<(), Outage> {
        self.draft.actor_kind = Some(principal.kind);
        if principal.kind == Kind::Stranger {
            return Ok(());
        }
        self.named(Named { issuer: &principal.issuer, subject: &principal.subject, token });
        self.draft.client = Some(principal.client.clone()).filter(|client| !client.is_empty());
        self.draft.assurance = Some(principal.assurance.level);
        self.draft.phishing_resistant = Some(principal.assurance.phishing_resistant);
        self.draft.authenticated_age_s = principal.assurance.authenticated_at.map(|at| now.seconds_since(at));
        self.known = true;
        self.seat = Some(seat(&self.links.known, &self.links.gauges, patience).await?);
        Ok(())
    }

    /// Fills actor, token and issuer of a token that was refused after its signature verified. The case stays a
    /// stranger's, in its seat and in how its refusal is counted.
    pub fn named(&mut self, Named { issuer, subject, token }: Named<'_>) {
        let actor = [&(issuer.len() as u32).to_be_bytes(), issuer.as_bytes(), subject.as_bytes()].concat();
        self.marks.actor = Some(mark(&self.links.keys, Purpose::Actor, &actor));
        self.marks.token = Some(mark(&self.links.keys, Purpose::Token, token));
        self.draft.issuer = Some(issuer.to_owned());
    }

    pub fn foreign_trace(&mut self, traceparent: &[u8]) {
        self.marks.foreign_trace = Some(mark(&self.links.keys, Purpose::Trace, traceparent));
    }

    pub fn resource(&mut self, kind: ResourceType, id: &LocalId) {
        let named = format!("{kind}/{}", id.reveal());
        self.draft.resource_type = Some(kind);
        self.marks.resource = Some(mark(&self.links.keys, Purpose::Resource, named.as_bytes()));
    }

    pub fn patient(&mut self, id: &LocalId) {
        self.marks.patient = Some(mark(&self.links.keys, Purpose::Patient, id.reveal().as_bytes()));
    }

    /// Salt for the answer's digest: HMAC(answer key, trace). Recomputable by the holder of the key, useless without.
    pub fn salt(&self) -> [u8; 32] {
        self.links.keys.mac(Purpose::Answer, self.trace.bytes())
    }

    /// The strong validator of a body, stable across starts: a keyed hash, so that it tells nobody without the key
    /// what it is the hash of.
    pub fn etag(&self, body: &[u8]) -> [u8; 16] {
        self.links.keys.entity_tag(body)
    }

    /// Notes that what is about to leave names this resource, and each patient it is about. The next `disclosing` or
    /// `close` writes it down.
    pub fn disclose(&mut self, kind: ResourceType, id: &LocalId, patients: &[LocalId]) {
        let named = format!("{kind}/{}", id.reveal());
        let resource = mark(&self.links.keys, Purpose::Resource, named.as_bytes());
        let patient = |id: &LocalId| mark(&self.links.keys, Purpose::Patient, id.reveal().as_bytes());
        self.course.name(kind, resource, patients.iter().map(patient).collect());
    }

    /// Posts `Began` at once: a long answer is about to begin, with this head. The case stays open.
    pub fn began(&mut self, now: Time, head: [u8; 32]) -> Pending {
        let mut record = self.filled(Record::clone(&self.draft), Leaf::Began, now);
        record.answer = Some(head);
        self.post(vec![record], head)
    }

    /// Posts `Disclosing` at once, with all that was disclosed since the last time. Its receipt binds the segment, and
    /// is there only when every earlier entry of this docket is on disk as well.
    pub fn disclosing(&mut self, now: Time, segment: [u8; 32]) -> Pending {
        let number = self.course.next_segment();
        let mut record = Record::new(Leaf::Disclosing, now);
        (record.trace, record.station) = (Some(self.trace), Some(self.station));
        (record.segment, record.answer) = (Some(number), Some(segment));
        record.disclosed = self.course.take();
        self.post(record.leaves(), segment)
    }

    /// Posts an entry that leaves the case open.
    fn post(&mut self, records: Vec<Record>, binds: [u8; 32]) -> Pending {
        let Some(seat) = self.course.window() else { return Pending::failed() };
        let (sender, receiver) = oneshot::channel();
        let answer = Some(sender);
        let (at, class, urgency, course) = (Instant::now(), Class::Ongoing, Urgency::Now, self.course.fate());
        let message = Message { records, at, binds, class, urgency, answer, course, seat };
        // A queue with a place for every entry that may be under way is never full; it can only be gone.
        self.links.scribe.try_send(message).map_or_else(|_| Pending::failed(), |()| Pending::new(receiver))
    }

    /// Posts `Closed` at once (before any await) and returns a future that borrows nothing. No second try. What was
    /// disclosed and not written down yet goes before it, or with it. The receipt of a long answer's end is there only
    /// when all its entries are on disk.
    pub fn close(mut self, now: Time, answer: [u8; 32]) -> Pending {
        let Some(seat) = self.seat.take() else { return Pending::failed() };
        let mut record = self.record(Leaf::Closed, now);
        record.answer = Some(answer);
        self.course.conclude(&mut record);
        record.disclosed = self.course.take();
        let refused = record.reason.is_some() && record.allowed != Some(true);
        let class = if refused && !self.known { Class::StrangerRefused } else { Class::Known };
        let (sender, receiver) = oneshot::channel();
        let (at, urgency, course) = (Instant::now(), Urgency::Now, self.course.fate());
        let message =
            Message { records: record.leaves(), at, binds: answer, class, urgency, answer: Some(sender), course, seat };
        // As above.
        self.links.scribe.try_send(message).map_or_else(|_| Pending::failed(), |()| Pending::new(receiver))
    }

    fn record(&mut self, leaf: Leaf, now: Time) -> Record {
        let draft = std::mem::replace(&mut *self.draft, Record::new(leaf, now));
        self.filled(draft, leaf, now)
    }

    fn filled(&self, mut record: Record, leaf: Leaf, now: Time) -> Record {
        record.leaf = leaf;
        record.time = now;
        record.trace = Some(self.trace);
        record.station = Some(self.station);
        record.peer_prefix = Some(self.prefix.clone());
        record.latency_us = Some(self.since.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
        let Marks { actor, token, peer, foreign_trace, resource, patient } = self.marks;
        (record.actor, record.token, record.peer, record.foreign_trace) = (actor, token, peer, foreign_trace);
        (record.resource, record.patient) = (resource, patient);
        (record.disclosed, record.continued, record.segment, record.patients) = Default::default();
        record
    }
}

impl Drop for Docket {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let waited = self.since.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let now = Time::from_millis(self.arrived.millis().saturating_add(waited));
        let mut record = self.record(Leaf::Abandoned, now);
        // What was noted and not posted did not leave.
        self.course.conclude(&mut record);
        // Whoever was never known is counted like a refused stranger, or hanging up would fill the disk.
        let class = if self.known { Class::Known } else { Class::StrangerRefused };
        let (at, urgency, course) = (Instant::now(), Urgency::Now, self.course.fate());
        let message = Message { records: vec![record], at, binds: [0; 32], class, urgency, answer: None, course, seat };
        // Only a scribe that has ended refuses, and then there is no book to write to.
        let _ = self.links.scribe.try_send(message);
    }
}

impl fmt::Debug for Docket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Docket").field("trace", &self.trace).field("station", &self.station).finish_non_exhaustive()
    }
}

fn mark(keys: &PseudonymKeys, purpose: Purpose, value: &[u8]) -> Pseudonym {
    let seal::Pseudonym { key, mac } = keys.pseudonym(purpose, value);
    Pseudonym { key, mac }
}

/// A seat within `patience`.
pub(crate) async fn seat(seats: &Arc<Semaphore>, gauges: &Arc<Gauges>, patience: Duration) -> Result<Seat, Outage> {
    let permit = match Arc::clone(seats).try_acquire_owned() {
        Ok(permit) => permit,
        Err(_) => {
            let waited = tokio::time::timeout(patience, Arc::clone(seats).acquire_owned()).await;
            waited.map_err(|_| Outage)?.map_err(|_| Outage)?
        }
    };
    Ok(Seat::of_case(permit, Arc::clone(gauges)))
}
