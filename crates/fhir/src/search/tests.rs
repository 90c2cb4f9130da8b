mod keys;

use super::*;
use crate::order;
use proptest::prelude::*;

fn of(name: &str) -> ResourceType {
    ResourceType::from_name(name).unwrap()
}

fn read(searched: &str, query: &str) -> Result<Search, Reason> {
    Search::parse(of(searched), &Parameters::parse(query)?)
}

/// What was understood, without values: conditions by code, `>` for a chain, `<` for `_has`.
fn shape(search: &Search) -> String {
    fn of_criterion(criterion: &Criterion) -> String {
        match criterion {
            Criterion::Own(condition) => condition.parameter().code.to_owned(),
            Criterion::AnyOf(conditions) => format!("any of {}", conditions.len()),
            Criterion::Chain { reference, target, inner } => {
                let inner: Vec<String> = inner.iter().map(of_criterion).collect();
                format!("{}>{target}({})", reference.code, inner.join("&"))
            }
            Criterion::Has { of, reference, inner } => format!("{of}.{}<({})", reference.code, of_criterion(inner)),
        }
    }
    let mut said: Vec<String> = search.criteria.iter().map(of_criterion).collect();
    for key in &search.sort {
        let sign = if key.direction() == order::Direction::Descending { "-" } else { "+" };
        said.push(format!("{sign}{}", key.parameter().code));
    }
    for Include { direction, of, reference, target, repetition } in &search.includes {
        let sign = if *direction == Direction::Forward { "in" } else { "rev" };
        let again = if *repetition == Repetition::Iterate { "+" } else { "" };
        let target = target.map_or(String::new(), |target| format!(":{target}"));
        said.push(format!("{sign}{again} {of}:{}{target}", reference.code));
    }
    if let Some(count) = search.count {
        said.push(format!("count {count}"));
    }
    if search.total != Total::None {
        said.push(format!("total {:?}", search.total));
    }
    if search.summary != Summary::False {
        said.push(format!("summary {:?}", search.summary));
    }
    if !search.elements.is_empty() {
        said.push(format!("elements {}", search.elements.join(" ")));
    }
    if search.page.is_some() {
        said.push("page".to_owned());
    }
    said.join("; ")
}

/// `Type?query`, and what was understood or the code of the refusal.
#[track_caller]
fn check(text: &str, expect: &str) {
    let (searched, query) = text.split_once('?').unwrap();
    let found = read(searched, query).map_or_else(|reason| reason.code().to_owned(), |search| shape(&search));
    assert_eq!(found, expect, "{text}");
}

#[test]
fn criteria_are_read_and_hold_together() {
    check("Patient?", "");
    check("Patient?_format=json&_pretty=true", "");
    check("Patient?family=Doe&birthdate=ge1980&birthdate=lt1990", "family; birthdate; birthdate");
    check("Patient?_id=a,b&_lastUpdated=gt2020", "_id; _lastUpdated");
    check("Patient?_security=x&_tag=y&_profile=http://p", "_security; _tag; _profile");
    check(
        "Observation?code:not=a&code:text=b&subject:Patient=c&code-value-quantity=a$1",
        "code; code; subject; code-value-quantity",
    );
    check("Patient?gender:missing=true", "gender");
    check("Patient?organization:missing=false", "organization");
}

#[test]
fn c5_what_is_not_understood_is_refused_and_not_dropped() {
    for query in
        ["foo=1", "Foo:exact=1", "nmae=x", "family.given=x", "name.x=y", "_score=1", "_sort=foo", "_sort=_score"]
    {
        check(&format!("Patient?{query}"), "parameter.not-modelled");
    }
    for query in ["birthdate=yesterday", "gender=", "family=", "_lastUpdated=x", "gender:missing=maybe"] {
        check(&format!("Patient?{query}"), "parameter.value");
    }
}

#[test]
fn c4_parameters_that_hold_a_language_of_their_own_are_refused() {
    for name in [
        "_filter",
        "_query",
        "_text",
        "_content",
        "_list",
        "_contained",
        "_containedType",
        "_type",
        "_has",
        "_at",
        "_since",
        "_getpages",
        "_page_token",
        "_offset",
        "_cursor",
        "_method",
        "_maxresults",
        "_graphql",
        "_tags",
        "_ID",
    ] {
        check(&format!("Patient?{name}=x"), "parameter.not-modelled");
        check(&format!("Patient?{name}:exact=x"), "parameter.not-modelled");
    }
    // These are parameters like others: whether they may be asked is for the surface.
    check("Patient?_security=http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R", "_security");
    check("Patient?_tag=t", "_tag");
}

