//! The log itself: appending, syncing, signing. One owner, no threads, no clock.

use crate::frame::{self, Header, Place};
use crate::horizon;
use crate::recovery::{Damage, Recovered, recover};
use crate::volume::Volume;
use evidence::{Checkpoint, Effect, Frontier, Head, LEAF_BYTES, Leaf, Record, Verifier, leaf_hash};
use lexicon::Time;
use seal::LogKey;
use std::io;

pub(crate) struct Book<V> {
    volume: V,
    header: Header,
    key: LogKey,
    verifier: Verifier,
    software: String,
    epoch: u64,
    /// All that was written, and its length in bytes.
    frontier: Frontier,
    length: u64,
    /// What is known to be on disk.
    durable: Head,
    /// Size of the last tree that was signed and put beside the book.
    signed: u64,
    note: Option<String>,
    /// Time of the last record; no later one is earlier.
    last: Time,
    /// A full volume took the reserve, or never gave one.
    reserve_spent: bool,
}

/// A book's name and key, and what its `Opened` leaves say.
pub(crate) struct Identity {
    pub origin: String,
    pub key: LogKey,
    pub software: String,
}

/// A new book's bytes and its first checkpoint: one leaf, `Opened` in epoch 0.
pub(crate) fn first(
    id: [u8; 16],
    verifier: &Verifier,
    software: &str,
    now: Time,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> (Vec<u8>, String) {
    let origin = verifier.name().to_owned();
    let mut book = Header { origin: origin.clone(), id, key: verifier.to_string() }.encode();
    let mut record = opened(software, 0, now);
    record.fit();
    let leaf = record.encode();
    frame::encode(&id, Place { index: 0, epoch: 0, durable: 0 }, &leaf, &mut book);
    let checkpoint = Checkpoint { origin, tree: Head { size: 1, root: leaf_hash(&leaf) } };
    (book, verifier.seal(&checkpoint.text(), sign))
}

fn opened(software: &str, epoch: u64, now: Time) -> Record {
    let mut record = Record::new(Leaf::Opened, now);
    record.software = Some(software.to_owned());
    record.epoch = Some(epoch);
    record
}

impl<V: Volume> Book<V> {
    /// Opens a book that exists.
    #[cfg(test)]
    pub fn open(volume: V, identity: Identity, now: Time) -> Result<Self, Damage> {
        Self::open_against(volume, identity, now, &[])
    }

    /// Opens a book that exists and holds what was kept elsewhere.
    pub fn open_against(mut volume: V, identity: Identity, now: Time, kept: &[Head]) -> Result<Self, Damage> {
        let verifier = Verifier::new(&identity.origin, identity.key.public())?;
        let found = recover(&mut volume, &verifier, kept)?;
        if horizon::is_far(now, found.last) {
            return Err(Damage::Ahead { last: found.last, now });
        }
        let Identity { key, software, .. } = identity;
        let mut book = Self {
            volume,
            header: found.header.clone(),
            key,
            verifier,
            software,
            epoch: 0,
            frontier: Frontier::default(),
            length: 0,
            durable: Head { size: 0, root: Frontier::default().root() },
            signed: 0,
            note: None,
            last: now,
            reserve_spent: false,
        };
        let interrupted = found.open.values().map(interrupted).collect();
        book.take_up(found, interrupted)?;
        Ok(book)
    }

    /// Takes the book up again after a failure, exactly as [`Book::open`] does; the cases that are still open are
    /// still alive, so none is called interrupted.
    pub fn reopen(&mut self, now: Time) -> Result<(), Damage> {
        self.volume.reopen()?;
        let found = recover(&mut self.volume, &self.verifier, &[self.durable])?;
        self.last = self.last.max(now);
        self.take_up(found, Vec::new())
    }

    fn take_up(&mut self, found: Recovered, further: Vec<Record>) -> Result<(), Damage> {
        self.epoch = found.epoch + 1;
        self.length = found.length;
        self.durable = Head { size: found.frontier.size(), root: found.frontier.root() };
        self.frontier = found.frontier;
        self.signed = found.signed;
        self.last = self.last.max(found.last);
        let mut opened = opened(&self.software, self.epoch, self.last);
        opened.bytes = (found.torn > 0).then_some(found.torn);
        let mut records = vec![opened];
        records.extend(further);
        self.write(records)?;
        self.sync()?;
        self.sign()?;
        Ok(())
    }

    /// Appends leaves and returns the index of the first. Nothing is durable yet. After an error nothing of it is
    /// part of the tree, whatever the disk holds: write the same again, or take the book up anew.
    pub fn write(&mut self, records: Vec<Record>) -> io::Result<u64> {
        let (mut frontier, mut last, mut bytes) = (self.frontier.clone(), self.last, Vec::new());
        for mut record in records {
            last = last.max(record.time);
            record.time = last;
            record.fit();
            let leaf = record.encode();
            if leaf.len() > LEAF_BYTES {
                // `Record::leaves` was not asked. What no reader could read must not be written.
                return Err(io::Error::other("a record is longer than a leaf"));
            }
            let place = Place { index: frontier.size(), epoch: self.epoch, durable: self.durable.size };
            frame::encode(&self.header.id, place, &leaf, &mut bytes);
            frontier.push(leaf_hash(&leaf));
        }
        self.append(&bytes)?;
        let first = self.frontier.size();
        self.length += bytes.len() as u64;
        self.frontier = frontier;
        self.last = last;
        Ok(first)
    }

    /// A full volume gives its reserve back once, for the cases that are already open.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.volume.write_at(self.length, bytes) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                self.volume.release_reserve()?;
                self.reserve_spent = true;
                self.volume.write_at(self.length, bytes)
            }
            written => written,
        }
    }

    pub fn sync(&mut self) -> io::Result<()> {
        self.volume.sync()?;
        self.durable = Head { size: self.frontier.size(), root: self.frontier.root() };
        Ok(())
    }

    /// Signs the durable tree, never a smaller one than before, and puts the checkpoint beside the book.
    pub fn sign(&mut self) -> io::Result<()> {
        if self.durable.size <= self.signed {
            return Ok(());
        }
        let checkpoint = Checkpoint { origin: self.header.origin.clone(), tree: self.durable };
        let note = self.verifier.seal(&checkpoint.text(), |text| self.key.sign(text));
        self.volume.set_checkpoint(&note)?;
        self.signed = self.durable.size;
        self.note = Some(note);
        Ok(())
    }

    /// The checkpoint that was signed since the last time this was asked.
    pub fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    pub fn is_signed(&self) -> bool {
        self.signed == self.durable.size
    }

    pub fn is_durable(&self) -> bool {
        self.durable.size == self.frontier.size()
    }

    pub fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub fn last(&self) -> Time {
        self.last
    }

    pub fn reserve_is_spent(&self) -> bool {
        self.reserve_spent
    }

    /// Sets room aside for the cases that will be open when the volume is full.
    pub fn hold_reserve(&mut self, bytes: u64) {
        self.reserve_spent = self.volume.hold_reserve(bytes).is_err();
    }

    pub fn used_percent(&self) -> Option<u8> {
        self.volume.used_percent()
    }
}

fn interrupted(begun: &Record) -> Record {
    let mut record = Record::new(Leaf::Interrupted, begun.time);
    record.trace = begun.trace;
    record.interaction = begun.interaction;
    record.resource_type = begun.resource_type;
    record.effect = Some(if begun.leaf == Leaf::Intent { Effect::Unknown } else { Effect::None });
    record
}
