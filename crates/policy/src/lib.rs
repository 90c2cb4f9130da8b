//! This room decides what may be done: Cedar in, plans out. (What the field calls a PDP; the PEP is `passage`.)
//!
//! It knows: Cedar, the vocabulary's schema, facts, verdicts, plans, explanations.
//! It refuses to know: tokens, HTTP, JSON of resources, the book.
//! It mints: [`Plan`].
//! If it fails: it refuses; a policy set that is not strictly valid does not load.
//! Start reading at: [`Engine::decide`].

use lexicon::{Facts, Halt, Judge, Question, Relationship, ResourceType, Verdict};

#[derive(Debug, thiserror::Error)]
#[error("policy: {0}")]
pub struct LoadError(String); // becomes an enum with file, line, hint

/// What is loaded: policy files by name, and the element groups that get a `view:Type.group` action each.
pub struct Sources { pub policies: Vec<(String, String)>, pub groups: Vec<(ResourceType, Vec<String>)> }

pub struct Engine { _private: () }
impl Engine {
    pub fn load(_sources: &Sources) -> Result<Self, LoadError> { todo!() }
    /// SHA-256-able canonical text of schema and policies, for the generation.
    pub fn text(&self) -> &[u8] { todo!() }
    /// *May ask*: class-level decision. Halt{policy.refused | assurance.insufficient | policy.error}, else a plan.
    pub fn decide(&self, _question: &Question, _relationship: &Relationship) -> Result<Plan, Halt> { todo!() }
}

/// A permission with its conditions: *may see*, for each resource. No public constructor, not `Clone`, no `Default`.
pub struct Plan { _private: () }
impl Plan {
    /// Policies that permitted the class.
    pub fn policies(&self) -> &[String] { todo!() }
    pub fn valid_until(&self) -> lexicon::Time { todo!() }
}
impl Judge for Plan {
    fn judge(&self, _facts: &Facts) -> Verdict { todo!() }
}
