//! What `explain` prints for the starter, as pictures that a person reviews: `LAZARET_BLESS=1` draws them anew.

use super::asker::Asker;
use super::{surface, told, worth};
use clap::CommandFactory;
use lexicon::ResourceType;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A data folder of `up`, of which nothing runs.
fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    crate::up::make(&data).expect("a data folder");
    (folder, data)
}

fn asker(data: &Path, persona: &str) -> Asker {
    Asker::open(persona, data).expect("a persona")
}

#[track_caller]
fn check(name: &str, drawn: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("LAZARET_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, format!("{drawn}\n")).expect("written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (n, (was, is)) in golden.lines().zip(drawn.lines()).enumerate() {
        assert_eq!(was, is, "line {} of golden/{name}", n + 1);
    }
    assert_eq!(golden.trim_end(), drawn.trim_end());
}

fn kind(name: &str) -> ResourceType {
    ResourceType::from_name(name).expect("a type of R4")
}

#[test]
fn the_surface_is_as_reviewed() {
    let (_folder, data) = folder();
    for (persona, of) in
        [("nurse", "Patient"), ("physician", "Observation"), ("patient", "Encounter"), ("support", "Patient")]
    {
        let told = surface::told(&asker(&data, persona), kind(of));
        let name = format!("surface-{persona}-{}.txt", of.to_lowercase());
        check(&name, &surface::in_words(&told));
    }
}

/// The words leave nothing out: every row is in them, by name or by count.
#[test]
fn the_surface_in_words_counts_every_row() {
    let (_folder, data) = folder();
    let told = surface::told(&asker(&data, "nurse"), kind("Patient"));
    let words = surface::in_words(&told);
    let rows = told["rows"].as_array().expect("rows");
    let of_kind = |kind: &str| rows.iter().filter(|row| row["kind"] == kind && row["type"].is_string()).count();
    for kind in ["chain", "_has", "revinclude"] {
        assert!(words.contains(&format!("\n  {} more lead to", of_kind(kind))), "{kind}");
    }
    for row in rows.iter().filter(|row| row["type"].is_null()) {
        let name = row["name"].as_str().expect("a name");
        let (code, modifier) = match row["kind"] == "parameter" {
            true => name.split_once(':').map_or((name, None), |(code, modifier)| (code, Some(modifier))),
            false => (name, None),
        };
        let lines: Vec<&str> = words.lines().filter(|line| line.trim_start().starts_with(code)).collect();
        let named = |line: &&str| modifier.is_none_or(|modifier| line.contains(&format!(":{modifier}")));
        assert!(lines.iter().any(named), "{name}");
    }
}

#[test]
fn the_worth_of_a_token_is_as_reviewed() {
    let (_folder, data) = folder();
    let all = ["nurse", "physician", "nurse-no-mfa"]
        .map(|persona| worth::in_words(&worth::told(&asker(&data, persona), 900)));
    check("worth.txt", &all.join("\n\n"));
}

/// The manifest's numbers, not ours.
#[test]
fn the_worth_of_a_token_is_what_the_manifest_says() {
    let (_folder, data) = folder();
    let manifest = data.join("lazaret.toml");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let caps = "\n[road.fhir.limits.search]\npage = 5\nmost = 10\npages = 3\nentries = 250\n";
    std::fs::write(&manifest, text + caps).expect("written");
    let told = worth::told(&asker(&data, "nurse"), 900);
    let expect = serde_json::json!({"matches_a_page": 10, "upstream_entries": 250, "upstream_pages": 3});
    assert_eq!(told["search"], expect);
}

/// A search is explained by scope, policy and surface, in the order in which it is refused.
#[test]
fn a_search_is_explained() {
    let (_folder, data) = folder();
    let answer = |persona: &str, path: &str| -> (u64, String) {
        let told: Value = told(&asker(&data, persona), ("GET", path)).expect("told");
        let reason = told["reason"].as_str().unwrap_or_default().to_owned();
        (told["answer"].as_u64().expect("a status"), reason)
    };
    for (persona, path, status, reason) in [
        ("nurse", "Patient?name=a", 200, ""),
        ("nurse", "Patient?identifier=a", 403, "parameter.observes-hidden"),
        ("nurse", "Observation?patient.identifier=a", 403, "parameter.observes-hidden"),
        ("nurse", "Observation?patient.name=a", 200, ""),
        ("nurse", "Patient?_has:Coverage:beneficiary:status=active", 403, "policy.refused"),
        ("nurse", "Patient/p001/Observation?code=a", 200, ""),
        ("nurse", "Coverage?status=active", 403, "policy.refused"),
        ("nurse", "Patient?unheard-of=a", 403, "parameter.not-modelled"),
        ("support", "Patient?name=a", 403, "policy.refused"),
        ("nurse-wrong-scope", "Patient?name=a", 403, "scope.missing"),
        ("nurse-no-mfa", "Patient?name=a", 401, "assurance.insufficient"),
        ("physician", "Patient?identifier=a", 200, ""),
        ("patient", "Practitioner?name=a", 200, ""),
        ("nurse", "metadata", 200, ""),
    ] {
        assert_eq!(answer(persona, path), (status, reason.to_owned()), "{persona} {path}");
    }
}

/// A word more on the command line must not take `explain REQUEST` or the completions away.
#[test]
fn the_command_line_stays_what_it_was() {
    let parsed = |words: &str| crate::cli::Cli::command().try_get_matches_from(words.split(' ')).is_ok();
    for (words, expect) in [
        ("lazaret explain --as nurse Patient/p001", true),
        ("lazaret explain --as nurse GET Patient/p001 --json", true),
        ("lazaret explain Patient/p001", false),
        ("lazaret explain --as nurse", false),
        ("lazaret explain surface --as nurse Patient --json", true),
        ("lazaret explain surface Patient", false),
        ("lazaret explain surface --as nurse", false),
        ("lazaret explain worth --as nurse --lifetime-s 60", true),
        ("lazaret explain worth --as nurse --lifetime-s 0", false),
        ("lazaret explain worth", false),
    ] {
        assert_eq!(parsed(words), expect, "{words}");
    }
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut crate::cli::Cli::command(), "lazaret", &mut script);
        let script = String::from_utf8(script).expect("text");
        assert!(script.contains("surface") && script.contains("worth"), "{shell}");
    }
}
