//! Running other programs, and finding what they made.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// `cargo`, the one that runs us.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    command.current_dir(root);
    command
}

/// The words of a command, as one would type them.
pub fn written(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let set = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}={value}", name.to_string_lossy()))
    });
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    set.chain([program]).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Runs to the end with our own output; an error unless it succeeds.
pub fn run(command: &mut Command) -> Result<()> {
    let line = written(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("`{line}` does not start"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Runs to the end and returns what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = written(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("`{line}` does not start"))?;
    if !output.status.success() {
        bail!("`{line}` failed: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something other than text"))
}

/// The first line of `program --version`, or nothing when it is not there.
pub fn version(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Cargo's own answer about packages and folders.
pub fn metadata(root: &Path, options: &[&str]) -> Result<Value> {
    let text = output(cargo(root).args(["metadata", "--format-version", "1", "--locked"]).args(options))?;
    serde_json::from_str(&text).context("`cargo metadata` printed something other than JSON")
}

/// The development binary, wherever the target folder is.
pub fn binary(root: &Path) -> Result<PathBuf> {
    let metadata = metadata(root, &["--no-deps"])?;
    let target = metadata.get("target_directory").and_then(Value::as_str).context("no target folder")?;
    Ok(Path::new(target).join("debug").join(format!("lazaret{}", std::env::consts::EXE_SUFFIX)))
}
