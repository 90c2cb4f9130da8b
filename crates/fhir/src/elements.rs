//! The elements of every R4 type: names, cardinality and what they hold. Read from the table `tables/elements.txt`,
//! which names its source and licence.

use crate::by_name::ByName;
use std::collections::HashMap;

static TABLE: &str = include_str!("../tables/elements.txt");

/// Index of a type in [`Elements`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TypeId(usize);

/// What an element holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holds {
    Text,
    /// `Reference.reference`: text, shown as far as it leads to one of ours.
    Literal,
    /// `Attachment.url`: text, shown only if it is relative.
    Link,
    Number,
    Boolean,
    Complex(TypeId),
    /// A resource of its own (`contained`, `Bundle.entry.resource`): never walked as a part of another.
    Resource,
}

/// One element under its concrete JSON name: of `value[x]` there is one for each type it may have.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// Its name in the definitions, `value[x]` for a choice.
    pub(crate) defined: &'static str,
    pub(crate) many: bool,
    /// R4 demands it where what it belongs to is there.
    pub(crate) mandatory: bool,
    /// Part of a summary (<https://hl7.org/fhir/R4/search.html#summary>).
    pub(crate) summary: bool,
    pub(crate) holds: Holds,
    /// Shown only if a group names it: what repeats or smuggles what stands elsewhere.
    pub(crate) tacit: bool,
}

#[derive(Debug)]
pub(crate) struct Type {
    pub(crate) name: &'static str,
    /// By concrete JSON name.
    pub(crate) elements: ByName<Element>,
}

impl Type {
    pub(crate) fn element(&self, name: impl AsRef<[u8]>) -> Option<&Element> {
        self.elements.get(name.as_ref())
    }
}

#[derive(Debug)]
pub(crate) struct Elements {
    types: Vec<Type>,
    by_name: HashMap<&'static str, TypeId>,
    /// Of a type that does not exist.
    nothing: Type,
}

/// The committed table is broken: a line of it, by number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the table of R4 elements is broken at line {line}")]
pub(crate) struct TableError {
    line: usize,
}

/// One element line of the table, before its types are known.
struct Row {
    owner: usize,
    line: usize,
    name: &'static str,
    many: bool,
    mandatory: bool,
    summary: bool,
    types: &'static str,
}

impl Elements {
    pub(crate) fn r4() -> Result<Self, TableError> {
        Self::read(TABLE)
    }

