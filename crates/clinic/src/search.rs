//! Searches by type, answered in pages (<https://hl7.org/fhir/R4/search.html>).

use crate::criterion::{self, Criterion};
use crate::key::{Held, Key};
use crate::person;
use crate::text::set;
use crate::traps::BASE;
use crate::world::World;
use serde_json::{Value, json};
use std::cell::LazyCell;
use std::cmp::Ordering;
use std::collections::HashMap;

const COUNT_DEFAULT: usize = 20;
const COUNT_MOST: usize = 200;

/// A search as it was understood.
pub struct Search {
    held: Held,
    conditions: Vec<Condition>,
    /// The parameters understood, as they are repeated in links.
    understood: Vec<(String, String)>,
    sort: Vec<Sort>,
    count: usize,
    offset: usize,
}

enum Condition {
    Id(Vec<String>),
    Patient(Vec<u32>),
    Participant(Vec<Key>),
    /// Looks at the resource itself.
    Holds(Criterion),
}

struct Sort {
    by: criterion::Known,
    is_descending: bool,
}

/// Why a search is not answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Misunderstood {
    /// Only with `Prefer: handling=strict`; otherwise what is unknown is ignored, as R4 servers do.
    Parameter(String),
    Value(String),
}

/// How to treat a parameter that is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    Strict,
    Lenient,
}

impl Search {
    pub fn parse(held: Held, query: &str, handling: Handling) -> Result<Self, Misunderstood> {
        let mut search = Self {
            held,
            conditions: Vec::new(),
            understood: Vec::new(),
            sort: Vec::new(),
            count: COUNT_DEFAULT,
            offset: 0,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                return Err(Misunderstood::Value(name.to_owned()));
            };
            if !search.take(&name, &value)? && handling == Handling::Strict {
                return Err(Misunderstood::Parameter(name));
            }
        }
        Ok(search)
    }

    /// Takes one parameter in; `false` when it is not known.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Misunderstood> {
        let number = || value.parse::<usize>().map_err(|_| Misunderstood::Value(name.to_owned()));
        let values = value.split(',');
        let condition = match (self.held, name) {
            (_, "_format" | "_total") => return Ok(true),
            (held, "_sort") => {
                self.sort = values.map(|key| sort(held, key)).collect::<Result<_, _>>()?;
                self.understood.push((name.to_owned(), value.to_owned()));
                return Ok(true);
            }
            (_, "_count") => {
                self.count = number()?.min(COUNT_MOST);
                return Ok(true);
            }
            (_, "_offset") => {
                self.offset = number()?;
                return Ok(true);
            }
            (_, "_id") => Condition::Id(values.map(str::to_owned).collect()),
            (Held::CareTeam, "participant") => {
                Condition::Participant(values.filter_map(|value| key(value, Held::Practitioner)).collect())
            }
            (held, "patient" | "subject" | "beneficiary") if is_of_patient(held, name) => {
                Condition::Patient(values.filter_map(|value| key(value, Held::Patient)).map(|key| key.n).collect())
            }
            (held, name) => {
                let (code, modifier) = name.split_once(':').map_or((name, None), |(code, rest)| (code, Some(rest)));
                let criterion = criterion::find(held, code).and_then(|known| Criterion::new(known, modifier, value));
                match criterion {
                    Some(criterion) => Condition::Holds(criterion),
                    None => return Ok(false),
                }
            }
        };
        self.conditions.push(condition);
        self.understood.push((name.to_owned(), value.to_owned()));
        Ok(true)
    }

    fn admits(&self, world: &World, key: Key) -> bool {
        // Made only for conditions that look at it.
        let resource = LazyCell::new(|| world.resource(key));
        self.conditions.iter().all(|condition| match condition {
            Condition::Id(ids) => ids.contains(&key.id()),
            Condition::Patient(patients) => world.patients_of(key).iter().any(|n| patients.contains(n)),
            Condition::Participant(members) => person::team(key.n).iter().any(|member| members.contains(member)),
            Condition::Holds(criterion) => resource.as_ref().is_some_and(|resource| criterion.admits(resource)),
        })
    }

    /// The keys of all matches, in their one order.
    pub fn matches<'a>(&'a self, world: &'a World) -> Box<dyn Iterator<Item = Key> + 'a> {
        // A search within one record need not walk through all the others.
        let within = self.conditions.iter().find_map(|condition| match condition {
            Condition::Patient(patients) => Some(patients),
            _ => None,
        });
        let candidates: Box<dyn Iterator<Item = Key> + 'a> = match within {
            Some(patients) => Box::new(world.keys_within(self.held, patients)),
            None => Box::new(world.keys(self.held)),
        };
        Box::new(candidates.filter(|key| self.admits(world, *key)))
    }

    /// The same, in the order asked for. What lacks a value comes last.
    fn sorted(&self, world: &World) -> Vec<Key> {
        let mut keys: Vec<Key> = self.matches(world).collect();
        if self.sort.is_empty() {
            return keys;
        }
        let extremes = |key: Key| {
            let resource = world.resource(key)?;
            Some(self.sort.iter().map(|sort| sort.by.extremes(&resource)).collect::<Vec<_>>())
        };
        let known: HashMap<Key, Vec<_>> = keys.iter().filter_map(|key| Some((*key, extremes(*key)?))).collect();
        let none = Vec::new();
        keys.sort_by(|a, b| {
            let (a, b) = (known.get(a).unwrap_or(&none), known.get(b).unwrap_or(&none));
            let compared = self.sort.iter().zip(a.iter().zip(b)).map(|(sort, (a, b))| match (a, b) {
                (Some((_, a)), Some((_, b))) if sort.is_descending => b.cmp(a),
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            });
            compared.fold(Ordering::Equal, Ordering::then)
        });
        keys
    }

    /// One page as a searchset. `base` is what the caller called us.
    pub fn page(&self, world: &World, base: &str) -> Value {
        let found = self.sorted(world);
        let total = found.len();
        let entries: Vec<Value> = found
            .into_iter()
            .skip(self.offset)
            .take(self.count)
            .filter_map(|key| {
                let resource = world.resource(key)?;
                Some(json!({"fullUrl": format!("{base}/{}", key.reference()), "resource": resource, "search": {"mode": "match"}}))
            })
            .collect();
        let mut links = vec![json!({"relation": "self", "url": self.link(base, self.offset)})];
        let next = self.offset.saturating_add(self.count);
        if self.count > 0 && next < total {
            links.push(json!({"relation": "next", "url": self.link(base, next)}));
        }
        let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": total, "link": links});
        // FHIR has no empty arrays.
        if !entries.is_empty() {
            set(&mut bundle, "entry", Value::Array(entries));
        }
        bundle
    }

    fn link(&self, base: &str, offset: usize) -> String {
        let mut url = format!("{base}/{}?", self.held.name());
        for (name, value) in &self.understood {
            url += &format!("{}={}&", encode(name), encode(value));
        }
        url += &format!("_count={}", self.count);
        if offset > 0 {
            url += &format!("&_offset={offset}");
        }
        url
    }
}

