//! The data folder of `up`: made once, found again, marked as development.

use super::{guide::Ports, loopback};
use crate::blueprint::{Book, DEVELOPMENT_MARK, DEVELOPMENT_ORIGIN_PREFIX};
use crate::{output, process, starter, wiring};
use anyhow::{Context, bail};
use clinic::World;
use identity::{
    Acceptor, AcceptorSettings, Authority, Bundle, Clients, DevelopmentIssuer, Material, Pem, TRUST_DOMAIN, TrustDomain,
};
use lexicon::Time;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Is on the deny list of a new folder.
pub const WITHDRAWN: &str = "withdrawn-1";
pub const GATEWAY: &str = "spiffe://lazaret.localhost/gateway";
pub const ADMIN: &str = "spiffe://lazaret.localhost/admin";
const CLINIC: &str = "spiffe://lazaret.localhost/clinic";
/// The synthetic world is the same everywhere, so that what the guide shows is what everyone sees.
const SEED: u64 = 1;

pub struct Folder {
    path: PathBuf,
    authority: Authority,
    world: World,
}

impl Folder {
    /// Opens the folder, or makes it. The mark is written last: a folder with a mark is a whole one.
    pub fn open_or_make(path: &Path, patients: u32, now: Time) -> anyhow::Result<Self> {
        let marked = path.join(DEVELOPMENT_MARK).exists();
        if marked {
            output::note(&format!("found {}", path.display()));
        }
        if !marked && path.exists() && std::fs::read_dir(path)?.next().is_some() {
            bail!(
                "`{}` is not empty and was not made by `lazaret up`; name another folder with --data",
                path.display()
            );
        }
        if !marked {
            // Made beside its place and moved there whole, so that an interrupted first start leaves nothing half made.
            let name = path.file_name().context("a data folder needs a name")?.to_string_lossy();
            let beside = path.with_file_name(format!(".{name}.making"));
            if beside.exists() {
                std::fs::remove_dir_all(&beside)?;
            }
            if let Some(parent) = beside.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                std::fs::create_dir_all(parent)?;
            }
            // Not "make if missing": a folder that somebody else put there is not ours.
            let made = std::fs::DirBuilder::new().mode(0o700).create(&beside);
            made.with_context(|| format!("`{}` cannot be made", beside.display()))?;
            output::note(&format!("making {}", path.display()));
            Self::make(&beside, patients, now)?;
            std::fs::rename(&beside, path).with_context(|| format!("`{}` cannot be put in place", path.display()))?;
        }
        let folder = Self::open(path.canonicalize()?, patients)?;
        folder.write_certificates(now)?;
        Ok(folder)
    }

    fn open(path: PathBuf, patients: u32) -> anyhow::Result<Self> {
        let authority = Authority::open(&path)?;
        let saved = std::fs::read_to_string(path.join("clinic.json")).context("the clinic's file is missing")?;
        let world = World::from_saved(&saved)?;
        if world.patients() != patients && patients != crate::cli::PATIENTS {
            output::note(&format!("the clinic in this folder has {} patients, and keeps them", world.patients()));
        }
        Ok(Self { path, authority, world })
    }

    fn make(path: &Path, patients: u32, now: Time) -> anyhow::Result<()> {
        output::note("  authority, issuer and keys");
        Authority::create(path, now)?;
        for folder in ["issuer", "policies", "keys", "tls"] {
            wiring::private_folder(&path.join(folder))?;
        }
        let issuer = DevelopmentIssuer::create(&path.join("issuer"))?;
        std::fs::write(path.join("issuer/jwks.json"), issuer.jwks())?;
        starter::write_policies(&path.join("policies"))?;
        // Somebody whose tokens were withdrawn, so that this can be seen too.
        std::fs::write(path.join("deny.list"), format!("{}sub dev {WITHDRAWN}\n", starter::DENY))?;
        output::note("  book");
        wiring::create_book(&book(path), now)?;
        let world = World::create(SEED, patients)?;
        let census = world.census(|done, all| {
            if done == all || done % (all / 10).max(1) == 0 {
                output::note(&format!("  clinic: {done} of {all} patients"));
            }
        });
        output::note(&format!("  clinic: {} resources, {} of them restricted", census.resources, census.restricted));
        std::fs::write(path.join("clinic.json"), world.saved())?;
        std::fs::write(
            path.join(DEVELOPMENT_MARK),
            "Made by `lazaret up`. Keys and authority here are for development only.\n",
        )?;
        Ok(())
    }

    /// Fresh certificates at every start: they live for days, the authority for the folder's life.
    fn write_certificates(&self, now: Time) -> anyhow::Result<()> {
        let tls = self.path.join("tls");
        self.authority.issue_server(now)?.write(&tls, "localhost")?;
        for (id, stem) in [(GATEWAY, "gateway"), (CLINIC, "clinic"), (ADMIN, "admin")] {
            self.authority.issue_workload(id, now)?.write(&tls, stem)?;
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    /// The clinic's side of mutual TLS: only workloads of this folder's authority may connect.
    pub fn clinic_acceptor(&self) -> anyhow::Result<Acceptor> {
        let read = |name: &str| std::fs::read(self.path.join("tls").join(name));
        let (chain, key) = (read("clinic.pem")?, read("clinic.key")?);
        let material = Material::from_pem(&Pem { chain: &chain, key: &key })?;
        let bundle = Bundle::from_pem(self.authority.bundle_pem().as_bytes())?;
        let domain = TrustDomain::new(TRUST_DOMAIN).context("the development trust domain")?;
        let mut settings = AcceptorSettings::new(material, Arc::new(process::now));
        settings.clients = Clients::Workloads { bundle, domain };
        Ok(Acceptor::new(&settings)?)
    }

    /// The manifest of this run: the ports change, everything else is the folder's.
    pub fn write_manifest(&self, ports: &Ports) -> anyhow::Result<PathBuf> {
        let path = self.path.join("lazaret.toml");
        let text = MANIFEST
            .replace("{gateway}", &loopback(ports.gateway).to_string())
            .replace("{admin}", &loopback(ports.admin).to_string())
            .replace("{clinic}", &loopback(ports.clinic).to_string())
            .replace("{base}", &ports.base())
            .replace("{issuer}", identity::DEVELOPMENT_ISSUER)
            .replace("{origin}", &book(&self.path).origin);
        std::fs::write(&path, text)?;
        Ok(path)
    }
}

fn book(path: &Path) -> Book {
    Book {
        directory: path.join("book"),
        origin: format!("{DEVELOPMENT_ORIGIN_PREFIX}up"),
        pseudonym_keys: path.join("keys/pseudonyms"),
        log_key: path.join("keys/log.key"),
        seats: 1_024,
        stranger_seats: 256,
        sinks: Vec::new(),
    }
}

/// Where the gateway of a folder listens, as its manifest says.
pub fn base_of(data: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data.join("lazaret.toml")).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    Some(manifest.get("road")?.get("fhir")?.get("base")?.as_str()?.to_owned())
}

