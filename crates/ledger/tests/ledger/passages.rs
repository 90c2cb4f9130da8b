//! The ledger as the door uses it, on a real folder.

use crate::house::{House, PATIENCE, at, source, trace};
use evidence::{Leaf, Record};
use ledger::{Health, Ledger, OpenError, Outage, Proof, Strangers};
use lexicon::{Assurance, Kind, LocalId, Principal, Reason, ResourceType, Station, Time};

fn nurse() -> Principal {
    Principal {
        kind: Kind::Person,
        issuer: "okta".into(),
        subject: "nurse-canary".into(),
        client: "ward-app".into(),
        assurance: Assurance { level: 2, phishing_resistant: true, authenticated_at: Some(at(1)) },
        ..Principal::stranger(at(900))
    }
}

#[tokio::test]
async fn a_passage_leaves_one_record_and_its_receipt_binds_the_answer() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = ledger.arrive(at(3), trace(7), source(9), PATIENCE).await.expect("a seat");
    docket.reach(Station::Authenticate);
    docket.caller(&nurse(), &[3; 32], at(3), PATIENCE).await.expect("a seat");
    let id = LocalId::new("patient-canary").expect("id");
    docket.resource(ResourceType::PATIENT, &id);
    docket.patient(&id);
    docket.foreign_trace(b"00-canary");
    docket.reach(Station::Record);
    let draft = docket.draft();
    draft.allowed = Some(true);
    draft.status = Some(200);
    let receipt = docket.close(at(4), [5; 32]).await.expect("durable");
    assert_eq!((receipt.index(), *receipt.binds(), receipt.proof()), (2, [5; 32], Proof::Record));
    drop(ledger);
    scribe.join();

    let book = house.book();
    assert_eq!(
        book.iter().map(|record| record.leaf).collect::<Vec<_>>(),
        [Leaf::Opened, Leaf::Opened, Leaf::Closed, Leaf::Shut]
    );
    let closed = &book[2];
    assert_eq!((closed.trace, closed.station, closed.time), (Some(trace(7)), Some(Station::Record), at(4)));
    assert_eq!(closed.peer_prefix.as_deref(), Some("192.0.2.0/24"));
    assert_eq!((closed.issuer.as_deref(), closed.client.as_deref()), (Some("okta"), Some("ward-app")));
    assert_eq!((closed.assurance, closed.authenticated_age_s), (Some(2), Some(2)));
    assert_eq!(closed.answer, Some([5; 32]));
    let marks = [closed.actor, closed.token, closed.peer, closed.foreign_trace, closed.resource, closed.patient];
    assert!(marks.iter().all(Option::is_some));
    assert_ne!(closed.resource, closed.patient);
    let bytes = std::fs::read(house.path("book")).expect("book");
    for canary in ["canary", "192.0.2.9"] {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{canary}");
    }
}

#[tokio::test]
async fn a_draft_cannot_claim_what_the_ledger_knows() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = ledger.arrive(at(1), trace(1), source(1), PATIENCE).await.expect("a seat");
    *docket.draft() =
        Record { patient: Some(evidence::Pseudonym { key: [9; 4], mac: [9; 16] }), ..Record::new(Leaf::Shut, at(9)) };
    let _receipt = docket.close(at(2), [0; 32]).await.expect("durable");
    drop(ledger);
    scribe.join();
    let closed = &house.book()[2];
    assert_eq!((closed.leaf, closed.time, closed.patient), (Leaf::Closed, at(2), None));
}

#[tokio::test]
async fn a_docket_that_is_dropped_says_where() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut docket = ledger.arrive(at(1), trace(1), source(1), PATIENCE).await.expect("a seat");
    docket.reach(Station::Forward);
    drop(docket);
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert_eq!(
        (book[2].leaf, book[2].station, book[2].trace),
        (Leaf::Abandoned, Some(Station::Forward), Some(trace(1)))
    );
    assert_eq!(book[3].leaf, Leaf::Shut);
}

