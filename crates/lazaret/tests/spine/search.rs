//! Searches on the real binary. What a search must answer is worked out from what the same caller may read: the very
//! resources that reads show, and that match what they show.

use crate::caller::{Answer, Caller};
use crate::house::House;
use bytes::Bytes;
use clinic::{CANARY, Held, World};
use http_body_util::Full;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A search, and what it means for a resource as the caller sees it.
pub struct Query {
    pub search: &'static str,
    pub of: Held,
    pub means: fn(&Value) -> bool,
}

fn has_code(value: &Value, system: &str, code: &str) -> bool {
    let codings = value["coding"].as_array().into_iter().flatten();
    codings.into_iter().any(|coding| (coding["code"] == code) && (system.is_empty() || coding["system"] == system))
}

fn any(value: &Value, is: impl FnMut(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(is))
}

fn starts(value: &Value, with: &str) -> bool {
    value.as_str().is_some_and(|text| text.to_lowercase().starts_with(with))
}

/// A reference to a version of a patient is one to the patient.
fn is_about(it: &Value, patient: &str) -> bool {
    let reference = it["subject"]["reference"].as_str().and_then(|reference| reference.strip_prefix("Patient/"));
    reference.is_some_and(|id| id.split('/').next() == Some(patient))
}

pub const QUERIES: &[Query] = &[
    Query { search: "Patient", of: Held::Patient, means: |_| true },
    Query { search: "Patient?_count=3", of: Held::Patient, means: |_| true },
    Query {
        search: "Patient?_id=p001,p011,p002,nobody",
        of: Held::Patient,
        means: |it| it["id"] == "p001" || it["id"] == "p011" || it["id"] == "p002",
    },
    Query { search: "Patient?gender=female", of: Held::Patient, means: |it| it["gender"] == "female" },
    Query { search: "Patient?gender:not=female&_count=2", of: Held::Patient, means: |it| it["gender"] != "female" },
    Query {
        search: "Patient?birthdate=lt1980",
        of: Held::Patient,
        means: |it| it["birthDate"].as_str().is_some_and(|date| date < "1980"),
    },
    Query {
        search: "Patient?name=a",
        of: Held::Patient,
        means: |it| {
            any(&it["name"], |name| starts(&name["family"], "a") || any(&name["given"], |given| starts(given, "a")))
        },
    },
    Query { search: "Observation", of: Held::Observation, means: |_| true },
    Query {
        search: "Observation?category=laboratory",
        of: Held::Observation,
        means: |it| any(&it["category"], |category| has_code(category, "", "laboratory")),
    },
    Query {
        search: "Observation?code=http://loinc.org|85354-9",
        of: Held::Observation,
        means: |it| has_code(&it["code"], "http://loinc.org", "85354-9"),
    },
    Query { search: "Observation?patient=Patient/p001", of: Held::Observation, means: |it| is_about(it, "p001") },
    Query {
        search: "Observation?patient=Patient/p001,Patient/p002&_count=4",
        of: Held::Observation,
        means: |it| is_about(it, "p001") || is_about(it, "p002"),
    },
    Query {
        search: "Observation?status=final&date=ge2025-06",
        of: Held::Observation,
        means: |it| it["status"] == "final" && it["effectiveDateTime"].as_str().is_some_and(|at| at >= "2025-06"),
    },
    Query { search: "Condition?patient.gender=female", of: Held::Condition, means: |_| true },
    Query { search: "Encounter?status=finished", of: Held::Encounter, means: |it| it["status"] == "finished" },
    Query {
        search: "AllergyIntolerance?criticality=high",
        of: Held::AllergyIntolerance,
        means: |it| it["criticality"] == "high",
    },
    Query {
        search: "MedicationRequest?intent=order&status=active",
        of: Held::MedicationRequest,
        means: |it| it["intent"] == "order" && it["status"] == "active",
    },
];

/// Everything of a type that this caller may read, as it is read.
pub async fn readable(caller: &Caller, token: &str, of: Held, world: &World) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for key in world.all().filter(|key| key.held == of) {
        let answer = caller.get(&format!("/fhir/{}", key.reference()), Some(token)).await;
        assert!(matches!(answer.status, 200 | 404), "{}: {}", answer.status, answer.reason());
        if answer.status == 200 {
            found.insert(key.id(), answer.json());
        }
    }
    found
}

