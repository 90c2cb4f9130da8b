//! The ways to answer without evidence that the compiler rejects: each program in `ui/` must fail to compile, for the
//! reasons written beside it (`.stderr`: the compiler's `error` lines). Compiled against the rooms as cargo built them,
//! so nothing is built twice.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const ROOMS: [&str; 8] = ["evidence", "fhir", "gateway", "identity", "ledger", "lexicon", "passage", "policy"];

/// Where cargo put the library of each room.
fn rooms() -> Vec<(String, PathBuf)> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--quiet", "--message-format=json", "--package", "lazaret-gateway"]);
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut rooms = Vec::new();
    for line in String::from_utf8(built.stdout).expect("text").lines() {
        let message: Value = serde_json::from_str(line).expect("JSON");
        let (Some(name), Some(files)) = (message["target"]["name"].as_str(), message["filenames"].as_array()) else {
            continue;
        };
        let library = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".rlib"));
        if let (true, Some(library)) = (ROOMS.contains(&name), library) {
            rooms.push((name.to_owned(), PathBuf::from(library)));
        }
    }
    assert_eq!(rooms.len(), ROOMS.len(), "{rooms:?}");
    rooms
}

/// The compiler's `error` lines; none when the program compiles.
fn errors(program: &Path, rooms: &[(String, PathBuf)], out: &Path) -> Vec<String> {
    let mut rustc = Command::new(Path::new(env!("CARGO")).with_file_name("rustc"));
    rustc.args(["--edition", "2024", "--crate-type", "bin", "--emit", "metadata", "--out-dir"]).arg(out);
    for (name, library) in rooms {
        let folder = library.parent().expect("a folder");
        rustc.arg("-L").arg(format!("dependency={}", folder.join("deps").display()));
        rustc.arg("-L").arg(format!("dependency={}", folder.display()));
        rustc.arg("--extern").arg(format!("{name}={}", library.display()));
    }
    let compiled = rustc.arg(program).output().expect("rustc runs");
    let text = String::from_utf8(compiled.stderr).expect("text");
    let is_one = |line: &&str| line.starts_with("error") && !line.starts_with("error: aborting");
    let errors: Vec<String> = text.lines().filter(is_one).map(str::to_owned).collect();
    assert_eq!(errors.is_empty(), compiled.status.success(), "{text}");
    errors
}

#[test]
fn no_answer_without_evidence_compiles() {
    let (rooms, out) = (rooms(), tempfile::tempdir().expect("a folder"));
    let mut programs: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui"))
        .expect("programs")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    programs.sort();
    assert!(programs.len() > 12, "{} programs", programs.len());
    let mut wrong = String::new();
    for program in programs {
        let found = errors(&program, &rooms, out.path()).join("\n") + "\n";
        let expected = fs::read_to_string(program.with_extension("stderr")).unwrap_or_default();
        // The one program that must compile shows that the others fail for no other reason.
        let must_compile = program.ends_with("00_what_is_allowed.rs");
        if found != expected && !(must_compile && found == "\n") {
            wrong += &format!("{}\nexpected:\n{expected}found:\n{found}\n", program.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
