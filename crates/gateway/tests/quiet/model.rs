//! A gateway small enough to be right by reading: it answers from what the caller sees and from nothing else. With a leak
//! switched on it is wrong in that one way.

use crate::{
    asks::Sent,
    law::Action,
    leaks::{Leak, Leaks},
    matching::{Key, matches, nodes, sort_key, text},
    query::{Criterion, Include, Query, pairs, parse},
    sight::{Seen, Sight, reads_shown},
    table::{Kind, Row, find},
    trial::{Case, Subject},
    world::Kept,
};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

pub const BASE: &str = "https://localhost:8443/fhir";

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn refusal(status: u16, code: &str) -> Self {
        let body = json!({ "resourceType": "OperationOutcome", "issue": [{ "code": code }] }).to_string();
        Self { status, headers: Vec::new(), body }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

/// The model gateway, which answers in the case's worlds.
pub struct Model(pub Leaks);

impl Subject for Model {
    fn ask(&mut self, case: &Case, which: usize, sent: &Sent) -> (Answer, Vec<String>) {
        let sight = Sight::new(&case.worlds[which], &case.law, &case.caller, self.0);
        (answer(&sight, sent), Vec::new())
    }
}

/// Refused by the class of the request.
struct No(u16, &'static str);

const HIDDEN: No = No(403, "parameter.observes-hidden");
const CHAIN: No = No(403, "parameter.chain-not-permitted");
const INCLUDE: No = No(403, "include.not-permitted");
const MALFORMED: No = No(400, "request.malformed");
const REFUSED: No = No(403, "policy.refused");

pub fn answer(sight: &Sight<'_>, sent: &Sent) -> Answer {
    let answer = route(sight, sent).unwrap_or_else(|No(status, code)| Answer::refusal(status, code));
    if sent.method != "HEAD" {
        return answer;
    }
    let mut headers = answer.headers;
    if !headers.iter().any(|(name, _)| name == "content-length") {
        headers.push(("content-length".to_owned(), answer.body.len().to_string()));
    }
    Answer { status: answer.status, headers, body: String::new() }
}

fn route(sight: &Sight<'_>, sent: &Sent) -> Result<Answer, No> {
    let (path, query) = sent.path.split_once('?').unwrap_or((&sent.path, ""));
    let mut with = pairs(query).ok_or(MALFORMED)?;
    with.extend(pairs(sent.form.as_deref().unwrap_or_default()).ok_or(MALFORMED)?);
    if let [(name, value)] = with.as_slice()
        && name == "_page"
    {
        let (offset, rest) = value.split_once('~').ok_or(MALFORMED)?;
        let offset = offset.parse().map_err(|_| MALFORMED)?;
        let again = Sent { method: "GET", path: unhex(rest).ok_or(MALFORMED)?, form: None, if_none_match: None };
        let (path, query) = again.path.split_once('?').unwrap_or((&again.path, ""));
        return place(sight, path, &pairs(query).ok_or(MALFORMED)?, offset, sent);
    }
    place(sight, path, &with, 0, sent)
}

fn place(sight: &Sight<'_>, path: &str, with: &[(String, String)], offset: usize, sent: &Sent) -> Result<Answer, No> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        [of, "_search"] | [of] => search(sight, of, None, with, offset, sent),
        ["Patient", id, of, "_search"] if of.starts_with(char::is_uppercase) => {
            search(sight, of, Some(id), with, offset, sent)
        }
        [_, _, "_history"] | [_, _, "_history", _] | [_, _] => instance(sight, &parts, with, sent),
        ["Patient", id, of] if of.starts_with(char::is_uppercase) => search(sight, of, Some(id), with, offset, sent),
        _ => Err(MALFORMED),
    }
}

fn instance(sight: &Sight<'_>, parts: &[&str], with: &[(String, String)], sent: &Sent) -> Result<Answer, No> {
    let [of, id, ..] = parts else { return Err(MALFORMED) };
    if !sight.may_ask(Action::Read, of) {
        return Err(REFUSED);
    }
    let kept = sight.world.find(of, id);
    if let (Some(kept), true) = (kept, sight.leaks.has(Leak::NotModifiedFirst)) {
        let number = kept.current().map(|current| format!("W/{}", current["meta"]["versionId"]));
        if sent.if_none_match.is_some() && number == sent.if_none_match {
            return Ok(Answer { status: 304, headers: Vec::new(), body: String::new() });
        }
    }
    let absent = || {
        let status = match kept {
            Some(kept) if sight.leaks.has(Leak::GoneForDeleted) && kept.is_deleted => 410,
            Some(_) if sight.leaks.has(Leak::ForbiddenForHidden) => 403,
            _ => 404,
        };
        let mut answer = Answer::refusal(status, "resource.not-found");
        if sight.leaks.has(Leak::Diagnostics) {
            answer.body += &format!("{} versions", kept.map_or(0, |kept| kept.versions.len()));
        }
        answer
    };
    let Some(kept) = kept else { return Ok(absent()) };
    match parts {
        [_, _] => match sight.see_kept(kept, Action::Read) {
            Some(seen) => Ok(resource(sight, &seen, with, sent)),
            None => Ok(absent()),
        },
        [_, _, _] => {
            let versions = sight.versions(kept);
            if versions.is_empty() {
                return Ok(absent());
            }
            let bodies: Vec<Value> = versions.iter().map(|seen| json!({ "resource": seen.shown })).collect();
            let many = if sight.leaks.has(Leak::HistoryTotal) { kept.versions.len() } else { bodies.len() };
            Ok(bundle(json!({ "resourceType": "Bundle", "type": "history", "entry": bodies, "total": many }), sent))
        }
        _ => {
            let number = parts.last().copied();
            let found = |seen: &Seen<'_>, value: &Value| {
                text(&value["meta"], "versionId") == number && seen.full["meta"]["versionId"].as_str() == number
            };
            let by_hidden = sight.leaks.has(Leak::VersionByHiddenNumber);
            let versions = sight.versions(kept);
            let is_it = |seen: &&Seen<'_>| found(seen, if by_hidden { seen.full } else { &seen.shown });
            if let Some(seen) = versions.iter().find(is_it) {
                return Ok(resource(sight, seen, with, sent));
            }
            let unjudged = kept.versions.iter().find(|version| text(&version["meta"], "versionId") == number);
            if let (Some(version), false, true) =
                (unjudged, versions.is_empty(), sight.leaks.has(Leak::VersionUnjudged))
            {
                return Ok(Answer { status: 200, headers: Vec::new(), body: version.to_string() });
            }
            Ok(absent())
        }
    }
}

