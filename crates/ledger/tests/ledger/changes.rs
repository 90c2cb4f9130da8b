//! Whatever is changed in a book shows against a checkpoint that was kept elsewhere.

use crate::forger::Forger;
use crate::house::{House, PATIENCE, at, source, trace};
use evidence::{Difference, Leaf, Record, Verifier};
use ledger::{Against, Damage, OpenError, ReadError, Reader, VerifyError, prove, verify};
use std::error::Error;

/// A book of eight closed cases and the checkpoint that its auditor took home.
async fn kept() -> (House, String) {
    let house = House::new();
    let (ledger, scribe) = house.open();
    for n in 0..8 {
        let docket = ledger.arrive(at(u64::from(n)), trace(n), source(n), PATIENCE).await.expect("a seat");
        let _receipt = docket.close(at(u64::from(n)), [n; 32]).await.expect("durable");
    }
    drop(ledger);
    scribe.join();
    let checkpoint = std::fs::read_to_string(house.path("checkpoint")).expect("checkpoint");
    (house, checkpoint)
}

fn since(house: &House, checkpoint: &str) -> Result<u64, String> {
    let told = verify(house.folder(), Against { since: Some(checkpoint), key: None });
    told.map(|report| report.tree.size).map_err(|error| match error {
        VerifyError::Difference(Difference::Root { .. }) => "root".into(),
        VerifyError::Difference(Difference::Short { .. }) => "short".into(),
        VerifyError::Read(ReadError::Damaged { .. }) => "damaged".into(),
        other => format!("{other}: {:?}", other.source().map(ToString::to_string)),
    })
}

#[tokio::test]
async fn an_untouched_book_verifies_and_goes_on() {
    let (house, checkpoint) = kept().await;
    assert_eq!(since(&house, &checkpoint), Ok(11));
    let (ledger, scribe) = house.open();
    drop(ledger);
    scribe.join();
    assert_eq!(since(&house, &checkpoint), Ok(13), "what was added later is no difference");
    let report = verify(house.folder(), Against::default()).expect("whole");
    assert_eq!((report.tree.size, report.signed, report.since, report.epoch), (13, 13, None, 2));
}

#[tokio::test]
async fn a_flipped_bit_shows() {
    let (house, checkpoint) = kept().await;
    let path = house.path("book");
    let whole = std::fs::read(&path).expect("book");
    // Every byte of the book, one bit each.
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        std::fs::write(&path, changed).expect("write");
        assert!(since(&house, &checkpoint).is_err(), "byte {at}");
    }
}

#[tokio::test]
async fn a_forged_leaf_shows_though_its_frame_is_right() {
    let (house, checkpoint) = kept().await;
    let mut forger = Forger::of(&house);
    let mut record = Record::decode(&forger.frames[4].leaf).expect("a record");
    record.patient = None;
    record.status = Some(404);
    forger.frames[4].leaf = record.encode();
    forger.write();
    assert_eq!(since(&house, &checkpoint), Err("root".into()));
}

#[tokio::test]
async fn a_removed_leaf_shows() {
    let (house, checkpoint) = kept().await;
    let mut forger = Forger::of(&house);
    forger.frames.remove(4);
    forger.write();
    assert_eq!(since(&house, &checkpoint), Err("short".into()));
    // Filled up with another, so that the number is right again.
    forger.frames.push(forger.frames[9].clone());
    forger.write();
    assert_eq!(since(&house, &checkpoint), Err("root".into()));
}

#[tokio::test]
async fn moved_leaves_show() {
    let (house, checkpoint) = kept().await;
    let mut forger = Forger::of(&house);
    // Same time, so that only the order tells.
    let mut later = Record::decode(&forger.frames[6].leaf).expect("a record");
    later.time = Record::decode(&forger.frames[5].leaf).expect("a record").time;
    forger.frames[6].leaf = later.encode();
    forger.frames.swap(5, 6);
    forger.write();
    assert_eq!(since(&house, &checkpoint), Err("root".into()));
}

