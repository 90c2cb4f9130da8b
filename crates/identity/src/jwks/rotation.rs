//! Where an issuer's keys come from, and how they change without a restart.

use super::{Key, KeyId, KeySet, KeySetError, Lookup};
use crate::algorithm::Algorithm;
use crate::strict;
use lexicon::{Reason, Time};
use serde_json::Value;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// Fetches an issuer's discovery document or key set. Wiring supplies it; identity opens no connections of its own.
/// It must use verified TLS, follow no redirect and cap the answer; we check its URL and what it returns.
pub trait Fetch: Send + Sync + 'static {
    fn get(&self, url: &str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>>;
}

#[derive(Debug, thiserror::Error)]
#[error("fetch failed")]
pub struct FetchError;

/// Fetches nothing: for verifiers whose key sets are all pinned.
#[derive(Clone, Copy, Debug)]
pub struct Offline;

impl Fetch for Offline {
    fn get(&self, _url: &str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>> {
        Box::pin(std::future::ready(Err(FetchError)))
    }
}

#[derive(Clone, Debug)]
pub enum KeySource {
    /// The key set's text, which changes only with the generation.
    Pinned(String),
    /// `<issuer>/.well-known/openid-configuration` names the key set. Its host must be the issuer's, or one of these.
    Discovery { other_hosts: Vec<String> },
    /// The key set at this https URL.
    Url(String),
}

/// How often keys are fetched, and how long they count.
#[derive(Clone, Copy, Debug)]
pub struct KeyPolicy {
    /// At most one fetch in this time, however many unknown key ids arrive.
    pub refetch_interval_s: u64,
    /// Keys older than this are fetched again by [`crate::Verifier::refresh`] while they go on counting; without a
    /// timer that calls it, a request does so at twice this age.
    pub refresh_s: u64,
    /// Keys older than this no longer count (the issuer could not be reached for that long).
    pub max_age_s: u64,
    pub fetch_timeout: Duration,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self { refetch_interval_s: 30, refresh_s: 15 * 60, max_age_s: 24 * 3600, fetch_timeout: Duration::from_secs(5) }
    }
}

/// One issuer's keys over time. Pinned keys never age.
#[derive(Clone)]
pub(crate) struct KeyRing(Arc<Ring>);

struct Ring {
    issuer: String,
    source: KeySource,
    policy: KeyPolicy,
    fetch: Arc<dyn Fetch>,
    held: RwLock<Option<Held>>,
    /// Held during a fetch, so that there is one at a time.
    turn: Arc<Mutex<Turn>>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<KeySet>,
    /// Absent for pinned keys.
    fetched: Option<Time>,
}

#[derive(Default)]
struct Turn {
    attempted: Option<Time>,
    failed: bool,
}

/// What is known of the last fetch.
enum Asked {
    UnderWay,
    Failed,
    Answered,
}

impl Turn {
    /// Was the last fetch so short a time ago that there is none now?
    fn is_spent(&self, policy: &KeyPolicy, now: Time) -> bool {
        self.attempted.is_some_and(|at| now.seconds_since(at) < policy.refetch_interval_s)
    }
}

impl KeyRing {
    pub fn new(
        issuer: &str,
        source: &KeySource,
        policy: KeyPolicy,
        fetch: Arc<dyn Fetch>,
    ) -> Result<Self, KeySetError> {
        let held = match source {
            KeySource::Pinned(text) => Some(Held { keys: Arc::new(KeySet::parse(text.as_bytes())?), fetched: None }),
            KeySource::Discovery { .. } | KeySource::Url(_) => None,
        };
        let (issuer, source, held) = (issuer.to_owned(), source.clone(), RwLock::new(held));
        Ok(Self(Arc::new(Ring { issuer, source, policy, fetch, held, turn: Arc::default() })))
    }

