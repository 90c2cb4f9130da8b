//! Documents for the lemma, and what is changed in them.

use crate::elements::{Elements, Holds, TypeId};
use crate::parameter::Path;
use lexicon::ResourceType;
use serde_json::{Map, Value, json};

/// A small source of choices, so that one number makes one document.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const TEXTS: &[&str] = &[
    "a",
    "A",
    "a b",
    "Patient/a",
    "Patient/p1",
    "Group/a",
    "Patient/a/_history/1",
    "https://up.example/r4/Patient/a",
    "https://other/Patient/a",
    "#a",
    "urn:uuid:a",
    "Patient",
    "Group",
    "nonsense",
    "2024",
    "2023-12-31",
    "2024-01-01T10:00:00Z",
    "http://x",
    "http://x|1",
    "true",
    "<",
    ">=",
    "phone",
    "email",
    "depends-on",
    "composed-of",
    "mg",
    "EUR",
    "",
    "É",
];
const NUMBERS: &[&str] = &["1", "1.00", "0", "5", "-1", "1e2", "0.95"];
/// Makes documents that have something at the paths read, often in a wrong shape, and much beside it.
pub(super) struct Maker<'a> {
    pub(super) elements: &'a Elements,
    pub(super) dice: Dice,
}

impl Maker<'_> {
    pub(super) fn resource(&mut self, of: ResourceType, reads: &[Path]) -> Value {
        let paths: Vec<&[&str]> = reads.iter().map(Vec::as_slice).collect();
        let mut members = Map::from_iter([("resourceType".to_owned(), json!(of.name()))]);
        self.members(self.elements.named(of.name()).unwrap(), &paths, &mut members);
        Value::Object(members)
    }

    fn members(&mut self, of: TypeId, paths: &[&[&str]], members: &mut Map<String, Value>) {
        for path in paths {
            let Some((name, _)) = path.split_first() else { continue };
            if members.contains_key(*name) || self.dice.one_in(6) {
                continue;
            }
            let below: Vec<&[&str]> = paths.iter().filter(|path| path[0] == *name).map(|path| &path[1..]).collect();
            let element = self.elements.of(of).element(name).unwrap_or_else(|| panic!("{path:?}"));
            let value = self.array_or_not(element.many, |maker| maker.one(element.holds, &below));
            members.insert((*name).to_owned(), value);
        }
        for name in [
            "id",
            "text",
            "display",
            "extension",
            "identifier",
            "type",
            "contained",
            "value",
            "comparator",
            "modifierExtension",
        ] {
            if self.dice.one_in(8)
                && !members.contains_key(name)
                && !paths.iter().any(|path| path.first() == Some(&name))
            {
                members.insert(name.to_owned(), self.anything());
            }
        }
        self.deciding(paths, members);
    }

    /// What by its value alone would decide whether its neighbours count.
    fn deciding(&mut self, paths: &[&[&str]], members: &mut Map<String, Value>) {
        for (name, values) in [("system", ["phone", "email"]), ("type", ["depends-on", "Patient"])] {
            if self.dice.one_in(3) && !paths.iter().any(|path| path.first() == Some(&name)) {
                members.insert(name.to_owned(), json!(self.dice.pick(&values)));
            }
        }
    }

    fn array_or_not(&mut self, many: bool, mut make: impl FnMut(&mut Self) -> Value) -> Value {
        let is_wrong = self.dice.one_in(10);
        if many != is_wrong {
            let length = 1 + self.dice.below(2);
            (0..length).map(|_| if self.dice.one_in(20) { json!([make(self)]) } else { make(self) }).collect()
        } else {
            make(self)
        }
    }

    fn one(&mut self, holds: Holds, below: &[&[&str]]) -> Value {
        if self.dice.one_in(12) {
            return self.anything();
        }
        match holds {
            Holds::Complex(inner) => {
                let mut members = Map::new();
                self.members(inner, below, &mut members);
                Value::Object(members)
            }
            Holds::Number => serde_json::from_str(self.dice.pick(NUMBERS)).unwrap(),
            Holds::Boolean => json!(self.dice.one_in(2)),
            Holds::Text | Holds::Literal | Holds::Link | Holds::Resource => json!(self.dice.pick(TEXTS)),
        }
    }

    fn anything(&mut self) -> Value {
        match self.dice.below(7) {
            0 => Value::Null,
            1 => json!(self.dice.one_in(2)),
            2 => serde_json::from_str(self.dice.pick(NUMBERS)).unwrap(),
            3 => json!({ "system": "http://x", "value": self.dice.pick(TEXTS), "code": "a", "reference": "Patient/a" }),
            4 => json!([self.dice.pick(TEXTS)]),
            5 => json!({ "id": "a", "resourceType": self.dice.pick(&["Patient", "Group"]) }),
            _ => json!(self.dice.pick(TEXTS)),
        }
    }

    /// Replaces, removes and adds members outside the paths read; what is at and above them stays.
    pub(super) fn disturb(&mut self, value: &mut Value, paths: &[&[&str]]) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.disturb(item, paths)),
            Value::Object(members) => {
                let names: Vec<String> = members.keys().filter(|name| *name != "resourceType").cloned().collect();
                for name in names {
                    let below: Vec<&[&str]> = paths
                        .iter()
                        .filter(|path| path.first() == Some(&name.as_str()))
                        .map(|path| &path[1..])
                        .collect();
                    if below.is_empty() && self.dice.one_in(2) {
                        members.remove(&name);
                    } else if below.is_empty() {
                        members.insert(name, self.anything());
                    } else if !below.iter().any(|path| path.is_empty()) {
                        self.disturb(&mut members[&name], &below);
                    }
                }
                self.deciding(paths, members);
                for name in ["note", "display", "extension", "contained", "identifier", "comparator", "text"] {
                    if self.dice.one_in(4) && !paths.iter().any(|path| path.first() == Some(&name)) {
                        members.insert(name.to_owned(), self.anything());
                    }
                }
            }
            _ => {}
        }
    }
}
