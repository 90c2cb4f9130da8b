//! The one thread that writes. It drains the queue while the last sync runs on the disk, never waits for company,
//! and syncs only for somebody who waits (or shortly after, for what nobody waits for).

use crate::book::Book;
use crate::course::Fate;
use crate::gauges::Gauges;
use crate::horizon::Horizon;
use crate::receipt::{Answer, Outage, Proof, Receipt};
use crate::sinks::Sinks;
use crate::tally::{Admission, Tallies};
use crate::tuning::Tuning;
use crate::volume::Volume;
use evidence::{Leaf, Record};
use lexicon::Time;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// A place in the queue, and for a case its place in the house. Freed once the message's fate is known.
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
    gauges: Option<Arc<Gauges>>,
}

impl Seat {
    /// The seat of a case.
    pub fn of_case(permit: OwnedSemaphorePermit, gauges: Arc<Gauges>) -> Self {
        gauges.seat_taken();
        Self { _permit: permit, gauges: Some(gauges) }
    }

    /// Room in the queue for one note.
    pub fn of_note(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit, gauges: None }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(gauges) = &self.gauges {
            gauges.seat_freed();
        }
    }
}

/// How soon a record must be on disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// Somebody waits.
    Now,
    /// Within [`Tuning::lazy`].
    Soon,
}

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Known,
    /// An entry of a long answer whose case stays open.
    Ongoing,
    /// A refusal before authentication: it may be counted rather than written.
    StrangerRefused,
}

pub(crate) struct Message {
    /// In their order. The last is the one that is meant; those before it have what it had no room for.
    pub records: Vec<Record>,
    /// Taken when their time was.
    pub at: Instant,
    pub binds: [u8; 32],
    pub class: Class,
    pub urgency: Urgency,
    pub answer: Option<oneshot::Sender<Answer>>,
    /// How the entries of the same docket fared, if it has others.
    pub course: Option<Fate>,
    pub seat: Seat,
}

/// Somebody who is told once the batch is on disk.
struct Waiting {
    index: u64,
    proof: Proof,
    binds: [u8; 32],
    answer: Option<oneshot::Sender<Answer>>,
    course: Option<Fate>,
    seat: Seat,
}

impl Waiting {
    fn told(self, fate: Result<(), Outage>) {
        let Self { index, proof, binds, answer, course, seat } = self;
        // Before the answer: who has a receipt has the place of its entry back as well.
        drop(seat);
        let whole = course.is_none_or(|course| {
            if fate.is_err() {
                course.broke();
            }
            !course.is_broken()
        });
        if let Some(answer) = answer {
            // The end of an answer with a gap is recorded, and no proof. Whoever does not wait any more has no use for it.
            let fate = if whole { fate } else { Err(Outage) };
            let _ = answer.send(fate.map(|()| Receipt::mint(index, binds, proof)));
        }
    }
}

/// Most messages of one batch.
const BATCH: usize = 1024;

/// All answers wait for this thread, so it goes before others where the system allows it (decision 9).
#[cfg(target_os = "linux")]
const NICE: i32 = -10;

/// Joins the scribe thread. Dropped last: the thread ends when the ledger and every docket are gone.
pub struct Scribe(JoinHandle<()>);

impl Scribe {
    pub(crate) fn start<V: Volume + 'static>(
        book: Book<V>,
        messages: Receiver<Message>,
        tuning: Tuning,
        (gauges, horizon): (Arc<Gauges>, Horizon),
    ) -> std::io::Result<Self> {
        let sinks = Sinks::start(tuning.sinks.clone(), tuning.sign_every, Arc::clone(&gauges))?;
        let mut quill = Quill::new(book, tuning, gauges, horizon);
        quill.sinks = sinks;
        quill.hand_on();
        let thread = std::thread::Builder::new().name("scribe".into()).spawn(move || quill.run(&messages))?;
        Ok(Self(thread))
    }

    pub fn join(self) {
        // A scribe that panicked has turned the health red already.
        let _ = self.0.join();
    }
}

