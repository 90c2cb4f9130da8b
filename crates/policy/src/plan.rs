//! *May see*: a permission with its conditions, asked about each resource.

use crate::engine::Rules;
use crate::entities::{Asker, Unfit};
use crate::foresight;
use crate::lexemes::{Lexemes, Seen};
use crate::predicate::{Absent, Predicate};
use crate::vocabulary::DEFAULT_GROUP;
use cedar_policy::{Authorizer, Decision, Entities, EntityUid};
use lexicon::{Facts, Judge, LocalId, Reach, Reason, Shown, Time, Verdict};
use std::cell::OnceCell;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A permission with its conditions. No public constructor, not `Clone`, no `Default`.
pub struct Plan {
    made: Arc<Made>,
    /// The care teams looked up for this question, each with its patient.
    related: Vec<(LocalId, LocalId)>,
    valid_until: Time,
}

/// What a plan says, worked out once and shared by the plans of one window.
pub(crate) struct Made {
    rules: Arc<Rules>,
    asker: Asker,
    parts: Parts,
    policies: Vec<String>,
    /// Worked out when a road first asks.
    groups: OnceLock<Vec<(String, Shown)>>,
}

/// What the engine worked out.
pub(crate) struct Parts {
    pub resource_type: &'static str,
    pub lexemes: Lexemes,
    /// The action that was asked for.
    pub read: Way,
    /// Element groups that may be seen, each on its own conditions.
    pub groups: Vec<(String, Way)>,
}

/// The policies that are left for one action: id and condition, by id.
pub(crate) struct Way {
    pub action: EntityUid,
    pub permits: Vec<(String, Predicate)>,
    pub forbids: Vec<(String, Predicate)>,
}

/// What the policies of one action say of one resource, with the ids that say so, sorted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    Permits(Vec<String>),
    Forbids(Vec<String>),
    Silent,
    Error,
}

/// Who examines. Both say the same of everything that a predicate can express; `agreement` tests it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Examiner {
    Predicate,
    Cedar,
}

/// One resource before the judge.
struct Case<'a> {
    facts: &'a Facts,
    seen: Seen,
    /// Made only when Cedar examines.
    entities: OnceCell<Result<Entities, Unfit>>,
}

impl Plan {
    pub(crate) const fn new(made: Arc<Made>, related: Vec<(LocalId, LocalId)>, valid_until: Time) -> Self {
        Self { made, related, valid_until }
    }

    /// Policies that permit the class, if their conditions hold.
    pub fn policies(&self) -> &[String] {
        &self.made.policies
    }

    /// The earliest end of what the plan was made from: the caller's credentials, the relationship.
    pub const fn valid_until(&self) -> Time {
        self.valid_until
    }

    #[cfg(test)]
    pub(crate) fn is_opaque(&self) -> bool {
        self.made.parts.read.is_opaque() || self.made.parts.groups.iter().any(|(_, way)| way.is_opaque())
    }

    /// See [`Made::verdict`].
    pub(crate) fn verdict(&self, facts: &Facts, only: Option<Examiner>) -> Verdict {
        self.made.verdict(facts, only)
    }
}

impl Made {
    pub fn new(rules: Arc<Rules>, asker: Asker, parts: Parts) -> Self {
        let policies = parts.read.permits.iter().map(|(id, _)| id.clone()).collect();
        Self { rules, asker, parts, policies, groups: OnceLock::new() }
    }

    /// Each action by the examiner that suits it, or all by `only`, where the two are compared.
    fn verdict(&self, facts: &Facts, only: Option<Examiner>) -> Verdict {
        let refuse = |reason, policies| Verdict::Refuse { reason, policies };
        if facts.resource_type.name() != self.parts.resource_type {
            return refuse(Reason::UpstreamMismatch, Vec::new());
        }
        // "All labels are on the list" is true of no labels.
        if facts.labels.is_empty() {
            return refuse(Reason::LabelNotCleared, Vec::new());
        }
        let case = Case { facts, seen: self.parts.lexemes.read(facts), entities: OnceCell::new() };
        let policies = match self.ruling(&self.parts.read, &case, only) {
            Ruling::Permits(policies) => policies,
            Ruling::Forbids(policies) => return refuse(self.reason(&policies), policies),
            Ruling::Silent => return refuse(Reason::RelationshipNone, Vec::new()),
            Ruling::Error => return refuse(Reason::PolicyErrorHidden, Vec::new()),
        };
        let mut groups = vec![DEFAULT_GROUP.to_owned()];
        for (group, way) in &self.parts.groups {
            match self.ruling(way, &case, only) {
                Ruling::Permits(_) => groups.push(group.clone()),
                Ruling::Forbids(_) | Ruling::Silent => {}
                Ruling::Error => return refuse(Reason::PolicyErrorHidden, Vec::new()),
            }
        }
        Verdict::Permit { groups, policies }
    }

