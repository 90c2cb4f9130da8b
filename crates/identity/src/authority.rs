//! The development authority: a certificate authority for one data folder and one machine (decision 23).
//!
//! Its key is random for each folder. A critical name constraint limits it to `localhost`, `127.0.0.1` and `::1`, so
//! whoever trusts it trusts nothing else. URI names carry no such constraint: webpki refuses every certificate below
//! one (it cannot check them), so the trust domain is checked by the verifiers in `tls/trust.rs` instead.

use crate::tls::SpiffeId;
use lexicon::Time;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// The trust domain of everything the authority issues.
pub const TRUST_DOMAIN: &str = "lazaret.localhost";
/// Organization in the subject and issuer of everything the authority issues, so that `run` can refuse it.
const ORGANIZATION: &str = "Lazaret development";
const CERTIFICATE_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
const DAY_S: u64 = 86_400;
const AUTHORITY_DAYS: u64 = 3650;
/// OpenSSL and Apple refuse leaves of more than 825 days; ours are renewed at each start.
const LEAF_DAYS: u64 = 90;

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("`{path}` exists; an authority is never overwritten, open it or choose another folder")]
    Exists { path: String },
    #[error("cannot read or write `{path}`; check the folder and its permissions")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{path}` is not a key or certificate this authority wrote; restore it or start a new folder")]
    Unusable { path: String },
    #[error("`{0}` is not a SPIFFE id of the trust domain `lazaret.localhost`")]
    Name(String),
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
}

/// A certificate with its key, as PEM. `Debug` is blank.
pub struct Issued {
    pub certificate_pem: String,
    pub key_pem: Zeroizing<String>,
}

impl Issued {
    /// Writes `<stem>.pem` and `<stem>.key`, replacing both; the key is readable by the owner only.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<(PathBuf, PathBuf), AuthorityError> {
        let (certificate, key) = (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")));
        // Removed first, so that a looser mode of an older file does not stay.
        for path in [&certificate, &key] {
            match fs::remove_file(path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(file(path)(source)),
                _ => {}
            }
        }
        write_new(&key, self.key_pem.as_bytes(), 0o600)?;
        write_new(&certificate, self.certificate_pem.as_bytes(), 0o644)?;
        Ok((certificate, key))
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Issued")
    }
}

/// The authority of one folder.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
}

impl Authority {
    /// Makes a new authority in `folder` (`ca.pem`, `ca.key`). Never overwrites one.
    pub fn create(folder: &Path, now: Time) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = authority_params(&key, now);
        let certificate_pem = params.self_signed(&key)?.pem();
        let (certificate_path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        if certificate_path.exists() {
            return Err(AuthorityError::Exists { path: certificate_path.display().to_string() });
        }
        write_new(&key_path, Zeroizing::new(key.serialize_pem()).as_bytes(), 0o600)?;
        write_new(&certificate_path, certificate_pem.as_bytes(), 0o644)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem })
    }

    /// Opens the authority of `folder`.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        let (certificate_path, key_path) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
        let unusable = |path: &Path| AuthorityError::Unusable { path: path.display().to_string() };
        let certificate_pem = read_owned(&certificate_path)?;
        let key_pem = Zeroizing::new(read_owned(&key_path)?);
        let key = KeyPair::from_pem(&key_pem).map_err(|_| unusable(&key_path))?;
        // The subject is made from the key, so a certificate of another key is found here and not at a client's.
        let params = authority_params(&key, Time::default());
        let der =
            CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| unusable(&certificate_path))?;
        let matches = x509_parser::parse_x509_certificate(&der).is_ok_and(|(_, certificate)| {
            let common_name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
            common_name == Some(common_name_of(&key).as_str())
                && certificate.public_key().subject_public_key.data.as_ref() == key.public_key_raw()
        });
        if !matches || !is_development_certificate(certificate_pem.as_bytes()) {
            return Err(unusable(&certificate_path));
        }
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem })
    }

    /// The trust bundle, for `--cacert` and for our own verifiers.
    pub fn bundle_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// A server certificate for `localhost`, `127.0.0.1` and `::1`.
    pub fn issue_server(&self, now: Time) -> Result<Issued, AuthorityError> {
        let mut params = leaf_params("localhost", now);
        params.subject_alt_names = vec![
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// An X.509-SVID: exactly one URI name, for both sides of mutual TLS.
    pub fn issue_workload(&self, id: &str, now: Time) -> Result<Issued, AuthorityError> {
        let path = SpiffeId::new(id).and_then(|_| id.strip_prefix("spiffe://lazaret.localhost/"));
        let path = path.ok_or_else(|| AuthorityError::Name(id.to_owned()))?;
        let mut params = leaf_params(path, now);
        params.subject_alt_names = vec![SanType::URI(id.try_into()?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Issued, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// Does any certificate in the PEM text come from a development authority? What cannot be parsed does not.
pub fn is_development_certificate(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).flatten().any(|der| {
        x509_parser::parse_x509_certificate(&der).is_ok_and(|(_, certificate)| {
            [certificate.issuer(), certificate.subject()]
                .into_iter()
                .flat_map(|name| name.iter_organization())
                .any(|organization| organization.as_str().is_ok_and(|text| text == ORGANIZATION))
        })
    })
}

fn authority_params(key: &KeyPair, now: Time) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&common_name_of(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 1], 32)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    let validity = Validity::of(now, AUTHORITY_DAYS);
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(1970, 1, 1) + validity.from, rcgen::date_time_ymd(1970, 1, 1) + validity.until);
    params
}

fn leaf_params(common_name: &str, now: Time) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let validity = Validity::of(now, LEAF_DAYS);
    (params.not_before, params.not_after) =
        (rcgen::date_time_ymd(1970, 1, 1) + validity.from, rcgen::date_time_ymd(1970, 1, 1) + validity.until);
    params
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, ORGANIZATION);
    name.push(DnType::CommonName, common_name);
    name
}

/// Two folders must not share a subject: trust stores look authorities up by it.
fn common_name_of(key: &KeyPair) -> String {
    let digest = crate::tls::sha256(key.public_key_raw());
    let tail: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("Lazaret development authority {tail}")
}

struct Validity {
    from: Duration,
    until: Duration,
}

impl Validity {
    /// From an hour ago, for a clock that lags.
    fn of(now: Time, days: u64) -> Self {
        let from = now.seconds().saturating_sub(3600);
        Self { from: Duration::from_secs(from), until: Duration::from_secs(now.seconds() + days * DAY_S) }
    }
}

fn file(path: &Path) -> impl FnOnce(std::io::Error) -> AuthorityError {
    let path = path.display().to_string();
    move |source| AuthorityError::File { path, source }
}

/// Creates a file with this mode; an existing one is never replaced.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let mut open = OpenOptions::new();
    let opened = open.write(true).create_new(true).mode(mode).open(path);
    let mut out = opened.map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => AuthorityError::Exists { path: path.display().to_string() },
        _ => file(path)(source),
    })?;
    out.write_all(bytes).and_then(|()| out.sync_all()).map_err(file(path))
}

pub(crate) fn read_owned(path: &Path) -> Result<String, AuthorityError> {
    fs::read_to_string(path).map_err(file(path))
}
