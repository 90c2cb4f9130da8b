//! What the tests stand on: a fixed time, keys of every kind, forged tokens with real signatures, a fake issuer.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{
    Bearer, Caller, Clock, Fetch, FetchError, IssuerNames, IssuerSettings, KeySource, Offline, Peer, Profile, Settings,
    Verifier,
};
use lexicon::{Reason, Time};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// 2026-11-21T10:30:00Z; no test reads a clock.
pub const NOW: Time = Time::from_seconds(1_795_257_000);
pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://localhost:8443/fhir";

pub fn clock(at: Time) -> Clock {
    Arc::new(move || at)
}

pub enum Signer {
    Es256(EcdsaKeyPair),
    Es384(EcdsaKeyPair),
    Rs256(RsaKeyPair),
    Ps256(RsaKeyPair),
    Ed(Ed25519KeyPair),
    /// HMAC-SHA256 with these bytes as the secret.
    Hs256(Vec<u8>),
    Nothing,
}

impl Signer {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
    }

    pub fn es384() -> Self {
        Self::Es384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).expect("a key"))
    }

    pub fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().expect("a key"))
    }

    fn rsa_pkcs8(size: aws_lc_rs::rsa::KeySize) -> Vec<u8> {
        let key = aws_lc_rs::rsa::KeyPair::generate(size).expect("a key");
        AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).expect("DER").as_ref().to_vec()
    }

    pub fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::from_pkcs8(&shared_rsa()).expect("a key"))
    }

    pub fn ps256() -> Self {
        Self::Ps256(RsaKeyPair::from_pkcs8(&shared_rsa()).expect("a key"))
    }

    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Es384(_) => "ES384",
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
            Self::Ed(_) => "EdDSA",
            Self::Hs256(_) => "HS256",
            Self::Nothing => "none",
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) | Self::Es384(key) => key.sign(&random, message).expect("signs").as_ref().to_vec(),
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) | Self::Ps256(key) => {
                let padding = if matches!(self, Self::Rs256(_)) { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding as &dyn aws_lc_rs::signature::RsaEncoding, &random, message, &mut signature)
                    .expect("signs");
                signature
            }
            Self::Hs256(secret) => {
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
                aws_lc_rs::hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Nothing => Vec::new(),
        }
    }

    /// The public key's bytes, as a forger would use them for a secret.
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) | Self::Es384(key) => key.public_key().as_ref().to_vec(),
            Self::Rs256(key) | Self::Ps256(key) => key.public_key().as_ref().to_vec(),
            Self::Ed(key) => key.public_key().as_ref().to_vec(),
            Self::Hs256(_) | Self::Nothing => Vec::new(),
        }
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = self.public();
        match self {
            Self::Es256(_) => {
                let (x, y) = public[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": b64(x), "y": b64(y) })
            }
            Self::Es384(_) => {
                let (x, y) = public[1..].split_at(48);
                json!({ "kty": "EC", "crv": "P-384", "kid": kid, "use": "sig", "x": b64(x), "y": b64(y) })
            }
            Self::Rs256(key) | Self::Ps256(key) => {
                let n = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
                let e = key.public_key().exponent().big_endian_without_leading_zero().to_vec();
                json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": b64(&n), "e": b64(&e) })
            }
            Self::Ed(_) => json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": b64(&public) }),
            Self::Hs256(secret) => json!({ "kty": "oct", "kid": kid, "k": b64(secret) }),
            Self::Nothing => json!({}),
        }
    }
}

/// Made once: RSA keys are slow to make.
fn shared_rsa() -> Vec<u8> {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    KEY.get_or_init(|| Signer::rsa_pkcs8(aws_lc_rs::rsa::KeySize::Rsa2048)).clone()
}

pub fn jwks(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// A token of exactly these parts.
pub fn forge(header: &Value, claims: &Value, signer: &Signer) -> String {
    forge_text(&header.to_string(), &claims.to_string(), signer)
}

pub fn forge_text(header: &str, claims: &str, signer: &Signer) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())))
}

pub fn header(signer: &Signer, kid: &str) -> Value {
    json!({ "typ": "at+jwt", "alg": signer.algorithm(), "kid": kid })
}

/// A nurse's good claims.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "nurse-1", "client_id": "ehr", "jti": "j-1",
        "iat": NOW.seconds(), "exp": NOW.seconds() + 900, "scope": "user/Patient.rs openid",
        "roles": ["nurse"], "fhirUser": "Practitioner/nurse-1", "department": "dept-cardiology",
        "acr": "phr", "amr": ["pwd", "mfa"], "auth_time": NOW.seconds() - 60,
    })
}

/// `base` with members replaced; `null` removes one.
pub fn with(mut base: Value, changes: Value) -> Value {
    let (Value::Object(object), Value::Object(changes)) = (&mut base, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value.is_null() {
            object.remove(&name)
        } else {
            object.insert(name, value)
        };
    }
    base
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => panic!("an object"),
    }
}

pub fn issuer(profile: Profile, keys: KeySource) -> IssuerSettings {
    IssuerSettings::new(IssuerNames { name: "test", url: ISSUER, audience: AUDIENCE }, profile, keys)
}

pub fn settings(issuer: IssuerSettings) -> Settings {
    Settings::new(vec![issuer], vec![AUDIENCE.to_owned()])
}

pub fn verifier(issuer: IssuerSettings) -> Verifier {
    Verifier::new(settings(issuer), Arc::new(Offline)).expect("good settings")
}

/// A generic issuer with one pinned key `k1`.
pub fn pinned(signer: &Signer) -> Verifier {
    verifier(issuer(Profile::Generic, KeySource::Pinned(jwks(&[signer.jwk("k1")]))))
}

pub fn bearer(token: &str) -> Result<Bearer, Reason> {
    Bearer::from_header(format!("Bearer {token}").as_bytes())
}

pub async fn present(verifier: &Verifier, token: &str, peer: &Peer) -> Result<Caller, Reason> {
    verifier.verify(&bearer(token)?, peer, NOW).await
}

pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

pub fn verdict(verifier: &Verifier, token: &str) -> Result<(), Reason> {
    run(present(verifier, token, &Peer::default())).map(|_| ())
}

/// An issuer on the far side of a fetch: answers by URL, counts, can be down.
#[derive(Default)]
pub struct Far {
    pub answers: Mutex<HashMap<String, String>>,
    pub fetches: AtomicUsize,
    pub asked: Mutex<Vec<String>>,
}

impl Far {
    pub fn answer(&self, url: &str, body: &str) {
        self.answers.lock().expect("lock").insert(url.to_owned(), body.to_owned());
    }

    pub fn fall_silent(&self) {
        self.answers.lock().expect("lock").clear();
    }

    pub fn count(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Fetch for Far {
    fn get(&self, url: &str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + '_>> {
        let url = url.to_owned();
        Box::pin(async move {
            self.fetches.fetch_add(1, Ordering::SeqCst);
            self.asked.lock().expect("lock").push(url.clone());
            // Others get their turn, as they do while a real fetch waits.
            tokio::task::yield_now().await;
            let answers = self.answers.lock().expect("lock");
            answers.get(&url).map(|body| body.clone().into_bytes()).ok_or(FetchError)
        })
    }
}