const MANIFEST: &str = r#"# Written by `lazaret up` at every start. For development only: `lazaret run` refuses it.
version = 1

[organization]
name = "Clinic on localhost"
trust_domain = "lazaret.localhost"
accountable = "you"

[zone.edge]
data = "internal"
[zone.clinical]
data = "phi"

[asset.gateway]
kind = "lazaret"
zone = "edge"
owner = "you"

[asset.clinic]
kind = "fhir-server"
zone = "clinical"
address = "https://{clinic}/fhir"
identity = "spiffe://lazaret.localhost/clinic"
owner = "you"

[[flow]]
name = "gateway-to-clinic"
from = "gateway"
to = "clinic"
protocol = "fhir"
tls = "mtls"
data = "phi"
purpose = "treatment"
owner = "you"

[issuer.dev]
issuer = "{issuer}"
audience = "{base}"
profile = "development"
algorithms = ["ES256"]
jwks = "issuer/jwks.json"

[road.fhir]
listen = "{gateway}"
base = "{base}"
zone = "edge"
flow = "gateway-to-clinic"
certificate = "tls/localhost.pem"
key = "tls/localhost.key"
client_trust = "ca.pem"
upstream_certificate = "tls/gateway.pem"
upstream_key = "tls/gateway.key"
upstream_trust = "ca.pem"
policies = "policies"
projections = "policies/projections.toml"
unlabelled = "R"
relationship = ["care-team-query"]
deny = "deny.list"

[road.fhir.step_up]
acr_values = ["urn:lazaret:acr:mfa"]
max_age_s = 43200

[admin]
listen = "{admin}"
certificate = "tls/localhost.pem"
key = "tls/localhost.key"
client_trust = "ca.pem"

[evidence]
directory = "book"
origin = "{origin}"
pseudonym_keys = "keys/pseudonyms"
log_key = "keys/log.key"
"#;
