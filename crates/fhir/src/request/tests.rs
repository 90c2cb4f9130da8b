mod searches;

use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn read(text: &str) -> Result<Asked, Reason> {
    parse(Line::read(text))
}

/// A request line, and what it asks for: its interaction or the refusal, then type, id and whatever else there is.
#[track_caller]
fn check(text: &str, expect: &str) {
    let found = read(text).map_or_else(
        |reason| reason.code().to_owned(),
        |asked| {
            let id = asked.id.as_ref().map(LocalId::reveal);
            let version = asked.version.as_ref().map(LocalId::reveal);
            let focus = asked.compartment.as_ref().map(|(focus, id)| format!("in {focus} {}", id.reveal()));
            [
                Some(asked.interaction.code()),
                asked.resource_type.map(ResourceType::name),
                id,
                version,
                asked.operation.as_deref(),
                focus.as_deref(),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
        },
    );
    assert_eq!(found, expect, "{text}");
}

/// All of <https://hl7.org/fhir/R4/http.html>, one line or more an interaction.
const API: &[(&str, &str)] = &[
    ("GET /Patient/p1", "read Patient p1"),
    ("HEAD /Patient/p1", "read Patient p1"),
    ("GET /Patient/p1?_format=json&_pretty=true", "read Patient p1"),
    ("GET /Patient/p1?_format=application/fhir+json", "read Patient p1"),
    ("GET /Patient/p1?_format=application%2Ffhir%2Bjson", "read Patient p1"),
    ("GET /Patient/p1/_history/v2", "vread Patient p1 v2"),
    ("GET /Patient/p1/_history", "history-instance Patient p1"),
    ("GET /Patient/_history?_since=2020-01-01", "history-type Patient"),
    ("GET /_history", "history-system"),
    ("GET /Observation?code=http://loinc.org|1234-5&date=ge2020", "search-type Observation"),
    ("POST /Observation/_search", "search-type Observation"),
    ("GET /Observation", "search-type Observation"),
    ("GET ?_type=Patient", "search-system"),
    ("GET /", "search-system"),
    ("POST /_search?_type=Patient", "search-system"),
    ("GET /Patient/p1/Observation?code=x", "search-compartment Observation in Patient p1"),
    ("POST /Patient/p1/Condition/_search", "search-compartment Condition in Patient p1"),
    ("POST /Observation/_search\ncode=x", "search-type Observation"),
    ("GET /Patient/p1/Patient", "search-compartment Patient in Patient p1"),
    ("POST /Patient", "create Patient"),
    ("POST /Patient\nidentifier=http://x|1", "conditional-create Patient"),
    ("PUT /Patient/p1", "update Patient p1"),
    ("PUT /Patient?identifier=http://x|1", "conditional-update Patient"),
    ("PATCH /Patient/p1", "patch Patient p1"),
    ("PATCH /Patient?identifier=1", "conditional-patch Patient"),
    ("DELETE /Patient/p1", "delete Patient p1"),
    ("DELETE /Patient?identifier=1", "conditional-delete Patient"),
    ("POST /", "batch"),
    ("POST ", "batch"),
    ("GET /$versions", "operation versions"),
    ("POST /%24export?_outputFormat=ndjson", "operation export"),
    ("GET /ValueSet/$expand?url=x", "operation ValueSet expand"),
    ("POST /Patient/p1/$everything", "operation Patient p1 everything"),
    ("GET /metadata", "capabilities"),
    ("GET /metadata?_format=json", "capabilities"),
    ("HEAD /.well-known/smart-configuration", "smart-configuration"),
];

#[test]
fn reads_all_of_the_rest_api() {
    let mut seen = HashSet::new();
    for (text, expect) in API {
        check(text, expect);
        seen.insert(read(text).unwrap().interaction);
    }
    assert!(Interaction::ALL.iter().all(|interaction| seen.contains(interaction)), "an interaction without a line");
}

#[test]
fn every_interaction_is_answered_or_has_its_own_refusal() {
    use Interaction as I;
    let mut codes = HashSet::new();
    for interaction in I::ALL {
        match (interaction, unanswered(*interaction)) {
            (
                I::Read
                | I::Vread
                | I::HistoryInstance
                | I::SearchType
                | I::SearchCompartment
                | I::Capabilities
                | I::SmartConfiguration,
                reason,
            ) => assert_eq!(reason, None),
            (other, None) => panic!("{other} is answered"),
            (other, Some(reason)) => {
                assert_eq!(reason.code(), format!("interaction.{}-not-answered", other.code()));
                assert_eq!(reason.status(), 403);
                assert!(codes.insert(reason));
            }
        }
    }
    assert_eq!(codes.len(), I::ALL.len() - 7);
}

#[test]
fn f5_ambiguous_paths_are_refused() {
    for path in [
        "//",
        "//Patient/p1",
        "/Patient//p1",
        "/Patient/p1/",
        "/Patient/",
        "/metadata/",
        "/./Patient/p1",
        "/Patient/./p1",
        "/Patient/../Patient/p1",
        "/Patient/..",
        "/Patient/%2e%2e",
        "/Patient/%2E",
        "/Patient/p%2e1",
        "/Patient%2Fp1",
        "/Patient%2fp1",
        "/Patient/p1;x=1",
        "/Patient;x=1/p1",
        "/Patient/p1%3bx=1",
        "/Patient\\p1",
        "/Patient/p1%5c",
        "/Patient/p1%00",
        "/Patient/p1\0",
        "/Patient/p\u{e9}",
        "/Patient/p%c3%a9",
        "/Patient/%c0%ae%c0%ae",
        "/Patient/%252e%252e",
        "/Patient/p%31",
        "/%50atient/p1",
        "/Patient/p1%",
        "/Patient/p1%2",
        "/Patient/p1%zz",
        "/Patient/p1#x",
        "/Patient/p1\t",
        "/Patient/p1\r",
        "/Patient/p1%0d%0a",
        "Patient/p1",
        "*",
        "https://localhost/fhir/Patient/p1",
        "/Patient/p1 ",
        "/Patient/%2524",
    ] {
        check(&format!("GET {path}"), "request.malformed");
    }
}

#[test]
fn ids_and_types_are_exact() {
    for text in ["GET /patient/p1", "GET /PATIENT/p1", "GET /Patients/p1", "GET /DomainResource/p1", "GET /admin"] {
        check(text, "request.type-unknown");
    }
    check("GET /Patient/p1/observation", "request.type-unknown");
    check("GET /_tags", "request.type-unknown");
    let long = format!("GET /Patient/{}", "x".repeat(65));
    for text in ["GET /Patient/p_1", "GET /Patient/p+1", "GET /Patient/p~1", "GET /Patient/p1/_history/v_1", &long] {
        check(text, "request.id-malformed");
    }
    check(&format!("GET /Patient/{}", "x".repeat(64)), &format!("read Patient {}", "x".repeat(64)));
}

#[test]
fn methods_are_fhirs_and_fit_the_place() {
    for text in [
        "get /Patient/p1",
        "Get /Patient/p1",
        "OPTIONS /",
        "TRACE /Patient/p1",
        "CONNECT /",
        "/Patient/p1",
        "QUERY /Patient",
        "POST /Patient/p1",
        "POST /metadata",
        "PUT /",
        "DELETE /",
        "GET /_search",
        "GET /Patient/_search",
        "DELETE /Patient/p1/_history",
        "DELETE /Patient/p1/_history/v1",
        "POST /_history",
        "PUT /Patient/$validate",
        "DELETE /$export",
        "POST /Patient/p1/Observation",
        "GET /Patient/p1/Observation/_search",
        "POST /.well-known/smart-configuration",
    ] {
        check(text, "request.method");
    }
}

#[test]
fn other_shapes_are_malformed() {
    for text in [
        "GET /Patient/p1/_history/v1/x",
        "GET /Patient/p1/Observation/o1",
        "GET /Observation/o1/Patient",
        "GET /Patient/p1/$",
        "GET /$",
        "GET /$1",
        "GET /$a$b",
        "GET /$a*",
        "GET /Patient/p1/$everything/x",
        "PUT /Patient",
        "PATCH /Patient",
        "DELETE /Patient",
        "DELETE /Patient?_format=json",
        "PUT /Patient?_pretty=true",
        "POST /Patient\n",
        "POST /Patient\n?identifier=1",
        "POST /Patient\nidentifier",
    ] {
        check(text, "request.malformed");
    }
    check("GET /.well-known/other", "request.type-unknown");
    check("GET /Patient/p1\nidentifier=1", "request.header");
    check("PUT /Patient?identifier=1\nidentifier=1", "request.header");
}

#[test]
fn what_is_answered_takes_only_presentation_parameters() {
    for place in ["/Patient/p1", "/Patient/p1/_history/1", "/metadata", "/.well-known/smart-configuration"] {
        for (query, expect) in [
            ("_elements=name", "parameter.not-modelled"),
            ("_summary=true", "parameter.not-modelled"),
            ("mode=full", "parameter.not-modelled"),
            ("_Format=json", "parameter.not-modelled"),
            ("_format=json&x=y", "parameter.not-modelled"),
            ("_format=json&_format=json", "parameter.duplicate"),
            ("_pretty=true&_pretty=false", "parameter.duplicate"),
            ("_format=json&%5Fformat=xml", "parameter.duplicate"),
            ("_format=xml", "request.format"),
            ("_format=html/json", "request.format"),
            ("_format=", "request.format"),
            ("_format=application/fhir%20json", "request.format"),
            ("_pretty=1", "request.malformed"),
            ("_pretty", "request.malformed"),
            ("&", "request.malformed"),
            ("_format=json&", "request.malformed"),
            ("=json", "request.malformed"),
            ("_format=%6", "request.malformed"),
            ("_format=%00", "request.malformed"),
            ("_format=%c0%af", "request.malformed"),
            ("_format=json#", "request.malformed"),
            ("_format=j\u{e9}", "request.malformed"),
            ("?_format=json", "request.malformed"),
        ] {
            check(&format!("GET {place}?{query}"), expect);
        }
        assert_eq!(read(&format!("GET {place}?_format=json&_pretty=false")).unwrap().format(), Some("json"));
        assert!(read(&format!("GET {place}?")).is_ok());
    }
}

#[test]
fn f5_a_query_is_decoded_once() {
    let asked = read("GET /Patient?name=%2525&phone=+1&given=%26%3D").unwrap();
    let pairs: Vec<_> = asked.parameters.pairs().collect();
    assert_eq!(pairs, [("name", "%25"), ("phone", "+1"), ("given", "&=")]);
}

#[test]
fn a_long_line_is_refused_before_it_is_read() {
    let query = "x".repeat(LINE_BYTES - "/Patient".len());
    fn line(query: &str) -> Line<'_> {
        Line { method: "GET", path: "/Patient", query: Some(query), ..Line::default() }
    }
    assert_eq!(parse(line(&query)), Err(Reason::RequestMalformed));
    assert_eq!(parse(line(&(query.clone() + "x"))), Err(Reason::RequestTooLong));
    let criteria = Line { method: "POST", if_none_exist: Some(&query), ..line("") };
    assert_eq!(parse(criteria), Err(Reason::RequestMalformed));
    let longer = "x".repeat(LINE_BYTES + 1);
    assert_eq!(parse(Line { if_none_exist: Some(&longer), ..criteria }), Err(Reason::RequestTooLong));
    let many = vec!["a=b"; 257].join("&");
    assert_eq!(parse(line(&many)), Err(Reason::RequestMalformed));
    assert_eq!(parse(line(&vec!["a=b"; 256].join("&"))), Err(Reason::ParameterNotModelled));
    let form = format!("family={}", "x".repeat(FORM_BYTES - "family=".len()));
    let search = Line { method: "POST", path: "/Patient/_search", form: Some(&form), ..Line::default() };
    assert_ne!(parse(search), Err(Reason::RequestBodyTooLong));
    assert_eq!(parse(Line { form: Some(&(form.clone() + "x")), ..search }), Err(Reason::RequestBodyTooLong));
}

