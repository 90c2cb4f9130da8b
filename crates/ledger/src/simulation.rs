//! A disk that breaks as real ones do, and the promise it may not break: whatever was acknowledged is in the book
//! that opens afterwards, at the same index, with the same bytes.

mod long;
mod outage;

use crate::book::{self, Book, Identity};
use crate::recovery::Damage;
use crate::volume::Volume;
use crate::walk::{Step, Walk};
use evidence::{Leaf, Record, Verifier};
use lexicon::{Time, Trace};
use proptest::prelude::*;
use seal::LogKey;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

/// Smallest part of the disk that is written whole.
const SECTOR: usize = 512;

/// What goes wrong, and at which operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Writing stops half-way for lack of room, and there is no room until the reserve is given back.
    Full,
    /// A sync fails. The pages it failed to write look clean afterwards: no later sync writes them (as on Linux).
    SyncFails,
    /// Writing fails half-way.
    WriteFails,
    /// The power goes: of what was not synced, each sector is on the disk or not.
    PowerCut,
    /// The process dies: what was written stays in the system's memory.
    Killed,
    /// The disk says it synced and did not.
    Lie,
}

/// State that outlives a process: the disk, and the system's memory before it.
#[derive(Default)]
pub(crate) struct Disk {
    /// The book as the system shows it, and as the disk has it.
    pub cache: Vec<u8>,
    pub stored: Vec<u8>,
    /// Sectors that the next sync writes, and whether the length changed since the last.
    dirty: std::collections::BTreeSet<usize>,
    pub checkpoint: String,
    pub reserve: u64,
    /// No room for a write; no room for a reserve.
    pub full: bool,
    pub scarce: bool,
    /// Bytes that may still be written on what the reserve gave back.
    given_back: Option<u64>,
    operations: u64,
    /// By operation number.
    pub faults: BTreeMap<u64, Fault>,
    /// At every operation, until it is taken away.
    pub lasting: Option<Fault>,
    pub syncs: u64,
    /// In percent.
    pub used: u8,
    down: bool,
    seed: u64,
}

impl Disk {
    pub fn new(seed: u64, first: (Vec<u8>, String)) -> Self {
        let (book, checkpoint) = first;
        Self { cache: book.clone(), stored: book, checkpoint, seed, ..Self::default() }
    }

    /// Splitmix64: the same seed breaks the same way.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn step(&mut self) -> io::Result<Option<Fault>> {
        if self.down {
            return Err(io::Error::other("down"));
        }
        self.operations += 1;
        let fault = self.faults.get(&self.operations).copied().or(self.lasting);
        match fault {
            Some(Fault::PowerCut) => {
                self.cut();
                Err(io::Error::other("power cut"))
            }
            Some(Fault::Killed) => {
                self.down = true;
                Err(io::Error::other("killed"))
            }
            other => Ok(other),
        }
    }

    /// Each dirty sector reaches the disk or not; so does the new length.
    fn cut(&mut self) {
        self.down = true;
        for sector in std::mem::take(&mut self.dirty) {
            if self.random().is_multiple_of(2) {
                self.store(sector);
            }
        }
        if self.random().is_multiple_of(2) {
            self.stored.resize(self.cache.len(), 0);
        }
        self.cache = self.stored.clone();
    }

    fn store(&mut self, sector: usize) {
        let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(self.cache.len()));
        if start < end {
            if self.stored.len() < end {
                self.stored.resize(end, 0);
            }
            self.stored[start..end].copy_from_slice(&self.cache[start..end]);
        }
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[offset..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(offset / SECTOR..=(end - 1) / SECTOR);
        }
    }

    /// Somebody has filled the volume.
    pub fn fill(&mut self) {
        (self.full, self.scarce) = (true, true);
    }

    /// Somebody has made room.
    pub fn room(&mut self) {
        (self.full, self.scarce, self.given_back) = (false, false, None);
    }

    /// The machine starts again.
    pub fn up(&mut self) {
        self.down = false;
    }
}

/// A handle of the disk, as one process has it.
#[derive(Clone)]
pub(crate) struct Plate(pub Arc<Mutex<Disk>>);

impl Plate {
    pub fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.0.lock().expect("no panic on the disk")
    }
}

impl Volume for Plate {
    fn reopen(&mut self) -> io::Result<()> {
        self.disk().step().map(|_| ())
    }

