//! What must be known of a gateway to attack it: where it is, whose tokens there are, and what is hidden from whom.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// The description of one target, a TOML file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `https://host:port/fhir`, or `http://` for a server without TLS.
    pub base: String,
    /// A file with the authorities it is trusted by (PEM), beside this one.
    pub trust: Option<String>,
    /// Whose reason codes it gives: then refusals must have the right ones.
    #[serde(default)]
    pub dialect: Dialect,
    /// Token name -> a path that must be answered with it. A token that does not work holds nothing.
    #[serde(default)]
    pub(crate) control: BTreeMap<String, String>,
    #[serde(default)]
    token: BTreeMap<String, String>,
    /// What the placeholders of the corpus stand for.
    #[serde(default)]
    value: BTreeMap<String, String>,
    /// Lists of words that give something away.
    #[serde(default)]
    words: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    Lazaret,
    #[default]
    Other,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Why a text describes no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Without what stands in the file: it holds tokens.
    #[error("not a target description, at line {line}: {what}")]
    Toml { line: usize, what: String },
    #[error("`base` is not a URL such as https://localhost:8443/fhir")]
    Base,
}

/// `{"alg":"none"}` and `{"alg":"HS256"}`, as a JWT's first part.
const ALG_NONE: &str = "eyJhbGciOiJub25lIn0";
const ALG_HS256: &str = "eyJhbGciOiJIUzI1NiJ9";

impl Target {
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let target: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
            TargetError::Toml { line, what: error.message().to_owned() }
        })?;
        if target.place().is_none() { Err(TargetError::Base) } else { Ok(target) }
    }

    /// Scheme, authority and path of the base.
    pub(crate) fn place(&self) -> Option<Place> {
        let uri: http::Uri = self.base.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = uri.host()?.to_owned();
        Some(Place {
            is_tls,
            authority: uri.authority()?.to_string(),
            host,
            port,
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// A token by name. The broken ones are made from the nurse's unless the file has its own.
    pub(crate) fn token(&self, name: &str) -> Option<String> {
        if let Some(token) = self.token.get(name) {
            return Some(token.clone());
        }
        let mut parts = self.token.get("nurse")?.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        match name {
            "forged" => Some(format!("{head}.{claims}.{}", "A".repeat(signature.len()))),
            "unsigned" => Some(format!("{head}.{claims}.")),
            "alg-none" => Some(format!("{ALG_NONE}.{claims}.")),
            "alg-hs256" => Some(format!("{ALG_HS256}.{claims}.{signature}")),
            _ => None,
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.value.get(name).map(String::as_str)
    }

    pub(crate) fn words(&self, name: &str) -> Option<&[String]> {
        self.words.get(name).map(Vec::as_slice)
    }
}

/// Where a target is.
pub(crate) struct Place {
    pub(crate) is_tls: bool,
    pub(crate) authority: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Without a slash at the end.
    pub(crate) path: String,
}
