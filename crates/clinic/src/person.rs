//! Who is in the clinic: departments, staff, patients and the teams that care for them.

use crate::dice::Dice;
use crate::key::{DEPARTMENTS, Held, Key, NURSE, PHYSICIAN, organization};
use crate::names::{CANARY, FAMILIES, GIVEN, TOWNS};
use crate::text::{merge, set};
use crate::world::World;
use serde_json::{Value, json};

/// How a patient is called and found: all of it must stay inside answers.
pub struct Person {
    pub given: &'static str,
    pub family: String,
    pub street: String,
    pub town: &'static str,
    pub phone: String,
    pub email: String,
    pub record_number: String,
    pub birth_date: String,
    pub female: bool,
}

impl Person {
    pub fn of(world: &World, n: u32) -> Self {
        let mut dice = world.dice(Key::patient(n));
        let given = dice.pick(&GIVEN);
        let family = format!("{}-{CANARY}", dice.pick(&FAMILIES));
        let newest = if department(n) == PEDIATRICS { 2022 } else { 2004 };
        let oldest = if department(n) == PEDIATRICS { 2010 } else { 1932 };
        Self {
            given,
            street: format!("{} {CANARY} Street", 1 + dice.below(400)),
            town: dice.pick(&TOWNS),
            phone: format!("+1-555-01{:02}-{n:06}", dice.below(100)),
            email: format!("{}.{n}@{}.example", given.to_lowercase(), CANARY.to_lowercase()),
            record_number: format!("LZMRN{n:07}"),
            birth_date: date(&mut dice, oldest, newest),
            female: dice.below(2) == 0,
            family,
        }
    }

    pub fn full_name(&self) -> String {
        format!("{} {}", self.given, self.family)
    }
}

const PEDIATRICS: u32 = 2;

/// The place of a patient's department in [`DEPARTMENTS`].
pub const fn department(n: u32) -> u32 {
    (n + DEPARTMENTS.len() as u32 - 1) % DEPARTMENTS.len() as u32
}

