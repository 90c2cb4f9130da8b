//! `kill -9` under load: whatever was answered is in the book, and the book opens again by itself.

use crate::caller::Caller;
use crate::house::{House, environment, records};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const CALLERS: usize = 4;

/// 50 in CI; `cargo xtask soak` sets more.
fn kills() -> usize {
    environment("LAZARET_KILLS").and_then(|n| n.parse().ok()).unwrap_or(50)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answered_request_is_without_a_provable_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut answered = 0;
    for round in 0..kills() {
        let mut house = House::up_in(&data, &[]);
        let caller = Arc::new(Caller::of(&house));
        let token = Arc::new(house.token("nurse"));
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let callers: Vec<_> = (0..CALLERS)
            .map(|one| {
                let (caller, token, stop, count) = (caller.clone(), token.clone(), stop.clone(), count.clone());
                tokio::spawn(async move {
                    let mut traces = Vec::new();
                    let mut at = one;
                    while !stop.load(Ordering::Relaxed) {
                        at += 1;
                        let path = format!("/fhir/Patient/p{:03}", at % 30 + 1);
                        match caller.try_get(&path, Some(&token)).await {
                            Some(answer) => traces.push(answer.trace().to_owned()),
                            None => break,
                        }
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    traces
                })
            })
            .collect();
        // Killed in the middle of traffic: after a number of answers that differs from round to round.
        while count.load(Ordering::Relaxed) < 3 + round % 17 {
            tokio::task::yield_now().await;
        }
        house.kill();
        stop.store(true, Ordering::Relaxed);
        let mut traces = Vec::new();
        for caller in callers {
            traces.extend(caller.await.expect("a caller"));
        }
        answered += traces.len();
        let in_book: HashSet<String> =
            records(&data).iter().filter_map(|record| record["trace"].as_str().map(str::to_owned)).collect();
        for trace in &traces {
            assert!(in_book.contains(trace), "round {round}: answered without a record");
        }
    }
    let house = House::up_in(&data, &[]);
    let verified = house.verify();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    assert!(answered > kills() * 3);
}
