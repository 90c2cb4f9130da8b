//! A folder with keys and a book, gone when the test is.

use evidence::Record;
use ledger::{Keys, Ledger, OpenError, Reader, Scribe, Settings, Strangers, Tuning};
use lexicon::{Time, Trace};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(30);

pub struct House(tempfile::TempDir);

impl House {
    pub fn new() -> Self {
        let house = Self(tempfile::tempdir().expect("folder"));
        std::fs::create_dir(house.path("keys")).expect("folder");
        seal::PseudonymKeys::create(&house.path("keys")).expect("keys");
        seal::LogKey::create(&house.path("keys/log.key")).expect("key");
        Ledger::create(&house.settings(), &house.keys(), at(0)).expect("a new book");
        house
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            directory: self.folder().into(),
            origin: "lazaret.localhost/dev/book".into(),
            seats: 10,
            stranger_seats: 2,
            software: "lazaret test".into(),
        }
    }

    pub fn keys(&self) -> Keys {
        Keys {
            pseudonyms: seal::PseudonymKeys::open(&self.path("keys")).expect("keys"),
            log: seal::LogKey::open(&self.path("keys/log.key")).expect("key"),
        }
    }

    pub fn try_open(&self) -> Result<(Ledger, Scribe), OpenError> {
        Ledger::open(self.settings(), self.keys(), at(0))
    }

    pub fn open(&self) -> (Ledger, Scribe) {
        self.try_open().expect("opens")
    }

    pub fn open_with(&self, strangers: Strangers) -> (Ledger, Scribe) {
        let tuning = Tuning::default().strangers(strangers);
        Ledger::open_tuned(self.settings(), self.keys(), tuning, at(0)).expect("opens")
    }

    pub fn book(&self) -> Vec<Record> {
        let reader = Reader::open(self.folder()).expect("a book");
        reader.map(|entry| entry.expect("whole").record().expect("a record")).collect()
    }
}

pub fn at(seconds: u64) -> Time {
    Time::from_seconds(seconds)
}

pub fn trace(n: u8) -> Trace {
    Trace::from_bytes([n; 16])
}

/// An address of the documentation range (RFC 5737).
pub fn source(n: u8) -> IpAddr {
    [192, 0, 2, n].into()
}
