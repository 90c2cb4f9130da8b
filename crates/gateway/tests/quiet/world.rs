//! What a clinic holds: made from a seed, and changed where a caller cannot see it.

use crate::{dice::Dice, law::LABELS, table::TYPES};
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Clone)]
pub struct World {
    /// The server's own address: nothing of it may be seen.
    pub base: String,
    /// In the order in which the server keeps them.
    pub kept: Vec<Kept>,
}

#[derive(Clone)]
pub struct Kept {
    pub of: &'static str,
    pub id: String,
    /// The oldest first. The last is the current one.
    pub versions: Vec<Arc<Value>>,
    pub is_deleted: bool,
}

/// To the last byte: the order of members shows in an answer.
impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        let is_same = |(a, b): (&Arc<Value>, &Arc<Value>)| Arc::ptr_eq(a, b) || a.to_string() == b.to_string();
        (self.of, &self.id, self.is_deleted) == (other.of, &other.id, other.is_deleted)
            && self.versions.len() == other.versions.len()
            && self.versions.iter().zip(&other.versions).all(is_same)
    }
}

impl Kept {
    pub fn current(&self) -> Option<&Value> {
        self.versions.last().filter(|_| !self.is_deleted).map(|version| &**version)
    }
}

impl World {
    pub fn find(&self, of: &str, id: &str) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.of == of && kept.id == id)
    }

    pub fn current(&self, of: &str) -> impl Iterator<Item = &Value> {
        self.kept.iter().filter(move |kept| kept.of == of).filter_map(Kept::current)
    }

    /// Patients in whose current care teams a practitioner works.
    pub fn cared_for(&self, practitioner: Option<&str>) -> Vec<(String, String)> {
        let Some(practitioner) = practitioner else { return Vec::new() };
        let member = format!("Practitioner/{practitioner}");
        let mut pairs = Vec::new();
        for team in self.current("CareTeam") {
            let participants = crate::matching::nodes(team, "participant.member.reference");
            let subject = team["subject"]["reference"].as_str().and_then(|text| text.strip_prefix("Patient/"));
            if let (Some(patient), true) = (subject, team["status"] == "active")
                && participants.iter().any(|found| **found == member)
            {
                pairs.push((team["id"].as_str().expect("an id").to_owned(), patient.to_owned()));
            }
        }
        pairs.sort();
        pairs
    }
}

pub fn world(dice: &mut Dice) -> World {
    let mut kept = Vec::new();
    for (of, most) in TYPES.into_iter().zip([4, 9, 5, 4, 3, 3, 3]) {
        for at in 1..=most {
            if dice.chance(85) {
                kept.push(keep(dice, of, &format!("{}{at}", letter(of))));
            }
        }
    }
    // Mixed, so that what is kept first is not of one type.
    for at in (1..kept.len()).rev() {
        kept.swap(at, dice.below(at + 1));
    }
    World { base: "https://upstream.one.test/r4".to_owned(), kept }
}

fn letter(of: &str) -> &'static str {
    match of {
        "Patient" => "p",
        "Observation" => "o",
        "Condition" => "c",
        "Encounter" => "e",
        "CareTeam" => "t",
        "Practitioner" => "d",
        _ => "r",
    }
}

fn keep(dice: &mut Dice, of: &'static str, id: &str) -> Kept {
    let many = if dice.chance(25) { 2 + dice.below(2) } else { 1 };
    let versions = (1..=many).map(|number| Arc::new(fresh(dice, of, id, number))).collect();
    Kept { of, id: id.to_owned(), versions, is_deleted: dice.chance(4) }
}

fn moment(dice: &mut Dice) -> String {
    format!(
        "202{}-{:02}-{:02}T{:02}:{:02}:00.{:03}Z",
        dice.below(3),
        1 + dice.below(12),
        1 + dice.below(28),
        dice.below(24),
        dice.below(60),
        dice.below(1000)
    )
}

