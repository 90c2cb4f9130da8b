//! The blueprint: what a manifest means. Files are read, names are resolved, contradictions are found, each with its
//! line and a hint. Wiring moves it apart; afterwards no value holds the whole configuration.

mod caps;
mod issuers;
mod lists;

pub use lists::deny_list;

use crate::manifest::{self, AssetKind, FhirRoad, Manifest};
use identity::DenyList;
use lexicon::ResourceType;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use toml::Spanned;

/// May development material be used? `up` says yes, everything else no.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Material {
    Development,
    Production,
}

pub const DEVELOPMENT_ORIGIN_PREFIX: &str = "dev.lazaret.invalid/";
/// `up` leaves this file in its data folder; `run` refuses a folder that has it.
pub const DEVELOPMENT_MARK: &str = "DEVELOPMENT-ONLY";

pub struct Blueprint {
    pub road: Road,
    pub issuers: Vec<Issuer>,
    pub admin: Admin,
    pub book: Book,
}

pub struct Road {
    pub listen: SocketAddr,
    /// As callers write it, without a trailing slash.
    pub base: String,
    pub zone: String,
    pub purpose: String,
    pub server: Pair,
    pub client_trust: Option<Vec<u8>>,
    pub upstream: Upstream,
    pub policies: Vec<(String, String)>,
    pub projections: String,
    pub unlabelled: String,
    pub relationship: Vec<manifest::RelationshipSource>,
    pub roster: Option<Roster>,
    pub deny: Option<Deny>,
    pub step_up: manifest::StepUp,
    pub limits: manifest::Limits,
    pub caps: gateway::fhir::Caps,
}

/// The deny list: where it lies, and what it says now.
#[derive(Clone)]
pub struct Deny {
    pub path: PathBuf,
    pub list: DenyList,
}

/// Care relationships from a file: its text, for the hash, and what it says.
pub struct Roster {
    pub text: String,
    pub listed: Arc<gateway::fhir::Roster>,
}

/// A certificate chain and its key, PEM.
#[derive(Clone)]
pub struct Pair {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

pub struct Upstream {
    /// Scheme, host, port and path, without a trailing slash.
    pub base: String,
    pub address: SocketAddr,
    pub identity: String,
    pub client: Pair,
    pub trust: Vec<u8>,
}

pub struct Issuer {
    pub name: String,
    pub issuer: String,
    pub audience: String,
    pub profile: manifest::Profile,
    pub algorithms: Vec<String>,
    pub keys: KeySource,
    pub roles_claim: Option<String>,
    pub roles: Option<BTreeMap<String, String>>,
    pub fhir_users: Vec<ResourceType>,
    pub acr_levels: Vec<(String, u8)>,
    pub leeway: Duration,
}

pub enum KeySource {
    Pinned(String),
    Discovery { trust: Vec<u8>, other_hosts: Vec<String> },
}

pub struct Admin {
    pub listen: SocketAddr,
    pub server: Pair,
    pub client_trust: Vec<u8>,
    pub operators: Vec<String>,
}

pub struct Book {
    pub directory: PathBuf,
    pub origin: String,
    pub pseudonym_keys: PathBuf,
    pub log_key: PathBuf,
    pub seats: usize,
    pub stranger_seats: usize,
    /// Files that checkpoints are copied to.
    pub sinks: Vec<PathBuf>,
}

/// One thing wrong with a manifest.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: Option<usize>,
    pub what: String,
    pub hint: String,
}

/// Everything wrong with a manifest, found in one go.
#[derive(Debug)]
pub struct Faults {
    pub file: PathBuf,
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.faults.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match fault.line {
                Some(line) => write!(f, "{}:{line}: {}", self.file.display(), fault.what)?,
                None => write!(f, "{}: {}", self.file.display(), fault.what)?,
            }
            write!(f, "\n    hint: {}", fault.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl Blueprint {
    /// Reads and judges the manifest at `path`.
    pub fn read(path: &Path, material: Material) -> Result<Self, Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| Faults {
            file: path.to_owned(),
            faults: vec![Fault {
                line: None,
                what: format!("cannot be read: {error}"),
                hint: "name a manifest with --config, or make one with `lazaret init DIR`".to_owned(),
            }],
        })?;
        let mut judge =
            Judge { text: &text, folder: path.parent().unwrap_or(Path::new(".")), material, faults: Vec::new() };
        let blueprint = match toml::from_str::<Manifest>(&text) {
            Ok(manifest) => judge.blueprint(manifest),
            Err(error) => {
                let line = error.span().map(|span| judge.line(span.start));
                judge.fault_at(
                    line,
                    error.message().to_owned(),
                    "see docs/reference/settings.md; unknown keys are errors",
                );
                None
            }
        };
        match blueprint {
            Some(blueprint) if judge.faults.is_empty() => Ok(blueprint),
            _ => Err(Faults { file: path.to_owned(), faults: judge.faults }),
        }
    }
}

