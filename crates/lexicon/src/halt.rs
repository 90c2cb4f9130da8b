use crate::Reason;

/// Why a passage does not go on. The one error vocabulary that crosses rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    pub reason: Reason,
    /// Ids of the policies that decided, for the record; never sent to the caller.
    pub policies: Vec<String>,
    /// What would help, where the reason is a challenge.
    pub challenge: Option<Challenge>,
}

/// Parameters of a step-up challenge (RFC 9470 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Challenge {
    pub acr_values: Vec<String>,
    pub max_age_s: Option<u64>,
}

impl Halt {
    pub const fn new(reason: Reason) -> Self {
        Self { reason, policies: Vec::new(), challenge: None }
    }

    pub fn by(reason: Reason, policies: Vec<String>) -> Self {
        Self { reason, policies, challenge: None }
    }
}

impl From<Reason> for Halt {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}