fn date(dice: &mut Dice) -> String {
    let (year, month, day) = (dice.below(4), 1 + dice.below(12), 1 + dice.below(28));
    match dice.below(6) {
        0 => format!("202{year}"),
        1 => format!("202{year}-{month:02}"),
        _ => format!("202{year}-{month:02}-{day:02}"),
    }
}

fn time(dice: &mut Dice) -> Value {
    if dice.chance(50) {
        return date(dice).into();
    }
    let day = format!("202{}-{:02}-{:02}", dice.below(4), 1 + dice.below(12), 1 + dice.below(28));
    format!("{day}T{:02}:{:02}:00Z", dice.below(24), dice.below(60)).into()
}

fn period(dice: &mut Dice) -> Value {
    let mut period = Map::new();
    if dice.chance(85) {
        period.insert("start".into(), format!("202{}-{:02}-01", dice.below(2), 1 + dice.below(12)).into());
    }
    if dice.chance(60) || period.is_empty() {
        period.insert("end".into(), format!("202{}-{:02}-28T10:00:00Z", 2 + dice.below(2), 1 + dice.below(12)).into());
    }
    period.into()
}

fn coding(dice: &mut Dice, system: &str, codes: &[&str]) -> Value {
    let mut coding = json!({ "system": format!("urn:{system}"), "code": dice.pick(codes) });
    if dice.chance(20) {
        coding["display"] = "Canary display".into();
    }
    coding
}

fn concept(dice: &mut Dice, system: &str, codes: &[&str]) -> Value {
    let mut codings = vec![coding(dice, system, codes)];
    if dice.chance(15) {
        codings.push(coding(dice, "other", codes));
    }
    json!({ "coding": codings })
}

fn leads(dice: &mut Dice, of: &str, ids: &[&str]) -> Value {
    let mut reference = json!({ "reference": format!("{of}/{}", dice.pick(ids)) });
    if dice.chance(15) {
        reference["display"] = format!("Canary {}", dice.below(3)).into();
    }
    reference
}

fn name(dice: &mut Dice) -> Value {
    let mut name = json!({ "family": dice.pick(&["Ash", "Asher", "Birch", "Oak"]) });
    if dice.chance(80) {
        name["given"] = json!([dice.pick(&["Kim", "Kit", "Lou"])]);
    }
    name
}

fn quantity(dice: &mut Dice) -> Value {
    json!({ "value": f64::from(u32::try_from(dice.below(40)).expect("small")) / 4.0, "unit": "mmol", "system": "urn:ucum",
        "code": dice.pick(&["mmol/L", "g"]) })
}

const PATIENTS: [&str; 4] = ["p1", "p2", "p3", "p4"];

/// A whole resource. Each element is there or not by chance.
pub fn fresh(dice: &mut Dice, of: &'static str, id: &str, version: usize) -> Value {
    let label = if dice.chance(75) { "N" } else { dice.pick(&LABELS) };
    let mut resource = json!({ "resourceType": of, "id": id });
    let mut meta = json!({
        "versionId": (version * 2 + dice.below(2)).to_string(), "lastUpdated": moment(dice),
        "security": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": label }],
    });
    if dice.chance(30) {
        meta["profile"] = json!([dice.pick(&["urn:profile:a", "urn:profile:b"])]);
    }
    if dice.chance(30) {
        meta["tag"] = json!([{ "system": "urn:tag", "code": dice.pick(&["x", "y"]) }]);
    }
    resource["meta"] = meta;
    for (element, _) in elements_of(of) {
        if let Some((key, value)) = element_of(dice, of, element) {
            resource[key] = value;
        }
    }
    if dice.chance(10) {
        resource["extension"] = json!([{ "url": "urn:canary", "valueString": format!("Canary {}", dice.below(3)) }]);
    }
    if dice.chance(5) {
        resource["contained"] =
            json!([{ "resourceType": "Patient", "id": "inside", "name": [{ "family": "Canary" }] }]);
    }
    resource
}

/// The elements of a type, and whether one of them decides who may see the resource.
pub fn elements_of(of: &str) -> impl Iterator<Item = (&'static str, bool)> {
    let listed = crate::law::ELEMENTS.iter().find(|(name, _)| *name == of).map_or(&[][..], |(_, elements)| elements);
    listed.iter().map(|element| (*element, matches!(*element, "subject" | "managingOrganization")))
}

