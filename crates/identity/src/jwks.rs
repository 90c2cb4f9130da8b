//! An issuer's public keys (RFC 7517). What does not fit a signature algorithm we know is left out; what is
//! dangerous (a private key in a published set) refuses the whole set.

mod rotation;

pub use rotation::{Fetch, FetchError, KeyPolicy, KeySource, Offline};
pub(crate) use rotation::{KeyRing, https_host};

use crate::algorithm::Algorithm;
use crate::strict;
use crate::tls::sha256;
use aws_lc_rs::signature as raw;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use lexicon::Reason;
use serde_json::{Map, Value};
use std::sync::Arc;

const LARGEST_SET: usize = 256 * 1024;
const MOST_KEYS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("the key set is not one strict JSON object with a `keys` array")]
    Malformed,
    #[error("the key set is larger than 256 KiB or has more than 64 keys")]
    TooLarge,
    #[error("the key set contains private key material; replace those keys at the issuer at once")]
    PrivateKey,
    #[error("the key set has no public signature key that can be used here")]
    Empty,
}

/// The parts of a public key that a signature check needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Shape {
    const fn fits(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Es256 => matches!(self, Self::P256),
            Algorithm::Es384 => matches!(self, Self::P384),
            Algorithm::EdDsa => matches!(self, Self::Ed25519),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => matches!(self, Self::Rsa),
        }
    }
}

/// Which key verified a token: a digest of everything the set says of it.
pub(crate) type KeyId = [u8; 32];

pub(crate) struct Key {
    id: KeyId,
    kid: Option<String>,
    algorithm: Option<Algorithm>,
    shape: Shape,
    material: DecodingKey,
}

impl Key {
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.shape.fits(algorithm) && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Is `signature` this key's over `message`, under exactly `algorithm`?
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        self.fits(algorithm)
            && (DEFAULT_PROVIDER.verifier_factory)(&algorithm.jwa(), &self.material)
                .is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

pub(crate) struct KeySet(Vec<Arc<Key>>);

/// What a set says of a key id and algorithm.
pub(crate) enum Lookup {
    Found(Arc<Key>),
    /// No key has this id, or none was named and there are several: newer keys may.
    Unknown,
    /// The named key exists, and is not for this algorithm. No refetch helps.
    Unfit,
}

impl KeySet {
    pub fn parse(text: &[u8]) -> Result<Self, KeySetError> {
        if text.len() > LARGEST_SET {
            return Err(KeySetError::TooLarge);
        }
        let set = strict::object(text).ok_or(KeySetError::Malformed)?;
        let entries = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::Malformed)?;
        if entries.len() > MOST_KEYS {
            return Err(KeySetError::TooLarge);
        }
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry.as_object().ok_or(KeySetError::Malformed)?;
            let public = entry.get("kty").and_then(Value::as_str) != Some("oct");
            if public && ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| entry.contains_key(*name)) {
                return Err(KeySetError::PrivateKey);
            }
            keys.extend(key(entry).map(Arc::new));
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Lookup {
        let named: Vec<_> = match (kid, self.0.as_slice()) {
            (None, [only]) => vec![only],
            (None, _) => return Lookup::Unknown,
            (Some(kid), keys) => keys.iter().filter(|key| key.kid.as_deref() == Some(kid)).collect(),
        };
        let mut fitting = named.iter().filter(|key| key.fits(algorithm));
        match (named.is_empty(), fitting.next(), fitting.next()) {
            (true, ..) => Lookup::Unknown,
            (_, Some(only), None) => Lookup::Found(Arc::clone(only)),
            // Two keys under one id that both fit: which one was meant cannot be told.
            (_, Some(_), Some(_)) | (_, None, _) => Lookup::Unfit,
        }
    }

    pub fn holds(&self, id: &KeyId) -> bool {
        self.0.iter().any(|key| key.id == *id)
    }
}

impl Lookup {
    fn or_unknown(self) -> Result<Arc<Key>, Reason> {
        match self {
            Self::Found(key) => Ok(key),
            Self::Unknown => Err(Reason::CredentialKey),
            Self::Unfit => Err(Reason::CredentialAlgorithm),
        }
    }
}

/// A usable signature key, or nothing: RFC 7517 section 5 says to ignore what is not understood.
fn key(entry: &Map<String, Value>) -> Option<Key> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    if entry.contains_key("use") && text("use") != Some("sig") {
        return None;
    }
    if let Some(operations) = entry.get("key_ops") {
        let verify = |operation: &Value| operation.as_str() == Some("verify");
        operations.as_array()?.iter().any(verify).then_some(())?;
    }
    let algorithm = match entry.get("alg") {
        Some(name) => Some(Algorithm::from_name(name.as_str()?)?),
        None => None,
    };
    let kid = match entry.get("kid") {
        Some(kid) => Some(kid.as_str()?.to_owned()),
        None => None,
    };
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let (shape, material, public) = match (text("kty")?, text("crv")) {
        ("RSA", None) => {
            let (n, e) = (bytes("n")?, bytes("e")?);
            let material = DecodingKey::from_rsa_raw_components(&n, &e);
            rsa_is_strong(&n, &e).then(|| (Shape::Rsa, material, [n, e].concat()))?
        }
        ("EC", Some("P-256")) => point(Shape::P256, &raw::ECDSA_P256_SHA256_FIXED, &[bytes("x")?, bytes("y")?])?,
        ("EC", Some("P-384")) => point(Shape::P384, &raw::ECDSA_P384_SHA384_FIXED, &[bytes("x")?, bytes("y")?])?,
        ("OKP", Some("Ed25519")) => {
            let x = bytes("x")?;
            raw::ParsedPublicKey::new(&raw::ED25519, &x).ok()?;
            (Shape::Ed25519, DecodingKey::from_ed_der(&x), x)
        }
        _ => return None,
    };
    if algorithm.is_some_and(|algorithm| !shape.fits(algorithm)) {
        return None;
    }
    let named = format!("{:?}|{:?}|", kid, algorithm);
    let id = sha256(&[named.as_bytes(), &public].concat());
    Some(Key { id, kid, algorithm, shape, material })
}

/// 2048 to 8192 bits and an odd exponent of at least 3; the library checks the rest.
fn rsa_is_strong(n: &[u8], e: &[u8]) -> bool {
    let leading = n.first().copied().unwrap_or(0);
    let exponent = e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1) && e != [1];
    leading >= 0x80 && (256..=1024).contains(&n.len()) && exponent
}

type Part = (Shape, DecodingKey, Vec<u8>);

/// An uncompressed point (SEC 1 section 2.3.3), checked to lie on the curve.
fn point(shape: Shape, curve: &'static raw::EcdsaVerificationAlgorithm, coordinates: &[Vec<u8>; 2]) -> Option<Part> {
    let [x, y] = coordinates;
    let size = if shape == Shape::P256 { 32 } else { 48 };
    if x.len() != size || y.len() != size {
        return None;
    }
    let public = [&[4], x.as_slice(), y.as_slice()].concat();
    raw::ParsedPublicKey::new(curve, &public).ok()?;
    Some((shape, DecodingKey::from_ec_der(&public), public))
}
