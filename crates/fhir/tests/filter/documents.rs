//! Makes resources by the R4 table, with the wrong shapes and hidden places that a careless filter gets wrong.

use crate::dice::Dice;
use crate::table::{Table, is_number, is_simple};
use crate::tree::Tree;

const TEXTS: &[&str] = &[
    "",
    "N",
    "final",
    "2024-02-29",
    "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "Patient/p001",
    "https://up.example/r4/Patient/p001",
    "https://up.example/r4/Patient/p001/_history/2",
    "https://up.example/r4/Patient",
    "https://other.example/r4/Patient/p001",
    "urn:uuid:6c1e1b1c-4b0e-4f3c-9d7e-0c8f6a1d2b3a",
    "//other.example/Patient/p001",
    "#contained",
    "Zoë 👩‍⚕️",
    "a \"quote\" and a \\ backslash\\",
    "{\"not\":[\"structure\"]}",
    "line\nbreak\tand\u{1}control",
    "\u{2028}\u{7f}\u{fffd}",
    "\\u0041\\",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "6.30",
    "1.00",
    "1.00E-3",
    "123456789012345678.90",
    "1e400",
    "-1.5e+10",
    "99999999999999999999999",
];
/// Names that R4 does not have at most places, and some it has elsewhere.
const STRANGE: &[&str] = &[
    "BirthDate",
    "birthdate",
    "birthDate ",
    "text",
    "contained",
    "extension",
    "modifierExtension",
    "display",
    "id",
    "_id",
    "__proto__",
    "resourceType",
    "value",
    "value[x]",
    "valueNothing",
    "valueString",
    "fhir_comments",
    "identifier",
    "",
    "naïve",
    "source",
    "implicitRules",
    "resource",
    "_",
    "__birthDate",
];
pub const TYPES: &[&str] = &[
    "Patient",
    "Patient",
    "Observation",
    "Observation",
    "Condition",
    "Encounter",
    "MedicationRequest",
    "AllergyIntolerance",
    "Coverage",
    "CareTeam",
    "Practitioner",
    "Organization",
    "Appointment",
    "Bundle",
    "Binary",
    "Parameters",
    "Provenance",
    "Questionnaire",
    "Timing",
];

pub struct Maker<'a> {
    pub table: &'a Table,
    pub dice: Dice,
    /// How often something is made wrong: once in so many places.
    pub care: usize,
}

