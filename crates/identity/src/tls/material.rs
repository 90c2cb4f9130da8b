//! Certificates and keys as configured, and what a verified certificate says.

use super::provider;
use super::spiffe::SpiffeId;
use lexicon::Time;
use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use x509_parser::extensions::GeneralName;
use zeroize::Zeroizing;

#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    #[error("cannot read `{path}`; check that it exists and may be read")]
    Unreadable {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("no certificate in the PEM text; it needs at least one `BEGIN CERTIFICATE` block")]
    NoCertificate,
    #[error("no private key in the PEM text; PKCS#8, SEC1 and PKCS#1 are read, encrypted keys are not")]
    NoKey,
    #[error("the private key is of no supported kind, or belongs to another certificate")]
    KeyMismatch,
    #[error("a certificate cannot be parsed or cannot be a trust anchor")]
    BadCertificate,
    #[error("the TLS settings contradict each other")]
    Settings(#[source] rustls::Error),
    #[error("`{0}` is neither a DNS name nor an address")]
    Name(String),
}

pub struct Pem<'a> {
    pub chain: &'a [u8],
    pub key: &'a [u8],
}

pub struct PemFiles<'a> {
    pub chain: &'a Path,
    pub key: &'a Path,
}

/// Our own certificate chain with its private key. `Debug` is blank.
#[derive(Clone)]
pub struct Material(pub(super) Arc<CertifiedKey>);

impl Material {
    pub fn from_pem(pem: &Pem<'_>) -> Result<Self, MaterialError> {
        let chain = certificates(pem.chain)?;
        let key = PrivateKeyDer::from_pem_slice(pem.key).map_err(|_| MaterialError::NoKey)?;
        // Also refuses a key that belongs to another certificate.
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|_| MaterialError::KeyMismatch)?;
        Ok(Self(Arc::new(certified)))
    }

    pub fn from_files(files: &PemFiles<'_>) -> Result<Self, MaterialError> {
        let chain = read(files.chain)?;
        let key = Zeroizing::new(read(files.key)?);
        Self::from_pem(&Pem { chain: &chain, key: &key })
    }

    /// `notAfter` of our own certificate, so that wiring can warn and renew in time.
    pub fn expires(&self) -> Option<Time> {
        self.0.cert.first().and_then(Leaf::read).map(|leaf| leaf.not_after)
    }

    /// SHA-256 of our own certificate (`x5t#S256`).
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.0.cert.first().map(|leaf| sha256(leaf))
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Material")
    }
}

/// Trust anchors.
#[derive(Clone)]
pub struct Bundle(pub(super) Arc<RootCertStore>);

impl Bundle {
    pub fn from_pem(pem: &[u8]) -> Result<Self, MaterialError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|_| MaterialError::BadCertificate)?;
        }
        Ok(Self(Arc::new(roots)))
    }

    pub fn from_file(path: &Path) -> Result<Self, MaterialError> {
        Self::from_pem(&read(path)?)
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bundle({})", self.0.len())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, MaterialError> {
    std::fs::read(path).map_err(|source| MaterialError::Unreadable { path: path.display().to_string(), source })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| MaterialError::NoCertificate)?;
    if chain.is_empty() { Err(MaterialError::NoCertificate) } else { Ok(chain) }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// What we read of an end-entity certificate.
pub(super) struct Leaf {
    /// The one SPIFFE id; absent when there is no URI name, more than one, or one of another form
    /// (X.509-SVID section 2: exactly one URI name).
    pub spiffe: Option<SpiffeId>,
    pub fingerprint: [u8; 32],
    pub not_after: Time,
}

impl Leaf {
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let names = certificate.subject_alternative_name().ok()?.map(|san| san.value.general_names.as_slice());
        let mut uris = names.unwrap_or_default().iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let spiffe = match (uris.next(), uris.next()) {
            (Some(only), None) => SpiffeId::new(only),
            _ => None,
        };
        let not_after = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        Some(Self { spiffe, fingerprint: sha256(der), not_after: Time::from_seconds(not_after) })
    }
}