    fn read(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(io::Cursor::new(self.disk().cache.clone())))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).expect("small");
        into.copy_from_slice(&self.disk().cache[start..start + into.len()]);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        match disk.given_back {
            Some(left) if left < bytes.len() as u64 => disk.full = true,
            Some(left) => disk.given_back = Some(left - bytes.len() as u64),
            None => {}
        }
        let offset = usize::try_from(offset).expect("small");
        let half = usize::try_from(disk.random()).unwrap_or(0) % (bytes.len() + 1);
        // What is cut off by a fault is still written in part.
        let fault = disk.step().inspect_err(|_| ());
        match fault {
            Ok(None | Some(Fault::SyncFails | Fault::Lie)) if !disk.full => {
                disk.put(offset, bytes);
                Ok(())
            }
            Ok(Some(Fault::WriteFails)) => {
                disk.put(offset, &bytes[..half]);
                Err(io::Error::other("write fails"))
            }
            Ok(_) => {
                disk.fill();
                disk.put(offset, &bytes[..half]);
                Err(io::ErrorKind::StorageFull.into())
            }
            Err(error) => Err(error),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.syncs += 1;
        match disk.step()? {
            Some(Fault::SyncFails) => {
                // Some of it may be on the disk; none of it will be tried again.
                for sector in std::mem::take(&mut disk.dirty) {
                    if disk.random().is_multiple_of(2) {
                        disk.store(sector);
                    }
                }
                Err(io::Error::other("sync fails"))
            }
            Some(Fault::Lie) => Ok(()),
            _ => {
                for sector in std::mem::take(&mut disk.dirty) {
                    disk.store(sector);
                }
                let length = disk.cache.len();
                disk.stored.resize(length, 0);
                Ok(())
            }
        }
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.disk().cache.len() as u64)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.step()?;
        let length = usize::try_from(length).expect("small");
        disk.cache.truncate(length);
        Ok(())
    }

    fn checkpoint(&self) -> io::Result<Option<String>> {
        Ok(Some(self.disk().checkpoint.clone()))
    }

    fn set_checkpoint(&mut self, text: &str) -> io::Result<()> {
        let mut disk = self.disk();
        match disk.step()? {
            Some(Fault::Full | Fault::WriteFails | Fault::SyncFails) => Err(io::ErrorKind::StorageFull.into()),
            _ => {
                disk.checkpoint = text.to_owned();
                Ok(())
            }
        }
    }

    fn hold_reserve(&mut self, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk();
        if disk.full || disk.scarce {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.reserve = bytes;
        Ok(())
    }

    fn release_reserve(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        let reserve = std::mem::take(&mut disk.reserve);
        if reserve > 0 {
            (disk.full, disk.given_back) = (false, Some(reserve));
        }
        Ok(())
    }

    fn used_percent(&self) -> Option<u8> {
        Some(self.disk().used)
    }
}

/// A log key for the disks of one test.
pub(crate) struct KeyFolder(tempfile::TempDir);

impl KeyFolder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("folder"));
        LogKey::create(&folder.0.path().join("log.key")).expect("key");
        folder
    }

    pub fn key(&self) -> LogKey {
        LogKey::open(&self.0.path().join("log.key")).expect("key")
    }

    pub fn pseudonyms(&self) -> seal::PseudonymKeys {
        seal::PseudonymKeys::open(self.0.path()).or_else(|_| seal::PseudonymKeys::create(self.0.path())).expect("keys")
    }
}

pub(crate) const ORIGIN: &str = "lazaret.localhost/dev/book";

fn identity(keys: &KeyFolder) -> Identity {
    Identity { origin: ORIGIN.into(), key: keys.key(), software: "simulation".into() }
}

/// A disk with a new book.
pub(crate) fn fresh(keys: &KeyFolder, seed: u64) -> Plate {
    let identity = identity(keys);
    let verifier = Verifier::new(&identity.origin, identity.key.public()).expect("name");
    let first = book::first([7; 16], &verifier, "simulation", Time::default(), |text| identity.key.sign(text));
    Plate(Arc::new(Mutex::new(Disk::new(seed, first))))
}

pub(crate) fn leaves(plate: &Plate) -> Vec<Vec<u8>> {
    let bytes = plate.disk().cache.clone();
    let mut walk = Walk::open(bytes.as_slice()).expect("memory").expect("a header");
    let mut leaves = Vec::new();
    while let Ok(Step::Leaf(frame)) = walk.next() {
        leaves.push(frame.leaf);
    }
    leaves
}

/// Runs of records of different sizes, so that frames cross sectors in every way.
fn batch(seed: u64, n: u64) -> Vec<Record> {
    (0..1 + seed % 5)
        .map(|at| {
            let mut record = Record::new(Leaf::Closed, Time::from_millis(n));
            record.trace = Some(Trace::from_bytes((u128::from(n) << 64 | u128::from(at)).to_be_bytes()));
            record.issuer = Some("i".repeat((seed >> 8) as usize % 250));
            record.policies = vec!["p".repeat((seed >> 16) as usize % 250); (seed >> 24) as usize % 9];
            record
        })
        .collect()
}

