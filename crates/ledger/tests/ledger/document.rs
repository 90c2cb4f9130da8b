//! `docs/decisions/keys-and-state.md` names tests; each exists.

use std::path::Path;

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&std::fs::read_to_string(&path).expect("source"));
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates");
    let text = std::fs::read_to_string(crates.join("../docs/decisions/keys-and-state.md")).expect("the document");
    let mut code = String::new();
    sources(crates, &mut code);
    let named: Vec<_> = text.split('`').filter(|word| word.matches('_').count() > 2).collect();
    assert!(named.len() > 10);
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
}