fn digest(value: &str) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("\"{:x}\"", hasher.finish())
}

/// One resource as an answer.
fn resource(sight: &Sight<'_>, seen: &Seen<'_>, with: &[(String, String)], sent: &Sent) -> Answer {
    let elements = with.iter().find(|(name, _)| name == "_elements");
    let elements = elements.map(|(_, value)| value.split(',').map(str::to_owned).collect::<Vec<_>>());
    let body = part(sight, seen, elements.as_deref()).to_string();
    let whole = seen.full.to_string();
    let validator = digest(if sight.leaks.has(Leak::ValidatorOfWhole) { &whole } else { &body });
    if sent.if_none_match.as_deref() == Some(validator.as_str()) {
        return Answer { status: 304, headers: vec![("etag".to_owned(), validator)], body: String::new() };
    }
    let mut headers = vec![("etag".to_owned(), validator)];
    if sight.leaks.has(Leak::LengthOfWhole) {
        headers.push(("content-length".to_owned(), whole.len().to_string()));
    }
    Answer { status: 200, headers, body }
}

/// What `_elements` leaves of what is shown.
fn part(sight: &Sight<'_>, seen: &Seen<'_>, elements: Option<&[String]>) -> Value {
    if sight.leaks.has(Leak::NoProjection) {
        return seen.full.clone();
    }
    let mut shown = seen.shown.clone();
    if let Some(elements) = elements {
        let keeps = |name: &str| ["resourceType", "id", "meta"].contains(&name) || elements.iter().any(|e| e == name);
        shown.as_object_mut().expect("a resource").retain(|name, _| keeps(name));
        if sight.leaks.has(Leak::ElementsBeyond) {
            for name in elements {
                if let Some(value) = seen.full.get(name) {
                    shown[name] = value.clone();
                }
            }
        }
    }
    shown
}

