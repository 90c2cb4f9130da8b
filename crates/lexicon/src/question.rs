use crate::{Action, Assurance, LocalId, Principal, ResourceType, Time};
use std::fmt;

/// What the door asks the policy before anything goes upstream: may this caller ask for this class of thing?
#[derive(Clone, Debug)]
pub struct Question {
    pub principal: Principal,
    pub action: Action,
    /// Absent for what concerns no type (metadata).
    pub resource_type: Option<ResourceType>,
    pub context: Context,
}

/// The circumstances a policy may test; `Ask` in `vocabulary.cedarschema`.
#[derive(Clone, Debug)]
pub struct Context {
    /// Decision time. The age of an authentication is taken relative to it.
    pub now: Time,
    /// v3-PurposeOfUse in words (`treatment`, `payment`, ...), from the flow the road serves.
    pub purpose: String,
    pub zone: String,
    pub assurance: Assurance,
    /// SMART scopes that cover this request, without their `?parameters`.
    pub scopes: Vec<String>,
}

/// What the station *inform* learned about the caller: the care teams the caller works in, each with its patient.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Relationship {
    /// (care team id, patient id); both ids of our own upstream.
    pub care_teams: Vec<(LocalId, LocalId)>,
    /// Where the facts came from, for the record: `query:CareTeam`, `token`, or empty when none was asked.
    pub source: &'static str,
    pub age_s: u64,
    pub valid_until: Option<Time>,
}

impl fmt::Debug for Relationship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relationship").field("source", &self.source).finish_non_exhaustive()
    }
}
