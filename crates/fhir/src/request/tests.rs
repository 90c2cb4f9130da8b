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
    for line in include_str!("../../tables/compartments.tsv").lines().filter(|line| !line.starts_with('#')) {
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
