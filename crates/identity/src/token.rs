//! From a bearer token and the connection it came on to a [`Caller`].
//!
//! Two halves. What is true of the token itself (signature, issuer, times, claims) is examined once and remembered.
//! What is true of this request (the certificate on this connection, the deny list) is looked at every time.

mod cache;
mod claims;
mod deny;
mod jws;

pub use deny::DenyList;

use crate::bearer::Bearer;
use crate::jwks::{Fetch, KeyId, KeyRing, KeySource, https_host};
use crate::settings::{IssuerSettings, Settings, SettingsError};
use crate::tls::{Peer, sha256};
use cache::Cache;
use claims::Binding;
use lexicon::{Kind, Principal, Reason, Time};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A verified caller. Only this file can make one; holds the principal and what it was verified from.
pub struct Caller {
    principal: Arc<Principal>,
    token: [u8; 32],
    known: Option<Arc<Known>>,
}

impl Caller {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// SHA-256 of the token, for the record (which keeps a keyed hash of it) and for limits.
    pub fn token(&self) -> &[u8; 32] {
        &self.token
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller")
    }
}

/// Whom a token names that was refused although its issuer signed it: for the record, and no permission. Only this file
/// can make one, and only after the signature verified.
#[derive(Clone)]
pub struct Named {
    issuer: String,
    subject: String,
    token: [u8; 32],
}

impl Named {
    /// The issuer's name in the configuration.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// SHA-256 of the token.
    pub fn token(&self) -> &[u8; 32] {
        &self.token
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Named")
    }
}

/// Why there is no caller, and who it was if the issuer's signature says so.
#[derive(Debug)]
pub struct Refused {
    pub reason: Reason,
    pub named: Option<Named>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, named: None }
    }
}

/// A token that was examined and found good.
struct Known {
    /// Shared with the callers made from it.
    principal: Arc<Principal>,
    id: Option<String>,
    binding: Binding,
    issuer: usize,
    key: KeyId,
}

/// What holds for all issuers.
struct Rules {
    leeway_s: u64,
    bases: Vec<String>,
}

struct Issuer {
    settings: IssuerSettings,
    keys: KeyRing,
}

/// Verifies credentials. One immutable set of issuers (a generation); keys inside rotate by themselves.
pub struct Verifier {
    issuers: Vec<Issuer>,
    rules: Rules,
    /// Digest of generation, issuers and audiences: a token remembered under another is not known here.
    scope: [u8; 32],
    cache: Mutex<Cache>,
    denied: RwLock<Arc<DenyList>>,
}

impl Verifier {
    pub fn new(settings: Settings, fetch: Arc<dyn Fetch>) -> Result<Self, SettingsError> {
        check(&settings)?;
        let mut scope = settings.generation.to_vec();
        let mut issuers = Vec::new();
        for issuer in settings.issuers {
            for text in [&issuer.name, &issuer.url, &issuer.audience] {
                scope.extend_from_slice(&sha256(text.as_bytes()));
            }
            let keys = KeyRing::new(&issuer.url, &issuer.keys, settings.keys, Arc::clone(&fetch))
                .map_err(|source| SettingsError::Keys { name: issuer.name.clone(), source })?;
            issuers.push(Issuer { settings: issuer, keys });
        }
        Ok(Self {
            issuers,
            rules: Rules { leeway_s: settings.leeway_s, bases: settings.bases },
            scope: sha256(&scope),
            cache: Mutex::new(Cache::new(settings.cache)),
            denied: RwLock::new(Arc::new(settings.denied)),
        })
    }

    /// Verifies token and sender constraint for this connection. `now` comes from the caller.
    /// Uses the token cache. Nobody waits for keys: an unknown key id is `credential.keys-unavailable` while a fetch that
    /// it began (rate-limited, on this runtime) is under way, and `credential.key-unknown` once that has ended.
    pub async fn verify(&self, bearer: &Bearer, peer: &Peer, now: Time) -> Result<Caller, Reason> {
        self.recognise(bearer, peer, now).await.map_err(|refused| refused.reason)
    }

    /// As [`Verifier::verify`]; a refusal says whom the token names, once its signature was verified.
    pub async fn recognise(&self, bearer: &Bearer, peer: &Peer, now: Time) -> Result<Caller, Refused> {
        let token = sha256(bearer.text().as_bytes());
        let key = sha256(&[self.scope, token].concat());
        let known = match self.remembered(&key, now) {
            Some(known) => known,
            None => {
                let known = Arc::new(self.examine((bearer.text(), token), now)?);
                self.cache().put(key, Arc::clone(&known));
                known
            }
        };
        self.admit(&known, token, peer, now).map_err(|reason| {
            let Principal { issuer, subject, .. } = &*known.principal;
            Refused { reason, named: Some(Named { issuer: issuer.clone(), subject: subject.clone(), token }) }
        })
    }

    /// The caller of a request without credential, for what is public.
    pub fn stranger(&self, now: Time) -> Caller {
        // Long enough for any passage; there is nothing to expire.
        let until = now.plus_seconds(3600);
        Caller { principal: Arc::new(Principal::stranger(until)), token: [0; 32], known: None }
    }