/// Strangers who leave are counted like strangers who are refused; the known are written, each of them.
#[tokio::test]
async fn strangers_that_are_dropped_are_counted() {
    let house = House::new();
    let (ledger, scribe) = house.open_with(Strangers { window_s: 3600, full: 2, full_in_all: 100, licensed: 100 });
    for n in 0..6 {
        drop(ledger.arrive(at(1), trace(n), source(1), PATIENCE).await.expect("a seat"));
    }
    for n in 6..10 {
        let mut docket = ledger.arrive(at(1), trace(n), source(1), PATIENCE).await.expect("a seat");
        docket.caller(&nurse(), &[3; 32], at(1), PATIENCE).await.expect("a seat");
        drop(docket);
    }
    drop(ledger);
    scribe.join();
    let book = house.book();
    let abandoned = |known| book.iter().filter(|r| r.leaf == Leaf::Abandoned && r.actor.is_some() == known).count();
    assert_eq!((abandoned(false), abandoned(true)), (2, 4));
    let tally = book.iter().rfind(|record| record.leaf == Leaf::Tally).expect("a tally");
    assert_eq!((tally.count, tally.reason, tally.exact), (Some(4), None, Some(true)));
}

/// Posting does not need the future to be polled: a caller that is cancelled leaves its record.
#[tokio::test]
async fn a_record_is_posted_before_anybody_waits() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let docket = ledger.arrive(at(1), trace(1), source(1), PATIENCE).await.expect("a seat");
    drop(docket.close(at(2), [1; 32]));
    drop(ledger);
    scribe.join();
    assert_eq!(house.book()[2].leaf, Leaf::Closed);
}

#[tokio::test]
async fn strangers_cannot_take_the_seats_of_the_known() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut known = ledger.arrive(at(1), trace(1), source(1), PATIENCE).await.expect("a seat");
    known.caller(&nurse(), &[1; 32], at(1), PATIENCE).await.expect("a seat");
    // Two stranger seats in this house; the known case has given its own back.
    let first = ledger.arrive(at(1), trace(2), source(1), PATIENCE).await.expect("a seat");
    let second = ledger.arrive(at(1), trace(3), source(1), PATIENCE).await.expect("a seat");
    let none = ledger.arrive(at(1), trace(4), source(1), std::time::Duration::ZERO).await;
    assert_eq!(none.map(|_| ()), Err(Outage));
    assert_eq!(ledger.gauges().open_seats(), 3);
    let _receipt = known.close(at(2), [1; 32]).await.expect("the known are served");
    drop((first, second));
    // A seat is free again once its record is on disk.
    let again = ledger.arrive(at(3), trace(5), source(1), PATIENCE).await.expect("a seat");
    drop((again, ledger));
    scribe.join();
}

#[tokio::test]
async fn every_seat_may_close_at_once_and_each_gets_its_own_index() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let ledger = std::sync::Arc::new(ledger);
    let tasks: Vec<_> = (0..200_u8)
        .map(|n| {
            let ledger = std::sync::Arc::clone(&ledger);
            tokio::spawn(async move {
                let docket = ledger.arrive(at(1), trace(n), source(n), PATIENCE).await.expect("a seat");
                (n, docket.close(at(2), [n; 32]).await.expect("durable"))
            })
        })
        .collect();
    let mut indices = std::collections::BTreeMap::new();
    for task in tasks {
        let (n, receipt) = task.await.expect("task");
        assert_eq!(*receipt.binds(), [n; 32]);
        assert_eq!(indices.insert(receipt.index(), n), None, "an index twice");
    }
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert_eq!(book.len(), 2 + 200 + 1);
    for (index, n) in indices {
        assert_eq!(book[usize::try_from(index).expect("small")].trace, Some(trace(n)));
    }
}

#[tokio::test]
async fn one_writer() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    assert!(matches!(house.try_open(), Err(OpenError::Locked { .. })));
    drop(ledger);
    scribe.join();
    let (ledger, scribe) = house.open();
    drop(ledger);
    scribe.join();
    let epochs: Vec<_> = house.book().iter().filter_map(|record| record.epoch).collect();
    assert_eq!(epochs, [0, 1, 2]);
}

#[test]
fn nothing_is_created_by_opening_or_overwritten_by_creating() {
    let house = House::new();
    assert!(matches!(Ledger::create(&house.settings(), &house.keys(), at(0)), Err(OpenError::Exists { .. })));
    let elsewhere = ledger::Settings { directory: house.path("typo"), ..house.settings() };
    assert!(matches!(Ledger::open(elsewhere, house.keys(), at(0)), Err(OpenError::Missing { .. })));
    assert!(!house.path("typo").exists());
    let renamed = ledger::Settings { origin: "other.example/book".into(), ..house.settings() };
    assert!(matches!(Ledger::open(renamed, house.keys(), at(0)), Err(OpenError::Origin { .. })));
    let stranger = House::new();
    assert!(matches!(Ledger::open(house.settings(), stranger.keys(), at(0)), Err(OpenError::Key { .. })));
    // What is left of a book whose leaves were removed is not covered up either.
    std::fs::remove_file(house.path("book")).expect("remove");
    assert!(matches!(house.try_open(), Err(OpenError::Missing { .. })));
    assert!(matches!(Ledger::create(&house.settings(), &house.keys(), at(0)), Err(OpenError::Exists { .. })));
}

