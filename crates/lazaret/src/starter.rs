//! The starter set that `init` and `up` write: policies, projections, a manifest. Compiled in, so that one binary is enough.

use anyhow::Context;
use std::io::{ErrorKind, Write};
use std::path::Path;

pub const MANIFEST: &str = include_str!("../starter/lazaret.toml");
pub const DENY: &str = include_str!("../starter/deny.list");

const POLICIES: &[(&str, &str)] = &[
    ("always.cedar", include_str!("../../../policies/always.cedar")),
    ("clinical.cedar", include_str!("../../../policies/clinical.cedar")),
    ("office.cedar", include_str!("../../../policies/office.cedar")),
    ("projections.toml", include_str!("../../../policies/projections.toml")),
];

/// Writes the starter policies into `folder`; those that are there stay as they are.
pub fn write_policies(folder: &Path) -> anyhow::Result<()> {
    POLICIES.iter().try_for_each(|(name, text)| write_if_missing(&folder.join(name), text))
}

/// Writes `text` to `path` unless something is there already.
pub fn write_if_missing(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    };
    written.with_context(|| format!("`{}` cannot be written", path.display()))
}
