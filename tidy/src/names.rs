//! Names that say nothing are not used for files, folders or modules; a module's file bears its name.

use crate::{Finding, House, Tree};

const RULE: &str = "name";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let banned = |name: &str| house.manners.banned_names.iter().any(|banned| banned == name);
    let mut findings = Vec::new();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".rs")) {
        let mut say = |line, advice: String| findings.push(Finding::new(path, line, RULE, advice));
        if path.ends_with("/mod.rs") {
            say(1, "write foo.rs beside foo/, not foo/mod.rs".to_owned());
        }
        let parts = path.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| banned(part)) {
            say(1, format!("`{part}` says nothing; name what it is for"));
        }
        for (line, text) in text.lines().enumerate() {
            let text = text.trim_start();
            let text = text.strip_prefix("pub(crate) ").or_else(|| text.strip_prefix("pub ")).unwrap_or(text);
            let module = text.strip_prefix("mod ").and_then(|rest| rest.split([';', ' ', '{']).next());
            if let Some(module) = module.filter(|module| banned(module)) {
                say(line + 1, format!("module `{module}` says nothing; name what it is for"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of([(path, text)]), &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn planted_names_are_found() {
        assert_eq!(
            found("crates/a/src/b/mod.rs", ""),
            ["crates/a/src/b/mod.rs:1: name: write foo.rs beside foo/, not foo/mod.rs"]
        );
        assert_eq!(found("crates/a/src/utils.rs", "").len(), 1);
        assert_eq!(found("crates/a/src/common/tcp.rs", "").len(), 1);
        assert_eq!(
            found("crates/a/src/b.rs", "mod tcp;\npub(crate) mod util {\n"),
            ["crates/a/src/b.rs:2: name: module `util` says nothing; name what it is for"]
        );
        assert!(found("crates/a/src/utility_bill.rs", "mod tcp;").is_empty());
    }
}
