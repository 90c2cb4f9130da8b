//! SMART App Launch 2.2.0 scopes, versions 1 and 2
//! (<https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html>). Total: what is not understood grants
//! nothing. A scope only narrows what policy allows.

mod letters;
mod predicate;

use crate::filter::Scanned;
use crate::percent;
use crate::projection::Projection;
use letters::Letters;
use lexicon::{Interaction, Kind, LocalId, Reason, ResourceType};
use predicate::Predicate;
use std::fmt;

/// Longer claims, and claims of more scopes, grant nothing at all.
pub const CLAIM_BYTES: usize = 16 << 10;
const SCOPES: usize = 256;
const SCOPE_BYTES: usize = 2048;
const PARAMETERS: usize = 16;

/// Whose data a scope speaks of; each scope is judged in its own context, never merged with another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Context {
    /// The compartment of the patient in launch context.
    Patient,
    /// Whatever the person may see.
    User,
    /// Whatever the workload may see.
    System,
}

impl Context {
    fn from_name(name: &str) -> Option<Self> {
        [Self::Patient, Self::User, Self::System].into_iter().find(|context| context.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }

    fn serves(self, kind: Kind) -> bool {
        match kind {
            Kind::Person => matches!(self, Self::Patient | Self::User),
            Kind::Workload => self == Self::System,
            Kind::Stranger => false,
        }
    }
}

/// `?name=value&...` of a granular scope, as written.
#[derive(Clone, PartialEq, Eq)]
enum Query {
    Absent,
    Pairs(Vec<(String, String)>),
    /// There is one, and it cannot be read.
    Broken,
}

#[derive(Clone, PartialEq, Eq)]
struct Scope {
    context: Context,
    /// Absent for `*`.
    resource_type: Option<ResourceType>,
    letters: Letters,
    query: Query,
}

impl Scope {
    /// One scope-token of RFC 6749 section 3.3, as a whole.
    fn parse(token: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if token.len() > SCOPE_BYTES || !token.bytes().all(allowed) {
            return None;
        }
        let (head, query) = token.split_once('?').map_or((token, None), |(head, query)| (head, Some(query)));
        let (context, rest) = head.split_once('/')?;
        let (name, letters) = rest.split_once('.')?;
        let resource_type = if name == "*" { None } else { Some(ResourceType::from_name(name)?) };
        let query = match (query, Letters::is_version_1(letters)) {
            (None, _) => Query::Absent,
            (Some(query), false) => pairs(query).map_or(Query::Broken, Query::Pairs),
            // Version 1 has no parameters.
            (Some(_), true) => Query::Broken,
        };
        Some(Self { context: Context::from_name(context)?, resource_type, letters: Letters::parse(letters)?, query })
    }

    /// The scope's parameters for one type. Nothing if one of them cannot be enforced.
    fn predicates(&self, resource_type: ResourceType) -> Option<Vec<Predicate>> {
        match &self.query {
            Query::Absent => Some(Vec::new()),
            Query::Pairs(pairs) => {
                pairs.iter().map(|(name, value)| Predicate::compile(resource_type, name, value)).collect()
            }
            Query::Broken => None,
        }
    }
}

/// Names and values, cut first and decoded once after. An unescaped `+` is refused: some read it as a space.
fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    if query.contains(['+', '#', '?']) || query.split('&').count() > PARAMETERS {
        return None;
    }
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((percent::decode(name)?, percent::decode(value)?))
    };
    query.split('&').map(pair).collect()
}

/// The scopes of one token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// Blank: parameters may name people.
impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({})", self.0.len())
    }
}

impl Scopes {
    pub fn parse(claim: &str) -> Self {
        if claim.len() > CLAIM_BYTES || claim.split(' ').count() > SCOPES {
            return Self::default();
        }
        Self(claim.split(' ').filter_map(Scope::parse).collect())
    }

    /// The least scope under which this kind of caller may ask for an interaction on a type, whoever the patient is.
    pub fn sufficient(kind: Kind, interaction: Interaction, resource_type: ResourceType) -> Option<String> {
        let context = [Context::User, Context::System].into_iter().find(|context| context.serves(kind))?;
        Letters::needed(interaction).map(|letters| format!("{}/{resource_type}.{letters}", context.name()))
    }

    /// The grants under which this kind of caller may ask for an interaction on a type. Each stands for itself: one
    /// that admits the resource is enough.
    pub fn covering(
        &self,
        kind: Kind,
        interaction: Interaction,
        resource_type: ResourceType,
    ) -> Result<Vec<Grant>, Reason> {
        let needed = Letters::needed(interaction).ok_or(Reason::ScopeMissing)?;
        let covers = |scope: &&Scope| {
            scope.context.serves(kind)
                && scope.resource_type.is_none_or(|of| of == resource_type)
                && scope.letters.include(needed)
        };
        let mut refusal = Reason::ScopeMissing;
        let mut grants = Vec::new();
        for scope in self.0.iter().filter(covers) {
            match scope.predicates(resource_type) {
                Some(predicates) => grants.push(Grant { scope: scope.clone(), resource_type, predicates }),
                None => refusal = Reason::ScopeNotModelled,
            }
        }
        if grants.is_empty() { Err(refusal) } else { Ok(grants) }
    }
}

/// One scope, made ready for resources of one type.
#[derive(Clone)]
pub struct Grant {
    scope: Scope,
    resource_type: ResourceType,
    predicates: Vec<Predicate>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Grant({})", self.text())
    }
}

impl Grant {
    /// The scope without its parameters, in version 2's spelling: what a record may hold and a policy may test.
    pub fn text(&self) -> String {
        let name = self.scope.resource_type.map_or("*", ResourceType::name);
        format!("{}/{name}.{}", self.scope.context.name(), self.scope.letters)
    }

    /// May this grant count for a caller who is shown no more than this? Whether a parameter matches tells of the
    /// elements it looks at: one that looks at anything hidden would tell by 200 or 404 what is in it. So it counts
    /// only if every element it looks at is shown, whatever the resource holds there. Without parameters it always
    /// counts. To be asked before [`Grant::admits`].
    pub fn reads_only(&self, shown: &Projection) -> bool {
        self.predicates.is_empty()
            || (shown.resource_type() == self.resource_type
                && self.predicates.iter().all(|predicate| predicate.reads_only(shown)))
    }

    /// Does this grant reach into that compartment? `patient` is the one whose compartment holds the whole resource.
    pub fn reaches(&self, launch_patient: Option<&LocalId>, patient: Option<&LocalId>) -> bool {
        self.scope.context != Context::Patient || (launch_patient.is_some() && launch_patient == patient)
    }

    /// May this resource be seen under this grant? `patient` is the one whose compartment holds the resource.
    pub fn admits(
        &self,
        resource: &Scanned,
        launch_patient: Option<&LocalId>,
        patient: Option<&LocalId>,
    ) -> Result<(), Reason> {
        if !self.reaches(launch_patient, patient) {
            return Err(Reason::ScopePatient);
        }
        let matches = resource.resource_type() == self.resource_type
            && self.predicates.iter().all(|predicate| predicate.matches(resource));
        if matches { Ok(()) } else { Err(Reason::ScopeGranular) }
    }
}

#[cfg(test)]
mod tests;
