//! `cargo test` with short output: one line a test program, and every line of what failed.

use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader, Read},
    process::Command,
};

/// Results over all test programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

/// Runs `cargo test ..`, echoes what matters and adds to `count`.
pub fn test(command: &mut Command, count: &mut Count) -> Result<()> {
    let line = crate::commands::written(command);
    println!("$ {line}");
    // One pipe for both, so that cargo's "Running .." stays in front of the results it announces.
    let (reader, writer) = std::io::pipe()?;
    command.env("CARGO_TERM_COLOR", "never").stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("`{line}` does not start"))?;
    // The command holds the pipe's writing ends; without them the reader sees the end.
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let read = digest(reader, count, &mut |line| println!("{line}"));
    let status = child.wait()?;
    read?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

fn digest(reader: impl Read, count: &mut Count, echo: &mut dyn FnMut(String)) -> Result<()> {
    let mut program = String::new();
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        if let Some(name) = announced(line) {
            program = name;
        } else if let Some((result, took)) = result_of(line) {
            count.passed += result.passed;
            count.failed += result.failed;
            count.ignored += result.ignored;
            if result != Count::default() {
                let failed = if result.failed > 0 { format!(", {} FAILED", result.failed) } else { String::new() };
                let ignored = if result.ignored > 0 { format!(", {} ignored", result.ignored) } else { String::new() };
                echo(format!("   {program}: {} passed{failed}{ignored}{took}", result.passed));
            }
        } else if !is_noise(line) {
            echo(line.to_owned());
        }
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/fhir-0123)` is `fhir src/lib.rs`.
fn announced(line: &str) -> Option<String> {
    if let Some(name) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(format!("{name} doc-tests"));
    }
    let (source, program) = line.trim_start().strip_prefix("Running ")?.split_once(" (")?;
    let file = program.trim_end_matches(')').rsplit(['/', '\\']).next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    let source = source.strip_prefix("unittests ").unwrap_or(source);
    // `tests/passage.rs` names itself.
    Some(if source.contains(name) { source.to_owned() } else { format!("{name} {source}") })
}

/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.05s`
fn result_of(line: &str) -> Option<(Count, String)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(word))?;
        before.trim().parse::<u64>().ok()
    };
    let took = rest.rsplit_once("finished in ").map_or_else(String::new, |(_, took)| format!(", {took}"));
    Some((Count { passed: number("passed")?, failed: number("failed")?, ignored: number("ignored")? }, took))
}

fn is_noise(line: &str) -> bool {
    let heading = line.strip_prefix("running ").is_some_and(|rest| rest.ends_with(" tests") || rest.ends_with(" test"));
    line.is_empty() || heading || line.starts_with("test ") && line.ends_with(" ... ok")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "   Compiling tidy v0.1.0
     Running unittests src/lib.rs (target/debug/deps/fhir-0f1)

running 2 tests
test a ... ok
test b ... FAILED

failures:
b panicked

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.05s

     Running tests/passage.rs (target/debug/deps/passage-0f2)

running 1 test
test c ... ok

test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out; finished in 1.50s

   Doc-tests fhir

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn sums_results_and_keeps_what_failed() {
        let (mut count, mut lines) = (Count::default(), Vec::new());
        digest(OUTPUT.as_bytes(), &mut count, &mut |line| lines.push(line)).expect("reads");
        assert_eq!(count, Count { passed: 2, failed: 1, ignored: 2 });
        let expect = [
            "   Compiling tidy v0.1.0",
            "test b ... FAILED",
            "failures:",
            "b panicked",
            "   fhir src/lib.rs: 1 passed, 1 FAILED, 0.05s",
            "   tests/passage.rs: 1 passed, 2 ignored, 1.50s",
        ];
        assert_eq!(lines, expect);
    }

    #[test]
    fn a_line_that_is_not_text_does_not_end_the_count() {
        let mut count = Count::default();
        let bytes = b"\xff\xfe\ntest result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        digest(bytes.as_slice(), &mut count, &mut |_| ()).expect("reads");
        assert_eq!(count.passed, 7);
    }
}
