//! The request line, read strictly: every interaction of R4's REST API (<https://hl7.org/fhir/R4/http.html>) has one
//! spelling here, and whatever could mean one thing to us and another to the server behind us is refused.

mod accept;
mod line;
mod parameters;
mod understood;

pub use accept::accept;
pub use line::{Line, Written};
pub use parameters::Parameters;
pub use understood::History;

use crate::search::Search;
use lexicon::{Interaction, LocalId, Reason, ResourceType};
use std::fmt;

/// Octets of path and query together. RFC 9110 section 4.1 asks servers for at least 8000.
pub const LINE_BYTES: usize = 8192;

/// Octets of a search's form.
pub const FORM_BYTES: usize = 64 << 10;

/// FHIR's methods. `HEAD` is read as `GET`: the same question, and whoever writes the answer leaves out the body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 section 9.1).
    fn from_name(name: &str) -> Result<Self, Reason> {
        match name {
            "GET" | "HEAD" => Ok(Self::Get),
            "POST" => Ok(Self::Post),
            "PUT" => Ok(Self::Put),
            "PATCH" => Ok(Self::Patch),
            "DELETE" => Ok(Self::Delete),
            _ => Err(Reason::RequestMethod),
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request line asks for.
#[derive(Clone)]
pub struct Asked {
    pub interaction: Interaction,
    pub method: Method,
    /// The type asked for; in a compartment search, the type searched for (absent for `*`).
    pub resource_type: Option<ResourceType>,
    /// The id asked for; in a compartment search, none.
    pub id: Option<LocalId>,
    pub version: Option<LocalId>,
    /// The focus of a compartment search.
    pub compartment: Option<(ResourceType, LocalId)>,
    /// The name of an operation, without its `$`.
    pub operation: Option<String>,
    /// The query, decoded once; of a search, with those of its form.
    pub parameters: Parameters,
    /// The criteria of `If-None-Exist`, decoded once.
    pub criteria: Option<Parameters>,
    /// What those parameters mean, if this is a search; in a compartment, membership among them.
    pub search: Option<Search>,
    /// Which part of a history is asked for.
    pub history: Option<History>,
}

/// What follows from the rest is not compared.
impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            interaction,
            method,
            resource_type,
            id,
            version,
            compartment,
            operation,
            parameters,
            criteria,
            search: _,
            history: _,
        } = self;
        *interaction == other.interaction
            && *method == other.method
            && *resource_type == other.resource_type
            && *id == other.id
            && *version == other.version
            && *compartment == other.compartment
            && *operation == other.operation
            && *parameters == other.parameters
            && *criteria == other.criteria
    }
}

impl Eq for Asked {}

/// Blank: ids and parameters point at people.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("interaction", &self.interaction)
            .field("resource_type", &self.resource_type)
            .finish_non_exhaustive()
    }
}

impl Asked {
    fn new(interaction: Interaction, method: Method) -> Self {
        Self {
            interaction,
            method,
            resource_type: None,
            id: None,
            version: None,
            compartment: None,
            operation: None,
            parameters: Parameters::default(),
            criteria: None,
            search: None,
            history: None,
        }
    }

    /// `_format`, which overrides the `Accept` header.
    pub fn format(&self) -> Option<&str> {
        self.parameters.first("_format")
    }
}

/// Reads a request line.
pub fn parse(line: Line<'_>) -> Result<Asked, Reason> {
    let query = line.query.unwrap_or_default();
    let criteria = line.if_none_exist.unwrap_or_default();
    if line.path.len().saturating_add(query.len()) > LINE_BYTES || criteria.len() > LINE_BYTES {
        return Err(Reason::RequestTooLong);
    }
    if line.form.is_some_and(|form| form.len() > FORM_BYTES) {
        return Err(Reason::RequestBodyTooLong);
    }
    let method = Method::from_name(line.method)?;
    let path = line::spelled(line.path)?;
    let parameters = Parameters::parse(query)?;
    let place = Place { method, has_criteria: parameters.names().any(|name| !presents(name)) };
    let mut asked = place.system(&line::segments(&path)?)?;
    asked.parameters = match line.form {
        Some(form) if asked.posts_search() => parameters.merge(Parameters::parse_form(form)?)?,
        Some(_) => return Err(Reason::RequestBody),
        None => parameters,
    };
    if let Some(criteria) = line.if_none_exist {
        add_criteria(&mut asked, criteria)?;
    }
    understood::understand(&mut asked)?;
    Ok(asked)
}

/// The stable code of an interaction that is understood and not answered. Nothing for those that are answered.
pub const fn unanswered(interaction: Interaction) -> Option<Reason> {
    use Interaction as I;
    Some(match interaction {
        I::Read | I::Vread | I::HistoryInstance | I::SearchType | I::SearchCompartment => return None,
        I::Capabilities | I::SmartConfiguration => return None,
        I::HistoryType => Reason::HistoryTypeNotAnswered,
        I::HistorySystem => Reason::HistorySystemNotAnswered,
        I::SearchSystem => Reason::SearchSystemNotAnswered,
        I::Create => Reason::CreateNotAnswered,
        I::ConditionalCreate => Reason::ConditionalCreateNotAnswered,
        I::Update => Reason::UpdateNotAnswered,
        I::ConditionalUpdate => Reason::ConditionalUpdateNotAnswered,
        I::Patch => Reason::PatchNotAnswered,
        I::ConditionalPatch => Reason::ConditionalPatchNotAnswered,
        I::Delete => Reason::DeleteNotAnswered,
        I::ConditionalDelete => Reason::ConditionalDeleteNotAnswered,
        I::Batch => Reason::BatchNotAnswered,
        I::Operation => Reason::OperationNotAnswered,
    })
}

