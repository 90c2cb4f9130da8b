//! Every trust has one mint. Privacy keeps other rooms out; this counts the places inside the room, and keeps the
//! doors shut that privacy leaves open: public fields, copies, defaults, deserialising.

use crate::{
    Finding, House, Mint, Source,
    source::{is_identifier, trailing_word},
};

const RULE: &str = "mint";

pub(crate) fn check(sources: &[Source], house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mint in &house.mints {
        let room: Vec<&Source> = sources.iter().filter(|source| source.room() == Some(&mint.room)).collect();
        let declared: Vec<(&Source, usize)> = room.iter().flat_map(|source| declarations(source, &mint.name)).collect();
        match declared.as_slice() {
            [] => {
                let advice =
                    format!("`{}` is not declared in `{}`; correct house.toml or the room", mint.name, mint.room);
                findings.push(Finding::new(crate::house::FILE, 1, RULE, advice));
                continue;
            }
            [(source, at)] => findings.extend(open_doors(source, *at, mint)),
            [.., (source, at)] => {
                let advice = format!("`{}` is declared twice in `{}`; one name, one trust", mint.name, mint.room);
                findings.push(Finding::new(source.path(), source.line_of(*at), RULE, advice));
            }
        }
        let Some(expected) = mint.sites else { continue };
        findings.extend(room.iter().flat_map(|source| doors_by_hand(source, mint)));
        let tuple =
            declared.iter().any(|(source, at)| source.after(at + mint.name.len()).trim_start().starts_with('('));
        let named = Named { name: &mint.name, tuple };
        let sites: Vec<(&str, usize)> = room.iter().flat_map(|source| sites(source, named)).collect();
        if sites.len() != expected {
            let listed: Vec<String> = sites.iter().map(|(path, line)| format!("{path}:{line}")).collect();
            let (path, line) = sites.last().copied().unwrap_or((crate::house::FILE, 1));
            let advice = format!(
                "`{}` is made at {} places ({}), house.toml says {expected}; whoever adds one must say why",
                mint.name,
                sites.len(),
                listed.join(", "),
            );
            findings.push(Finding::new(path, line, RULE, advice));
        }
    }
    findings
}

fn declarations<'a>(source: &'a &Source, name: &str) -> Vec<(&'a Source, usize)> {
    let is_declared = |at: &usize| matches!(trailing_word(source.before(*at)), "struct" | "enum" | "union");
    source.find(name).into_iter().filter(is_declared).map(|at| (*source, at)).collect()
}

fn open_doors(source: &Source, at: usize, mint: &Mint) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say =
        |offset, advice: String| findings.push(Finding::new(source.path(), source.line_of(offset), RULE, advice));
    let open = source.after(at).find(['{', '(', ';']).map(|i| at + i);
    let body = open.and_then(|open| Some((open, source.close_of(open)?)));
    if mint.sites.is_none() {
        let inside = body.and_then(|(open, close)| source.code().get(open + 1..close - 1)).unwrap_or_default();
        let is_enum = trailing_word(source.before(at)) == "enum";
        // Attributes may have parentheses; variants may not.
        if !is_enum || inside.lines().any(|line| !line.trim_start().starts_with('#') && line.contains(['(', '{'])) {
            say(
                at,
                format!("`{}` must be an enum that carries nothing, or house.toml must count its sites", mint.name),
            );
        }
        return findings;
    }
    if let Some((open, close)) = body.filter(|_| !mint.copied) {
        for field in source.find("pub").into_iter().filter(|field| (open..close).contains(field)) {
            if !source.after(field + 3).trim_start().starts_with('(') {
                say(
                    field,
                    format!(
                        "`{}` has a public field, so any room can make or change one; write an accessor",
                        mint.name
                    ),
                );
            }
        }
    }
    let derived = attributes_above(source, at);
    for word in forbidden(mint) {
        if derived.split(|c: char| !c.is_alphanumeric()).any(|w| w == *word) {
            say(at, format!("`{}` is a witness and may not be {word}", mint.name));
        }
    }
    findings
}

/// Traits that would make one out of another, or out of nothing.
fn forbidden(mint: &Mint) -> &'static [&'static str] {
    if mint.copied { &["Default", "Deserialize"] } else { &["Clone", "Copy", "Default", "Deserialize"] }
}

