//! Searches and histories: what their parameters mean, in a URL and in a form.

use super::*;
use crate::compartment;
use crate::search::Criterion;

/// The names in a request, and the conditions of its search.
fn said(text: &str) -> (Vec<(String, String)>, usize) {
    let asked = read(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
    let pairs = asked.parameters.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (pairs, asked.search.map_or(0, |search| search.criteria.len()))
}

#[test]
fn c9_the_body_of_a_search_is_merged_with_its_url() {
    let (pairs, criteria) = said("POST /Patient/_search?family=a&_count=3\ngiven=b&birthdate=2000");
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names.as_slice(), criteria), (["family", "_count", "given", "birthdate"].as_slice(), 3));
    for text in [
        "POST /Patient/_search?family=a\nfamily=a",
        "POST /Patient/_search?family=a\nfamily=b",
        "POST /Patient/_search?_count=1\n_count=2",
        "POST /Patient/_search?_format=json\n_format=json",
        "POST /Patient/_search?f%61mily=a\nfamily=b",
        "POST /Patient/_search?_include=Patient:organization\n_include=Patient:link",
        "POST /Patient/p1/Condition/_search?code=a\ncode=b",
        "POST /_search?_type=Patient\n_type=Patient",
    ] {
        check(text, "parameter.duplicate");
    }
    // Within one of them a criterion may be repeated: both hold.
    assert_eq!(said("POST /Patient/_search\nfamily=a&family=b").1, 2);
    assert_eq!(said("GET /Patient?family=a&family=b").1, 2);
    check("POST /Patient/_search?family=a\n_foo=b", "parameter.not-modelled");
    check("POST /Patient/_search\n_format=xml", "request.format");
    check("POST /Patient/_search\n_pretty=1", "request.malformed");
    check("POST /Patient/_search\n&", "request.malformed");
    check("POST /Patient/_search\nfamily=a b", "request.malformed");
    check("POST /Patient/_search\nfamily=%c0%af", "request.malformed");
}

#[test]
fn c9_a_form_is_the_body_of_a_search_and_of_nothing_else() {
    let line = |method, path| Line { method, path, form: Some("family=x"), ..Line::default() };
    for (method, path) in [
        ("GET", "/Patient"),
        ("GET", "/Patient/p1"),
        ("HEAD", "/Patient"),
        ("GET", "/Patient/p1/Observation"),
        ("POST", "/Patient"),
        ("PUT", "/Patient/p1"),
        ("GET", "/metadata"),
        ("POST", "/Patient/p1/$everything"),
        ("POST", "/"),
    ] {
        assert_eq!(parse(line(method, path)), Err(Reason::RequestBody), "{method} {path}");
        assert_eq!(parse(Line { form: Some(""), ..line(method, path) }), Err(Reason::RequestBody), "{method} {path}");
    }
    assert!(parse(line("POST", "/Patient/_search")).is_ok());
}

#[test]
fn c9_a_plus_is_a_space_in_a_form_and_a_plus_in_a_url() {
    assert_eq!(said("POST /Patient/_search\naddress=a+b%2B").0, [("address".to_owned(), "a b+".to_owned())]);
    assert_eq!(said("GET /Patient?address=a+b%2B").0, [("address".to_owned(), "a+b+".to_owned())]);
}

#[test]
fn c19_only_typed_searches_of_a_patients_compartment_are_answered() {
    for text in [
        "GET /Patient/p1/*",
        "GET /Patient/p1/%2a",
        "POST /Patient/p1/*/_search",
        "GET /Encounter/e1/Observation",
        "GET /Encounter/e1/*",
        "GET /Practitioner/x/Patient",
        "GET /Device/x/Observation",
        "GET /RelatedPerson/x/Appointment",
        "POST /Encounter/e1/Condition/_search",
        // R4 has these in nobody's compartment.
        "GET /Patient/p1/Task",
        "GET /Patient/p1/Practitioner",
        "GET /Patient/p1/Binary",
    ] {
        check(text, "interaction.search-compartment-not-answered");
    }
    for (text, code) in [
        ("GET /?_type=Patient", "interaction.search-system-not-answered"),
        ("GET /_history", "interaction.history-system-not-answered"),
        ("GET /Patient/_history", "interaction.history-type-not-answered"),
    ] {
        let asked = read(text).unwrap();
        assert_eq!(unanswered(asked.interaction).unwrap().code(), code);
        assert!(asked.search.is_none(), "{text}");
    }
    check("GET /Patient?_type=Observation", "parameter.not-modelled");
    check("GET /Patient/p1/Observation?_type=Condition", "parameter.not-modelled");
}

