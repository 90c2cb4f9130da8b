//! Keys come and go at the issuer; floods and outages must not matter.

use crate::stage::{
    AUDIENCE, Far, ISSUER, NOW, Signer, bearer, claims, forge, header, issuer, jwks, run, settings, with,
};
use identity::{Fetch, FetchError, KeyPolicy, KeySource, Peer, Profile, Verifier};
use lexicon::Reason;
use serde_json::json;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const DISCOVERY: &str = "https://issuer.example/.well-known/openid-configuration";
const KEYS: &str = "https://issuer.example/keys";

struct Stage {
    far: Arc<Far>,
    verifier: Arc<Verifier>,
    runtime: tokio::runtime::Runtime,
}

/// Lets what was begun beside a request come to its end.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// A fresh token each time, so that no cache answers.
async fn verify(verifier: &Verifier, (key, kid): (&Signer, &str), after_s: u64) -> Result<(), Reason> {
    let now = NOW.plus_seconds(after_s);
    let fresh = json!({ "iat": now.seconds(), "exp": now.seconds() + 900, "jti": format!("{kid}-{after_s}") });
    let token = forge(&header(key, kid), &with(claims(), fresh), key);
    verifier.verify(&bearer(&token)?, &Peer::default(), now).await.map(|_| ())
}

impl Stage {
    fn new(source: KeySource) -> Self {
        let far = Arc::new(Far::default());
        let fetch: Arc<dyn Fetch> = Arc::clone(&far) as Arc<dyn Fetch>;
        let verifier = Verifier::new(settings(issuer(Profile::Generic, source)), fetch).expect("good settings");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { far, verifier: Arc::new(verifier), runtime }
    }

    fn at_url() -> Self {
        Self::new(KeySource::Url(KEYS.to_owned()))
    }

    fn discovering() -> Self {
        Self::new(KeySource::Discovery { other_hosts: vec!["keys.example".to_owned()] })
    }

    fn holds(&self, keys: &[(&Signer, &str)]) {
        self.far.answer(KEYS, &jwks(&keys.iter().map(|(key, kid)| key.jwk(kid)).collect::<Vec<_>>()));
    }

    /// The verdict at once, before any fetch that it begins has ended.
    fn at_once(&self, key: &Signer, kid: &str, after_s: u64) -> Result<(), Reason> {
        self.runtime.block_on(verify(&self.verifier, (key, kid), after_s))
    }

    /// The verdict of one who tries again when the fetch has ended.
    fn verdict(&self, key: &Signer, kid: &str, after_s: u64) -> Result<(), Reason> {
        self.runtime.block_on(async {
            let _first = verify(&self.verifier, (key, kid), after_s).await;
            settle().await;
            verify(&self.verifier, (key, kid), after_s).await
        })
    }
}

#[test]
fn a_new_key_is_found_and_an_old_one_goes_when_it_vanishes() {
    let (old, new) = (Signer::es256(), Signer::es256());
    let stage = Stage::at_url();
    stage.holds(&[(&old, "old")]);
    assert_eq!(stage.verdict(&old, "old", 0), Ok(()));
    stage.holds(&[(&old, "old"), (&new, "new")]);
    assert_eq!(stage.verdict(&new, "new", 60), Ok(()));
    assert_eq!(stage.verdict(&old, "old", 61), Ok(()), "still published");
    assert_eq!(stage.far.count(), 2);
    stage.holds(&[(&new, "new")]);
    assert_eq!(stage.verdict(&new, "new", 1859), Ok(()), "not due for requests, and no timer runs");
    assert_eq!(stage.far.count(), 2);
    assert_eq!(stage.verdict(&new, "new", 1860), Ok(()), "the periodic refresh");
    assert_eq!(stage.far.count(), 3);
    assert_eq!(stage.verdict(&old, "old", 1861), Err(Reason::CredentialKey));
    assert_eq!(stage.far.count(), 3, "asked a second ago");
}

