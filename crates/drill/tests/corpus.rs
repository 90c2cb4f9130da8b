//! The corpus itself: it parses, its ids are its own, and every row of the catalogue is there.

#![expect(clippy::panic, reason = "test code outside test functions: a panic is the finding")]

use drill::{Attack, Corpus, CorpusError};
use std::collections::BTreeSet;

fn corpus() -> Corpus {
    Corpus::built_in().unwrap_or_else(|error| panic!("{error}"))
}

/// How many rows each chapter has: tokens, membership, search, reading, transport, known holes.
const CHAPTERS: [(char, u32); 6] = [('A', 11), ('B', 9), ('C', 21), ('E', 11), ('F', 8), ('G', 10)];

#[test]
fn every_row_of_the_catalogue_is_attacked() {
    let corpus = corpus();
    let attacked: BTreeSet<&str> = corpus.attacks().iter().map(|attack| attack.catalogue.as_str()).collect();
    let rows: Vec<String> =
        CHAPTERS.iter().flat_map(|(chapter, rows)| (1..=*rows).map(move |row| format!("{chapter}{row}"))).collect();
    let rows: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(attacked, rows);
    assert!(corpus.attacks().len() >= 120, "only {}", corpus.attacks().len());
}

#[test]
fn every_attack_can_tell_a_leak() {
    for attack in corpus().attacks() {
        let Attack { id, title, status, must_not_contain, must_have, same_as, entries, .. } = attack;
        assert!(title.ends_with('.') && title.len() > 12, "{id}: {title}");
        let says_nothing =
            must_not_contain.is_empty() && must_have.is_empty() && same_as.is_none() && entries.is_none();
        let takes_all = matches!(status, drill::Statuses::Named(drill::Class::Any));
        assert!(!(says_nothing && takes_all), "{id} holds whatever comes");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(id.split_once('-').is_some_and(|(_, rest)| rest.chars().all(plain)), "{id}");
        if let Some(path) = &attack.request.path {
            let uri: Result<http::Uri, _> = path.replace(['{', '}'], "").parse();
            assert!(path.starts_with('/') && uri.is_ok(), "{id}: {path}");
        }
    }
}

#[test]
fn a_part_of_the_corpus_is_chosen_by_name() {
    let count = |name: &str| corpus().only(name).attacks().len();
    assert!(count("C13") > 5 && count("C1") > 3);
    assert!(corpus().only("C1").attacks().iter().all(|attack| attack.catalogue == "C1"), "C1 is not C13");
    assert_eq!((count("C13-value-of-hidden"), count("nonsense"), count("")), (1, 0, 0));
}

#[test]
fn a_broken_corpus_is_refused() {
    let attack = |id: &str, more: &str| {
        format!("[[attack]]\nid = \"{id}\"\ncatalogue = \"C1\"\ntitle = \"t\"\nstatus = \"any\"\n{more}\n")
    };
    let fails = |text: &str| Corpus::parse([text]).err();
    let good = attack("C1-a", "path = \"/x\"");
    assert!(fails(&good).is_none());
    assert!(matches!(fails(&format!("{good}{good}")), Some(CorpusError::Twice(id)) if id == "C1-a"));
    assert!(matches!(fails(&attack("C13-a", "path = \"/x\"")), Some(CorpusError::Id(_))));
    assert!(matches!(fails(&attack("C1-a", "")), Some(CorpusError::Request(_))));
    assert!(matches!(fails(&attack("C1-a", "path = \"/x\"\nraw = \"y\"")), Some(CorpusError::Request(_))));
    for unknown in [
        "pth = \"/x\"",
        "path = \"/x\"\nexpect = 1",
        "path = \"/x\"\nentries = { some = 1 }",
        "path = \"/x\"\nsame_as = { pth = \"y\" }",
    ] {
        assert!(matches!(fails(&attack("C1-a", unknown)), Some(CorpusError::Toml(_))), "{unknown}");
    }
}