    /// The key for a token's header, at once: whoever named it is a stranger still, and nobody waits for a stranger.
    /// Where there are no keys, or the id is unknown, or a refresh is due, a fetch begins beside the request, never
    /// more often than the policy says. Until it has ended nobody can tell whether the key exists.
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm, now: Time) -> Result<Arc<Key>, Reason> {
        if let Some(held) = self.0.current(now) {
            match held.keys.find(kid, algorithm) {
                Lookup::Unknown if held.fetched.is_some() => {}
                lookup => {
                    // Wiring's timer keeps them fresh; without one, every now and then a request starts it.
                    if self.0.is_due(self.0.policy.refresh_s.saturating_mul(2), now) {
                        self.fetch_beside(now);
                    }
                    return lookup.or_unknown();
                }
            }
        }
        match (self.fetch_beside(now), self.0.current(now)) {
            // Looked up again: that fetch may have ended since.
            (Asked::Answered, Some(held)) => held.keys.find(kid, algorithm).or_unknown(),
            // The key may exist; we could not ask, or do not know yet.
            (Asked::Answered, None) | (Asked::Failed | Asked::UnderWay, _) => Err(Reason::CredentialKeys),
        }
    }

    /// Begins a fetch unless one is under way or was a moment ago. Says what is known of the last one.
    fn fetch_beside(&self, now: Time) -> Asked {
        let Ok(mut turn) = Arc::clone(&self.0.turn).try_lock_owned() else { return Asked::UnderWay };
        if turn.is_spent(&self.0.policy, now) {
            return if turn.failed { Asked::Failed } else { Asked::Answered };
        }
        let ring = Arc::clone(&self.0);
        // Bounded by its timeout, and by the turn that it holds.
        tokio::spawn(async move { ring.fetch_once(&mut turn, now).await });
        Asked::UnderWay
    }

    /// Fetches if there are no keys or a refresh is due, and nobody is fetching. Failure changes nothing until keys
    /// are too old.
    pub async fn refresh(&self, now: Time) {
        if (self.0.held().is_none() || self.0.is_due(self.0.policy.refresh_s, now))
            && let Ok(mut turn) = self.0.turn.try_lock()
        {
            self.0.fetch_once(&mut turn, now).await;
        }
    }

    /// Fetches the first time, for a start that wants to know early whether keys can be had.
    pub async fn warm(&self, now: Time) -> Result<(), Reason> {
        if self.0.current(now).is_none() {
            // Waits for whoever is fetching, then fetches unless that was just done.
            self.0.fetch_once(&mut *self.0.turn.lock().await, now).await;
        }
        self.0.current(now).map(|_| ()).ok_or(Reason::CredentialKeys)
    }

    /// Does the key still count? A cached token goes with its key.
    pub fn holds(&self, id: &KeyId, now: Time) -> bool {
        self.0.current(now).is_some_and(|held| held.keys.holds(id))
    }
}

impl Ring {
    fn held(&self) -> Option<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn current(&self, now: Time) -> Option<Held> {
        let young = |held: &Held| held.fetched.is_none_or(|at| now.seconds_since(at) < self.policy.max_age_s);
        self.held().filter(young)
    }

    /// Are there fetched keys of this age?
    fn is_due(&self, age_s: u64, now: Time) -> bool {
        let due = |held: &Held| held.fetched.is_some_and(|at| now.seconds_since(at) >= age_s);
        self.held().as_ref().is_some_and(due)
    }

    async fn fetch_once(&self, turn: &mut Turn, now: Time) {
        if turn.is_spent(&self.policy, now) {
            return;
        }
        // Written first: what is cancelled while it fetches has still used the turn.
        (turn.attempted, turn.failed) = (Some(now), true);
        let fetched = tokio::time::timeout(self.policy.fetch_timeout, self.fetched()).await;
        if let Ok(Some(keys)) = fetched {
            let held = Held { keys: Arc::new(keys), fetched: Some(now) };
            *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
            turn.failed = false;
        }
    }

    async fn fetched(&self) -> Option<KeySet> {
        let url = match &self.source {
            KeySource::Pinned(_) => return None,
            KeySource::Url(url) => url.clone(),
            KeySource::Discovery { other_hosts } => self.discovered(other_hosts).await?,
        };
        KeySet::parse(&self.fetch.get(&url).await.ok()?).ok()
    }

    /// OpenID Connect Discovery 1.0 section 4: the document must name the issuer we asked for.
    async fn discovered(&self, other_hosts: &[String]) -> Option<String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document = strict::object(&self.fetch.get(&url).await.ok()?)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let (issuer, keys) = (text("issuer")?, text("jwks_uri")?);
        let host = https_host(keys)?;
        let expected = https_host(&self.issuer) == Some(host) || other_hosts.iter().any(|other| other == host);
        (issuer == self.issuer && expected).then(|| keys.to_owned())
    }
}

/// Host and port of an https URL without user, space or anything else a client might read differently.
pub(crate) fn https_host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]".contains(&b);
    let visible = url.bytes().all(|b| b.is_ascii_graphic() && !b"\\<>\"".contains(&b));
    (visible && !host.is_empty() && host.bytes().all(plain)).then_some(host)
}
