use super::*;
use crate::projection::{Projection, Projections};
use lexicon::ResourceType;
use std::sync::Arc;

fn scan(document: &str) -> Result<Scanned, Reason> {
    Scanned::of(document.as_bytes(), Limits::READ)
}

fn patient(paths: &[&str]) -> Arc<Projection> {
    let list: Vec<String> = paths.iter().map(|path| format!("{path:?}")).collect();
    let text = format!("[Patient]\ndefault = [{}]", list.join(", "));
    Projections::load(&text).expect("the paths are R4's").compile(ResourceType::PATIENT, &[])
}

/// The projection of a Patient whose further members are `members`, without type and meta; and the count.
fn shown(paths: &[&str], members: &str) -> (String, u64) {
    let scanned = scan(&format!(r#"{{"resourceType":"Patient",{members}}}"#)).expect("acceptable");
    let projected = scanned.project(&patient(paths));
    let text = String::from_utf8(projected.bytes().to_vec()).expect("UTF-8");
    let tag = r#","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}"#;
    let bare = if projected.withheld() > 0 { text.replacen(tag, "", 1) } else { text };
    let inside =
        bare.strip_prefix(r#"{"resourceType":"Patient""#).and_then(|rest| rest.strip_suffix('}')).expect("a Patient");
    (inside.trim_start_matches(',').to_owned(), projected.withheld())
}

#[test]
fn smoke() {
    assert_eq!(
        shown(&["id", "name"], r#""id":"a","name":[{"family":"B","given":["C",null]}],"birthDate":"1970""#),
        (r#""id":"a","name":[{"family":"B","given":["C"]}]"#.to_owned(), 2)
    );
}
