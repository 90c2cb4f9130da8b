//! What the operator says of issuers. Wiring fills these from the manifest.

use crate::algorithm::Algorithm;
use crate::assurance::AcrLevel;
use crate::jwks::{KeyPolicy, KeySetError, KeySource};
use crate::profile::{Profile, WorkloadSign};
use crate::token::DenyList;
use lexicon::ResourceType;
use std::collections::BTreeMap;

/// Everything a [`crate::Verifier`] is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    pub issuers: Vec<IssuerSettings>,
    /// Our own canonical base URLs, to tell a local `fhirUser` from a foreign one.
    pub bases: Vec<String>,
    /// Clock difference forgiven at `exp`, `nbf` and `iat`; at most 60.
    pub leeway_s: u64,
    /// Hash of the generation (decision 16); part of the cache's key.
    pub generation: [u8; 32],
    /// Most tokens remembered.
    pub cache: usize,
    pub keys: KeyPolicy,
    pub denied: DenyList,
}

impl Settings {
    pub fn new(issuers: Vec<IssuerSettings>, bases: Vec<String>) -> Self {
        Self {
            issuers,
            bases,
            leeway_s: 30,
            generation: [0; 32],
            cache: 10_000,
            keys: KeyPolicy::default(),
            denied: DenyList::default(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// The name records and policies know it by.
    pub name: String,
    /// `iss`, compared byte for byte.
    pub url: String,
    /// Our name in `aud`.
    pub audience: String,
    pub profile: Profile,
    pub algorithms: Vec<Algorithm>,
    pub keys: KeySource,
    /// Longest accepted `exp - iat`.
    pub max_lifetime_s: u64,
    pub claims: ClaimNames,
    pub roles: RoleMap,
    /// What `fhirUser` may name. An issuer of patients has no say about practitioners.
    pub fhir_users: Vec<ResourceType>,
    /// What marks a token as a workload's; any one sign does.
    pub workload_signs: Vec<WorkloadSign>,
    /// Extends the profile: what this deployment means by an `acr` (or Entra `acrs`) value.
    pub acr_levels: Vec<AcrLevel>,
}

/// The three texts an issuer cannot do without.
#[derive(Clone, Copy, Debug)]
pub struct IssuerNames<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub audience: &'a str,
}

impl IssuerSettings {
    /// An issuer as its profile knows it; change fields afterwards.
    pub fn new(names: IssuerNames<'_>, profile: Profile, keys: KeySource) -> Self {
        Self {
            name: names.name.to_owned(),
            url: names.url.to_owned(),
            audience: names.audience.to_owned(),
            profile,
            algorithms: profile.algorithms().to_vec(),
            keys,
            max_lifetime_s: profile.max_lifetime_s(),
            claims: ClaimNames { roles: profile.roles_path(), ..ClaimNames::default() },
            roles: RoleMap::AsTheyAre,
            fhir_users: fhir_users().collect(),
            workload_signs: profile.workload_signs().to_vec(),
            acr_levels: Vec::new(),
        }
    }
}

/// What SMART App Launch 2.2 section "fhirUser" lets the claim name, and `PractitionerRole`, which some issuers write.
pub fn fhir_users() -> impl Iterator<Item = ResourceType> {
    ["Patient", "Person", "Practitioner", "PractitionerRole", "RelatedPerson"]
        .into_iter()
        .filter_map(ResourceType::from_name)
}

/// Where the deployment puts what no standard names.
#[derive(Clone, Debug)]
pub struct ClaimNames {
    /// Path to an array of strings, one step an element (`["realm_access", "roles"]`).
    pub roles: Vec<String>,
    pub department: String,
    pub care_teams: String,
    pub fhir_user: String,
    pub patient: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            roles: vec!["roles".to_owned()],
            department: "department".to_owned(),
            care_teams: "care_teams".to_owned(),
            fhir_user: "fhirUser".to_owned(),
            patient: "patient".to_owned(),
        }
    }
}

/// From the issuer's names of roles to ours.
#[derive(Clone, Debug)]
pub enum RoleMap {
    AsTheyAre,
    /// What is not listed is not a role.
    Listed(BTreeMap<String, String>),
}

#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("leeway of {0} s; it may be at most 60")]
    Leeway(u64),
    #[error("two issuers share the name or URL `{0}`; each must be its own")]
    Twice(String),
    #[error("issuer `{0}` has an empty name, audience or algorithm list")]
    Empty(String),
    #[error("issuer `{0}`: URLs must be https, in lower case, without user, query or fragment")]
    Url(String),
    #[error("issuer `{name}`: the pinned key set cannot be used")]
    Keys {
        name: String,
        #[source]
        source: KeySetError,
    },
    #[error("deny list, line {0}: write `jti|sub|client <issuer name> <value>`")]
    DenyList(usize),
}
