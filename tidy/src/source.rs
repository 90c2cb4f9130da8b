use std::ops::Range;

/// One Rust file with its comments and literals blanked, so that a word found in `code` is a word of the program.
pub struct Source {
    path: String,
    text: String,
    /// As long as `text`, byte for byte; blanked bytes are spaces, newlines stay.
    code: String,
    tests: Vec<Range<usize>>,
    /// The whole file is test code, by its place or because its `mod` line is under `#[cfg(test)]`.
    test_file: bool,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let tests = test_ranges(&code);
        let in_folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
        let test_file = ["tests", "benches", "examples"].into_iter().any(in_folder) || path.ends_with("/tests.rs");
        Self { path: path.to_owned(), text: text.to_owned(), code, tests, test_file }
    }

    /// Marks the files that another file declares as `#[cfg(test)] mod name;`, and all below them.
    pub(crate) fn mark_test_modules(sources: &mut [Self]) {
        let declared: Vec<String> = sources.iter().flat_map(Self::test_modules).collect();
        for source in sources {
            let stem = source.path.strip_suffix(".rs").unwrap_or_default();
            let below = |module: &String| {
                stem.strip_prefix(module.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            source.test_file |= declared.iter().any(below);
        }
    }

    /// Paths, without `.rs`, of the modules this file declares for tests only.
    fn test_modules(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or_default();
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let folder = if matches!(name, "lib" | "main") { folder } else { stem };
        let marked = self.find("#[cfg(test)]").into_iter();
        let names = marked.filter_map(|at| {
            let rest = self.after(at + "#[cfg(test)]".len()).trim_start();
            let rest = rest.strip_prefix("pub(crate) ").or_else(|| rest.strip_prefix("pub ")).unwrap_or(rest);
            let (name, _) = rest.strip_prefix("mod ")?.split_once(';')?;
            name.chars().all(is_identifier).then_some(name)
        });
        names.map(|name| format!("{folder}/{name}")).collect()
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn code(&self) -> &str {
        &self.code
    }

    /// The folder's name under `crates/`, if it is a room's file.
    pub fn room(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    pub fn line_of(&self, offset: usize) -> usize {
        self.code.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }

    /// Is this place in a folder of tests, benchmarks or examples, or under `#[cfg(test)]`?
    pub fn is_test(&self, offset: usize) -> bool {
        self.is_test_file() || self.tests.iter().any(|range| range.contains(&offset))
    }

    pub fn is_test_file(&self) -> bool {
        self.test_file
    }

    /// A program that must not compile: what it does is never done.
    pub fn is_compile_fail(&self) -> bool {
        self.path.contains("/tests/ui/")
    }

    /// A program of its own, whose output is for whoever runs it.
    pub fn is_aside(&self) -> bool {
        self.path.contains("/benches/") || self.path.contains("/examples/")
    }

    /// Offsets of `word` in the code, where it is not part of a longer identifier.
    pub fn find(&self, word: &str) -> Vec<usize> {
        let code = self.code.as_bytes();
        let joins = |i: Option<usize>| i.and_then(|i| code.get(i)).is_some_and(|b| is_identifier(char::from(*b)));
        let whole = |at: usize| {
            let longer_before = word.starts_with(is_identifier) && joins(at.checked_sub(1));
            let longer_after = word.ends_with(is_identifier) && joins(Some(at + word.len()));
            !longer_before && !longer_after
        };
        self.code.match_indices(word).map(|(at, _)| at).filter(|at| whole(*at)).collect()
    }

    pub fn after(&self, offset: usize) -> &str {
        self.code.get(offset..).unwrap_or_default()
    }

    pub fn before(&self, offset: usize) -> &str {
        self.code.get(..offset).unwrap_or_default()
    }

    /// Offset just past the bracket that closes the one at `open`.
    pub fn close_of(&self, open: usize) -> Option<usize> {
        close_of(&self.code, open)
    }
}

pub(crate) fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The identifier at the start of `text`, after white space.
pub(crate) fn leading_word(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c: char| !is_identifier(c)).next().unwrap_or_default()
}

/// The identifier at the end of `text`, before white space.
pub(crate) fn trailing_word(text: &str) -> &str {
    text.trim_end().rsplit(|c: char| !is_identifier(c)).next().unwrap_or_default()
}

fn close_of(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Blocks that follow `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
fn test_ranges(code: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for marker in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (at, _) in code.match_indices(marker) {
            let rest = code.get(at..).unwrap_or_default();
            let Some(open) = rest.find('{') else { continue };
            // `#[cfg(test)] mod tests;` or `use`: the item ends before any block.
            if rest.find(';').is_some_and(|end| end < open) {
                continue;
            }
            ranges.push(at..close_of(code, at + open).unwrap_or(code.len()));
        }
    }
    ranges
}

