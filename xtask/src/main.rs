//! `cargo xtask`: everything that is done to the repository, by one name each. CI runs `cargo xtask test` and nothing else.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its work is to print")]

mod bless;
mod commands;
mod counting;
mod doctor;
mod interop;
mod leaks;
mod licences;
mod soak;
mod steps;
mod suite;

use anyhow::{Context, Result, bail};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

const HELP: &str = "\
cargo xtask COMMAND

  test             what CI runs: format, lints, licences, npm, build, all tests. Says at the end what was skipped, by name.
  soak             what CI has no time for: fuzzers, a million documents, a thousand kills. Run by hand.
                     --minutes M      for each fuzzer (10)
                     --documents N    mutated documents through filter and oracle (1000000)
                     --kills N        times the gateway is killed under load (1000)
                     --sequences N    generated sequences through the ledger, and through the gateway (100000)
                     --only NAME      one part: fuzz, documents, kills or sequences
  interop NAME     one foreign part: medplum, oidc, hapi (needs Java and Maven)
  interop leaks    the drill against Lazaret, HAPI's own rules and FHIR Information Gateway; writes docs/leaks.md
  bless            write what is generated: the graph in ARCHITECTURE.md, docs/reference
  schema           write the schema and the page of settings from the binary
  doctor           what is installed here, and what that leaves out

Environment that tests read:
  LAZARET_KILLS, LAZARET_DOCUMENTS, LAZARET_SEQUENCES   how many; soak sets them
  LAZARET_SEED                                          which documents, to see a failure again
  LAZARET_SYNTHEA, LAZARET_BUNDLES                      folders of synthetic patients made by others, read where set
  LAZARET_INTEROP=required                              foreign parts are installed: their tests must not skip
  LAZARET_SKIPPED=FILE                                  where a test that skips appends a line `name: why`";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&words) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[String]) -> Result<ExitCode> {
    let root = root()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test"] => suite::run(&root),
        ["soak", options @ ..] => soak::run(&root, options),
        ["interop", "leaks"] => leaks::run(&root),
        ["interop", name] => interop::run(&root, name),
        ["bless"] => bless::run(&root).map(|()| ExitCode::SUCCESS),
        ["schema"] => bless::schema(&root).map(|()| ExitCode::SUCCESS),
        ["doctor"] => Ok(doctor::run(&root)),
        [] | ["help" | "--help" | "-h", ..] | [_, "--help" | "-h"] => {
            // `| head` may close the pipe before the end; that is no failure.
            let _ = writeln!(std::io::stdout(), "{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        [other, ..] => bail!("`{other}` is no command, or has other arguments\n\n{HELP}"),
    }
}

/// The folder of the workspace: xtask's own, one up.
fn root() -> Result<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().map(Path::to_path_buf).context("xtask lies in the workspace")
}