/// A day within the years given. Every month has 28 days here.
pub fn date(dice: &mut Dice, oldest: u64, newest: u64) -> String {
    let year = oldest + dice.below(newest - oldest + 1);
    format!("{year}-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28))
}

/// The physician and the ward nurse of a patient. Their panels are blocks of patients, so that no panel grows with the world.
pub const fn staff(n: u32) -> [Key; 2] {
    let departments = DEPARTMENTS.len() as u32;
    let place = (n - 1) / World::BLOCK * departments + department(n);
    [Key::new(Held::Practitioner, place + 1, PHYSICIAN), Key::new(Held::Practitioner, place + 2, NURSE)]
}

/// Everybody in the care team of patient `n`. The persona nurse-1 cares for p001 to p010 and every seventh after that,
/// in the first block.
pub fn team(n: u32) -> Vec<Key> {
    let mut members = staff(n).to_vec();
    if n <= World::BLOCK && (n <= 10 || (n - 10).is_multiple_of(7)) {
        members.push(Key::new(Held::Practitioner, 1, NURSE));
    }
    members
}

/// A reference as a FHIR server writes it, with the name of what it points to.
pub fn reference(world: &World, key: Key) -> Value {
    json!({"reference": key.reference(), "display": display(world, key)})
}

fn display(world: &World, key: Key) -> String {
    match key.held {
        Held::Patient => Person::of(world, key.n).full_name(),
        Held::Practitioner => practitioner_name(world, key).join(" "),
        Held::Organization => organization(key.n).1.to_owned(),
        _ => key.held.name().to_owned(),
    }
}

fn practitioner_name(world: &World, key: Key) -> [&'static str; 2] {
    let mut dice = world.dice(key);
    [dice.pick(&GIVEN), dice.pick(&FAMILIES)]
}

pub fn patient(world: &World, key: Key) -> Value {
    let person = Person::of(world, key.n);
    let mut dice = world.dice(Key::new(Held::Patient, key.n, 2));
    let [physician, _] = staff(key.n);
    let mut name = json!({"use": "official", "family": person.family, "given": [person.given]});
    if key.n.is_multiple_of(5) {
        set(
            &mut name,
            "_given",
            json!([{"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", "valueCode": "CL"}]}]),
        );
    }
    let mut body = json!({
        "text": {"status": "generated", "div": format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}, born {}</div>", person.full_name(), person.birth_date)},
        "extension": [
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": if person.female { "F" } else { "M" }},
            {"url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
             "valueString": format!("{}-{CANARY}", dice.pick(&FAMILIES))}],
        "identifier": [
            {"use": "usual", "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
             "system": "https://clinic.lazaret.localhost/mrn", "value": person.record_number},
            {"use": "official", "system": "http://hl7.org/fhir/sid/us-ssn", "value": format!("999-{:02}-{:04}", 10 + key.n % 90, key.n % 10_000)}],
        "active": true,
        "name": [name],
        "telecom": [
            {"system": "phone", "value": person.phone, "use": "home"},
            {"system": "email", "value": person.email}],
        "gender": if person.female { "female" } else { "male" },
        "birthDate": person.birth_date,
        "_birthDate": {"extension": [{
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
            "valueDateTime": format!("{}T{:02}:{:02}:00Z", person.birth_date, dice.below(24), dice.below(60))}]},
    });
    merge(
        &mut body,
        json!({
            "address": [{"use": "home", "line": [person.street], "city": person.town, "postalCode": format!("{:05}", 10_000 + dice.below(80_000)), "country": "US"}],
            "maritalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": dice.pick(&["S", "M", "D", "W"])}]},
            "contact": [{
                "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0131", "code": "C"}]}],
                "name": {"family": person.family, "given": [dice.pick(&GIVEN)]},
                "telecom": [{"system": "phone", "value": format!("+1-555-02{:02}-{:06}", dice.below(100), key.n)}]}],
            "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}, "preferred": true}],
            "generalPractitioner": [reference(world, physician)],
            "managingOrganization": reference(world, Key::new(Held::Organization, department(key.n), 0)),
        }),
    );
    body
}

pub fn practitioner(world: &World, key: Key) -> Value {
    let [given, family] = practitioner_name(world, key);
    let (code, display) = if key.k == PHYSICIAN { ("MD", "Doctor of Medicine") } else { ("RN", "Registered Nurse") };
    json!({
        "identifier": [{"system": "https://clinic.lazaret.localhost/staff", "value": key.id()}],
        "active": true,
        "name": [{"family": family, "given": [given]}],
        "qualification": [{"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0360", "code": code, "display": display}]}}],
    })
}

pub fn department_or_other(key: Key) -> Value {
    let (_, name) = organization(key.n);
    let departments = DEPARTMENTS.len() as u32;
    let kind = match key.n {
        n if n < departments => "dept",
        n if n == departments => "prov",
        _ => "pay",
    };
    let mut body = json!({
        "active": true,
        "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": kind}]}],
        "name": name,
    });
    if kind == "dept" {
        set(&mut body, "partOf", json!({"reference": Key::new(Held::Organization, departments, 0).reference()}));
    }
    body
}

pub fn care_team(world: &World, key: Key) -> Value {
    let role = |member: Key| match member.k {
        PHYSICIAN => ("158965000", "Medical practitioner"),
        _ => ("224535009", "Registered nurse"),
    };
    let participants: Vec<Value> = team(key.n)
        .into_iter()
        .map(|member| {
            let (code, display) = role(member);
            json!({"role": [{"coding": [{"system": "http://snomed.info/sct", "code": code, "display": display}]}],
                   "member": reference(world, member)})
        })
        .collect();
    json!({
        "status": "active",
        "name": format!("Care team of {}", Person::of(world, key.n).full_name()),
        "subject": reference(world, Key::patient(key.n)),
        "participant": participants,
        "managingOrganization": [reference(world, Key::new(Held::Organization, department(key.n), 0))],
    })
}
