//! From the claims of a token whose signature was verified to a principal.

use super::Rules;
use crate::assurance;
use crate::settings::{IssuerSettings, RoleMap, fhir_users};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lexicon::{Kind, LocalId, Principal, Reason, ResourceType, Time};
use serde_json::{Map, Value};

const LONGEST_TEXT: usize = 255;
const MOST_ITEMS: usize = 256;
const LONGEST_SCOPE: usize = 8192;

/// What the token is bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    Nothing,
    /// SHA-256 of the client certificate (RFC 8705 section 3.1).
    Certificate([u8; 32]),
}

/// A token that stands on its own; the connection is checked each time.
pub struct Accepted {
    pub principal: Principal,
    pub id: Option<String>,
    pub binding: Binding,
}

pub fn accept(
    claims: &Map<String, Value>,
    issuer: &IssuerSettings,
    rules: &Rules,
    now: Time,
) -> Result<Accepted, Reason> {
    let client = client(claims, issuer)?;
    audience(claims, issuer, &client)?;
    let times = times(claims, issuer, rules, now)?;
    let binding = binding(claims)?;
    let subject = text(claims, "sub")?.ok_or(Reason::CredentialClaims)?;
    let id = text(claims, issuer.profile.id_claim())?;
    if id.is_none() && issuer.profile.id_claim() == "jti" {
        return Err(Reason::CredentialClaims);
    }
    let names = &issuer.claims;
    let workload = issuer.workload_signs.iter().any(|sign| sign.is_on(claims, &client));
    let principal = Principal {
        kind: if workload { Kind::Workload } else { Kind::Person },
        issuer: issuer.name.clone(),
        subject,
        client,
        roles: roles(claims, issuer)?,
        fhir_user: user_of(claims, issuer, rules)?,
        department: text(claims, &names.department)?.filter(|id| LocalId::new(id).is_some()),
        care_teams: texts(claims.get(&names.care_teams))?.into_iter().filter(|id| LocalId::new(id).is_some()).collect(),
        patient: match text(claims, &names.patient)? {
            // A launch context that cannot be understood must not become "any patient".
            Some(id) => Some(LocalId::new(&id).ok_or(Reason::CredentialClaims)?),
            None => None,
        },
        scopes: scopes(claims, issuer)?,
        assurance: assurance::read(
            issuer.profile,
            &issuer.acr_levels,
            claims,
            times.issued.plus_seconds(rules.leeway_s),
        ),
        valid_until: times.until,
    };
    Ok(Accepted { principal, id, binding })
}

/// Whom the claims name, whatever else they say.
pub fn subject(claims: &Map<String, Value>) -> Option<String> {
    text(claims, "sub").ok().flatten()
}

/// RFC 9068 section 4: `aud` must contain us. A token whose only audience is its own client is an ID token.
fn audience(claims: &Map<String, Value>, issuer: &IssuerSettings, client: &str) -> Result<(), Reason> {
    let audiences = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(many @ Value::Array(_)) => texts(Some(many))?,
        _ => return Err(Reason::CredentialClaims),
    };
    if !audiences.is_empty() && audiences.iter().all(|audience| audience == client) {
        return Err(Reason::CredentialType);
    }
    if audiences.contains(&issuer.audience) { Ok(()) } else { Err(Reason::CredentialAudience) }
}

struct Times {
    issued: Time,
    until: Time,
}

fn times(claims: &Map<String, Value>, issuer: &IssuerSettings, rules: &Rules, now: Time) -> Result<Times, Reason> {
    let required = |name: &str| date(claims, name)?.ok_or(Reason::CredentialClaims);
    let (expires, issued) = (required("exp")?, required("iat")?);
    let from = date(claims, "nbf")?.unwrap_or(issued).max(issued);
    if expires <= issued || expires.seconds_since(issued) > issuer.max_lifetime_s {
        return Err(Reason::CredentialClaims);
    }
    if from > now.plus_seconds(rules.leeway_s) {
        return Err(Reason::CredentialNotYetValid);
    }
    let until = expires.plus_seconds(rules.leeway_s);
    if now >= until { Err(Reason::CredentialExpired) } else { Ok(Times { issued, until }) }
}