/// The same traits, implemented by hand anywhere in the room.
fn doors_by_hand(source: &Source, mint: &Mint) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in forbidden(mint) {
        for at in source.find(word) {
            let subject = source.after(at + word.len()).trim_start().strip_prefix("for ");
            // `crate::pass::Pass<'a>` is `Pass`.
            let path = subject.and_then(|rest| rest.split(['<', '{', ' ', '\n']).find(|part| !part.is_empty()));
            if path.is_some_and(|path| trailing_word(path) == mint.name) {
                let advice = format!("`{}` is a witness and may not be {word}", mint.name);
                findings.push(Finding::new(source.path(), source.line_of(at), RULE, advice));
            }
        }
    }
    findings
}

/// The attributes right above a declaration, as one text.
pub(crate) fn attributes_above(source: &Source, at: usize) -> String {
    let lines: Vec<&str> = source.before(at).lines().rev().skip(1).collect();
    let mut attributes = String::new();
    for line in lines {
        let line = line.trim();
        let part = line.is_empty() || line.starts_with("#[") || line.ends_with(']') || line.ends_with(',');
        if !part {
            break;
        }
        attributes.push_str(line);
        attributes.push(' ');
    }
    attributes
}

/// Places outside tests where a value is built: `Name { .. }`, `Name(..)`, and `Self` of both forms inside its `impl`s.
fn sites<'a>(source: &'a Source, named: Named<'_>) -> Vec<(&'a str, usize)> {
    let (own, name) = (impls_of(source, named.name), named.name);
    let by_self =
        source.find("Self").into_iter().filter(|at| own.iter().any(|block| block.contains(at))).map(|at| (at, 4));
    let by_name = source.find(name).into_iter().map(|at| (at, name.len()));
    let mut built: Vec<usize> = by_name
        .chain(by_self)
        .filter(|(at, length)| !source.is_test(*at) && is_built(source, *at, *length, named))
        .map(|(at, _)| at)
        .collect();
    built.sort_unstable();
    built.into_iter().map(|at| (source.path(), source.line_of(at))).collect()
}

#[derive(Clone, Copy)]
struct Named<'a> {
    name: &'a str,
    /// Declared as `struct Name(..)`; only then is `Name(` one of its values rather than some variant.
    tuple: bool,
}

fn is_built(source: &Source, at: usize, length: usize, named: Named<'_>) -> bool {
    let mut before = source.before(at).trim_end();
    // `Other::Name` is a variant of another type; `module::Name` is the type itself.
    let path = before.strip_suffix("::").map(trailing_word).unwrap_or_default();
    if path.starts_with(|c: char| c.is_ascii_uppercase()) {
        return false;
    }
    while let Some(path) = before.strip_suffix("::") {
        before = path.trim_end_matches(is_identifier).trim_end();
    }
    if ["struct", "enum", "union", "impl", "for", "let", "dyn", "trait", "type", "where", "as"]
        .contains(&trailing_word(before))
        || before.ends_with("->")
        || before.ends_with('>') && !before.ends_with("=>")
    {
        return false;
    }
    let rest = source.after(at + length);
    let opening = rest.find(|c: char| !c.is_whitespace()).map(|i| (at + length + i, rest.as_bytes().get(i).copied()));
    let Some((open, Some(bracket))) = opening else { return false };
    if bracket != if named.tuple { b'(' } else { b'{' } {
        return false;
    }
    let Some(close) = source.close_of(open) else { return true };
    let next = source.after(close).trim_start();
    // A pattern: a match arm, an `if let`, or a parameter.
    !(next.starts_with("=>")
        || next.starts_with('=') && !next.starts_with("==")
        || next.starts_with(':') && !next.starts_with("::"))
}

