//! Writing what is generated. `tidy` and the suite compare; this makes it so.

use crate::commands;
use anyhow::{Context, Result, bail};
use std::{fs, path::Path, process::Command};
use tidy::{House, Tree};

/// Pages that the binary prints, and how.
const PRINTED: [(&str, &[&str]); 2] = [
    ("docs/reference/lazaret.schema.json", &["schema"]),
    ("docs/reference/settings.md", &["schema", "--format", "markdown"]),
];

pub fn run(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let house = House::parse(tree.get("house.toml").context("house.toml is not there")?)?;
    let text = tree.get("ARCHITECTURE.md").unwrap_or_default();
    let drawn = tidy::redraw(text, &house)
        .with_context(|| format!("ARCHITECTURE.md lacks the markers `{}` and `{}`", tidy::BEGIN, tidy::END))?;
    write(root, "ARCHITECTURE.md", &drawn)?;
    for (path, text) in tidy::generated() {
        write(root, path, &text)?;
    }
    Ok(())
}

/// The manifest's JSON Schema and the page of settings, as the binary prints them.
pub fn schema(root: &Path) -> Result<()> {
    commands::run(commands::cargo(root).args(["build", "--package", "lazaret"]))?;
    PRINTED.iter().try_for_each(|(page, words)| write(root, page, &printed(root, words)?))
}

/// For the suite: are the files what the binary prints?
pub fn schema_is_current(root: &Path) -> Result<()> {
    for (page, words) in PRINTED {
        let kept = fs::read_to_string(root.join(page)).unwrap_or_default();
        if kept != printed(root, words)? {
            bail!("{page} is not what `lazaret {}` prints; run `cargo xtask schema`", words.join(" "));
        }
    }
    Ok(())
}

fn printed(root: &Path, words: &[&str]) -> Result<String> {
    let text = commands::output(Command::new(commands::binary(root)?).args(words))?;
    Ok(format!("{}\n", text.trim_end()))
}

fn write(root: &Path, path: &str, text: &str) -> Result<()> {
    let file = root.join(path);
    if fs::read_to_string(&file).is_ok_and(|kept| kept == text) {
        println!("same     {path}");
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    }
    fs::write(&file, text).with_context(|| format!("`{path}` cannot be written"))?;
    println!("written  {path}");
    Ok(())
}