/// Where a blanked span ends: comments to their end, literals to their closing quote.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let rest = bytes.get(i..).unwrap_or_default();
        let inside_word = i.checked_sub(1).and_then(|p| bytes.get(p)).is_some_and(|b| is_identifier(char::from(*b)));
        match span(rest, inside_word) {
            0 => {
                out.push(if byte.is_ascii() { byte } else { b' ' });
                i += 1;
            }
            length => {
                let blanked = rest.iter().take(length);
                out.extend(blanked.map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
                i += length;
            }
        }
    }
    // Only ASCII was kept.
    String::from_utf8(out).unwrap_or_default()
}

/// Length of the comment or literal that starts here; 0 when none does.
fn span(rest: &[u8], inside_word: bool) -> usize {
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment(rest),
        [b'"', ..] => quoted(rest, 1),
        [b'b' | b'c', b'"', ..] if !inside_word => quoted(rest, 2),
        [b'r', b'"' | b'#', ..] if !inside_word => raw(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !inside_word => raw(rest, 2),
        [b'b', b'\'', ..] if !inside_word => character(rest, 2),
        [b'\'', ..] => character(rest, 1),
        _ => 0,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut i = 0;
    while let Some(pair) = rest.get(i..i + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    rest.len()
}

fn quoted(rest: &[u8], start: usize) -> usize {
    let mut i = start;
    while let Some(byte) = rest.get(i) {
        match byte {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    rest.len()
}

fn raw(rest: &[u8], prefix: usize) -> usize {
    let hashes = rest.iter().skip(prefix).take_while(|b| **b == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return 0; // a raw identifier, `r#type`
    }
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = rest.get(open + 1..).unwrap_or_default();
    body.windows(closing.len()).position(|w| w == closing).map_or(rest.len(), |at| open + 1 + at + closing.len())
}

/// A character literal; 0 for a lifetime.
fn character(rest: &[u8], start: usize) -> usize {
    match (rest.get(start), rest.get(start + 1)) {
        (Some(b'\\'), Some(_)) => {
            let tail = rest.get(start + 2..).unwrap_or_default();
            tail.iter().position(|b| *b == b'\'').map_or(0, |at| start + 2 + at + 1)
        }
        (Some(first), Some(b'\'')) if first.is_ascii() => start + 2,
        // One character of two to four bytes.
        (Some(first), _) if !first.is_ascii() => {
            let length = rest.iter().skip(start).take(5).position(|b| *b == b'\'');
            length.map_or(0, |at| start + at + 1)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, words: &[&str]) {
        let source = Source::new("crates/a/src/a.rs", text);
        assert_eq!(source.code().len(), text.len(), "{text}");
        let found: Vec<&str> = source.code().split_whitespace().collect();
        assert_eq!(found, words, "{text}");
    }

    #[test]
    fn blanks_comments_and_literals_and_nothing_else() {
        check("a // b\nc", &["a", "c"]);
        check("a /* b /* c */ d */ e", &["a", "e"]);
        check(r#"a "b \" // c" d"#, &["a", "d"]);
        check("a r#\"b \" c\"# d r#type", &["a", "d", "r#type"]);
        check("a b\"c\" b'd' 'e' '\\'' '\\u{41}' 'é' f", &["a", "f"]);
        check("fn a<'b>(c: &'b str)", &["fn", "a<'b>(c:", "&'b", "str)"]);
        check("a /* never closed", &["a"]);
        check("a \"never closed", &["a"]);
    }

    #[test]
    fn knows_what_is_test_code() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { x } }\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
        let source = Source::new("crates/a/src/a.rs", text);
        let at = |word: &str| source.find(word).first().copied().expect("present");
        assert!(source.is_test(at("b")) && source.is_test(at("x")));
        assert!(!source.is_test(at("a")) && !source.is_test(at("c")) && !source.is_test(at("e")));
        assert!(Source::new("crates/a/tests/b.rs", "").is_test_file());
        assert!(!Source::new("crates/tests.rs/b.rs", "").is_test_file());
    }

    #[test]
    fn a_file_declared_for_tests_is_test_code_with_all_below_it() {
        let paths =
            ["a/src/lib.rs", "a/src/proof.rs", "a/src/proof/deep.rs", "a/src/proofs.rs", "a/src/b.rs", "a/src/b/c.rs"];
        let text = |path: &str| match path {
            "a/src/lib.rs" => "mod b;\n#[cfg(test)]\nmod proof;\nmod proofs;",
            "a/src/b.rs" => "#[cfg(test)]\npub(crate) mod c;",
            _ => "",
        };
        let mut sources: Vec<Source> = paths.iter().map(|path| Source::new(path, text(path))).collect();
        Source::mark_test_modules(&mut sources);
        let tests: Vec<&str> = sources.iter().filter(|source| source.is_test_file()).map(Source::path).collect();
        assert_eq!(tests, ["a/src/proof.rs", "a/src/proof/deep.rs", "a/src/b/c.rs"]);
    }

    #[test]
    fn finds_whole_words_and_their_lines() {
        let source = Source::new("a.rs", "static_mut\nstatic mut X;\nmystatic mut");
        assert_eq!(source.find("static mut"), [11]);
        assert_eq!(source.line_of(11), 2);
    }
}