    /// Does a caller of a passage under way still stand: not denied since, not expired, key not withdrawn?
    pub fn still_stands(&self, caller: &Caller, now: Time) -> Result<(), Reason> {
        if now >= caller.principal.valid_until {
            return Err(Reason::CredentialExpired);
        }
        let Some(known) = &caller.known else { return Ok(()) };
        if self.denied().names(&known.principal, known.id.as_deref()) {
            return Err(Reason::CredentialRevoked);
        }
        let issuer = self.issuers.iter().find(|issuer| issuer.settings.name == known.principal.issuer);
        match issuer {
            Some(issuer) if issuer.keys.holds(&known.key, now) => Ok(()),
            Some(_) => Err(Reason::CredentialKey),
            None => Err(Reason::CredentialIssuer),
        }
    }

    /// Replaces the deny list. The next request sees it, cached token or not.
    pub fn deny(&self, list: DenyList) {
        *self.denied.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
    }

    /// Fetches keys that are missing or due. For a timer in wiring; requests begin it when nobody does.
    pub async fn refresh(&self, now: Time) {
        for issuer in &self.issuers {
            issuer.keys.refresh(now).await;
        }
    }

    /// Fetches the keys of every issuer that has none yet. Names the issuers whose keys cannot be had.
    pub async fn warm(&self, now: Time) -> Vec<&str> {
        let mut missing = Vec::new();
        for issuer in &self.issuers {
            if issuer.keys.warm(now).await.is_err() {
                missing.push(issuer.settings.name.as_str());
            }
        }
        missing
    }

    fn remembered(&self, key: &[u8; 32], now: Time) -> Option<Arc<Known>> {
        let known = self.cache().get(key, now)?;
        let holds = self.issuers.get(known.issuer).is_some_and(|issuer| issuer.keys.holds(&known.key, now));
        if !holds {
            self.cache().remove(key);
        }
        holds.then_some(known)
    }

    /// All that is true of the token alone. Nothing of it is believed before its signature.
    fn examine(&self, (text, token): (&str, [u8; 32]), now: Time) -> Result<Known, Refused> {
        let jws = jws::parse(text)?;
        let named = jws.claims.get("iss").and_then(Value::as_str).ok_or(Reason::CredentialClaims)?;
        let found = self.issuers.iter().enumerate().find(|(_, issuer)| issuer.settings.url == named);
        let (at, issuer) = found.ok_or(Reason::CredentialIssuer)?;
        let settings = &issuer.settings;
        if !settings.algorithms.contains(&jws.algorithm) {
            return Err(Reason::CredentialAlgorithm.into());
        }
        let key = issuer.keys.find(jws.kid.as_deref(), jws.algorithm, now)?;
        if !key.verifies(jws.algorithm, jws.signed, &jws.signature) {
            return Err(Reason::CredentialSignature.into());
        }
        // From here on the issuer has said it, so a refusal may say who it was.
        let refused = |reason| {
            let named =
                claims::subject(&jws.claims).map(|subject| Named { issuer: settings.name.clone(), subject, token });
            Refused { reason, named }
        };
        if !settings.profile.is_access_token(jws.typ.as_deref(), &jws.claims) {
            return Err(refused(Reason::CredentialType));
        }
        let accepted = claims::accept(&jws.claims, settings, &self.rules, now).map_err(refused)?;
        Ok(Known {
            principal: Arc::new(accepted.principal),
            id: accepted.id,
            binding: accepted.binding,
            issuer: at,
            key: key.id(),
        })
    }

    /// All that is true of this request. The only place where a verified caller is made.
    fn admit(&self, known: &Arc<Known>, token: [u8; 32], peer: &Peer, now: Time) -> Result<Caller, Reason> {
        if self.denied().names(&known.principal, known.id.as_deref()) {
            return Err(Reason::CredentialRevoked);
        }
        match known.binding {
            Binding::Certificate(bound) if peer.certificate != Some(bound) => return Err(Reason::CredentialBinding),
            Binding::Nothing if known.principal.kind == Kind::Workload => return Err(Reason::CredentialUnbound),
            Binding::Certificate(_) | Binding::Nothing => {}
        }
        // The connection may have outlived its certificate.
        let principal = match peer.certificate_expires {
            Some(end) if end <= now => return Err(Reason::CredentialBinding),
            Some(end) if end < known.principal.valid_until => {
                Arc::new(Principal { valid_until: end, ..(*known.principal).clone() })
            }
            _ => Arc::clone(&known.principal),
        };
        Ok(Caller { principal, token, known: Some(Arc::clone(known)) })
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn denied(&self) -> Arc<DenyList> {
        Arc::clone(&self.denied.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}

fn check(settings: &Settings) -> Result<(), SettingsError> {
    if settings.leeway_s > 60 {
        return Err(SettingsError::Leeway(settings.leeway_s));
    }
    for (at, issuer) in settings.issuers.iter().enumerate() {
        let before = || settings.issuers.iter().take(at);
        for same in [before().find(|other| other.name == issuer.name), before().find(|other| other.url == issuer.url)] {
            if same.is_some() {
                return Err(SettingsError::Twice(issuer.name.clone()));
            }
        }
        if issuer.name.is_empty() || issuer.audience.is_empty() || issuer.algorithms.is_empty() {
            return Err(SettingsError::Empty(issuer.name.clone()));
        }
        let url_of_keys = match &issuer.keys {
            KeySource::Url(url) => url,
            KeySource::Pinned(_) | KeySource::Discovery { .. } => &issuer.url,
        };
        let plain = |url: &str| https_host(url).is_some() && !url.contains(['?', '#']);
        if !plain(&issuer.url) || https_host(url_of_keys).is_none() {
            return Err(SettingsError::Url(issuer.name.clone()));
        }
    }
    Ok(())
}
