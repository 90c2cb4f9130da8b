//! The names of criteria: `code[:modifier]`, `reference[:Type].code`, `_has:Type:reference:code`, nested.

use super::{Criterion, leads_on};
use crate::condition::{Condition, Modifier};
use crate::parameter::{self, Parameter};
use lexicon::{Reason, ResourceType};

/// How many other types one criterion may lead through.
pub(super) const HOPS: usize = 3;

/// Of a reference that may name more types than these, the type must be said.
const GUESSES: usize = 8;

/// Reads one criterion on resources of a type. `hops` are left.
pub(super) fn criterion(of: ResourceType, key: &str, value: &str, hops: usize) -> Result<Criterion, Reason> {
    if let Some(rest) = key.strip_prefix("_has:") {
        return has(of, rest, value, hops);
    }
    let (head, rest) = key.split_once('.').map_or((key, None), |(head, rest)| (head, Some(rest)));
    let (code, suffix) = head.split_once(':').map_or((head, None), |(code, suffix)| (code, Some(suffix)));
    let parameter = parameter::find(of, code).ok_or(Reason::ParameterNotModelled)?;
    let Some(rest) = rest else {
        let modifier = suffix.map_or(Some(Modifier::None), Modifier::parse).ok_or(Reason::ParameterModifier)?;
        return Condition::compile(of, parameter, modifier, value).map(Criterion::Own);
    };
    if !leads_on(parameter) {
        return Err(Reason::ParameterNotModelled);
    }
    let hops = hops.checked_sub(1).ok_or(Reason::SearchTooBroad)?;
    let target = match suffix {
        Some(name) => {
            let named = ResourceType::from_name(name).filter(|named| parameter.targets.contains(named));
            named.ok_or(Reason::ParameterModifier)?
        }
        None => only_target(parameter, rest)?,
    };
    let inner = vec![criterion(target, rest, value, hops)?];
    Ok(Criterion::Chain { reference: parameter, target, inner })
}

/// Of several possible types, the one that has the parameter. If two have it, the type must be said.
fn only_target(reference: &Parameter, rest: &str) -> Result<ResourceType, Reason> {
    let code = rest.split([':', '.']).next().unwrap_or_default();
    let fits = |of: &&ResourceType| code == "_has" || parameter::find(**of, code).is_some();
    match reference.targets.as_slice() {
        [only] => Ok(*only),
        several if several.len() <= GUESSES => {
            let mut fitting = several.iter().filter(fits);
            fitting.next().filter(|_| fitting.next().is_none()).copied().ok_or(Reason::ParameterNotModelled)
        }
        _ => Err(Reason::ParameterNotModelled),
    }
}

/// `Type:reference:criterion`, of which the second must be able to name what is searched.
fn has(target: ResourceType, rest: &str, value: &str, hops: usize) -> Result<Criterion, Reason> {
    let mut parts = rest.splitn(3, ':');
    let (Some(name), Some(code), Some(inner)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Reason::ParameterNotModelled);
    };
    let of = ResourceType::from_name(name).ok_or(Reason::ParameterNotModelled)?;
    let reference = parameter::find(of, code)
        .filter(|reference| leads_on(reference) && reference.targets.contains(&target))
        .ok_or(Reason::ParameterNotModelled)?;
    let hops = hops.checked_sub(1).ok_or(Reason::SearchTooBroad)?;
    Ok(Criterion::Has { of, reference, inner: Box::new(criterion(of, inner, value, hops)?) })
}
