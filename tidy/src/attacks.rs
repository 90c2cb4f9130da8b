//! Every attack of the catalogue has its row in `docs/attacks.md`, and every test that a row names is in the tree. A test
//! that was renamed or dropped takes its row along, or fails here.

use crate::{Finding, Source, Tree};
use std::collections::HashSet;

const RULE: &str = "attack";
const PAGE: &str = "docs/attacks.md";

/// The sections of the catalogue, and how many attacks each has.
const SECTIONS: [(char, usize); 7] = [('A', 11), ('B', 9), ('C', 21), ('D', 9), ('E', 11), ('F', 8), ('G', 10)];

pub(crate) fn check(tree: &Tree, sources: &[Source]) -> Vec<Finding> {
    let Some(page) = tree.get(PAGE) else {
        // Small trees of other rules' tests have no page; the real one is held to it by a test of its own.
        return Vec::new();
    };
    let known: HashSet<&str> = sources.iter().flat_map(tests).collect();
    let mut findings = Vec::new();
    let mut met = HashSet::new();
    for (at, line) in page.lines().enumerate() {
        let Some((id, named)) = row(line) else { continue };
        let mut say = |advice: String| findings.push(Finding::new(PAGE, at + 1, RULE, advice));
        if !ids().any(|known| known == id) {
            say(format!("`{id}` is no attack of the catalogue"));
        }
        if !met.insert(id) {
            say(format!("`{id}` stands here twice"));
        }
        if named.is_empty() {
            say(format!("`{id}` names no test"));
        }
        for name in named.into_iter().filter(|name| !known.contains(name)) {
            say(format!("`{id}` names `{name}`, which is no test of the tree; name the one that closes it"));
        }
    }
    let missing = ids().filter(|id| !met.contains(id.as_str()));
    findings
        .extend(missing.map(|id| Finding::new(PAGE, 1, RULE, format!("`{id}` has no row; say which test closes it"))));
    findings
}

fn ids() -> impl Iterator<Item = String> {
    SECTIONS.into_iter().flat_map(|(section, many)| (1..=many).map(move |at| format!("{section}{at}")))
}

/// `| A1 | what | `test`, `test` |`.
fn row(line: &str) -> Option<(&str, Vec<&str>)> {
    let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
    let (id, _, tests) = (cells.next()?, cells.next()?, cells.next()?);
    let (section, number) = id.split_at_checked(1)?;
    let is_id = section.starts_with(|c: char| c.is_ascii_uppercase()) && number.bytes().all(|b| b.is_ascii_digit());
    is_id.then(|| (id, tests.split('`').skip(1).step_by(2).collect()))
}

/// Names of functions under an attribute that ends in `test`, or in a `proptest!`.
fn tests(source: &Source) -> Vec<&str> {
    let code = source.code();
    let at = code.match_indices("test]").chain(code.match_indices("test("));
    let names = at.filter_map(|(at, _)| {
        // Between the attribute and its function stand further attributes, no other function's body.
        let after = source.after(at);
        let (between, rest) = after.split_once("fn ")?;
        let is_next = !between.contains(['{', ';']);
        let end = rest.find(|c: char| !crate::source::is_identifier(c))?;
        is_next.then(|| rest.get(..end)).flatten()
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str =
        "#[test]\nfn a1_alone() {}\n#[tokio::test(flavor = \"x\")]\n#[other]\nasync fn later() {}\nfn helper() {}\n";

    fn page(change: impl Fn(&str) -> String) -> String {
        let rows: Vec<String> = ids().map(|id| change(&format!("| {id} | what | `a1_alone`, `later` |"))).collect();
        format!("# Attacks\n\n| id | attack | tests |\n| --- | --- | --- |\n{}\n", rows.join("\n"))
    }

    #[track_caller]
    fn check_page(page: &str, expect: &[&str]) {
        let tree = Tree::of([(PAGE, page), ("crates/a/src/lib.rs", CODE)]);
        let found: Vec<String> = check(&tree, &tree.sources()).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (found, word) in found.iter().zip(expect) {
            assert!(found.contains(word), "{found}");
        }
    }

    #[test]
    fn a_whole_page_is_in_order() {
        check_page(&page(str::to_owned), &[]);
    }

    #[test]
    fn a_missing_row_and_a_missing_test_are_found() {
        check_page(&page(|row| if row.starts_with("| C12 ") { String::new() } else { row.to_owned() }), &["C12"]);
        let renamed =
            |row: &str| if row.starts_with("| F8 ") { row.replace("later", "helper") } else { row.to_owned() };
        check_page(&page(renamed), &["`helper`"]);
        let empty = |row: &str| if row.starts_with("| G1 ") { "| G1 | what | - |".to_owned() } else { row.to_owned() };
        check_page(&page(empty), &["names no test"]);
    }

    #[test]
    fn an_unknown_id_and_a_second_row_are_found() {
        let other = |row: &str| if row.starts_with("| E1 ") { row.replace("E1", "E12") } else { row.to_owned() };
        check_page(&page(other), &["E12", "`E1` has no row"]);
        check_page(&(page(str::to_owned) + "| A1 | what | `later` |\n"), &["twice"]);
    }
}
