//! The whole repository against `house.toml`.

use std::path::Path;
use tidy::{House, Tree};

#[test]
fn the_house_is_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tree = Tree::read(&root).expect("the repository is readable");
    let house = House::parse(tree.get("house.toml").expect("house.toml is there")).expect("house.toml is valid");
    let findings: Vec<String> = tidy::check(&tree, &house).iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
}
