//! Foreign parts: programs nobody here wrote, that Lazaret must work with.

use crate::{
    commands,
    counting::{self, Count},
    steps::Ended,
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Named in the decisions; not built yet.
const LATER: [&str; 5] = ["helios", "keycloak", "spire", "tessera", "envoy"];

/// Folders under `interop/` that npm installs.
pub fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(root.join("interop")) else { return Ok(Vec::new()) };
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("package-lock.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Installs what the lock files say; skips, with the reason, where Node is missing.
pub fn install(root: &Path) -> Result<Ended> {
    let folders = folders(root)?;
    let missing: Vec<&str> =
        ["node", "npm"].into_iter().filter(|name| commands::version(name, "--version").is_none()).collect();
    if !missing.is_empty() {
        let names: Vec<_> =
            folders.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
        return Ok(Ended::Skipped(format!(
            "{} not installed; without it nothing runs against {}",
            missing.join(" and "),
            names.join(", ")
        )));
    }
    for folder in folders {
        install_one(&folder)?;
    }
    Ok(Ended::Done)
}

fn install_one(folder: &Path) -> Result<()> {
    println!("in {}", folder.display());
    commands::run(Command::new("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(folder))
}

/// The tests of one foreign part: those of the binary whose file or name holds its name.
pub fn run(root: &Path, name: &str) -> Result<ExitCode> {
    if LATER.contains(&name) {
        bail!("`{name}` is not there yet");
    }
    if name == "hapi" {
        return run_hapi(root);
    }
    let known = folders(root)?;
    let names: Vec<String> =
        known.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
    // The package's name on npm is understood as well.
    let name = if name == "oidc-provider" { "oidc" } else { name };
    let at = names.iter().position(|known| known == name);
    let folder =
        at.and_then(|at| known.get(at)).with_context(|| format!("`{name}` is none of {}", names.join(", ")))?;
    install_one(folder)?;
    test(root, name, &[("LAZARET_INTEROP", "required")])
}

/// HAPI FHIR's JPA server, from Maven Central, behind a small launcher of ours. People sign in at `oidc` meanwhile.
fn run_hapi(root: &Path) -> Result<ExitCode> {
    for (name, flag) in [("java", "-version"), ("mvn", "--version")] {
        commands::version(name, flag)
            .with_context(|| format!("`{name}` is not installed; HAPI needs Java 17 and Maven"))?;
    }
    if let Ended::Skipped(why) = install(root)? {
        bail!("{why}");
    }
    let folder = root.join("interop/hapi");
    println!("in {}: Maven fetches HAPI the first time (300 MB)", folder.display());
    commands::run(Command::new("mvn").args(["--batch-mode", "--quiet", "package"]).current_dir(folder))?;
    test(root, "hapi", &[("LAZARET_INTEROP", "required"), ("LAZARET_HAPI", "required")])
}

fn test(root: &Path, name: &str, environment: &[(&str, &str)]) -> Result<ExitCode> {
    let mut count = Count::default();
    let mut command = commands::cargo(root);
    command.args(["test", "--package", "lazaret", "--", name]).envs(environment.iter().copied());
    let tested = counting::test(&mut command, &mut count);
    println!("{name}: {} passed, {} failed", count.passed, count.failed);
    tested?;
    if count.passed == 0 {
        bail!("no test of `lazaret` has `{name}` in its name");
    }
    Ok(ExitCode::SUCCESS)
}
