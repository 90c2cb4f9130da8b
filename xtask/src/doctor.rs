//! What is installed here, and what its absence leaves out.

use crate::commands::version;
use std::{path::Path, process::ExitCode};

/// (program, argument that prints its version, what needs it)
const PROGRAMS: [(&str, &str, &str); 13] = [
    ("cargo", "--version", "everything"),
    ("cc", "--version", "everything: aws-lc is built from C"),
    ("cargo-clippy", "--version", "xtask test: lints (rustup component add clippy)"),
    ("rustfmt", "--version", "xtask test: format (rustup component add rustfmt)"),
    ("cargo-deny", "--version", "xtask test: advisories and duplicate crates (cargo install cargo-deny)"),
    ("node", "--version", "xtask test: the FHIR server and the identity provider nobody here wrote"),
    ("npm", "--version", "xtask test: as node"),
    ("java", "--version", "xtask interop hapi, leaks: HAPI FHIR and its peers (17 or later)"),
    ("mvn", "--version", "as java"),
    ("curl", "--version", "the requests that `up` prints"),
    ("cargo-fuzz", "--version", "xtask soak: fuzzers (cargo install cargo-fuzz)"),
    ("git", "--version", "tidy looks only at what git would commit"),
    ("tcpdump", "--version", "looking at the loopback while canaries are read"),
];

pub fn run(root: &Path) -> ExitCode {
    for (program, argument, needed_for) in PROGRAMS {
        match version(program, argument) {
            Some(version) => println!("{program:<13} {version}"),
            None => println!("{program:<13} NOT HERE; {needed_for}"),
        }
    }
    match nightly(root) {
        true => println!("{:<13} installed", "nightly"),
        false => println!("{:<13} NOT HERE; xtask soak: fuzzers (rustup toolchain install nightly)", "nightly"),
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{:<13} {cores}", "cores");
    ExitCode::SUCCESS
}

/// Is a nightly toolchain there, as rustup sees it from the workspace?
pub fn nightly(root: &Path) -> bool {
    let mut rustc = std::process::Command::new("rustc");
    rustc.args(["+nightly", "--version"]).current_dir(root);
    rustc.output().is_ok_and(|output| output.status.success())
}