    fn ruling(&self, way: &Way, case: &Case<'_>, only: Option<Examiner>) -> Ruling {
        match only.unwrap_or_else(|| way.examiner()) {
            Examiner::Predicate => way.ruling(&case.seen).unwrap_or(Ruling::Error),
            Examiner::Cedar => self.ruling_by_cedar(way, case).unwrap_or(Ruling::Error),
        }
    }

    /// The whole slice, by the full engine. An error anywhere refuses: Cedar itself would skip the policy, and a
    /// skipped forbid is a permit.
    fn ruling_by_cedar(&self, way: &Way, case: &Case<'_>) -> Result<Ruling, Unfit> {
        let (names, schema) = (&self.rules.book.names, &self.rules.book.vocabulary.schema);
        let entities = case.entities.get_or_init(|| self.asker.with_record(names, schema, case.facts));
        let entities = entities.as_ref().map_err(|_| Unfit)?;
        let request = self.asker.request(names, schema, &way.action)?;
        let slice = self.rules.slices.get(&way.action).ok_or(Unfit)?;
        let response = Authorizer::new().is_authorized(&request, slice, entities);
        if response.diagnostics().errors().next().is_some() {
            return Ok(Ruling::Error);
        }
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        Ok(match (response.decision(), policies.is_empty()) {
            (Decision::Allow, false) => Ruling::Permits(policies),
            (Decision::Deny, false) => Ruling::Forbids(policies),
            (Decision::Deny, true) => Ruling::Silent,
            (Decision::Allow, true) => Ruling::Error,
        })
    }

    /// Of several forbids the first that says something of its own.
    fn reason(&self, policies: &[String]) -> Reason {
        let reasons = policies.iter().filter_map(|id| self.rules.book.rules.get(id)).map(|rule| rule.reason);
        let own = |reason: &Reason| *reason != Reason::PolicyForbidden;
        reasons.into_iter().find(own).unwrap_or(Reason::PolicyForbidden)
    }
}

impl Judge for Plan {
    fn judge(&self, facts: &Facts) -> Verdict {
        self.verdict(facts, None)
    }

    fn groups(&self) -> Vec<(String, Shown)> {
        self.made.groups.get_or_init(|| foresight::groups(&self.made.parts)).clone()
    }

    fn reach(&self) -> Reach {
        foresight::reach(&self.made.parts, &self.related)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("resource_type", &self.made.parts.resource_type).finish_non_exhaustive()
    }
}

impl Way {
    /// Cedar for the whole action as soon as one policy needs it, so that an error in it is met.
    fn examiner(&self) -> Examiner {
        if self.is_opaque() { Examiner::Cedar } else { Examiner::Predicate }
    }

    pub fn is_opaque(&self) -> bool {
        self.permits.iter().chain(&self.forbids).any(|(_, predicate)| predicate.is_opaque())
    }

    /// Nothing can be permitted: for want of a permit, or by a forbid that holds of everything.
    pub fn is_closed(&self) -> bool {
        self.permits.is_empty() || self.forbids.iter().any(|(_, predicate)| matches!(predicate, Predicate::True))
    }

    fn ruling(&self, seen: &Seen) -> Result<Ruling, Absent> {
        // Both lists to the end: an error in any policy refuses.
        let forbids = holding(&self.forbids, seen)?;
        let permits = holding(&self.permits, seen)?;
        Ok(match (forbids.is_empty(), permits.is_empty()) {
            (false, _) => Ruling::Forbids(forbids),
            (true, false) => Ruling::Permits(permits),
            (true, true) => Ruling::Silent,
        })
    }
}

fn holding(policies: &[(String, Predicate)], seen: &Seen) -> Result<Vec<String>, Absent> {
    let mut holding = Vec::new();
    for (id, predicate) in policies {
        if predicate.holds(seen)? {
            holding.push(id.clone());
        }
    }
    Ok(holding)
}
