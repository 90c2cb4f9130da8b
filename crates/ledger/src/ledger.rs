use crate::book::{self, Book, Identity};
use crate::course::WINDOW;
use crate::docket::{Docket, Links, seat};
use crate::frame::Frames;
use crate::gauges::{Gauges, Health};
use crate::horizon::Horizon;
use crate::receipt::{Answer, Outage, Pending};
use crate::recovery::Damage;
use crate::scribe::{Class, Message, Scribe, Seat, Urgency};
use crate::sinks::{self, SinkError};
use crate::tuning::Tuning;
use crate::volume::{Folder, FolderError, Volume};
use evidence::{Head, Leaf, NoteError, Record, Verifier};
use lexicon::{Time, Trace};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};
use tokio::sync::{Semaphore, oneshot};

pub struct Settings {
    pub directory: PathBuf,
    /// The book's name, as its checkpoints carry it: a URL without scheme. Says `dev` for a development book.
    pub origin: String,
    /// Most passages open at once.
    pub seats: usize,
    /// Of those, how many may be held by passages that are not authenticated yet.
    pub stranger_seats: usize,
    pub software: String,
}

pub struct Keys {
    pub pseudonyms: seal::PseudonymKeys,
    pub log: seal::LogKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("no book in `{}`; is the path right? a new one is only made by `init`, never by opening", .directory.display())]
    Missing { directory: PathBuf },
    #[error("`{}` holds a book already, or the checkpoint of one; neither is ever overwritten: choose another folder", .directory.display())]
    Exists { directory: PathBuf },
    #[error("the book in `{}` is open in another process; a book has one writer: stop the other first", .directory.display())]
    Locked { directory: PathBuf },
    #[error(
        "`{}` is on a network file system (or FUSE, or 9P), whose locks and syncs cannot be relied on; use a local disk",
        .directory.display()
    )]
    Network { directory: PathBuf },
    #[error("the book in `{}` is `{found}`, not `{expected}`; is the path or the origin in the manifest wrong?", .directory.display())]
    Origin { directory: PathBuf, found: String, expected: String },
    #[error("the book in `{}` was made with another log key; restore the key that made it", .directory.display())]
    Key { directory: PathBuf },
    #[error("the origin `{origin}` cannot name a book: it is a URL without scheme, without spaces and `+`")]
    Name { origin: String, source: NoteError },
    #[error("{stranger_seats} of {seats} seats for strangers: both they and the known need at least one")]
    Seats { seats: usize, stranger_seats: usize },
    #[error("the book in `{}`", .directory.display())]
    Damaged { directory: PathBuf, source: Damage },
    #[error("the checkpoint kept in `{}`", .sink.display())]
    Sink { sink: PathBuf, source: SinkError },
    #[error("the folder `{}` cannot be used; check its owner, its mode and the disk", .directory.display())]
    Unusable { directory: PathBuf, source: io::Error },
}

impl Settings {
    fn folder(&self, error: FolderError) -> OpenError {
        let directory = self.directory.clone();
        match error {
            FolderError::Missing => OpenError::Missing { directory },
            FolderError::Exists => OpenError::Exists { directory },
            FolderError::Locked => OpenError::Locked { directory },
            FolderError::Network => OpenError::Network { directory },
            FolderError::Io(source) => OpenError::Unusable { directory, source },
        }
    }

    fn verifier(&self, keys: &Keys) -> Result<Verifier, OpenError> {
        let named = Verifier::new(&self.origin, keys.log.public());
        named.map_err(|source| OpenError::Name { origin: self.origin.clone(), source })
    }

    /// Is this the book that the settings mean? Asked first, for its answer is clearer than a wrong signature.
    fn judge(&self, volume: &impl Volume, verifier: &Verifier) -> Result<(), OpenError> {
        let directory = self.directory.clone();
        let frames = volume.read().and_then(Frames::open);
        let frames = frames.map_err(|source| OpenError::Unusable { directory: directory.clone(), source })?;
        let header = frames.ok_or_else(|| self.damaged(Damage::Header))?.header().clone();
        if header.origin != self.origin {
            return Err(OpenError::Origin { directory, found: header.origin, expected: self.origin.clone() });
        }
        if header.key == verifier.to_string() { Ok(()) } else { Err(OpenError::Key { directory }) }
    }

