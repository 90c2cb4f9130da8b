//! The filter against an oracle: the same documents, the same projections, code that shares nothing with it.
//!
//! `LAZARET_DOCUMENTS` says how many documents (a soak takes a million), `LAZARET_SEED` which ones.

mod dice;
mod documents;
mod oracle;
mod table;
mod tree;

use dice::Dice;
use documents::{Maker, TYPES, mutate};
use fhir::{Filter, Limits, Projections, Scanned};
use lexicon::{Reason, ResourceType};
use oracle::Oracle;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use table::Table;
use tree::{Tree, read};

const STARTER: &str = include_str!("../../../../policies/projections.toml");
/// What CI checks.
const DOCUMENTS: u64 = 20_000;

fn setting(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test's size and seed are set from outside")]
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: `{text}` is not a number")))
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
    for _ in 0..2 {
        let (groups, oracle) = world.choose(of_type, dice);
        let projection = world.projections.compile(of_type, &groups);
        let projected = whole.project(&projection);
        if projected.bytes() != cut.project(&projection).bytes() {
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
