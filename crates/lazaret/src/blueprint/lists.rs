//! Lists beside the manifest: who is denied, and who cares for whom.

use super::{Deny, Judge, Roster};
use crate::manifest::Manifest;
use identity::DenyList;
use std::sync::Arc;
use toml::Spanned;

/// Parses a deny list whose entries may only name these issuers: a misspelt one would deny nobody.
pub fn deny_list(text: &str, issuers: &[&str]) -> Result<DenyList, String> {
    let list = DenyList::parse(text).map_err(|error| error.to_string())?;
    for (at, line) in
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'))
    {
        let issuer = line.trim().split(' ').nth(1).unwrap_or_default();
        if !issuers.contains(&issuer) {
            return Err(format!("deny list, line {}: no issuer is named `{issuer}`", at + 1));
        }
    }
    Ok(list)
}

impl Judge<'_> {
    /// A list that cannot be read, or names an issuer that is not there, would deny nobody: both are faults.
    pub(super) fn deny(&mut self, manifest: &Manifest, at: &Spanned<String>) -> Option<Deny> {
        let text = self.text_file(at)?;
        let names: Vec<&str> = manifest.issuer.keys().map(String::as_str).collect();
        match deny_list(&text, &names) {
            Ok(list) => Some(Deny { path: self.folder.join(at.get_ref()), list }),
            Err(what) => {
                self.fault(at, what, "write `jti|sub|client ISSUER-NAME VALUE`, one a line");
                None
            }
        }
    }

    pub(super) fn roster(&mut self, at: &Spanned<String>) -> Option<Roster> {
        let text = self.text_file(at)?;
        match gateway::fhir::Roster::parse(&text) {
            Ok(listed) => Some(Roster { text, listed: Arc::new(listed) }),
            Err(error) => {
                let hint = "a first line `care_team,patient,member,from,until`, then one membership a line: `team-1,p1,Practitioner/nurse-1,2026-01-01,`";
                self.fault(at, format!("relationship file, {error}"), hint);
                None
            }
        }
    }
}
