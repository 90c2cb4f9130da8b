//! What the clinic promises of its data.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use clinic::{BASE, CANARY, DEPARTMENTS, Held, Key, Label, Sensitivity, TRAPS, UNLABELLED, World, WorldError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

fn world() -> World {
    World::create(42, 120).expect("a world")
}

fn parsed(world: &World, key: Key) -> Value {
    serde_json::from_str(&world.text(key).expect("held")).expect("JSON")
}

/// All values of members called `name`, at any depth.
fn members<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(name));
            object.values().for_each(|value| members(value, name, found));
        }
        Value::Array(items) => items.iter().for_each(|value| members(value, name, found)),
        _ => {}
    }
}

fn codes(resource: &Value) -> Vec<&str> {
    let labels = resource["meta"]["security"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ours = labels.iter().filter(|label| label["system"] == CONFIDENTIALITY);
    ours.map(|label| label["code"].as_str().expect("a code")).collect()
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_does_not() {
    let fingerprint = |seed, patients| World::create(seed, patients).expect("a world").census(|_, _| ()).fingerprint;
    assert_eq!(fingerprint(42, 60), fingerprint(42, 60));
    assert_ne!(fingerprint(42, 60), fingerprint(43, 60));
    assert_ne!(fingerprint(42, 60), fingerprint(42, 61));
}

/// More patients change nothing about those who were there.
#[test]
fn a_larger_world_contains_the_smaller() {
    let (small, large) = (world(), World::create(42, 5_000).expect("a world"));
    for key in small.all() {
        assert_eq!(small.text(key), large.text(key), "{key:?}");
    }
}

#[test]
fn every_resource_is_json_that_says_what_it_is_and_reads_back_by_its_id() {
    let world = world().holding_unlabelled();
    let mut seen = BTreeSet::new();
    for key in world.all() {
        let resource = parsed(&world, key);
        assert_eq!(
            (resource["resourceType"].as_str(), resource["id"].as_str()),
            (Some(key.held.name()), Some(&*key.id()))
        );
        assert_eq!(Key::parse(key.held, &key.id()), Some(key));
        assert!(lexicon::ResourceType::from_name(key.held.name()).is_some());
        assert!(lexicon::LocalId::new(&key.id()).is_some());
        assert!(seen.insert(key.reference()), "{} twice", key.reference());
        assert_eq!(resource["meta"]["versionId"], "1");
    }
    let listed: BTreeSet<String> = Held::ALL.iter().flat_map(|held| world.keys(*held)).map(Key::reference).collect();
    assert_eq!(seen, listed, "searching by type finds all there is");
}

#[test]
fn every_resource_is_labelled_by_the_rule() {
    let world = world();
    let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
    for key in world.all() {
        let resource = parsed(&world, key);
        assert!(
            resource["meta"]["security"].as_array().is_some_and(|labels| !labels.is_empty()),
            "{}",
            key.reference()
        );
        if key.held == Held::Observation && key.k == 0 {
            continue;
        }
        assert_eq!(codes(&resource), [Label::of(key).code()], "{}", key.reference());
        *counted.entry(Label::of(key).code()).or_default() += 1;
    }
    assert!(counted["N"] > counted["R"] * 4 && counted["R"] > counted["V"], "{counted:?}");
    assert!(counted["V"] > 0);
}

/// What the personas and the golden matrix rely on.
#[test]
fn the_first_patients_are_as_promised() {
    let world = world();
    let label = |held, n, k| codes(&parsed(&world, Key::new(held, n, k))).join(",");
    for held in Held::ALL.iter().filter(|held| held.each() > 0) {
        assert!((1..=held.each()).all(|k| label(*held, 1, k) == "N"), "p001 is an everyday patient");
    }
    assert_eq!((label(Held::Patient, 3, 1), label(Held::Observation, 3, 1)), ("R".into(), "R".into()));
    assert_eq!((label(Held::Patient, 4, 1), label(Held::Condition, 4, 1)), ("N".into(), "R".into()));
    assert_eq!((label(Held::Patient, 5, 1), label(Held::Coverage, 5, 1)), ("V".into(), "V".into()));
    assert_eq!((label(Held::Condition, 9, 1), label(Held::Condition, 9, 2)), ("N".into(), "R".into()));
    assert_eq!(Label::of(Key::new(Held::Condition, 29, 2)), Label::Restricted(Sensitivity::SubstanceUse));
    for (n, department) in [
        (1, "dept-cardiology"),
        (2, "dept-oncology"),
        (3, "dept-pediatrics"),
        (4, "dept-psychiatry"),
        (9, "dept-cardiology"),
    ] {
        let patient = parsed(&world, Key::patient(n));
        assert_eq!(patient["managingOrganization"]["reference"], format!("Organization/{department}"));
        assert_eq!(world.department(n), department);
        let encounter = parsed(&world, Key::new(Held::Encounter, n, 2));
        assert_eq!(encounter["serviceProvider"]["reference"], format!("Organization/{department}"));
        assert_eq!(encounter["status"], "in-progress");
    }
    let team = |n| parsed(&world, Key::new(Held::CareTeam, n, 1));
    let has = |n: u32, who: &str| {
        let team = team(n);
        assert_eq!(
            (team["status"].as_str(), team["subject"]["reference"].as_str()),
            (Some("active"), Some(&*Key::patient(n).reference()))
        );
        team["participant"].as_array().expect("participants").iter().any(|p| p["member"]["reference"] == who)
    };
    assert!((1..=10).all(|n| has(n, "Practitioner/nurse-1")));
    assert!((11..=16).all(|n| !has(n, "Practitioner/nurse-1")) && has(17, "Practitioner/nurse-1"));
    assert!((1..=120).all(|n| has(n, "Practitioner/physician-1") == (world.department(n) == "dept-cardiology")));
}

/// Relative and versioned references and the clinic's own absolute ones point to what is there. The others are the
/// traps, counted here so that none comes to be by accident.
#[test]
fn references_resolve() {
    let world = world();
    let mut astray = BTreeSet::new();
    for key in world.all() {
        let resource = parsed(&world, key);
        let mut references = Vec::new();
        members(&resource, "reference", &mut references);
        for reference in references {
            let text = reference.as_str().expect("text");
            let local = text.strip_prefix(BASE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
            let local = local.strip_suffix("/_history/1").unwrap_or(local);
            if let Some(id) = local.strip_prefix('#') {
                assert!(resource["contained"].as_array().expect("contained").iter().any(|inner| inner["id"] == id));
                continue;
            }
            let resolved = local.split_once('/').and_then(|(name, id)| Key::parse(Held::from_name(name)?, id));
            if !resolved.is_some_and(|key| world.holds(key)) {
                astray.insert(key.id());
            }
        }
    }
    assert_eq!(astray, BTreeSet::from(["obs-trap-foreign".to_owned(), "obs-trap-urn".to_owned()]));
}

#[test]
fn canaries_are_in_what_should_never_leak() {
    let world = world();
    let text = world.text(Key::patient(7)).expect("held");
    for canary in world.canaries(7) {
        assert!(text.contains(&canary), "{canary}");
    }
    let patient = parsed(&world, Key::patient(7));
    for place in
        ["/name/0/family", "/text/div", "/extension/1/valueString", "/contact/0/name/family", "/address/0/line/0"]
    {
        assert!(patient.pointer(place).and_then(Value::as_str).is_some_and(|text| text.contains(CANARY)), "{place}");
    }
    let pressure = parsed(&world, Key::new(Held::Observation, 7, 1));
    for place in ["/subject/display", "/note/0/text"] {
        assert!(pressure.pointer(place).and_then(Value::as_str).is_some_and(|text| text.contains(CANARY)), "{place}");
    }
    assert!(patient["_birthDate"]["extension"][0]["valueDateTime"].is_string());
    let (seven, eight) = (world.canaries(7), world.canaries(8));
    assert_eq!(seven.iter().filter(|canary| eight.contains(canary)).count(), 0, "they say whose they are");
}

#[test]
fn traps_are_what_they_say() {
    let world = world();
    let text = |trap: &str| world.text(Key::parse(Held::Observation, trap).expect(trap)).expect(trap);
    let tree = |trap: &str| serde_json::from_str::<Value>(&text(trap)).expect("JSON");
    assert!(text("obs-trap-label-escaped").contains(r"\u0052") && codes(&tree("obs-trap-label-escaped")) == ["R"]);
    assert_eq!(codes(&tree("obs-trap-label-hidden")), ["N", "V"]);
    assert!(codes(&tree("obs-trap-label-no-system")).is_empty());
    assert!(text("obs-trap-absolute").contains(r#""value":6.30"#));
    assert_eq!(tree("obs-trap-foreign")["subject"]["reference"], "https://elsewhere.example/fhir/Patient/p001");
    assert_eq!(tree("obs-trap-two-patients")["performer"][0]["reference"], "Patient/p002");
    assert_eq!(tree("obs-trap-contained")["contained"][0]["resourceType"], "Patient");
    assert_eq!(tree("obs-trap-identifier")["subject"].get("reference"), None);
    let group = parsed(&world, Key::parse(Held::Group, "group-cohort").expect("a key"));
    assert_eq!(group["member"].as_array().map(Vec::len), Some(5));
}

#[test]
fn the_unlabelled_resource_is_behind_its_switch() {
    let key = Key::parse(Held::Observation, UNLABELLED).expect("a key");
    assert_eq!(world().text(key), None);
    assert!(!world().all().any(|other| other == key));
    let resource = parsed(&world().holding_unlabelled(), key);
    assert_eq!(resource["meta"].get("security"), None);
    assert_eq!(resource["subject"]["reference"], "Patient/p001");
}

#[test]
fn a_saved_world_is_found_again() {
    let world = world();
    let saved = world.saved();
    assert_eq!(World::from_saved(&saved).as_ref(), Ok(&world));
    assert!(!saved.contains(CANARY));
    assert_eq!(World::from_saved("{}"), Err(WorldError::Unreadable));
    assert_eq!(World::from_saved(&saved.replace("\"seed\":42", "\"seed\":43")), Err(WorldError::Changed));
    assert_eq!(World::from_saved(&saved.replace(":120", ":3")), Err(WorldError::Patients(3)));
}

#[test]
fn sizes_have_limits() {
    for patients in [0, 9, 100_001] {
        assert_eq!(World::create(1, patients), Err(WorldError::Patients(patients)));
    }
    let large = World::create(1, 100_000).expect("a world");
    assert!(large.text(Key::patient(100_000)).expect("held").contains("\"id\":\"p100000\""));
}

#[test]
fn the_census_tells_its_progress_and_counts_everything() {
    let (world, mut steps) = (world(), Vec::new());
    let census = world.census(|done, of| steps.push((done, of)));
    assert_eq!(steps.len(), 120);
    assert_eq!(steps.last(), Some(&(120, 120)));
    assert_eq!(census.resources, world.all().count() as u64);
    assert_eq!(census.resources, census.normal + census.restricted + census.very_restricted);
    let each: u32 = Held::ALL.iter().map(|held| held.each()).sum();
    let others = DEPARTMENTS.len() * 3 + 3 + 4 + TRAPS.len() - 1;
    assert_eq!(census.resources, u64::from(each) * 120 + others as u64);
}

/// Panels of staff do not grow with the world, so that a lookup of care teams stays small.
#[test]
fn panels_are_bounded() {
    let world = World::create(1, 10_000).expect("a world");
    let mut panels: BTreeMap<Key, u32> = BTreeMap::new();
    for n in 1..=world.patients() {
        for member in world.team(n) {
            assert!(world.holds(member), "{member:?}");
            *panels.entry(member).or_default() += 1;
        }
    }
    assert!(panels.values().all(|patients| *patients <= 300), "{:?}", panels.values().max());
    assert_eq!(panels[&Key::parse(Held::Practitioner, "nurse-1").expect("a key")], 294);
}