#[test]
fn c10_c11_c12_result_parameters_are_read_strictly() {
    check("Patient?_count=20", "count 20");
    check("Patient?_count=0", "summary Count");
    check("Patient?_summary=true&_count=0", "summary Count");
    check("Patient?_count=0&_summary=true", "summary Count");
    check("Patient?_summary=count", "summary Count");
    check("Patient?_summary=true", "summary True");
    check("Patient?_summary=text", "summary Text");
    check("Patient?_summary=data", "summary Data");
    check("Patient?_summary=false&_total=none", "");
    check("Patient?_total=accurate", "total Accurate");
    check("Patient?_total=estimate", "total Accurate");
    check("Patient?_sort=family,-birthdate", "+family; -birthdate");
    check("Patient?_elements=name,deceased[x]", "elements name deceased[x]");
    check("Patient?_elements=name,deceased%5Bx%5D", "elements name deceased[x]");
    for query in [
        "_count=",
        "_count=-1",
        "_count=1.0",
        "_count=01",
        "_count=+1",
        "_count=x",
        "_count=4294967296",
        "_summary=",
        "_summary=True",
        "_summary=maybe",
        "_total=exact",
        "_total=",
        "_elements=",
        "_elements=name,",
        "_elements=name.family",
        "_elements=*",
        "_elements=na-me",
        "_elements=%5Bx%5D",
        "_elements=name&_summary=true",
        "_summary=text&_revinclude=Observation:patient",
    ] {
        check(&format!("Patient?{query}"), "parameter.value");
    }
    for query in
        ["_sort=", "_sort=family,", "_sort=--family", "_sort=%2Bfamily", "_sort=family:asc", "_sort=organization.name"]
    {
        check(&format!("Patient?{query}"), "parameter.not-modelled");
    }
    check("Patient?_sort=family,-family", "parameter.duplicate");
    for name in ["_count", "_sort", "_elements", "_summary", "_total", "_page", "_format", "_pretty"] {
        check(&format!("Patient?{name}:x=true"), "parameter.modifier");
    }
    check("Patient?_sort:desc=family", "parameter.modifier");
}

#[test]
fn c7_a_result_parameter_is_said_once() {
    for (query, value) in [
        ("_count", "1"),
        ("_sort", "family"),
        ("_elements", "name"),
        ("_summary", "data"),
        ("_total", "none"),
        ("_page", "aa"),
        ("_format", "json"),
        ("_pretty", "true"),
    ] {
        check(&format!("Patient?{query}={value}&{query}={value}"), "parameter.duplicate");
    }
}

#[test]
fn c15_a_page_is_asked_for_by_its_cursor_alone() {
    check("Patient?_page=Ab-_9", "page");
    check("Patient?_page=Ab&_format=json&_pretty=false", "page");
    for query in [
        "_page=Ab&family=x",
        "_count=3&_page=Ab",
        "_page=Ab&_include=Patient:organization",
        "_page=Ab&_summary=count",
        "_page=Ab&_total=none",
    ] {
        check(&format!("Patient?{query}"), "parameter.not-modelled");
    }
    for query in ["_page=", "_page=a%20b", "_page=a.b", "_page=a/b", "_page=a%3D", "_page=https://upstream/?page=2"] {
        check(&format!("Patient?{query}"), "cursor.invalid");
    }
    let long = "a".repeat(8193);
    assert_eq!(page(&long), Err(Reason::CursorInvalid));
    assert!(page(&long[1..]).is_ok());
}

#[test]
fn what_one_search_may_cost_is_bounded() {
    let many = |pair: &str, count: usize| vec![pair; count].join("&");
    assert!(read("Patient", &many("family=a", CRITERIA)).is_ok());
    check(&format!("Patient?{}", many("family=a", CRITERIA + 1)), "search.too-broad");
    assert!(read("Observation", &many("_include=Observation:patient", INCLUDES)).is_ok());
    check(&format!("Observation?{}", many("_include=Observation:patient", INCLUDES + 1)), "search.too-broad");
    let alternatives = |criteria: usize| many(&format!("gender={}", vec!["male"; 64].join(",")), criteria);
    assert!(read("Patient", &alternatives(ALTERNATIVES / 64)).is_ok());
    check(&format!("Patient?{}", alternatives(ALTERNATIVES / 64 + 1)), "search.too-broad");
    check("Patient?_sort=family,given,gender,birthdate,_id", "search.too-broad");
    check(&format!("Patient?_elements={}", vec!["a"; 65].join(",")), "search.too-broad");
}