struct Judge<'a> {
    text: &'a str,
    folder: &'a Path,
    material: Material,
    faults: Vec<Fault>,
}

impl Judge<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    fn fault_at(&mut self, line: Option<usize>, what: String, hint: &str) {
        self.faults.push(Fault { line, what, hint: hint.to_owned() });
    }

    fn fault<T>(&mut self, at: &Spanned<T>, what: String, hint: &str) {
        let line = Some(self.line(at.span().start));
        self.fault_at(line, what, hint);
    }

    /// Every part is judged even when another is wrong, so that one run shows all faults.
    fn blueprint(&mut self, manifest: Manifest) -> Option<Blueprint> {
        if manifest.version != 1 {
            self.fault_at(Some(1), format!("version {} is not known", manifest.version), "write version = 1");
        }
        if self.material == Material::Production && self.folder.join(DEVELOPMENT_MARK).exists() {
            self.fault_at(
                None,
                "this folder was made by `lazaret up`: its keys and authority are for development only".to_owned(),
                "make a folder for production with `lazaret init DIR`",
            );
        }
        self.perimeter(&manifest);
        let road = self.road(&manifest);
        let issuers =
            manifest.issuer.iter().map(|(name, issuer)| self.issuer(name, issuer)).collect::<Option<Vec<_>>>();
        if manifest.issuer.is_empty() {
            self.fault_at(None, "no issuer is configured".to_owned(), "add an [issuer.NAME] table");
        }
        let admin = self.admin(&manifest.admin);
        let book = self.book(&manifest.evidence);
        Some(Blueprint { road: road?, issuers: issuers?, admin: admin?, book: book? })
    }

    /// Names resolve, and no flow runs from a higher class of data to a zone that may not hold it.
    fn perimeter(&mut self, manifest: &Manifest) {
        let domain = &manifest.organization.trust_domain;
        if identity::TrustDomain::new(domain.get_ref()).is_none() {
            self.fault(
                domain,
                format!("`{}` is not a trust domain", domain.get_ref()),
                "write a name in lower case, such as harbor.example",
            );
        }
        for (at, said) in [("name", &manifest.organization.name), ("accountable", &manifest.organization.accountable)] {
            if said.trim().is_empty() {
                self.fault(
                    domain,
                    format!("the organization's `{at}` is empty"),
                    "evidence needs someone who answers for it",
                );
            }
        }
        for (name, asset) in &manifest.asset {
            if asset.owner.trim().is_empty() {
                self.fault(&asset.zone, format!("asset `{name}` has no owner"), "name the team that answers for it");
            }
            if !manifest.zone.contains_key(asset.zone.get_ref()) {
                self.fault(
                    &asset.zone,
                    format!("no zone is named `{}`", asset.zone.get_ref()),
                    "declare it as [zone.NAME]",
                );
            }
        }
        for flow in &manifest.flow {
            if flow.owner.trim().is_empty() || flow.purpose.trim().is_empty() {
                self.fault(
                    &flow.from,
                    format!("flow `{}` has no owner or no purpose", flow.name),
                    "a flow nobody answers for is not served",
                );
            }
            for end in [&flow.from, &flow.to] {
                let Some(asset) = manifest.asset.get(end.get_ref()) else {
                    self.fault(end, format!("no asset is named `{}`", end.get_ref()), "declare it as [asset.NAME]");
                    continue;
                };
                let holds = manifest.zone.get(asset.zone.get_ref()).map(|zone| zone.data);
                // A gateway passes data on and keeps none, so only the far ends of a flow must be cleared for it.
                if asset.kind != AssetKind::Lazaret && holds.is_some_and(|holds| holds < *flow.data.get_ref()) {
                    self.fault(
                        &flow.data,
                        format!("flow `{}` carries more than zone `{}` may hold", flow.name, asset.zone.get_ref()),
                        "raise the zone's data class, or lower the flow's",
                    );
                }
            }
        }
    }

    fn road(&mut self, manifest: &Manifest) -> Option<Road> {
        let road = &manifest.road.fhir;
        let listen = self.address(&road.listen);
        if !manifest.zone.contains_key(road.zone.get_ref()) {
            self.fault(&road.zone, format!("no zone is named `{}`", road.zone.get_ref()), "declare it as [zone.NAME]");
        }
        if !["U", "L", "M", "N", "R", "V"].contains(&road.unlabelled.get_ref().as_str()) {
            self.fault(
                &road.unlabelled,
                format!("`{}` is not a confidentiality code", road.unlabelled.get_ref()),
                "use one of U, L, M, N, R, V; R treats unlabelled resources as restricted",
            );
        }
        let base = self.base(&road.base).map(|(base, _, _)| base);
        let flow = manifest.flow.iter().find(|flow| flow.name == *road.flow.get_ref());
        if flow.is_none() {
            self.fault(&road.flow, format!("no flow is named `{}`", road.flow.get_ref()), "declare it as a [[flow]]");
        }
        let upstream = flow.and_then(|flow| self.upstream(manifest, flow, road));
        let server = self.pair(&road.certificate, &road.key);
        let client_trust = road.client_trust.as_ref().map(|path| self.file(path));
        let policies = self.policies(&road.policies);
        let projections = self.text_file(&road.projections);
        let deny = road.deny.as_ref().map(|path| self.deny(manifest, path));
        let caps = self.caps(&road.limits.search);
        let roster = road.relationship_file.as_ref().map(|path| self.roster(path));
        Some(Road {
            listen: listen?,
            base: base?,
            zone: road.zone.get_ref().clone(),
            purpose: flow?.purpose.clone(),
            server: server?,
            client_trust: match client_trust {
                Some(read) => Some(read?),
                None => None,
            },
            upstream: upstream?,
            policies: policies?,
            projections: projections?,
            unlabelled: road.unlabelled.get_ref().clone(),
            relationship: road.relationship.clone(),
            roster: match roster {
                Some(read) => Some(read?),
                None => None,
            },
            deny: match deny {
                Some(read) => Some(read?),
                None => None,
            },
            step_up: road.step_up.clone(),
            limits: road.limits.clone(),
            caps: caps?,
        })
    }

    fn upstream(&mut self, manifest: &Manifest, flow: &manifest::Flow, road: &FhirRoad) -> Option<Upstream> {
        let asset = manifest.asset.get(flow.to.get_ref())?;
        if asset.kind != AssetKind::FhirServer {
            self.fault(
                &flow.to,
                format!("asset `{}` is not a fhir-server", flow.to.get_ref()),
                "a FHIR road forwards to one",
            );
        }
        let Some(address) = &asset.address else {
            self.fault(
                &flow.to,
                format!("asset `{}` has no address", flow.to.get_ref()),
                "write address = \"https://...\"",
            );
            return None;
        };
        let Some(identity) = &asset.identity else {
            self.fault(
                &flow.to,
                format!("asset `{}` has no identity", flow.to.get_ref()),
                "write identity = \"spiffe://...\": the peer must prove it in TLS",
            );
            return None;
        };
        if !identity.get_ref().starts_with("spiffe://") {
            self.fault(
                identity,
                format!("`{}` is not a SPIFFE id", identity.get_ref()),
                "write spiffe://TRUST-DOMAIN/path",
            );
        }
        let (base, address) = {
            let (base, authority, port) = self.base(address)?;
            let resolved = (authority.trim_end_matches(&format!(":{port}")).trim_matches(['[', ']']), port)
                .to_socket_addrs()
                .ok()
                .and_then(|mut all| all.next());
            let Some(resolved) = resolved else {
                self.fault(
                    address,
                    format!("`{authority}` does not resolve"),
                    "check the name, or write an IP address",
                );
                return None;
            };
            (base, resolved)
        };
        let client = self.pair(&road.upstream_certificate, &road.upstream_key);
        let trust = self.file(&road.upstream_trust);
        Some(Upstream { base, address, identity: identity.get_ref().clone(), client: client?, trust: trust? })
    }

    fn admin(&mut self, admin: &manifest::Admin) -> Option<Admin> {
        let listen = self.address(&admin.listen);
        let server = self.pair(&admin.certificate, &admin.key);
        let client_trust = self.file(&admin.client_trust);
        Some(Admin {
            listen: listen?,
            server: server?,
            client_trust: client_trust?,
            operators: admin.operators.clone(),
        })
    }

    fn book(&mut self, evidence: &manifest::Evidence) -> Option<Book> {
        if self.material == Material::Production && evidence.origin.get_ref().starts_with(DEVELOPMENT_ORIGIN_PREFIX) {
            self.fault(
                &evidence.origin,
                "this is a development origin".to_owned(),
                "name the log after your own domain",
            );
        }
        if evidence.origin.get_ref().is_empty() || evidence.origin.get_ref().contains([' ', '+', '\n']) {
            self.fault(
                &evidence.origin,
                "an origin has no spaces and no plus".to_owned(),
                "write example.org/lazaret/gateway-1",
            );
        }
        if evidence.stranger_seats >= evidence.seats {
            self.fault(
                &evidence.directory,
                "stranger_seats must be fewer than seats".to_owned(),
                "leave seats for callers who are known",
            );
        }
        for path in [&evidence.directory, &evidence.pseudonym_keys, &evidence.log_key] {
            self.refuse_folder(path, &self.folder.join(path.get_ref()));
        }
        Some(Book {
            directory: self.folder.join(evidence.directory.get_ref()),
            origin: evidence.origin.get_ref().clone(),
            pseudonym_keys: self.folder.join(evidence.pseudonym_keys.get_ref()),
            log_key: self.folder.join(evidence.log_key.get_ref()),
            seats: evidence.seats,
            stranger_seats: evidence.stranger_seats,
            sinks: evidence.checkpoint_sink.iter().map(|sink| self.folder.join(sink.path.get_ref())).collect(),
        })
    }

    fn address(&mut self, at: &Spanned<String>) -> Option<SocketAddr> {
        match at.get_ref().parse::<SocketAddr>() {
            Ok(address) if self.material == Material::Development && !address.ip().is_loopback() => {
                self.fault(at, format!("`{address}` is not loopback"), "development listeners stay on this machine");
                None
            }
            Ok(address) => Some(address),
            Err(_) => {
                self.fault(
                    at,
                    format!("`{}` is not an address and port", at.get_ref()),
                    "write 127.0.0.1:8443 or [::]:8443",
                );
                None
            }
        }
    }

    /// An `https` base URL, split: (base without trailing slash, authority, port).
    fn base(&mut self, at: &Spanned<String>) -> Option<(String, String, u16)> {
        let uri = at.get_ref().parse::<http::Uri>().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?, uri.path(), uri.query())));
        match parts {
            Some(("https", authority, path, None)) => {
                let base = format!("https://{authority}{}", path.trim_end_matches('/'));
                Some((base, authority.to_string(), authority.port_u16().unwrap_or(443)))
            }
            _ => {
                self.fault(
                    at,
                    format!("`{}` is not a base URL", at.get_ref()),
                    "write https://host[:port]/path, without a query",
                );
                None
            }
        }
    }

    fn pair(&mut self, certificate: &Spanned<String>, key: &Spanned<String>) -> Option<Pair> {
        let (chain, key_pem) = (self.file(certificate), self.file(key));
        let mode = std::fs::metadata(self.folder.join(key.get_ref())).map(|file| file.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            self.fault(
                key,
                format!("others may read the key `{}`", key.get_ref()),
                "chmod 600 it; if others did read it, replace it",
            );
        }
        let (chain, key_pem) = (chain?, key_pem?);
        self.refuse_development(certificate, &chain);
        Some(Pair { certificate: chain, key: key_pem })
    }

    /// Nothing in a folder of `up` serves production, whichever manifest names it.
    fn refuse_folder<T>(&mut self, at: &Spanned<T>, path: &Path) {
        let marked = |path: PathBuf| path.ancestors().any(|folder| folder.join(DEVELOPMENT_MARK).exists());
        if self.material == Material::Production && path.canonicalize().is_ok_and(marked) {
            self.fault(
                at,
                format!("`{}` lies in a folder that `lazaret up` made", path.display()),
                "use material of your own; what `up` made never serves production",
            );
        }
    }

    fn refuse_development(&mut self, at: &Spanned<String>, pem: &[u8]) {
        if self.material == Material::Production && identity::is_development_certificate(pem) {
            self.fault(
                at,
                format!("`{}` was issued by a development authority", at.get_ref()),
                "use a certificate of your own authority; `up` material never serves production",
            );
        }
    }

    fn file(&mut self, at: &Spanned<String>) -> Option<Vec<u8>> {
        let path = self.folder.join(at.get_ref());
        match std::fs::read(&path) {
            Ok(bytes) => {
                self.refuse_folder(at, &path);
                self.refuse_development(at, &bytes);
                Some(bytes)
            }
            Err(error) => {
                self.fault(
                    at,
                    format!("`{}` cannot be read: {error}", path.display()),
                    "paths are relative to the manifest",
                );
                None
            }
        }
    }

    fn text_file(&mut self, at: &Spanned<String>) -> Option<String> {
        let bytes = self.file(at)?;
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(_) => {
                self.fault(at, format!("`{}` is not UTF-8 text", at.get_ref()), "save it as UTF-8");
                None
            }
        }
    }

    /// All `*.cedar` files of a folder, sorted by name so that the generation's hash does not depend on the disk.
    fn policies(&mut self, at: &Spanned<String>) -> Option<Vec<(String, String)>> {
        let folder = self.folder.join(at.get_ref());
        let read = || -> std::io::Result<Vec<(String, String)>> {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "cedar") {
                    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    found.push((name, std::fs::read_to_string(&path)?));
                }
            }
            found.sort();
            Ok(found)
        };
        match read() {
            Ok(found) if found.is_empty() => {
                self.fault(
                    at,
                    format!("`{}` holds no *.cedar file", folder.display()),
                    "without a policy everything is refused",
                );
                None
            }
            Ok(found) => Some(found),
            Err(error) => {
                self.fault(
                    at,
                    format!("`{}` cannot be read: {error}", folder.display()),
                    "name the folder of your policies",
                );
                None
            }
        }
    }
}