#[test]
fn a_remembered_token_goes_with_its_key() {
    let (old, new) = (Signer::es256(), Signer::es256());
    let stage = Stage::at_url();
    stage.holds(&[(&old, "old")]);
    let long = with(claims(), json!({ "exp": NOW.seconds() + 3600 }));
    let bearer = bearer(&forge(&header(&old, "old"), &long, &old)).expect("a token");
    assert!(stage.runtime.block_on(stage.verifier.warm(NOW)).is_empty());
    let at =
        |after_s| stage.runtime.block_on(stage.verifier.verify(&bearer, &Peer::default(), NOW.plus_seconds(after_s)));
    let caller = at(0).expect("good");
    stage.holds(&[(&new, "new")]);
    assert!(at(100).is_ok(), "not fetched yet");
    stage.runtime.block_on(stage.verifier.refresh(NOW.plus_seconds(900)));
    assert_eq!(at(901).err(), Some(Reason::CredentialKey));
    assert_eq!(stage.verifier.still_stands(&caller, NOW.plus_seconds(901)), Err(Reason::CredentialKey));
    // The same id with another key behind it is another key.
    stage.holds(&[(&new, "old")]);
    stage.runtime.block_on(stage.verifier.refresh(NOW.plus_seconds(1900)));
    assert_eq!(at(1901).err(), Some(Reason::CredentialSignature));
}

#[test]
fn a_flood_of_unknown_keys_is_one_fetch() {
    let (known, stranger) = (Signer::es256(), Signer::es256());
    let stage = Stage::at_url();
    stage.holds(&[(&known, "known")]);
    assert_eq!(stage.verdict(&known, "known", 0), Ok(()));
    stage.runtime.block_on(async {
        // All at once: nobody waits, nobody is told that a key does not exist before the issuer was asked.
        let mut flood = tokio::task::JoinSet::new();
        let stranger = Arc::new(stranger);
        for n in 0..200 {
            let (verifier, stranger) = (Arc::clone(&stage.verifier), Arc::clone(&stranger));
            flood.spawn(async move { verify(&verifier, (&stranger, &format!("no-{n}")), 60).await });
        }
        while let Some(verdict) = flood.join_next().await {
            let verdict = verdict.expect("no panic");
            assert!(matches!(verdict, Err(Reason::CredentialKeys | Reason::CredentialKey)));
        }
        settle().await;
        assert_eq!(stage.far.count(), 2);
        // One after the other over ten minutes: one fetch in each half minute at most.
        for second in 61..661 {
            let kid = format!("no-{second}");
            let first = verify(&stage.verifier, (&stranger, &kid), second).await;
            let begins = (second - 60) % 30 == 0;
            assert_eq!(first, Err(if begins { Reason::CredentialKeys } else { Reason::CredentialKey }), "{second}");
            settle().await;
            let again = verify(&stage.verifier, (&stranger, &kid), second).await;
            assert_eq!(again, Err(Reason::CredentialKey), "{second}");
        }
        assert_eq!(stage.far.count(), 2 + 20);
        let known = verify(&stage.verifier, (&known, "known"), 662).await;
        assert_eq!(known, Ok(()), "the known do not suffer");
        assert!(stage.far.asked.lock().expect("lock").iter().all(|url| url == KEYS), "no key id is ever in a URL");
    });
}

/// An issuer that answers when it is told to.
struct Slow {
    far: Far,
    gate: tokio::sync::Semaphore,
}

impl Fetch for Slow {
    fn get(&self, url: &str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>> {
        let url = url.to_owned();
        Box::pin(async move {
            self.gate.acquire().await.map_err(|_| FetchError)?.forget();
            self.far.get(&url).await
        })
    }
}

/// Whoever holds a seat while an issuer is slow holds it from somebody. Each verdict here is reached in one poll.
#[test]
fn nobody_waits_for_keys() {
    let (known, new) = (Signer::es256(), Signer::es256());
    let slow = Arc::new(Slow { far: Far::default(), gate: tokio::sync::Semaphore::new(1) });
    slow.far.answer(KEYS, &jwks(&[known.jwk("known")]));
    let fetch: Arc<dyn Fetch> = Arc::clone(&slow) as Arc<dyn Fetch>;
    let issuer = issuer(Profile::Generic, KeySource::Url(KEYS.to_owned()));
    let verifier = Verifier::new(settings(issuer), fetch).expect("good settings");
    run(async {
        let at = |key, kid, after_s| verify(&verifier, (key, kid), after_s).now_or_never();
        assert_eq!(at(&known, "known", 0), Err(Reason::CredentialKeys), "no keys at all yet");
        settle().await;
        assert_eq!(at(&known, "known", 0), Ok(()));
        slow.far.answer(KEYS, &jwks(&[known.jwk("known"), new.jwk("new")]));
        for _ in 0..100 {
            assert_eq!(at(&new, "new", 60), Err(Reason::CredentialKeys), "asked, not answered");
            settle().await;
            assert_eq!(at(&known, "known", 60), Ok(()), "the known do not wait either");
        }
        assert_eq!(slow.far.count(), 1, "one fetch waits, and no second one");
        slow.gate.add_permits(1);
        settle().await;
        assert_eq!(at(&new, "new", 60), Ok(()), "the client's next try");
        assert_eq!(at(&new, "no", 61), Err(Reason::CredentialKey), "the issuer was just asked");
        assert_eq!(slow.far.count(), 2);
        // Old keys go on counting while newer ones are fetched.
        assert_eq!(at(&known, "known", 60 + 1800), Ok(()));
        settle().await;
        assert_eq!(at(&known, "known", 60 + 1801), Ok(()));
        assert_eq!(slow.far.count(), 2, "that fetch waits at the gate");
    });
}

/// The verdict of a future that never waits.
trait Now: Future {
    fn now_or_never(self) -> Self::Output;
}

impl<F: Future> Now for F {
    fn now_or_never(self) -> Self::Output {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(self).poll(&mut context) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => panic!("it waits"),
        }
    }
}

