use crate::settings::SettingsError;
use std::collections::HashSet;
use std::fmt;

/// What an operator takes back before it expires: single tokens, subjects, clients. Acts on the next request.
#[derive(Clone, Default)]
pub struct DenyList {
    tokens: HashSet<Entry>,
    subjects: HashSet<Entry>,
    clients: HashSet<Entry>,
}

/// (issuer's name, value): a `sub` means nothing without its issuer.
type Entry = (String, String);

impl DenyList {
    /// One entry a line: `jti`, `sub` or `client`, the issuer's name, the value. Empty lines and `#` comments are
    /// skipped; anything else is an error, because a typo here would let someone in.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let mut list = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut parts = line.splitn(3, ' ');
            let (Some(what), Some(issuer), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(SettingsError::DenyList(at + 1));
            };
            let set = match what {
                "jti" => &mut list.tokens,
                "sub" => &mut list.subjects,
                "client" => &mut list.clients,
                _ => return Err(SettingsError::DenyList(at + 1)),
            };
            set.insert((issuer.to_owned(), value.to_owned()));
        }
        Ok(list)
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.subjects.is_empty() && self.clients.is_empty()
    }

    pub(super) fn names(&self, principal: &lexicon::Principal, id: Option<&str>) -> bool {
        if self.is_empty() {
            return false;
        }
        let entry = |value: &str| (principal.issuer.clone(), value.to_owned());
        id.is_some_and(|id| self.tokens.contains(&entry(id)))
            || self.subjects.contains(&entry(&principal.subject))
            || self.clients.contains(&entry(&principal.client))
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DenyList")
    }
}
