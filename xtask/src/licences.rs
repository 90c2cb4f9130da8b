//! Every dependency's licence against `house.toml`. cargo-deny does it better where it is installed; this always runs.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use tidy::{House, Tree};

pub fn check(root: &Path) -> Result<()> {
    let tree = Tree::read(root)?;
    let house = House::parse(tree.get("house.toml").context("house.toml is not there")?)?;
    let metadata = crate::commands::metadata(root, &[])?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let mut judged = 0;
    let mut refused = Vec::new();
    for package in packages.iter().filter(|package| package.get("source").is_some_and(|source| !source.is_null())) {
        let text = |key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default();
        judged += 1;
        if !satisfied(text("license"), &house.licences.allowed) {
            refused.push(format!("{} {}: `{}`", text("name"), text("version"), text("license")));
        }
    }
    println!("{judged} dependencies, licences of house.toml");
    if !refused.is_empty() {
        bail!("{} under a licence that house.toml does not allow:\n  {}", refused.len(), refused.join("\n  "));
    }
    Ok(())
}

/// Can an SPDX expression be met with the allowed licences? `/` is an old spelling of OR; AND binds tighter.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    let good = any(&mut rest, allowed);
    good && rest.is_empty()
}

fn any(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut good = all(words, allowed);
    while let ["OR", rest @ ..] = *words {
        *words = rest;
        // Both sides are read, whatever the first said.
        good |= all(words, allowed);
    }
    good
}

fn all(words: &mut &[&str], allowed: &[String]) -> bool {
    let mut good = one(words, allowed);
    while let ["AND", rest @ ..] = *words {
        *words = rest;
        good &= one(words, allowed);
    }
    good
}

fn one(words: &mut &[&str], allowed: &[String]) -> bool {
    let (good, rest) = match *words {
        ["(", rest @ ..] => {
            *words = rest;
            let inner = any(words, allowed);
            match *words {
                [")", rest @ ..] => (inner, rest),
                other => (false, other),
            }
        }
        [name, "WITH", exception, rest @ ..] => (allowed.contains(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (allowed.iter().any(|allowed| allowed == name), rest),
        [] => (false, [].as_slice()),
    };
    *words = rest;
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_spdx_expressions() {
        let allowed: Vec<String> =
            ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
        for (expression, expect) in [
            ("MIT", true),
            ("MIT OR GPL-3.0", true),
            ("GPL-3.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT AND ISC", true),
            ("(GPL-3.0 OR MIT) AND ISC", true),
            ("(GPL-3.0 OR MIT) AND (LGPL-2.1)", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH Other-exception", false),
            ("", false),
            ("(MIT", false),
            ("MIT MIT", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), expect, "{expression}");
        }
    }
}