impl Maker<'_> {
    pub fn resource(&mut self) -> Tree {
        let of_type = *self.dice.pick(TYPES);
        let Tree::Object(mut members) = self.object(of_type, 0) else { panic!("an object") };
        let at = self.dice.below(members.len() + 1);
        let of_type = if self.dice.one_in(60) { "Pacient" } else { of_type };
        members.insert(at, ("resourceType".to_owned(), Tree::Text(of_type.to_owned())));
        if self.dice.one_in(self.care * 3) {
            members.push(("resourceType".to_owned(), Tree::Text("Patient".to_owned())));
        }
        Tree::Object(members)
    }

    fn object(&mut self, of: &str, depth: usize) -> Tree {
        let elements = self.table.elements(of);
        let mut members: Vec<(String, Tree)> = Vec::new();
        let many = if depth == 0 { 3 + self.dice.below(9) } else { 1 + self.dice.below(3) };
        for _ in 0..many.min(elements.len()) {
            let (name, element) = *self.dice.pick(&elements);
            if members.iter().any(|(known, _)| known == name) && !self.dice.one_in(self.care * 20) {
                continue;
            }
            let of = element.of.clone();
            let value = if element.many { self.array(&of, depth + 1) } else { self.value(&of, depth + 1) };
            if is_simple(&of) && self.dice.one_in(6) {
                let aside = self.aside(&value, depth + 1);
                let at = self.dice.below(members.len() + 1);
                if !members.iter().any(|(known, _)| known.strip_prefix('_') == Some(name)) {
                    members.insert(at, (format!("_{name}"), aside));
                }
            }
            members.push((name.clone(), value));
        }
        if self.dice.one_in(self.care) {
            let name = (*self.dice.pick(STRANGE)).to_owned();
            if !members.iter().any(|(known, _)| *known == name) || self.dice.one_in(10) {
                let value = self.strange(depth + 1);
                let at = self.dice.below(members.len() + 1);
                members.insert(at, (name, value));
            }
        }
        Tree::Object(members)
    }

    fn array(&mut self, of: &str, depth: usize) -> Tree {
        if self.dice.one_in(self.care * 2) {
            return self.value(of, depth);
        }
        let items = 1 + self.dice.below(3);
        Tree::Array((0..items).map(|_| self.value(of, depth)).collect())
    }

    fn value(&mut self, of: &str, depth: usize) -> Tree {
        if self.dice.one_in(self.care * 2) {
            return self.strange(depth);
        }
        if of == "boolean" {
            Tree::Boolean(self.dice.one_in(2))
        } else if is_number(of) {
            Tree::Number((*self.dice.pick(NUMBERS)).to_owned())
        } else if of == "Resource" || of == "OperationOutcome" {
            let Tree::Object(mut members) = self.object("Patient", depth.max(3)) else { panic!("an object") };
            members.push(("resourceType".to_owned(), Tree::Text("Patient".to_owned())));
            Tree::Object(members)
        } else if is_simple(of) {
            Tree::Text((*self.dice.pick(TEXTS)).to_owned())
        } else if depth > 4 {
            Tree::Object(Vec::new())
        } else {
            self.object(of, depth)
        }
    }

    /// The `_name` of a simple element; for an array mostly aligned.
    fn aside(&mut self, value: &Tree, depth: usize) -> Tree {
        match value {
            Tree::Array(items) => {
                let count = if self.dice.one_in(5) { 1 + self.dice.below(4) } else { items.len() };
                let half = |maker: &mut Self| {
                    if maker.dice.one_in(2) { Tree::Null } else { maker.value("Element", depth) }
                };
                Tree::Array((0..count).map(|_| half(self)).collect())
            }
            _ => self.value("Element", depth),
        }
    }

    /// Something of the wrong shape.
    fn strange(&mut self, depth: usize) -> Tree {
        match self.dice.below(12) {
            0 => Tree::Null,
            1 => Tree::Object(Vec::new()),
            2 => Tree::Array(Vec::new()),
            3 => Tree::Array(vec![Tree::Array(vec![Tree::Text("nested".to_owned())])]),
            4 => Tree::Array(vec![Tree::Null, Tree::Text("x".to_owned()), Tree::Null]),
            5 => Tree::Boolean(true),
            6 => Tree::Number((*self.dice.pick(NUMBERS)).to_owned()),
            7 => (0..3 + self.dice.below(5)).fold(Tree::Text("nest".to_owned()), |inner, _| {
                let members = [("url", Tree::Text("u".to_owned())), ("extension", Tree::Array(vec![inner]))];
                Tree::Object(members.map(|(name, value)| (name.to_owned(), value)).to_vec())
            }),
            8 if depth < 6 => self.object("Patient", depth),
            9 if depth < 6 => self.object("Reference", depth),
            10 => {
                let tag =
                    [("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"), ("code", "SUBSETTED")];
                Tree::Array(vec![Tree::Object(
                    tag.map(|(name, text)| (name.to_owned(), Tree::Text(text.to_owned()))).to_vec(),
                )])
            }
            _ => Tree::Text((*self.dice.pick(TEXTS)).to_owned()),
        }
    }

    /// Writes a document: white space, escapes where none are needed, now and then an escaped name.
    pub fn write(&mut self, tree: &Tree) -> Vec<u8> {
        let spacing = *self.dice.pick(&[0, 0, 3, 1]);
        let mut out = Vec::new();
        self.write_value(tree, spacing, &mut out);
        self.space(spacing, &mut out);
        out
    }

    fn space(&mut self, spacing: usize, out: &mut Vec<u8>) {
        if spacing > 0 && self.dice.one_in(spacing) {
            out.extend_from_slice(self.dice.pick(&[" ", "\n", "\n    ", "\t", "\r\n", "  "]).as_bytes());
        }
    }

    fn write_value(&mut self, tree: &Tree, spacing: usize, out: &mut Vec<u8>) {
        self.space(spacing, out);
        match tree {
            Tree::Null => out.extend_from_slice(b"null"),
            Tree::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Tree::Number(text) => out.extend_from_slice(text.as_bytes()),
            Tree::Text(text) => {
                let always = self.dice.one_in(12);
                self.write_string(text, always, out);
            }
            Tree::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b"," } else { b"" });
                    self.write_value(item, spacing, out);
                }
                self.space(spacing, out);
                out.push(b']');
            }
            Tree::Object(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b"," } else { b"" });
                    self.space(spacing, out);
                    let always = self.dice.one_in(self.care * 60);
                    self.write_string(name, always, out);
                    self.space(spacing, out);
                    out.push(b':');
                    self.write_value(value, spacing, out);
                }
                self.space(spacing, out);
                out.push(b'}');
            }
        }
    }

    fn write_string(&mut self, text: &str, escape: bool, out: &mut Vec<u8>) {
        out.push(b'"');
        for character in text.chars() {
            let mut units = [0; 2];
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '/' if escape => out.extend_from_slice(b"\\/"),
                _ if character < ' ' || (escape && self.dice.one_in(2)) => {
                    for unit in character.encode_utf16(&mut units) {
                        out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                    }
                }
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.push(b'"');
    }
}

