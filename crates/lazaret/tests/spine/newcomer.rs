//! The guide that `up` prints: every line is pasted into a shell as it stands.

use crate::house::{BINARY, House, skip};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What each pasted line must come to, in the order of the guide: a word of the answer.
const EXPECTED: &[(&str, &str)] = &[
    ("a nurse reads a patient of hers", "HTTP/2 200"),
    ("the same nurse reads a stranger", "HTTP/2 404"),
    ("support reads a patient", "HTTP/2 200"),
    ("support reads an observation", "HTTP/2 403"),
    ("a wrong scope", "HTTP/2 403"),
    ("no second factor", "HTTP/2 401"),
    ("a forged token", "HTTP/2 401"),
];

#[test]
fn every_line_of_the_guide_works_when_pasted() {
    if Command::new("curl").arg("--version").output().is_err() {
        skip("the guide pasted into a shell: needs curl");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data folder");
    let mut child = Command::new(BINARY)
        .args(["up", "--port", "0", "--admin-port", "0", "--patients", "30", "--data"])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("lazaret starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut guide = Vec::new();
    for line in &mut lines {
        let line = line.expect("a line");
        let last = line.contains("Ctrl-C");
        guide.push(line);
        if last {
            break;
        }
    }
    let paste = |line: &str| {
        let out = Command::new("sh").args(["-c", line.trim()]).current_dir("/").output().expect("a shell");
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    };
    for (title, word) in EXPECTED {
        let at =
            guide.iter().position(|line| line.contains(title)).unwrap_or_else(|| panic!("`{title}` in {guide:#?}"));
        let commands: Vec<&String> = guide[at + 1..].iter().take_while(|line| !line.trim().is_empty()).collect();
        assert_eq!(commands.len(), 2, "{title}: a request, and its evidence");
        let heard = paste(commands[0]);
        assert!(heard.contains(word) || heard.contains(&word.replace("HTTP/2", "HTTP/1.1")), "{title}: {heard}");
        let evidence = paste(commands[1]);
        assert!(evidence.contains("included"), "{title}: {evidence}");
    }
    let at = guide.iter().position(|line| line.contains("the whole book")).expect("the last lines");
    for command in guide[at + 1..].iter().take_while(|line| !line.trim().is_empty()) {
        assert!(!paste(command).contains("error"), "{command}");
    }
    House::interrupt(child);
}
