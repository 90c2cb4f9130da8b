//! What a caller asks: one request, or the page after the one just seen. As text, so that the model and the gateway read
//! the same.

use crate::{
    dice::Dice,
    table::{Kind, Row, TYPES, all},
    world::World,
};
use serde_json::Value;
use std::fmt;

#[derive(Clone, PartialEq)]
pub enum Ask {
    Read {
        of: &'static str,
        id: String,
        version: Option<String>,
        with: Vec<(String, String)>,
        manner: Manner,
    },
    History {
        of: &'static str,
        id: String,
        with: Vec<(String, String)>,
    },
    Search {
        of: &'static str,
        within: Option<String>,
        with: Vec<(String, String)>,
        manner: Manner,
    },
    /// The `next` link of the last answer, if it had one.
    Follow,
    /// A request line as it stands.
    Raw(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    Get,
    Head,
    /// A form, for a search.
    Post,
    /// With the validator of the last answer in `If-None-Match`.
    IfChanged,
    /// With a validator that an upstream would have made: `W/"number"`.
    IfNotNumber,
}

/// Request lines that are no requests, or not answered ones.
const LINES: [&str; 18] = [
    "GET /Patient?birthdate=yesterday",
    "GET /Patient?name:in=urn:x",
    "GET /Patient?nonsense=1",
    "GET /Patient?_count=-1",
    "GET /Patient?_sort=nonsense",
    "GET /Observation?subject.nonsense=1",
    "GET /Observation?_include=*",
    "GET /Observation?_has:nonsense",
    "GET /Patient?_page=AAAA",
    "GET /Patient?_filter=name%20eq%20x",
    "GET /Patient/_history",
    "GET /?_type=Patient",
    "GET /Patient/p1/$everything",
    "GET /Patient/p1/_history/1/x",
    "GET /Nonsense",
    "GET /Patient?%67ender=male",
    "GET /Patient?gender=%ZZ",
    "GET /Patient?name=a&name:contains=b",
];

/// A request as it goes out.
pub struct Sent {
    pub method: &'static str,
    pub path: String,
    pub form: Option<String>,
    pub if_none_match: Option<String>,
}

/// What was remembered of the answers so far.
#[derive(Clone, Default)]
pub struct Memory {
    pub next: Option<String>,
    pub validator: Option<String>,
}

impl Ask {
    /// None if there is nothing to follow.
    pub fn sent(&self, memory: &Memory) -> Option<Sent> {
        let line = |method, path, form| Sent { method, path, form, if_none_match: None };
        Some(match self {
            Self::Read { of, id, version, with, manner } => {
                let version = version.as_ref().map_or_else(String::new, |number| format!("/_history/{number}"));
                let mut sent = line(manner.method(), format!("/{of}/{id}{version}{}", query(with)), None);
                sent.if_none_match = manner.validator(memory);
                sent
            }
            Self::History { of, id, with } => line("GET", format!("/{of}/{id}/_history{}", query(with)), None),
            Self::Search { of, within, with, manner } => {
                let path = within.as_ref().map_or_else(|| format!("/{of}"), |id| format!("/Patient/{id}/{of}"));
                match manner {
                    Manner::Post => {
                        let form = query(with).trim_start_matches('?').to_owned();
                        line("POST", format!("{path}/_search"), Some(form))
                    }
                    _ => {
                        let mut sent = line(manner.method(), format!("{path}{}", query(with)), None);
                        sent.if_none_match = manner.validator(memory);
                        sent
                    }
                }
            }
            Self::Follow => line("GET", memory.next.clone()?, None),
            Self::Raw(text) => {
                let (method, path) = text.split_once(' ').expect("a method and a path");
                line(method, path.to_owned(), None)
            }
        })
    }

    pub fn parameters(&self) -> Option<&Vec<(String, String)>> {
        match self {
            Self::Read { with, .. } | Self::History { with, .. } | Self::Search { with, .. } => Some(with),
            Self::Follow | Self::Raw(_) => None,
        }
    }

