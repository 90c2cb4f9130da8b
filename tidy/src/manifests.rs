//! What the manifests beside the code must say: lints inherited, no features, every dependency explained, deny.toml in step.

use crate::{Finding, House, Tree};
use std::collections::BTreeSet;
use toml::{Table, Value};

const RULE: &str = "manifest";
const EXPLAINED: &str = "docs/decisions/dependencies.md";

/// A package's manifest and the dependencies it names.
pub(crate) struct Manifest {
    pub path: String,
    /// Room or tool.
    pub owner: String,
    table: Table,
}

impl Manifest {
    pub fn dependencies(&self) -> impl Iterator<Item = &str> {
        self.names_in("dependencies").chain(self.names_in("build-dependencies"))
    }

    pub fn dev_dependencies(&self) -> impl Iterator<Item = &str> {
        self.names_in("dev-dependencies")
    }

    fn names_in(&self, section: &str) -> impl Iterator<Item = &str> {
        let own = self.table.get(section).and_then(Value::as_table).into_iter();
        let by_target = self.table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let targets = by_target.filter_map(move |target| target.get("dependencies").and_then(Value::as_table));
        let targets = targets.filter(move |_| section == "dependencies");
        own.chain(targets).flat_map(|table| table.keys().map(String::as_str)).collect::<Vec<_>>().into_iter()
    }
}

/// The manifests of all rooms and tools; what does not parse is a finding.
pub(crate) fn manifests(tree: &Tree, house: &House) -> (Vec<Manifest>, Vec<Finding>) {
    let mut read = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in tree.iter() {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else { continue };
        let owner = folder.strip_prefix("crates/").unwrap_or(folder);
        let known = house.room(owner).is_some() || house.tools.iter().any(|tool| tool.name == owner);
        if owner.contains('/') || owner == "fuzz" {
            continue; // a fixture, or the fuzzers' own workspace
        }
        if !known {
            findings.push(Finding::new(
                path,
                1,
                RULE,
                format!("`{owner}` is not in house.toml; add it as a room or a tool"),
            ));
        }
        match text.parse::<Table>() {
            Ok(table) => read.push(Manifest { path: path.to_owned(), owner: owner.to_owned(), table }),
            Err(error) => findings.push(Finding::new(path, 1, RULE, error.message().to_owned())),
        }
    }
    (read, findings)
}

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let (manifests, mut findings) = manifests(tree, house);
    for manifest in &manifests {
        let mut say = |advice: &str| findings.push(Finding::new(&manifest.path, 1, RULE, advice));
        let inherits = manifest.table.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
        if inherits != Some(true) {
            say("lints are not inherited; write `[lints] workspace = true`");
        }
        if manifest.table.contains_key("features") {
            say("no cargo feature changes behaviour; take an argument instead of `[features]`");
        }
    }
    findings.extend(rooms_without_folder(tree, house));
    findings.extend(unexplained(tree));
    findings.extend(idle(tree, &manifests));
    findings.extend(out_of_step(tree, house));
    findings
}

fn rooms_without_folder<'a>(tree: &'a Tree, house: &'a House) -> impl Iterator<Item = Finding> + 'a {
    let rooms = house.rooms.iter().map(|room| format!("crates/{}/Cargo.toml", room.name));
    let tools = house.tools.iter().map(|tool| format!("{}/Cargo.toml", tool.name));
    rooms.chain(tools).filter(|path| tree.get(path).is_none()).map(|path| {
        Finding::new(crate::house::FILE, 1, RULE, format!("`{path}` is not there; a room appears with its first line"))
    })
}

/// A dependency of the workspace that no package takes.
fn idle(tree: &Tree, manifests: &[Manifest]) -> Vec<Finding> {
    const FILE: &str = "Cargo.toml";
    let Some(text) = tree.get(FILE) else { return Vec::new() };
    let root = text.parse::<Table>().unwrap_or_default();
    let declared = root.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let taken: BTreeSet<&str> = manifests.iter().flat_map(|m| m.dependencies().chain(m.dev_dependencies())).collect();
    let names = declared.into_iter().flat_map(Table::keys).filter(|name| !taken.contains(name.as_str()));
    let line_of =
        |name: &str| text.lines().position(|line| line.starts_with(&format!("{name} "))).map_or(1, |at| at + 1);
    names
        .map(|name| Finding::new(FILE, line_of(name), RULE, format!("no package takes `{name}`; delete it here")))
        .collect()
}

/// Every external dependency of the workspace has its line in `docs/decisions/dependencies.md`, and no other has.
fn unexplained(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.get("Cargo.toml").and_then(|text| text.parse::<Table>().ok()) else { return Vec::new() };
    let declared = root.get("workspace").and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    let is_ours = |value: &Value| value.get("path").is_some();
    let external: BTreeSet<&str> =
        declared.into_iter().flatten().filter(|(_, value)| !is_ours(value)).map(|(name, _)| name.as_str()).collect();
    let text = tree.get(EXPLAINED).unwrap_or_default();
    let explained: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("* `")?.split('`').next()).collect();
    let line_of =
        |name: &str| text.lines().position(|line| line.starts_with(&format!("* `{name}`"))).map_or(1, |n| n + 1);
    let missing = external.difference(&explained).map(|name| {
        Finding::new(EXPLAINED, 1, RULE, format!("`{name}` is not explained; add * `{name}` version: why, licence"))
    });
    let stale = explained.difference(&external).map(|name| {
        Finding::new(EXPLAINED, line_of(name), RULE, format!("`{name}` is no dependency any more; delete the line"))
    });
    missing.chain(stale).collect()
}

