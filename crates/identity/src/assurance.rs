//! How surely the issuer knew the person. A claim that a profile does not know means nothing, and nothing is level 0.

use crate::profile::Profile;
use lexicon::{Assurance, Time};
use serde_json::{Map, Value};

/// What a deployment means by one `acr` value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcrLevel {
    pub acr: String,
    pub level: u8,
    pub phishing_resistant: bool,
}

/// Known values of `acr` (or an element of Entra's `acrs`), by profile: level and phishing resistance.
///
/// Keycloak's levels are a realm's own, except `1` (signed in) and `0` (an old cookie). Entra's contexts `c1` to `c25`
/// are a tenant's own. Okta: <https://developer.okta.com/docs/guides/step-up-authentication/>; `ifpossible` may be one
/// factor. `phr` and `phrh` of the OpenID EAP ACR values say nothing of a second factor.
const fn known(profile: Profile) -> &'static [(&'static str, u8, Resistance)] {
    use Resistance::{None, Phishing};
    match profile {
        Profile::Development => {
            &[("urn:lazaret:acr:pwd", 1, None), ("urn:lazaret:acr:mfa", 2, None), ("urn:lazaret:acr:phrh", 3, Phishing)]
        }
        Profile::Keycloak => &[("1", 1, None)],
        Profile::Okta => &[
            ("urn:okta:loa:1fa:any", 1, None),
            ("urn:okta:loa:1fa:pwd", 1, None),
            ("urn:okta:loa:2fa:any:ifpossible", 1, None),
            ("urn:okta:loa:2fa:any", 2, None),
            ("phr", 2, Phishing),
            ("phrh", 3, Phishing),
        ],
        Profile::Generic => &[("phr", 1, Phishing), ("phrh", 1, Phishing)],
        Profile::Entra | Profile::OidcProvider => &[],
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resistance {
    None,
    Phishing,
}

/// Reads the claims of a verified token. `latest` is the last moment at which the person can have signed in.
pub(crate) fn read(profile: Profile, extra: &[AcrLevel], claims: &Map<String, Value>, latest: Time) -> Assurance {
    let mut assurance = Assurance { authenticated_at: authenticated_at(claims, latest), ..Assurance::default() };
    let mut raise = |level: u8, phishing_resistant: bool| {
        assurance.level = assurance.level.max(level.min(3));
        assurance.phishing_resistant |= phishing_resistant;
    };
    for value in contexts(profile, claims) {
        // The deployment's word counts before the profile's.
        if let Some(own) = extra.iter().find(|own| own.acr == value) {
            raise(own.level, own.phishing_resistant);
        } else if let Some((_, level, resistance)) = known(profile).iter().find(|(acr, ..)| *acr == value) {
            raise(*level, *resistance == Resistance::Phishing);
        }
    }
    if reads_methods(profile) {
        raise(methods(claims), false);
    }
    assurance
}

/// `acr` is one text. Entra writes an array `acrs` of contexts that were all satisfied.
fn contexts(profile: Profile, claims: &Map<String, Value>) -> Vec<&str> {
    match profile {
        Profile::Entra => {
            let acrs = claims.get("acrs").and_then(Value::as_array);
            acrs.into_iter().flatten().filter_map(Value::as_str).collect()
        }
        _ => claims.get("acr").and_then(Value::as_str).into_iter().collect(),
    }
}

/// `amr` counts only where the provider documents it for access tokens with RFC 8176's meaning.
const fn reads_methods(profile: Profile) -> bool {
    matches!(profile, Profile::Entra | Profile::Generic)
}

/// RFC 8176: `mfa` says several factors; with `hwk` one of them is a hardware key. The rest say one factor.
fn methods(claims: &Map<String, Value>) -> u8 {
    let has = |method: &str| {
        let methods = claims.get("amr").and_then(Value::as_array);
        methods.is_some_and(|methods| methods.iter().any(|m| m.as_str() == Some(method)))
    };
    match (has("mfa"), has("hwk")) {
        (true, true) => 3,
        (true, false) => 2,
        (false, _) if ["pwd", "pin", "otp", "hwk", "swk"].iter().any(|method| has(method)) => 1,
        (false, _) => 0,
    }
}

/// A sign-in after the token was made, or one that is no whole number, cannot be told.
fn authenticated_at(claims: &Map<String, Value>, latest: Time) -> Option<Time> {
    let at = Time::from_seconds(claims.get("auth_time").and_then(Value::as_u64)?);
    (at <= latest).then_some(at)
}
