//! The development issuer: signs access tokens for the personas of `up`. Its URL can never be anybody's (RFC 6761
//! reserves `.invalid`), and `run` refuses it (decision 23).

use crate::authority::{AuthorityError, read_owned, write_new};
use crate::tls::sha256;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use lexicon::Time;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Map, Value, json};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// `iss` of every token it signs.
pub const DEVELOPMENT_ISSUER: &str = "https://dev.lazaret.invalid";
const KEY_FILE: &str = "issuer.key";

#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error(transparent)]
    File(#[from] AuthorityError),
    #[error("`{path}` is not a P-256 key this issuer wrote; restore it or start a new folder")]
    Unusable { path: String },
    #[error("the token could not be signed")]
    Signing,
}

/// The issuer of one data folder.
pub struct DevelopmentIssuer {
    key: EncodingKey,
    kid: String,
    jwks: String,
}

impl DevelopmentIssuer {
    /// Makes a new key in `folder` (`issuer.key`). Never overwrites one.
    pub fn create(folder: &Path) -> Result<Self, IssuerError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::from)?;
        let path = folder.join(KEY_FILE);
        write_new(&path, Zeroizing::new(key.serialize_pem()).as_bytes(), 0o600)?;
        Self::from_key(&key, &path)
    }

    pub fn open(folder: &Path) -> Result<Self, IssuerError> {
        let path = folder.join(KEY_FILE);
        let pem = Zeroizing::new(read_owned(&path)?);
        let key = KeyPair::from_pem_and_sign_algo(&pem, &PKCS_ECDSA_P256_SHA256).map_err(|_| unusable(&path))?;
        Self::from_key(&key, &path)
    }

    fn from_key(key: &KeyPair, path: &Path) -> Result<Self, IssuerError> {
        let point = key.public_key_raw().strip_prefix(&[4]).filter(|xy| xy.len() == 64);
        let (x, y) = point.map(|xy| xy.split_at(32)).ok_or_else(|| unusable(path))?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638: the thumbprint of the required members in this order.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y });
        let jwks = json!({ "keys": [jwk] }).to_string();
        Ok(Self { key: EncodingKey::from_ec_der(key.serialized_der()), kid, jwks })
    }

    /// The public key set, to be pinned.
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// Signs an RFC 9068 access token with these claims. `iss`, `iat`, `exp` and `jti` are the issuer's own.
    pub fn mint(&self, claims: &Map<String, Value>, now: Time, lifetime_s: u64) -> Result<String, IssuerError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| IssuerError::Signing)?;
        let mut claims = claims.clone();
        claims.insert("iss".to_owned(), DEVELOPMENT_ISSUER.into());
        claims.insert("iat".to_owned(), now.seconds().into());
        claims.insert("exp".to_owned(), now.plus_seconds(lifetime_s).seconds().into());
        claims.insert("jti".to_owned(), URL_SAFE_NO_PAD.encode(id).into());
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&Value::Object(claims)));
        let signature = sign(&self.key, signed.as_bytes()).ok_or(IssuerError::Signing)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for DevelopmentIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevelopmentIssuer")
    }
}

fn sign(key: &EncodingKey, message: &[u8]) -> Option<Vec<u8>> {
    let signer = (DEFAULT_PROVIDER.signer_factory)(&jsonwebtoken::Algorithm::ES256, key).ok()?;
    signer.try_sign(message).ok()
}

fn unusable(path: &Path) -> IssuerError {
    IssuerError::Unusable { path: path.display().to_string() }
}
