//! The one place that touches Cedar's type-aware partial evaluation, which is experimental and changes from release to
//! release. `cedar-policy` is pinned exactly; the property in `agreement` compares it with the full engine.

use crate::engine::Rules;
use crate::entities::{Asker, Unfit};
use cedar_policy::{
    ActionConstraint, EntityUid, PartialEntities, PartialEntityUid, PartialRequest, Policy, PolicyId,
    PrincipalConstraint, ResourceConstraint, TpeResponse, pst,
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
    pub fn evaluate(&self, action: &EntityUid) -> Result<Vec<(String, Residue)>, Unfit> {
        let (names, schema) = (&self.rules.book.names, &self.rules.book.vocabulary.schema);
        let slice = self.rules.slices.get(action).ok_or(Unfit)?;
        let principal = PartialEntityUid::from_concrete(self.asker.principal.clone());
        let resource = PartialEntityUid::new(names.record.clone(), None);
        let context = Some(self.asker.context.clone());
        let request = PartialRequest::new(principal, action.clone(), resource, context, schema).map_err(|_| Unfit)?;
        let response = slice.tpe(&request, &self.entities, schema).map_err(|_| Unfit)?;
        let residue = |policy: &Policy| Ok((policy.id().to_string(), residue(&response, policy.id())?));
        let mut residues: Vec<_> = slice.policies().map(residue).collect::<Result<_, _>>()?;
        residues.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(residues)
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
