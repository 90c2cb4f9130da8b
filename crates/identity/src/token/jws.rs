//! The outside of a token: RFC 7515's compact form, and a header of which we understand every member that counts.

use crate::algorithm::Algorithm;
use crate::strict;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lexicon::Reason;
use serde_json::{Map, Value};

/// A token, taken apart and not yet believed.
pub struct Jws<'a> {
    pub algorithm: Algorithm,
    pub kid: Option<String>,
    /// In lower case, without `application/` (RFC 7515 section 4.1.9).
    pub typ: Option<String>,
    pub claims: Map<String, Value>,
    /// What the signature covers.
    pub signed: &'a [u8],
    pub signature: Vec<u8>,
}

/// Members that bring a key along, change the payload's meaning, or demand understanding we do not have.
const REFUSED: [&str; 7] = ["crit", "b64", "zip", "cty", "jwk", "jku", "x5u"];

pub fn parse(token: &str) -> Result<Jws<'_>, Reason> {
    let malformed = Reason::CredentialMalformed;
    let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
    let header = strict::object(&decode(header)?).ok_or(malformed)?;
    if REFUSED.iter().any(|member| header.contains_key(*member)) {
        return Err(malformed);
    }
    let algorithm = header.get("alg").and_then(Value::as_str).ok_or(malformed)?;
    let algorithm = Algorithm::from_name(algorithm).ok_or(Reason::CredentialAlgorithm)?;
    let kid = text(&header, "kid")?;
    let typ = text(&header, "typ")?.map(|typ| {
        let typ = typ.to_ascii_lowercase();
        typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
    });
    let claims = strict::object(&decode(payload)?).ok_or(malformed)?;
    Ok(Jws { algorithm, kid, typ, claims, signed: signed.as_bytes(), signature: decode(signature)? })
}

fn text(header: &Map<String, Value>, name: &str) -> Result<Option<String>, Reason> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if (1..=256).contains(&text.len()) && !text.contains(char::is_control) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Reason::CredentialMalformed),
    }
}
