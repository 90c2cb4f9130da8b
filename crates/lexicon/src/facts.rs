use crate::{LocalId, Reason, ResourceType};
use std::fmt;

/// What is known of one resource when it is judged. The policy sees nothing else of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    pub resource_type: ResourceType,
    /// The one local patient whose compartment holds the resource. Absent when there is none, or more than one.
    pub patient: Option<LocalId>,
    /// Organization id of the patient's department (decision 13).
    pub department: Option<String>,
    /// Care teams of `patient` that the caller is also known to work in, and those the token claims.
    pub care_teams: Vec<String>,
    /// Codes of `meta.security`: bare for v3-Confidentiality (`N`), else `system|code`. Never empty when judged:
    /// the manifest says what stands for "unlabelled".
    pub labels: Vec<String>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("resource_type", &self.resource_type).finish_non_exhaustive()
    }
}

/// What a plan says of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Element groups of the projection that may be seen (`default` is always among them), and the permits' ids.
    Permit {
        groups: Vec<String>,
        policies: Vec<String>,
    },
    Refuse {
        reason: Reason,
        policies: Vec<String>,
    },
}

/// When an element group is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// With every resource that may be seen at all.
    Always,
    /// With some.
    Sometimes,
}

/// Whose resources may be among those that a plan permits: never too few, perhaps too many.
#[derive(Clone, PartialEq, Eq)]
pub enum Reach {
    Anybody,
    /// Only resources of these patients; a resource that is no patient's is not among them.
    Patients(Vec<LocalId>),
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reach")
    }
}

/// A plan, seen from a road: it can judge, and say in advance how far it reaches. Roads cannot reach the engine behind it.
pub trait Judge: Send + Sync {
    fn judge(&self, facts: &Facts) -> Verdict;

    /// The element groups beside `default` that can be seen at all. A group that is not named is never shown.
    fn groups(&self) -> Vec<(String, Shown)>;

    fn reach(&self) -> Reach;
}
