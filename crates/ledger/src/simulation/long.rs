//! Long answers on a disk that breaks: what left is always in the book that opens afterwards.

use super::outage::{Scene, quick};
use super::{Fault, KeyFolder, Plate, identity, leaves};
use crate::book::Book;
use crate::course::WINDOW;
use crate::{Docket, Health, Outage};
use evidence::{Effect, Leaf, Record};
use lexicon::{LocalId, ResourceType, Time};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn disclose(docket: &mut Docket, segment: u8, resources: usize) {
    let patient = LocalId::new(&format!("patient-{segment}")).expect("an id");
    for n in 0..resources {
        let id = LocalId::new(&format!("{segment}-{n}")).expect("an id");
        docket.disclose(ResourceType::PATIENT, &id, std::slice::from_ref(&patient));
    }
}

/// What an honest door let out: after how many receipts it stopped, and whether it sent the end.
#[derive(Default, Debug)]
struct Sent {
    head: bool,
    segments: Vec<u8>,
    end: bool,
}

/// One long answer. `ahead` segments are posted before the first of them is awaited.
async fn answer(scene: &Scene, n: u8, ahead: usize, second: usize) -> Sent {
    let mut sent = Sent::default();
    let Ok(mut docket) = scene.arrive(n).await else { return sent };
    sent.head = docket.began(Time::default(), [n; 32]).await.is_ok();
    let mut segments: Vec<u8> = (1..=4).rev().collect();
    while sent.head && !segments.is_empty() {
        let mut posted = Vec::new();
        while let Some(segment) = (posted.len() < ahead).then(|| segments.pop()).flatten() {
            disclose(&mut docket, segment, if segment == 2 { second } else { 3 });
            posted.push((segment, docket.disclosing(Time::default(), [segment; 32])));
        }
        for (segment, pending) in posted {
            match pending.await {
                Ok(receipt) => {
                    assert_eq!(*receipt.binds(), [segment; 32]);
                    sent.segments.push(segment);
                }
                // Nothing more of it leaves, and the case is dropped.
                Err(Outage) => return sent,
            }
        }
    }
    sent.end = sent.head && docket.close(Time::default(), [n; 32]).await.is_ok();
    sent
}

fn of(book: &[Record], n: u8) -> Vec<&Record> {
    book.iter().filter(|record| record.trace.is_some_and(|trace| trace.bytes()[0] == n)).collect()
}

/// The leaves of one answer in the book that opens after everything, against what left.
fn check(book: &[Record], n: u8, sent: &Sent, second: usize, context: &str) {
    let leaves = of(book, n);
    let place = |wanted: &dyn Fn(&Record) -> bool| leaves.iter().position(|record| wanted(record));
    let began = place(&|record| record.leaf == Leaf::Began && record.answer == Some([n; 32]));
    assert!(began.is_some() || !sent.head, "a head left without its leaf: {context}");
    let mut last = began;
    for segment in &sent.segments {
        let number = Some(u64::from(*segment));
        let rows = leaves.iter().filter(|r| r.leaf == Leaf::Disclosing && r.segment == number);
        assert_eq!(
            rows.map(|record| record.disclosed.rows().len()).sum::<usize>(),
            if *segment == 2 { second } else { 3 },
            "segment {segment} left, and not all of it is in the book: {context}"
        );
        let binds = place(&|record| record.answer == Some([*segment; 32]) && record.segment == number);
        assert!(binds.is_some() && binds > last, "segments are in their order: {context}");
        last = binds;
    }
    let closed = place(&|record| record.leaf == Leaf::Closed);
    assert!((closed.is_some() && closed > last) || !sent.end, "the end left without its leaf: {context}");
    let ended = |record: &&&Record| matches!(record.leaf, Leaf::Closed | Leaf::Abandoned | Leaf::Interrupted);
    assert!(leaves.iter().filter(ended).count() == 1 || leaves.is_empty(), "what began has one end: {context}");
    let interrupted = leaves.iter().find(|record| record.leaf == Leaf::Interrupted);
    assert!(interrupted.is_none_or(|record| record.effect == Some(Effect::None)), "{context}");
}

/// Two long answers, with faults; then the power goes, and the book is opened once more.
async fn run(keys: &KeyFolder, seed: u64, ahead: usize, faults: &BTreeMap<u64, Fault>) -> u64 {
    let scene = Scene::on(keys, seed, quick());
    let start = scene.plate.disk().operations;
    scene.plate.disk().faults = faults.iter().map(|(at, fault)| (start + at, *fault)).collect();
    // Now and then the list of a segment is longer than a leaf.
    let second = if seed % 4 == 1 { 1600 } else { 3 };
    let (first, other) = tokio::join!(answer(&scene, 1, ahead, 3), answer(&scene, 2, ahead, second));
    assert!(first.end && other.end || !faults.is_empty());
    let plate = Plate(std::sync::Arc::clone(&scene.plate.0));
    let operations = plate.disk().operations - start;
    // The dockets and the ledger end with the process, whose last leaves may not get anywhere.
    if seed.is_multiple_of(2) {
        plate.disk().cut();
    }
    drop(scene.end());
    plate.disk().cut();
    plate.disk().up();
    plate.disk().faults.clear();
    plate.disk().room();
    drop(
        Book::open(plate.clone(), identity(keys), Time::default()).map_err(|damage| damage.to_string()).expect("opens"),
    );
    let book: Vec<_> = leaves(&plate).iter().map(|leaf| Record::decode(leaf).expect("a record")).collect();
    for (n, sent, second) in [(1, &first, 3), (2, &other, second)] {
        check(&book, n, sent, second, &format!("seed {seed}, {ahead} ahead, faults {faults:?}, {sent:?}"));
    }
    operations
}

