//! Reads a search as text into what it asks for. For the model and for the reference server.

use crate::{
    matching::Wanted,
    table::{Row, TYPES, find},
};

pub struct Query {
    pub of: &'static str,
    pub criteria: Vec<Criterion>,
    pub sort: Option<(&'static Row, bool)>,
    pub includes: Vec<Include>,
    pub count: usize,
    pub is_total_asked: bool,
    pub summary: Option<String>,
    pub elements: Option<Vec<String>>,
    /// Names that were not understood.
    pub unknown: Vec<String>,
}

pub enum Criterion {
    Own(&'static Row, Wanted),
    Chain(&'static Row, &'static str, Box<Self>),
    Has(&'static str, &'static Row, Box<Self>),
}

pub struct Include {
    pub is_reverse: bool,
    pub is_repeated: bool,
    pub row: &'static Row,
    pub target: Option<String>,
}

pub const PAGE: usize = 50;

pub fn parse(of: &str, pairs: &[(String, String)]) -> Option<Query> {
    let of = TYPES.into_iter().find(|name| *name == of)?;
    let mut query = Query {
        of,
        criteria: Vec::new(),
        sort: None,
        includes: Vec::new(),
        count: PAGE,
        is_total_asked: false,
        summary: None,
        elements: None,
        unknown: Vec::new(),
    };
    for (name, value) in pairs {
        match name.as_str() {
            "_count" => query.count = value.parse().ok()?,
            "_total" => query.is_total_asked = value != "none",
            "_summary" => query.summary = Some(value.clone()),
            "_elements" => query.elements = Some(value.split(',').map(str::to_owned).collect()),
            "_format" | "_pretty" => {}
            "_sort" => {
                let (code, is_descending) =
                    value.strip_prefix('-').map_or((value.as_str(), false), |code| (code, true));
                query.sort = Some((find(of, code)?, is_descending));
            }
            name if name.starts_with("_include") || name.starts_with("_revinclude") => {
                query.includes.push(include(name, value)?);
            }
            name => match criterion(of, name, value) {
                Some(criterion) => query.criteria.push(criterion),
                None => query.unknown.push(name.to_owned()),
            },
        }
    }
    Some(query)
}

fn include(name: &str, value: &str) -> Option<Include> {
    let (direction, is_repeated) = name.strip_suffix(":iterate").map_or((name, false), |direction| (direction, true));
    let mut parts = value.split(':');
    let row = find(parts.next()?, parts.next()?).filter(|row| !row.targets.is_empty())?;
    Some(Include { is_reverse: direction == "_revinclude", is_repeated, row, target: parts.next().map(str::to_owned) })
}

fn criterion(of: &'static str, name: &str, value: &str) -> Option<Criterion> {
    if let Some(rest) = name.strip_prefix("_has:") {
        let mut parts = rest.splitn(3, ':');
        let other = parts.next()?;
        let other = TYPES.into_iter().find(|name| *name == other)?;
        let row = find(other, parts.next()?).filter(|row| row.targets.contains(&of))?;
        return Some(Criterion::Has(other, row, Box::new(criterion(other, parts.next()?, value)?)));
    }
    if let Some((head, rest)) = name.split_once('.') {
        let (code, target) = head.split_once(':').map_or((head, None), |(code, target)| (code, Some(target)));
        let row = find(of, code)?;
        let target = row.targets.iter().find(|of| target.is_none_or(|target| target == **of))?;
        return Some(Criterion::Chain(row, target, Box::new(criterion(target, rest, value)?)));
    }
    let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
    let wanted = Wanted { modifier: modifier.to_owned(), values: value.to_owned() };
    Some(Criterion::Own(find(of, code)?, wanted))
}

/// The pairs of a query string or a form, decoded; none if it is broken.
pub fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = [*rest.next()?, *rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
