//! Any change to the book is found: by the checkpoint beside it, or by one kept elsewhere.

use crate::caller::Caller;
use crate::house::{House, run};
use std::path::Path;

async fn a_book(data: &Path) {
    let mut house = House::up_in(data, &[]);
    let caller = Caller::of(&house);
    let token = house.token("nurse");
    for n in 1..=8 {
        caller.get(&format!("/fhir/Patient/p{n:03}"), Some(&token)).await;
    }
    assert!(house.stop().success());
}

fn verify(data: &Path, since: &Path) -> bool {
    run(&["evidence", "verify", "--since", since.to_str().expect("a path")], data).status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_anywhere_in_the_log_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept.checkpoint"));
    a_book(&data).await;
    assert!(run(&["evidence", "verify", "--save", kept.to_str().expect("a path")], &data).status.success());
    assert!(verify(&data, &kept));
    let path = data.join("book/book");
    let good = std::fs::read(&path).expect("a log");
    // Sixty places, so that headers, lengths and leaves all have their turn.
    let used = good.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    assert!(used > 2_000, "the log holds the requests: {used} bytes");
    let step = used / 60;
    for at in (0..used).step_by(step) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).expect("written");
        assert!(!verify(&data, &kept), "byte {at} of {used} changed unseen");
    }
    std::fs::write(&path, &good[..used / 2]).expect("written");
    assert!(!verify(&data, &kept), "a truncation unseen");
    std::fs::write(&path, &good).expect("written");
    assert!(verify(&data, &kept), "and the untouched book still verifies");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_history_is_found_by_the_checkpoint_kept_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, kept) = (folder.path().join("data"), folder.path().join("kept.checkpoint"));
    a_book(&data).await;
    assert!(run(&["evidence", "verify", "--save", kept.to_str().expect("a path")], &data).status.success());
    // Someone with the log key and the folder starts the book anew.
    std::fs::remove_dir_all(data.join("book")).expect("removed");
    let out = std::process::Command::new(crate::house::BINARY)
        .args(["up", "--json", "--port", "0", "--admin-port", "0", "--data"])
        .arg(&data)
        .output()
        .expect("lazaret runs");
    assert!(!out.status.success(), "a missing book is an error: it is never made anew by itself");
    assert!(!verify(&data, &kept));
}