/// A start that could not fetch is made good by the timer, without a request.
#[test]
fn the_timer_fetches_what_is_missing() {
    let key = Signer::es256();
    let stage = Stage::at_url();
    assert_eq!(stage.runtime.block_on(stage.verifier.warm(NOW)), ["test"]);
    stage.holds(&[(&key, "k")]);
    stage.runtime.block_on(stage.verifier.refresh(NOW.plus_seconds(29)));
    assert_eq!(stage.far.count(), 1, "asked half a minute ago");
    stage.runtime.block_on(stage.verifier.refresh(NOW.plus_seconds(60)));
    assert_eq!(stage.at_once(&key, "k", 60), Ok(()));
}

#[test]
fn keys_that_cannot_be_had() {
    let key = Signer::es256();
    let policy = KeyPolicy::default();
    let stage = Stage::at_url();
    assert_eq!(stage.verdict(&key, "k", 0), Err(Reason::CredentialKeys));
    assert_eq!(stage.runtime.block_on(stage.verifier.warm(NOW)), ["test"]);
    stage.holds(&[(&key, "k")]);
    assert_eq!(stage.verdict(&key, "k", 1), Err(Reason::CredentialKeys), "asked a second ago");
    assert_eq!(stage.far.count(), 1);
    assert_eq!(stage.verdict(&key, "k", 30), Ok(()));
    assert!(stage.runtime.block_on(stage.verifier.warm(NOW.plus_seconds(30))).is_empty());
    // An outage: what is known goes on, for a day; what is unknown cannot be told.
    stage.far.fall_silent();
    assert_eq!(stage.verdict(&key, "k", 2000), Ok(()));
    assert_eq!(stage.verdict(&key, "other", 4000), Err(Reason::CredentialKeys));
    assert_eq!(stage.verdict(&key, "k", 29 + policy.max_age_s), Ok(()));
    assert_eq!(stage.verdict(&key, "k", 30 + policy.max_age_s), Err(Reason::CredentialKeys));
    stage.holds(&[(&key, "k")]);
    assert_eq!(stage.verdict(&key, "k", 100 + policy.max_age_s), Ok(()));
}

