//! Which package may depend on which: rooms on rooms, rooms on crates, and the crates that have one importer.

use crate::{
    Finding, House, Tree,
    manifests::{Manifest, manifests},
};
use std::collections::BTreeSet;

const RULE: &str = "edge";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in &manifests(tree, house).0 {
        let Some(allowed) = Allowed::of(house, &manifest.owner) else { continue };
        let text = tree.get(&manifest.path).unwrap_or_default();
        let mut say = |name: &str, rule, advice| {
            let names =
                |line: &str| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
            let line = text.lines().position(names).map_or(1, |at| at + 1);
            findings.push(Finding::new(&manifest.path, line, rule, advice));
        };
        for name in manifest.dependencies() {
            if let Some(sole) =
                house.soles.iter().find(|sole| sole.dependency == name && !sole.rooms.contains(&manifest.owner))
            {
                say(name, "sole", format!("only {} may import `{name}`: {}", sole.rooms.join(", "), sole.why));
            } else if !allowed.product.contains(name) {
                say(
                    name,
                    RULE,
                    format!(
                        "house.toml does not allow `{}` to import `{name}`; remove it or argue for the edge",
                        manifest.owner
                    ),
                );
            }
        }
        for name in manifest.dev_dependencies().filter(|name| !allowed.tests.contains(name)) {
            say(name, RULE, format!("house.toml does not allow the tests of `{}` to use `{name}`", manifest.owner));
        }
        findings.extend(unused(manifest, &allowed));
    }
    findings
}

/// An allowed edge that nobody takes makes the drawing untrue.
fn unused(manifest: &Manifest, allowed: &Allowed) -> Vec<Finding> {
    let product: BTreeSet<&str> = manifest.dependencies().collect();
    let tests: BTreeSet<&str> = manifest.dev_dependencies().collect();
    let idle = allowed.product.difference(&product).chain(allowed.declared_tests.difference(&tests));
    idle.map(|name| {
        let advice =
            format!("house.toml lets `{}` import `{name}`, which it does not; delete the word there", manifest.owner);
        Finding::new(&manifest.path, 1, RULE, advice)
    })
    .collect()
}

struct Allowed<'a> {
    product: BTreeSet<&'a str>,
    /// What tests may use: everything the product may, what all tests may, and their own list.
    tests: BTreeSet<&'a str>,
    declared_tests: BTreeSet<&'a str>,
}

impl<'a> Allowed<'a> {
    fn of(house: &'a House, owner: &str) -> Option<Self> {
        let room = house.room(owner).map(|room| (&room.imports, &room.uses, &room.tests_use));
        let tool = || house.tools.iter().find(|tool| tool.name == owner);
        let (imports, uses, tests_use) =
            room.or_else(|| tool().map(|tool| (&tool.imports, &tool.uses, &tool.tests_use)))?;
        let product: BTreeSet<&str> = imports.iter().chain(uses).map(String::as_str).collect();
        let declared_tests: BTreeSet<&str> = tests_use.iter().map(String::as_str).collect();
        let everywhere = house.manners.test_crates.iter().map(String::as_str);
        let tests = product.union(&declared_tests).copied().chain(everywhere).collect();
        Some(Self { product, tests, declared_tests })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    const DOOR: &str =
        "[dependencies]\nword.workspace = true\nhyper.workspace = true\n[dev-dependencies]\ntempfile = \"3\"\n";

    fn found(door: &str, word: &str) -> Vec<String> {
        let tree = Tree::of([("crates/door/Cargo.toml", door), ("crates/word/Cargo.toml", word)]);
        check(&tree, &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn allowed_edges_are_quiet() {
        assert!(found(DOOR, "").is_empty());
    }

    #[test]
    fn planted_edges_are_found() {
        let climbing = found(DOOR, "[dependencies]\ndoor.workspace = true\n");
        assert_eq!(
            climbing,
            [
                "crates/word/Cargo.toml:2: edge: house.toml does not allow `word` to import `door`; remove it or argue for the edge"
            ]
        );
        let second_server = found(DOOR, "[dependencies]\n\nhyper = \"1\"\n");
        assert_eq!(second_server, ["crates/word/Cargo.toml:3: sole: only door may import `hyper`: one HTTP server"]);
        let by_target = found(DOOR, "[target.'cfg(unix)'.dependencies]\nhyper = \"1\"\n");
        assert_eq!(by_target.len(), 1);
        let in_tests = found(DOOR, "[dev-dependencies]\ndoor.workspace = true\n");
        assert!(in_tests.iter().any(|line| line.contains("the tests of `word` to use `door`")), "{in_tests:?}");
        let idle = found("[dependencies]\nword.workspace = true\n[dev-dependencies]\ntempfile = \"3\"\n", "");
        assert!(idle.iter().any(|line| line.contains("`hyper`, which it does not")), "{idle:?}");
    }
}
