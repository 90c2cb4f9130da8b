//! Does a resource match one search parameter? Slow, over parsed JSON, from the text of
//! <https://hl7.org/fhir/R4/search.html>; written without a look at how the room `fhir` does it.

use crate::table::{Holds, Kind, Row};
use serde_json::Value;

/// One `code[:modifier]=value[,value]` as it stands in a query, unescaped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    pub modifier: String,
    pub values: String,
}

/// Every node at a dotted path, arrays taken item by item.
pub fn nodes<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut here = items(value);
    for name in path.split('.') {
        here = here.into_iter().filter_map(|node| node.get(name)).flat_map(items).collect();
    }
    here
}

fn items(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

pub fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// None: the value has a form that this parameter cannot have.
pub fn matches(resource: &Value, row: &Row, wanted: &Wanted) -> Option<bool> {
    if wanted.modifier == "missing" {
        let is_missing = row.places.iter().all(|(place, _)| nodes(resource, place).is_empty());
        return match wanted.values.as_str() {
            "true" => Some(is_missing),
            "false" => Some(!is_missing),
            _ => None,
        };
    }
    let mut any = false;
    for value in wanted.values.split(',') {
        any |= one(resource, row, &wanted.modifier, value)?;
    }
    Some(if wanted.modifier == "not" { !any } else { any })
}

fn one(resource: &Value, row: &Row, modifier: &str, value: &str) -> Option<bool> {
    if value.is_empty() {
        return None;
    }
    if row.kind == Kind::Composite {
        let (first, second) = value.split_once('$')?;
        let [(code, code_holds), (quantity, quantity_holds)] = row.places else { return None };
        let code = any_node(resource, code, |node| token(node, *code_holds, first))?;
        return Some(code & any_node(resource, quantity, |node| leaf(node, *quantity_holds, Kind::Quantity, second))?);
    }
    let mut any = false;
    for (place, holds) in row.places {
        any |= any_node(resource, place, |node| match row.kind {
            Kind::Token => token(node, *holds, value),
            Kind::Text => Some(words(node, *holds).iter().any(|word| text_is(word, modifier, value))),
            Kind::Reference => Some(reference(node, modifier, value)),
            kind => leaf(node, *holds, kind, value),
        })?;
    }
    Some(any)
}

fn any_node(resource: &Value, place: &str, test: impl Fn(&Value) -> Option<bool>) -> Option<bool> {
    let mut any = false;
    for node in nodes(resource, place) {
        any |= test(node)?;
    }
    Some(any)
}

fn leaf(node: &Value, holds: Holds, kind: Kind, value: &str) -> Option<bool> {
    match kind {
        Kind::Date => {
            let (prefix, rest) = prefix_of(value);
            let wanted = span(rest)?;
            Some(spans(node, holds).is_some_and(|found| date_is(prefix, found, wanted)))
        }
        Kind::Number => number(node.as_f64()?, value),
        Kind::Quantity => quantity(node, value),
        Kind::Uri => Some(node.as_str() == Some(value)),
        _ => None,
    }
}

fn token(node: &Value, holds: Holds, value: &str) -> Option<bool> {
    let (system, code) = match value.split_once('|') {
        Some((system, code)) => (Some(system), code),
        None => (None, value),
    };
    let is = |found_system: Option<&str>, found_code: Option<&str>| {
        let system_fits = match system {
            None => true,
            Some("") => found_system.is_none(),
            Some(system) => found_system == Some(system),
        };
        system_fits && (code.is_empty() || found_code == Some(code))
    };
    Some(match holds {
        Holds::Concept => nodes(node, "coding").into_iter().any(|c| is(text(c, "system"), text(c, "code"))),
        Holds::Coding => is(text(node, "system"), text(node, "code")),
        Holds::Identifier => is(text(node, "system"), text(node, "value")),
        Holds::Flag => node.as_bool().is_some_and(|flag| flag.to_string() == code),
        _ => node.as_str() == Some(code),
    })
}

/// The texts a string parameter looks at.
fn words(node: &Value, holds: Holds) -> Vec<&str> {
    if holds == Holds::Name {
        return ["family", "given", "prefix", "suffix", "text"]
            .iter()
            .flat_map(|part| nodes(node, part))
            .filter_map(Value::as_str)
            .collect();
    }
    node.as_str().into_iter().collect()
}

fn text_is(found: &str, modifier: &str, value: &str) -> bool {
    let (small, wanted) = (found.to_lowercase(), value.to_lowercase());
    match modifier {
        "exact" => found == value,
        "contains" => small.contains(&wanted),
        _ => small.starts_with(&wanted),
    }
}

fn reference(node: &Value, modifier: &str, value: &str) -> bool {
    let Some(found) = text(node, "reference") else { return false };
    let Some((of, id)) = found.split_once('/') else { return false };
    let named = match value.split_once('/') {
        Some(named) => named,
        None => (if modifier.is_empty() { of } else { modifier }, value),
    };
    named == (of, id) && (modifier.is_empty() || modifier == of)
}

fn prefix_of(value: &str) -> (&str, &str) {
    match value.get(..2) {
        Some("eq" | "ne" | "gt" | "lt" | "ge" | "le" | "sa" | "eb") => value.split_at(2),
        _ => ("eq", value),
    }
}

/// From the first millisecond to the one after the last.
type Span = (i64, i64);

fn spans(node: &Value, holds: Holds) -> Option<Span> {
    if holds == Holds::Period {
        let start = text(node, "start").and_then(span);
        let end = text(node, "end").and_then(span);
        if start.is_none() && end.is_none() {
            return None;
        }
        return Some((start.map_or(i64::MIN, |(from, _)| from), end.map_or(i64::MAX, |(_, to)| to)));
    }
    node.as_str().and_then(span)
}

fn date_is(prefix: &str, (from, to): Span, (low, high): Span) -> bool {
    let is_inside = low <= from && to <= high;
    match prefix {
        "eq" => is_inside,
        "ne" => !is_inside,
        "gt" => to > high,
        "lt" => from < low,
        "ge" => to > high || is_inside,
        "le" => from < low || is_inside,
        "sa" => from >= high,
        _ => to <= low,
    }
}

/// `2020`, `2020-03`, `2020-03-01`, and with `T10:30`, `:00`, `.123`, always with `Z`.
pub fn span(text: &str) -> Option<Span> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time.strip_suffix('Z')?)),
        None => (text, None),
    };
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let day = 86_400_000;
    match (parts.as_slice(), time) {
        ([year], None) => Some((days(*year, 1, 1) * day, days(year + 1, 1, 1) * day)),
        ([year, month], None) => {
            let (next_year, next) = if *month == 12 { (year + 1, 1) } else { (*year, month + 1) };
            Some((days(*year, *month, 1) * day, days(next_year, next, 1) * day))
        }
        ([year, month, of], None) => {
            let start = days(*year, *month, *of) * day;
            Some((start, start + day))
        }
        ([year, month, of], Some(time)) => {
            let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, part)| (clock, Some(part)));
            let clock: Vec<i64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            let (seconds, width) = match clock.as_slice() {
                [hour, minute] => (hour * 3600 + minute * 60, 60_000),
                [hour, minute, second] => (hour * 3600 + minute * 60 + second, 1000),
                _ => return None,
            };
            let (millis, width) = match fraction {
                Some(part) if part.len() == 3 => (part.parse().ok()?, 1),
                Some(_) => return None,
                None => (0, width),
            };
            let start = days(*year, *month, *of) * day + seconds * 1000 + millis;
            Some((start, start + width))
        }
        _ => None,
    }
}

