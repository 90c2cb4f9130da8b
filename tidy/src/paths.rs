//! Paths inside dependencies that only some rooms may name: `std::fs`, keyed hashing, the server half of hyper.

use crate::{Finding, House, Source, source::is_identifier};

pub(crate) fn check(sources: &[Source], house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let Some(room) = source.room() else { continue };
        let guards: Vec<_> = house.guards.iter().filter(|guard| !guard.rooms.iter().any(|r| r == room)).collect();
        for (path, offset) in named(source.code()) {
            if source.is_test(offset) {
                continue;
            }
            for guard in guards.iter().filter(|guard| touches(&path, &guard.path)) {
                let advice = format!("only {} may name `{}`: {}", guard.rooms.join(", "), guard.path, guard.why);
                findings.push(Finding::new(source.path(), source.line_of(offset), "guard", advice));
            }
        }
    }
    findings.dedup();
    findings
}

/// Is `path` the guarded one or below it? A glob or a renaming above it counts as well: it could hide the rest.
fn touches(path: &str, guarded: &str) -> bool {
    let below = |long: &str, short: &str| {
        long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let open = path.strip_suffix("::*").or_else(|| path.strip_suffix(" as"));
    below(path, guarded) || open.is_some_and(|prefix| below(guarded, prefix) || below(prefix, guarded))
}

/// Every path in the code with its place; `use` trees are opened (`a::{b, c as d}` is `a::b` and `a::c as`).
fn named(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut rest = Words { code, at: 0 };
    while let Some((word, at)) = rest.next() {
        if word == "use" {
            tree("", &mut rest, &mut found);
        } else if word.starts_with(is_identifier) {
            let mut path = word.to_owned();
            while rest.peek() == Some("::") {
                rest.next();
                match rest.peek() {
                    Some(next) if next.starts_with(is_identifier) => path = format!("{path}::{next}"),
                    _ => break,
                }
                rest.next();
            }
            found.push((path, at));
        }
    }
    found
}

fn tree(prefix: &str, words: &mut Words<'_>, found: &mut Vec<(String, usize)>) {
    let mut path = prefix.to_owned();
    let mut start = None;
    while let Some(word) = words.peek() {
        let Some((_, at)) = words.next().filter(|_| word != ";") else { break };
        match word {
            "{" => {
                while !matches!(words.peek(), None | Some("}" | ";")) {
                    tree(&path, words, found);
                }
                words.next();
                return;
            }
            "," => break,
            "::" => {}
            "as" => {
                words.next();
                path.push_str(" as");
            }
            "self" => start = Some(at),
            _ => {
                path = if path.is_empty() { word.to_owned() } else { format!("{path}::{word}") };
                start = Some(at);
            }
        }
        if words.peek() == Some("}") {
            break;
        }
    }
    found.extend(start.map(|at| (path, at)));
}

struct Words<'a> {
    code: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a str> {
        Words { code: self.code, at: self.at }.next().map(|(word, _)| word)
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (&'a str, usize);

    /// An identifier, `::`, or any other single character.
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.code.get(self.at..)?;
        let start = self.at + rest.find(|c: char| !c.is_whitespace())?;
        let text = self.code.get(start..)?;
        let length = match text.find(|c: char| !is_identifier(c)).unwrap_or(text.len()) {
            0 if text.starts_with("::") => 2,
            0 => 1,
            n => n,
        };
        self.at = start + length;
        text.get(..length).map(|word| (word, start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn found(path: &str, text: &str) -> Vec<usize> {
        check(&[Source::new(path, text)], &small()).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn planted_paths_are_found_however_they_are_written() {
        for text in [
            "use std::fs;",
            "use std::fs::File;",
            "use std::{io, fs::{self, File}};",
            "use std::{fs as disk, io};",
            "use std::*;",
            "use std as s;",
            "fn a() { std::fs::read(x); }",
            "pub use ::std::fs::read;",
        ] {
            assert_eq!(found("crates/door/src/a.rs", &format!("\n{text}")), [2], "{text}");
        }
    }

    #[test]
    fn other_paths_other_rooms_and_tests_are_quiet() {
        for text in [
            "use std::io;",
            "use std::{io, net};",
            "use std::fsx;",
            "// std::fs\nlet a = \"std::fs\";",
            "use mine::std::fs;",
        ] {
            assert!(found("crates/door/src/a.rs", text).is_empty(), "{text}");
        }
        assert!(found("crates/roof/src/a.rs", "use std::fs;").is_empty());
        assert!(found("crates/door/tests/a.rs", "use std::fs;").is_empty());
        assert!(found("crates/door/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }").is_empty());
    }
}