fn sort(held: Held, key: &str) -> Result<Sort, Misunderstood> {
    let (name, is_descending) = key.strip_prefix('-').map_or((key, false), |name| (name, true));
    let by = criterion::find(held, name).ok_or_else(|| Misunderstood::Value("_sort".to_owned()))?;
    Ok(Sort { by, is_descending })
}

/// Does the type have that reference to a patient as a search parameter?
fn is_of_patient(held: Held, name: &str) -> bool {
    match held {
        Held::AllergyIntolerance => name == "patient",
        Held::Coverage => name != "subject",
        Held::Patient | Held::Organization | Held::Practitioner | Held::Group => false,
        _ => name != "beneficiary",
    }
}

/// The key of a reference value: `Type/id`, a bare id, or the clinic's absolute form.
fn key(value: &str, held: Held) -> Option<Key> {
    let local = value.strip_prefix(BASE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(value);
    let id = match local.split_once('/') {
        Some((name, id)) if name == held.name() => id,
        Some(_) => return None,
        None => local,
    };
    Key::parse(held, id)
}

/// Percent-decoding of a query (WHATWG URL, application/x-www-form-urlencoded).
fn decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/,".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn world() -> World {
        World::create(7, 200).expect("a world")
    }

    fn check(held: Held, query: &str, expect: &[&str]) {
        let (world, search) = (world(), Search::parse(held, query, Handling::Strict).expect(query));
        let found: Vec<String> = search.matches(&world).map(Key::id).collect();
        assert_eq!(found, expect, "{}?{query}", held.name());
    }

    #[test]
    fn finds_what_was_asked() {
        check(Held::Patient, "_id=p001,p003,p999", &["p001", "p003"]);
        check(Held::CareTeam, "patient=p002", &["team-p002"]);
        check(Held::CareTeam, "subject=Patient%2Fp002&status=active", &["team-p002"]);
        check(Held::CareTeam, "subject=Patient/p002&status=inactive", &[]);
        check(Held::CareTeam, "subject=Group/p002", &[]);
        check(Held::Encounter, "patient=Patient/p011", &["enc-p011-1", "enc-p011-2"]);
        check(Held::Coverage, "beneficiary=https://clinic.lazaret.localhost/fhir/Patient/p011", &["cov-p011"]);
        check(Held::AllergyIntolerance, "patient=p011&_id=alg-p012-1", &[]);
        check(Held::List, "subject=p001", &["list-two-patients"]);
        check(Held::Practitioner, "_id=nurse-1", &["nurse-1"]);
        check(Held::Organization, "name=cardio", &["dept-cardiology"]);
        check(Held::Observation, "patient=p011&category=laboratory", &["obs-p011-3", "obs-p011-4"]);
        check(Held::Encounter, "patient=p011&status=nothing", &[]);
    }

    /// What the references of a trap truly name, and no more.
    #[test]
    fn finds_traps_by_the_patients_they_name() {
        let search = Search::parse(Held::Observation, "patient=p002", Handling::Strict).expect("a search");
        let found: Vec<String> = search.matches(&world()).map(Key::id).filter(|id| id.contains("trap")).collect();
        assert_eq!(found, ["obs-trap-two-patients"]);
        let search = Search::parse(Held::Observation, "patient=p001", Handling::Strict).expect("a search");
        let found: BTreeSet<String> = search.matches(&world()).map(Key::id).collect();
        assert!(found.contains("obs-p001-5") && found.contains("obs-trap-absolute"));
        assert!(!found.contains("obs-trap-foreign") && !found.contains("obs-trap-contained"));
    }

    #[test]
    fn care_teams_of_a_nurse_agree_with_the_rule() {
        let expect: Vec<String> =
            (1..=200u32).filter(|n| *n <= 10 || (n - 10) % 7 == 0).map(|n| format!("team-p{n:03}")).collect();
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        check(Held::CareTeam, "participant=Practitioner/nurse-1&status=active", &expect);
    }

    #[test]
    fn care_teams_of_the_cardiologist_are_cardiology() {
        let (world, query) = (world(), "participant=Practitioner/physician-1&status=active");
        let search = Search::parse(Held::CareTeam, query, Handling::Strict).expect("a search");
        let found: Vec<u32> = search.matches(&world).map(|key| key.n).collect();
        let truth: Vec<u32> = (1..=200).filter(|n| world.department(*n) == "dept-cardiology").collect();
        assert_eq!(found, truth);
        assert_eq!(found.len(), 25);
    }

    #[test]
    fn pages_lead_through_all_matches_once() {
        let world = world();
        let mut query = "participant=Practitioner/nurse-1&status=active&_count=7".to_owned();
        let mut found = Vec::new();
        loop {
            let page = Search::parse(Held::CareTeam, &query, Handling::Strict)
                .expect("a search")
                .page(&world, "https://x/fhir");
            assert_eq!(page["total"], 37);
            found
                .extend(page["entry"].as_array().expect("entries").iter().map(|entry| entry["resource"]["id"].clone()));
            assert!(page["link"][0]["url"].as_str().expect("self").contains("status=active"));
            let Some(next) = page["link"].as_array().expect("links").iter().find(|link| link["relation"] == "next")
            else {
                break;
            };
            let url = next["url"].as_str().expect("a url");
            query = url.strip_prefix("https://x/fhir/CareTeam?").expect("our base").to_owned();
        }
        let unique: BTreeSet<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!((found.len(), unique.len()), (37, 37));
    }

    #[test]
    fn order_is_as_asked_and_kept_over_pages() {
        let world = world();
        let mut all = Vec::new();
        for offset in (0..200).step_by(50) {
            let query = format!("_sort=-birthdate,family&_count=50&_offset={offset}");
            let page = Search::parse(Held::Patient, &query, Handling::Strict).expect("a search").page(&world, "b");
            all.extend(page["entry"].as_array().expect("entries").iter().map(|entry| {
                let patient = &entry["resource"];
                let text = |value: &Value| value.as_str().expect("text").to_lowercase();
                (text(&patient["birthDate"]), text(&patient["name"][0]["family"]))
            }));
        }
        assert_eq!(all.len(), 200);
        assert!(all.is_sorted_by(|a, b| (&b.0, &a.1) <= (&a.0, &b.1)), "sorted");
    }

    #[test]
    fn what_is_unknown_is_ignored_or_refused_as_asked() {
        let parse = |query, handling| Search::parse(Held::Patient, query, handling).map(|search| search.link("b", 0));
        assert_eq!(parse("nome=x&_id=p001", Handling::Lenient), Ok("b/Patient?_id=p001&_count=20".to_owned()));
        for unknown in ["nome=x", "name:phonetic=x", "organization.name=x", "_has:Group:member:_id=x"] {
            let name = unknown.split('=').next().expect("a name").to_owned();
            assert_eq!(parse(unknown, Handling::Strict), Err(Misunderstood::Parameter(name)));
        }
        assert_eq!(parse("_sort=nome", Handling::Lenient), Err(Misunderstood::Value("_sort".to_owned())));
        assert_eq!(parse("_count=x", Handling::Lenient), Err(Misunderstood::Value("_count".to_owned())));
        assert_eq!(parse("_id=%zz", Handling::Lenient), Err(Misunderstood::Value("_id".to_owned())));
    }

    #[test]
    fn a_search_without_matches_has_no_entry_array() {
        let page = Search::parse(Held::Patient, "_id=p999", Handling::Strict).expect("a search").page(&world(), "b");
        assert_eq!((page["total"].clone(), page.get("entry")), (json!(0), None));
    }
}
