//! Nothing in the repository names a place outside of it: a clone must work where no other folder of ours exists.

use crate::{Finding, House, Tree};

const RULE: &str = "outside";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| *path != crate::house::FILE) {
        for (number, line) in text.lines().enumerate() {
            let mut say = |advice: String| findings.push(Finding::new(path, number + 1, RULE, advice));
            for folder in house.outside.folders.iter().filter(|folder| names_folder(line, folder)) {
                say(format!(
                    "`{folder}` is a folder of somebody's machine; use a path inside the repository, or an argument"
                ));
            }
            // The word itself is not repeated: a log of this must not leak it either.
            if tree.private_words().iter().any(|word| line.contains(word.as_str())) {
                say("a word of `.git/info/words`, which stay in this clone".to_owned());
            }
            if reads_paths(path, line) && climbs_out(path, line) {
                say("the path leaves the repository; a clone has nothing there".to_owned());
            }
        }
    }
    findings
}

fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default().chars().next_back();
        !before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}'))
    })
}

/// Only lines that mean a file: a test of the request grammar may well hold `/../../`.
fn reads_paths(path: &str, line: &str) -> bool {
    let means_a_file = ["include_str!(", "include_bytes!(", "include!(", "#[path", ".join("];
    match path.rsplit('.').next() {
        Some("rs") => means_a_file.iter().any(|word| line.contains(word)),
        Some("toml" | "md" | "json" | "mjs" | "sh") => true,
        _ => path.starts_with(".ci/"),
    }
}

/// Does a relative path with `../` in this line climb above the root, seen from the file's folder?
fn climbs_out(path: &str, line: &str) -> bool {
    // `CARGO_MANIFEST_DIR` and a test's working folder are the package's folder, which is never deeper than the file's.
    let depth = path.matches('/').count();
    let mut rest = line;
    while let Some(at) = rest.find("../") {
        let run = rest.get(at..).unwrap_or_default();
        let mut climbs = 0;
        let mut after = run;
        while let Some(next) = after.strip_prefix("../") {
            climbs += 1;
            after = next;
        }
        let before = rest.get(..at).unwrap_or_default().chars().next_back();
        if climbs > depth && !before.is_some_and(|c| matches!(c, '/' | '.')) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of([(path, text)]).with_private_words(&["neighbour"]), &small()).len()
    }

    #[test]
    fn planted_places_are_found() {
        assert_eq!(found("docs/a.md", "see /ships/jo/notes"), 1);
        assert_eq!(found("crates/door/src/a.rs", "let a = \"/docks/jo\";"), 1);
        assert_eq!(found("docs/a.md", "see ../../neighbourhood"), 2);
        assert_eq!(found("README.md", "see ../elsewhere/a.md"), 1);
        let up = "../".repeat(4);
        assert_eq!(found("crates/door/src/a.rs", &format!("include_str!(\"{up}elsewhere\")")), 1);
        assert_eq!(found("crates/door/Cargo.toml", &format!("a = {{ path = \"{up}b\" }}")), 1);
    }

    #[test]
    fn what_stays_inside_is_quiet() {
        assert_eq!(found("docs/a.md", "see ../README.md and https://example.org/ships/"), 0);
        let up = "../".repeat(3);
        assert_eq!(found("crates/door/src/a.rs", &format!("include_str!(\"{up}policies/a.cedar\")")), 0);
        assert_eq!(found("crates/door/src/a.rs", "check(\"/../../../../etc/passwd\");"), 0);
        assert_eq!(found("crates/door/corpus/request_line/a", "GET /../../../../etc/passwd"), 0);
    }

    #[test]
    fn the_message_does_not_repeat_a_private_word() {
        let tree = Tree::of([("docs/a.md", "neighbour")]).with_private_words(&["neighbour"]);
        assert!(check(&tree, &small()).iter().all(|finding| !finding.to_string().contains("neighbour")));
    }
}
