//! Starts and stops the real binary. Everything is on loopback, on free ports, in a folder of its own.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_lazaret");

pub struct House {
    child: Child,
    folder: Option<TempDir>,
    pub data: PathBuf,
    pub port: u16,
    pub admin_port: u16,
}

impl House {
    /// A house in a fresh folder.
    pub fn up() -> Self {
        Self::up_with(&[])
    }

    pub fn up_with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut house = Self::up_in(&data, more);
        house.folder = Some(folder);
        house
    }

    /// A house in a folder that may be there already.
    pub fn up_in(data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command
            .args(["up", "--json", "--port", "0", "--admin-port", "0", "--patients", "30", "--data"])
            .arg(data)
            .args(more);
        Self::start(command, data)
    }

    /// `command` must end up as `lazaret up --json --data <data>`.
    pub fn start(mut command: Command, data: &Path) -> Self {
        let log = std::fs::File::create(data.with_extension("stderr")).expect("a log");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("lazaret starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let _ended = child.kill();
            panic!("not ready: {}", std::fs::read_to_string(data.with_extension("stderr")).unwrap_or_default())
        });
        let port = |name: &str| ready[name].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Self { child, folder: None, data: data.to_owned(), port: port("port"), admin_port: port("admin_port") }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process wrote to its standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("stderr")).expect("a log")
    }

    pub fn lazaret(&self, words: &[&str]) -> Output {
        run(words, &self.data)
    }

    pub fn token(&self, persona: &str) -> String {
        let out = self.lazaret(&["token", persona]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("a token").trim().to_owned()
    }

    pub fn records(&self) -> Vec<Value> {
        records(&self.data)
    }

    /// The record of one passage.
    pub fn record_of(&self, trace: &str) -> Value {
        let out = self.lazaret(&["evidence", "show", trace, "--json"]);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).expect("a record")
    }

    pub fn verify(&self) -> Output {
        self.lazaret(&["evidence", "verify", "--json"])
    }

    /// SIGTERM, then waits. The folder stays until the house is dropped.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("it ends")
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs the binary with `--data` where the command takes it.
pub fn run(words: &[&str], data: &Path) -> Output {
    Command::new(BINARY).args(words).arg("--data").arg(data).output().expect("lazaret runs")
}

pub fn records(data: &Path) -> Vec<Value> {
    let out = run(&["evidence", "list", "--json", "--last", "1000000"], data);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record"))
        .collect()
}

/// All bytes of all files under a folder.
pub fn bytes_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(bytes_under(&path));
        } else {
            let mut bytes = Vec::new();
            std::fs::File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)).expect("readable");
            found.push((path, bytes));
        }
    }
    found
}

impl House {
    /// Ctrl-C, and a clean end.
    pub fn interrupt(mut child: Child) {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        assert!(child.wait().expect("it ends").success(), "a clean end");
    }
}

#[expect(clippy::disallowed_methods, reason = "what the test run says of itself stands in the environment")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Says that something was left out, where the summary of the test run finds it.
pub fn skip(what: &str) {
    if let Some(path) = environment("LAZARET_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{what}")).expect("a list of what was skipped");
    }
}
