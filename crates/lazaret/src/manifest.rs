//! The manifest: exactly what was written in `lazaret.toml`, nothing inferred. What it *means* is [`crate::blueprint`].
//!
//! Paths are relative to the manifest's folder. Units stand last in a name (`_s` seconds). Unknown keys are errors.

mod limits;

pub use limits::{Limits, Search};

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A perimeter: inventory, segmentation, data flows and the configuration of the data plane, in one file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "lazaret.toml")]
pub struct Manifest {
    /// Version of this format; 1.
    pub version: u32,
    pub organization: Organization,
    /// Zones by name: the highest class of data each may hold.
    pub zone: BTreeMap<String, Zone>,
    /// Assets by name.
    pub asset: BTreeMap<String, Asset>,
    /// Declared data flows between assets.
    pub flow: Vec<Flow>,
    /// Token issuers by name. The name, never the URL, stands in evidence.
    pub issuer: BTreeMap<String, Issuer>,
    pub road: Roads,
    /// The operator's listener (health, metrics). Loopback unless it must be reached from elsewhere.
    pub admin: Admin,
    pub evidence: Evidence,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    pub name: String,
    /// SPIFFE trust domain of workload identities, such as `harbor.example`.
    #[schemars(with = "String")]
    pub trust_domain: Spanned<String>,
    /// Who answers for this perimeter.
    pub accountable: String,
}

/// Classes of data, from the most to the least protected.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DataClass {
    #[serde(rename = "public")]
    Public,
    #[serde(rename = "internal")]
    Internal,
    #[serde(rename = "deidentified")]
    Deidentified,
    #[serde(rename = "phi")]
    Phi,
    #[serde(rename = "phi-42cfr2")]
    Phi42Cfr2,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub data: DataClass,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "inventory is written for people; what enforces more of it comes with the perimeter")]
pub struct Asset {
    pub kind: AssetKind,
    #[schemars(with = "String")]
    pub zone: Spanned<String>,
    /// Base URL, for what a road forwards to.
    #[schemars(with = "Option<String>")]
    pub address: Option<Spanned<String>>,
    /// SPIFFE id that the asset must prove in TLS.
    #[schemars(with = "Option<String>")]
    pub identity: Option<Spanned<String>>,
    pub owner: String,
    pub location: Option<String>,
    pub version: Option<String>,
    /// How data at rest is encrypted there, in the owner's words. Inventory only.
    pub at_rest: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    Lazaret,
    FhirServer,
    Application,
    Database,
    Queue,
    Other,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "protocol and tls have one value each, which is the only one that is served")]