#[test]
fn every_other_type_that_is_looked_at_is_named() {
    let check = |text: &str, expect: &[&str]| {
        let (searched, query) = text.split_once('?').unwrap();
        let types = read(searched, query).unwrap().types();
        assert_eq!(types.iter().map(|of| of.name()).collect::<Vec<_>>(), expect, "{text}");
    };
    check("Patient?family=x", &[]);
    check("Observation?patient.organization.name=x", &["Organization", "Patient"]);
    check("Patient?_has:Observation:patient:_has:DiagnosticReport:result:code=x", &["DiagnosticReport", "Observation"]);
    check("Observation?_include=Observation:subject", &["Device", "Group", "Location", "Patient"]);
    check(
        "Observation?_include=Observation:subject:Patient&_include:iterate=Patient:organization",
        &["Organization", "Patient"],
    );
    check("Patient?_revinclude=Observation:subject", &["Observation"]);
    check("Observation?_include=Observation:derived-from:Observation", &[]);
}

#[test]
fn of_several_needs_for_a_type_the_strictest_counts() {
    let check = |query: &str, name: &str, expect: Option<Lead>| {
        let leads = read("Observation", query).unwrap().leads();
        assert_eq!(leads.get(&of(name)).copied(), expect, "{query}");
    };
    check("_include=Observation:subject", "Patient", Some(Lead::Perhaps));
    check("_include=Observation:subject:Patient", "Patient", Some(Lead::Include));
    check("_include=Observation:subject&_include=Observation:patient", "Patient", Some(Lead::Include));
    check("_include=Observation:subject&patient.family=x", "Patient", Some(Lead::Hop));
    check("patient.family=x&_include=Observation:subject", "Patient", Some(Lead::Hop));
    check("_include=Observation:subject&_revinclude=Observation:has-member", "Observation", None);
    check("code=x", "Patient", None);
}

#[test]
fn debug_says_nothing_of_what_is_searched_for() {
    let search = read("Observation", "patient.family=canary&code=canary&_page=canary");
    assert!(search.is_err());
    let search = read("Observation", "patient.family=canary&code=canary").unwrap();
    let text = format!("{search:?} {:?}", search.criteria);
    assert!(!text.contains("canary"), "{text}");
}

/// Queries near the grammar.
fn queries() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "code",
        "patient",
        "subject",
        "subject:Patient",
        "_id",
        "_has",
        "Observation",
        "DiagnosticReport",
        "result",
        "_include",
        "_revinclude",
        "iterate",
        "_sort",
        "_count",
        "_filter",
        "not",
        "missing",
        "Patient",
        "organization",
        "x",
        "",
    ]);
    let join = prop::sample::select(vec![":", ".", ""]);
    let key = prop::collection::vec((name, join), 1..6);
    let value =
        prop::sample::select(vec!["x", "true", "Observation:patient", "*", "Patient/x,Group/y", "1", "-code", ""]);
    prop::collection::vec((key, value), 0..4).prop_map(|pairs| {
        let pair = |(key, value): &(Vec<(&str, &str)>, &str)| {
            let key: String = key.iter().map(|(name, join)| format!("{name}{join}")).collect();
            format!("{key}={value}")
        };
        pairs.iter().map(pair).collect::<Vec<_>>().join("&")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    /// Each parameter has become a part of the search: none vanished.
    #[test]
    fn c5_g1_no_parameter_vanishes(query in queries()) {
        let Ok(parameters) = Parameters::parse(&query) else { return Ok(()) };
        let Ok(search) = Search::parse(of("Observation"), &parameters) else { return Ok(()) };
        for (name, _) in parameters.pairs() {
            prop_assert!(!name.contains("filter"), "{}", query);
        }
        let includes = parameters.names().filter(|name| name.contains("include")).count();
        let results = parameters.names().filter(|name| matches!(*name, "_sort" | "_count")).count();
        let said = parameters.pairs().count();
        prop_assert_eq!(search.includes.len(), includes, "{}", &query);
        prop_assert_eq!(search.criteria.len(), said - includes - results, "{}", &query);
        for (name, criterion) in parameters.names().zip(&search.criteria).filter(|_| includes + results == 0) {
            let expect = if name.starts_with("_has:") { "has" } else if name.contains('.') { "chain" } else { "own" };
            let found = match criterion {
                Criterion::Has { .. } => "has",
                Criterion::Chain { .. } => "chain",
                Criterion::Own(_) | Criterion::AnyOf(_) => "own",
            };
            prop_assert_eq!(found, expect, "{}", &query);
        }
    }
}
