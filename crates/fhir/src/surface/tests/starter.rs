//! Every decision of the surface, against an expectation made from the raw table and the raw projections file alone.

use super::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

const TABLE: &str = include_str!("../../../tables/search-parameters.tsv");

/// What the table says of one parameter.
#[derive(Default)]
struct Raw {
    kind: String,
    /// First element names, of `meta` with the second.
    tops: BTreeSet<String>,
    datatypes: BTreeSet<String>,
    targets: BTreeSet<&'static str>,
}

impl Raw {
    fn refers(&self) -> bool {
        self.kind == "reference" && self.datatypes.contains("Reference")
    }
}

fn table() -> BTreeMap<&'static str, BTreeMap<&'static str, Raw>> {
    let mut table: BTreeMap<_, BTreeMap<_, Raw>> = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let [owner, code, kind, path, datatype, _, targets] = fields[..] else { panic!("{line}") };
        let owners: Vec<&'static str> =
            if owner == "Resource" { ResourceType::all().map(ResourceType::name).collect() } else { vec![owner] };
        for owner in owners {
            let raw = table.entry(owner).or_default().entry(code).or_default();
            raw.kind = kind.split('.').next().unwrap().to_owned();
            raw.datatypes.insert(datatype.to_owned());
            // It cannot be compared, and is not looked at.
            if datatype == "-" {
                continue;
            }
            match targets {
                "" => {}
                "*" => raw.targets.extend(ResourceType::all().map(ResourceType::name)),
                some => raw.targets.extend(some.split('|')),
            }
            // What follows a `%` starts at the resource, whatever the context is.
            for path in path.split_inclusive('>').scan(String::new(), |context, part| {
                let path = match part.strip_prefix('%') {
                    Some(path) => path.to_owned(),
                    None => format!("{context}.{part}"),
                };
                *context = path.trim_end_matches('>').to_owned();
                Some(path)
            }) {
                raw.tops.extend(top(&path));
            }
        }
    }
    table
}

/// `meta.security*` of `meta.security*`, `telecom` of `telecom*[system=phone].value`.
fn top(path: &str) -> Option<String> {
    let plain = |step: &str| step.split(['*', '[', '>']).next().unwrap_or_default().to_owned();
    let steps: Vec<String> = path.split('.').map(plain).filter(|step| !step.is_empty()).collect();
    match steps.as_slice() {
        [] => None,
        [meta, below, ..] if meta == "meta" => Some(format!("meta.{below}")),
        [top, ..] => Some(top.clone()),
    }
}

type File = HashMap<String, HashMap<String, Vec<String>>>;

/// The names that a set of groups lists, and a type's id if it lists nothing.
fn named(file: &File, of: &str, groups: impl Fn(&str) -> bool) -> Vec<String> {
    let Some(listed) = file.get(of) else { return vec!["id".to_owned()] };
    listed
        .iter()
        .filter(|(name, _)| name.as_str() == "default" || groups(name))
        .flat_map(|(_, paths)| paths.clone())
        .collect()
}

fn shows(named: &[String], top: &str) -> bool {
    named.iter().any(|name| match name.strip_suffix("[x]") {
        Some(stem) => top.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase())),
        None => name == top,
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    Allowed,
    WhereShown,
    Refused,
}

struct Expected<'a> {
    file: File,
    grants: Grants<'a>,
}

impl Expected<'_> {
    fn look(&self, of: &str, tops: &BTreeSet<String>) -> Expect {
        let Some((_, groups)) = self.grants.iter().find(|(name, _)| *name == of) else { return Expect::Refused };
        let always = named(&self.file, of, |name| groups.contains(&name));
        let ever = named(&self.file, of, |name| groups.iter().any(|group| group.trim_end_matches('?') == name));
        // The dates of change are shown only with what is shown whole, so never always.
        let is_dated = |top: &String| matches!(top.as_str(), "meta.lastUpdated" | "meta.versionId");
        let is_always = |top: &String| shows(&always, top) && !is_dated(top);
        match (tops.iter().all(|top| shows(&ever, top)), tops.iter().all(is_always)) {
            (false, _) => Expect::Refused,
            (true, true) => Expect::Allowed,
            (true, false) => Expect::WhereShown,
        }
    }

    /// The reference at one end, the type at the other.
    fn hop(&self, holder: &str, raw: &Raw, other: &str) -> Expect {
        let id = BTreeSet::from(["id".to_owned()]);
        match (self.look(holder, &raw.tops), self.look(other, &id)) {
            (Expect::Refused, _) | (_, Expect::Refused) => Expect::Refused,
            (Expect::Allowed, Expect::Allowed) => Expect::Allowed,
            _ => Expect::WhereShown,
        }
    }

    /// What a modifier looks at beside the parameter's own elements stands in references, where it must be named
    /// itself, which the starter never does.
    fn by_modifier(&self, of: &str, raw: &Raw, modifier: &str) -> Expect {
        match modifier {
            "identifier" => Expect::Refused,
            _ => self.look(of, &raw.tops),
        }
    }
}

