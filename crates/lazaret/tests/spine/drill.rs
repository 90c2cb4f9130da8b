//! The public leak corpus against the real binary, by its own command.

use crate::house::{BINARY, House};
use serde_json::Value;
use std::process::Command;

#[test]
fn no_attack_of_the_corpus_leaks() {
    let house = House::up();
    let out = house.lazaret(&["drill", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&out.stderr)));
    let findings = report["findings"].as_array().expect("findings");
    let with =
        |verdict: &str| -> Vec<&Value> { findings.iter().filter(|finding| finding["verdict"] == verdict).collect() };
    assert!(with("leaked").is_empty(), "{:#?}", with("leaked"));
    assert!(with("unclear").is_empty(), "{:#?}", with("unclear"));
    assert!(findings.len() >= 120 && out.status.success());
    assert!(findings.iter().filter(|finding| finding["trace"].is_string()).count() > 100, "answers lead to records");
}

/// A description of the running house can be kept, edited and attacked.
#[test]
fn a_target_is_described_and_attacked_by_its_file() {
    let house = House::up();
    let described = house.lazaret(&["drill", "--describe"]);
    let text = String::from_utf8(described.stdout).expect("text");
    assert!(described.status.success() && text.contains("[control]"), "{text}");
    let file = house.data.join("target.toml");
    std::fs::write(&file, &text).expect("written");
    let drill = |file: &std::path::Path| {
        let mut command = Command::new(BINARY);
        command.args(["drill", "--only", "E1", "--target"]).arg(file).output().expect("runs")
    };
    let out = drill(&file);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success() && table.contains("E1         5       0        0"), "{table}");

    // A word that must be in an answer stands for a leak.
    std::fs::write(&file, text.replace("stranger = [", "stranger = [\"OperationOutcome\", ")).expect("written");
    let out = drill(&file);
    let table = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(!out.status.success() && table.contains("LEAKED   E1-stranger-or-absent"), "{table}");

    std::fs::write(&file, text.replacen("https://localhost", "https://192.0.2.1", 1)).expect("written");
    let out = drill(&file);
    assert!(String::from_utf8_lossy(&out.stderr).contains("not on this machine"), "{out:?}");
}