/// deny.toml repeats licences and sole importers in cargo-deny's words; they must say the same.
fn out_of_step(tree: &Tree, house: &House) -> Vec<Finding> {
    const FILE: &str = "deny.toml";
    let Some(text) = tree.get(FILE) else { return Vec::new() };
    let table = match text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => return vec![Finding::new(FILE, 1, RULE, error.message().to_owned())],
    };
    let mut findings = Vec::new();
    let words = |value: Option<&Value>| -> BTreeSet<String> {
        let list = value.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let allowed: BTreeSet<String> = house.licences.allowed.iter().cloned().collect();
    if words(table.get("licenses").and_then(|section| section.get("allow"))) != allowed {
        findings.push(Finding::new(FILE, 1, RULE, "`licenses.allow` differs from `licences.allowed` in house.toml"));
    }
    let denied = table.get("bans").and_then(|bans| bans.get("deny")).and_then(Value::as_array);
    for sole in &house.soles {
        let entry = denied
            .into_iter()
            .flatten()
            .find(|entry| entry.get("crate").and_then(Value::as_str) == Some(&sole.dependency));
        let wrappers = words(entry.and_then(|entry| entry.get("wrappers")));
        let package = |room: &String| match house.room(room) {
            Some(room) if room.floor < house.top_floor() => format!("lazaret-{}", room.name),
            _ => room.clone(),
        };
        let missing: Vec<String> = sole.rooms.iter().map(package).filter(|name| !wrappers.contains(name)).collect();
        let others = wrappers.iter().filter(|name| {
            let room = name.strip_prefix("lazaret-").unwrap_or(name);
            house.room(room).is_some() && !sole.rooms.iter().any(|sole| sole == room)
        });
        let others: Vec<&String> = others.collect();
        if !missing.is_empty() || !others.is_empty() {
            findings.push(Finding::new(
                FILE,
                1,
                RULE,
                format!(
                    "wrappers of `{}` lack {missing:?} or name {others:?} too many; house.toml decides",
                    sole.dependency
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    const GOOD: &str = "[lints]\nworkspace = true\n";
    const DOOR: &str = "[lints]\nworkspace = true\n[dependencies]\nhyper.workspace = true\nword.workspace = true\n";
    const DENY: &str =
        "[licenses]\nallow = [\"MIT\"]\n[bans]\ndeny = [{ crate = \"hyper\", wrappers = [\"lazaret-door\"] }]\n";

    fn tree(change: (&'static str, &'static str)) -> Tree {
        let mut files = vec![
            ("crates/word/Cargo.toml", GOOD),
            ("crates/door/Cargo.toml", DOOR),
            ("crates/guest/Cargo.toml", GOOD),
            ("crates/roof/Cargo.toml", GOOD),
            ("xtask/Cargo.toml", GOOD),
            ("deny.toml", DENY),
            ("Cargo.toml", "[workspace.dependencies]\nhyper = \"1\"\nword = { path = \"crates/word\" }\n"),
            ("docs/decisions/dependencies.md", "* `hyper` 1: HTTP, MIT\n"),
        ];
        files.retain(|(path, _)| *path != change.0);
        Tree::of(files.into_iter().chain((!change.1.is_empty()).then_some(change)))
    }

    fn says(path: &'static str, text: &'static str, expect: &str) {
        let found: Vec<String> = check(&tree((path, text)), &small()).iter().map(Finding::to_string).collect();
        assert!(found.iter().any(|line| line.contains(expect)), "{expect}: {found:?}");
    }

    #[test]
    fn good_manifests_are_quiet() {
        assert_eq!(check(&tree(("README.md", "x")), &small()), []);
    }

    #[test]
    fn planted_faults_are_found() {
        says("crates/word/Cargo.toml", "[package]\n", "lints are not inherited");
        says("crates/word/Cargo.toml", "[features]\nfast = []\n[lints]\nworkspace = true\n", "no cargo feature");
        says("crates/word/Cargo.toml", "", "`crates/word/Cargo.toml` is not there");
        says("crates/door/Cargo.toml", GOOD, "Cargo.toml:2: manifest: no package takes `hyper`");
        says("crates/attic/Cargo.toml", GOOD, "`attic` is not in house.toml");
        says("crates/word/Cargo.toml", "[lints", "crates/word/Cargo.toml:1: manifest");
        says("docs/decisions/dependencies.md", "", "`hyper` is not explained");
        says(
            "docs/decisions/dependencies.md",
            "* `hyper` 1: a\n* `old` 1: b\n",
            "dependencies.md:2: manifest: `old` is no dependency",
        );
        says("deny.toml", "[licenses]\nallow = []\n", "licences.allowed");
        says("deny.toml", "[licenses]\nallow = [\"MIT\"]\n", "wrappers of `hyper`");
    }
}