/// The scribe's state.
struct Quill<V> {
    book: Book<V>,
    tuning: Tuning,
    gauges: Arc<Gauges>,
    tallies: Tallies,
    poisoned: bool,
    /// Where checkpoints are kept beside the book's own folder.
    sinks: Option<Sinks>,
    horizon: Horizon,
    /// The last time told, and when: what is written without being told a time is dated from it.
    clock: (Time, Instant),
    /// When to sync what nobody waits for, to sign, to end the window of tallies, to mend what is broken.
    sync_at: Option<Instant>,
    sign_at: Option<Instant>,
    tally_at: Option<Instant>,
    mend_at: Option<Instant>,
    signed_at: Instant,
}

impl<V> Drop for Quill<V> {
    fn drop(&mut self) {
        self.gauges.ended();
    }
}

impl<V: Volume> Quill<V> {
    fn new(book: Book<V>, tuning: Tuning, gauges: Arc<Gauges>, horizon: Horizon) -> Self {
        let now = Instant::now();
        let mut quill = Self {
            clock: (book.last(), now),
            tallies: Tallies::new(tuning.quota),
            book,
            tuning,
            gauges,
            poisoned: false,
            sinks: None,
            horizon,
            sync_at: None,
            sign_at: None,
            tally_at: None,
            mend_at: None,
            signed_at: now,
        };
        quill.book.hold_reserve(quill.tuning.reserve_bytes);
        quill.look_at_volume();
        quill.tell();
        quill
    }

