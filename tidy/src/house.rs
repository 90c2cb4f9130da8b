use crate::Finding;
use serde::Deserialize;
use std::collections::BTreeSet;

/// `house.toml`, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct House {
    #[serde(rename = "room")]
    pub rooms: Vec<Room>,
    #[serde(rename = "tool")]
    pub tools: Vec<Tool>,
    #[serde(default, rename = "sole")]
    pub soles: Vec<Sole>,
    #[serde(default, rename = "guard")]
    pub guards: Vec<Guard>,
    #[serde(default, rename = "mint")]
    pub mints: Vec<Mint>,
    pub budget: Budget,
    pub manners: Manners,
    pub outside: Outside,
    pub licences: Licences,
}

/// One crate under `crates/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    pub name: String,
    pub floor: u8,
    /// A visitor enters by the front door: only the composition root may import it.
    #[serde(default)]
    pub visitor: bool,
    pub what: String,
    #[serde(default)]
    pub imports: Vec<String>,
    /// External crates.
    #[serde(default)]
    pub uses: Vec<String>,
    /// Further rooms and crates that its tests need.
    #[serde(default)]
    pub tests_use: Vec<String>,
}

/// A package of the workspace that is not part of the product.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    #[serde(default)]
    pub imports: Vec<String>,
    #[serde(default)]
    pub uses: Vec<String>,
    #[serde(default)]
    pub tests_use: Vec<String>,
}

/// A dangerous dependency and the rooms (or tools) that alone may import it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sole {
    pub dependency: String,
    pub rooms: Vec<String>,
    pub why: String,
}

/// A path inside a dependency (or `std`) that only some rooms may name outside tests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub path: String,
    pub rooms: Vec<String>,
    pub why: String,
}

/// A type that is evidence of something, made in one room at a known number of places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mint {
    #[serde(rename = "type")]
    pub name: String,
    pub room: String,
    /// Places outside tests where one is built. Absent for an enum that carries nothing: it proves nothing, it only ends.
    pub sites: Option<usize>,
    /// Plain values (a keyed hash, say) may be copied; witnesses may not.
    #[serde(default)]
    pub copied: bool,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub file_lines_p90: usize,
    pub file_lines_max: usize,
    pub function_lines_max: usize,
    #[serde(default)]
    pub exceptions: Vec<Reasoned>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manners {
    pub banned_names: Vec<String>,
    /// Packages whose work is to print.
    pub printing: Vec<String>,
    /// What any package's tests may use.
    #[serde(default)]
    pub test_crates: Vec<String>,
    /// Files whose tests must sleep, each with the reason.
    #[serde(default)]
    pub sleeping: Vec<Reasoned>,
    /// Types whose `Debug` is written by hand and says nothing.
    pub blank_debug: Vec<String>,
}

/// A file, or `file::function`, that a rule does not hold for, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoned {
    pub what: String,
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Folders of somebody's machine that nothing in the repository may name.
    pub folders: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licences {
    pub allowed: Vec<String>,
}