    /// What is kept elsewhere of this book.
    fn kept(&self, sinks: &[PathBuf], verifier: &Verifier) -> Result<Vec<Head>, OpenError> {
        let held = |sink: &PathBuf| {
            let held = sinks::held(sink, &self.directory, verifier);
            held.map_err(|source| OpenError::Sink { sink: sink.clone(), source })
        };
        sinks.iter().map(held).collect()
    }

    fn damaged(&self, source: Damage) -> OpenError {
        OpenError::Damaged { directory: self.directory.clone(), source }
    }
}

/// Places in the queue for notes, beside those of each seat: its closing entry, and the entries that a long answer may
/// have under way. Together they are the queue's length, so that posting never waits (decision 34).
const NOTES: usize = 256;

/// What the reserve of a full volume holds for each seat, if that is more than it holds at least: every case that is open
/// then can still be closed, and name 150 resources of as many patients.
pub(crate) const CLOSING: u64 = 8 << 10;

/// A wall clock that moved by more than this against the monotonic one is a record.
const STEP_MS: i64 = 5_000;

/// Shared handle with one owner; put it in an `Arc` to share it.
pub struct Ledger {
    links: Links,
    strangers: Arc<Semaphore>,
    stranger_seats: usize,
    notes: Arc<Semaphore>,
    /// The last arrival by both clocks.
    clock: Mutex<(Time, Instant)>,
    horizon: Horizon,
}

impl Ledger {
    /// Makes a new, empty book. Refuses a folder that already holds one.
    pub fn create(settings: &Settings, keys: &Keys, now: Time) -> Result<(), OpenError> {
        let verifier = settings.verifier(keys)?;
        let mut id = [0; 16];
        let unusable = |source| OpenError::Unusable { directory: settings.directory.clone(), source };
        aws_lc_rs::rand::fill(&mut id).map_err(|_| unusable(io::Error::other("no random bytes")))?;
        let (book, checkpoint) = book::first(id, &verifier, &settings.software, now, |text| keys.log.sign(text));
        Folder::create(&settings.directory, &book, &checkpoint).map_err(|error| settings.folder(error))
    }

    /// Opens an existing book for writing: takes the lock, recovers the tail, starts the scribe thread.
    pub fn open(settings: Settings, keys: Keys, now: Time) -> Result<(Self, Scribe), OpenError> {
        Self::open_tuned(settings, keys, Tuning::default(), now)
    }

    pub fn open_tuned(settings: Settings, keys: Keys, tuning: Tuning, now: Time) -> Result<(Self, Scribe), OpenError> {
        let folder = Folder::open(&settings.directory).map_err(|error| settings.folder(error))?;
        Self::open_on(folder, settings, keys, tuning, now)
    }