pub struct Flow {
    pub name: String,
    #[schemars(with = "String")]
    pub from: Spanned<String>,
    #[schemars(with = "String")]
    pub to: Spanned<String>,
    pub protocol: Protocol,
    pub tls: Tls,
    #[schemars(with = "DataClass")]
    pub data: Spanned<DataClass>,
    /// Purpose of use, a word policies test: `treatment`, `payment`, `operations`, ...
    pub purpose: String,
    pub owner: String,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Fhir,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Mutual TLS: both sides prove an identity.
    Mtls,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The `iss` claim, exactly.
    #[schemars(with = "String")]
    pub issuer: Spanned<String>,
    /// The audience tokens must name.
    pub audience: String,
    pub profile: Profile,
    /// JWS algorithms accepted of this issuer. Never `none`, never HMAC.
    #[schemars(with = "Vec<String>")]
    pub algorithms: Spanned<Vec<String>>,
    /// A pinned JWKS file. Without it the key set is found by OpenID discovery.
    #[schemars(with = "Option<String>")]
    pub jwks: Option<Spanned<String>>,
    /// PEM file of the certificate authorities that sign the issuer's HTTPS certificate. Needed for discovery.
    #[schemars(with = "Option<String>")]
    pub trust: Option<Spanned<String>>,
    /// Hosts other than the issuer's own that may serve its key set, for discovery. They are trusted as the issuer is.
    #[serde(default)]
    pub key_hosts: Vec<String>,
    /// Claim that holds the caller's roles, steps apart by dots (`realm_access.roles`). The profile knows one.
    pub roles_claim: Option<String>,
    /// From the issuer's names of roles to ours (`"Ward Nurse" = "nurse"`). With it, a role that is not listed is none;
    /// without it, whoever runs the issuer may name any role.
    pub roles: Option<BTreeMap<String, String>>,
    /// What `fhirUser` may name, of `Patient`, `Person`, `Practitioner`, `PractitionerRole`, `RelatedPerson`; any of these when
    /// not said. A patient portal's issuer has `["Patient"]`: a token of it that names a practitioner is then refused.
    #[schemars(with = "Option<Vec<String>>")]
    pub fhir_users: Option<Spanned<Vec<String>>>,
    /// `acr` values beyond the profile's own, with the level (0 to 3) each proves.
    #[serde(default)]
    pub acr_levels: BTreeMap<String, u8>,
    /// Clock leeway; 60 at most. Of several issuers the smallest counts, for all.
    #[serde(default = "default_leeway_s")]
    #[schemars(with = "u64")]
    pub leeway_s: Spanned<u64>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    Development,
    Keycloak,
    Okta,
    Entra,
    OidcProvider,
    Generic,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roads {
    pub fhir: FhirRoad,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FhirRoad {
    #[schemars(with = "String")]
    pub listen: Spanned<String>,
    /// The base URL that callers use, such as `https://fhir.harbor.example/fhir`.
    #[schemars(with = "String")]
    pub base: Spanned<String>,
    #[schemars(with = "String")]
    pub zone: Spanned<String>,
    /// The flow this road serves: names the upstream asset and the purpose.
    #[schemars(with = "String")]
    pub flow: Spanned<String>,
    /// PEM files: what callers see.
    #[schemars(with = "String")]
    pub certificate: Spanned<String>,
    #[schemars(with = "String")]
    pub key: Spanned<String>,
    /// Certificate authorities of client certificates, for certificate-bound tokens. Without it none is asked for.
    #[schemars(with = "Option<String>")]
    pub client_trust: Option<Spanned<String>>,
    /// PEM files: what the upstream sees, and whom it must be signed by.
    #[schemars(with = "String")]
    pub upstream_certificate: Spanned<String>,
    #[schemars(with = "String")]
    pub upstream_key: Spanned<String>,
    #[schemars(with = "String")]
    pub upstream_trust: Spanned<String>,
    /// Folder of `*.cedar` files.
    #[schemars(with = "String")]
    pub policies: Spanned<String>,
    /// File of element groups.
    #[schemars(with = "String")]
    pub projections: Spanned<String>,
    /// Confidentiality code that stands for a resource without any security label.
    #[schemars(with = "String")]
    pub unlabelled: Spanned<String>,
    /// Where care relationships are looked up. With an empty list and no file nobody has one.
    pub relationship: Vec<RelationshipSource>,
    /// File of care relationships beside those looked up: CSV with the columns `care_team,patient,member,from,until`,
    /// where `member` is such as `Practitioner/nurse-1` and the dates are days, included. Read again on a reload.
    #[schemars(with = "Option<String>")]
    pub relationship_file: Option<Spanned<String>>,
    /// File of denied tokens, subjects and clients, one a line; reread within a second of a change.
    #[schemars(with = "Option<String>")]
    pub deny: Option<Spanned<String>>,
    #[serde(default)]
    pub step_up: StepUp,
    #[serde(default)]
    pub limits: Limits,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub enum RelationshipSource {
    /// `CareTeam?participant=<fhirUser>&status=active` at the upstream, at most 60 s old.
    CareTeamQuery,
}

/// What a step-up challenge asks for (RFC 9470).
#[derive(Deserialize, JsonSchema, Clone, Default)]
#[serde(deny_unknown_fields, default)]
pub struct StepUp {
    pub acr_values: Vec<String>,
    pub max_age_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    #[schemars(with = "String")]
    pub listen: Spanned<String>,
    #[schemars(with = "String")]
    pub certificate: Spanned<String>,
    #[schemars(with = "String")]
    pub key: Spanned<String>,
    /// Certificate authorities of operators' client certificates.
    #[schemars(with = "String")]
    pub client_trust: Spanned<String>,
    /// SPIFFE ids of operators, who may read the metrics.
    #[serde(default)]
    pub operators: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Folder of the book. Made by `lazaret init`, never by `run`.
    #[schemars(with = "String")]
    pub directory: Spanned<String>,
    /// The log's origin (C2SP tlog-checkpoint): a schema-less URL, unique to this instance.
    #[schemars(with = "String")]
    pub origin: Spanned<String>,
    /// Folder of pseudonym keys.
    #[schemars(with = "String")]
    pub pseudonym_keys: Spanned<String>,
    /// File of the key that signs checkpoints.
    #[schemars(with = "String")]
    pub log_key: Spanned<String>,
    /// Passages open at once.
    #[serde(default = "default_seats")]
    pub seats: usize,
    /// Of those, how many may be held before authentication.
    #[serde(default = "default_stranger_seats")]
    pub stranger_seats: usize,
    /// Where each signed checkpoint is copied to. A book that one of them does not fit was put back, and is not opened.
    #[serde(default)]
    pub checkpoint_sink: Vec<CheckpointSink>,
}

/// A file on another volume, best of another machine. `lazaret evidence verify --save` puts the first checkpoint there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointSink {
    #[schemars(with = "String")]
    pub path: Spanned<String>,
}

fn default_leeway_s() -> Spanned<u64> {
    Spanned::new(0..0, 30)
}

fn default_seats() -> usize {
    1_024
}

fn default_stranger_seats() -> usize {
    256
}
