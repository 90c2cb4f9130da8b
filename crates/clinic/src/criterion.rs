//! One search parameter on one resource, looked at as a tree of JSON (<https://hl7.org/fhir/R4/search.html>).

use crate::key::Held;
use crate::traps::BASE;
use serde_json::Value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Token,
    Text,
    Date,
    Reference,
    Quantity,
}

/// A parameter the clinic knows: where its values stand, below the resource.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    kind: Kind,
    paths: &'static [&'static str],
}

const fn known(kind: Kind, paths: &'static [&'static str]) -> Option<Known> {
    Some(Known { kind, paths })
}

/// The parameter of that name, if the clinic knows it on that type.
pub fn find(held: Held, name: &str) -> Option<Known> {
    use Held as H;
    use Kind as K;
    match (held, name) {
        (_, "_id") => known(K::Token, &["id"]),
        (_, "_lastUpdated") => known(K::Date, &["meta.lastUpdated"]),
        (_, "_security") => known(K::Token, &["meta.security"]),
        (H::Patient | H::Practitioner, "name") => known(K::Text, &["name.family", "name.given"]),
        (H::Patient | H::Practitioner, "family") => known(K::Text, &["name.family"]),
        (H::Patient | H::Practitioner, "given") => known(K::Text, &["name.given"]),
        (H::Patient | H::Practitioner | H::Coverage, "identifier") => known(K::Token, &["identifier"]),
        (H::Patient | H::Practitioner | H::Organization, "active") => known(K::Token, &["active"]),
        (H::Patient, "birthdate") => known(K::Date, &["birthDate"]),
        (H::Patient, "gender") => known(K::Token, &["gender"]),
        (H::Patient, "telecom") => known(K::Token, &["telecom"]),
        (H::Patient, "address-city") => known(K::Text, &["address.city"]),
        (H::Patient, "general-practitioner") => known(K::Reference, &["generalPractitioner"]),
        (H::Patient, "organization") => known(K::Reference, &["managingOrganization"]),
        (H::Organization, "name") => known(K::Text, &["name"]),
        (H::Organization, "type") => known(K::Token, &["type"]),
        (H::Organization, "partof") => known(K::Reference, &["partOf"]),
        (H::CareTeam, "participant") => known(K::Reference, &["participant.member"]),
        (H::CareTeam | H::Encounter | H::Observation | H::MedicationRequest | H::Coverage | H::List, "status") => {
            known(K::Token, &["status"])
        }
        (H::Observation, "category") => known(K::Token, &["category"]),
        (H::Observation | H::Condition | H::AllergyIntolerance, "code") => known(K::Token, &["code"]),
        (H::Observation, "component-code") => known(K::Token, &["component.code"]),
        (H::Observation, "date") => known(K::Date, &["effectiveDateTime"]),
        (H::Observation, "value-quantity") => known(K::Quantity, &["valueQuantity"]),
        (H::Observation, "performer") => known(K::Reference, &["performer"]),
        (H::Observation | H::Condition | H::MedicationRequest, "encounter") => known(K::Reference, &["encounter"]),
        (H::Condition | H::AllergyIntolerance, "clinical-status") => known(K::Token, &["clinicalStatus"]),
        (H::Condition, "category") => known(K::Token, &["category"]),
        (H::Condition, "onset-date") => known(K::Date, &["onsetDateTime"]),
        (H::Condition, "recorded-date") => known(K::Date, &["recordedDate"]),
        (H::AllergyIntolerance, "criticality") => known(K::Token, &["criticality"]),
        (H::AllergyIntolerance, "date") => known(K::Date, &["recordedDate"]),
        (H::Encounter, "class") => known(K::Token, &["class"]),
        (H::Encounter, "type") => known(K::Token, &["type"]),
        (H::Encounter, "date") => known(K::Date, &["period"]),
        (H::Encounter, "participant") => known(K::Reference, &["participant.individual"]),
        (H::MedicationRequest, "intent") => known(K::Token, &["intent"]),
        (H::MedicationRequest, "code") => known(K::Token, &["medicationCodeableConcept"]),
        (H::MedicationRequest, "authoredon") => known(K::Date, &["authoredOn"]),
        (H::MedicationRequest, "requester") => known(K::Reference, &["requester"]),
        (H::Coverage, "payor") => known(K::Reference, &["payor"]),
        (H::Coverage, "subscriber") => known(K::Reference, &["subscriber"]),
        (H::Group, "member") => known(K::Reference, &["member.entity"]),
        (H::List, "source") => known(K::Reference, &["source"]),
        (H::List, "item") => known(K::Reference, &["entry.item"]),
        _ => None,
    }
}

/// How the values are taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Modifier {
    Plain,
    Exact,
    Contains,
    Not,
    Missing,
}

/// One parameter with its values; one that matches is enough.
#[derive(Clone, Debug)]
pub struct Criterion {
    known: Known,
    modifier: Modifier,
    values: Vec<String>,
}

