//! What is offered of each type: what the upstream declares and this server answers, in our own words.

use crate::parameter::{self, Parameter};
use crate::search::{INCLUDED_TYPES, leads_on};
use lexicon::{Interaction, ResourceType};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

const INTERACTIONS: [Interaction; 4] =
    [Interaction::Read, Interaction::Vread, Interaction::HistoryInstance, Interaction::SearchType];

/// What the upstream declares of one type.
struct Declared<'a> {
    interactions: Vec<Interaction>,
    /// None: it does not say.
    parameters: Option<BTreeSet<&'a str>>,
    includes: Option<BTreeSet<&'a str>>,
    reverse: Option<BTreeSet<&'a str>>,
}

/// The `rest.resource` of our statement, and whether any type of it is searched.
pub(super) fn resources(statement: &Value) -> (Vec<Value>, bool) {
    let declared = declared(statement);
    let searched: Vec<ResourceType> =
        declared.iter().filter(|(_, declared)| declared.searches()).map(|(of, _)| *of).collect();
    let resources = declared.iter().map(|(of, declared)| declared.resource(*of, &searched)).collect();
    (resources, !searched.is_empty())
}

fn declared(statement: &Value) -> BTreeMap<ResourceType, Declared<'_>> {
    let mut found = BTreeMap::new();
    for rest in list(statement, "rest").filter(|rest| word(rest, "mode") == "server") {
        let common: Vec<&str> = list(rest, "searchParam").map(|parameter| word(parameter, "name")).collect();
        for resource in list(rest, "resource") {
            let Some(of) = ResourceType::from_name(word(resource, "type")) else { continue };
            let codes: Vec<&str> = list(resource, "interaction").map(|interaction| word(interaction, "code")).collect();
            let interactions: Vec<_> = INTERACTIONS.into_iter().filter(|known| codes.contains(&known.code())).collect();
            if interactions.is_empty() {
                continue;
            }
            let own = list(resource, "searchParam").map(|parameter| word(parameter, "name"));
            let declared = Declared {
                interactions,
                parameters: stated(own.chain(common.iter().copied())),
                includes: stated(list(resource, "searchInclude").filter_map(Value::as_str)),
                reverse: stated(list(resource, "searchRevInclude").filter_map(Value::as_str)),
            };
            // A type that is declared twice: the first one counts.
            found.entry(of).or_insert(declared);
        }
    }
    found
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The names, if there are any and none of them means all.
fn stated<'a>(names: impl Iterator<Item = &'a str>) -> Option<BTreeSet<&'a str>> {
    let names: BTreeSet<&str> = names.collect();
    (!names.is_empty() && !names.contains("*")).then_some(names)
}

fn states(names: Option<&BTreeSet<&str>>, name: &str) -> bool {
    names.is_none_or(|names| names.contains(name))
}

impl Declared<'_> {
    fn searches(&self) -> bool {
        self.interactions.contains(&Interaction::SearchType)
    }

    fn resource(&self, of: ResourceType, searched: &[ResourceType]) -> Value {
        let interactions: Vec<Value> = self.interactions.iter().map(|i| json!({ "code": i.code() })).collect();
        let versions = self.interactions.contains(&Interaction::Vread);
        let mut resource = Map::new();
        resource.insert("type".to_owned(), json!(of.name()));
        resource.insert("interaction".to_owned(), Value::Array(interactions));
        resource.insert("versioning".to_owned(), json!(if versions { "versioned" } else { "no-version" }));
        if self.searches() {
            let mut add = |name: &str, values: Vec<Value>| {
                if !values.is_empty() {
                    resource.insert(name.to_owned(), Value::Array(values));
                }
            };
            add("searchInclude", self.includes(of));
            add("searchRevInclude", self.reverse(of, searched));
            add("searchParam", self.parameters(of));
        }
        Value::Object(resource)
    }

    fn parameters(&self, of: ResourceType) -> Vec<Value> {
        let known = parameter::all(of).into_iter().filter(|known| states(self.parameters.as_ref(), known.code));
        known.map(|known| json!({ "name": known.code, "type": known.kind.name() })).collect()
    }

    /// A reference to more types than an include may name at once is left out: it takes a third part.
    fn includes(&self, of: ResourceType) -> Vec<Value> {
        let fits = |reference: &&Parameter| reference.targets.len() <= INCLUDED_TYPES;
        let names = references(of).filter(fits).map(|reference| format!("{of}:{}", reference.code));
        names.filter(|name| states(self.includes.as_ref(), name)).map(Value::String).collect()
    }

    fn reverse(&self, of: ResourceType, searched: &[ResourceType]) -> Vec<Value> {
        let mut names = Vec::new();
        for holder in searched {
            let to_us = references(*holder).filter(|reference| reference.targets.contains(&of));
            names.extend(to_us.map(|reference| format!("{holder}:{}", reference.code)));
        }
        names.into_iter().filter(|name| states(self.reverse.as_ref(), name)).map(Value::String).collect()
    }
}

fn references(of: ResourceType) -> impl Iterator<Item = &'static Parameter> {
    parameter::all(of).into_iter().filter(|parameter| leads_on(parameter))
}
