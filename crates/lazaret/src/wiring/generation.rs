//! One generation: all that decides, made from a blueprint as one immutable value.

use super::hops::Documents;
use crate::blueprint::{self, Blueprint, KeySource};
use crate::manifest::{Profile, RelationshipSource};
use anyhow::Context;
use fhir::{Limits, Projections, capability::About};
use gateway::fhir::{Fhir, Settings, Upstream};
use identity::{AcrLevel, Algorithm, Bundle, IssuerNames, IssuerSettings, RoleMap, Verifier};
use lexicon::{Challenge, Time};
use passage::Generation;
use policy::{Engine, Sources};
use seal::CursorKeys;
use std::sync::Arc;

/// Deeper documents are refused. R4 resources stay far below.
pub const JSON_DEPTH: usize = 64;

/// What outlives a generation: the way to the upstream, and the keys of open pages. Both change with a restart.
pub struct Lasting {
    pub upstream: Arc<Upstream>,
    pub cursors: Arc<CursorKeys>,
    /// What it was made from, for the generation's hash.
    pub made_from: Vec<u8>,
}

/// What decides, without anything that connects.
pub struct Rules {
    pub engine: Engine,
    pub projections: Projections,
}

pub fn rules(blueprint: &Blueprint) -> anyhow::Result<Rules> {
    let road = &blueprint.road;
    let projections = Projections::load(&road.projections).context("the projections do not load")?;
    let step_up = Challenge { acr_values: road.step_up.acr_values.clone(), max_age_s: road.step_up.max_age_s };
    let sources = Sources { policies: road.policies.clone(), groups: projections.groups(), step_up };
    let engine = Engine::load(&sources).context("the policies do not load")?;
    Ok(Rules { engine, projections })
}

pub fn generation(blueprint: &Blueprint, lasting: &Lasting, now: Time) -> anyhow::Result<Generation<Fhir>> {
    let Rules { engine, projections } = rules(blueprint)?;
    let hash = hash(blueprint, &engine, lasting);
    let settings = settings(blueprint, projections, Arc::clone(&lasting.cursors), now)?;
    let verifier = Arc::new(verifier(blueprint, hash)?);
    Ok(Generation {
        verifier,
        engine: Arc::new(engine),
        road: Fhir::new(settings, Arc::clone(&lasting.upstream)),
        hash,
    })
}

fn settings(
    blueprint: &Blueprint,
    projections: Projections,
    cursors: Arc<CursorKeys>,
    now: Time,
) -> anyhow::Result<Settings> {
    let road = &blueprint.road;
    let about = About {
        software_version: env!("CARGO_PKG_VERSION").to_owned(),
        base: road.base.clone(),
        since: now,
        issuer: None,
    };
    Ok(Settings {
        path: path_of(&road.base)?,
        purpose: road.purpose.clone(),
        unlabelled: road.unlabelled.clone(),
        relationship_max_age_s: road.relationship.contains(&RelationshipSource::CareTeamQuery).then_some(60),
        roster: road.roster.as_ref().map(|roster| Arc::clone(&roster.listed)),
        limits: Limits { bytes: road.limits.resource_bytes, depth: JSON_DEPTH },
        projections: Arc::new(projections),
        about,
        caps: road.caps,
        cursors,
    })
}

/// SHA-256 over everything that decides, each part with its length, as evidence records it.
fn hash(blueprint: &Blueprint, engine: &Engine, lasting: &Lasting) -> [u8; 32] {
    let mut text = Vec::new();
    let mut part = |bytes: &[u8]| {
        text.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        text.extend_from_slice(bytes);
    };
    part(engine.text());
    part(blueprint.road.projections.as_bytes());
    part(blueprint.road.unlabelled.as_bytes());
    part(blueprint.road.purpose.as_bytes());
    for source in &blueprint.road.relationship {
        part(format!("{source:?}").as_bytes());
    }
    part(blueprint.road.roster.as_ref().map(|roster| roster.text.as_bytes()).unwrap_or_default());
    for issuer in &blueprint.issuers {
        let words = [
            &issuer.name,
            &issuer.issuer,
            &issuer.audience,
            &format!("{:?}", issuer.profile),
            &issuer.algorithms.join(" "),
        ];
        words.iter().for_each(|word| part(word.as_bytes()));
        part(format!("{:?}", issuer.roles).as_bytes());
        part(issuer.roles_claim.as_deref().unwrap_or_default().as_bytes());
        issuer.fhir_users.iter().for_each(|people| part(people.name().as_bytes()));
        issuer.acr_levels.iter().for_each(|(acr, level)| part(format!("{acr}={level}").as_bytes()));
        match &issuer.keys {
            KeySource::Pinned(jwks) => part(jwks.as_bytes()),
            KeySource::Discovery { trust, other_hosts } => {
                part(trust);
                other_hosts.iter().for_each(|host| part(host.as_bytes()));
            }
        }
    }
    part(&lasting.made_from);
    let road = &blueprint.road;
    part(road.base.as_bytes());
    part(road.zone.as_bytes());
    part(format!("{:?} {:?} {}", road.step_up.acr_values, road.step_up.max_age_s, leeway_s(blueprint)).as_bytes());
    part(blueprint.road.client_trust.as_deref().unwrap_or_default());
    part(format!("{:?}", road.caps).as_bytes());
    evidence::sha256(&[&text])
}

