use crate::{Assurance, LocalId, ResourceType, Time};
use std::fmt;

/// What kind of actor stands at the door.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Person,
    Workload,
    /// Nobody was verified; only what is public may be asked.
    Stranger,
}

impl Kind {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Workload => "workload",
            Self::Stranger => "stranger",
        }
    }
}

/// Who a verified credential says the caller is. Data, not authority: authority is `identity::Caller`, which holds one.
#[derive(Clone, PartialEq)]
pub struct Principal {
    pub kind: Kind,
    /// The issuer's name in the manifest (never the URL a token claims).
    pub issuer: String,
    /// `sub`, unique within the issuer.
    pub subject: String,
    /// `client_id` or `azp`.
    pub client: String,
    /// Names of roles, as the issuer's profile maps them.
    pub roles: Vec<String>,
    /// `fhirUser` as a type and id of our own server.
    pub fhir_user: Option<(ResourceType, LocalId)>,
    pub department: Option<String>,
    /// Care teams the token itself claims.
    pub care_teams: Vec<String>,
    /// SMART launch context `patient`.
    pub patient: Option<LocalId>,
    /// The `scope` claim, exactly as written; `fhir` parses it.
    pub scopes: String,
    pub assurance: Assurance,
    /// The earliest of token expiry and certificate expiry.
    pub valid_until: Time,
}

impl Principal {
    /// The principal of a request without a credential, for what is public (metadata).
    pub fn stranger(until: Time) -> Self {
        Self {
            kind: Kind::Stranger,
            issuer: String::new(),
            subject: String::new(),
            client: String::new(),
            roles: Vec::new(),
            fhir_user: None,
            department: None,
            care_teams: Vec::new(),
            patient: None,
            scopes: String::new(),
            assurance: Assurance::default(),
            valid_until: until,
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("kind", &self.kind).finish_non_exhaustive()
    }
}
