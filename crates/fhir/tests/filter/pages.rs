//! The splitter against a reading of the whole page at once.

use crate::dice::Dice;
use crate::documents::{Maker, mutate};
use crate::oracle;
use crate::table::Table;
use crate::tree::{Tree, read, read_loosely};
use crate::{STARTER, World, setting};
use fhir::{Base, BundleKind, Entries, Entry, EntryLimits, Mode, Scanned, Tail};
use lexicon::{Reason, ResourceType};

const PAGES: u64 = 6_000;

/// A page as the oracle reads it.
#[derive(Debug, PartialEq)]
struct Page {
    entries: Vec<(&'static str, Option<Tree>)>,
    next: Option<String>,
    total: Option<u64>,
}

fn text<'a>(tree: &'a Tree, name: &str) -> Option<&'a str> {
    match tree.get(name) {
        Some(Tree::Text(text)) => Some(text),
        _ => None,
    }
}

/// The slow and obvious way. `None` if the page is not acceptable.
fn expected(kind: BundleKind, document: &[u8]) -> Option<Page> {
    let Tree::Object(mut members) = read_loosely(document)? else { return None };
    let entries = members.iter_mut().find(|(name, _)| name == "entry");
    let items = match entries.map(|(_, value)| std::mem::replace(value, Tree::Array(Vec::new()))) {
        None => Vec::new(),
        Some(Tree::Array(items)) => items,
        Some(_) => return None,
    };
    let frame = Tree::Object(members);
    if !frame.is_strict()
        || frame.depth() > 64
        || text(&frame, "resourceType") != Some("Bundle")
        || text(&frame, "type") != Some(kind.code())
    {
        return None;
    }
    let entries = items.iter().map(|item| entry(kind, item)).collect::<Option<Vec<_>>>()?;
    let links = match frame.get("link") {
        None => &[][..],
        Some(Tree::Array(links)) => links,
        Some(_) => return None,
    };
    let links =
        links.iter().map(|link| Some((text(link, "relation")?, text(link, "url")?))).collect::<Option<Vec<_>>>()?;
    let mut next = links.iter().filter(|(relation, _)| *relation == "next").map(|(_, url)| (*url).to_owned());
    let total = match frame.get("total") {
        None => None,
        Some(Tree::Number(text)) => Some(text.parse().ok()?),
        Some(_) => return None,
    };
    let page = Page { entries, next: next.next(), total };
    next.next().is_none().then_some(page)
}

fn entry(kind: BundleKind, entry: &Tree) -> Option<(&'static str, Option<Tree>)> {
    if !matches!(entry, Tree::Object(_)) {
        return None;
    }
    if !entry.is_strict() || entry.depth() > 65 {
        return Some(("unreadable", None));
    }
    if !matches!(entry.get("fullUrl"), None | Some(Tree::Text(_))) {
        return None;
    }
    let said = match entry.get("search") {
        None => None,
        Some(search @ Tree::Object(_)) => match search.get("mode") {
            None => None,
            Some(Tree::Text(mode)) => Some(*["match", "include", "outcome"].iter().find(|known| *known == mode)?),
            Some(_) => return None,
        },
        Some(_) => return None,
    };
    let resource = entry.get("resource");
    let of_type = resource.and_then(|it| text(it, "resourceType")).and_then(ResourceType::from_name);
    if kind == BundleKind::History {
        let request = entry.get("request")?;
        let (method, _) = (text(request, "method")?, text(request, "url")?);
        let made = ["POST", "PUT", "PATCH"].contains(&method) && resource.is_some();
        if said.is_some() || !(made || (method == "DELETE" && resource.is_none())) {
            return None;
        }
        let mode = if made && of_type.is_none() { "unreadable" } else { "match" };
        return Some((mode, resource.filter(|_| of_type.is_some()).cloned()));
    }
    match (said, resource, of_type) {
        (Some("outcome"), ..) => Some(("outcome", None)),
        (_, None, _) => None,
        (_, _, None) => Some(("unreadable", None)),
        (_, _, Some(of_type)) if of_type.name() == "OperationOutcome" => Some(("outcome", None)),
        (said, Some(resource), _) => Some((said.unwrap_or("match"), Some(resource.clone()))),
    }
}

