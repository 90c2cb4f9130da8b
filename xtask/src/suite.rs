//! `cargo xtask test`: what CI runs, in the order in which faults are cheapest to find.

use crate::{
    bless, commands,
    counting::{self, Count},
    interop, licences,
    steps::{Ended, Steps},
};
use anyhow::{Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

pub fn run(root: &Path) -> Result<ExitCode> {
    let mut steps = Steps::new(8);
    steps.run("format", || done(commands::run(commands::cargo(root).args(["fmt", "--all", "--check"]))));
    steps.run("lints", || {
        let mut clippy = commands::cargo(root);
        clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]);
        done(commands::run(&mut clippy))
    });
    steps.run("licences", || done(licences::check(root)));
    steps.run("cargo-deny", || deny(root));
    let foreign = foreign_parts(root, &mut steps);
    let built = steps.run("build", || done(commands::run(commands::cargo(root).args(["build", "--locked"]))));
    if built {
        steps.run("schema", || done(bless::schema_is_current(root)));
    } else {
        steps.run("schema", || Ok(Ended::Skipped("the build failed".to_owned())));
    }
    let mut count = Count::default();
    let skips = SkipFile::new();
    steps.run("tests", || {
        if !built {
            bail!("not run, the build failed");
        }
        let mut command = commands::cargo(root);
        command.args(["test", "--workspace", "--no-fail-fast", "--locked"]).env("LAZARET_SKIPPED", &skips.path);
        if let Some(folder) = synthea(root) {
            command.env("LAZARET_SYNTHEA", folder);
        }
        if foreign {
            command.env("LAZARET_INTEROP", "required");
        }
        done(counting::test(&mut command, &mut count))
    });
    for line in skips.lines() {
        steps.leave_out(&line);
    }
    let code = steps.finish();
    let ignored = if count.ignored > 0 { format!(", {} ignored", count.ignored) } else { String::new() };
    println!("\nlazaret: {} passed, {} failed{ignored}", count.passed, count.failed);
    Ok(code)
}

/// Synthetic patients made by others: where the environment says, or in the sample data beside the checkout.
fn synthea(root: &Path) -> Option<PathBuf> {
    let beside = || Some(root.parent()?.join("shared").join("data").join("synthea"));
    std::env::var_os("LAZARET_SYNTHEA").map(PathBuf::from).or_else(beside).filter(|folder| folder.is_dir())
}

fn done(result: Result<()>) -> Result<Ended> {
    result.map(|()| Ended::Done)
}

/// Were all foreign parts installed, so that their tests have no reason to skip?
fn foreign_parts(root: &Path, steps: &mut Steps) -> bool {
    let mut installed = false;
    steps.run("foreign parts (npm)", || {
        let ended = interop::install(root)?;
        installed = matches!(ended, Ended::Done);
        Ok(ended)
    });
    installed
}

fn deny(root: &Path) -> Result<Ended> {
    if commands::version("cargo-deny", "--version").is_none() {
        return Ok(Ended::Skipped(
            "cargo-deny not installed; licences were checked, advisories and duplicates were not".to_owned(),
        ));
    }
    done(commands::run(commands::cargo(root).args(["deny", "check"])))
}

/// Where tests that skip say so: the test harness swallows what a passing test prints.
struct SkipFile {
    path: PathBuf,
}

impl SkipFile {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("lazaret-skipped-{}", std::process::id()));
        // A file of an earlier process with our id would speak for us.
        let _ = fs::remove_file(&path);
        Self { path }
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines.dedup();
        lines
    }
}

impl Drop for SkipFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
