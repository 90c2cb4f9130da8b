//! *May see*: the one way by which a resource gets into an answer, whatever it was asked by. A read, a match, an
//! included resource, a step of a chain and an old version all pass here and nowhere else.

use super::{Fhir, Reading, facts};
use ::fhir::{Grant, Limits, Part, Projected, Projection, Scanned, Scopes, compartment::patients_of};
use lexicon::{Halt, Interaction, Judge, LocalId, Principal, Reason, Relationship, ResourceType, Verdict};
use passage::Disclosed;
use std::sync::Arc;

/// What our own words add to a projection at most: the type, `meta.tag`.
const ADDED: usize = 4096;

/// By what resources of one type are judged.
pub(super) struct Sieve<'a> {
    pub road: &'a Fhir,
    pub principal: &'a Principal,
    pub relationship: &'a Relationship,
    pub plan: &'a dyn Judge,
    /// What the scopes grant on this type, for what was asked.
    pub grants: &'a [Grant],
}

/// A resource that may be seen, and how much of it.
pub(super) struct Seen<'a> {
    resource: &'a Scanned,
    road: &'a Fhir,
    projection: Arc<Projection>,
    patient: Option<LocalId>,
    pub groups: Vec<String>,
    pub policies: Vec<String>,
}

/// Why it may not, and whose it is: for the record, never for the caller.
pub(super) struct Unseen {
    pub patient: Option<LocalId>,
    pub why: Halt,
}

/// What the scopes grant a principal who asks in that way for resources of that type.
pub(super) fn grants(principal: &Principal, interaction: Interaction, of: ResourceType) -> Result<Vec<Grant>, Reason> {
    Scopes::parse(&principal.scopes).covering(principal.kind, interaction, of)
}

impl Sieve<'_> {
    pub fn see<'a>(&'a self, resource: &'a Scanned) -> Result<Seen<'a>, Unseen> {
        let settings = &self.road.settings;
        let reading = Reading { base: &self.road.base, unlabelled: &settings.unlabelled };
        let facts = facts(resource, &reading, self.relationship);
        let patient = facts.patient.clone();
        let launched = self.principal.patient.as_ref();
        // The grants that reach into the compartment of the resource, shown or not.
        let reaching = |grant: &&Grant| grant.reaches(launched, facts.patient.as_ref());
        let reaching: Vec<&Grant> = self.grants.iter().filter(reaching).collect();
        if reaching.is_empty() {
            return Err(Unseen { patient, why: Reason::ScopePatient.into() });
        }
        // Policy before the scopes' parameters: what it shows bounds what they may look at.
        let (groups, policies) = match self.plan.judge(&facts) {
            Verdict::Permit { groups, policies } => (groups, policies),
            Verdict::Refuse { reason, policies } => return Err(Unseen { patient, why: Halt::by(reason, policies) }),
        };
        let projection = settings.projections.compile(facts.resource_type, &groups);
        let admits = |grant: &&Grant| {
            grant.reads_only(&projection) && grant.admits(resource, launched, facts.patient.as_ref()).is_ok()
        };
        // One granted scope that admits the resource is enough.
        if !reaching.iter().any(admits) {
            return Err(Unseen { patient, why: Reason::ScopeGranular.into() });
        }
        Ok(Seen { resource, road: self.road, projection, patient, groups, policies })
    }
}

impl Seen<'_> {
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    pub fn share(&self) -> Arc<Projection> {
        self.projection.clone()
    }

    pub fn patient(&self) -> Option<&LocalId> {
        self.patient.as_ref()
    }

    /// All that may be seen.
    pub fn project(&self) -> Projected {
        self.resource.project(&self.projection, &self.road.base)
    }

    /// As much of that as was asked for.
    pub fn project_part(&self, part: &Part) -> Projected {
        self.resource.project_part(&self.projection, &self.road.base, part)
    }

    /// The resource as the caller knows it. Whatever a search asks is asked of this, so that no answer can depend on
    /// what is not in it.
    pub fn view(&self, projected: &Projected) -> Result<Scanned, Reason> {
        let Limits { bytes, depth } = self.road.settings.limits;
        let limits = Limits { bytes: bytes.saturating_add(ADDED), depth };
        Scanned::of(projected.bytes(), limits).map_err(|_| Reason::Bug)
    }

    /// What the record names and the budget charges: also patients by whom nothing was judged.
    pub fn disclosed(&self, id: LocalId) -> Disclosed {
        let patients = patients_of(self.resource, &self.road.base);
        Disclosed { resource_type: self.resource.resource_type(), id, patients }
    }
}