    fn run(&mut self, messages: &Receiver<Message>) {
        // On Linux this is the calling thread's alone. Where it is not allowed, the scribe waits its turn.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, NICE);
        let mut batch = Vec::new();
        loop {
            match self.next(messages) {
                Ok(first) => {
                    batch.push(first);
                    batch.extend(messages.try_iter().take(BATCH - 1));
                    self.commit(batch.drain(..));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            self.tend();
        }
    }

    /// Sleeps until there is a message or something to tend to; for ever when there is neither.
    fn next(&self, messages: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match [self.sync_at, self.sign_at, self.tally_at, self.mend_at].into_iter().flatten().min() {
            Some(at) => messages.recv_timeout(at.saturating_duration_since(Instant::now())),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn commit(&mut self, batch: impl Iterator<Item = Message>) {
        let (mut records, mut waiting, mut urgency) = (Vec::new(), Vec::new(), Urgency::Soon);
        for mut message in batch {
            let next = self.book.size() + records.len() as u64;
            if message.records.iter().any(|record| self.horizon.is_beyond(record.time, message.at)) {
                // Not written, so no proof: dropping the sender says so. Nothing happened to the book.
                self.gauges.clock_ahead(true);
                message.course.iter().for_each(Fate::broke);
                continue;
            }
            if let Some(record) = message.records.last() {
                self.clock = self.clock.max((record.time, message.at));
            }
            let (index, proof) = match self.judge(&message, next) {
                Admission::Full => {
                    records.append(&mut message.records);
                    ((self.book.size() + records.len() as u64).saturating_sub(1), Proof::Record)
                }
                Admission::Open(tally) => {
                    records.push(*tally);
                    (next, Proof::Tally)
                }
                Admission::Licensed(index) => (index, Proof::Tally),
                // Counted, but not answered: dropping the sender says so.
                Admission::Beyond => continue,
            };
            if message.urgency == Urgency::Now {
                urgency = Urgency::Now;
            }
            let Message { binds, answer, course, seat, .. } = message;
            waiting.push(Waiting { index, proof, binds, answer, course, seat });
        }
        let fate = if self.poisoned { Err(Outage) } else { self.write(records, urgency) };
        if fate.is_err() {
            self.tallies.forget();
            self.tally_at = None;
        }
        waiting.into_iter().for_each(|waiting| waiting.told(fate));
    }

    fn judge(&mut self, message: &Message, next: u64) -> Admission {
        match message.class {
            Class::Known => return Admission::Full,
            Class::Ongoing => return self.admit_ongoing(message),
            Class::StrangerRefused => {}
        }
        let Some(record) = message.records.last() else { return Admission::Beyond };
        if self.tallies.is_empty() {
            self.tally_at = Some(Instant::now() + Duration::from_secs(self.tuning.quota.window_s));
        }
        let admission = self.tallies.admit(record, next);
        if !matches!(admission, Admission::Full) {
            self.gauges.counted();
        }
        admission
    }

    /// An answer whose entries have a gap goes no further; and the reserve is for closing cases, not for going on.
    fn admit_ongoing(&self, message: &Message) -> Admission {
        let Some(course) = &message.course else { return Admission::Full };
        if course.is_broken() || self.book.reserve_is_spent() {
            course.broke();
            return Admission::Beyond;
        }
        Admission::Full
    }

    /// Writes, and syncs if somebody waits. On any failure nothing is believed any more until the book is taken up
    /// anew: after a failed sync nobody can tell what is on disk.
    fn write(&mut self, records: Vec<Record>, urgency: Urgency) -> Result<(), Outage> {
        let written = if records.is_empty() { Ok(0) } else { self.book.write(records) };
        self.tell();
        let done = written.and_then(|_| match urgency {
            Urgency::Now => self.sync(),
            Urgency::Soon => Ok(()),
        });
        if done.is_err() {
            self.poison();
            return Err(Outage);
        }
        if !self.book.is_durable() {
            self.sync_at.get_or_insert(Instant::now() + self.tuning.lazy);
        }
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        if self.book.is_durable() {
            return Ok(());
        }
        let start = Instant::now();
        self.book.sync()?;
        self.gauges.synced(start.elapsed());
        self.sync_at = None;
        self.sign_at.get_or_insert(self.signed_at + self.tuning.sign_every);
        Ok(())
    }

    fn poison(&mut self) {
        self.poisoned = true;
        self.gauges.broke();
        (self.sync_at, self.sign_at) = (None, None);
        self.mend_at = Some(Instant::now() + self.tuning.mend_every);
    }

    /// Does what is due.
    fn tend(&mut self) {
        let now = Instant::now();
        let due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.mend_at) {
            self.mend();
        }
        if due(&mut self.tally_at) {
            let tallies = self.tallies.end(self.now());
            if !self.poisoned {
                // A failure poisons, and the open tallies stand as lower bounds.
                let _ = self.write(tallies, Urgency::Soon);
            }
        }
        if due(&mut self.sync_at) && self.sync().is_err() {
            self.poison();
        }
        if due(&mut self.sign_at) && !self.poisoned {
            self.sign();
        }
    }

    fn sign(&mut self) {
        let done = self.book.sign().map_err(|_| ());
        self.signed_at = Instant::now();
        if !self.book.is_signed() {
            self.sign_at = Some(self.signed_at + self.tuning.sign_every);
        }
        self.gauges.signing(done);
        self.hand_on();
        self.look_at_volume();
    }

    fn look_at_volume(&self) {
        if let Some(percent) = self.book.used_percent() {
            self.gauges.used(percent);
        }
    }

    /// The newest checkpoint goes to where it is kept, without waiting for it to get there.
    fn hand_on(&mut self) {
        if let (Some(note), Some(sinks)) = (self.book.take_note(), &self.sinks) {
            sinks.hand(note);
        }
    }

    fn mend(&mut self) {
        if self.poisoned && self.book.reopen(self.now()).is_ok() {
            self.poisoned = false;
            self.gauges.mended();
        }
        if !self.poisoned {
            self.book.hold_reserve(self.tuning.reserve_bytes);
        }
        self.hand_on();
        self.look_at_volume();
        self.tell();
    }

    /// Brings gauges and timers in line with the book.
    fn tell(&mut self) {
        self.gauges.wrote(self.book.size(), self.book.last());
        if self.book.reserve_is_spent() {
            self.gauges.reserve_spent();
        } else {
            self.gauges.reserve_held();
        }
        if self.poisoned || self.book.reserve_is_spent() {
            self.mend_at.get_or_insert(Instant::now() + self.tuning.mend_every);
        }
    }

    fn now(&self) -> Time {
        let (told, at) = self.clock;
        Time::from_millis(told.millis().saturating_add(at.elapsed().as_millis().try_into().unwrap_or(u64::MAX)))
    }

    /// The clean end: final counts, the mark, the last checkpoint.
    fn end(&mut self) {
        if self.poisoned {
            return;
        }
        let mut records = self.tallies.end(self.now());
        records.push(Record::new(Leaf::Shut, self.now()));
        if self.write(records, Urgency::Now).is_ok() {
            self.sign();
        }
    }
}
