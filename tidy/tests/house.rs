//! The whole repository against `house.toml`, and faults planted in the real tree.

#![expect(clippy::expect_used, reason = "without a repository there is nothing to judge")]

use std::path::Path;
use tidy::{Finding, House, Tree};

fn real() -> (Tree, House) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::read(&root).expect("the repository is readable");
    let house = House::parse(tree.get("house.toml").expect("house.toml is there")).expect("house.toml is valid");
    (tree, house)
}

#[test]
fn the_house_is_in_order() {
    let (tree, house) = real();
    assert!(tree.get("docs/attacks.md").is_some(), "which test closes which attack is said nowhere");
    let findings: Vec<String> = tidy::check(&tree, &house).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}

/// Each fault is one that a hurried change could bring; the scanner must see it in the files as they are.
#[test]
fn faults_planted_in_the_real_tree_are_found() {
    let dependencies = "\n[target.'cfg(unix)'.dependencies]\n";
    let faults = [
        ("crates/gateway/Cargo.toml", format!("{dependencies}policy.workspace = true\n"), "edge", "policy"),
        ("crates/clinic/Cargo.toml", format!("{dependencies}ledger.workspace = true\n"), "edge", "ledger"),
        ("crates/lexicon/Cargo.toml", format!("{dependencies}passage.workspace = true\n"), "edge", "passage"),
        ("crates/passage/Cargo.toml", format!("{dependencies}rustls = \"0.23\"\n"), "sole", "rustls"),
        ("crates/fhir/Cargo.toml", format!("{dependencies}cedar-policy = \"4\"\n"), "sole", "cedar-policy"),
        ("crates/attic/Cargo.toml", "[lints]\nworkspace = true\n".to_owned(), "manifest", "attic"),
        ("crates/gateway/src/lib.rs", "use hyper::server::conn::http1;\n".to_owned(), "guard", "hyper::server"),
        ("crates/passage/src/driver.rs", "use aws_lc_rs::{hmac, rand};\n".to_owned(), "guard", "aws_lc_rs::hmac"),
        ("crates/fhir/src/filter.rs", "fn a() { std::fs::write(p, b); }\n".to_owned(), "guard", "std::fs"),
        ("crates/passage/src/utils.rs", String::new(), "name", "utils"),
        ("crates/ledger/src/lib.rs", "fn forged() -> Receipt { Receipt { ..old } }\n".to_owned(), "mint", "Receipt"),
        ("crates/policy/src/lib.rs", "impl Clone for Plan { }\n".to_owned(), "mint", "Plan"),
        ("crates/fhir/src/lib.rs", "\n".repeat(701), "size", "lines"),
        ("crates/seal/src/lib.rs", format!("fn long() {{{}}}\n", "\n".repeat(200)), "size", "long"),
        ("crates/identity/src/lib.rs", "fn a() { todo!() }\n".to_owned(), "stub", "todo"),
        ("crates/ledger/src/lib.rs", "static LAST: std::sync::Mutex<u8> = x;\n".to_owned(), "static", "global"),
        ("crates/evidence/src/lib.rs", "fn a() { println!(\"{record:?}\"); }\n".to_owned(), "print", "println"),
        ("crates/fhir/tests/late.rs", "fn a() { std::thread::sleep(d); }\n".to_owned(), "sleep", "sleep"),
        (
            "crates/lexicon/src/principal.rs",
            "#[derive(Debug)]\npub struct LocalId(u8);\n".to_owned(),
            "secret",
            "LocalId",
        ),
        ("docs/decisions/README.md", format!("see {}notes\n", "../".repeat(3)), "outside", "leaves"),
        ("docs/reference/reasons.md", "one more\n".to_owned(), "reference", "bless"),
        ("docs/attacks.md", "| Z9 | nothing | `no_such_test` |\n".to_owned(), "attack", "no_such_test"),
        ("ARCHITECTURE.md", "<!-- house:begin -->\n".to_owned(), "drawing", "markers"),
    ];
    let (tree, house) = real();
    let before = tidy::check(&tree, &house);
    let tree = faults.iter().fold(tree, |tree, (path, planted, ..)| tree.with(path, planted));
    let after = tidy::check(&tree, &house);
    let new: Vec<&Finding> = after.iter().filter(|finding| !before.contains(finding)).collect();
    for (path, planted, rule, word) in &faults {
        // A mint too many is reported at the last of its sites, wherever that is.
        let here = |f: &Finding| f.file == *path || *rule == "mint";
        let is_it = |f: &&&Finding| here(f) && f.rule == *rule && f.to_string().contains(word);
        assert!(new.iter().any(|f| is_it(&f)), "{path}: {rule}: {planted:.60}");
    }
}