#[tokio::test]
async fn a_fault_at_every_step_of_a_long_answer_lets_nothing_out_unrecorded() {
    let keys = KeyFolder::new();
    for (seed, ahead) in [(0, 1), (1, 3)] {
        let operations = run(&keys, seed, ahead, &BTreeMap::new()).await;
        for at in 1..=operations + 4 {
            for fault in FAULTS {
                run(&keys, seed, ahead, &BTreeMap::from([(at, fault)])).await;
            }
        }
    }
}

const FAULTS: [Fault; 5] = [Fault::Full, Fault::SyncFails, Fault::WriteFails, Fault::PowerCut, Fault::Killed];

#[test]
fn faults_upon_faults_let_nothing_out_unrecorded() {
    let keys = KeyFolder::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let config =
        ProptestConfig { cases: super::sequences() / 2, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(
        seed in any::<u64>(),
        ahead in 1..=WINDOW,
        faults in prop::collection::btree_map(1..40_u64, prop::sample::select(FAULTS.to_vec()), 0..6),
    )| {
        runtime.block_on(run(&keys, seed, ahead, &faults));
    });
}

/// A door that goes on after an outage gets no receipt any more, though the disk is back: its answer has a gap.
#[tokio::test]
async fn no_receipt_stands_for_an_answer_with_a_gap() {
    let scene = Scene::new(quick());
    let mut docket = scene.arrive(1).await.expect("a seat");
    let _began = docket.began(Time::default(), [1; 32]).await.expect("durable");
    disclose(&mut docket, 1, 3);
    scene.plate.disk().lasting = Some(Fault::WriteFails);
    assert_eq!(docket.disclosing(Time::default(), [1; 32]).await.map(|_| ()), Err(Outage));
    scene.plate.disk().lasting = None;
    scene.becomes(Health::Green).await;
    disclose(&mut docket, 2, 3);
    assert_eq!(docket.disclosing(Time::default(), [2; 32]).await.map(|_| ()), Err(Outage));
    assert_eq!(docket.close(Time::default(), [9; 32]).await.map(|_| ()), Err(Outage));
    let book = scene.end();
    let kinds: Vec<_> = of(&book, 1).iter().map(|record| (record.leaf, record.segment)).collect();
    assert_eq!(kinds, [(Leaf::Began, None), (Leaf::Closed, Some(2))], "its end is recorded all the same");
}

/// Decision 34: a docket that does not wait is stopped, never the queue.
#[tokio::test]
async fn a_docket_has_so_many_entries_under_way_and_no_more() {
    let scene = Scene::new(quick());
    let mut dockets = Vec::new();
    for n in 0..4 {
        dockets.push(scene.arrive(n).await.expect("a seat"));
    }
    let (mut pending, mut closing) = (Vec::new(), Vec::new());
    {
        // The scribe can write nothing meanwhile, so nothing is acknowledged.
        let _disk = scene.plate.disk();
        for mut docket in dockets {
            pending.push((docket.began(Time::default(), [0; 32]), true));
            for n in 1..=WINDOW as u8 {
                pending.push((docket.disclosing(Time::default(), [n; 32]), usize::from(n) < WINDOW));
            }
            closing.push(docket.close(Time::default(), [9; 32]));
        }
    }
    for (pending, admitted) in pending {
        let fate = pending.await.is_ok();
        assert!(admitted || !fate, "one more than there may be");
    }
    for closing in closing {
        assert_eq!(closing.await.map(|_| ()), Err(Outage), "an answer whose segment was refused is not whole");
    }
    assert_eq!(scene.end().iter().filter(|record| record.leaf == Leaf::Closed).count(), 4);
}

/// The reserve is for closing what is open, not for going on.
#[tokio::test]
async fn a_full_disk_ends_long_answers_and_closes_every_case() {
    let scene = Scene::new(quick());
    let mut long = scene.arrive(9).await.expect("a seat");
    let _began = long.began(Time::default(), [9; 32]).await.expect("durable");
    let mut dockets = Vec::new();
    for n in 0..3 {
        let mut docket = scene.arrive(n).await.expect("a seat");
        for n in 0..150 {
            let id = LocalId::new(&format!("{n}")).expect("an id");
            docket.disclose(ResourceType::PATIENT, &id, std::slice::from_ref(&id));
        }
        docket.draft().policies = vec!["a-policy-with-a-long-name".into(); 20];
        dockets.push(docket);
    }
    scene.plate.disk().fill();
    // What one seat is promised is what each of them needs.
    let promised = 3 * crate::ledger::CLOSING;
    scene.plate.disk().reserve = promised;
    for (n, docket) in (0..).zip(dockets) {
        let _receipt = docket.close(Time::default(), [n; 32]).await.expect("the reserve has room");
    }
    assert_eq!(scene.ledger.health(), Health::Red);
    disclose(&mut long, 1, 3);
    assert_eq!(long.disclosing(Time::default(), [1; 32]).await.map(|_| ()), Err(Outage));
    drop(long);
    let book = scene.end();
    assert_eq!(of(&book, 9).iter().map(|record| record.leaf).collect::<Vec<_>>(), [Leaf::Began, Leaf::Abandoned]);
    assert!((0..3).all(|n| of(&book, n).last().is_some_and(|record| record.disclosed.rows().len() == 150)));
}
