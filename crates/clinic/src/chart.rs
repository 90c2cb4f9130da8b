//! What is written about a patient: encounters, conditions, observations, medications, allergies, coverage.

use crate::key::{DEPARTMENTS, Held, Key, ORGANIZATIONS};
use crate::label::Sensitivity;
use crate::person::{Person, date, department, reference, staff};
use crate::text::{merge, set};
use crate::world::World;
use serde_json::{Value, json};

const SNOMED: &str = "http://snomed.info/sct";
const LOINC: &str = "http://loinc.org";
const RXNORM: &str = "http://www.nlm.nih.gov/research/umls/rxnorm";

/// Code and words of a clinical concept.
type Concept = (&'static str, &'static str);

/// What brings a patient to each department.
const REASONS: [Concept; DEPARTMENTS.len()] = [
    ("49436004", "Atrial fibrillation"),
    ("254837009", "Malignant neoplasm of breast"),
    ("195967001", "Asthma"),
    ("35489007", "Depressive disorder"),
    ("37796009", "Migraine"),
    ("396275006", "Osteoarthritis"),
    ("74400008", "Appendicitis"),
    ("125605004", "Fracture of bone"),
];

const COMMON: [Concept; 6] = [
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("55822004", "Hyperlipidemia"),
    ("414545008", "Ischemic heart disease"),
    ("40930008", "Hypothyroidism"),
    ("235595009", "Gastroesophageal reflux disease"),
];

const MEDICATIONS: [Concept; 6] = [
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("860975", "metformin hydrochloride 500 MG Oral Tablet"),
    ("617310", "atorvastatin 20 MG Oral Tablet"),
    ("966222", "levothyroxine sodium 0.075 MG Oral Tablet"),
    ("312961", "simvastatin 20 MG Oral Tablet"),
    ("198440", "acetaminophen 500 MG Oral Tablet"),
];

const ALLERGENS: [Concept; 5] = [
    ("91936005", "Allergy to penicillin"),
    ("91935009", "Allergy to peanut"),
    ("300916003", "Latex allergy"),
    ("232350006", "House dust mite allergy"),
    ("418689008", "Allergy to grass pollen"),
];

/// Code, words, unit, least value in hundredths, spread in hundredths.
const MEASURES: [(&str, &str, &str, u64, u64); 4] = [
    ("8867-4", "Heart rate", "/min", 5_500, 5_000),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 480, 400),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 350, 160),
    ("29463-7", "Body weight", "kg", 4_500, 6_000),
];

fn concept(system: &str, (code, display): Concept) -> Value {
    json!({"coding": [{"system": system, "code": code, "display": display}], "text": display})
}

fn subject(world: &World, key: Key) -> Value {
    reference(world, Key::patient(key.n))
}

fn encounter_of(key: Key) -> Value {
    json!({"reference": Key::new(Held::Encounter, key.n, 1).reference()})
}

pub fn encounter(world: &World, key: Key) -> Value {
    let day = date(&mut world.dice(key), 2025, 2025);
    let [physician, _] = staff(key.n);
    // The first is over; the second goes on, and its service provider is the department that treats the patient now.
    let (status, class, period) = match key.k {
        1 => ("finished", "AMB", json!({"start": format!("{day}T08:30:00Z"), "end": format!("{day}T09:15:00Z")})),
        _ => ("in-progress", "IMP", json!({"start": "2026-11-01T07:45:00Z"})),
    };
    json!({
        "text": narrative(world, key),
        "status": status,
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": class},
        "subject": subject(world, key),
        "participant": [{"individual": reference(world, physician)}],
        "period": period,
        "serviceProvider": reference(world, Key::new(Held::Organization, department(key.n), 0)),
    })
}

pub fn condition(world: &World, key: Key) -> Value {
    let mut dice = world.dice(key);
    let what = match (key.k, Sensitivity::of_second(key.n)) {
        (1, _) => REASONS.get(department(key.n) as usize).copied().unwrap_or_default(),
        (_, Some(Sensitivity::Hiv)) => ("86406008", "Human immunodeficiency virus infection"),
        (_, Some(_)) => ("5602001", "Opioid abuse"),
        _ => dice.pick(&COMMON),
    };
    json!({
        "text": narrative(world, key),
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}],
        "code": concept(SNOMED, what),
        "subject": subject(world, key),
        "encounter": encounter_of(key),
        "onsetDateTime": date(&mut dice, 2015, 2024),
        "recorder": reference(world, staff(key.n)[0]),
    })
}

