//! The surface, written out.

use super::{Need, Standing, Surface};
use crate::condition::{Condition, Modifier};
use crate::order::{Direction as Way, Order};
use crate::parameter::{self, Parameter};
use crate::search::{Direction, Include, Repetition, leads_on};
use lexicon::{Reason, ResourceType};

/// What a row is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RowKind {
    /// `code` or `code:modifier`, with all prefixes.
    Parameter,
    Sort,
    /// `reference:Type.`, up to the dot.
    Chain,
    /// `_has:Type:reference:`, up to the last colon.
    Has,
    Include,
    Reverse,
}

/// One thing to ask of a type, and whether it may be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    pub kind: RowKind,
    /// As it is written in a query.
    pub name: String,
    pub standing: Standing,
}

impl Surface<'_> {
    /// Everything that can be asked of a type.
    pub fn list(&self, of: ResourceType) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut add = |kind, name, standing| rows.push(Row { kind, name, standing });
        for parameter in parameter::all(of) {
            let code = parameter.code;
            for (modifier, text) in modifiers(parameter) {
                let Some(standing) = self.by_modifier(of, parameter, modifier) else { continue };
                let name = if text.is_empty() { code.to_owned() } else { format!("{code}:{text}") };
                add(RowKind::Parameter, name, standing);
            }
            if let Some(order) = Order::by(parameter, Way::Ascending) {
                add(RowKind::Sort, format!("_sort={code}"), self.order(of, &order));
            }
            for target in targets(parameter) {
                add(RowKind::Chain, format!("{code}:{target}."), self.chain(of, parameter, target));
                let include = forward(of, parameter, target);
                add(RowKind::Include, format!("_include={of}:{code}:{target}"), self.include(&include));
            }
        }
        for holder in ResourceType::all() {
            for parameter in parameter::all(holder).into_iter().filter(|found| targets(found).contains(&of)) {
                let code = parameter.code;
                add(RowKind::Has, format!("_has:{holder}:{code}:"), self.has(of, holder, parameter));
                let include = Include { direction: Direction::Reverse, ..forward(holder, parameter, of) };
                add(RowKind::Reverse, format!("_revinclude={holder}:{code}"), self.include(&include));
            }
        }
        rows
    }

    /// Nothing if the parameter is not answered with that modifier.
    fn by_modifier(&self, of: ResourceType, parameter: &'static Parameter, modifier: Modifier) -> Option<Standing> {
        let mut compiled = samples(modifier).iter().map(|value| Condition::compile(of, parameter, modifier, value));
        let reads = match compiled.find(|found| !matches!(found, Err(Reason::ParameterValue))) {
            Some(Ok(condition)) => condition.reads(),
            Some(Err(_)) => return None,
            None => parameter.reads(),
        };
        Some(self.look(of, &reads, Need::Ever))
    }
}

/// Where a chain through it may lead.
fn targets(parameter: &Parameter) -> Vec<ResourceType> {
    if leads_on(parameter) { parameter.targets.clone() } else { Vec::new() }
}

fn forward(of: ResourceType, reference: &'static Parameter, target: ResourceType) -> Include {
    Include { direction: Direction::Forward, of, reference, target: Some(target), repetition: Repetition::Once }
}

/// Every modifier of R4 that the kind could have; [`Condition::compile`] knows which it has.
fn modifiers(parameter: &Parameter) -> Vec<(Modifier, String)> {
    let plain =
        ["missing", "exact", "contains", "text", "not", "in", "not-in", "above", "below", "of-type", "identifier"];
    let named = targets(parameter).into_iter().map(|target| (Modifier::Type(target), target.name().to_owned()));
    let plain = plain.into_iter().filter_map(|text| Some((Modifier::parse(text)?, text.to_owned())));
    std::iter::once((Modifier::None, String::new())).chain(plain).chain(named).collect()
}

/// Values one of which fits every kind.
fn samples(modifier: Modifier) -> &'static [&'static str] {
    match modifier {
        Modifier::Missing => &["true"],
        Modifier::OfType => &["a|b|c"],
        _ => &["1", "2020", "a", "a|b", "a$b", "a$1", "1$1", "a$2020", "a$1$1", "http://a"],
    }
}
