//! Parts of an answer, `_elements` and `_summary`: never more than the whole, and what R4 says is in them.

use crate::dice::Dice;
use crate::documents::Maker;
use crate::oracle;
use crate::table::{Table, is_simple};
use crate::tree::{Tree, read};
use crate::{STARTER, World, random_file, setting};
use fhir::{Base, Limits, Part, Scanned};

const DOCUMENTS: u64 = 3_000;

/// Every leaf, with its path and value, in order of those.
fn leaves(tree: &Tree) -> Vec<String> {
    fn gather(tree: &Tree, above: &str, found: &mut Vec<String>) {
        match tree {
            Tree::Array(items) => items.iter().for_each(|item| gather(item, above, found)),
            Tree::Object(members) => {
                members.iter().for_each(|(name, value)| gather(value, &format!("{above}.{name}"), found));
            }
            leaf => found.push(format!("{above}={leaf:?}")),
        }
    }
    let mut found = Vec::new();
    gather(tree, "", &mut found);
    found.sort();
    found
}

fn is_mark(tag: &Tree) -> bool {
    tag.get("code") == Some(&Tree::Text("SUBSETTED".to_owned()))
        && tag.get("system")
            == Some(&Tree::Text("http://terminology.hl7.org/CodeSystem/v3-ObservationValue".to_owned()))
}

fn tags(resource: &Tree) -> &[Tree] {
    match resource.get("meta").and_then(|meta| meta.get("tag")) {
        Some(Tree::Array(tags)) => tags,
        _ => &[],
    }
}

/// The same without the mark.
fn unmarked(resource: &Tree) -> Tree {
    let prune = |(name, value): (String, Tree)| match value {
        Tree::Array(items) if name == "tag" => {
            let rest: Vec<_> = items.into_iter().filter(|tag| !is_mark(tag)).collect();
            (!rest.is_empty()).then_some((name, Tree::Array(rest)))
        }
        value => Some((name, value)),
    };
    let Tree::Object(members) = resource.clone() else { panic!("a resource is an object") };
    let members = members.into_iter().filter_map(|(name, value)| match value {
        Tree::Object(meta) if name == "meta" => {
            let rest: Vec<_> = meta.into_iter().filter_map(prune).collect();
            (!rest.is_empty()).then_some((name, Tree::Object(rest)))
        }
        value => Some((name, value)),
    });
    Tree::Object(members.collect())
}

/// What R4 puts into a part, of what is shown.
fn expected(table: &Table, of_type: &str, shown: &Tree, part: &Part) -> Tree {
    let Tree::Object(members) = shown else { panic!("a resource is an object") };
    let kept = members.iter().filter_map(|(name, value)| {
        if ["resourceType", "id", "meta"].contains(&name.as_str()) {
            return Some((name.clone(), value.clone()));
        }
        let element =
            table.element(of_type, name.strip_prefix('_').unwrap_or(name)).expect("only what R4 knows is shown");
        let is_text = element.defined == "text";
        let keep = match part {
            Part::All => true,
            Part::Elements(names) => {
                let plain = element.defined.trim_end_matches("[x]");
                names.iter().any(|asked| asked == name || *asked == element.defined || asked == plain)
                    || element.mandatory
            }
            Part::Text => is_text || element.mandatory,
            Part::Data => !is_text,
            Part::Summary => return summary(table, of_type, name, value).map(|value| (name.clone(), value)),
        };
        keep.then(|| (name.clone(), value.clone()))
    });
    Tree::Object(kept.collect())
}

fn summary(table: &Table, owner: &str, name: &str, value: &Tree) -> Option<Tree> {
    let element = table.element(owner, name.strip_prefix('_').unwrap_or(name)).expect("only what R4 knows is shown");
    if !(element.summary || element.mandatory) {
        return None;
    }
    if name.starts_with('_') || is_simple(&element.of) {
        return Some(value.clone());
    }
    within(table, &element.of, value)
}