/// Reads the segments of a path for one method, from the left.
struct Place {
    method: Method,
    /// The query says more than how the answer should look.
    has_criteria: bool,
}

impl Place {
    fn asked(&self, interaction: Interaction) -> Asked {
        Asked::new(interaction, self.method)
    }

    fn system(&self, segments: &[&str]) -> Result<Asked, Reason> {
        use Interaction as I;
        use Method as M;
        match (segments, self.method) {
            ([], M::Get) | (["_search"], M::Post) => Ok(self.asked(I::SearchSystem)),
            ([], M::Post) => Ok(self.asked(I::Batch)),
            (["metadata"], M::Get) => Ok(self.asked(I::Capabilities)),
            ([".well-known", "smart-configuration"], M::Get) => Ok(self.asked(I::SmartConfiguration)),
            (["_history"], M::Get) => Ok(self.asked(I::HistorySystem)),
            ([] | ["_search" | "metadata" | "_history"] | [".well-known", "smart-configuration"], _) => {
                Err(Reason::RequestMethod)
            }
            ([name], _) if name.starts_with('$') => operation(self.asked(I::Operation), name),
            ([name, rest @ ..], _) => self.of_type(known_type(name)?, rest),
        }
    }

    fn of_type(&self, owner: ResourceType, rest: &[&str]) -> Result<Asked, Reason> {
        use Interaction as I;
        use Method as M;
        let asked = |interaction| Asked { resource_type: Some(owner), ..self.asked(interaction) };
        match (rest, self.method) {
            ([], M::Get) | (["_search"], M::Post) => Ok(asked(I::SearchType)),
            ([], M::Post) => Ok(asked(I::Create)),
            // Without criteria these would concern every resource of the type.
            ([], _) if !self.has_criteria => Err(Reason::RequestMalformed),
            ([], M::Put) => Ok(asked(I::ConditionalUpdate)),
            ([], M::Patch) => Ok(asked(I::ConditionalPatch)),
            ([], M::Delete) => Ok(asked(I::ConditionalDelete)),
            (["_history"], M::Get) => Ok(asked(I::HistoryType)),
            (["_search" | "_history"], _) => Err(Reason::RequestMethod),
            ([name], _) if name.starts_with('$') => operation(asked(I::Operation), name),
            ([id, rest @ ..], _) => self.of_instance(owner, known_id(id)?, rest),
        }
    }

    fn of_instance(&self, owner: ResourceType, id: LocalId, rest: &[&str]) -> Result<Asked, Reason> {
        use Interaction as I;
        use Method as M;
        let asked = |interaction, id| Asked { resource_type: Some(owner), id: Some(id), ..self.asked(interaction) };
        match (rest, self.method) {
            ([], M::Get) => Ok(asked(I::Read, id)),
            ([], M::Put) => Ok(asked(I::Update, id)),
            ([], M::Patch) => Ok(asked(I::Patch, id)),
            ([], M::Delete) => Ok(asked(I::Delete, id)),
            (["_history"], M::Get) => Ok(asked(I::HistoryInstance, id)),
            (["_history", version], M::Get) => Ok(Asked { version: Some(known_id(version)?), ..asked(I::Vread, id) }),
            ([] | ["_history"] | ["_history", _], _) => Err(Reason::RequestMethod),
            ([name], _) if name.starts_with('$') => operation(asked(I::Operation, id), name),
            ([searched] | [searched, "_search"], _) => {
                let expected = if rest.len() == 1 { M::Get } else { M::Post };
                let resource_type = if *searched == "*" { None } else { Some(known_type(searched)?) };
                match (COMPARTMENTS.contains(&owner.name()), self.method == expected) {
                    (false, _) => Err(Reason::RequestMalformed),
                    (true, false) => Err(Reason::RequestMethod),
                    (true, true) => {
                        let found = self.asked(I::SearchCompartment);
                        Ok(Asked { resource_type, compartment: Some((owner, id)), ..found })
                    }
                }
            }
            _ => Err(Reason::RequestMalformed),
        }
    }
}

/// The types that have a CompartmentDefinition in R4 (<https://hl7.org/fhir/R4/compartmentdefinition.html>).
const COMPARTMENTS: [&str; 5] = ["Device", "Encounter", "Patient", "Practitioner", "RelatedPerson"];

fn known_type(name: &str) -> Result<ResourceType, Reason> {
    ResourceType::from_name(name).ok_or(Reason::RequestTypeUnknown)
}

fn known_id(text: &str) -> Result<LocalId, Reason> {
    LocalId::new(text).ok_or(Reason::RequestIdMalformed)
}

fn operation(asked: Asked, segment: &str) -> Result<Asked, Reason> {
    let name = segment.strip_prefix('$').unwrap_or_default();
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Reason::RequestMalformed);
    }
    match asked.method {
        Method::Get | Method::Post => Ok(Asked { operation: Some(name.to_owned()), ..asked }),
        _ => Err(Reason::RequestMethod),
    }
}

/// `If-None-Exist` makes a create conditional, and belongs to nothing else.
fn add_criteria(asked: &mut Asked, criteria: &str) -> Result<(), Reason> {
    if asked.interaction != Interaction::Create {
        return Err(Reason::RequestHeader);
    }
    let criteria = Parameters::parse(criteria)?;
    if criteria.is_empty() {
        return Err(Reason::RequestMalformed);
    }
    asked.interaction = Interaction::ConditionalCreate;
    asked.criteria = Some(criteria);
    Ok(())
}

/// Does this parameter only say how the answer should look?
fn presents(name: &str) -> bool {
    matches!(name, "_format" | "_pretty")
}

#[cfg(test)]
mod tests;