/// A page with the faults of a careless server.
fn page(maker: &mut Maker<'_>, kind: BundleKind) -> Tree {
    let say = |text: &str| Tree::Text(text.to_owned());
    let object = |members: Vec<(&str, Tree)>| {
        Tree::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let care = maker.care;
    let mut members = vec![("resourceType", say(if maker.dice.one_in(care) { "Bumble" } else { "Bundle" }))];
    members.push(("type", say(if maker.dice.one_in(care) { "batch" } else { kind.code() })));
    let mut entries = Vec::new();
    for _ in 0..maker.dice.below(5) {
        let mut entry = Vec::new();
        let method =
            if kind == BundleKind::Searchset { "" } else { maker.dice.pick(&["PUT", "POST", "PATCH", "DELETE"]) };
        if (method != "DELETE") != maker.dice.one_in(care) {
            entry.push(("resource", maker.resource()));
        }
        if maker.dice.one_in(2) {
            entry.push(("fullUrl", say("https://up.example/r4/Patient/p1")));
        }
        if kind == BundleKind::Searchset && !maker.dice.one_in(4) {
            let mode = *maker.dice.pick(&["match", "match", "include", "outcome"]);
            let mode = if maker.dice.one_in(care) { "Match" } else { mode };
            entry.push(("search", object(vec![("mode", say(mode)), ("score", Tree::Number("0.50".to_owned()))])));
        }
        if kind == BundleKind::History {
            entry.push(("request", object(vec![("url", say("Patient/p1")), ("method", say(method))])));
            entry.push(("response", object(vec![("status", say("200"))])));
        }
        let turn = maker.dice.below(entry.len().max(1));
        entry.rotate_left(turn);
        entries.push(object(entry));
    }
    if !entries.is_empty() || maker.dice.one_in(2) {
        members.push(("entry", Tree::Array(entries)));
    }
    if maker.dice.one_in(2) {
        let link =
            |relation: &str| object(vec![("relation", say(relation)), ("url", say("https://up.example/r4?p=1"))]);
        let mut links = vec![link("self")];
        links.extend((0..maker.dice.below(care.min(3))).map(|at| link(if at == 0 { "next" } else { "previous" })));
        members.push(("link", Tree::Array(links)));
    }
    if maker.dice.one_in(2) {
        let total = *maker.dice.pick(&["0", "17", "17", "100"]);
        members.push(("total", Tree::Number(if maker.dice.one_in(care) { "1.5" } else { total }.to_owned())));
    }
    if maker.dice.one_in(4) {
        members.push(("meta", object(vec![("entry", Tree::Array(vec![say("\"entry\":[{")]))])));
    }
    let turn = maker.dice.below(members.len());
    members.rotate_left(turn);
    object(members)
}

/// What the splitter makes of a page in chunks of some sizes.
fn split(kind: BundleKind, document: &[u8], dice: &mut Dice) -> Result<(Vec<Entry>, Tail), Reason> {
    let mut entries = Entries::new(kind, EntryLimits::PAGE);
    let most = *dice.pick(&[1, 3, 64, 65, 1500, 1 << 20]);
    let (mut found, mut rest) = (Vec::new(), document);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((1 + dice.below(most)).min(rest.len()));
        entries.push(chunk)?;
        found.extend(std::iter::from_fn(|| entries.next()));
        rest = after;
    }
    Ok((found, entries.finish()?))
}

/// A resource by what the starter shows of it: the walk is checked elsewhere, here it is enough that it is the same.
fn is_that(world: &World<'_>, scanned: &Scanned, tree: &Tree) -> bool {
    let mut dice = Dice::of(9, 0);
    let (groups, oracle) = world.choose(scanned.resource_type(), &mut dice);
    let shown =
        scanned.project(&world.projections.compile(scanned.resource_type(), &groups), &Base::new([oracle::BASE]));
    let (expect, withheld) = oracle.project(tree);
    read(shown.bytes()).map(Tree::sorted) == Some(expect.sorted()) && shown.withheld() == withheld
}