/// All pages of a search: entries by mode, in their order, and how many pages.
pub struct Found {
    pub matches: Vec<Value>,
    pub included: Vec<Value>,
    pub pages: usize,
}

pub async fn follow(caller: &Caller, token: &str, search: &str) -> Found {
    let mut found = Found { matches: Vec::new(), included: Vec::new(), pages: 0 };
    let mut path = format!("/fhir/{}", search.replace('|', "%7C"));
    loop {
        let answer = caller.get(&path, Some(token)).await;
        assert_eq!(answer.status, 200, "{search}: {}", String::from_utf8_lossy(&answer.body));
        found.pages += 1;
        assert!(found.pages < 200, "{search} ends");
        let page = take(&answer, &mut found);
        let links = page["link"].as_array().cloned().unwrap_or_default();
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { return found };
        let url = next["url"].as_str().expect("a url");
        path = url[url.find("/fhir/").expect("our base")..].to_owned();
    }
}

fn take(answer: &Answer, found: &mut Found) -> Value {
    let page = answer.json();
    assert_eq!((&page["resourceType"], &page["type"]), (&"Bundle".into(), &"searchset".into()));
    for entry in page["entry"].as_array().into_iter().flatten() {
        let resource = entry["resource"].clone();
        let (of, id) = (resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"));
        assert!(entry["fullUrl"].as_str().is_some_and(|url| url.ends_with(&format!("/fhir/{of}/{id}"))));
        match entry["search"]["mode"].as_str() {
            Some("match") => found.matches.push(resource),
            Some("include") => found.included.push(resource),
            other => panic!("mode {other:?}"),
        }
    }
    page
}

/// Where a foreign server is known to find less than R4 says. What it does find is checked all the same.
#[derive(Default)]
pub struct Differences {
    /// Ids that its index does not hold where the gateway has them looked for.
    pub unindexed: &'static [&'static str],
    /// Queries that it reads more narrowly.
    pub narrower: &'static [&'static str],
}

/// Each query of the table, against what the caller may read.
pub async fn agrees_with_reads(caller: &Caller, token: &str, world: &World, differences: &Differences) {
    let mut known: BTreeMap<Held, BTreeMap<String, Value>> = BTreeMap::new();
    let patients = readable(caller, token, Held::Patient, world).await;
    for query in QUERIES {
        let visible = match known.entry(query.of) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(readable(caller, token, query.of, world).await),
        };
        let is_chained = query.search.contains("patient.gender=female");
        let of_a_woman =
            |it: &Value| patients.iter().any(|(id, patient)| patient["gender"] == "female" && is_about(it, id));
        let expect = visible.iter().filter(|(id, it)| {
            (query.means)(it) && (!is_chained || of_a_woman(it)) && !differences.unindexed.contains(&id.as_str())
        });
        let expect: BTreeMap<_, _> = expect.map(|(id, it)| (id.clone(), it.clone())).collect();
        let found = follow(caller, token, query.search).await;
        let count = found.matches.len();
        let found: BTreeMap<String, Value> =
            found.matches.into_iter().map(|it| (it["id"].as_str().expect("an id").to_owned(), it)).collect();
        assert_eq!(found.len(), count, "{}: nothing twice", query.search);
        if differences.narrower.contains(&query.search) {
            assert!(!found.is_empty() && found.iter().all(|(id, it)| expect.get(id) == Some(it)), "{}", query.search);
            continue;
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expect.keys().collect::<Vec<_>>(), "{}", query.search);
        assert_eq!(found, expect, "{}: as read", query.search);
    }
    assert!(known.values().all(|visible| !visible.is_empty()), "the table is about something");
}

