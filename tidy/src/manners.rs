//! Small rules of conduct: no stubs, no silent tests, no printing, no global state, no unexplained exceptions.

use crate::{Finding, House, Source, source::leading_word};

pub(crate) fn check(sources: &[Source], house: &House) -> Vec<Finding> {
    sources.iter().flat_map(|source| in_file(source, house)).collect()
}

fn in_file(source: &Source, house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |word: &str, keep: &dyn Fn(usize) -> bool, rule: &'static str, advice: &str| {
        for at in source.find(word).into_iter().filter(|at| keep(*at)) {
            findings.push(Finding::new(source.path(), source.line_of(at), rule, format!("`{word}`: {advice}")));
        }
    };
    let anywhere = |_: usize| true;
    for word in ["todo!", "unimplemented!"] {
        say(word, &|_| !source.is_compile_fail(), "stub", "finish it, or leave it out");
    }
    for word in ["#[ignore", "#[should_panic"] {
        say(word, &anywhere, "silent-test", "assert what happens instead; a test that is not run proves nothing");
    }
    for word in ["#[allow(", "#![allow("] {
        say(word, &anywhere, "exception", "write #[expect(.., reason = \"..\")], which ends when its cause does");
    }
    if !house.manners.sleeping.iter().any(|file| file.what == source.path()) {
        let in_tests = |at: usize| source.is_test(at);
        for word in ["thread::sleep", "time::sleep", "sleep_until"] {
            say(word, &in_tests, "sleep", "wait for the event itself; a test that sleeps is slow or wrong");
        }
    }
    say("dbg!", &anywhere, "print", "remove it");
    let owner = source.room().or_else(|| source.path().split('/').next()).unwrap_or_default();
    let prints = house.manners.printing.iter().any(|name| name == owner) || source.is_aside();
    if !prints {
        for word in ["println!", "eprintln!", "print!", "eprint!"] {
            say(word, &anywhere, "print", "only the binary, the tools and benchmarks print; return it, or record it");
        }
    }
    if source.room().is_some() {
        findings.extend(statics(source));
    }
    findings
}

/// Global state that can change: it would be a second bus beside the book, and a clock or a provider nobody passed.
fn statics(source: &Source) -> Vec<Finding> {
    const CHANGEABLE: [&str; 9] =
        ["Mutex", "RwLock", "OnceLock", "OnceCell", "RefCell", "Cell", "Atomic", "LazyCell", "ArcSwap"];
    let changeable = |at: &usize| {
        let rest = source.after(at + "static".len());
        let declared = rest.split(['=', ';']).next().unwrap_or_default();
        let typed = declared.split_once(':').map(|(_, kind)| kind).unwrap_or_default();
        let is_item = !source.before(*at).ends_with('\'');
        is_item && (leading_word(rest) == "mut" || CHANGEABLE.iter().any(|word| typed.contains(word)))
    };
    let places = source.find("static").into_iter().filter(changeable).chain(source.find("thread_local!"));
    let places = places.filter(|at| !source.is_test(*at));
    places
        .map(|at| {
            let advice = "global state that changes; pass it as an argument";
            Finding::new(source.path(), source.line_of(at), "static", advice)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn check_line(path: &str, text: &str, rule: &str) {
        let found = check(&[Source::new(path, &format!("\n{text}\n"))], &small());
        let rules: Vec<(&str, usize)> = found.iter().map(|finding| (finding.rule, finding.line)).collect();
        let expect: Vec<(&str, usize)> = if rule.is_empty() { Vec::new() } else { vec![(rule, 2)] };
        assert_eq!(rules, expect, "{path}: {text}");
    }

    #[test]
    fn planted_manners_are_found() {
        for (text, rule) in [
            ("fn a() { todo!() }", "stub"),
            ("fn a() { unimplemented!(\"later\") }", "stub"),
            ("#[ignore] fn a() {}", "silent-test"),
            ("#[ignore = \"slow\"] fn a() {}", "silent-test"),
            ("#[should_panic(expected = \"x\")] fn a() {}", "silent-test"),
            ("#[allow(dead_code)] fn a() {}", "exception"),
            ("#![allow(missing_docs)]", "exception"),
            ("fn a() { println!(\"x\"); }", "print"),
            ("fn a() { eprint!(\"x\"); }", "print"),
            ("fn a() { dbg!(1); }", "print"),
            ("static mut A: u8 = 1;", "static"),
            ("static A: std::sync::Mutex<u8> = x;", "static"),
            ("pub static A: AtomicU64 = x;", "static"),
            ("thread_local! { }", "static"),
        ] {
            check_line("crates/door/src/a.rs", text, rule);
        }
        check_line("crates/door/tests/a.rs", "fn a() { std::thread::sleep(d); }", "sleep");
        check_line("crates/door/src/a.rs", "#[cfg(test)] mod tests { fn a() { tokio::time::sleep(d) } }", "sleep");
    }

    #[test]
    fn good_manners_are_quiet() {
        for text in [
            "// todo!()",
            "fn a() -> &'static str { \"todo!() println!()\" }",
            "fn a(x: &'static Mutex<u8>) {}",
            "static TABLE: [u8; 3] = [1, 2, 3];",
            "static TABLE: LazyLock<Table> = x;",
            "#[expect(dead_code, reason = \"x\")] fn a() {}",
            "fn a() { tokio::time::sleep(d) }",
        ] {
            check_line("crates/door/src/a.rs", text, "");
        }
        check_line("crates/roof/src/a.rs", "fn a() { println!(\"x\"); }", "");
        check_line("xtask/src/a.rs", "fn a() { println!(\"x\"); }", "");
        check_line("crates/door/tests/ui/forge.rs", "fn a() -> Pass { todo!() }", "");
        check_line("crates/door/benches/speed.rs", "fn a() { println!(\"x\"); }", "");
        check_line("crates/roof/tests/process.rs", "fn a() { std::thread::sleep(d); }", "");
    }
}
