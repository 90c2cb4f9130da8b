//! The search parameters that the sequences use, written down by hand from the R4 pages of each type: what kind each is,
//! where it looks, and which types a reference leads to. It shares nothing with the tables of the room `fhir`.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Token,
    Text,
    Date,
    Reference,
    Quantity,
    Number,
    Uri,
    Composite,
}

/// The datatype of an element that a parameter looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    Concept,
    Coding,
    Identifier,
    Word,
    Flag,
    Line,
    Name,
    Moment,
    Period,
    Reference,
    Quantity,
    Decimal,
    Uri,
}

/// One row: type (`*` for every type), code, kind, where it looks, which types a reference leads to.
pub struct Row {
    pub of: &'static str,
    pub code: &'static str,
    pub kind: Kind,
    pub places: &'static [(&'static str, Holds)],
    pub targets: &'static [&'static str],
}

const fn row(of: &'static str, code: &'static str, kind: Kind, places: &'static [(&'static str, Holds)]) -> Row {
    Row { of, code, kind, places, targets: &[] }
}

const fn leads(
    of: &'static str,
    code: &'static str,
    place: &'static [(&'static str, Holds)],
    targets: &'static [&'static str],
) -> Row {
    Row { of, code, kind: Kind::Reference, places: place, targets }
}

pub const TYPES: [&str; 7] =
    ["Patient", "Observation", "Condition", "Encounter", "CareTeam", "Practitioner", "RiskAssessment"];