impl Criterion {
    /// Nothing when the modifier does not go with the parameter.
    pub fn new(known: Known, modifier: Option<&str>, value: &str) -> Option<Self> {
        let modifier = match (modifier, known.kind) {
            (None, _) => Modifier::Plain,
            (Some("missing"), _) => Modifier::Missing,
            (Some("not"), Kind::Token) => Modifier::Not,
            (Some("exact"), Kind::Text) => Modifier::Exact,
            (Some("contains"), Kind::Text) => Modifier::Contains,
            (Some(_), _) => return None,
        };
        Some(Self { known, modifier, values: split(value) })
    }

    pub fn admits(&self, resource: &Value) -> bool {
        let found = self.known.values(resource);
        let is_one = |wanted: &String| found.iter().any(|value| self.is(value, wanted));
        match self.modifier {
            Modifier::Missing => self.values.iter().any(|wanted| (wanted == "true") == found.is_empty()),
            Modifier::Not => !self.values.iter().any(is_one),
            Modifier::Plain | Modifier::Exact | Modifier::Contains => self.values.iter().any(is_one),
        }
    }

    fn is(&self, value: &Value, wanted: &str) -> bool {
        match self.known.kind {
            Kind::Token => is_token(value, wanted),
            Kind::Reference => is_reference(value, wanted),
            Kind::Date => is_date(value, wanted),
            Kind::Quantity => is_quantity(value, wanted),
            Kind::Text => {
                let (text, wanted) = (value.as_str().unwrap_or_default(), plain(wanted));
                match self.modifier {
                    Modifier::Exact => text == wanted,
                    Modifier::Contains => text.to_lowercase().contains(&wanted.to_lowercase()),
                    _ => text.to_lowercase().starts_with(&wanted.to_lowercase()),
                }
            }
        }
    }
}

impl Known {
    fn values<'a>(&self, resource: &'a Value) -> Vec<&'a Value> {
        self.paths.iter().flat_map(|path| at(resource, path)).collect()
    }

    /// What a resource is sorted by: its lowest value, or its highest (<https://hl7.org/fhir/R4/search.html#sort>).
    pub fn extremes(&self, resource: &Value) -> Option<(String, String)> {
        let texts = self.values(resource).into_iter().filter_map(|value| self.text(value));
        let mut texts: Vec<String> = texts.collect();
        texts.sort();
        Some((texts.first()?.clone(), texts.last()?.clone()))
    }

    fn text(&self, value: &Value) -> Option<String> {
        let of = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        match self.kind {
            Kind::Text => value.as_str().map(str::to_lowercase),
            Kind::Date => value.as_str().map(str::to_owned).or_else(|| of("start")),
            Kind::Token => value.as_str().map(str::to_owned).or_else(|| of("code")).or_else(|| of("value")),
            Kind::Reference => of("reference"),
            // In an order of text, a number stands by its size only when all have as many digits.
            Kind::Quantity => Some(format!("{:020.6}", value.get("value")?.as_f64()?)),
        }
    }
}

/// Everything at a dotted path, arrays flattened.
fn at<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![value];
    for name in path.split('.') {
        let below = found.into_iter().flat_map(items).filter_map(|item| item.get(name));
        found = below.flat_map(items).collect();
    }
    found
}

fn items(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// Cuts at commas that no `\` escapes.
fn split(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match (character, parts.last_mut()) {
            (',', _) => parts.push(String::new()),
            ('\\', Some(part)) => {
                part.push('\\');
                part.extend(characters.next());
            }
            (other, Some(part)) => part.push(other),
            (_, None) => {}
        }
    }
    parts
}

/// Without escapes.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    plain
}

fn is_token(value: &Value, wanted: &str) -> bool {
    let (system, code) = match wanted.split_once('|') {
        Some((system, code)) => (Some(plain(system)), plain(code)),
        None => (None, plain(wanted)),
    };
    let coded = |coding: &Value, name: &str| {
        let of = |name: &str| coding.get(name).and_then(Value::as_str).unwrap_or_default();
        system.as_deref().is_none_or(|system| system == of("system")) && (code.is_empty() || code == of(name))
    };
    match value {
        Value::Bool(flag) => system.is_none() && code == flag.to_string(),
        Value::String(text) => system.is_none() && code == *text,
        concept if concept.get("coding").is_some() => {
            at(concept, "coding").into_iter().any(|coding| coded(coding, "code"))
        }
        identifier if identifier.get("value").is_some() => coded(identifier, "value"),
        coding => coded(coding, "code"),
    }
}

fn is_reference(value: &Value, wanted: &str) -> bool {
    let local = |text: &str| text.strip_prefix(BASE).map_or(text, |rest| rest.trim_start_matches('/')).to_owned();
    let Some(found) = value.get("reference").and_then(Value::as_str).map(local) else { return false };
    let wanted = local(&plain(wanted));
    found == wanted || (!wanted.contains('/') && found.rsplit('/').next() == Some(&wanted) && !found.contains(':'))
}

const PREFIXES: [&str; 9] = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];

fn prefixed(wanted: &str) -> (&str, &str) {
    match wanted.split_at_checked(2) {
        Some((prefix, rest)) if PREFIXES.contains(&prefix) => (prefix, rest),
        _ => ("eq", wanted),
    }
}