/// G2: whatever else is asked, membership is one more condition, and not a value in somebody's list.
#[test]
fn g2_membership_is_a_condition_of_its_own() {
    for (text, criteria, ways) in [
        ("GET /Patient/me/Observation", 1, 2),
        ("GET /Patient/me/Observation?subject=Patient/me,Group/x", 2, 2),
        ("GET /Patient/me/Observation?subject=Patient/me,Patient/you&performer=Patient/you", 3, 2),
        ("POST /Patient/me/Encounter/_search\nstatus=a,b", 2, 1),
        ("GET /Patient/me/Patient", 1, 1),
        ("GET /Patient/me/Coverage", 1, 4),
    ] {
        let search = read(text).unwrap().search.unwrap();
        let Some(Criterion::AnyOf(members)) = search.criteria.last() else { panic!("{text}") };
        assert_eq!((search.criteria.len(), members.len()), (criteria, ways), "{text}");
    }
}

/// Every type that R4 puts in the compartment has a condition for each of its parameters.
#[test]
fn b1_all_66_types_of_the_compartment_are_searched_by_all_their_parameters() {
    let me = LocalId::new("me").unwrap();
    let mut rows: std::collections::BTreeMap<&str, HashSet<&str>> = std::collections::BTreeMap::new();
    for line in include_str!("../../../tables/compartments.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        rows.entry(fields.next().unwrap()).or_default().insert(fields.next().unwrap());
    }
    assert_eq!(rows.len(), 66);
    for of in ResourceType::all() {
        let found: HashSet<&str> =
            compartment::membership(of, &me).iter().map(|condition| condition.parameter().code).collect();
        let expect = match of.name() {
            "Patient" => HashSet::from(["_id"]),
            name => rows.get(name).cloned().unwrap_or_default(),
        };
        assert_eq!(found, expect, "{of}");
    }
}

#[test]
fn a_history_is_paged_and_no_more() {
    let history = |query: &str| read(&format!("GET /Patient/p1/_history?{query}")).map(|asked| asked.history.unwrap());
    assert_eq!(history("_count=5").unwrap().count, Some(5));
    assert_eq!(history("_page=Ab").unwrap().page.as_deref(), Some("Ab"));
    assert!(history("_format=json").unwrap() == History::default());
    for (query, expect) in [
        ("_since=2020", Reason::ParameterNotModelled),
        ("_at=2020", Reason::ParameterNotModelled),
        ("_list=x", Reason::ParameterNotModelled),
        ("_elements=name", Reason::ParameterNotModelled),
        ("name=x", Reason::ParameterNotModelled),
        ("_count=5&_page=Ab", Reason::ParameterNotModelled),
        ("_count=5&_count=5", Reason::ParameterDuplicate),
        ("_count=0", Reason::ParameterValue),
        ("_count=x", Reason::ParameterValue),
        ("_page=a.b", Reason::CursorInvalid),
        ("_format=xml", Reason::RequestFormat),
        ("_pretty=1", Reason::RequestMalformed),
    ] {
        assert_eq!(history(query), Err(expect), "{query}");
    }
}

#[test]
fn c5_a_search_says_what_it_means_or_is_refused() {
    check("GET /Patient?foo=1", "parameter.not-modelled");
    check("GET /Patient/p1/Observation?foo=1", "parameter.not-modelled");
    check("GET /Patient?_format=xml", "request.format");
    check("HEAD /Patient?family=x", "search-type Patient");
    for text in ["GET /Patient", "GET /Patient?family=x", "POST /Patient/_search", "GET /Patient/p1/Observation"] {
        assert!(read(text).unwrap().search.is_some(), "{text}");
    }
    for text in ["GET /Patient/p1", "GET /metadata", "PUT /Patient?identifier=1", "GET /"] {
        assert!(read(text).unwrap().search.is_none(), "{text}");
    }
}