/// A NumericDate (RFC 7519 section 2), which may have a fraction; below the year 10000.
fn date(claims: &Map<String, Value>, name: &str) -> Result<Option<Time>, Reason> {
    const END: u64 = 253_402_300_800;
    let Some(value) = claims.get(name) else { return Ok(None) };
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(floor)).filter(|seconds| *seconds < END);
    whole.map(|seconds| Some(Time::from_seconds(seconds))).ok_or(Reason::CredentialClaims)
}

fn floor(seconds: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
    (0.0..1e12).contains(&seconds).then_some(seconds as u64)
}

/// RFC 7800 with the one method we answer. A binding that is not understood is never dropped.
fn binding(claims: &Map<String, Value>) -> Result<Binding, Reason> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(Binding::Nothing) };
    let members = confirmation.as_object().ok_or(Reason::CredentialClaims)?;
    if members.contains_key("jkt") {
        return Err(Reason::CredentialDpop);
    }
    let thumbprint = members.get("x5t#S256").filter(|_| members.len() == 1).and_then(Value::as_str);
    let bytes = thumbprint.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let digest = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    digest.map(Binding::Certificate).ok_or(Reason::CredentialBinding)
}

fn client(claims: &Map<String, Value>, issuer: &IssuerSettings) -> Result<String, Reason> {
    let mut found: Option<String> = None;
    for name in issuer.profile.client_claims() {
        if let Some(client) = text(claims, name)? {
            if found.as_ref().is_some_and(|other| *other != client) {
                return Err(Reason::CredentialClaims);
            }
            found = Some(client);
        }
    }
    found.ok_or(Reason::CredentialClaims)
}

fn scopes(claims: &Map<String, Value>, issuer: &IssuerSettings) -> Result<String, Reason> {
    let scopes = match claims.get(issuer.profile.scope_claim()) {
        None => String::new(),
        Some(Value::String(scopes)) => scopes.clone(),
        Some(many) => {
            let many = texts(Some(many))?;
            // A space inside an element would make two scopes of one.
            if many.iter().any(|scope| scope.contains(char::is_whitespace)) {
                return Err(Reason::CredentialClaims);
            }
            many.join(" ")
        }
    };
    if scopes.len() > LONGEST_SCOPE || scopes.contains(char::is_control) {
        return Err(Reason::CredentialClaims);
    }
    Ok(scopes)
}

fn roles(claims: &Map<String, Value>, issuer: &IssuerSettings) -> Result<Vec<String>, Reason> {
    let mut steps = issuer.claims.roles.iter();
    let mut at = steps.next().and_then(|step| claims.get(step));
    for step in steps {
        at = at.and_then(|value| value.get(step));
    }
    let roles = texts(at)?;
    Ok(match &issuer.roles {
        RoleMap::AsTheyAre => roles,
        RoleMap::Listed(map) => roles.iter().filter_map(|role| map.get(role).cloned()).collect(),
    })
}

/// An issuer that names one of ours whom it may not name is not believed in anything else.
fn user_of(
    claims: &Map<String, Value>,
    issuer: &IssuerSettings,
    rules: &Rules,
) -> Result<Option<(ResourceType, LocalId)>, Reason> {
    let user = text(claims, &issuer.claims.fhir_user)?.and_then(|user| fhir_user(&user, &rules.bases));
    match user {
        Some((resource_type, _)) if !issuer.fhir_users.contains(&resource_type) => Err(Reason::CredentialClaims),
        user => Ok(user),
    }
}

/// `Type/id`, relative or below one of our own bases. Another server's user is nobody here.
fn fhir_user(user: &str, bases: &[String]) -> Option<(ResourceType, LocalId)> {
    let local = |base: &String| user.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/');
    let relative = if user.contains("://") { bases.iter().find_map(local)? } else { user };
    let (name, id) = relative.split_once('/')?;
    let resource_type = fhir_users().find(|people| people.name() == name)?;
    Some((resource_type, LocalId::new(id)?))
}

/// A text claim: absent, or 1 to 255 characters' bytes without control characters.
fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Reason> {
    claims.get(name).map(bounded).transpose()
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, Reason> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let items = value.as_array().filter(|items| items.len() <= MOST_ITEMS).ok_or(Reason::CredentialClaims)?;
    items.iter().map(bounded).collect()
}

fn bounded(value: &Value) -> Result<String, Reason> {
    let fits = |text: &&str| (1..=LONGEST_TEXT).contains(&text.len()) && !text.contains(char::is_control);
    value.as_str().filter(fits).map(str::to_owned).ok_or(Reason::CredentialClaims)
}