#[test]
fn debug_says_nothing_of_people() {
    for line in ["GET /Patient/jane/_history?_page=doe", "POST /Patient/jane/Condition/_search\ncode=doe"] {
        let asked = read(line).unwrap();
        let written = asked.written();
        let (search, history) = (&asked.search, &asked.history);
        let text = format!("{asked:?} {written:?} {:?} {:?} {search:?} {history:?}", written.line(), asked.parameters);
        assert!(!text.contains("jane") && !text.contains("doe"), "{text}");
    }
}

/// Lines near the grammar, so that many of them are requests.
fn lines() -> impl Strategy<Value = String> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "get", ""]);
    let segment = prop::sample::select(vec![
        "Patient",
        "Observation",
        "patient",
        "p1",
        "_history",
        "_search",
        "$everything",
        "%24x",
        "*",
        "metadata",
        ".well-known",
        "smart-configuration",
        "",
        ".",
        "..",
        "%2e",
        ";",
        "é",
    ]);
    let pair = "(_format|_pretty|name|_id|_sort|code|a:b|%5F)(=)(json|true|x%20y|%2B|\\||%|)";
    let criteria = prop::option::of("(identifier=[a-z|%+]{0,4}|)");
    (method, prop::collection::vec(segment, 0..5), prop::collection::vec(pair, 0..3), criteria).prop_map(
        |(method, segments, pairs, criteria)| {
            let path: String = segments.iter().map(|segment| format!("/{segment}")).collect();
            let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
            let criteria = criteria.map_or_else(String::new, |criteria| format!("\n{criteria}"));
            format!("{method} {path}{query}{criteria}")
        },
    )
}

/// What was understood has one spelling, and that spelling means the same.
fn round_trip(text: &str) -> Result<(), TestCaseError> {
    let Ok(asked) = read(text) else { return Ok(()) };
    let written = asked.written();
    prop_assert_eq!(&parse(written.line()).map(|again| again.written() == written && again == asked), &Ok(true));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._$*".contains(&b);
    prop_assert!(written.path.bytes().all(plain) && !written.path.contains("//") && !written.path.contains("/../"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
        round_trip(&text)?;
    }

    #[test]
    fn what_is_read_is_written_and_read_again(text in lines()) {
        round_trip(&text)?;
    }
}