/// A value for one element, under its name in JSON; by chance none.
pub fn element_of(dice: &mut Dice, of: &str, element: &'static str) -> Option<(&'static str, Value)> {
    let is_fact = matches!(element, "subject");
    if !is_fact && !dice.chance(if element == "text" || element == "note" { 10 } else { 70 }) || dice.chance(3) {
        return None;
    }
    let codes = ["c1", "c2", "c3"];
    let value = match (of, element) {
        ("Patient" | "Practitioner", "name") => json!([name(dice)]),
        (_, "active") => dice.chance(70).into(),
        (_, "gender") => (*dice.pick(&["male", "female", "other"])).into(),
        (_, "birthDate") => date(dice).into(),
        (_, "identifier") => json!([{ "system": "urn:mrn", "value": format!("{}", 100 + dice.below(5)) }]),
        (_, "address") => json!([{ "city": dice.pick(&["Altona", "Aldorf", "Bern"]) }]),
        (_, "telecom") => json!([{ "system": "phone", "value": format!("555-{}", dice.below(5)) }]),
        (_, "managingOrganization") => leads(dice, "Organization", &["dept-1", "dept-2"]),
        (_, "generalPractitioner") => json!([leads(dice, "Practitioner", &["d1", "d2", "d3"])]),
        (_, "link") => json!([{ "other": leads(dice, "Patient", &PATIENTS), "type": "seealso" }]),
        (_, "maritalStatus") => concept(dice, "marital", &codes),
        (_, "text") => json!({ "status": "generated",
            "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\">Canary {}</div>", dice.below(3)) }),
        ("Observation" | "Encounter" | "RiskAssessment", "status") => (*dice.pick(&["final", "amended"])).into(),
        ("CareTeam", "status") => (*dice.pick(&["active", "active", "inactive"])).into(),
        (_, "category") => json!([concept(dice, "cat", &["lab", "vital"])]),
        (_, "code") => concept(dice, "code", &codes),
        (_, "value[x]") => {
            return Some(if dice.chance(70) {
                ("valueQuantity", quantity(dice))
            } else {
                ("valueCodeableConcept", concept(dice, "code", &codes))
            });
        }
        (_, "effective[x]") => {
            return Some(if dice.chance(70) {
                ("effectiveDateTime", time(dice))
            } else {
                ("effectivePeriod", period(dice))
            });
        }
        (_, "onset[x]") => {
            return Some(if dice.chance(70) { ("onsetDateTime", time(dice)) } else { ("onsetPeriod", period(dice)) });
        }
        (_, "recordedDate") => date(dice).into(),
        (_, "subject") => leads(dice, "Patient", &PATIENTS),
        (_, "encounter") => leads(dice, "Encounter", &["e1", "e2", "e3"]),
        ("Observation", "performer") => json!([leads(dice, "Practitioner", &["d1", "d2"])]),
        ("RiskAssessment", "performer") | (_, "asserter") => leads(dice, "Practitioner", &["d1", "d2"]),
        (_, "method" | "clinicalStatus" | "severity") => concept(dice, "code", &codes),
        (_, "hasMember") => json!([leads(dice, "Observation", &["o1", "o2", "o3"])]),
        (_, "note") => json!([{ "text": format!("Canary {}", dice.below(3)) }]),
        (_, "class") => coding(dice, "class", &["AMB", "IMP"]),
        (_, "type") => json!([concept(dice, "type", &codes)]),
        (_, "period") => period(dice),
        (_, "partOf") => leads(dice, "Encounter", &["e1", "e2"]),
        ("Encounter", "participant") => json!([{ "individual": leads(dice, "Practitioner", &["d1", "d2"]) }]),
        ("CareTeam", "participant") => json!([{ "member": leads(dice, "Practitioner", &["d1", "d1", "d2"]) }]),
        ("CareTeam", "name") => format!("Team {}", dice.below(3)).into(),
        (_, "prediction") => {
            json!([{ "probabilityDecimal": f64::from(u32::try_from(dice.below(20)).expect("small")) / 20.0 }])
        }
        (_, "condition") => leads(dice, "Condition", &["c1", "c2"]),
        _ => return None,
    };
    Some((element, value))
}

