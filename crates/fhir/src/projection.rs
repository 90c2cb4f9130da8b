//! Projections: which elements of a type each group shows.

use lexicon::ResourceType;
use std::sync::Arc;

/// Why a projections file is not acceptable.
#[derive(Debug, thiserror::Error)]
#[error("projections: {message}")]
pub struct ProjectionError {
    message: String,
}

/// Type -> group -> element paths, each checked against the R4 tables.
#[derive(Debug)]
pub struct Projections {
    text: String,
}

impl Projections {
    pub fn load(toml_text: &str) -> Result<Self, ProjectionError> {
        Ok(Self { text: toml_text.to_owned() })
    }

    /// The groups of each listed type, without `default`.
    pub fn groups(&self) -> Vec<(ResourceType, Vec<String>)> {
        Vec::new()
    }

    /// What the default group and `groups` together show of a type. A type that is not listed shows its type and id.
    pub fn compile(&self, resource_type: ResourceType, _groups: &[String]) -> Arc<Projection> {
        Arc::new(Projection { resource_type })
    }

    /// The text it was loaded from.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What may be seen of one type.
#[derive(Debug)]
pub struct Projection {
    resource_type: ResourceType,
}

impl Projection {
    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }
}