    fn read(table: &'static str) -> Result<Self, TableError> {
        let mut types: Vec<(&'static str, Vec<(String, Element)>)> = vec![("Element", Vec::new())];
        let mut by_name = HashMap::from([("Element", TypeId(0))]);
        let mut rows = vec![
            Row { owner: 0, line: 0, name: "id", many: false, mandatory: false, summary: false, types: "string" },
            Row {
                owner: 0,
                line: 0,
                name: "extension",
                many: true,
                mandatory: false,
                summary: false,
                types: "Extension",
            },
        ];
        for (at, text) in table.lines().enumerate() {
            let line = at + 1;
            let owner = types.len() - 1;
            let words: Vec<&'static str> = text.split_ascii_whitespace().collect();
            match (text.starts_with(' '), words.as_slice()) {
                (_, []) | (false, ["#", ..]) => {}
                (false, [base, name]) => {
                    by_name.insert(name, TypeId(types.len()));
                    rows.extend(inherited(base).ok_or(TableError { line })?.iter().map(|&(name, many, held)| Row {
                        owner: owner + 1,
                        line,
                        name,
                        many,
                        mandatory: false,
                        summary: in_summary(base, name),
                        types: held,
                    }));
                    types.push((name, Vec::new()));
                }
                (true, [name, card @ ("?" | "!" | "*" | "+"), held, rest @ ..]) if matches!(rest, [] | ["s"]) => {
                    let (many, mandatory) = (matches!(*card, "*" | "+"), matches!(*card, "!" | "+"));
                    rows.push(Row { owner, line, name, many, mandatory, summary: !rest.is_empty(), types: held });
                }
                _ => return Err(TableError { line }),
            }
        }
        for row in rows {
            let error = TableError { line: row.line };
            let (owner, elements) = types.get_mut(row.owner).ok_or(error)?;
            for held in row.types.split('|') {
                let Some(holds) = holds((owner, row.name), held, &by_name) else {
                    return Err(TableError { line: row.line });
                };
                let name = concrete(row.name, held);
                let tacit = is_tacit(owner, row.name);
                let Row { name: defined, many, mandatory, summary, .. } = row;
                let element = Element { name: name.clone(), defined, many, mandatory, summary, holds, tacit };
                elements.push((name, element));
            }
        }
        let finish = |(name, elements): (_, Vec<_>)| Type { name, elements: elements.into_iter().collect() };
        Ok(Self { types: types.into_iter().map(finish).collect(), by_name, nothing: finish(("", Vec::new())) })
    }

    pub(crate) fn named(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn of(&self, id: TypeId) -> &Type {
        self.types.get(id.0).unwrap_or(&self.nothing)
    }

    /// What a `_name` member holds: an element with nothing but an id and extensions.
    pub(crate) const fn aside() -> TypeId {
        TypeId(0)
    }
}

type Inherited = [(&'static str, bool, &'static str)];

fn inherited(base: &str) -> Option<&'static Inherited> {
    const DOMAIN: &Inherited = &[
        ("id", false, "id"),
        ("meta", false, "Meta"),
        ("implicitRules", false, "uri"),
        ("language", false, "code"),
        ("text", false, "Narrative"),
        ("contained", true, "Resource"),
        ("extension", true, "Extension"),
        ("modifierExtension", true, "Extension"),
    ];
    const BACKBONE: &Inherited =
        &[("id", false, "string"), ("extension", true, "Extension"), ("modifierExtension", true, "Extension")];
    match base {
        "domain" => Some(DOMAIN),
        "resource" => DOMAIN.get(..4),
        "backbone" => Some(BACKBONE),
        "element" => BACKBONE.get(..2),
        _ => None,
    }
}

/// Of what is inherited: the id of a resource, and what can change the meaning of the rest.
fn in_summary(base: &str, name: &str) -> bool {
    matches!((base, name), ("domain" | "resource", "id") | (_, "meta" | "implicitRules" | "modifierExtension"))
}

/// `value[x]` of type `dateTime` is `valueDateTime` in JSON.
fn concrete(name: &str, held: &str) -> String {
    let Some(stem) = name.strip_suffix("[x]") else { return name.to_owned() };
    let mut letters = held.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    stem.chars().chain(first).chain(letters).collect()
}

fn holds(element: (&str, &str), held: &str, by_name: &HashMap<&'static str, TypeId>) -> Option<Holds> {
    match element {
        ("Reference", "reference") => return Some(Holds::Literal),
        ("Attachment", "url") => return Some(Holds::Link),
        _ => {}
    }
    Some(match held {
        "boolean" => Holds::Boolean,
        "decimal" | "integer" | "positiveInt" | "unsignedInt" => Holds::Number,
        "base64Binary" | "canonical" | "code" | "date" | "dateTime" | "id" | "instant" | "markdown" | "oid"
        | "string" | "time" | "uri" | "url" | "uuid" | "xhtml" => Holds::Text,
        "Resource" | "OperationOutcome" => Holds::Resource,
        _ => Holds::Complex(*by_name.get(held.strip_prefix('@').unwrap_or(held))?),
    })
}

/// Elements that a whole type does not show: they repeat what was withheld elsewhere, or hold anything at all.
/// `Extension.extension` is content of an extension that was named, and so is all of a `_name` member.
fn is_tacit(owner: &str, name: &str) -> bool {
    match (owner, name) {
        ("Element", _) | ("Extension", "extension") => false,
        ("Reference", "display" | "identifier") | ("Meta", "source") => true,
        (_, name) => matches!(name, "id" | "extension" | "modifierExtension"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexicon::ResourceType;

    fn elements() -> Elements {
        Elements::r4().expect("the committed table reads")
    }

    fn holding(owner: &str, name: &str) -> Option<Holds> {
        let elements = elements();
        elements.of(elements.named(owner)?).element(name).map(|element| element.holds)
    }

    #[test]
    fn every_resource_type_of_r4_has_elements() {
        let elements = elements();
        for resource_type in ResourceType::all() {
            let id = elements.named(resource_type.name());
            assert!(id.is_some_and(|id| elements.of(id).element("meta").is_some()), "{resource_type}");
        }
    }

    /// Against the pages of the specification, not against the table.
    #[test]
    fn facts_of_the_specification_hold() {
        let complex = |name: &str| elements().named(name).map(Holds::Complex);
        assert_eq!(holding("Patient", "birthDate"), Some(Holds::Text));
        assert_eq!(holding("Patient", "contact"), complex("Patient.contact"));
        assert_eq!(holding("Patient", "deceasedBoolean"), Some(Holds::Boolean));
        assert_eq!(holding("Patient", "deceased"), None);
        assert_eq!(holding("Patient", "contained"), Some(Holds::Resource));
        assert_eq!(holding("Observation", "valueQuantity"), complex("Quantity"));
        assert_eq!(holding("Observation", "valueAddress"), None, "Observation.value[x] has no Address");
        assert_eq!(holding("Observation.component", "referenceRange"), complex("Observation.referenceRange"));
        assert_eq!(holding("Quantity", "value"), Some(Holds::Number));
        assert_eq!(holding("Reference", "reference"), Some(Holds::Literal));
        assert_eq!(holding("Attachment", "url"), Some(Holds::Link));
        assert_eq!(holding("Timing.repeat", "boundsPeriod"), complex("Period"));
        assert_eq!(holding("Bundle", "text"), None, "a Bundle is no DomainResource");
        assert_eq!(holding("Extension", "valueBase64Binary"), Some(Holds::Text));
        assert_eq!(holding("Dosage", "modifierExtension"), complex("Extension"));
        assert_eq!(holding("HumanName", "modifierExtension"), None);
    }

    /// Against the pages of the specification, not against the table.
    #[test]
    fn summaries_and_mandatory_elements_are_those_of_the_specification() {
        let elements = elements();
        let said = |owner: &str, name: &str| {
            let element = elements.of(elements.named(owner).expect("of R4")).element(name).expect("of R4");
            (element.summary, element.mandatory)
        };
        for (owner, name, summary, mandatory) in [
            ("Patient", "id", true, false),
            ("Patient", "meta", true, false),
            ("Patient", "implicitRules", true, false),
            ("Patient", "language", false, false),
            ("Patient", "text", false, false),
            ("Patient", "modifierExtension", true, false),
            ("Patient", "birthDate", true, false),
            ("Patient", "photo", false, false),
            ("Patient", "contact", false, false),
            ("Patient.link", "other", true, true),
            ("Observation", "status", true, true),
            ("Observation", "code", true, true),
            ("Observation", "valueQuantity", true, false),
            ("Observation", "note", false, false),
            ("Observation.component", "valueString", true, false),
            ("Observation.component", "interpretation", false, false),
            ("Attachment", "data", false, false),
            ("Attachment", "url", true, false),
            ("HumanName", "id", false, false),
            ("Extension", "url", false, true),
        ] {
            assert_eq!(said(owner, name), (summary, mandatory), "{owner}.{name}");
        }
    }

    #[test]
    fn a_broken_table_names_its_line() {
        for (table, line) in [
            ("# fine\nelement Extension\n name ? Nowhere", 3),
            ("element Extension\n name x string", 2),
            ("thing A", 1),
            ("element Extension\n name ?", 2),
            ("element Extension\n name ? string x", 2),
            ("element Extension\n name ? string s s", 2),
        ] {
            assert_eq!(Elements::read(table).err(), Some(TableError { line }), "{table}");
        }
    }
}