pub fn verifier(blueprint: &Blueprint, generation: [u8; 32]) -> anyhow::Result<Verifier> {
    let issuers = blueprint.issuers.iter().map(issuer).collect::<anyhow::Result<Vec<_>>>()?;
    let mut settings = identity::Settings::new(issuers, vec![blueprint.road.base.clone()]);
    settings.generation = generation;
    settings.leeway_s = leeway_s(blueprint);
    let documents = blueprint.issuers.iter().filter_map(|issuer| match &issuer.keys {
        KeySource::Discovery { trust, other_hosts } => Some(Bundle::from_pem(trust).map(|bundle| {
            let others = other_hosts.iter().map(|host| format!("https://{host}"));
            (std::iter::once(origin_of(&issuer.issuer)).chain(others).collect(), bundle)
        })),
        KeySource::Pinned(_) => None,
    });
    let fetch: Arc<dyn identity::Fetch> = Arc::new(Documents::new(documents.collect::<Result<Vec<_>, _>>()?));
    if let Some(deny) = &blueprint.road.deny {
        settings.denied = deny.list.clone();
    }
    Ok(Verifier::new(settings, fetch)?)
}

/// One leeway for all issuers: the strictest.
fn leeway_s(blueprint: &Blueprint) -> u64 {
    blueprint.issuers.iter().map(|issuer| issuer.leeway.as_secs()).min().unwrap_or(30)
}

fn issuer(issuer: &blueprint::Issuer) -> anyhow::Result<IssuerSettings> {
    let profile = match issuer.profile {
        Profile::Development => identity::Profile::Development,
        Profile::Keycloak => identity::Profile::Keycloak,
        Profile::Okta => identity::Profile::Okta,
        Profile::Entra => identity::Profile::Entra,
        Profile::OidcProvider => identity::Profile::OidcProvider,
        Profile::Generic => identity::Profile::Generic,
    };
    let keys = match &issuer.keys {
        KeySource::Pinned(jwks) => identity::KeySource::Pinned(jwks.clone()),
        KeySource::Discovery { other_hosts, .. } => identity::KeySource::Discovery { other_hosts: other_hosts.clone() },
    };
    let names = IssuerNames { name: &issuer.name, url: &issuer.issuer, audience: &issuer.audience };
    let mut settings = IssuerSettings::new(names, profile, keys);
    let algorithms = issuer.algorithms.iter().map(|name| Algorithm::from_name(name));
    settings.algorithms = algorithms.collect::<Option<Vec<_>>>().context("an algorithm is not known")?;
    if let Some(path) = &issuer.roles_claim {
        settings.claims.roles = path.split('.').map(str::to_owned).collect();
    }
    if let Some(roles) = &issuer.roles {
        settings.roles = RoleMap::Listed(roles.clone());
    }
    settings.fhir_users.clone_from(&issuer.fhir_users);
    settings.acr_levels = issuer
        .acr_levels
        .iter()
        .map(|(acr, level)| AcrLevel { acr: acr.clone(), level: *level, phishing_resistant: false })
        .collect();
    Ok(settings)
}

fn path_of(base: &str) -> anyhow::Result<String> {
    let uri: http::Uri = base.parse().context("the base is not a URL")?;
    Ok(uri.path().trim_end_matches('/').to_owned())
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> String {
    let authority = url.parse::<http::Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    authority.map_or_else(|| url.to_owned(), |authority| format!("https://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::Material;
    use gateway::fhir::Caps;

    /// What a search may cost is what the manifest says, and a change of it is another generation.
    #[test]
    fn the_road_has_the_manifests_caps() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        crate::up::make(&data).expect("a data folder");
        let (manifest, now) = (data.join("lazaret.toml"), Time::from_seconds(1_795_257_000));
        let read = || {
            let blueprint = Blueprint::read(&manifest, Material::Development).expect("a blueprint");
            let Rules { engine, projections } = rules(&blueprint).expect("rules");
            let lasting = crate::wiring::lasting(&blueprint).expect("an upstream");
            let hash = hash(&blueprint, &engine, &lasting);
            (settings(&blueprint, projections, lasting.cursors, now).expect("settings").caps, hash)
        };
        let (unsaid, before) = read();
        let text = std::fs::read_to_string(&manifest).expect("a manifest");
        let caps = "\n[road.fhir.limits.search]\npage = 5\nmost = 10\npages = 3\nentries = 250\n";
        std::fs::write(&manifest, text + caps).expect("written");
        let (said, after) = read();
        assert_eq!((unsaid, said), (Caps::default(), Caps { page: 5, most: 10, pages: 3, entries: 250 }));
        assert_ne!(before, after);
    }
}