/// Bodies of `impl Name`, `impl Trait for Name`.
fn impls_of(source: &Source, name: &str) -> Vec<std::ops::Range<usize>> {
    let mut blocks = Vec::new();
    for at in source.find("impl") {
        let Some(open) = source.after(at).find('{').map(|i| at + i) else { continue };
        let header = source.after(at + 4).get(..open - at - 4).unwrap_or_default();
        let header = header.split(" where ").next().unwrap_or_default();
        let subject = header.rsplit(" for ").next().unwrap_or_default();
        // `impl<T> path::Name<T>`: the name is the last word before its own generics.
        let subject =
            subject.trim().trim_start_matches(|c| c != '>' && subject.trim().starts_with('<')).trim_start_matches('>');
        let bare = subject.split('<').next().unwrap_or_default();
        if trailing_word(bare) == name {
            blocks.push(open..source.close_of(open).unwrap_or(open));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    const GOOD: &str = "/// A pass.\n#[derive(Debug)]\npub struct Pass {\n    secret: u8,\n}\nimpl Pass {\n    fn new() -> Self {\n        Self { secret: 1 }\n    }\n}\n";

    fn found(text: &str) -> Vec<String> {
        check(&[Source::new("crates/door/src/pass.rs", text)], &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn one_site_is_quiet_and_patterns_are_no_sites() {
        assert_eq!(found(GOOD), Vec::<String>::new());
        for pattern in [
            "fn a(p: Pass) { let Pass { secret } = p; }",
            "fn a(p: Pass) { match p { Pass { secret: 1 } => {} } }",
            "fn a(Pass { secret }: Pass) {}",
            "fn a(p: &Pass) -> Pass { b(p) }",
            "enum Stop { Pass(Pass) } fn a(p: Pass) -> Stop { Stop::Pass(p) }",
            "impl Drop for Pass { fn drop(&mut self) {} }",
            "impl<'a> From<&'a u8> for Other { fn from() -> Self { Self { x: 1 } } }",
            "#[cfg(test)]\nmod tests { fn a() -> Pass { Pass { secret: 2 } } }",
        ] {
            assert_eq!(found(&format!("{GOOD}{pattern}")), Vec::<String>::new(), "{pattern}");
        }
    }

    #[test]
    fn planted_mints_are_counted() {
        for forged in [
            "fn a() -> Pass { Pass { secret: 2 } }",
            "fn a() { let p = Pass{ secret: 2 }; }",
            "fn a() { let p = crate::pass::Pass { secret: 2 }; }",
            "impl From<u8> for Pass { fn from(secret: u8) -> Self { Self { secret } } }",
            "impl<T> Make<T> for Pass { fn make() -> Self { Self { secret: 2 } } }",
        ] {
            let found = found(&format!("{GOOD}{forged}"));
            assert!(found.first().is_some_and(|line| line.contains("is made at 2 places")), "{forged}: {found:?}");
        }
        assert!(found(&GOOD.replace("Self { secret: 1 }", "todo()")).iter().any(|line| line.contains("at 0 places")));
        assert!(found("fn a() {}").iter().any(|line| line.contains("is not declared in `door`")));
    }

    #[test]
    fn a_tuple_is_counted_too() {
        let tuple = "pub struct Pass(u8);\nimpl Pass { fn new() -> Self { Self(1) } }\n";
        assert_eq!(found(tuple), Vec::<String>::new());
        assert!(found(&format!("{tuple}fn a() -> Pass {{ Pass(2) }}")).iter().any(|line| line.contains("at 2 places")));
    }

    #[test]
    fn what_is_not_counted_carries_nothing() {
        let mut house = small();
        house.mints.iter_mut().for_each(|mint| mint.sites = None);
        let count = |text: &str| check(&[Source::new("crates/door/src/pass.rs", text)], &house).len();
        assert_eq!(count("#[derive(Clone, Copy)]\npub enum Pass { Outage, Bug }\nfn a() -> Pass { Pass::Bug }"), 0);
        assert_eq!(count("pub enum Pass { Outage, Bug(u8) }"), 1);
        assert_eq!(count("pub struct Pass { a: u8 }"), 1);
    }

    #[test]
    fn planted_open_doors_are_found() {
        assert!(
            found(&GOOD.replace("    secret", "    pub secret"))
                .iter()
                .any(|line| line.starts_with("crates/door/src/pass.rs:4: mint: `Pass` has a public field"))
        );
        assert!(found(&GOOD.replace("    secret", "    pub(crate) secret")).is_empty());
        assert!(found(&GOOD.replace("Debug", "Debug, Clone")).iter().any(|line| line.contains("may not be Clone")));
        let by_hand = format!("{GOOD}impl Default for Pass {{ fn default() -> Self {{ Pass::new() }} }}");
        assert!(found(&by_hand).iter().any(|line| line.contains("may not be Default")));
        let elsewhere = Source::new("crates/door/src/b.rs", "impl Clone for crate::pass::Pass {}");
        let found = check(&[Source::new("crates/door/src/pass.rs", GOOD), elsewhere], &small());
        assert_eq!(found.iter().map(|f| f.file.as_str()).collect::<Vec<_>>(), ["crates/door/src/b.rs"]);
    }
}