fn within(table: &Table, of: &str, value: &Tree) -> Option<Tree> {
    match value {
        Tree::Array(items) => {
            let kept: Vec<_> = items.iter().filter_map(|item| within(table, of, item)).collect();
            (!kept.is_empty()).then_some(Tree::Array(kept))
        }
        Tree::Object(members) => {
            let keep = |(name, value): &(String, Tree)| Some((name.clone(), summary(table, of, name, value)?));
            let kept: Vec<_> = members.iter().filter_map(keep).collect();
            (!kept.is_empty()).then_some(Tree::Object(kept))
        }
        other => Some(other.clone()),
    }
}

fn some_part(table: &Table, of_type: &str, dice: &mut Dice) -> Part {
    match dice.below(6) {
        0 => Part::Summary,
        1 => Part::Text,
        2 => Part::Data,
        3 => Part::All,
        _ => {
            let elements = table.elements(of_type);
            let name = |dice: &mut Dice| {
                let (name, element) = *dice.pick(&elements);
                match dice.below(5) {
                    0 => element.defined.clone(),
                    1 => element.defined.trim_end_matches("[x]").to_owned(),
                    2 => "zzz".to_owned(),
                    _ => name.clone(),
                }
            };
            Part::Elements((0..dice.below(4)).map(|_| name(dice)).collect())
        }
    }
}

#[test]
fn c10_a_part_never_shows_more_than_the_whole() {
    let (documents, seed) = (setting("LAZARET_PARTS", DOCUMENTS), setting("LAZARET_SEED", 20_261_123));
    let table = Table::r4();
    let mut dice = Dice::of(seed, u64::MAX);
    let worlds: Vec<World<'_>> = std::iter::once(STARTER.to_owned())
        .chain((0..4).map(|_| random_file(&table, &mut dice)))
        .map(|text| World::new(&table, &text))
        .collect();
    let base = Base::new([oracle::BASE]);
    let mut smaller = 0;
    for number in 0..documents {
        let mut dice = Dice::of(seed, number);
        let world = dice.pick(&worlds);
        let mut maker = Maker { table: &table, dice, care: 100 };
        let tree = maker.resource();
        let document = maker.write(&tree);
        let Ok(scanned) = Scanned::of(&document, Limits::READ) else { continue };
        let of_type = scanned.resource_type();
        let (groups, _) = world.choose(of_type, &mut maker.dice);
        let projection = world.projections.compile(of_type, &groups);
        let whole = scanned.project(&projection, &base);
        let whole_tree = read(whole.bytes()).expect("strict JSON");
        for _ in 0..4 {
            let part = some_part(&table, of_type.name(), &mut maker.dice);
            let cut = scanned.project_part(&projection, &base, &part);
            let said = String::from_utf8_lossy(cut.bytes()).into_owned();
            let fail = |why: &str| panic!("seed {seed}, document {number}, {part:?}: {why}\n{said}");
            let cut_tree = read(cut.bytes()).unwrap_or_else(|| fail("not strict JSON"));
            let mut rest = leaves(&unmarked(&whole_tree)).into_iter();
            // Both are sorted: each leaf of the part must come up among those of the whole that are left.
            if !leaves(&unmarked(&cut_tree)).iter().all(|leaf| rest.any(|other| other == *leaf)) {
                fail("shows more than the whole");
            }
            if unmarked(&cut_tree).sorted() != unmarked(&expected(&table, of_type.name(), &whole_tree, &part)).sorted()
            {
                fail("is not what R4 puts there");
            }
            let is_less = unmarked(&cut_tree).sorted() != unmarked(&whole_tree).sorted();
            if is_less && !tags(&cut_tree).iter().any(is_mark) {
                fail("does not say that it is partial");
            }
            if !is_less && cut.bytes() != whole.bytes() {
                fail("is written anew though nothing was left out");
            }
            if cut.withheld() != whole.withheld() || cut.id() != whole.id() || cut.resource_type() != of_type {
                fail("says something else of what was withheld");
            }
            if scanned.project_part(&projection, &base, &part).bytes() != cut.bytes() {
                fail("is another when asked again");
            }
            smaller += u64::from(is_less);
        }
    }
    assert!(smaller > documents / 2, "seed {seed}: only {smaller} parts were less than the whole");
}
