//! An operator's folder for `lazaret run`: made by `init`, with an authority that is not a development one.

use super::parts::{FhirServer, OpenIdProvider};
use crate::house::BINARY;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

pub struct Perimeter {
    folder: TempDir,
    pub base: String,
    port: u16,
}

impl Perimeter {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new(BINARY)
            .args(["init", "--domain", "harbor.test"])
            .arg(folder.path())
            .output()
            .expect("lazaret runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Free a moment ago; the address is part of the audience, so it must be known before anything starts.
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let perimeter = Self { folder, base: format!("https://localhost:{port}/fhir"), port };
        perimeter.certificates();
        perimeter
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    fn certificates(&self) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "harbor.test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("signed");
        std::fs::write(self.ca(), certificate.pem()).expect("written");
        let issuer = Issuer::new(params, key);
        for (stem, names) in [
            ("server", vec!["localhost"]),
            ("tls/gateway", vec!["localhost"]),
            ("fhir", vec!["localhost", "spiffe://harbor.test/fhir"]),
            ("tls/gateway-svid", vec!["spiffe://harbor.test/gateway"]),
            ("app", vec!["spiffe://harbor.test/app"]),
        ] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::default();
            params.subject_alt_names = names
                .into_iter()
                .map(|name| match name.starts_with("spiffe://") {
                    true => SanType::URI(name.try_into().expect("a URI")),
                    false => SanType::DnsName(name.try_into().expect("a name")),
                })
                .collect();
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = params.signed_by(&key, &issuer).expect("signed");
            std::fs::write(self.path(&format!("{stem}.pem")), certificate.pem()).expect("written");
            let path = self.path(&format!("{stem}.key"));
            std::fs::write(&path, key.serialize_pem()).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
    }

    /// Edits the starter manifest as an operator would, checks it, and runs it.
    pub fn run(&self, server: &FhirServer, provider: &OpenIdProvider) -> Gateway {
        let manifest = self.path("lazaret.toml");
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        let text = text
            .replace("https://127.0.0.1:9443/fhir", &format!("https://127.0.0.1:{}/fhir", server.port))
            .replace("https://fhir.harbor.test/fhir", &self.base)
            .replace("https://idp.harbor.test/realms/care", &provider.issuer)
            .replace("profile = \"keycloak\"", "profile = \"oidc-provider\"\nacr_levels = { \"urn:lazaret:acr:mfa\" = 2, \"urn:lazaret:acr:pwd\" = 1 }")
            .replace("0.0.0.0:8443", &format!("127.0.0.1:{}", self.port))
            .replace("127.0.0.1:8444", "127.0.0.1:0")
            .replace("tls/issuer-ca.pem", "ca.pem")
            .replace("tls/upstream-ca.pem", "ca.pem")
            .replace("tls/operators-ca.pem", "ca.pem")
            .replace("upstream_certificate =", "client_trust = \"ca.pem\"\nupstream_certificate =")
            .replace("acr_values = [\"2\"]", "acr_values = [\"urn:lazaret:acr:mfa\"]");
        std::fs::write(&manifest, text).expect("written");
        let checked = Command::new(BINARY).args(["check", "--config"]).arg(&manifest).output().expect("lazaret runs");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        Gateway::start(manifest, self.port)
    }
}

pub struct Gateway {
    child: Child,
    pub port: u16,
    manifest: PathBuf,
    said: Mutex<Receiver<String>>,
}

impl Gateway {
    fn start(manifest: PathBuf, port: u16) -> Self {
        let mut child = Command::new(BINARY)
            .args(["run", "--config"])
            .arg(&manifest)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("lazaret starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let (send, said) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody may be listening any more.
                let _gone = send.send(line);
            }
        });
        let gateway = Self { child, port, manifest, said: Mutex::new(said) };
        assert!(gateway.says("listening"), "the gateway listens");
        gateway
    }

    /// Waits for a line of the operator's output that begins so.
    pub fn says(&self, start: &str) -> bool {
        let said = self.said.lock().expect("one listener");
        while let Ok(line) = said.recv_timeout(Duration::from_secs(30)) {
            if line.starts_with(start) {
                return true;
            }
            assert!(!line.starts_with("error"), "{line}");
        }
        false
    }

    pub fn record_of(&self, trace: &str) -> serde_json::Value {
        let out =
            Command::new(BINARY).args(["evidence", "show", trace, "--json", "--config"]).arg(&self.manifest).output();
        let out = out.expect("lazaret runs");
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
    }

    pub fn verify(&self) -> bool {
        let out = Command::new(BINARY).args(["evidence", "verify", "--config"]).arg(&self.manifest).output();
        out.expect("lazaret runs").status.success()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
