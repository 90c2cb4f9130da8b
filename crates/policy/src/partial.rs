//! The one place that touches Cedar's type-aware partial evaluation, which is experimental and changes from release to
//! release. `cedar-policy` is pinned exactly; the property in `agreement` compares it with the full engine.

use crate::entities::{Asker, Unfit};
use crate::vocabulary::Names;
use cedar_policy::{EntityUid, PartialEntities, PartialEntityUid, PartialRequest, PolicySet, Schema, TpeResponse, pst};
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

/// Evaluates `policies` as far as possible. One entry for each policy, by id.
pub(crate) fn evaluate(
    policies: &PolicySet,
    asker: &Asker,
    action: &EntityUid,
    (names, schema): (&Names, &Schema),
) -> Result<Vec<(String, Residue)>, Unfit> {
    let principal = PartialEntityUid::from_concrete(asker.principal.clone());
    let resource = PartialEntityUid::new(names.record.clone(), None);
    let request = PartialRequest::new(principal, action.clone(), resource, Some(asker.context.clone()), schema)
        .map_err(|_| Unfit)?;
    let entities = PartialEntities::from_concrete(asker.entities.clone(), schema).map_err(|_| Unfit)?;
    let response = policies.tpe(&request, &entities, schema).map_err(|_| Unfit)?;
    policies.policies().map(|policy| Ok((policy.id().to_string(), residue(&response, policy.id())?))).collect()
}

fn residue(response: &TpeResponse<'_>, id: &cedar_policy::PolicyId) -> Result<Residue, Unfit> {
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
    let policy = response.get_policy(id).ok_or(Unfit)?.to_pst().map_err(|_| Unfit)?;
    let conditions = policy.body().clauses().iter().map(|clause| match clause {
        pst::Clause::When(condition) => Ok(Arc::clone(condition)),
        pst::Clause::Unless(_) => Err(Unfit),
    });
    Ok(Residue::Open(conditions.collect::<Result<_, _>>()?))
}