pub const ROWS: &[Row] = &[
    row("*", "_id", Kind::Token, &[("id", Holds::Word)]),
    row("*", "_lastUpdated", Kind::Date, &[("meta.lastUpdated", Holds::Moment)]),
    row("*", "_profile", Kind::Uri, &[("meta.profile", Holds::Uri)]),
    row("*", "_security", Kind::Token, &[("meta.security", Holds::Coding)]),
    row("*", "_tag", Kind::Token, &[("meta.tag", Holds::Coding)]),
    row("Patient", "active", Kind::Token, &[("active", Holds::Flag)]),
    row("Patient", "birthdate", Kind::Date, &[("birthDate", Holds::Moment)]),
    row("Patient", "family", Kind::Text, &[("name.family", Holds::Line)]),
    row("Patient", "given", Kind::Text, &[("name.given", Holds::Line)]),
    row("Patient", "name", Kind::Text, &[("name", Holds::Name)]),
    row("Patient", "gender", Kind::Token, &[("gender", Holds::Word)]),
    row("Patient", "identifier", Kind::Token, &[("identifier", Holds::Identifier)]),
    row("Patient", "address-city", Kind::Text, &[("address.city", Holds::Line)]),
    leads("Patient", "organization", &[("managingOrganization", Holds::Reference)], &["Organization"]),
    leads("Patient", "general-practitioner", &[("generalPractitioner", Holds::Reference)], &["Practitioner"]),
    leads("Patient", "link", &[("link.other", Holds::Reference)], &["Patient"]),
    row("Observation", "status", Kind::Token, &[("status", Holds::Word)]),
    row("Observation", "category", Kind::Token, &[("category", Holds::Concept)]),
    row("Observation", "code", Kind::Token, &[("code", Holds::Concept)]),
    row("Observation", "date", Kind::Date, &[("effectiveDateTime", Holds::Moment), ("effectivePeriod", Holds::Period)]),
    row("Observation", "value-quantity", Kind::Quantity, &[("valueQuantity", Holds::Quantity)]),
    row("Observation", "value-concept", Kind::Token, &[("valueCodeableConcept", Holds::Concept)]),
    row("Observation", "method", Kind::Token, &[("method", Holds::Concept)]),
    leads("Observation", "subject", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Observation", "patient", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Observation", "encounter", &[("encounter", Holds::Reference)], &["Encounter"]),
    leads("Observation", "performer", &[("performer", Holds::Reference)], &["Practitioner"]),
    leads("Observation", "has-member", &[("hasMember", Holds::Reference)], &["Observation"]),
    row(
        "Observation",
        "code-value-quantity",
        Kind::Composite,
        &[("code", Holds::Concept), ("valueQuantity", Holds::Quantity)],
    ),
    row("Condition", "clinical-status", Kind::Token, &[("clinicalStatus", Holds::Concept)]),
    row("Condition", "code", Kind::Token, &[("code", Holds::Concept)]),
    row("Condition", "severity", Kind::Token, &[("severity", Holds::Concept)]),
    row("Condition", "onset-date", Kind::Date, &[("onsetDateTime", Holds::Moment), ("onsetPeriod", Holds::Period)]),
    row("Condition", "recorded-date", Kind::Date, &[("recordedDate", Holds::Moment)]),
    leads("Condition", "subject", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Condition", "patient", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Condition", "encounter", &[("encounter", Holds::Reference)], &["Encounter"]),
    leads("Condition", "asserter", &[("asserter", Holds::Reference)], &["Practitioner"]),
    row("Encounter", "status", Kind::Token, &[("status", Holds::Word)]),
    row("Encounter", "class", Kind::Token, &[("class", Holds::Coding)]),
    row("Encounter", "type", Kind::Token, &[("type", Holds::Concept)]),
    row("Encounter", "date", Kind::Date, &[("period", Holds::Period)]),
    leads("Encounter", "subject", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Encounter", "patient", &[("subject", Holds::Reference)], &["Patient"]),
    leads("Encounter", "part-of", &[("partOf", Holds::Reference)], &["Encounter"]),
    leads("Encounter", "practitioner", &[("participant.individual", Holds::Reference)], &["Practitioner"]),
    row("CareTeam", "status", Kind::Token, &[("status", Holds::Word)]),
    leads("CareTeam", "patient", &[("subject", Holds::Reference)], &["Patient"]),
    leads("CareTeam", "subject", &[("subject", Holds::Reference)], &["Patient"]),
    leads("CareTeam", "participant", &[("participant.member", Holds::Reference)], &["Practitioner"]),
    row("Practitioner", "active", Kind::Token, &[("active", Holds::Flag)]),
    row("Practitioner", "family", Kind::Text, &[("name.family", Holds::Line)]),
    row("Practitioner", "identifier", Kind::Token, &[("identifier", Holds::Identifier)]),
    row("RiskAssessment", "probability", Kind::Number, &[("prediction.probabilityDecimal", Holds::Decimal)]),
    leads("RiskAssessment", "subject", &[("subject", Holds::Reference)], &["Patient"]),
    leads("RiskAssessment", "patient", &[("subject", Holds::Reference)], &["Patient"]),
    leads("RiskAssessment", "condition", &[("condition", Holds::Reference)], &["Condition"]),
    leads("RiskAssessment", "performer", &[("performer", Holds::Reference)], &["Practitioner"]),
];

pub fn find(of: &str, code: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| (row.of == of || row.of == "*") && row.code == code)
}

pub fn all(of: &str) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| row.of == of || row.of == "*").collect()
}

impl Row {
    /// The simple elements it looks at, as dotted paths.
    pub fn reads(&self) -> Vec<String> {
        let inside = |holds| -> &'static [&'static str] {
            match holds {
                Holds::Concept => &["coding.system", "coding.code"],
                Holds::Coding => &["system", "code"],
                Holds::Identifier => &["system", "value"],
                Holds::Name => &["family", "given", "text", "prefix", "suffix"],
                Holds::Period => &["start", "end"],
                Holds::Reference => &["reference"],
                Holds::Quantity => &["value", "comparator", "unit", "system", "code"],
                Holds::Word | Holds::Flag | Holds::Line | Holds::Moment | Holds::Decimal | Holds::Uri => &[],
            }
        };
        let mut reads = Vec::new();
        for (place, holds) in self.places {
            match inside(*holds) {
                [] => reads.push((*place).to_owned()),
                parts => reads.extend(parts.iter().map(|part| format!("{place}.{part}"))),
            }
        }
        reads
    }
}