fn bundle(body: Value, sent: &Sent) -> Answer {
    let body = body.to_string();
    let validator = digest(&body);
    if sent.if_none_match.as_deref() == Some(validator.as_str()) {
        return Answer { status: 304, headers: vec![("etag".to_owned(), validator)], body: String::new() };
    }
    Answer { status: 200, headers: vec![("etag".to_owned(), validator)], body }
}

fn search(
    sight: &Sight<'_>,
    of: &str,
    within: Option<&&str>,
    with: &[(String, String)],
    offset: usize,
    sent: &Sent,
) -> Result<Answer, No> {
    let mut query = parse(of, with).ok_or(MALFORMED)?;
    if !query.unknown.is_empty() {
        return Err(MALFORMED);
    }
    if !sight.may_ask(Action::Search, query.of) {
        return Err(REFUSED);
    }
    admit(sight, &query)?;
    if let Some(id) = within {
        let row = ["patient", "subject"].into_iter().find_map(|code| find(query.of, code)).ok_or(MALFORMED)?;
        let wanted = crate::matching::Wanted { modifier: String::new(), values: format!("Patient/{id}") };
        query.criteria.push(Criterion::Own(row, wanted));
    }
    let found: Vec<Found<'_>> =
        sight.world.kept.iter().filter(|kept| kept.of == query.of).filter_map(|kept| found(sight, kept)).collect();
    let mut matched = Vec::new();
    for one in &found {
        let mut fits = true;
        for criterion in &query.criteria {
            fits &= holds(sight, query.of, one, criterion, within.is_some(), Depth::Own)?;
        }
        if fits {
            matched.push(one);
        }
    }
    if let Some((row, is_descending)) = query.sort {
        sort(
            &mut matched,
            row,
            is_descending,
            sight.leaks.has(Leak::SortOnHidden) || sight.leaks.has(Leak::LastUpdatedFinds),
        );
    }
    Ok(bundle(page(sight, &query, &matched, offset, sent), sent))
}

/// A current resource of the searched type, seen or not.
struct Found<'a> {
    seen: Option<Seen<'a>>,
    full: &'a Value,
}

fn found<'a>(sight: &Sight<'a>, kept: &'a Kept) -> Option<Found<'a>> {
    let full = kept.current()?;
    let mut seen = sight.see_kept(kept, Action::Search);
    if seen.is_none() && sight.leaks.has(Leak::NoRecheck) {
        seen = Some(Seen { full, shown: full.clone(), paths: sight.law.elements(kept.of, &[]), is_partial: true });
    }
    // What an upstream would find is remembered only for leaks that count it.
    let counted = [Leak::TotalOfUpstream, Leak::CountOfUpstream, Leak::PageOfUpstream, Leak::NextToNothing];
    (seen.is_some() || counted.iter().any(|leak| sight.leaks.has(*leak))).then_some(Found { seen, full })
}

/// Where a condition stands, for leaks that differ by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Own,
    Chain,
    Has,
}