/// One change, whether or not the caller would see it.
pub fn change(dice: &mut Dice, world: &World) -> World {
    let mut other = world.clone();
    match dice.below(12) {
        0 => {
            let of = *dice.pick(&TYPES);
            let id = format!("{}{}", letter(of), 1 + dice.below(12));
            if world.find(of, &id).is_none() {
                let kept = keep(dice, of, &id);
                other.kept.insert(dice.below(other.kept.len() + 1), kept);
            }
            return other;
        }
        1 if !other.kept.is_empty() => {
            other.kept.remove(dice.below(world.kept.len()));
            return other;
        }
        _ if other.kept.is_empty() => return other,
        _ => {}
    }
    let at = dice.below(other.kept.len());
    let kept = &mut other.kept[at];
    let (of, id) = (kept.of, kept.id.clone());
    match dice.below(10) {
        0 => kept.is_deleted = !kept.is_deleted,
        1 => *kept = keep(dice, of, &id),
        2 => {
            // Mostly one that differs little from another.
            let mut old = fresh(dice, of, &id, 1);
            if dice.chance(70) {
                old = Value::clone(&kept.versions[0]);
                old["meta"]["versionId"] = format!("0{}", dice.below(1000)).into();
                alter(dice, of, &mut old);
            }
            let old = Arc::new(old);
            kept.versions.insert(dice.below(kept.versions.len()), old);
        }
        3 if kept.versions.len() > 1 => {
            kept.versions.remove(0);
        }
        _ => {
            let which = dice.below(kept.versions.len());
            alter(dice, of, Arc::make_mut(&mut kept.versions[which]));
        }
    }
    other
}

/// Changes one element of a resource: another value, or gone, or there where it was not.
fn alter(dice: &mut Dice, of: &'static str, resource: &mut Value) {
    let another = fresh(dice, of, "another", 1);
    let names: Vec<&'static str> = elements_of(of).map(|(element, _)| element).collect();
    match dice.below(10) {
        0 => resource["meta"]["lastUpdated"] = moment(dice).into(),
        // Of all its versions only one has this number.
        1 => {
            resource["meta"]["versionId"] =
                format!("{}{}", 9 + dice.below(90), resource["meta"]["versionId"].as_str().unwrap_or_default()).into()
        }
        2 => resource["meta"]["tag"] = json!([{ "system": "urn:tag", "code": dice.pick(&["x", "y"]) }]),
        3 => resource["meta"]["profile"] = json!([dice.pick(&["urn:profile:a", "urn:profile:b"])]),
        4 => {
            let text = format!("Canary {}", dice.below(5));
            match dice.below(4) {
                0 => resource["extension"] = json!([{ "url": "urn:canary", "valueString": text }]),
                1 => resource["contained"] = json!([{ "resourceType": "Patient", "id": "inside", "language": "en" }]),
                2 if resource["birthDate"].is_string() => {
                    resource["_birthDate"] = json!({ "extension": [{ "url": "urn:canary", "valueString": text }] });
                }
                _ => {
                    if let Some(subject) = resource.get_mut("subject").filter(|subject| subject.is_object()) {
                        subject["display"] = text.into();
                    }
                }
            }
        }
        _ => {
            let element = *dice.pick(&names);
            let members = resource.as_object_mut().expect("a resource");
            let stem = element.strip_suffix("[x]").unwrap_or(element);
            let is_it = |name: &str| name == element || (stem != element && name.starts_with(stem));
            members.retain(|name, _| !is_it(name));
            for (name, value) in another.as_object().expect("a resource") {
                if is_it(name) {
                    members.insert(name.clone(), value.clone());
                }
            }
        }
    }
    // Reading a member that is absent by index puts none there, but assigning null members would not be FHIR.
    resource.as_object_mut().expect("a resource").retain(|_, value| !value.is_null());
}
