//! The R4 element table, read again with code of its own.

use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Element {
    /// `value[x]` for `valueString`.
    pub defined: String,
    pub many: bool,
    pub mandatory: bool,
    pub summary: bool,
    pub of: String,
}

#[derive(Default)]
pub struct Table {
    types: BTreeMap<String, BTreeMap<String, Element>>,
}

pub fn is_number(of: &str) -> bool {
    ["decimal", "integer", "positiveInt", "unsignedInt"].contains(&of)
}

pub fn is_simple(of: &str) -> bool {
    of.starts_with(|first: char| first.is_ascii_lowercase())
}

impl Table {
    pub fn r4() -> Self {
        let mut table = Self::default();
        let mut owner = "Element".to_owned();
        table.add(&owner, "id", "?", "string");
        table.add(&owner, "extension", "*", "Extension");
        for line in include_str!("../../tables/elements.txt").lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["", name, card, of, ..] = words[..] {
                for of in of.split('|') {
                    table.add(&owner, name, card, of).summary = words.get(4) == Some(&"s");
                }
                continue;
            }
            owner = words[1].to_owned();
            let is_resource = words[0] == "domain" || words[0] == "resource";
            table.add(&owner, "id", "?", "string").summary = is_resource;
            if is_resource {
                table.add(&owner, "meta", "?", "Meta");
                table.add(&owner, "implicitRules", "?", "uri");
                table.add(&owner, "language", "?", "code");
            }
            if words[0] == "domain" {
                table.add(&owner, "text", "?", "Narrative");
                table.add(&owner, "contained", "*", "Resource");
            }
            if words[0] != "resource" {
                table.add(&owner, "extension", "*", "Extension");
            }
            if words[0] == "domain" || words[0] == "backbone" {
                table.add(&owner, "modifierExtension", "*", "Extension");
            }
        }
        table
    }

    fn add(&mut self, owner: &str, defined: &str, card: &str, of: &str) -> &mut Element {
        let of = of.trim_start_matches('@');
        let concrete = match defined.strip_suffix("[x]") {
            Some(stem) => format!("{stem}{}{}", of[..1].to_uppercase(), &of[1..]),
            None => defined.to_owned(),
        };
        let element = Element {
            defined: defined.to_owned(),
            many: card == "*" || card == "+",
            mandatory: card == "!" || card == "+",
            summary: of == "Meta" || defined == "implicitRules" || defined == "modifierExtension",
            of: of.to_owned(),
        };
        let elements = self.types.entry(owner.to_owned()).or_default();
        elements.insert(concrete.clone(), element);
        elements.get_mut(&concrete).expect("just put there")
    }

    pub fn element(&self, owner: &str, name: &str) -> Option<&Element> {
        self.types.get(owner)?.get(name)
    }

    pub fn elements(&self, owner: &str) -> Vec<(&String, &Element)> {
        self.types.get(owner).into_iter().flatten().collect()
    }
}
