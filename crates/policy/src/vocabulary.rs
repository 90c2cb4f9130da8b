//! The words, as Cedar sees them: the schema of `lexicon`, and one action for each element group.

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use lexicon::{Action, Kind, ResourceType};
use std::fmt::Write;
use std::str::FromStr;

/// The words file of `lexicon`. It stands there because every room speaks these words; only this room reads it.
pub(crate) const TEXT: &str = include_str!("../../lexicon/vocabulary.cedarschema");

/// The group that comes with `read` itself and therefore has no action of its own.
pub(crate) const DEFAULT_GROUP: &str = "default";

#[derive(Debug, thiserror::Error)]
pub enum VocabularyError {
    #[error("`{0}` is not a name for an element group")]
    GroupName(String),
    #[error("the element group `{0}` is there twice")]
    GroupTwice(String),
    #[error("the vocabulary does not load")]
    Schema(#[from] Box<cedar_policy::SchemaError>),
    #[error("the vocabulary does not load")]
    Text(#[from] Box<cedar_policy::CedarSchemaError>),
    #[error("the vocabulary's own names do not parse")]
    Names,
    #[error("the policies cannot be indexed by action")]
    Index,
}

impl VocabularyError {
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::GroupName(_) => "use lower-case letters, digits, `-` and `_`; `default` needs no action",
            Self::GroupTwice(_) => "merge the two lists in projections.toml",
            Self::Schema(_) | Self::Text(_) | Self::Names | Self::Index => {
                "this is a fault of the build, not of the configuration"
            }
        }
    }
}

pub(crate) struct Vocabulary {
    pub schema: Schema,
    /// The whole schema as text: what the generation hashes.
    pub text: String,
    /// Element groups that have an action, in the order of the projections.
    pub groups: Vec<(ResourceType, Vec<String>)>,
}

impl Vocabulary {
    pub fn load(groups: &[(ResourceType, Vec<String>)]) -> Result<Self, VocabularyError> {
        let views = views(groups)?;
        let (words, _) = SchemaFragment::from_cedarschema_str(TEXT).map_err(Box::new)?;
        let (added, _) = SchemaFragment::from_cedarschema_str(&views).map_err(Box::new)?;
        let schema = Schema::from_schema_fragments([words, added]).map_err(Box::new)?;
        Ok(Self { schema, text: format!("{TEXT}{views}"), groups: groups.to_vec() })
    }

    pub fn groups_of(&self, resource_type: &str) -> impl Iterator<Item = &str> {
        let of_type = self.groups.iter().filter(move |(t, _)| t.name() == resource_type);
        of_type.flat_map(|(_, groups)| groups.iter().map(String::as_str))
    }
}

/// The schema fragment with the actions `view:Type.group`.
fn views(groups: &[(ResourceType, Vec<String>)]) -> Result<String, VocabularyError> {
    let mut text = String::from("namespace Lazaret {\n");
    let mut types = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (resource_type, names) in groups {
        if !types.contains(resource_type) {
            types.push(*resource_type);
            let _ = writeln!(text, "  action \"view:{resource_type}\" in [\"view\"];");
        }
        for name in names {
            if !is_group_name(name) {
                return Err(VocabularyError::GroupName(name.clone()));
            }
            let action = view_action(resource_type.name(), name);
            if !seen.insert(action.clone()) {
                return Err(VocabularyError::GroupTwice(action));
            }
            let _ = writeln!(
                text,
                "  action \"{action}\" in [\"view:{resource_type}\"] appliesTo {{ principal: [Person, Workload], resource: Record, context: Ask }};"
            );
        }
    }
    text.push_str("}\n");
    Ok(text)
}

fn is_group_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    name != DEFAULT_GROUP && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(allowed)
}

pub(crate) fn view_action(resource_type: &str, group: &str) -> String {
    format!("view:{resource_type}.{group}")
}

/// The type a question is about, in the policy's words. Metadata is about no type; its policy sees this one.
pub(crate) fn planned_type(action: Action, resource_type: Option<ResourceType>) -> Option<&'static str> {
    match (action, resource_type) {
        (_, Some(resource_type)) => Some(resource_type.name()),
        (Action::Capabilities, None) => Some("CapabilityStatement"),
        (_, None) => None,
    }
}

/// Names that a build cannot get wrong twice: one fallible place, checked by every test that loads an engine.
#[derive(Clone)]
pub(crate) struct Names {
    pub role: EntityTypeName,
    pub record: EntityTypeName,
    action: EntityTypeName,
    person: EntityTypeName,
    workload: EntityTypeName,
    stranger: EntityTypeName,
}

impl Names {
    pub fn new() -> Result<Self, VocabularyError> {
        let name = |text: &str| EntityTypeName::from_str(text).map_err(|_| VocabularyError::Names);
        Ok(Self {
            role: name("Lazaret::Role")?,
            record: name("Lazaret::Record")?,
            action: name("Lazaret::Action")?,
            person: name("Lazaret::Person")?,
            workload: name("Lazaret::Workload")?,
            stranger: name("Lazaret::Stranger")?,
        })
    }

    pub const fn kind(&self, kind: Kind) -> &EntityTypeName {
        match kind {
            Kind::Person => &self.person,
            Kind::Workload => &self.workload,
            Kind::Stranger => &self.stranger,
        }
    }

    pub fn action(&self, code: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.action.clone(), EntityId::new(code))
    }

    /// May a policy name one of these by id? Only roles and actions: who a caller is and what a resource is, a policy
    /// says by attributes, so that no policy depends on how this room spells an entity's id.
    pub fn may_be_named(&self, uid: &EntityUid) -> bool {
        *uid.type_name() == self.role || *uid.type_name() == self.action
    }
}