/// Days since 1970-01-01, counted.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let in_years = |years: std::ops::Range<i64>| years.map(|year| if is_leap(year) { 366 } else { 365 }).sum::<i64>();
    let before_year = if year >= 1970 { in_years(1970..year) } else { -in_years(year..1970) };
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months = usize::try_from(month - 1).expect("a month");
    before_year + lengths.iter().take(months).sum::<i64>() + day - 1
}

fn number(found: f64, value: &str) -> Option<bool> {
    let (prefix, rest) = prefix_of(value);
    let wanted: f64 = rest.parse().ok()?;
    // "100" means 99.5 to 100.5; "100.00" means 99.995 to 100.005.
    let digits = rest.split_once('.').map_or(0, |(_, after)| i32::try_from(after.len()).expect("few digits"));
    let half = 0.5 * 10f64.powi(-digits);
    let is_near = found >= wanted - half && found < wanted + half;
    Some(match prefix {
        "eq" => is_near,
        "ne" => !is_near,
        "gt" | "sa" => found > wanted,
        "lt" | "eb" => found < wanted,
        "ge" => found >= wanted,
        _ => found <= wanted,
    })
}

fn quantity(node: &Value, value: &str) -> Option<bool> {
    let parts: Vec<&str> = value.split('|').collect();
    let (number_text, system, code) = match parts.as_slice() {
        [number] => (*number, None, None),
        [number, system, code] => (*number, Some(*system).filter(|s| !s.is_empty()), Some(*code)),
        _ => return None,
    };
    let fits = match node.get("value").and_then(Value::as_f64) {
        Some(found) => number(found, number_text)?,
        None => {
            number(0.0, number_text)?;
            false
        }
    };
    let unit_fits = match (system, code) {
        (Some(system), Some(code)) => text(node, "system") == Some(system) && text(node, "code") == Some(code),
        (None, Some(code)) => text(node, "code") == Some(code) || text(node, "unit") == Some(code),
        _ => true,
    };
    Some(fits && unit_fits)
}

/// What a sort looks at: a text that sorts as the element does. The first of several when ascending, the last when
/// descending (R4 leaves it open; HAPI and others do so).
pub fn sort_key(resource: &Value, row: &Row, is_descending: bool) -> Option<Key> {
    let mut keys = Vec::new();
    for (place, holds) in row.places {
        for node in nodes(resource, place) {
            match (row.kind, holds) {
                (Kind::Date, _) => keys.extend(spans(node, *holds).map(|(from, _)| Key::Number(from as f64))),
                (Kind::Number, _) => keys.extend(node.as_f64().map(Key::Number)),
                (Kind::Quantity, _) => keys.extend(node.get("value").and_then(Value::as_f64).map(Key::Number)),
                (Kind::Text, _) => keys.extend(words(node, *holds).iter().map(|word| Key::Text(word.to_lowercase()))),
                (_, Holds::Concept) => keys.extend(nodes(node, "coding.code").iter().filter_map(|v| word(v))),
                (_, Holds::Coding) => keys.extend(node.get("code").and_then(word)),
                (_, Holds::Identifier) => keys.extend(node.get("value").and_then(word)),
                (_, Holds::Reference) => keys.extend(node.get("reference").and_then(word)),
                (_, Holds::Flag) => keys.push(Key::Text(node.to_string())),
                _ => keys.extend(word(node)),
            }
        }
    }
    keys.sort_by(Key::order);
    if is_descending { keys.pop() } else { keys.into_iter().next() }
}

fn word(value: &Value) -> Option<Key> {
    value.as_str().map(|text| Key::Text(text.to_owned()))
}

#[derive(Clone, PartialEq, Debug)]
pub enum Key {
    Number(f64),
    Text(String),
}

impl Key {
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => std::cmp::Ordering::Less,
            (Self::Text(_), Self::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}