/// `house.toml` does not read.
#[derive(Debug, thiserror::Error)]
#[error("house.toml: {0}")]
pub struct HouseError(#[from] toml::de::Error);

pub(crate) const FILE: &str = "house.toml";

impl House {
    pub fn parse(text: &str) -> Result<Self, HouseError> {
        Ok(toml::from_str(text)?)
    }

    pub fn room(&self, name: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| room.name == name)
    }

    pub fn mints_of<'a>(&'a self, room: &'a str) -> impl Iterator<Item = &'a Mint> {
        self.mints.iter().filter(move |mint| mint.room == room)
    }

    pub(crate) fn top_floor(&self) -> u8 {
        self.rooms.iter().map(|room| room.floor).max().unwrap_or_default()
    }

    /// What the house says against itself: an edge that climbs, a name that is nowhere, a missing reason.
    pub(crate) fn contradictions(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut say = |advice: String| findings.push(Finding::new(FILE, 1, "house", advice));
        let mut names = BTreeSet::new();
        for room in &self.rooms {
            if !names.insert(room.name.as_str()) {
                say(format!("room `{}` is declared twice", room.name));
            }
            for import in &room.imports {
                match self.room(import) {
                    None => say(format!("room `{}` imports `{import}`, which is no room", room.name)),
                    Some(other) if other.floor >= room.floor => say(format!(
                        "room `{}` (floor {}) may not import `{import}` (floor {}): edges point to a strictly lower floor",
                        room.name, room.floor, other.floor
                    )),
                    Some(other) if other.visitor && room.floor != self.top_floor() => {
                        say(format!(
                            "room `{}` may not import the visitor `{import}`: it knocks at the door",
                            room.name
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        names.extend(self.tools.iter().map(|tool| tool.name.as_str()));
        for (what, rooms, why) in self.restrictions() {
            for room in rooms.iter().filter(|room| !names.contains(room.as_str())) {
                say(format!("`{what}` names the room `{room}`, which is not there"));
            }
            if why.trim().is_empty() {
                say(format!("`{what}` says no reason; write why"));
            }
        }
        let exceptions = self.budget.exceptions.iter().chain(&self.manners.sleeping);
        for exception in exceptions.filter(|exception| exception.why.trim().is_empty()) {
            say(format!("the exception for `{}` says no reason; write why", exception.what));
        }
        findings
    }

    fn restrictions(&self) -> impl Iterator<Item = (&str, &[String], &str)> {
        let soles = self.soles.iter().map(|sole| (sole.dependency.as_str(), sole.rooms.as_slice(), sole.why.as_str()));
        let guards = self.guards.iter().map(|guard| (guard.path.as_str(), guard.rooms.as_slice(), guard.why.as_str()));
        let mints =
            self.mints.iter().map(|mint| (mint.name.as_str(), std::slice::from_ref(&mint.room), mint.why.as_str()));
        soles.chain(guards).chain(mints)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A small house: `word` below `door` below `roof`, with a visitor and a tool.
    pub(crate) const SMALL: &str = r#"
        [[room]]
        name = "word"
        floor = 0
        what = "words"
        [[room]]
        name = "door"
        floor = 1
        what = "the door"
        imports = ["word"]
        uses = ["hyper"]
        tests_use = ["tempfile"]
        [[room]]
        name = "guest"
        floor = 1
        visitor = true
        what = "a guest"
        [[room]]
        name = "roof"
        floor = 2
        what = "all of it"
        imports = ["word", "door", "guest"]
        [[tool]]
        name = "xtask"
        [[sole]]
        dependency = "hyper"
        rooms = ["door"]
        why = "one HTTP server"
        [[guard]]
        path = "std::fs"
        rooms = ["roof"]
        why = "the door writes no files"
        [[mint]]
        type = "Pass"
        room = "door"
        sites = 1
        why = "whoever holds one was let in"
        [budget]
        file_lines_p90 = 20
        file_lines_max = 30
        function_lines_max = 10
        exceptions = [{ what = "crates/roof/src/long.rs::table", why = "a table" }]
        [manners]
        banned_names = ["util", "utils", "common"]
        printing = ["roof", "xtask"]
        sleeping = [{ what = "crates/roof/tests/process.rs", why = "polls another process" }]
        blank_debug = ["Secret"]
        [outside]
        folders = ["/ships/", "/docks/"]
        [licences]
        allowed = ["MIT"]
    "#;

    pub(crate) fn small() -> House {
        House::parse(SMALL).expect("the small house")
    }

    fn says(house: &str, expect: &str) {
        let house = House::parse(house).expect("parses");
        let found: Vec<String> = house.contradictions().iter().map(Finding::to_string).collect();
        assert!(found.iter().any(|line| line.contains(expect)), "{found:?}");
    }

    #[test]
    fn a_good_house_does_not_contradict_itself() {
        assert_eq!(small().contradictions(), []);
    }

    #[test]
    fn planted_contradictions_are_found() {
        says(&SMALL.replace("what = \"words\"", "what = \"words\"\nimports = [\"door\"]"), "strictly lower floor");
        says(&SMALL.replace("imports = [\"word\"]", "imports = [\"wrod\"]"), "`wrod`, which is no room");
        says(
            &SMALL
                .replace("name = \"guest\"\n        floor = 1", "name = \"guest\"\n        floor = 0")
                .replace("imports = [\"word\"]", "imports = [\"guest\"]"),
            "the visitor `guest`",
        );
        says(&SMALL.replace("rooms = [\"door\"]", "rooms = [\"cellar\"]"), "room `cellar`, which is not there");
        says(&SMALL.replace("one HTTP server", " "), "says no reason");
        says(&SMALL.replace("\"a table\"", "\"\""), "says no reason");
        assert!(House::parse(&SMALL.replace("what = \"words\"", "waht = \"words\"")).is_err());
    }
}