fn page(sight: &Sight<'_>, query: &Query, matched: &[&Found<'_>], offset: usize, sent: &Sent) -> Value {
    let seen: Vec<&Seen<'_>> = matched.iter().filter_map(|one| one.seen.as_ref()).collect();
    if query.summary.as_deref() == Some("count") {
        let many = if sight.leaks.has(Leak::CountOfUpstream) { matched.len() } else { seen.len() };
        return json!({ "resourceType": "Bundle", "type": "searchset", "total": many });
    }
    let (shown, has_next) = if sight.leaks.has(Leak::PageOfUpstream) {
        let window = matched.iter().skip(offset).take(query.count);
        (window.filter_map(|one| one.seen.as_ref()).collect(), matched.len() > offset + query.count)
    } else {
        let shown: Vec<&Seen<'_>> = seen.iter().skip(offset).take(query.count).copied().collect();
        (shown, seen.len() > offset + query.count)
    };
    let last = shown.last().map(|seen| seen.full["id"].clone());
    let hidden_follow = matched.last().is_some_and(|one| one.seen.is_none());
    let has_next = has_next || (sight.leaks.has(Leak::NextToNothing) && hidden_follow);
    let base = if sight.leaks.has(Leak::AddressOfUpstream) { sight.world.base.as_str() } else { BASE };
    let entry = |resource: Value, mode: &str| {
        let url = format!(
            "{base}/{}/{}",
            resource["resourceType"].as_str().unwrap_or_default(),
            resource["id"].as_str().unwrap_or_default()
        );
        json!({ "fullUrl": url, "resource": resource, "search": { "mode": mode } })
    };
    let mut entries: Vec<Value> =
        shown.iter().map(|seen| entry(part(sight, seen, query.elements.as_deref()), "match")).collect();
    for included in includes(sight, query, &shown) {
        entries.push(entry(part(sight, &included, query.elements.as_deref()), "include"));
    }
    if sight.leaks.has(Leak::OutcomeEntry) {
        let scanned = sight.world.current(query.of).count();
        entries.push(json!({ "resource": { "resourceType": "OperationOutcome", "text": format!("{scanned} read") } }));
    }
    let mut links = Vec::new();
    if sight.leaks.has(Leak::SelfLinkOfUpstream) {
        links.push(json!({ "relation": "self", "url": format!("{}/{}", sight.world.base, query.of) }));
    }
    if has_next {
        let line = if sent.path.contains("_page=") {
            sent.path.split_once('~').and_then(|(_, rest)| unhex(rest)).unwrap_or_default()
        } else {
            format!("{}?{}", sent.path.trim_end_matches("/_search"), sent.form.clone().unwrap_or_default())
                .replace("??", "?")
        };
        let line = line.trim_end_matches('?').to_owned();
        let mut place = format!("{}~{}", offset + query.count, hex(&line));
        if sight.leaks.has(Leak::CursorOfUpstream) {
            let at = sight.world.kept.iter().position(|kept| Some(Value::from(kept.id.clone())) == last);
            place = format!("{place}{:02x}", at.unwrap_or_default() + 32);
        }
        links.push(json!({ "relation": "next", "url": format!("{BASE}/{}?_page={place}", query.of) }));
    }
    let mut body = json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries, "link": links });
    let many = if sight.leaks.has(Leak::TotalOfUpstream) { matched.len() } else { seen.len() };
    if query.is_total_asked || (offset == 0 && !has_next) {
        body["total"] = many.into();
    }
    body
}

fn sort(matched: &mut [&Found<'_>], row: &Row, is_descending: bool, by_hidden: bool) {
    let key = |one: &Found<'_>| -> Option<Key> {
        match (&one.seen, by_hidden) {
            (Some(seen), false) => sort_key(&seen.shown, row, is_descending),
            _ => sort_key(one.full, row, is_descending),
        }
    };
    // What has no key comes last either way.
    matched.sort_by(|a, b| match (key(a), key(b)) {
        (Some(a), Some(b)) if is_descending => b.order(&a),
        (Some(a), Some(b)) => a.order(&b),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    });
}

/// Is the class of this search one that looks at nothing that is never shown?
fn admit(sight: &Sight<'_>, query: &Query) -> Result<(), No> {
    for criterion in &query.criteria {
        admit_criterion(sight, query.of, criterion, Depth::Own)?;
    }
    if let Some((row, _)) = query.sort {
        let certain = sight.law.certain(sight.caller, query.of);
        let paths = sight.law.elements(query.of, &certain);
        if matches!(row.kind, Kind::Reference | Kind::Composite) {
            return Err(HIDDEN);
        }
        let is_open = sight.leaks.has(Leak::SortOnHidden);
        if !is_open && (!reads_shown(row, &paths) || row.code == "_lastUpdated") {
            return Err(HIDDEN);
        }
    }
    // R4: servers do not include where only the text is asked for.
    if query.summary.as_deref() == Some("text") && !query.includes.is_empty() {
        return Err(MALFORMED);
    }
    for include in &query.includes {
        let target = include.target.as_deref().unwrap_or(include.row.targets[0]);
        let other = if include.is_reverse { include.row.of } else { target };
        if !sight.may_ask(Action::Search, other) || !sight.may_ask(Action::Search, include.row.of) {
            return Err(INCLUDE);
        }
        let is_open = sight.leaks.has(Leak::IncludeByHidden) || sight.leaks.has(Leak::RevincludeByHidden);
        if !is_open {
            may_look(sight, include.row.of, include.row, INCLUDE)?;
        }
    }
    Ok(())
}

