//! Data that is legal, and leads a careless reader astray. Each trap has an id of its own, so that a test can name it.

use crate::key::{Held, Key};
use crate::label::{CONFIDENTIALITY, Label};
use crate::person::{Person, reference, staff};
use crate::text::{merge, set};
use crate::world::World;
use serde_json::{Value, json};

/// Groups name several patients at once.
pub const GROUPS: [&str; 2] = ["group-cohort", "group-cardiology"];
/// `list-handover` lists items of several patients; `list-two-patients` is in the compartments of two.
pub const LISTS: [&str; 2] = ["list-handover", "list-two-patients"];

/// Traps in the shape of an `Observation`, by place.
pub const TRAPS: [&str; 11] = [
    "obs-trap-absolute",
    "obs-trap-foreign",
    "obs-trap-versioned",
    "obs-trap-contained",
    "obs-trap-urn",
    "obs-trap-identifier",
    "obs-trap-two-patients",
    "obs-trap-label-escaped",
    "obs-trap-label-no-system",
    "obs-trap-label-hidden",
    UNLABELLED,
];

/// Held only by a world made with [`World::holding_unlabelled`].
pub const UNLABELLED: &str = "obs-trap-unlabelled";

/// The base of the clinic's own absolute references. It names the clinic; where it listens is another matter.
pub const BASE: &str = "https://clinic.lazaret.localhost/fhir";

/// Patients whose record a search by patient finds the trap in: those its references truly name.
pub fn patients(trap: &str) -> &'static [u32] {
    match trap {
        "obs-trap-foreign" | "obs-trap-contained" | "obs-trap-urn" | "obs-trap-identifier" => &[],
        "obs-trap-two-patients" => &[1, 2],
        _ => &[1],
    }
}

/// `meta.security` of a trap; absent from the one that has none.
pub fn labels(trap: &str) -> Option<Value> {
    match trap {
        // Written out with an escape by `finish`: whoever compares bytes sees no `R` here.
        "obs-trap-label-escaped" => Some(json!([{"system": CONFIDENTIALITY, "code": "R"}])),
        // A bare `N` of no code system is not v3-Confidentiality's `N`.
        "obs-trap-label-no-system" => Some(json!([{"code": "N"}])),
        // The first label is harmless; the last one counts as much.
        "obs-trap-label-hidden" => {
            Some(json!([{"system": CONFIDENTIALITY, "code": "N"}, {"system": CONFIDENTIALITY, "code": "V"}]))
        }
        UNLABELLED => None,
        _ => Some(Label::Normal.codings()),
    }
}

/// The last touch to the text of a trap: what a tree of JSON cannot express.
pub fn finish(trap: &str, text: String) -> String {
    match trap {
        "obs-trap-label-escaped" => text.replacen(r#""code":"R""#, r#""code":"\u0052""#, 1),
        _ => text,
    }
}

pub fn observation(world: &World, trap: &str) -> Value {
    let first = Person::of(world, 1);
    let subject = match trap {
        "obs-trap-absolute" => json!({"reference": format!("{BASE}/Patient/p001"), "display": first.full_name()}),
        "obs-trap-foreign" => json!({"reference": "https://elsewhere.example/fhir/Patient/p001"}),
        "obs-trap-versioned" => json!({"reference": "Patient/p001/_history/1", "display": first.full_name()}),
        "obs-trap-contained" => json!({"reference": "#p001"}),
        "obs-trap-urn" => json!({"reference": "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"}),
        "obs-trap-identifier" => json!({"type": "Patient", "identifier": {
            "system": "https://clinic.lazaret.localhost/mrn", "value": first.record_number}}),
        _ => reference(world, Key::patient(1)),
    };
    let performer = match trap {
        "obs-trap-two-patients" => Key::patient(2),
        _ => staff(1)[1],
    };
    let mut body = json!({});
    if trap == "obs-trap-contained" {
        let name = json!([{"family": first.family, "given": [first.given]}]);
        let patient = json!({"resourceType": "Patient", "id": "p001", "name": name, "birthDate": first.birth_date});
        set(&mut body, "contained", json!([patient]));
    }
    let about = json!({
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}], "text": "Potassium"},
        "subject": subject,
        "effectiveDateTime": "2025-06-01T09:00:00Z",
        "performer": [reference(world, performer)],
        "valueQuantity": {"value": 6.3, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    });
    merge(&mut body, about);
    body
}

pub fn group(world: &World, key: Key) -> Value {
    let members: Vec<u32> = match key.n {
        0 => (1..=5).collect(),
        _ => vec![1, 9],
    };
    json!({
        "active": true, "type": "person", "actual": true,
        "name": "Cohort of the door",
        "quantity": members.len(),
        "member": members.into_iter().map(|n| json!({"entity": reference(world, Key::patient(n))})).collect::<Vec<_>>(),
    })
}

pub fn list(world: &World, key: Key) -> Value {
    let (source, title, entries): (Key, &str, Vec<Key>) = match key.n {
        0 => (staff(1)[1], "Handover", (1..=10).map(|n| Key::new(Held::Condition, n, 1)).collect()),
        _ => (Key::patient(2), "Told by another patient", vec![Key::new(Held::AllergyIntolerance, 1, 1)]),
    };
    let mut body = json!({"status": "current", "mode": "working", "title": title});
    if key.n == 1 {
        set(&mut body, "subject", reference(world, Key::patient(1)));
    }
    set(&mut body, "source", reference(world, source));
    set(&mut body, "entry", entries.into_iter().map(|item| json!({"item": {"reference": item.reference()}})).collect());
    body
}