/// Does the range of the value stand to the range wanted as the prefix says?
fn stands<T: PartialOrd>(prefix: &str, value: (T, T), wanted: (T, T)) -> bool {
    let within = value.0 >= wanted.0 && value.1 <= wanted.1;
    match prefix {
        "ne" => !within,
        "gt" => value.1 > wanted.1,
        "lt" => value.0 < wanted.0,
        "ge" => value.1 > wanted.1 || within,
        "le" => value.0 < wanted.0 || within,
        "sa" => value.0 > wanted.1,
        "eb" => value.1 < wanted.0,
        _ => within,
    }
}

fn is_date(value: &Value, wanted: &str) -> bool {
    let (prefix, wanted) = prefixed(wanted);
    let of = |name: &str| value.get(name).and_then(Value::as_str);
    let found = match value.as_str() {
        Some(date) => range(date, date),
        None => range(of("start").unwrap_or("0001"), of("end").unwrap_or("9999")),
    };
    stands(prefix, found, range(wanted, wanted))
}

/// First and last moment of dates in UTC, as text that sorts.
fn range(first: &str, last: &str) -> (String, String) {
    let fill = |date: &str, full: &str| {
        let date = date.trim_end_matches('Z');
        date.to_owned() + full.get(date.len()..).unwrap_or_default()
    };
    (fill(first, "0001-01-01T00:00:00.000"), fill(last, "9999-12-31T23:59:59.999"))
}

fn is_quantity(value: &Value, wanted: &str) -> bool {
    let (prefix, wanted) = prefixed(wanted);
    let mut parts = wanted.split('|');
    let number = parts.next().unwrap_or_default();
    let (Some(found), Ok(middle)) = (value.get("value").and_then(Value::as_f64), number.parse::<f64>()) else {
        return false;
    };
    let (system, code) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let of = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_unit =
        (system.is_empty() || system == of("system")) && (code.is_empty() || [of("code"), of("unit")].contains(&code));
    let digits = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let half = 0.5 / 10_f64.powi(i32::try_from(digits).unwrap_or_default());
    is_unit && stands(prefix, (found, found), (middle - half, middle + half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(held: Held, query: &str, resource: &Value, expect: bool) {
        let (name, value) = query.split_once('=').expect("a query");
        let (name, modifier) = name.split_once(':').map_or((name, None), |(name, modifier)| (name, Some(modifier)));
        let criterion = Criterion::new(find(held, name).expect(name), modifier, value).expect("a modifier");
        assert_eq!(criterion.admits(resource), expect, "{query}");
    }

    #[test]
    fn matches_as_the_specification_says() {
        let patient = json!({"id": "p1", "active": true, "gender": "female", "birthDate": "1980-05-02",
            "name": [{"family": "Smith, the", "given": ["Anna", "Maria"]}],
            "identifier": [{"system": "urn:mrn", "value": "7"}], "telecom": [{"system": "phone", "value": "555"}],
            "generalPractitioner": [{"reference": "Practitioner/physician-1"}]});
        for (query, expect) in [
            ("name=ann", true),
            ("name:exact=ann", false),
            ("name:contains=ARI", true),
            ("family=smith\\, the", true),
            ("family=smith, other", true),
            ("given=eve,mar", true),
            ("gender=female", true),
            ("gender:not=female", false),
            ("gender:missing=true", false),
            ("active=true", true),
            ("identifier=urn:mrn|7", true),
            ("identifier=urn:other|7", false),
            ("identifier=|7", false),
            ("telecom=555", true),
            ("birthdate=1980", true),
            ("birthdate=1980-06", false),
            ("birthdate=gt1980-05-01", true),
            ("birthdate=gt1980-05", false),
            ("birthdate=ge1980-05", true),
            ("birthdate=lt1980-05-02", false),
            ("birthdate=le1980-05-02", true),
            ("birthdate=ne1980-05-02", false),
            ("birthdate=sa1979", true),
            ("birthdate=eb1980-05-02", false),
            ("general-practitioner=Practitioner/physician-1", true),
            ("general-practitioner=physician-1", true),
            ("general-practitioner=Patient/physician-1", false),
            ("_id=p1,p2", true),
        ] {
            check(Held::Patient, query, &patient, expect);
        }
    }

    #[test]
    fn quantities_have_a_precision_and_a_unit() {
        let observation =
            json!({"valueQuantity": {"value": 6.3, "system": "http://unitsofmeasure.org", "code": "mmol/L"}});
        for (query, expect) in [
            ("value-quantity=6.3", true),
            ("value-quantity=6", true),
            ("value-quantity=6.30", true),
            ("value-quantity=7", false),
            ("value-quantity=gt6.2", true),
            ("value-quantity=lt6.3|http://unitsofmeasure.org|mmol/L", false),
            ("value-quantity=6.3|http://unitsofmeasure.org|mmol/L", true),
            ("value-quantity=6.3||mmol/L", true),
            ("value-quantity=6.3||mg", false),
        ] {
            check(Held::Observation, query, &observation, expect);
        }
    }
}