/// The modifiers that a parameter is answered with, by its kind and what its elements hold.
fn modifiers(raw: &Raw) -> Vec<&'static str> {
    let held: BTreeSet<&str> = raw.datatypes.iter().map(String::as_str).filter(|held| *held != "-").collect();
    let only = |known: &[&str]| held.iter().all(|held| known.contains(held));
    let stands = held.iter().any(|held| held.starts_with("standing"));
    let mut modifiers = vec![""];
    if raw.kind != "composite" && !raw.datatypes.contains("-") && !stands {
        modifiers.push("missing");
    }
    match raw.kind.as_str() {
        "string" => modifiers.extend(["exact", "contains"]),
        "token" => {
            modifiers.push("not");
            modifiers.extend(Some("text").filter(|_| only(&["Coding", "CodeableConcept", "Identifier"])));
            modifiers.extend(Some("of-type").filter(|_| only(&["Identifier"])));
        }
        "reference" => {
            modifiers.extend(Some("identifier").filter(|_| only(&["Reference"])));
            modifiers.extend(raw.targets.iter().filter(|_| raw.refers()));
        }
        _ => {}
    }
    modifiers
}

/// All that can be asked of one type, and the verdict.
fn rows(
    expected: &Expected<'_>,
    table: &BTreeMap<&str, BTreeMap<&'static str, Raw>>,
    of: &str,
) -> BTreeMap<String, Expect> {
    let mut rows = BTreeMap::new();
    for (code, raw) in &table[of] {
        for modifier in modifiers(raw) {
            let name = if modifier.is_empty() { (*code).to_owned() } else { format!("{code}:{modifier}") };
            rows.insert(name, expected.by_modifier(of, raw, modifier));
        }
        if super::SORTED.contains(&raw.kind.as_str()) {
            let held = raw.kind == "reference" || raw.tops.contains("meta.lastUpdated");
            let always = if held { Expect::Refused } else { expected.look(of, &raw.tops) };
            let verdict = if always == Expect::Allowed { Expect::Allowed } else { Expect::Refused };
            rows.insert(format!("_sort={code}"), verdict);
        }
        for target in raw.targets.iter().filter(|_| raw.refers()) {
            rows.insert(format!("{code}:{target}."), expected.hop(of, raw, target));
            rows.insert(format!("_include={of}:{code}:{target}"), expected.hop(of, raw, target));
        }
    }
    for (holder, parameters) in table {
        for (code, raw) in parameters.iter().filter(|(_, raw)| raw.refers() && raw.targets.contains(of)) {
            rows.insert(format!("_has:{holder}:{code}:"), expected.hop(holder, raw, of));
            rows.insert(format!("_revinclude={holder}:{code}"), expected.look(holder, &raw.tops));
        }
    }
    rows
}

#[test]
fn c1_c2_c3_c8_c12_c13_c14_no_decision_is_forgotten_and_each_follows_from_the_tables() {
    let table = table();
    let projections = Projections::load(STARTER).unwrap();
    let surface = surface(&projections, NURSE);
    let expected = Expected { file: toml::from_str(STARTER).unwrap(), grants: NURSE };
    let (mut decisions, mut combinations) = (0, 0);
    let mut verdicts = HashMap::new();
    for of in ResourceType::all() {
        let expect = rows(&expected, &table, of.name());
        let found = surface.list(of);
        combinations += expect.len();
        decisions += found.len();
        for Row { name, standing, .. } in &found {
            let verdict = match standing {
                Standing::Allowed => Expect::Allowed,
                Standing::WhereShown => Expect::WhereShown,
                Standing::Refused(_) => Expect::Refused,
            };
            assert_eq!(Some(&verdict), expect.get(name), "{of}: {name}: {standing:?}");
            *verdicts.entry(format!("{verdict:?}")).or_insert(0) += 1;
        }
        let names: BTreeSet<&String> = found.iter().map(|row| &row.name).collect();
        let forgotten: Vec<_> = expect.keys().filter(|name| !names.contains(name)).collect();
        assert!(forgotten.is_empty(), "{of}: {forgotten:?}");
    }
    assert_eq!(decisions, combinations);
    assert!(decisions > 20_000 && verdicts.len() == 3, "{decisions} {verdicts:?}");
}

/// The table has a row for every parameter that can be found, and the other way round.
#[test]
fn every_parameter_is_decided() {
    for (of, parameters) in table() {
        let found: BTreeSet<&str> =
            crate::parameter::all(super::of(of)).iter().map(|parameter| parameter.code).collect();
        assert_eq!(found, parameters.keys().copied().collect(), "{of}");
    }
}
