//! The foreign servers as child processes. They end when their standard input does, so none is ever left behind.

use super::perimeter::Perimeter;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}

/// Starts a server and reads its one line.
fn start(command: &mut Command, log: &Path) -> (Child, Value) {
    let log_file = std::fs::File::create(log).expect("a log");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log_file).spawn().expect("node starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let ready =
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", std::fs::read_to_string(log).unwrap_or_default()));
    (child, ready)
}

fn end(child: &mut Child) {
    drop(child.stdin.take());
    let _reaped = child.wait();
}

fn port(ready: &Value) -> u16 {
    ready["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port")
}

/// The clinic's patients, one resource a line.
fn world(perimeter: &Perimeter) -> PathBuf {
    let world = clinic::World::create(1, 30).expect("a world");
    // Whoever is referred to comes first: a server may index no reference to what is not there yet.
    let mut keys: Vec<_> = world.all().collect();
    keys.sort_by_key(|key| key.held);
    let lines: Vec<String> = keys.into_iter().filter_map(|key| world.text(key)).collect();
    let resources = perimeter.path("world.ndjson");
    std::fs::write(&resources, lines.join("\n")).expect("written");
    resources
}

pub struct FhirServer {
    child: Child,
    pub port: u16,
}

impl FhirServer {
    /// HAPI FHIR's JPA server, with the clinic's patients.
    pub fn hapi(perimeter: &Perimeter) -> Self {
        let libraries = folder().join("hapi/target");
        let mut command = Command::new("java");
        command
            .args(["-Xmx1g", "-cp"])
            .arg(format!("{0}/hapi-1.jar:{0}/lib/*", libraries.display()))
            .arg("launcher.Launcher")
            .env("LAZARET_CERT", perimeter.path("fhir.pem"))
            .env("LAZARET_KEY", perimeter.path("fhir.key"))
            .env("LAZARET_CLIENT_CA", perimeter.ca())
            .env("LAZARET_NDJSON", world(perimeter));
        let (child, ready) = start(&mut command, &perimeter.path("hapi.stderr"));
        Self { child, port: port(&ready) }
    }

    /// Holds the clinic's patients, and Synthea's where a folder is named.
    pub fn start(perimeter: &Perimeter, synthea: Option<&Path>) -> Self {
        let mut command = Command::new("node");
        command
            .arg(folder().join("medplum/server.mjs"))
            .env("LAZARET_CERT", perimeter.path("fhir.pem"))
            .env("LAZARET_KEY", perimeter.path("fhir.key"))
            .env("LAZARET_CLIENT_CA", perimeter.ca())
            .env("LAZARET_PEER", "spiffe://harbor.test/gateway")
            .env("LAZARET_NDJSON", world(perimeter))
            .env_remove("LAZARET_SYNTHEA");
        if let Some(folder) = synthea {
            command.env("LAZARET_SYNTHEA", folder).env("LAZARET_SYNTHEA_LABEL", "N");
        }
        let (child, ready) = start(&mut command, &perimeter.path("fhir.stderr"));
        Self { child, port: port(&ready) }
    }
}

impl Drop for FhirServer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

pub struct OpenIdProvider {
    child: Child,
    pub issuer: String,
    ca: PathBuf,
    audience: String,
    app: (PathBuf, PathBuf),
}

/// How somebody signs in.
pub struct SignIn {
    pub who: &'static str,
    pub scope: &'static str,
    pub client: &'static str,
    pub acr: &'static str,
}

impl SignIn {
    pub fn of(who: &'static str) -> Self {
        Self { who, scope: "openid user/*.rs", client: "lazaret-test", acr: "urn:lazaret:acr:mfa" }
    }
}

impl OpenIdProvider {
    pub fn start(perimeter: &Perimeter) -> Self {
        let mut command = Command::new("node");
        command
            .arg(folder().join("oidc/server.mjs"))
            .env("LAZARET_CERT", perimeter.path("server.pem"))
            .env("LAZARET_KEY", perimeter.path("server.key"))
            .env("LAZARET_AUDIENCE", &perimeter.base);
        let (child, ready) = start(&mut command, &perimeter.path("oidc.stderr"));
        Self {
            child,
            issuer: ready["issuer"].as_str().expect("an issuer").to_owned(),
            ca: perimeter.ca(),
            audience: perimeter.base.clone(),
            app: (perimeter.path("app.pem"), perimeter.path("app.key")),
        }
    }

    /// Authorization code with PKCE, redirects and cookies: the token endpoint's answer.
    pub fn sign_in(&self, how: &SignIn) -> Value {
        let mut command = Command::new("node");
        command
            .arg(folder().join("oidc/sign-in.mjs"))
            .args([self.issuer.as_str(), how.who, how.scope, how.client, how.acr])
            .env("LAZARET_CA", &self.ca)
            .env("LAZARET_AUDIENCE", &self.audience);
        if how.client == "lazaret-test-bound" {
            command.env("LAZARET_CERT", &self.app.0).env("LAZARET_KEY", &self.app.1);
        }
        let out = command.output().expect("node runs");
        serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&out.stderr)))
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
