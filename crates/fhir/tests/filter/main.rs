//! The filter against an oracle: the same documents, the same projections, code that shares nothing with it.
//!
//! `LAZARET_DOCUMENTS` says how many documents (a soak takes a million), `LAZARET_SEED` which ones; `LAZARET_BUNDLES`
//! names a folder of unpacked Synthea bundles to take in as well.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code outside test functions: a panic is the finding"
)]

mod dice;
mod documents;
mod oracle;
mod pages;
mod parts;
mod table;
mod tree;

use dice::Dice;
use documents::{Maker, TYPES, mutate};
use fhir::{Base, Filter, Limits, Projections, Scanned};
use lexicon::{Reason, ResourceType};
use oracle::Oracle;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use table::Table;
use tree::{Tree, read};

const STARTER: &str = include_str!("../../../../policies/projections.toml");
/// What CI checks.
const DOCUMENTS: u64 = 20_000;

#[expect(clippy::disallowed_methods, reason = "a test's size, seed and data are set from outside")]
fn outside(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn setting(name: &str, otherwise: u64) -> u64 {
    outside(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is not a number")))
}

/// Type -> group -> paths.
type File = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A projections file in both readings.
struct World<'a> {
    table: &'a Table,
    file: File,
    projections: Projections,
}

impl<'a> World<'a> {
    fn new(table: &'a Table, text: &str) -> Self {
        let file = toml::from_str(text).expect("the file is TOML");
        let projections = Projections::load(text).unwrap_or_else(|error| panic!("{error}; {}\n{text}", error.hint()));
        Self { table, file, projections }
    }

    /// Some groups of a type, and the oracle that knows what they show.
    fn choose(&self, of_type: ResourceType, dice: &mut Dice) -> (Vec<String>, Oracle<'a>) {
        let split = |path: &String| path.split('.').map(str::to_owned).collect();
        let Some(listed) = self.file.get(of_type.name()) else {
            return (Vec::new(), Oracle { table: self.table, paths: vec![vec!["id".to_owned()]] });
        };
        let chosen: Vec<String> = listed.keys().filter(|_| dice.one_in(3)).cloned().collect();
        let shown = listed.iter().filter(|(name, _)| *name == "default" || chosen.contains(name));
        let paths = shown.flat_map(|(_, paths)| paths.iter().map(split)).collect();
        (chosen, Oracle { table: self.table, paths })
    }
}

/// A projections file of random paths that R4 knows.
fn random_file(table: &Table, dice: &mut Dice) -> String {
    let mut text = String::new();
    for of_type in TYPES.iter().filter(|name| ResourceType::from_name(name).is_some()) {
        if text.contains(&format!("[{of_type}]\n")) {
            continue;
        }
        let _ = writeln!(text, "[{of_type}]");
        for group in ["default", "a", "b", "c", "d", "e", "f"] {
            let paths: Vec<String> = (0..1 + dice.below(5)).filter_map(|_| random_path(table, of_type, dice)).collect();
            let _ = writeln!(text, "{group} = {paths:?}");
        }
    }
    text
}

fn random_path(table: &Table, of_type: &str, dice: &mut Dice) -> Option<String> {
    let mut path: Vec<String> = Vec::new();
    let mut owner = of_type.to_owned();
    loop {
        let elements = table.elements(&owner);
        let (name, element) = *dice.pick(&elements);
        if element.of == "Resource" || element.of == "OperationOutcome" {
            return None;
        }
        let ends = table::is_simple(&element.of) || dice.one_in(2);
        let written = if ends && dice.one_in(2) { &element.defined } else { name };
        let aside = ends && table::is_simple(&element.of) && dice.one_in(4);
        path.push(if aside { format!("_{written}") } else { written.clone() });
        if ends {
            // A `_name` says nothing without its element.
            return Some(path.join("."));
        }
        owner.clone_from(&element.of);
    }
}

fn in_chunks(document: &[u8], dice: &mut Dice) -> Result<Scanned, Reason> {
    let mut filter = Filter::new(Limits::READ);
    let most = *dice.pick(&[1, 3, 63, 64, 65, 128, 1500, 16 * 1024]);
    let mut rest = document;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((1 + dice.below(most)).min(rest.len()));
        filter.push(chunk)?;
        rest = after;
    }
    filter.finish()
}

/// What the oracle accepts as a resource.
fn resource(document: &[u8]) -> Option<(ResourceType, Tree)> {
    let tree = read(document)?;
    let Some(Tree::Text(of_type)) = tree.get("resourceType") else { return None };
    Some((ResourceType::from_name(of_type)?, tree))
}

#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    withheld: u64,
}