#[test]
fn a_bad_answer_does_not_replace_good_keys() {
    let key = Signer::es256();
    let stage = Stage::at_url();
    stage.holds(&[(&key, "k")]);
    assert_eq!(stage.verdict(&key, "k", 0), Ok(()));
    let private = with(key.jwk("k"), json!({ "d": "AAAA" }));
    let too_many = jwks(&vec![key.jwk("k"); 65]);
    let too_large = format!("{}{}", jwks(&[key.jwk("k")]), " ".repeat(256 * 1024));
    let bad =
        ["", "<html>", "{}", r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#, &jwks(&[private]), &too_many, &too_large];
    for (at, answer) in bad.into_iter().enumerate() {
        stage.far.answer(KEYS, answer);
        let after_s = 1800 * (at as u64 + 1);
        assert_eq!(stage.verdict(&key, "k", after_s), Ok(()), "{answer:.60}");
        assert_eq!(stage.far.count(), at + 2);
    }
}

#[test]
fn discovery_must_name_the_issuer_and_stay_with_it() {
    let key = Signer::es256();
    let document = |issuer: &str, keys: &str| json!({ "issuer": issuer, "jwks_uri": keys }).to_string();
    let refused = Err(Reason::CredentialKeys);
    for (answer, expect) in [
        (document(ISSUER, KEYS), Ok(())),
        (document(ISSUER, "https://keys.example/k"), Ok(())),
        (document("https://issuer.example/", KEYS), refused),
        (document("https://evil.example", KEYS), refused),
        (document(ISSUER, "http://issuer.example/keys"), refused),
        (document(ISSUER, "https://evil.example/keys"), refused),
        (document(ISSUER, "https://issuer.example.evil.example/keys"), refused),
        (document(ISSUER, "https://issuer.example@evil.example/keys"), refused),
        (document(ISSUER, "https://issuer.example\\@evil.example/keys"), refused),
        (document(ISSUER, "https://issuer.example:8443/keys"), refused),
        (document(ISSUER, "file:///etc/passwd"), refused),
        (document(ISSUER, ""), refused),
        (json!({ "issuer": ISSUER }).to_string(), refused),
        (format!(r#"{{"issuer":"{ISSUER}","issuer":"{ISSUER}","jwks_uri":"{KEYS}"}}"#), refused),
        ("[]".to_owned(), refused),
    ] {
        let stage = Stage::discovering();
        stage.far.answer(DISCOVERY, &answer);
        for url in [KEYS, "https://keys.example/k", "https://evil.example/keys", "http://issuer.example/keys"] {
            stage.far.answer(url, &jwks(&[key.jwk("k")]));
        }
        assert_eq!(stage.verdict(&key, "k", 0), expect, "{answer}");
        let asked = stage.far.asked.lock().expect("lock").clone();
        assert_eq!(asked.len(), if expect.is_ok() { 2 } else { 1 }, "{asked:?}");
        assert_eq!(asked[0], DISCOVERY);
    }
}

#[test]
fn keys_that_do_not_fit_are_left_out() {
    let (ec, rsa) = (Signer::es256(), Signer::rs256());
    let short = json!({ "kty": "RSA", "kid": "k", "n": "8AAB", "e": "AQAB" });
    let off_curve = with(ec.jwk("k"), json!({ "y": "A".repeat(43) }));
    for (entry, why) in [
        (with(ec.jwk("k"), json!({ "use": "enc" })), "for encryption"),
        (with(ec.jwk("k"), json!({ "key_ops": ["sign"] })), "not for verifying"),
        (with(ec.jwk("k"), json!({ "alg": "RS256" })), "of another kind"),
        (with(ec.jwk("k"), json!({ "alg": "HS256" })), "for HMAC"),
        (with(ec.jwk("k"), json!({ "crv": "P-521" })), "an unknown curve"),
        (with(ec.jwk("k"), json!({ "crv": "P-384" })), "a wrong curve"),
        (with(ec.jwk("k"), json!({ "kid": 1 })), "without a name"),
        (off_curve, "off the curve"),
        (short, "a short RSA key"),
        (with(rsa.jwk("k"), json!({ "e": "AQ" })), "an exponent of one"),
        (with(rsa.jwk("k"), json!({ "e": "Ag" })), "an even exponent"),
        (json!({ "kty": "oct", "kid": "k", "k": "AAAA" }), "symmetric"),
        (json!({ "kty": "new", "kid": "k" }), "of an unknown kind"),
    ] {
        let stage = Stage::at_url();
        let other = Signer::es256();
        stage.far.answer(KEYS, &jwks(&[entry, other.jwk("other")]));
        assert_eq!(stage.verdict(&ec, "k", 0), Err(Reason::CredentialKey), "{why}");
        assert_eq!(stage.verdict(&other, "other", 0), Ok(()), "{why}: the rest of the set counts");
    }
}

/// Two verifiers of different generations never share what they remember, and neither do two audiences.
#[test]
fn a_generation_is_immutable() {
    let key = Signer::es256();
    let token = forge(&header(&key, "k1"), &claims(), &key);
    let mut other = issuer(Profile::Generic, KeySource::Pinned(jwks(&[key.jwk("k1")])));
    other.audience = "https://other.example/fhir".to_owned();
    let mut settings = settings(other);
    settings.generation = [1; 32];
    let verifier = Verifier::new(settings, Arc::new(identity::Offline)).expect("good settings");
    let verdict = run(verifier.verify(&bearer(&token).expect("a token"), &Peer::default(), NOW));
    assert_eq!(verdict.err(), Some(Reason::CredentialAudience), "{AUDIENCE}");
}