#[test]
fn pages_agree_with_the_oracle_however_they_are_cut() {
    let (pages, seed) = (setting("LAZARET_PAGES", PAGES), setting("LAZARET_SEED", 20_261_122));
    let table = Table::r4();
    let world = World::new(&table, STARTER);
    let (mut accepted, mut refused, mut resources, mut unreadable) = (0, 0, 0, 0);
    for number in 0..pages {
        let mut dice = Dice::of(seed, number);
        let care = *dice.pick(&[30, 400, 4000]);
        let kind = *dice.pick(&[BundleKind::Searchset, BundleKind::Searchset, BundleKind::History]);
        let mut maker = Maker { table: &table, dice, care };
        let tree = page(&mut maker, kind);
        let mut document = maker.write(&tree);
        let mut dice = maker.dice;
        while dice.one_in(3) {
            mutate(&mut dice, &mut document);
        }
        let fail = |why: &str| panic!("seed {seed}, page {number}: {why}\n{}", String::from_utf8_lossy(&document));
        let expect = expected(kind, &document);
        for _ in 0..3 {
            match (&expect, split(kind, &document, &mut dice)) {
                (None, Err(Reason::UpstreamPage)) => refused += 1,
                (Some(expect), Ok((entries, tail))) => {
                    accepted += 1;
                    if (&expect.next, expect.total, expect.entries.len()) != (&tail.next, tail.total, entries.len()) {
                        fail("another tail");
                    }
                    for (entry, (mode, tree)) in entries.iter().zip(&expect.entries) {
                        let same = match (&entry.resource, tree) {
                            (Some(scanned), Some(tree)) => is_that(&world, scanned, tree),
                            (None, None) => true,
                            _ => false,
                        };
                        let is_lost = entry.mode == Mode::Unreadable;
                        let has_request = kind == BundleKind::History && !is_lost;
                        if !same || entry.mode.code() != *mode || has_request != entry.request.is_some() {
                            fail("another entry");
                        }
                        resources += u64::from(entry.resource.is_some());
                        unreadable += u64::from(is_lost);
                        assert!(!(is_lost || entry.mode == Mode::Outcome) || entry.resource.is_none());
                    }
                }
                (expect, found) => fail(&format!("oracle: {:?}, splitter: {:?}", expect.is_some(), found.err())),
            }
        }
    }
    assert!(accepted > pages, "seed {seed}: only {accepted} accepted");
    assert!(refused > pages / 2, "seed {seed}: only {refused} refused");
    assert!(resources > pages, "seed {seed}: only {resources} resources");
    assert!(unreadable > pages / 10, "seed {seed}: only {unreadable} that cannot be read");
}

/// Every page of the corpus, named for what becomes of it, cut in many ways.
#[test]
fn the_corpus_of_searchsets_replays() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/searchset");
    let mut replayed = 0;
    for file in std::fs::read_dir(folder).expect("the corpus is part of the source") {
        let path = file.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned();
        let document = std::fs::read(&path).expect("readable");
        let expect = expected(BundleKind::Searchset, &document);
        assert_eq!(expect.is_some(), name.starts_with("accept-"), "{name}");
        for cut in 0..24 {
            let found = split(BundleKind::Searchset, &document, &mut Dice::of(cut, 0));
            let modes = |entries: Vec<Entry>| entries.iter().map(|it| it.mode.code()).collect::<Vec<_>>();
            let found = found.map(|(entries, tail)| (modes(entries), tail.next, tail.total)).ok();
            let expect = expect.as_ref().map(|page| {
                let modes: Vec<_> = page.entries.iter().map(|(mode, _)| *mode).collect();
                (modes, page.next.clone(), page.total)
            });
            assert_eq!(found, expect, "{name}");
            let is_lost = found.is_some_and(|(modes, ..)| modes.contains(&"unreadable"));
            assert_eq!(is_lost, name.starts_with("accept-without-"), "{name}");
        }
        replayed += 1;
    }
    assert!(replayed >= 38, "only {replayed} pages in {folder}");
}