fn admit_criterion(sight: &Sight<'_>, of: &str, criterion: &Criterion, depth: Depth) -> Result<(), No> {
    match criterion {
        Criterion::Own(row, wanted) => {
            let is_leaky = leaks_on(sight, row, &wanted.modifier, depth);
            if is_leaky { Ok(()) } else { may_look(sight, of, row, HIDDEN) }?;
            // A value of the wrong form is refused whatever is found.
            matches(&json!({}), row, wanted).map(drop).ok_or(MALFORMED)
        }
        Criterion::Chain(row, target, inner) => {
            if !sight.may_ask(Action::Search, target) {
                return Err(CHAIN);
            }
            if !sight.leaks.has(Leak::ChainByHidden) {
                may_look(sight, of, row, HIDDEN)?;
            }
            admit_criterion(sight, target, inner, Depth::Chain)
        }
        Criterion::Has(other, row, inner) => {
            if !sight.may_ask(Action::Search, other) {
                return Err(CHAIN);
            }
            may_look(sight, other, row, HIDDEN)?;
            admit_criterion(sight, other, inner, Depth::Has)
        }
    }
}

fn may_look(sight: &Sight<'_>, of: &str, row: &Row, no: No) -> Result<(), No> {
    let possible = sight.law.possible(sight.caller, of);
    if reads_shown(row, &sight.law.elements(of, &possible)) { Ok(()) } else { Err(no) }
}

/// Does a switched-on leak let this parameter look at what is hidden?
fn leaks_on(sight: &Sight<'_>, row: &Row, modifier: &str, depth: Depth) -> bool {
    let leak = match (depth, modifier, row.kind) {
        (Depth::Chain, ..) => Leak::ChainOnHidden,
        (Depth::Has, ..) => Leak::HasOnHidden,
        (_, "missing", _) => Leak::MissingOnHidden,
        (_, "not", _) => Leak::NotOnHidden,
        (_, _, Kind::Date) if row.code == "_lastUpdated" => Leak::LastUpdatedFinds,
        (_, _, Kind::Token) => Leak::TokenOnHidden,
        (_, _, Kind::Date) => Leak::DateOnHidden,
        (_, _, Kind::Text) => Leak::TextOnHidden,
        (_, _, Kind::Reference) => Leak::ReferenceOnHidden,
        (_, _, Kind::Quantity) => Leak::QuantityOnHidden,
        (_, _, Kind::Number) => Leak::NumberOnHidden,
        (_, _, Kind::Uri) => Leak::UriOnHidden,
        (_, _, Kind::Composite) => Leak::CompositeOnHidden,
    };
    sight.leaks.has(leak)
}