/// The choke point: one document, both readings, every chunking the same.
fn check(world: &World<'_>, document: &[u8], dice: &mut Dice, tally: &mut Tally) -> Result<(), String> {
    let whole = Scanned::of(document, Limits::READ);
    let cut = in_chunks(document, dice);
    let scanned = match (resource(document), whole, cut) {
        (None, Err(Reason::UpstreamMalformed), Err(Reason::UpstreamMalformed)) => {
            tally.refused += 1;
            return Ok(());
        }
        (Some((of_type, tree)), Ok(whole), Ok(cut)) if whole.resource_type() == of_type => (of_type, tree, whole, cut),
        (expect, whole, cut) => {
            return Err(format!(
                "oracle: {:?}, in one piece: {:?}, in chunks: {:?}",
                expect.map(|(of_type, _)| of_type),
                whole.map(|scanned| scanned.resource_type()),
                cut.map(|scanned| scanned.resource_type())
            ));
        }
    };
    let (of_type, tree, whole, cut) = scanned;
    tally.accepted += 1;
    let base = Base::new([oracle::BASE]);
    for _ in 0..2 {
        let (groups, oracle) = world.choose(of_type, dice);
        let projection = world.projections.compile(of_type, &groups);
        let projected = whole.project(&projection, &base);
        if projected.bytes() != cut.project(&projection, &base).bytes() {
            return Err("another projection in chunks".to_owned());
        }
        let shown = String::from_utf8_lossy(projected.bytes()).into_owned();
        let Some(ours) = read(projected.bytes()) else { return Err(format!("the answer is not strict JSON: {shown}")) };
        let (theirs, withheld) = oracle.project(&tree);
        if (ours.clone().sorted(), projected.withheld()) != (theirs.clone().sorted(), withheld) {
            return Err(format!(
                "{of_type} {groups:?} {:?}\nfilter withheld {}: {shown}\noracle withheld {withheld}: {theirs:?}",
                oracle.paths,
                projected.withheld()
            ));
        }
        tally.withheld += withheld;
    }
    Ok(())
}

#[test]
fn agrees_with_the_oracle_on_mutated_documents() {
    let (documents, seed) = (setting("LAZARET_DOCUMENTS", DOCUMENTS), setting("LAZARET_SEED", 20_261_121));
    let table = Table::r4();
    let mut dice = Dice::of(seed, u64::MAX);
    let worlds: Vec<World<'_>> = std::iter::once(STARTER.to_owned())
        .chain((0..3 + documents / 50_000).map(|_| random_file(&table, &mut dice)))
        .map(|text| World::new(&table, &text))
        .collect();
    let mut tally = Tally::default();
    for number in 0..documents {
        let mut dice = Dice::of(seed, number);
        let world = dice.pick(&worlds);
        let care = *dice.pick(&[10, 40, 400]);
        let mut maker = Maker { table: &table, dice, care };
        let tree = maker.resource();
        let mut document = maker.write(&tree);
        let mut dice = maker.dice;
        while dice.one_in(3) {
            mutate(&mut dice, &mut document);
        }
        if let Err(why) = check(world, &document, &mut dice, &mut tally) {
            panic!("seed {seed}, document {number}: {why}\n{}", String::from_utf8_lossy(&document));
        }
    }
    // Neither side may be empty, or the comparison says little.
    assert!(tally.accepted > documents / 3, "seed {seed}: only {} of {documents} accepted", tally.accepted);
    assert!(tally.refused > documents / 10, "seed {seed}: only {} of {documents} refused", tally.refused);
    assert!(tally.withheld > documents, "seed {seed}: only {} parts withheld", tally.withheld);
}

/// Every document of the corpus, named for what becomes of it, under projections of all kinds.
#[test]
fn the_corpus_replays() {
    let table = Table::r4();
    let mut dice = Dice::of(1, 0);
    let mut worlds = vec![World::new(&table, STARTER)];
    worlds.extend((0..6).map(|_| World::new(&table, &random_file(&table, &mut dice))));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/filter");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the source") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let document = std::fs::read(&path).expect("readable");
        let mut tally = Tally::default();
        for (at, world) in worlds.iter().enumerate() {
            check(world, &document, &mut Dice::of(2, at as u64), &mut tally)
                .unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        let as_named = if name.starts_with("accept-") { tally.accepted } else { tally.refused };
        assert_eq!(as_named, worlds.len() as u64, "{name}");
        replayed += 1;
    }
    assert!(replayed >= 32, "only {replayed} documents in {folder}");
}

