//! A flood of strangers does not stop the known.

use crate::caller::Caller;
use crate::house::House;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn the_known_are_answered_during_a_flood_of_strangers() {
    let house = House::up();
    let token = house.token("nurse");
    let known = Caller::of(&house);
    let strangers = Arc::new(Caller::of(&house));
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let flood: Vec<_> = (0..16)
        .map(|_| {
            let (caller, stop, sent) = (strangers.clone(), stop.clone(), sent.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) && sent.load(Ordering::Relaxed) < 5_000 {
                    let _refused = caller.try_get("/fhir/Patient/p001", Some("e30.e30.e30")).await;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while sent.load(Ordering::Relaxed) < 200 {
        tokio::task::yield_now().await;
    }
    let mut answered = 0;
    for _ in 0..20 {
        if known.try_get("/fhir/Patient/p001", Some(&token)).await.is_some_and(|answer| answer.status == 200) {
            answered += 1;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for one in flood {
        one.await.expect("a stranger");
    }
    assert_eq!(answered, 20, "of 20 requests of the known, during {} of strangers", sent.load(Ordering::Relaxed));
    // What was not written in full is counted: the book stays small.
    let records = house.records();
    let in_full = records.iter().filter(|record| record["leaf"] == "Closed" && record["actor"].is_null()).count();
    assert!(in_full < sent.load(Ordering::Relaxed), "{in_full} of {}", sent.load(Ordering::Relaxed));
    assert!(house.verify().status.success());
}