pub fn observation(world: &World, key: Key) -> Value {
    let mut dice = world.dice(key);
    let day = date(&mut dice, 2025, 2025);
    let mut body = json!({
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": if matches!(key.k, 3 | 4) { "laboratory" } else { "vital-signs" }}]}],
    });
    let mut hundredths = |least: u64, spread: u64| (least + dice.below(spread)) as f64 / 100.0;
    let quantity = |value: f64, unit: &str| json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit});
    let about = json!({
        "subject": subject(world, key),
        "encounter": encounter_of(key),
        "effectiveDateTime": format!("{day}T10:00:00Z"),
        "issued": format!("{day}T10:05:00.000Z"),
        "performer": [reference(world, staff(key.n)[1])],
    });
    let measure = key.k.checked_sub(2).and_then(|at| MEASURES.get(at as usize)).copied();
    if let Some((code, display, unit, least, spread)) = measure {
        set(&mut body, "code", concept(LOINC, (code, display)));
        merge(&mut body, about);
        set(&mut body, "valueQuantity", quantity(hundredths(least, spread), unit));
        set(&mut body, "referenceRange", json!([{"low": quantity(least as f64 / 100.0, unit)}]));
    } else {
        let part = |code: &'static str, display: &'static str, value: f64| json!({"code": concept(LOINC, (code, display)), "valueQuantity": quantity(value, "mm[Hg]")});
        set(&mut body, "code", concept(LOINC, ("85354-9", "Blood pressure panel with all children optional")));
        merge(&mut body, about);
        set(&mut body, "note", json!([{"text": format!("{} was calm.", Person::of(world, key.n).full_name())}]));
        set(
            &mut body,
            "component",
            json!([
                part("8480-6", "Systolic blood pressure", hundredths(10_000, 6_000)),
                part("8462-4", "Diastolic blood pressure", hundredths(6_000, 3_500)),
            ]),
        );
    }
    body
}

pub fn medication_request(world: &World, key: Key) -> Value {
    let mut dice = world.dice(key);
    let what = match (key.k, Sensitivity::of_second(key.n)) {
        (2, Some(Sensitivity::Hiv)) => ("1747691", "dolutegravir 50 MG Oral Tablet"),
        (2, Some(_)) => ("1010600", "buprenorphine 2 MG / naloxone 0.5 MG Oral Strip"),
        _ => dice.pick(&MEDICATIONS),
    };
    let mut body = json!({});
    if key.k == 2 {
        // What a request is for may be said inside it; a filter that drops `contained` leaves the reference dangling.
        set(
            &mut body,
            "contained",
            json!([{"resourceType": "Medication", "id": "med", "code": concept(RXNORM, what)}]),
        );
    }
    merge(&mut body, json!({"status": "active", "intent": "order"}));
    if key.k == 2 {
        set(&mut body, "medicationReference", json!({"reference": "#med"}));
    } else {
        set(&mut body, "medicationCodeableConcept", concept(RXNORM, what));
    }
    merge(
        &mut body,
        json!({
            "subject": subject(world, key),
            "encounter": encounter_of(key),
            "authoredOn": date(&mut dice, 2025, 2025),
            "requester": reference(world, staff(key.n)[0]),
            "dosageInstruction": [{"text": "one tablet a day", "doseAndRate": [{"doseQuantity": {"value": 1.0, "unit": "tablet"}}]}],
        }),
    );
    body
}

pub fn allergy(world: &World, key: Key) -> Value {
    let mut dice = world.dice(key);
    json!({
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]},
        "criticality": dice.pick(&["low", "high", "unable-to-assess"]),
        "code": concept(SNOMED, dice.pick(&ALLERGENS)),
        "patient": subject(world, key),
        "recordedDate": date(&mut dice, 2018, 2025),
    })
}

pub fn coverage(world: &World, key: Key) -> Value {
    let payer = Key::new(Held::Organization, ORGANIZATIONS - 1, 0);
    json!({
        "identifier": [{"system": "https://payer.example/member", "value": format!("LZMEM{:07}", key.n)}],
        "status": "active",
        "subscriber": subject(world, key),
        "subscriberId": format!("LZMEM{:07}", key.n),
        "beneficiary": subject(world, key),
        "relationship": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/subscriber-relationship", "code": "self"}]},
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "payor": [reference(world, payer)],
        "costToBeneficiary": [{
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/coverage-copay-type", "code": "gpvisit"}]},
            "valueMoney": {"value": 20.5, "currency": "USD"}}],
    })
}

fn narrative(world: &World, key: Key) -> Value {
    json!({"status": "generated", "div": format!(
        "<div xmlns=\"http://www.w3.org/1999/xhtml\">{} of {}</div>", key.held.name(), Person::of(world, key.n).full_name())})
}
