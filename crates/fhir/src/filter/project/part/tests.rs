use crate::{Base, Limits, Part, Projection, Projections, Scanned};
use lexicon::ResourceType;
use std::sync::Arc;

const MARK: &str = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;

fn projection(of_type: &str, paths: &[&str]) -> Arc<Projection> {
    let projections = Projections::load(&format!("[{of_type}]\ndefault = {paths:?}")).expect("loads");
    projections.compile(ResourceType::from_name(of_type).expect("of R4"), &[])
}

fn cut(paths: &[&str], part: &Part, document: &str) -> (String, u64) {
    let scanned = Scanned::of(document.as_bytes(), Limits::READ).expect("acceptable");
    let projection = projection(scanned.resource_type().name(), paths);
    let projected = scanned.project_part(&projection, &Base::new([]), part);
    (String::from_utf8(projected.bytes().to_vec()).expect("UTF-8"), projected.withheld())
}

fn elements(names: &[&str]) -> Part {
    Part::Elements(names.iter().map(|name| (*name).to_owned()).collect())
}

/// The choke point: of a patient of whom all is shown that `paths` name, this part.
#[track_caller]
fn check(paths: &[&str], part: &Part, members: &str, expect: &str) {
    let (shown, _) = cut(paths, part, &format!(r#"{{"resourceType":"Patient",{members}}}"#));
    assert_eq!(
        shown,
        format!(r#"{{"resourceType":"Patient",{}}}"#, expect.replace("MARK", MARK)),
        "{part:?} of {members}"
    );
}

#[test]
fn c10_elements_are_those_asked_for_and_say_that_they_are_a_part() {
    let paths = ["id", "gender", "deceased[x]", "name"];
    let members = r#""id":"p1","gender":"male","name":[{"family":"Doe"}],"deceasedBoolean":true"#;
    let meta = r#""meta":{"tag":[MARK]}"#;
    check(&paths, &elements(&["gender"]), members, &format!(r#""id":"p1",{meta},"gender":"male""#));
    for deceased in ["deceased", "deceased[x]", "deceasedBoolean"] {
        check(&paths, &elements(&[deceased]), members, &format!(r#""id":"p1",{meta},"deceasedBoolean":true"#));
    }
    for nothing in ["deceasedDateTime", "Gender", "name.family", "", "text", "birthDate"] {
        check(&paths, &elements(&[nothing]), members, &format!(r#""id":"p1",{meta}"#));
    }
    check(&paths, &elements(&["gender", "name", "deceased"]), members, members);
    check(&paths, &Part::All, members, members);
}

#[test]
fn c10_what_was_not_shown_cannot_be_asked_for() {
    let members = r#""id":"p1","birthDate":"1970-01-01","text":{"status":"generated","div":"<div>Doe</div>"}"#;
    for part in [elements(&["birthDate", "text", "_birthDate"]), Part::Summary, Part::Text, Part::Data, Part::All] {
        check(&["id"], &part, members, r#""id":"p1","meta":{"tag":[MARK]}"#);
    }
}

#[test]
fn e4_the_narrative_is_in_a_part_only_if_it_is_shown() {
    let members = r#""id":"p1","text":{"status":"generated","div":"<div>Doe</div>"},"gender":"male""#;
    let text = r#""text":{"status":"generated","div":"<div>Doe</div>"}"#;
    let meta = r#""meta":{"tag":[MARK]}"#;
    check(&["id", "text", "gender"], &Part::Text, members, &format!(r#""id":"p1",{meta},{text}"#));
    check(&["id", "text", "gender"], &Part::Data, members, &format!(r#""id":"p1",{meta},"gender":"male""#));
    check(&["id", "gender"], &Part::Text, members, &format!(r#""id":"p1",{meta}"#));
    check(&["id", "gender"], &Part::Data, members, &format!(r#""id":"p1",{meta},"gender":"male""#));
}

#[test]
fn c10_a_summary_is_cut_at_every_depth() {
    let observation = r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"c"},"component":[{"code":{"text":"d"},"valueString":"v","interpretation":[{"text":"high"}]},{"interpretation":[{"text":"low"}]}],"note":[{"text":"n"}]}"#;
    let paths = ["id", "status", "code", "component", "note"];
    let (shown, withheld) = cut(&paths, &Part::Summary, observation);
    let expect = r#"{"resourceType":"Observation","id":"o1","meta":{"tag":[MARK]},"status":"final","code":{"text":"c"},"component":[{"code":{"text":"d"},"valueString":"v"}]}"#;
    assert_eq!((shown, withheld), (expect.replace("MARK", MARK), 0), "what was not asked for is not withheld");
}

/// The version dates what is hidden. A part has it exactly if the whole has.
#[test]
fn c10_a_part_tells_no_version_that_the_whole_does_not() {
    let paths = ["id", "meta", "gender", "name"];
    let meta = r#""meta":{"versionId":"7","lastUpdated":"2026-01-01T00:00:00Z","tag":[{"code":"x"}]}"#;
    let all = format!(r#""id":"p1",{meta},"gender":"male","name":[{{"family":"Doe"}}]"#);
    let partial = r#""meta":{"versionId":"7","lastUpdated":"2026-01-01T00:00:00Z","tag":[{"code":"x"},MARK]}"#;
    check(&paths, &elements(&["gender"]), &all, &format!(r#""id":"p1",{partial},"gender":"male""#));
    // Now something is withheld, though not what was asked for.
    let hidden = format!(r#"{all},"birthDate":"1970-01-01""#);
    let undated = r#""meta":{"tag":[{"code":"x"},MARK]}"#;
    for part in [elements(&["gender"]), elements(&["gender", "meta", "versionId"])] {
        check(&paths, &part, &hidden, &format!(r#""id":"p1",{undated},"gender":"male""#));
    }
}

#[test]
fn mandatory_elements_stay_if_they_are_shown() {
    let observation =
        r#"{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"c"},"valueString":"v"}"#;
    for part in [elements(&["note"]), Part::Text] {
        let (shown, _) = cut(&["id", "status", "code", "value[x]"], &part, observation);
        assert!(shown.contains(r#""status":"final","code":{"text":"c"}"#) && !shown.contains("valueString"), "{shown}");
        let (shown, withheld) = cut(&["id", "value[x]"], &part, observation);
        assert!(!shown.contains("status") && withheld == 2, "{shown}");
    }
}

#[test]
fn an_aside_goes_with_its_element() {
    let paths = ["id", "name.given", "name._given", "gender"];
    let members =
        r#""id":"p1","name":[{"given":[null,"J"],"_given":[{"extension":[{"url":"u"}]},null]}],"gender":"male""#;
    let name = r#""name":[{"given":[null,"J"],"_given":[{"extension":[{"url":"u"}]},null]}]"#;
    let meta = r#""meta":{"tag":[MARK]}"#;
    check(&paths, &elements(&["name"]), members, &format!(r#""id":"p1",{meta},{name}"#));
    check(&paths, &elements(&["gender"]), members, &format!(r#""id":"p1",{meta},"gender":"male""#));
    check(&paths, &Part::Summary, members, members);
}

#[test]
fn e5_labels_are_those_of_the_resource_whatever_part_was_asked_for() {
    let label = r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}"#;
    let document = format!(r#"{{"resourceType":"Patient","id":"p1","meta":{{"security":[{label}]}},"gender":"male"}}"#);
    let scanned = Scanned::of(document.as_bytes(), Limits::READ).expect("acceptable");
    let before = format!("{:?}", crate::compartment::labels_of(&scanned));
    let shown = scanned.project_part(&projection("Patient", &["gender"]), &Base::new([]), &elements(&["gender"]));
    assert!(!shown.bytes().windows(12).any(|w| w == b"\"security\":["), "not shown");
    assert_eq!(format!("{:?}", crate::compartment::labels_of(&scanned)), before);
    assert!(before.contains('R'), "{before}");
}

#[test]
fn an_id_is_known_exactly_if_it_is_shown() {
    let document = r#"{"resourceType":"Patient","id":"p1","gender":"male"}"#;
    let scanned = Scanned::of(document.as_bytes(), Limits::READ).expect("acceptable");
    for (paths, of_type, expect) in
        [(&["id"][..], "Patient", true), (&["gender"], "Patient", false), (&["id"], "Basic", false)]
    {
        let projected = scanned.project(&projection(of_type, paths), &Base::new([]));
        assert_eq!(projected.id().is_some(), expect, "{of_type} {paths:?}");
        assert_eq!(projected.resource_type(), ResourceType::PATIENT);
    }
}