#[tokio::test]
async fn a_cut_end_shows() {
    let (house, checkpoint) = kept().await;
    let mut forger = Forger::of(&house);
    let all = forger.frames.clone();
    for kept in (0..all.len()).rev() {
        forger.frames = all[..kept].to_vec();
        forger.write();
        assert_eq!(since(&house, &checkpoint), Err("short".into()));
    }
}

/// The checkpoint in the folder was cut with the book, or comes from an earlier day; the one kept elsewhere tells.
#[tokio::test]
async fn a_book_and_checkpoint_put_back_together_show() {
    let (house, old) = kept().await;
    let old_book = std::fs::read(house.path("book")).expect("book");
    let (ledger, scribe) = house.open();
    drop(ledger);
    scribe.join();
    let new = std::fs::read_to_string(house.path("checkpoint")).expect("checkpoint");
    std::fs::write(house.path("book"), old_book).expect("write");
    std::fs::write(house.path("checkpoint"), &old).expect("write");
    assert_eq!(since(&house, &old), Ok(11), "consistent in itself");
    assert_eq!(since(&house, &new), Err("short".into()));
}

/// A whole new book under the same name, with its own key and checkpoint.
#[tokio::test]
async fn a_book_rewritten_with_another_key_shows() {
    let (house, checkpoint) = kept().await;
    let key = Reader::open(house.folder()).expect("book").key().to_owned();
    let (other, _) = kept().await;
    for file in ["book", "checkpoint"] {
        std::fs::copy(other.path(file), house.path(file)).expect("copy");
    }
    assert!(verify(house.folder(), Against::default()).is_ok(), "consistent in itself");
    assert!(matches!(
        verify(house.folder(), Against { since: Some(&checkpoint), key: None }),
        Err(VerifyError::Elsewhere(_))
    ));
    assert!(matches!(verify(house.folder(), Against { since: None, key: Some(&key) }), Err(VerifyError::Beside(_))));
}