/// Breaks the bytes of a document, mostly.
pub fn mutate(dice: &mut Dice, document: &mut Vec<u8>) {
    const PIECES: &[&[u8]] = &[
        b"\"",
        b"\\",
        b",",
        b"}",
        b"{",
        b"]",
        b"[",
        b":",
        b"\\u0061",
        b"\\ud800",
        b"\\x",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\0",
        b"\x1f",
        b"\n",
        b" ",
        b"NaN",
        b"Infinity",
        b"-",
        b"01",
        b"1.",
        b"/* c */",
        b"// c\n",
        b"'",
        b"\xef\xbb\xbf",
        b"null",
        b"true",
        b"\"a\":1,",
        b"\"id\":\"x\",",
        b"\"resourceType\":\"Patient\",",
        b",\"\\u0069d\":1",
        b"\xf0\x9f\x98",
        b"\"birthDate\":\"1970\",",
        b"{}",
        b"[]",
        b"\xe2\x80\xa8",
        b"\x0b",
        b"\xa0",
    ];
    let at = dice.below(document.len() + 1);
    match dice.below(9) {
        0 => document.truncate(at),
        1 | 2 => drop(document.splice(at..at, dice.pick(PIECES).iter().copied())),
        3 if at < document.len() => document[at] = dice.pick(PIECES)[0],
        4 if at < document.len() => document[at] ^= 1 << dice.below(8),
        5 => {
            let end = (at + 1 + dice.below(12)).min(document.len());
            document.drain(at..end);
        }
        6 => {
            let end = (at + 1 + dice.below(40)).min(document.len());
            let copy = document[at..end].to_vec();
            drop(document.splice(at..at, copy));
        }
        7 => {
            let depth = 55 + dice.below(20);
            let (open, close) = if dice.one_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
            let bomb = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let value = document.iter().position(|byte| *byte == b':').map_or(at, |colon| colon + 1);
            let end = (value + 1 + dice.below(8)).min(document.len());
            drop(
                document.splice(value..if dice.one_in(2) { value } else { end }, format!("{bomb},\"z\":").into_bytes()),
            );
        }
        _ => {
            let at = dice.below(PIECES.len());
            document.extend_from_slice(PIECES[at]);
        }
    }
}
