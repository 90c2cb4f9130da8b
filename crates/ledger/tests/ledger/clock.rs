//! A wall clock that is far off (decision 18): one wild jump must lock nobody out.

use crate::house::{House, PATIENCE, at, source, trace};
use evidence::Leaf;
use ledger::{Damage, Health, Ledger, OpenError, Outage};

const DAY: u64 = 86_400;
const YEARS: u64 = 10 * 365 * DAY;

#[tokio::test]
async fn a_clock_far_ahead_is_not_written_down_and_locks_nobody_out() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let arrive = |n, now| ledger.arrive(at(now), trace(n), source(1), PATIENCE);
    let (open, second) = (arrive(1, 1000).await.expect("a seat"), arrive(2, 1000).await.expect("a seat"));
    // It jumps while two cases are open, one of which is closed meanwhile.
    assert_eq!(arrive(3, YEARS).await.map(|_| ()), Err(Outage));
    assert_eq!(ledger.health(), Health::Red);
    assert!(ledger.gauges().detail().contains("wall clock"), "{}", ledger.gauges().detail());
    assert_eq!(open.close(at(YEARS), [1; 32]).await.map(|_| ()), Err(Outage));
    assert!(ledger.decision_time(at(1001)) < at(DAY), "no decision is dragged along");
    // It is set right.
    let third = arrive(4, 1002).await.expect("a seat");
    assert_eq!(ledger.health(), Health::Green);
    let _receipt = third.close(at(1003), [4; 32]).await.expect("durable");
    let _receipt = second.close(at(1003), [2; 32]).await.expect("what was open before is closed");
    drop(ledger);
    scribe.join();
    let book = house.book();
    assert!(book.iter().all(|record| record.time < at(DAY)), "the date stands nowhere");
    let steps: Vec<_> = book.iter().filter_map(|record| record.step_ms).map(|ms| ms / 1000 / DAY as i64).collect();
    assert_eq!(steps, [0, 3649, -3649], "the jump does, there and back");
    assert!(house.try_open().is_ok());
}

/// Up to a day, a clock is believed: it may have been set right by somebody.
#[tokio::test]
async fn a_clock_that_is_set_right_within_a_day_is_a_step() {
    let house = House::new();
    let (ledger, scribe) = house.open();
    let docket = ledger.arrive(at(DAY - 100), trace(1), source(1), PATIENCE).await.expect("a seat");
    let _receipt = docket.close(at(DAY - 100), [1; 32]).await.expect("durable");
    assert_eq!(ledger.health(), Health::Green);
    drop(ledger);
    scribe.join();
    assert_eq!(house.book()[2].leaf, Leaf::ClockStep);
}

/// A gateway that was off for years starts; one whose clock is behind its own book does not.
#[tokio::test]
async fn a_start_believes_the_clock_forwards_and_not_far_backwards() {
    let house = House::new();
    let open = |now| Ledger::open(house.settings(), house.keys(), at(now));
    let (ledger, scribe) = open(YEARS).expect("opens");
    drop(ledger);
    scribe.join();
    let (ledger, scribe) = open(YEARS - DAY + 10).expect("a little behind is waited for");
    drop(ledger);
    scribe.join();
    let before = std::fs::read(house.path("book")).expect("book");
    let refused = open(YEARS - DAY - 10).map(|_| ()).expect_err("must not open");
    assert!(matches!(refused, OpenError::Damaged { source: Damage::Ahead { .. }, .. }), "{refused}");
    let said = std::error::Error::source(&refused).expect("why").to_string();
    assert!(said.contains("set the clock right") && said.contains("1979"), "{said}");
    assert_eq!(std::fs::read(house.path("book")).expect("book"), before, "nothing was written");
}
