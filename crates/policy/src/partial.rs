//! The one place that touches Cedar's type-aware partial evaluation, which is experimental and changes from release to
//! release. `cedar-policy` is pinned exactly; the property in `agreement` compares it with the full engine.

use crate::engine::Rules;
use crate::entities::{Asker, Unfit};
use cedar_policy::{
    ActionConstraint, EntityTypeName, EntityUid, PartialEntities, PartialEntityUid, PartialRequest, Policy, PolicyId,
    PolicySet, PrincipalConstraint, ResourceConstraint, TpeResponse, pst,
};
use std::sync::Arc;

/// What is left of one policy when caller, action and circumstances are known and the resource is not.
#[derive(Clone)]
pub(crate) enum Residue {
    Holds,
    Fails,
    Error,
    /// All of these must hold.
    Open(Vec<Arc<pst::Expr>>),
}

/// All that is known before a resource is: made once for a question, used for each action.
pub(crate) struct Known<'a> {
    rules: &'a Rules,
    asker: &'a Asker,
    entities: PartialEntities,
}

impl<'a> Known<'a> {
    pub fn new(rules: &'a Rules, asker: &'a Asker) -> Result<Self, Unfit> {
        let schema = &rules.book.vocabulary.schema;
        let entities = PartialEntities::from_concrete(asker.entities.clone(), schema).map_err(|_| Unfit)?;
        Ok(Self { rules, asker, entities })
    }

    /// Evaluates the policies of an action as far as possible. One entry for each policy, by id, sorted.
    /// Most policies are about roles that the caller does not have; those are not worth an evaluation.
    pub fn evaluate(&self, action: &EntityUid) -> Result<Vec<(String, Residue)>, Unfit> {
        let (names, schema) = (&self.rules.book.names, &self.rules.book.vocabulary.schema);
        let slice = self.rules.slices.get(action).ok_or(Unfit)?;
        let principal = PartialEntityUid::from_concrete(self.asker.principal.clone());
        let resource = PartialEntityUid::new(names.record.clone(), None);
        let context = Some(self.asker.context.clone());
        let request = PartialRequest::new(principal, action.clone(), resource, context, schema).map_err(|_| Unfit)?;
        let about_caller = slice.policies().filter(|policy| self.is_about_caller(policy)).cloned();
        let about_caller = PolicySet::from_policies(about_caller).map_err(|_| Unfit)?;
        let response = about_caller.tpe(&request, &self.entities, schema).map_err(|_| Unfit)?;
        let residue = |policy: &Policy| {
            let left = match about_caller.policy(policy.id()) {
                Some(_) => residue(&response, policy.id())?,
                None => Residue::Fails,
            };
            Ok((policy.id().to_string(), left))
        };
        let mut residues: Vec<_> = slice.policies().map(residue).collect::<Result<_, _>>()?;
        residues.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(residues)
    }
}

impl Known<'_> {
    /// Is the head of the policy true of this caller? A head cannot err.
    fn is_about_caller(&self, policy: &Policy) -> bool {
        let caller = &self.asker.principal;
        let is = |kind: &EntityTypeName| kind == caller.type_name();
        let within = |group: &EntityUid| group == caller || self.asker.entities.is_ancestor_of(group, caller);
        match policy.principal_constraint() {
            PrincipalConstraint::Any => true,
            PrincipalConstraint::Eq(only) => only == *caller,
            PrincipalConstraint::Is(kind) => is(&kind),
            PrincipalConstraint::In(group) => within(&group),
            PrincipalConstraint::IsIn(kind, group) => is(&kind) && within(&group),
        }
    }
}

fn residue(response: &TpeResponse<'_>, id: &PolicyId) -> Result<Residue, Unfit> {
    if response.error_permits().chain(response.error_forbids()).any(|found| found == id) {
        return Ok(Residue::Error);
    }
    if response.true_permits().chain(response.true_forbids()).any(|found| found == id) {
        return Ok(Residue::Holds);
    }
    if response.false_permits().chain(response.false_forbids()).any(|found| found == id) {
        return Ok(Residue::Fails);
    }
    // A residual has an unconstrained scope and one `when`; anything else is not what this was written against.
    let policy = response.get_policy(id).ok_or(Unfit)?;
    let scope = (policy.principal_constraint(), policy.action_constraint(), policy.resource_constraint());
    if scope != (PrincipalConstraint::Any, ActionConstraint::Any, ResourceConstraint::Any) {
        return Err(Unfit);
    }
    let policy = policy.to_pst().map_err(|_| Unfit)?;
    let conditions = policy.body().clauses().iter().map(|clause| match clause {
        pst::Clause::When(condition) => Ok(Arc::clone(condition)),
        pst::Clause::Unless(_) => Err(Unfit),
    });
    Ok(Residue::Open(conditions.collect::<Result<_, _>>()?))
}