    pub(crate) fn open_on<V: Volume + 'static>(
        volume: V,
        settings: Settings,
        keys: Keys,
        tuning: Tuning,
        now: Time,
    ) -> Result<(Self, Scribe), OpenError> {
        let (seats, stranger_seats) = (settings.seats, settings.stranger_seats);
        if stranger_seats == 0 || stranger_seats >= seats {
            return Err(OpenError::Seats { seats, stranger_seats });
        }
        let verifier = settings.verifier(&keys)?;
        settings.judge(&volume, &verifier)?;
        let kept = settings.kept(&tuning.sinks, &verifier)?;
        let Keys { pseudonyms, log } = keys;
        let identity = Identity { origin: settings.origin.clone(), key: log, software: settings.software.clone() };
        let book = Book::open_against(volume, identity, now, &kept).map_err(|source| settings.damaged(source))?;
        let gauges = Arc::new(Gauges::default());
        let horizon = Horizon::new(book.last(), Instant::now());
        let tuning = Tuning { reserve_bytes: tuning.reserve_bytes.max(CLOSING.saturating_mul(seats as u64)), ..tuning };
        let (scribe, messages) = sync_channel(seats * (WINDOW + 1) + NOTES);
        let thread = Scribe::start(book, messages, tuning, (Arc::clone(&gauges), horizon))
            .map_err(|source| OpenError::Unusable { directory: settings.directory.clone(), source })?;
        let known = Arc::new(Semaphore::new(seats - stranger_seats));
        let ledger = Self {
            links: Links { scribe, keys: Arc::new(pseudonyms), known, gauges },
            strangers: Arc::new(Semaphore::new(stranger_seats)),
            stranger_seats,
            notes: Arc::new(Semaphore::new(NOTES)),
            clock: Mutex::new((now, Instant::now())),
            horizon,
        };
        Ok((ledger, thread))
    }

    /// Opens a case, waiting up to `patience` for a seat. `stranger` seats come from their own quota until
    /// [`Docket::caller`] moves the case to the seats of the known.
    pub async fn arrive(&self, now: Time, trace: Trace, source: IpAddr, patience: Duration) -> Result<Docket, Outage> {
        self.watch_clock(now);
        if self.health() == Health::Red {
            return Err(Outage);
        }
        let seat = seat(&self.strangers, &self.links.gauges, patience).await?;
        Ok(Docket::open(self.links.clone(), seat, now, trace, source))
    }

    /// How many seats passages have that are not authenticated yet: the door shares them out by address.
    pub fn stranger_seats(&self) -> usize {
        self.stranger_seats
    }

    /// A leaf outside any passage: Generation, ClockStep, Tally.
    pub fn note(&self, record: Record) -> Pending {
        let (sender, receiver) = oneshot::channel();
        match self.post(record, Urgency::Now, Some(sender)) {
            Ok(()) => Pending::new(receiver),
            Err(Outage) => Pending::failed(),
        }
    }

    fn post(&self, record: Record, urgency: Urgency, answer: Option<oneshot::Sender<Answer>>) -> Result<(), Outage> {
        let seat = Seat::of_note(Arc::clone(&self.notes).try_acquire_owned().map_err(|_| Outage)?);
        let (records, at, class) = (record.leaves(), Instant::now(), Class::Known);
        let message = Message { records, at, binds: [0; 32], class, urgency, answer, course: None, seat };
        self.links.scribe.try_send(message).map_err(|_| Outage)
    }

    /// Compares how far both clocks went since the last arrival.
    fn watch_clock(&self, now: Time) {
        let at = Instant::now();
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, then) = std::mem::replace(&mut *clock, (now, at));
        drop(clock);
        let went = now.millis().cast_signed().saturating_sub(told.millis().cast_signed());
        let passed = at.saturating_duration_since(then).as_millis().try_into().unwrap_or(i64::MAX);
        let step = went.saturating_sub(passed);
        let ahead = self.horizon.is_beyond(now, at);
        self.links.gauges.clock_ahead(ahead);
        if step.abs() > STEP_MS {
            // A date that is not believed stands in no record, not even in the one that tells of it.
            let mut record = Record::new(Leaf::ClockStep, if ahead { self.horizon.expected(at) } else { now });
            record.step_ms = Some(step);
            // With the book broken there is nothing to do; the next record's time still never goes back.
            let _ = self.post(record, Urgency::Soon, None);
        }
    }

    /// `now`, but never before the last record: the time to decide by (decision 18).
    pub fn decision_time(&self, now: Time) -> Time {
        now.max(self.links.gauges.last())
    }

    pub fn health(&self) -> Health {
        self.links.gauges.health()
    }

    /// For health and metrics; holding it keeps nothing open.
    pub fn gauges(&self) -> Arc<Gauges> {
        Arc::clone(&self.links.gauges)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger")
    }
}