    pub fn parameters_mut(&mut self) -> Option<&mut Vec<(String, String)>> {
        match self {
            Self::Read { with, .. } | Self::History { with, .. } | Self::Search { with, .. } => Some(with),
            Self::Follow | Self::Raw(_) => None,
        }
    }
}

impl Manner {
    fn method(self) -> &'static str {
        if self == Self::Head { "HEAD" } else { "GET" }
    }

    fn validator(self, memory: &Memory) -> Option<String> {
        match self {
            Self::IfChanged => memory.validator.clone(),
            Self::IfNotNumber => Some("W/\"2\"".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Sent { method, path, form, if_none_match }) = self.sent(&Memory::default()) else {
            return f.write_str("(follow the link `next`)");
        };
        let form = form.map_or_else(String::new, |form| format!(" with `{form}`"));
        let manner = match self {
            Self::Read { manner, .. } | Self::Search { manner, .. } if *manner == Manner::IfChanged => " if changed",
            _ => "",
        };
        let validator = if_none_match.map_or_else(String::new, |of| format!(" if-none-match {of}"));
        write!(f, "{method} {path}{form}{manner}{validator}")
    }
}

fn query(with: &[(String, String)]) -> String {
    let pairs: Vec<String> = with.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/$,".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Makes requests that look for what stands in either of two worlds, hidden or not.
pub struct Asker<'a> {
    pub dice: Dice,
    pub worlds: [&'a World; 2],
    /// What differs between them: half of the questions are about it.
    pub focus: Vec<(&'static str, String)>,
}

impl Asker<'_> {
    pub fn sequence(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for _ in 0..1 + self.dice.below(4) {
            asks.push(self.ask());
            if self.dice.chance(30) {
                asks.extend(std::iter::repeat_n(Ask::Follow, 1 + self.dice.below(3)));
            }
            if self.dice.chance(10)
                && let Some(Ask::Read { of, id, version, .. }) = asks.last().cloned()
            {
                asks.push(Ask::Read { of, id, version, with: Vec::new(), manner: Manner::IfChanged });
            }
        }
        asks
    }

    fn ask(&mut self) -> Ask {
        let (of, id, number) = self.named();
        match self.dice.below(100) {
            0..12 => {
                let manner = *self.dice.pick(&[Manner::Get, Manner::Get, Manner::Head, Manner::IfNotNumber]);
                let with = self.reading(of);
                Ask::Read { of, id, version: None, with, manner }
            }
            12..18 => Ask::Read { of, id, version: Some(number), with: Vec::new(), manner: Manner::Get },
            18..23 => Ask::History { of, id, with: Vec::new() },
            23..26 => Ask::Raw(self.dice.word(&LINES)),
            _ => self.search(),
        }
    }

    fn reading(&mut self, of: &str) -> Vec<(String, String)> {
        match self.dice.below(10) {
            0 => vec![("_summary".to_owned(), (*self.dice.pick(&["true", "text", "data"])).to_owned())],
            1 => vec![("_elements".to_owned(), self.elements(of))],
            _ => Vec::new(),
        }
    }

    /// Something that stands in one of the worlds, seen or not, or in none.
    fn named(&mut self) -> (&'static str, String, String) {
        let world = self.worlds[self.dice.below(2)];
        if !self.focus.is_empty() && self.dice.chance(60) {
            let (of, id) = self.dice.pick(&self.focus).clone();
            let kept = self.worlds.into_iter().find_map(|world| world.find(of, &id)).expect("in one of them");
            let version = self.dice.pick(&kept.versions);
            return (of, id, version["meta"]["versionId"].as_str().unwrap_or("1").to_owned());
        }
        if world.kept.is_empty() || self.dice.chance(5) {
            return (*self.dice.pick(&TYPES), format!("p{}", self.dice.below(9)), "1".to_owned());
        }
        let kept = self.dice.pick(&world.kept);
        let version = self.dice.pick(&kept.versions);
        let number = version["meta"]["versionId"].as_str().unwrap_or("1").to_owned();
        (kept.of, kept.id.clone(), number)
    }

    fn search(&mut self) -> Ask {
        let mut of = *self.dice.pick(&[
            "Patient",
            "Patient",
            "Observation",
            "Observation",
            "Observation",
            "Condition",
            "Encounter",
            "CareTeam",
            "Practitioner",
            "RiskAssessment",
        ]);
        if !self.focus.is_empty() && self.dice.chance(60) {
            of = self.dice.pick(&self.focus).0;
        }
        let mut with = Vec::new();
        for _ in 0..self.dice.below(3) {
            with.extend(self.condition(of));
        }
        if self.dice.chance(12) {
            with.extend(self.chain(of));
        }
        if self.dice.chance(12) {
            with.extend(self.has(of));
        }
        if self.dice.chance(20) {
            with.extend(self.include(of, "_include"));
        }
        if self.dice.chance(15) {
            with.extend(self.include(of, "_revinclude"));
        }
        if self.dice.chance(20) {
            let sort = *self.dice.pick(&all(of));
            let minus = if self.dice.chance(40) { "-" } else { "" };
            with.push(("_sort".to_owned(), format!("{minus}{}", sort.code)));
        }
        if self.dice.chance(35) {
            with.push(("_count".to_owned(), (1 + self.dice.below(3)).to_string()));
        }
        match self.dice.below(20) {
            0..3 => with.push(("_total".to_owned(), "accurate".to_owned())),
            3 => with.push(("_summary".to_owned(), (*self.dice.pick(&["true", "text", "data"])).to_owned())),
            4 => with.push(("_summary".to_owned(), "count".to_owned())),
            5 => with.push(("_elements".to_owned(), self.elements(of))),
            _ => {}
        }
        unique(&mut with);
        let within = (of != "Practitioner" && self.dice.chance(8)).then(|| format!("p{}", 1 + self.dice.below(4)));
        let within = within.filter(|_| of != "Patient");
        let manner = match self.dice.below(12) {
            0 => Manner::Head,
            1 => Manner::Post,
            2 => Manner::IfChanged,
            _ => Manner::Get,
        };
        Ask::Search { of, within, with, manner }
    }

    fn elements(&mut self, of: &str) -> String {
        let names: Vec<&str> =
            crate::world::elements_of(of).map(|(name, _)| name).filter(|n| !n.contains('[')).collect();
        let chosen = self.dice.some(&names, 30);
        if chosen.is_empty() { "id".to_owned() } else { chosen.join(",") }
    }

    fn condition(&mut self, of: &str) -> Option<(String, String)> {
        let row = *self.dice.pick(&all(of));
        let mut value = self.value(of, row)?;
        if self.dice.chance(15) {
            value = format!("{value},{}", self.value(of, row)?);
        }
        Some(match (row.kind, self.dice.below(10)) {
            (_, 0) => (format!("{}:missing", row.code), self.dice.chance(50).to_string()),
            (Kind::Token, 1..3) if row.code != "_id" => (format!("{}:not", row.code), value),
            (Kind::Text, 1..3) => (format!("{}:exact", row.code), value),
            (Kind::Text, 3..5) => {
                let (at, end) = (usize::from(value.len() > 2), value.find(',').unwrap_or(value.len()));
                (format!("{}:contains", row.code), value.get(at..end).unwrap_or(&value).to_owned())
            }
            (Kind::Date | Kind::Number | Kind::Quantity, 1..7) => {
                let prefix = *self.dice.pick(&["gt", "lt", "ge", "le", "ne", "eq", "sa", "eb"]);
                let prefix = if row.kind == Kind::Date {
                    prefix
                } else {
                    prefix.trim_start_matches("sa").trim_start_matches("eb")
                };
                let first = value.split(',').next().unwrap_or_default();
                (row.code.to_owned(), format!("{prefix}{first}"))
            }
            _ => (row.code.to_owned(), value),
        })
    }

    /// A value that stands in a resource of one of the worlds.
    fn value(&mut self, of: &str, row: &Row) -> Option<String> {
        let world = self.worlds[self.dice.below(2)];
        let found: Vec<&Value> =
            world.kept.iter().filter(|kept| kept.of == of).flat_map(|k| &k.versions).map(|v| &**v).collect();
        if found.is_empty() {
            return None;
        }
        let mut resource = *self.dice.pick(&found);
        let differing: Vec<&Value> = found.iter().copied().filter(|value| self.is_in_focus(of, value)).collect();
        if !differing.is_empty() && self.dice.chance(60) {
            resource = differing[self.dice.below(differing.len())];
        }
        let (place, _) = *self.dice.pick(row.places);
        if row.kind == Kind::Composite {
            let code = self.simple(resource, "code", Kind::Token)?;
            return Some(format!("{code}${}", self.simple(resource, "valueQuantity", Kind::Quantity)?));
        }
        let value = self.simple(resource, place, row.kind)?;
        Some(value)
    }

    fn is_in_focus(&self, of: &str, value: &Value) -> bool {
        self.focus.iter().any(|(of_focus, id)| *of_focus == of && value["id"] == **id)
    }

    fn simple(&mut self, resource: &Value, place: &str, kind: Kind) -> Option<String> {
        let nodes = crate::matching::nodes(resource, place);
        if nodes.is_empty() {
            return None;
        }
        let mut node = *self.dice.pick(&nodes);
        if let Some(coding) = node.get("coding") {
            node = &coding[0];
        }
        let text = |name: &str| node.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(match kind {
            Kind::Token => match (text("system"), text("code").or_else(|| text("value"))) {
                (Some(system), Some(code)) if self.dice.chance(60) => format!("{system}|{code}"),
                (_, Some(code)) => code,
                _ => node.as_str().map(str::to_owned).or_else(|| node.as_bool().map(|flag| flag.to_string()))?,
            },
            Kind::Reference => text("reference")?,
            Kind::Quantity => {
                let value = node.get("value")?.to_string();
                if self.dice.chance(40) { format!("{value}|{}|{}", text("system")?, text("code")?) } else { value }
            }
            Kind::Number => node.as_f64()?.to_string(),
            Kind::Date => text("start").or_else(|| text("end")).or_else(|| node.as_str().map(str::to_owned))?,
            Kind::Text => text("family").or_else(|| node.as_str().map(str::to_owned))?,
            Kind::Uri => node.as_str()?.to_owned(),
            Kind::Composite => return None,
        })
    }

    fn reference(&mut self, of: &str) -> Option<&'static Row> {
        let rows: Vec<_> = all(of).into_iter().filter(|row| !row.targets.is_empty()).collect();
        let rows: Vec<_> = rows.into_iter().filter(|row| TYPES.contains(&row.targets[0])).collect();
        (!rows.is_empty()).then(|| *self.dice.pick(&rows))
    }

    fn chain(&mut self, of: &str) -> Option<(String, String)> {
        let row = self.reference(of)?;
        let target = row.targets[0];
        let (name, value) = self.condition(target)?;
        let of_type = if self.dice.chance(90) { format!(":{target}") } else { String::new() };
        Some((format!("{}{of_type}.{name}", row.code), value))
    }

    fn has(&mut self, of: &str) -> Option<(String, String)> {
        let rows: Vec<&Row> = crate::table::ROWS.iter().filter(|row| row.targets.first() == Some(&of)).collect();
        if rows.is_empty() {
            return None;
        }
        let row = *self.dice.pick(&rows);
        let (name, value) = self.condition(row.of)?;
        Some((format!("_has:{}:{}:{name}", row.of, row.code), value))
    }

    fn include(&mut self, of: &str, direction: &str) -> Option<(String, String)> {
        let iterate = if self.dice.chance(20) { ":iterate" } else { "" };
        let rows: Vec<&Row> = if direction == "_include" {
            all(of).into_iter().filter(|row| !row.targets.is_empty()).collect()
        } else {
            crate::table::ROWS.iter().filter(|row| row.targets.first() == Some(&of)).collect()
        };
        let rows: Vec<&Row> = rows.into_iter().filter(|row| TYPES.contains(&row.targets[0])).collect();
        if rows.is_empty() {
            return None;
        }
        let row = *self.dice.pick(&rows);
        Some((format!("{direction}{iterate}"), format!("{}:{}:{}", row.of, row.code, row.targets[0])))
    }
}

/// A name comes once: what a second one means differs between servers, and the gateway refuses many of them.
fn unique(with: &mut Vec<(String, String)>) {
    let mut seen = Vec::new();
    with.retain(|(name, _)| {
        let stem = name.split(':').next().unwrap_or_default().to_owned();
        let is_new = !seen.contains(&stem) || stem == "_has";
        seen.push(stem);
        is_new
    });
}