fn world() -> World {
    World::create(1, 30).expect("a world")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_reads_show() {
    let house = House::up();
    let caller = Caller::of(&house);
    agrees_with_reads(&caller, &house.token("nurse"), &world(), &Differences::default()).await;
    assert!(house.verify().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn order_pages_includes_and_totals_are_as_asked() {
    let house = House::up();
    let (caller, token) = (Caller::of(&house), house.token("nurse"));
    let sorted = follow(&caller, &token, "Patient?_sort=-birthdate&_count=2").await;
    let dates: Vec<&str> = sorted.matches.iter().map(|it| it["birthDate"].as_str().expect("a date")).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b) && sorted.pages > 1, "{dates:?}");
    let with_subject = follow(&caller, &token, "Observation?_id=obs-p001-1&_include=Observation:subject").await;
    assert_eq!((with_subject.matches.len(), with_subject.included.len()), (1, 1));
    assert_eq!(with_subject.included[0]["id"], "p001");
    let around = follow(&caller, &token, "Patient?_id=p001&_revinclude=Observation:subject").await;
    assert_eq!(around.matches.len(), 1);
    assert!(!around.included.is_empty());
    let counted = caller.get("/fhir/Patient?_summary=count", Some(&token)).await.json();
    let readable = readable(&caller, &token, Held::Patient, &world()).await.len();
    assert_eq!((counted["total"].as_u64(), counted.get("entry")), (Some(readable as u64), None));
    let form = http::Request::post("/fhir/Patient/_search")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from_static(b"gender=female&_count=100")))
        .expect("a request");
    let posted = caller.send(form).await.expect("an answer").json();
    let got = caller.get("/fhir/Patient?gender=female&_count=100", Some(&token)).await.json();
    assert_eq!(posted["entry"], got["entry"]);
    let within = follow(&caller, &token, "Patient/p001/Observation").await;
    assert!(!within.matches.is_empty() && within.matches.iter().all(|it| is_about(it, "p001")));
}

/// What would look at something hidden is refused, with a code; what is hidden is nowhere in an answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_looks_at_hidden_elements_is_refused() {
    let house = House::up();
    let (caller, token) = (Caller::of(&house), house.token("nurse"));
    for (search, status, reason) in [
        ("Patient?identifier=LZMRN0000001", 403, "parameter.observes-hidden"),
        ("Patient?organization=Organization/dept-cardiology", 403, "parameter.observes-hidden"),
        ("Patient?_sort=organization", 403, "parameter.observes-hidden"),
        ("Patient?organization:missing=true", 403, "parameter.observes-hidden"),
        ("Patient?_include=Patient:general-practitioner", 403, "include.not-permitted"),
        ("Patient?_has:Coverage:beneficiary:status=active", 403, "parameter.chain-not-permitted"),
        ("Patient?_text=a", 403, "parameter.not-modelled"),
        ("Patient?_filter=name%20eq%20a", 403, "parameter.not-modelled"),
        ("Patient?nome=a", 403, "parameter.not-modelled"),
        ("Patient?birthdate=nonsense", 400, "parameter.value"),
        ("Patient?gender:above=female", 403, "parameter.modifier"),
        ("Patient?_count=1&_count=2", 400, "parameter.duplicate"),
        ("Patient?_page=bm90LW91cnM", 400, "cursor.invalid"),
        ("Coverage", 403, "policy.refused"),
        ("?_type=Patient", 403, "interaction.search-system-not-answered"),
    ] {
        let answer = caller.get(&format!("/fhir/{search}"), Some(&token)).await;
        let record = house.record_of(answer.trace());
        assert_eq!((answer.status, answer.reason().as_str()), (status, reason), "{search}: {record}");
    }
    let support = caller.get("/fhir/Patient", Some(&house.token("support"))).await;
    assert_eq!((support.status, support.reason().as_str()), (403, "policy.refused"));
    let all = follow(&caller, &token, "Observation?_count=100").await;
    assert!(all.matches.iter().all(|it| !it.to_string().contains(CANARY)), "no name stands in an observation");
}

/// The book names, by pseudonym, whom an answer was about.
#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_search_names_everybody_in_it() {
    let house = House::up();
    let (caller, token) = (Caller::of(&house), house.token("nurse"));
    let answer = caller.get("/fhir/Patient?_count=100", Some(&token)).await;
    let shown = answer.json()["entry"].as_array().expect("entries").len();
    let record = house.record_of(answer.trace());
    assert_eq!(record["returned"].as_u64(), Some(shown as u64), "{record}");
    assert_eq!(record["interaction"], "search-type");
    let text = record.to_string();
    assert!(!text.contains("p001") && !text.contains(CANARY), "{text}");
}
