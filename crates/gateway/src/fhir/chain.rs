//! Chains and `_has`, one step at a time: what lies at the other end is searched for first, under the full policy, and
//! what it yields stands in the next search as a list of ids. So no condition on one resource is ever evaluated by a
//! server that does not know who asks.

use super::{
    legs::Asking,
    scan::{Errand, Scan, Spent},
};
use ::fhir::{Parameter, Part, search::Criterion};
use lexicon::{LocalId, Reason, ResourceType};
use std::{collections::BTreeSet, future::Future, pin::Pin};

/// Ids that one step may yield.
const IDS: usize = 1000;

/// All criteria on resources of a type, with every step to other types done.
pub(super) fn resolve<'a>(
    of: ResourceType,
    criteria: &'a [Criterion],
    errand: Errand<'a>,
    spent: &'a mut Spent,
) -> Pin<Box<dyn Future<Output = Result<Asking, Reason>> + Send + 'a>> {
    Box::pin(async move {
        let mut asking = Asking::new(of);
        for criterion in criteria {
            match criterion {
                Criterion::Own(condition) => asking.all.push(condition.clone()),
                Criterion::AnyOf(conditions) => {
                    asking.any.push(conditions.clone());
                    asking.is_within = true;
                }
                Criterion::Chain { reference, target, inner } => {
                    let step = resolve(*target, inner, errand, spent).await?;
                    let ids = gather(step, Yields::Themselves, errand, spent).await?;
                    asking.naming(reference, *target, &ids);
                }
                Criterion::Has { of: holder, reference, inner } => {
                    let step = resolve(*holder, std::slice::from_ref(inner), errand, spent).await?;
                    let ids = gather(step, Yields::Named(reference, of), errand, spent).await?;
                    asking.ids(&ids);
                }
            }
        }
        Ok(asking)
    })
}

/// Which ids a step is taken for.
enum Yields {
    Themselves,
    /// Those of a type that a reference names.
    Named(&'static Parameter, ResourceType),
}

async fn gather(asking: Asking, yields: Yields, errand: Errand<'_>, spent: &mut Spent) -> Result<Vec<LocalId>, Reason> {
    let mut scan = Scan::new(asking, Part::All, &errand)?;
    let mut ids = BTreeSet::new();
    while let Some(found) = scan.next(&errand, spent).await? {
        // What a step finds is told by what follows from it: it counts as shown.
        spent.told.push(found.disclosed.clone());
        match yields {
            Yields::Themselves => ids.extend(found.projected.id().cloned()),
            Yields::Named(reference, target) => {
                let named = found.named(reference, errand.road).into_iter();
                ids.extend(named.filter(|(of, _)| *of == target).map(|(_, id)| id));
            }
        }
        if ids.len() > IDS {
            return Err(Reason::SearchTooBroad);
        }
    }
    Ok(ids.into_iter().collect())
}