/// May this condition look at that resource, and does it match what is shown of it?
fn holds(
    sight: &Sight<'_>,
    of: &str,
    one: &Found<'_>,
    criterion: &Criterion,
    is_within: bool,
    depth: Depth,
) -> Result<bool, No> {
    // A hidden resource is here only for leaks that count what an upstream would find.
    let Some(seen) = &one.seen else {
        return match criterion {
            Criterion::Own(row, wanted) => matches(one.full, row, wanted).ok_or(MALFORMED),
            _ => Ok(false),
        };
    };
    match criterion {
        Criterion::Own(row, wanted) => {
            let by_compartment = is_within && sight.leaks.has(Leak::CompartmentByHidden) && row.kind == Kind::Reference;
            if by_compartment || leaks_on(sight, row, &wanted.modifier, depth) {
                return matches(seen.full, row, wanted).ok_or(MALFORMED);
            }
            let does = matches(&seen.shown, row, wanted).ok_or(MALFORMED)?;
            Ok(does && looks(row, seen))
        }
        Criterion::Chain(row, target, inner) => {
            let by_hidden = sight.leaks.has(Leak::ChainByHidden);
            if !looks(row, seen) && !by_hidden {
                return Ok(false);
            }
            let from = if by_hidden { seen.full } else { &seen.shown };
            for id in named(from, row, target) {
                if let Some(next) = reach(sight, target, &id, Leak::ChainThroughHidden)
                    && holds(sight, target, &next, inner, false, Depth::Chain)?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Criterion::Has(other, row, inner) => {
            let own = text(seen.full, "id").unwrap_or_default().to_owned();
            for kept in sight.world.kept.iter().filter(|kept| kept.of == *other) {
                let Some(next) = reach(sight, other, &kept.id, Leak::HasThroughHidden) else { continue };
                let next_seen = next.seen.as_ref().expect("reached");
                let names = looks(row, next_seen) && named(&next_seen.shown, row, of).contains(&own);
                if names && holds(sight, other, &next, inner, false, Depth::Has)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Another resource on the way of a chain, if it is seen.
fn reach<'a>(sight: &Sight<'a>, of: &str, id: &str, leak: Leak) -> Option<Found<'a>> {
    let kept = sight.world.find(of, id)?;
    let full = kept.current()?;
    let seen = sight.see_kept(kept, Action::Search).or_else(|| {
        let paths = crate::law::ELEMENTS.iter().find(|(name, _)| *name == of)?.1.iter().map(|path| (*path).to_owned());
        let paths = paths.chain(["id".to_owned(), "meta".to_owned()]).collect();
        sight.leaks.has(leak).then(|| Seen { full, shown: full.clone(), paths, is_partial: false })
    })?;
    Some(Found { seen: Some(seen), full })
}

/// Is all that the parameter looks at shown in this resource?
fn looks(row: &Row, seen: &Seen<'_>) -> bool {
    reads_shown(row, &seen.paths) && !(seen.is_partial && row.code == "_lastUpdated")
}

/// Ids of the type that a reference parameter names.
fn named(resource: &Value, row: &Row, target: &str) -> Vec<String> {
    let places = row.places.iter().map(|(place, _)| format!("{place}.reference"));
    let texts: Vec<String> = places
        .flat_map(|place| {
            nodes(resource, &place).into_iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    texts.iter().filter_map(|text| text.strip_prefix(&format!("{target}/")).map(str::to_owned)).collect()
}

fn includes<'a>(sight: &Sight<'a>, query: &Query, shown: &[&Seen<'a>]) -> Vec<Seen<'a>> {
    let key = |seen: &Seen<'_>| (seen.full["resourceType"].to_string(), seen.full["id"].to_string());
    let mut known: HashSet<_> = shown.iter().map(|seen| key(seen)).collect();
    let mut included: Vec<Seen<'a>> = Vec::new();
    let mut round: Vec<Seen<'a>> = shown.iter().map(|seen| (*seen).clone()).collect();
    let mut is_first = true;
    while !round.is_empty() {
        let mut more = Vec::new();
        for include in query.includes.iter().filter(|include| is_first || include.is_repeated) {
            for seen in &round {
                more.extend(include_from(sight, include, seen));
            }
        }
        more.retain(|seen| known.insert(key(seen)));
        included.extend(more.iter().cloned());
        round = more;
        is_first = false;
    }
    included
}

fn include_from<'a>(sight: &Sight<'a>, include: &Include, seen: &Seen<'a>) -> Vec<Seen<'a>> {
    let of = text(seen.full, "resourceType").unwrap_or_default().to_owned();
    let target = include.target.clone().unwrap_or_else(|| include.row.targets[0].to_owned());
    if !include.is_reverse {
        let by_hidden = sight.leaks.has(Leak::IncludeByHidden);
        if of != include.row.of || !(by_hidden || looks(include.row, seen)) {
            return Vec::new();
        }
        let from = if by_hidden { seen.full } else { &seen.shown };
        let ids = named(from, include.row, &target);
        let reached = ids.iter().filter_map(|id| reach(sight, &target, id, Leak::IncludeOfHidden));
        return reached.filter_map(|found| found.seen).collect();
    }
    if of != target {
        return Vec::new();
    }
    let own = text(seen.full, "id").unwrap_or_default().to_owned();
    let by_hidden = sight.leaks.has(Leak::RevincludeByHidden);
    let others = sight.world.kept.iter().filter(|kept| kept.of == include.row.of);
    let reached = others.filter_map(|kept| reach(sight, kept.of, &kept.id, Leak::RevincludeOfHidden));
    reached
        .filter_map(|found| found.seen)
        .filter(|other| {
            let from = if by_hidden { other.full } else { &other.shown };
            (by_hidden || looks(include.row, other)) && named(from, include.row, &target).contains(&own)
        })
        .collect()
}

pub fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> =
        text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    String::from_utf8(bytes?).ok()
}
