//! What the parameters of a request mean, where the request is one that is answered.

use super::{Asked, Parameters, accept, presents, unanswered};
use crate::compartment;
use crate::search::{self, Criterion, Search};
use lexicon::{Interaction, Reason, ResourceType};
use std::fmt;

/// The parameters of a history that are answered.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct History {
    pub count: Option<u32>,
    /// A sealed cursor.
    pub page: Option<String>,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

/// What the parameters mean, of an interaction that is answered.
pub(super) fn understand(asked: &mut Asked) -> Result<(), Reason> {
    use Interaction as I;
    let parameters = &asked.parameters;
    match asked.interaction {
        other if unanswered(other).is_some() => return Ok(()),
        I::SearchType | I::SearchCompartment => asked.search = Some(search(asked)?),
        I::HistoryInstance => asked.history = Some(history(parameters)?),
        // What else is answered takes no parameter of its own.
        _ if !parameters.names().all(presents) => return Err(Reason::ParameterNotModelled),
        _ if parameters.has_duplicate() => return Err(Reason::ParameterDuplicate),
        _ => {}
    }
    if !matches!(parameters.first("_pretty"), None | Some("true" | "false")) {
        return Err(Reason::RequestMalformed);
    }
    accept(None, asked.format())
}

fn search(asked: &Asked) -> Result<Search, Reason> {
    // All types of a compartment would be as many searches.
    let of = asked.resource_type.ok_or(Reason::SearchCompartmentNotAnswered)?;
    let mut search = Search::parse(of, &asked.parameters)?;
    if let Some((focus, id)) = &asked.compartment {
        if *focus != ResourceType::PATIENT {
            return Err(Reason::SearchCompartmentNotAnswered);
        }
        let members = compartment::membership(of, id);
        // R4 says of a type that it is in no patient's compartment by not giving it a parameter.
        if members.is_empty() {
            return Err(Reason::SearchCompartmentNotAnswered);
        }
        search.criteria.push(Criterion::AnyOf(members));
    }
    Ok(search)
}

/// `_since` and `_at` look at when a resource was changed, which is not always shown: they are not answered.
fn history(parameters: &Parameters) -> Result<History, Reason> {
    if !parameters.names().all(|name| presents(name) || matches!(name, "_count" | "_page")) {
        return Err(Reason::ParameterNotModelled);
    }
    if parameters.has_duplicate() {
        return Err(Reason::ParameterDuplicate);
    }
    let count = parameters.first("_count").map(search::count).transpose()?;
    let page = parameters.first("_page").map(search::page).transpose()?;
    if count == Some(0) {
        return Err(Reason::ParameterValue);
    }
    if count.is_some() && page.is_some() {
        return Err(Reason::ParameterNotModelled);
    }
    Ok(History { count, page })
}