#[tokio::test]
async fn time_never_goes_back_and_a_step_of_the_clock_is_a_record() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    for (n, now) in [(1, 1000), (2, 1003), (3, 2000), (4, 500), (5, 503)] {
        let docket = ledger.arrive(at(now), trace(n), source(1), PATIENCE).await.expect("a seat");
        let _receipt = docket.close(at(now), [n; 32]).await.expect("durable");
        assert!(ledger.decision_time(at(now)) >= at(now));
    }
    assert_eq!(ledger.decision_time(at(503)), at(2000));
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert!(book.is_sorted_by_key(|record| record.time));
    let steps: Vec<_> =
        book.iter().filter_map(|record| record.step_ms).map(|ms| (ms as f64 / 1000.0).round()).collect();
    // Opened at 0; to 1000, to 2000 and back to 500 are steps, 3 s are not.
    assert_eq!(steps, [1000.0, 997.0, -1500.0]);
}

#[tokio::test]
async fn a_note_has_a_receipt() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let mut record = Record::new(Leaf::Generation, at(1));
    record.generation = Some([7; 32]);
    assert_eq!(ledger.note(record).await.expect("durable").index(), 2);
    assert_eq!(ledger.health(), Health::Green);
    assert_eq!(ledger.gauges().entries(), 3);
    let gauges = ledger.gauges();
    drop(ledger);
    scribe.join();
    assert_eq!(gauges.health(), Health::Red, "a writer that has ended writes nothing");
    assert_eq!(house.book()[2].generation, Some([7; 32]));
}

#[tokio::test]
async fn a_flood_of_refusals_becomes_a_tally() {
    let house = House::new();
    let (ledger, scribe) =
        house.open_with(ledger::Strangers { window_s: 3600, full: 3, full_in_all: 100, licensed: 10 });
    let mut fates = Vec::new();
    for n in 0..20 {
        let mut docket = ledger.arrive(at(n), trace(1), source(1), PATIENCE).await.expect("a seat");
        docket.draft().reason = Some(Reason::CredentialSignature);
        docket.draft().allowed = Some(false);
        let fate = docket.close(at(n), [n as u8; 32]).await;
        if let Ok(receipt) = &fate {
            assert_eq!(*receipt.binds(), [n as u8; 32]);
        }
        fates.push(fate.map(|receipt| (receipt.index(), receipt.proof())).ok());
    }
    let full = [2, 3, 4].map(|index| Some((index, Proof::Record)));
    assert_eq!(fates[..3], full);
    assert!(fates[3..13].iter().all(|fate| *fate == Some((5, Proof::Tally))), "{fates:?}");
    assert!(fates[13..].iter().all(Option::is_none), "beyond the licence nothing is answered");
    // Another reason, and a caller that is known, are written in full.
    let mut other = ledger.arrive(at(30), trace(2), source(1), PATIENCE).await.expect("a seat");
    other.draft().reason = Some(Reason::CredentialExpired);
    assert_eq!(other.close(at(30), [0; 32]).await.expect("durable").proof(), Proof::Record);
    for n in 0..5 {
        let mut known = ledger.arrive(at(31), trace(n), source(1), PATIENCE).await.expect("a seat");
        known.caller(&nurse(), &[1; 32], at(31), PATIENCE).await.expect("a seat");
        known.draft().reason = Some(Reason::CredentialSignature);
        assert_eq!(known.close(at(31), [0; 32]).await.expect("durable").proof(), Proof::Record);
    }
    assert_eq!(ledger.gauges().tallied(), 17);
    drop(ledger);
    scribe.join();
    let book = house.book();
    let tallies: Vec<_> =
        book.iter().filter(|record| record.leaf == Leaf::Tally).map(|record| (record.count, record.exact)).collect();
    assert_eq!(tallies, [(Some(1), Some(false)), (Some(17), Some(true))]);
    assert_eq!(book[5].peer_prefix.as_deref(), Some("192.0.2.0/24"));
    assert_eq!(book[5].reason, Some(Reason::CredentialSignature));
    assert_eq!(book[5].time, Time::from_seconds(3));
}
