//! One house with its authority, both ends of a connection, and a foreign authority without constraints.

use crate::stage::{NOW, clock};
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, Dialler, DiallerSettings, Expect, HandshakeFailed, Issued,
    Line, Material, Peer, Pem, SpiffeId, TrustDomain,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const GATEWAY: &str = "spiffe://lazaret.localhost/gateway";
pub const CLINIC: &str = "spiffe://lazaret.localhost/clinic";

/// One folder with its authority.
pub struct House {
    pub folder: TempDir,
    pub authority: Authority,
}

impl House {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::create(folder.path(), NOW).expect("an authority");
        Self { folder, authority }
    }

    pub fn bundle(&self) -> Bundle {
        Bundle::from_pem(self.authority.bundle_pem().as_bytes()).expect("a bundle")
    }

    pub fn server(&self) -> Material {
        material(&self.authority.issue_server(NOW).expect("issued"))
    }

    pub fn workload(&self, id: &str) -> Material {
        material(&self.authority.issue_workload(id, NOW).expect("issued"))
    }

    pub fn acceptor(&self, material: Material, clients: Clients) -> Acceptor {
        Acceptor::new(&AcceptorSettings { clients, ..AcceptorSettings::new(material, clock(NOW)) }).expect("settings")
    }

    pub fn dialler(&self, material: Option<Material>, expect: Expect) -> Dialler {
        Dialler::new(&self.dialler_settings(material, expect)).expect("settings")
    }

    pub fn dialler_settings(&self, material: Option<Material>, expect: Expect) -> DiallerSettings {
        DiallerSettings {
            trust: self.bundle(),
            material,
            expect,
            protocols: vec!["h2"],
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            clock: clock(NOW),
        }
    }
}

pub fn material(issued: &Issued) -> Material {
    let pem = Pem { chain: issued.certificate_pem.as_bytes(), key: issued.key_pem.as_bytes() };
    Material::from_pem(&pem).expect("a pair")
}

pub fn localhost() -> Expect {
    Expect::Dns("localhost".to_owned())
}

pub fn spiffe(id: &str) -> Expect {
    Expect::Spiffe(SpiffeId::new(id).expect("an id"))
}

pub fn domain() -> TrustDomain {
    TrustDomain::new(identity::TRUST_DOMAIN).expect("a domain")
}

pub type Shaken = Result<(Line, Peer), HandshakeFailed>;

/// Both ends of one connection. The client also reads, because TLS 1.3 tells a client of its refusal only then.
pub async fn connect(acceptor: &Acceptor, dialler: &Dialler) -> (Shaken, Shaken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = async { acceptor.accept(listener.accept().await.expect("a client").0).await };
    tokio::join!(server, dialler.dial(address))
}

pub fn words(shaken: &Shaken) -> &'static str {
    shaken.as_ref().err().map_or("ok", |failed| failed.alert)
}

/// An authority without constraints, as somebody else's may be.
pub struct Foreign {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub pem: String,
}

impl Foreign {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let params = Self::params();
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    pub fn params() -> rcgen::CertificateParams {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "somebody else");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    }

    /// Issues in the name of the authority whose key this is.
    pub fn with_key(key_pem: &str, bundle_pem: &str) -> Self {
        let key = rcgen::KeyPair::from_pem(key_pem).expect("a key");
        let der = CertificateDer::from_pem_slice(bundle_pem.as_bytes()).expect("PEM");
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
        let mut params = Self::params();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let organization = parsed.subject().iter_organization().next().and_then(|o| o.as_str().ok()).expect("O");
        let name = parsed.subject().iter_common_name().next().and_then(|n| n.as_str().ok()).expect("CN");
        params.distinguished_name.push(rcgen::DnType::OrganizationName, organization);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self { issuer: rcgen::Issuer::new(params, key), pem: bundle_pem.to_owned() }
    }

    pub fn issue(&self, uris: &[&str]) -> Material {
        let names = uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().expect("IA5")));
        self.sign(names.collect())
    }

    pub fn issue_server(&self, name: &str) -> Material {
        self.sign(vec![rcgen::SanType::DnsName(name.try_into().expect("IA5"))])
    }

    pub fn sign(&self, names: Vec<rcgen::SanType>) -> Material {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.subject_alt_names = names;
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Material::from_pem(&Pem { chain: chain.as_bytes(), key: key.as_bytes() }).expect("a pair")
    }
}
