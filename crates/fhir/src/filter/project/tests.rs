use super::super::Limits;
use super::*;
use crate::projection::Projections;
use lexicon::ResourceType;
use std::sync::Arc;

const TAG: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;

fn projection(of_type: &str, paths: &[&str]) -> Arc<Projection> {
    let text = format!("[{of_type}]\ndefault = {paths:?}");
    let projections = Projections::load(&text).unwrap_or_else(|error| panic!("{error}; {}", error.hint()));
    projections.compile(ResourceType::from_name(of_type).expect("of R4"), &[])
}

fn project(document: &str, projection: &Projection) -> (String, u64) {
    let base = Base::new(["https://localhost:8443/fhir", "https://up.example/r4"]);
    let projected = Scanned::of(document.as_bytes(), Limits::READ).expect("acceptable").project(projection, &base);
    (String::from_utf8(projected.bytes().to_vec()).expect("UTF-8"), projected.withheld())
}

/// The choke point: what `paths` show of a resource with the given members, without type and without the meta that
/// says that something is missing; and how many parts that is.
fn check(of_type: &str, paths: &[&str], members: &str, expect: &str, withheld: u64) {
    let document = format!(r#"{{"resourceType":"{of_type}",{members}}}"#);
    let (shown, count) = project(&document, &projection(of_type, paths));
    let meta = if count > 0 { format!(r#","meta":{{"tag":[{TAG}]}}"#) } else { String::new() };
    let comma = if expect.is_empty() { "" } else { "," };
    let expect = format!(r#"{{"resourceType":"{of_type}"{meta}{comma}{expect}}}"#);
    assert_eq!((shown, count), (expect, withheld), "{paths:?} of {members}");
}

#[test]
fn only_what_is_named_is_shown() {
    check("Patient", &["birthDate"], r#""birthDate":"1970-01-01","gender":"male""#, r#""birthDate":"1970-01-01""#, 1);
    check("Patient", &["birthDate"], r#""gender":"male","name":[{"family":"Doe"}]"#, "", 2);
    check("Patient", &["gender"], r#""gender":"male""#, r#""gender":"male""#, 0);
    check(
        "Patient",
        &["name.family"],
        r#""name":[{"family":"Doe","given":["J"]},{"given":["K"]}]"#,
        r#""name":[{"family":"Doe"}]"#,
        2,
    );
    check("Patient", &["name.family"], r#""name":[{"given":["K"]}]"#, "", 1);
}

#[test]
fn what_r4_does_not_know_is_dropped_at_every_depth() {
    check(
        "Patient",
        &["name", "gender"],
        r#""Gender":"x","zzz":{"name":[{"family":"y"}]},"name":[{"family":"Doe","ssn":"078-05-1120","period":{"start":"2001","x":1}}]"#,
        r#""name":[{"family":"Doe","period":{"start":"2001"}}]"#,
        4,
    );
    check("Observation", &["value[x]"], r#""valueAddress":{"city":"x"},"value":"y","valuestring":"z""#, "", 3);
}

#[test]
fn bytes_are_copied_as_they_are() {
    check(
        "Observation",
        &["value[x]", "referenceRange"],
        r#""valueQuantity":{"value":1.00,"unit":"\u00b5g\/l"},"referenceRange":[{"low":{"value":123456789012345678.90},"high":{"value":-0.0}}]"#,
        r#""valueQuantity":{"value":1.00,"unit":"\u00b5g\/l"},"referenceRange":[{"low":{"value":123456789012345678.90},"high":{"value":-0.0}}]"#,
        0,
    );
}

#[test]
fn the_usual_hiding_places_are_dropped_unless_named() {
    let hidden = [
        r#""text":{"status":"generated","div":"<div>Doe</div>"}"#,
        r#""contained":[{"resourceType":"Patient","id":"x","birthDate":"1970"}]"#,
        r#""extension":[{"url":"u","valueString":"Doe"}]"#,
        r#""modifierExtension":[{"url":"u","valueBoolean":true}]"#,
        r#""_birthDate":{"extension":[{"url":"u","valueString":"Doe"}]}"#,
        r#""_gender":{"id":"Doe"}"#,
        r#""implicitRules":"http://example.org/Doe""#,
    ];
    for member in hidden {
        let members = format!(r#""birthDate":"1970",{member}"#);
        check("Patient", &["birthDate", "name", "managingOrganization"], &members, r#""birthDate":"1970""#, 1);
    }
    check(
        "Patient",
        &["name", "managingOrganization"],
        r#""name":[{"id":"n","extension":[{"url":"u","valueString":"x"}],"family":"Doe","_family":{"extension":[]}}],"managingOrganization":{"reference":"Organization/o","display":"Ward","identifier":{"value":"MRN"}}"#,
        r#""name":[{"family":"Doe"}],"managingOrganization":{"reference":"Organization/o"}"#,
        5,
    );
    check(
        "Patient",
        &["text", "managingOrganization.display", "extension", "modifierExtension"],
        r#""text":{"status":"generated","div":"<div/>"},"extension":[{"url":"u","extension":[{"url":"v","valueCoding":{"code":"c","extension":[{"url":"w"}]}}]}],"managingOrganization":{"reference":"Organization/o","display":"Ward"}"#,
        r#""text":{"status":"generated","div":"<div/>"},"extension":[{"url":"u","extension":[{"url":"v","valueCoding":{"code":"c"}}]}],"managingOrganization":{"display":"Ward"}"#,
        2,
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_dropped() {
    for wrong in [
        r#""birthDate":["1970"]"#,
        r#""birthDate":{"value":"1970"}"#,
        r#""birthDate":1970"#,
        r#""birthDate":null"#,
        r#""active":"true""#,
        r#""active":1"#,
        r#""name":{"family":"Doe"}"#,
        r#""name":"Doe""#,
        r#""name":[["Doe"]]"#,
        r#""name":[null]"#,
        r#""name":[]"#,
        r#""name":[{}]"#,
        r#""name":[{"family":["Doe"]}]"#,
        r#""name":[{"given":"Jane"}]"#,
        r#""name":[{"period":[]}]"#,
        r#""managingOrganization":[{"reference":"x"}]"#,
        r#""multipleBirthInteger":"2""#,
    ] {
        check("Patient", &["birthDate", "active", "name", "managingOrganization", "multipleBirth[x]"], wrong, "", 1);
    }
}

#[test]
fn a_choice_is_shown_under_the_names_of_its_types() {
    let members = r#""valueString":"a","valueQuantity":{"value":1},"valueDateTime":"2001""#;
    check("Observation", &["value[x]"], members, members, 0);
    check("Observation", &["valueQuantity"], members, r#""valueQuantity":{"value":1}"#, 2);
    check("Observation", &["valueQuantity.unit"], members, "", 3);
}

#[test]
fn a_reference_comes_out_relative_or_not_at_all() {
    let check = |written: &str, expect: Option<&str>| {
        let members = format!(r#""managingOrganization":{{"reference":"{written}"}}"#);
        let shown =
            expect.map(|text| format!(r#""managingOrganization":{{"reference":"{text}"}}"#)).unwrap_or_default();
        super::tests::check("Patient", &["managingOrganization"], &members, &shown, u64::from(expect.is_none()));
    };
    for same in ["Organization/o", r"Organization\/o", "Organization/o/_history/2", "#o"] {
        check(same, Some(same));
    }
    for below in [
        "https://localhost:8443/fhir/Organization/o",
        "HTTPS://up.example:443/r4/Organization/o",
        r"https:\/\/up.example\/r4\/Organization\/o",
        r"\u0068ttps\u003a//up.example/r4/Organization/o",
    ] {
        check(below, Some("Organization/o"));
    }
    check("https://up.example/r4/Organization/o/_history/2", Some("Organization/o/_history/2"));
    for elsewhere in [
        "https://up.example/other/Organization/o",
        "https://up.example/r4/Organization/o?_secret=1",
        "https://up.example/r4/Binary/../Organization/o",
        "https://up.example/r4",
        "https://other.example/r4/Organization/o",
        r"\u0068ttps\u003a//other.example/Organization/o",
        "http://up.example/r4/Organization/o",
        "//other.example/Organization/o",
        r"\\\\other.example\\Organization",
        r"\thttps//other.example",
        "urn:uuid:6c1e1b1c-4b0e-4f3c-9d7e-0c8f6a1d2b3a",
        "Organization?identifier=http://x|1",
    ] {
        check(elsewhere, None);
    }
    // With its `_name`, and inside an extension that is named.
    super::tests::check(
        "Patient",
        &["managingOrganization.reference", "managingOrganization._reference", "extension"],
        r#""extension":[{"url":"http://x","valueReference":{"reference":"https://other/Patient/p"}},{"url":"u","valueReference":{"reference":"https://up.example/r4/Patient/p"}}],"managingOrganization":{"reference":"https://other/Organization/o","_reference":{"id":"x"}}"#,
        r#""extension":[{"url":"http://x"},{"url":"u","valueReference":{"reference":"Patient/p"}}]"#,
        3,
    );
}

#[test]
fn an_attachment_leads_nowhere_else() {
    let check = |url: &str, is_shown: bool| {
        let members = format!(r#""photo":[{{"title":"x","url":"{url}"}}]"#);
        let shown = if is_shown { members.clone() } else { r#""photo":[{"title":"x"}]"#.to_owned() };
        super::tests::check("Patient", &["photo"], &members, &shown, u64::from(!is_shown));
    };
    check("Binary/b1", true);
    for url in [
        "https://other.example/signed?token=x",
        "https://up.example/r4/Binary/b1",
        "https://localhost:8443/fhir/Binary/b1",
        r"https\u003a\/\/other.example",
        "//other.example/x",
        "data:text/plain,x",
        "urn:uuid:1",
    ] {
        check(url, false);
    }
}

#[test]
fn elements_that_repeat_by_reference_are_walked_too() {
    check(
        "Observation",
        &["component"],
        r#""component":[{"referenceRange":[{"low":{"value":1,"zzz":2}}],"note":[{"text":"x"}]}]"#,
        r#""component":[{"referenceRange":[{"low":{"value":1}}]}]"#,
        2,
    );
}

/// <https://hl7.org/fhir/R4/json.html#primitive>: the arrays belong together item by item.
#[test]
fn a_named_primitive_extension_keeps_its_place_and_is_never_alone() {
    let e = r#"{"extension":[{"url":"u"}]}"#;
    let given = &["name.given", "name._given"];
    let case = |given_in: &str, expect: &str, withheld| {
        let braces = |inside: &str| if inside.is_empty() { String::new() } else { format!(r#""name":[{{{inside}}}]"#) };
        check("Patient", given, &braces(given_in), &braces(expect), withheld);
    };
    let same = format!(r#""given":["A",null,"B"],"_given":[null,{e},{e}]"#);
    case(&same, &same, 0);
    case(
        &format!(r#""_given":[null,{e}],"given":["A",null]"#),
        &format!(r#""given":["A",null],"_given":[null,{e}]"#),
        0,
    );
    case(&format!(r#""given":["A",null],"_given":[{e},null]"#), &format!(r#""given":["A"],"_given":[{e}]"#), 1);
    case(&format!(r#""given":["A",7],"_given":[null,{e}]"#), &format!(r#""given":["A",null],"_given":[null,{e}]"#), 1);
    case(&format!(r#""given":["A","B"],"_given":[{e}]"#), r#""given":["A","B"]"#, 1);
    case(&format!(r#""given":[null],"_given":[{e}]"#), "", 2);
    case(&format!(r#""_given":[{e}]"#), "", 1);
    case(r#""given":["A",null],"_given":[null,{"zzz":1}]"#, r#""given":["A"]"#, 2);

    let birth = &["birthDate", "_birthDate"];
    let both = format!(r#""birthDate":"1970","_birthDate":{e}"#);
    check("Patient", birth, &both, &both, 0);
    check("Patient", birth, &format!(r#""_birthDate":{e}"#), "", 1);
    check("Patient", birth, &format!(r#""birthDate":null,"_birthDate":{e}"#), "", 2);
    check("Patient", birth, &format!(r#""birthDate":"1970","_birthDate":[{e}]"#), r#""birthDate":"1970""#, 1);
    check("Patient", &["birthDate"], &both, r#""birthDate":"1970""#, 1);
    check("Patient", &["_birthDate"], &both, "", 2);
    check("Patient", &["name.given"], r#""name":[{"given":[null,"A"]}]"#, r#""name":[{"given":["A"]}]"#, 1);
}

/// What `paths` make of a Patient with this meta, and with one further member `hidden` or without.
fn meta(paths: &[&str], meta: &str, further: &str) -> String {
    let document = format!(r#"{{"meta":{meta},"resourceType":"Patient","id":"a","active":true{further}}}"#);
    let (shown, _) = project(&document, &projection("Patient", paths));
    let inside = shown.strip_prefix(r#"{"resourceType":"Patient","id":"a""#).expect("type and id first");
    inside.strip_suffix(r#","active":true}"#).expect("the rest after").to_owned()
}

/// Decision 31: a version tells of changes to what is hidden.
#[test]
fn meta_is_dated_only_while_nothing_is_hidden() {
    let all = &["id", "meta", "active"];
    let dated = r#"{"versionId":"7","lastUpdated":"2024-01-01T00:00:00Z","security":[{"code":"N"}]}"#;
    assert_eq!(meta(all, dated, ""), format!(r#","meta":{dated}"#));
    let partial = format!(r#","meta":{{"security":[{{"code":"N"}}],"tag":[{TAG}]}}"#);
    assert_eq!(meta(all, dated, r#","gender":"male""#), partial);
    let sourced = r#"{"source":"urn:x","versionId":"7","security":[{"code":"N"}]}"#;
    assert_eq!(meta(all, sourced, ""), partial);
    assert_eq!(meta(&["id", "meta.security", "meta.versionId", "active"], dated, ""), partial);
}

#[test]
fn an_answer_that_is_not_whole_says_so_once() {
    let all = &["id", "meta", "active"];
    let hidden = r#","gender":"male""#;
    for (before, after) in [
        (r#"{"tag":[{"code":"x"}]}"#.to_owned(), format!(r#"{{"tag":[{{"code":"x"}},{TAG}]}}"#)),
        (format!(r#"{{"tag":[{TAG}]}}"#), format!(r#"{{"tag":[{TAG}]}}"#)),
        (r#"{"tag":{"code":"x"}}"#.to_owned(), format!(r#"{{"tag":[{TAG}]}}"#)),
        ("{}".to_owned(), format!(r#"{{"tag":[{TAG}]}}"#)),
        (r#""meta""#.to_owned(), format!(r#"{{"tag":[{TAG}]}}"#)),
        (r#"{"profile":["p"],"_profile":[{"id":"x"}]}"#.to_owned(), format!(r#"{{"profile":["p"],"tag":[{TAG}]}}"#)),
    ] {
        assert_eq!(meta(all, &before, hidden), format!(r#","meta":{after}"#), "{before}");
    }
    // The upstream's own mark is not shown by this projection, so ours is set.
    assert_eq!(meta(&["id", "active"], &format!(r#"{{"tag":[{TAG}]}}"#), ""), format!(r#","meta":{{"tag":[{TAG}]}}"#));
}

#[test]
fn a_projection_of_another_type_shows_nothing() {
    let document = r#"{"resourceType":"Patient","id":"a","active":true}"#;
    let (shown, withheld) = project(document, &projection("Practitioner", &["id", "active"]));
    assert_eq!((shown, withheld), (format!(r#"{{"resourceType":"Patient","meta":{{"tag":[{TAG}]}}}}"#), 2));
}

#[test]
fn a_type_that_is_not_listed_shows_its_type_and_id() {
    let projections = Projections::load("[Patient]\ndefault = [\"id\"]").expect("loads");
    let basic = projections.compile(ResourceType::from_name("Basic").expect("of R4"), &["default".to_owned()]);
    let (shown, withheld) =
        project(r#"{"id":"a","created":"2001","resourceType":"Basic","meta":{"versionId":"1"}}"#, &basic);
    assert_eq!((shown, withheld), (format!(r#"{{"resourceType":"Basic","id":"a","meta":{{"tag":[{TAG}]}}}}"#), 2));
}

#[test]
fn debug_shows_nothing_of_the_answer() {
    let scanned = Scanned::of(br#"{"resourceType":"Patient","id":"jane"}"#, Limits::READ).expect("acceptable");
    assert!(!format!("{:?}", scanned.project(&projection("Patient", &["id"]), &Base::default())).contains("jane"));
}