fn refused(house: &House) -> Damage {
    match house.try_open().map(|_| ()) {
        Err(OpenError::Damaged { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_said_so() {
    let (house, _) = kept().await;
    let path = house.path("book");
    let whole = std::fs::read(&path).expect("book");
    let mut forger = Forger::of(&house);
    // What a crash may leave: a part of the next frame, or none of its first bytes but all of the rest.
    forger.frames.push(forger.frames[3].clone());
    forger.write();
    let next = std::fs::read(&path).expect("book").split_off(whole.len());
    let half = next[..next.len() / 2].to_vec();
    let mut holed = next.clone();
    holed[..30].fill(0);
    for torn in [half, holed, vec![0; 5000], b"LZRF".to_vec()] {
        std::fs::write(&path, [whole.clone(), torn.clone()].concat()).expect("write");
        let seen = Reader::open(house.folder()).expect("book").count();
        assert_eq!(seen, 11, "a reader stops before what is torn");
        let checkpoint = std::fs::read(house.path("checkpoint")).expect("checkpoint");
        let (ledger, scribe) = house.open();
        drop(ledger);
        scribe.join();
        let opened = &house.book()[11];
        assert_eq!((opened.leaf, opened.bytes), (Leaf::Opened, Some(torn.len() as u64)));
        // Nothing of it is left behind the new leaves.
        assert_eq!(Forger::of(&house).frames.len(), 13);
        std::fs::write(house.path("checkpoint"), checkpoint).expect("write");
    }
}

#[tokio::test]
async fn damage_in_the_middle_refuses_to_open_and_says_where() {
    let (house, _) = kept().await;
    let path = house.path("book");
    let mut changed = std::fs::read(&path).expect("book");
    let start = changed.windows(4).enumerate().filter(|(_, magic)| magic == b"LZRF").nth(3).expect("leaf 3").0;
    changed[start + 60] ^= 1;
    std::fs::write(&path, changed).expect("write");
    let damage = refused(&house);
    assert!(matches!(damage, Damage::Middle { offset, index: 3 } if offset == start as u64), "{damage}");
    assert!(damage.to_string().contains("keep a copy"));
    let read = Reader::open(house.folder()).expect("book").last();
    assert!(matches!(read, Some(Err(ReadError::Damaged { index: 3, .. }))));
}

#[tokio::test]
async fn a_book_that_does_not_fit_its_checkpoint_refuses_to_open() {
    let (house, _) = kept().await;
    let mut forger = Forger::of(&house);
    let last = forger.frames.pop().expect("frames");
    forger.write();
    assert!(matches!(refused(&house), Damage::Short { held: 10, signed: 11 }));
    forger.frames.push(last);
    let mut record = Record::decode(&forger.frames[4].leaf).expect("a record");
    record.status = Some(404);
    forger.frames[4].leaf = record.encode();
    forger.write();
    assert!(matches!(refused(&house), Damage::Changed { size: 11 }));
    std::fs::remove_file(house.path("checkpoint")).expect("remove");
    assert!(matches!(refused(&house), Damage::NoCheckpoint));
}

#[tokio::test]
async fn every_leaf_has_a_proof_that_needs_no_book() {
    let (house, _) = kept().await;
    let reader = Reader::open(house.folder()).expect("book");
    let verifier = Verifier::parse(reader.key()).expect("key");
    for entry in reader {
        let entry = entry.expect("whole");
        let proof = prove(house.folder(), entry.index).expect("signed").to_string();
        let proof = evidence::Proof::parse(&proof).expect("a proof");
        assert_eq!(proof.verify(&entry.leaf, &verifier), Ok(()));
    }
    assert!(matches!(prove(house.folder(), 11), Err(VerifyError::Unsigned { index: 11, size: 11 })));
}

#[tokio::test]
async fn a_book_is_read_while_it_is_written() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    for n in 0..50_u8 {
        let docket = ledger.arrive(at(1), trace(n), source(n), PATIENCE).await.expect("a seat");
        let receipt = docket.close(at(1), [n; 32]).await.expect("durable");
        let seen = Reader::open(house.folder()).expect("book").map(|entry| entry.expect("whole"));
        let last = seen.last().expect("leaves");
        assert_eq!(last.index, receipt.index());
        assert_eq!(last.record().expect("a record").trace, Some(trace(n)));
    }
    assert!(verify(house.folder(), Against::default()).is_ok());
    drop(ledger);
    scribe.join();
}

/// An intent whose process dies is called interrupted at the next start; one that was closed is not.
#[tokio::test]
async fn what_was_begun_and_not_closed_is_called_interrupted() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    // The first is a write whose answer is long: it is still a write. The fourth has lost its `Began` to a sync that failed.
    use Leaf::{Began, Disclosing, Intent};
    for (n, leaf) in
        [(1, Intent), (2, Began), (3, Intent), (1, Began), (1, Disclosing), (2, Disclosing), (4, Disclosing)]
    {
        let mut record = Record::new(leaf, at(1));
        record.trace = Some(trace(n));
        let _receipt = ledger.note(record).await.expect("durable");
    }
    let docket = ledger.arrive(at(1), trace(3), source(1), PATIENCE).await.expect("a seat");
    let _receipt = docket.close(at(1), [0; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    for _ in 0..2 {
        let (ledger, scribe) = house.open();
        drop(ledger);
        scribe.join();
    }
    let interrupted: Vec<_> = house.book().into_iter().filter(|record| record.leaf == Leaf::Interrupted).collect();
    let told: Vec<_> = interrupted.iter().map(|record| (record.trace, record.effect)).collect();
    let (unknown, none) = (Some(evidence::Effect::Unknown), Some(evidence::Effect::None));
    let expect = [(Some(trace(1)), unknown), (Some(trace(2)), none), (Some(trace(4)), none)];
    assert_eq!(told, expect, "once, not at every start");
}

/// What a verification says is exactly what it checked, also when the writer signs on meanwhile.
#[tokio::test]
async fn a_report_offers_the_checkpoint_that_it_compared_with() {
    let (house, checkpoint) = kept().await;
    let report = verify(house.folder(), Against::default()).expect("good");
    assert_eq!(report.checkpoint, checkpoint);
    drop(house.open());
    assert!(since(&house, &report.checkpoint).is_ok());
}
