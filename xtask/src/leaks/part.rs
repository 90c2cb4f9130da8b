//! A program that runs beside the drill. It says one line of JSON when it is ready, and is gone when we are.

use crate::commands;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

pub struct Part {
    child: Child,
    /// Its line.
    pub ready: Value,
}

impl Part {
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let line = commands::written(command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()
            .with_context(|| format!("`{line}` does not start"))?;
        let output = child.stdout.take();
        let mut part = Self { child, ready: Value::Null };
        let mut said = String::new();
        BufReader::new(output.context("no pipe")?).read_line(&mut said)?;
        part.ready =
            serde_json::from_str(&said).with_context(|| format!("`{line}` did not come up; see {}", log.display()))?;
        Ok(part)
    }

    /// A text of its line.
    pub fn said(&self, name: &str) -> Result<String> {
        let text =
            self.ready.get(name).and_then(Value::as_str).with_context(|| format!("it did not say its {name}"))?;
        Ok(text.to_owned())
    }

    pub fn port(&self) -> Result<u64> {
        self.ready.get("port").and_then(Value::as_u64).context("it did not say its port")
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Nothing it holds is kept: there is no need to let it end in peace.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