/// Writes batches as the scribe does, remembers what was acknowledged, and takes the book up again after each failure:
/// by itself when the process lives, anew when it died.
fn run(keys: &KeyFolder, seed: u64, faults: BTreeMap<u64, Fault>) -> (Plate, BTreeMap<u64, Record>, u64) {
    let plate = fresh(keys, seed);
    plate.disk().faults = faults;
    let mut acknowledged = BTreeMap::new();
    let mut seeds = Disk::new(seed, (Vec::new(), String::new()));
    let mut opened: Option<Book<Plate>> = None;
    for n in 0..24 {
        let Some(book) = &mut opened else {
            plate.disk().up();
            match Book::open(plate.clone(), identity(keys), Time::default()) {
                Ok(book) => {
                    opened = Some(book);
                    if let Some(book) = &mut opened {
                        book.hold_reserve(1);
                    }
                }
                Err(Damage::Io(_)) => {}
                Err(damage) => panic!("the book does not open by itself: {damage}"),
            }
            continue;
        };
        // Now and then one that nobody waits for, and a checkpoint before it is on the disk.
        let mut records = Vec::new();
        let mut written = Ok(0);
        if seeds.random().is_multiple_of(4) {
            records.extend(batch(seeds.random(), n));
            written = book.write(records.clone()).inspect(|_| drop(book.sign()));
        }
        let more = batch(seeds.random(), n);
        let first = book.size() - if written.is_ok() { records.len() as u64 } else { 0 };
        records.extend(more.clone());
        let done = written.and_then(|_| book.write(more)).and_then(|_| book.sync());
        match done {
            Ok(()) => {
                for (index, record) in (first..).zip(records) {
                    assert!(acknowledged.insert(index, record).is_none(), "index {index} was given twice");
                }
                // A checkpoint that cannot be written is tried again.
                if seeds.random().is_multiple_of(3) {
                    let _ = book.sign();
                }
            }
            Err(_) => {
                plate.disk().room();
                match book.reopen(Time::default()) {
                    Ok(()) => {}
                    Err(Damage::Io(_)) => opened = None,
                    Err(damage) => panic!("the book is not taken up again: {damage}"),
                }
            }
        }
    }
    let operations = plate.disk().operations;
    (plate, acknowledged, operations)
}

/// Each acknowledged record, in the book that opens after one last power cut.
fn check(keys: &KeyFolder, seed: u64, faults: &BTreeMap<u64, Fault>) {
    let (plate, acknowledged, _) = run(keys, seed, faults.clone());
    plate.disk().cut();
    plate.disk().up();
    plate.disk().faults.clear();
    plate.disk().room();
    Book::open(plate.clone(), identity(keys), Time::default()).map(|_| ()).expect("opens by itself");
    let held = leaves(&plate);
    assert!(acknowledged.len() > 1 || !faults.is_empty());
    for (index, record) in acknowledged {
        let leaf = held.get(usize::try_from(index).expect("small"));
        let mut expect = record;
        expect.fit();
        let found = leaf.map(|leaf| Record::decode(leaf).expect("a record"));
        // The time is the writer's: never before the last.
        let found = found.map(|found| Record { time: expect.time, ..found });
        assert_eq!(found, Some(expect), "leaf {index}, seed {seed}, faults {faults:?}");
    }
}

#[test]
fn a_crash_at_every_step_loses_nothing_acknowledged() {
    let keys = KeyFolder::new();
    for seed in 0..2 {
        let (_, _, operations) = run(&keys, seed, BTreeMap::new());
        for at in 1..=operations {
            for fault in [Fault::PowerCut, Fault::Killed] {
                check(&keys, seed, &BTreeMap::from([(at, fault)]));
            }
        }
    }
}

#[test]
fn a_failure_at_every_step_loses_nothing_acknowledged() {
    let keys = KeyFolder::new();
    for seed in 0..2 {
        let (_, _, operations) = run(&keys, seed, BTreeMap::new());
        for at in 1..=operations {
            for fault in [Fault::Full, Fault::SyncFails, Fault::WriteFails] {
                check(&keys, seed, &BTreeMap::from([(at, fault)]));
            }
        }
    }
}

/// Generated sequences of faults: a few here, many in soak.
#[expect(clippy::disallowed_methods, reason = "how long a test runs stands in the environment")]
fn sequences() -> u32 {
    std::env::var("LAZARET_SEQUENCES").ok().and_then(|many| many.parse().ok()).unwrap_or(200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: sequences(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn failures_upon_failures_lose_nothing_acknowledged(
        seed in any::<u64>(),
        faults in prop::collection::btree_map(1..120_u64, prop::sample::select(vec![
            Fault::Full, Fault::SyncFails, Fault::WriteFails, Fault::PowerCut, Fault::Killed,
        ]), 0..12),
    ) {
        check(&KeyFolder::new(), seed, &faults);
    }
}

/// A disk that lies about its syncs breaks the promise, as it must; the checkpoint tells.
#[test]
fn a_lying_disk_is_found_out() {
    let keys = &KeyFolder::new();
    let plate = fresh(keys, 1);
    let mut book = Book::open(plate.clone(), identity(keys), Time::default()).expect("opens");
    let lies = (plate.disk().operations + 1..1000).map(|at| (at, Fault::Lie)).collect();
    plate.disk().faults = lies;
    for n in 0..5 {
        book.write(batch(1 << 24, n)).expect("written");
        book.sync().expect("so it says");
    }
    book.sign().expect("signed");
    {
        let mut disk = plate.disk();
        disk.dirty.clear();
        disk.cut();
        disk.up();
        disk.faults.clear();
    }
    let damage = Book::open(plate, identity(keys), Time::default()).map(|_| ()).expect_err("leaves are missing");
    assert!(matches!(damage, Damage::Short { held: 2, signed: 7.. }), "{damage}");
}