/// The safety argument on its own, without the oracle's walk: no leaf of an answer lies outside the named paths.
#[test]
fn every_leaf_of_an_answer_lies_under_a_named_path() {
    let table = Table::r4();
    let world = World::new(&table, STARTER);
    let mut leaves = 0;
    for number in 0..1500 {
        let mut maker = Maker { table: &table, dice: Dice::of(7, number), care: 10 };
        let tree = maker.resource();
        let document = maker.write(&tree);
        let Ok(scanned) = Scanned::of(&document, Limits::READ) else { continue };
        let (groups, oracle) = world.choose(scanned.resource_type(), &mut maker.dice);
        let projected =
            scanned.project(&world.projections.compile(scanned.resource_type(), &groups), &Base::new([oracle::BASE]));
        let answer = read(projected.bytes()).expect("strict JSON");
        let mut found = Vec::new();
        gather(&answer, &mut Vec::new(), &mut found);
        for leaf in &found {
            let named = oracle
                .paths
                .iter()
                .any(|path| path.iter().zip(leaf).all(|(a, b)| same(a, b)) && path.len() <= leaf.len());
            let ours = [&["resourceType"][..], &["meta", "tag", "system"], &["meta", "tag", "code"]]
                .contains(&leaf.as_slice());
            assert!(named || ours, "document {number}: {leaf:?} is shown under {:?}", oracle.paths);
            let hidden = leaf.iter().find(|name| {
                name.starts_with('_') || ["contained", "extension", "modifierExtension", "div", "zzz"].contains(name)
            });
            assert_eq!(hidden, None, "document {number}: {leaf:?}");
        }
        leaves += found.len();
    }
    assert!(leaves > 3000, "only {leaves} leaves seen");
}

/// The resources of every bundle in the folder that `LAZARET_BUNDLES` names; none if it is not set.
fn bundles() -> Vec<Vec<u8>> {
    let Some(folder) = outside("LAZARET_BUNDLES") else { return Vec::new() };
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.map(|entry| entry.expect("readable").path());
    let bundles = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(|path| {
        let text = std::fs::read(path).expect("readable");
        serde_json::from_slice::<serde_json::Value>(&text).expect("a bundle")
    });
    let resources = bundles.flat_map(|mut bundle| match bundle.get_mut("entry").map(serde_json::Value::take) {
        Some(serde_json::Value::Array(entries)) => entries,
        _ => Vec::new(),
    });
    let found: Vec<_> = resources.map(|entry| entry["resource"].to_string().into_bytes()).collect();
    assert!(!found.is_empty(), "{folder} holds no unpacked bundles");
    found
}

/// Nothing that is well formed is refused: documents made with care, and those of another program if a folder of them
/// is named.
#[test]
fn agrees_with_the_oracle_on_sound_documents() {
    let table = Table::r4();
    let mut dice = Dice::of(3, 0);
    let worlds = [STARTER.to_owned(), random_file(&table, &mut dice)].map(|text| World::new(&table, &text));
    let generated = (0..300).map(|number| {
        let mut maker = Maker { table: &table, dice: Dice::of(4, number), care: usize::MAX / 100 };
        let mut tree = maker.resource();
        while resource(&maker.write(&tree)).is_none() {
            tree = maker.resource();
        }
        maker.write(&tree)
    });
    let mut tally = Tally::default();
    for document in generated.chain(bundles()) {
        for world in &worlds {
            check(world, &document, &mut dice, &mut tally)
                .unwrap_or_else(|why| panic!("{why}\n{}", String::from_utf8_lossy(&document)));
        }
    }
    assert_eq!(tally.refused, 0);
    assert!(tally.accepted >= 600, "only {} accepted", tally.accepted);
}

/// A reader that insists on R4's cardinalities can read what the starter shows to everyone.
#[test]
fn the_starter_shows_what_r4_makes_mandatory() {
    let table = Table::r4();
    let world = World::new(&table, STARTER);
    let mut seen = 0;
    for (of_type, groups) in &world.file {
        for (_, element) in table.elements(of_type).into_iter().filter(|(_, element)| element.mandatory) {
            assert!(groups["default"].contains(&element.defined), "[{of_type}] default lacks `{}`", element.defined);
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} mandatory elements seen");
}

/// `value[x]` stands for `value` and a type.
fn same(written: &str, name: &str) -> bool {
    written == name
        || written
            .strip_suffix("[x]")
            .and_then(|stem| name.strip_prefix(stem))
            .is_some_and(|of| of.starts_with(char::is_uppercase))
}

fn gather<'a>(tree: &'a Tree, above: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) {
    match tree {
        Tree::Array(items) => items.iter().for_each(|item| gather(item, above, found)),
        Tree::Object(members) => {
            for (name, value) in members {
                above.push(name);
                gather(value, above, found);
                above.pop();
            }
        }
        _ => found.push(above.clone()),
    }
}
