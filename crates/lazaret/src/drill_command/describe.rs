//! The gateway of a data folder as a target: tokens of its personas, and what its clinic hides from whom.

use crate::blueprint::DEVELOPMENT_MARK;
use crate::personas::Persona;
use crate::{process, up};
use anyhow::{Context, bail};
use clinic::{BASE, GROUPS, Held, Key, LISTS, World};
use identity::DevelopmentIssuer;
use lexicon::Time;
use serde_json::json;
use std::path::Path;
use toml::{Table, Value};

/// Seconds the tokens live: as long as a drill may take, and some time to look around.
const LIFETIME_S: u64 = 3_600;
/// The development nurse cares for the first, not for the second; records of the third are restricted, of the fourth
/// very restricted; the last is another patient of hers.
const MINE: u32 = 1;
const STRANGER: u32 = 11;
const LABELLED: u32 = 3;
const VERY_RESTRICTED: u32 = 5;
const NEIGHBOUR: u32 = 2;

pub fn describe(data: &Path) -> anyhow::Result<String> {
    if !data.join(DEVELOPMENT_MARK).exists() {
        bail!(
            "`{}` is not a data folder of `lazaret up`; start that first, or name a target with --target",
            data.display()
        );
    }
    let base = up::base_of(data).context("the folder does not say where its gateway listens; run `lazaret up`")?;
    let world = World::from_saved(&std::fs::read_to_string(data.join("clinic.json"))?)?;
    let mut target = Table::new();
    target.insert("base".to_owned(), base.clone().into());
    target.insert("trust".to_owned(), "ca.pem".into());
    target.insert("dialect".to_owned(), "lazaret".into());
    target.insert("control".to_owned(), controls().into());
    target.insert("token".to_owned(), tokens(data, &base)?.into());
    target.insert("value".to_owned(), values(&world).into());
    target.insert("words".to_owned(), words(&world).into());
    Ok(format!("# The gateway of {}. It holds access tokens: keep it to yourself.\n{target}", data.display()))
}

fn table<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    rows.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
}

/// What each token is good for.
fn controls() -> Table {
    let own = "/Patient/{mine}".to_owned();
    table([
        ("nurse", own.clone()),
        ("support", own.clone()),
        ("patient", own.clone()),
        ("read-only", own),
        ("search-only", "/Patient?_id={mine}".to_owned()),
    ])
}

/// A token: the persona it is of, the claims that differ, and how long ago it was issued.
struct Minted {
    name: &'static str,
    persona: &'static str,
    claims: serde_json::Value,
    age_s: u64,
}

fn tokens(data: &Path, base: &str) -> anyhow::Result<Table> {
    let issuer = DevelopmentIssuer::open(&data.join("issuer"))?;
    let of = |name, persona, claims| Minted { name, persona, claims, age_s: 0 };
    let scoped = |name, scope: &str| of(name, "nurse", json!({ "scope": scope }));
    let laboratory = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
    let all = [
        of("nurse", "nurse", json!({})),
        of("support", "support", json!({})),
        of("patient", "patient", json!({})),
        of("no-mfa", "nurse-no-mfa", json!({})),
        of("wrong-scope", "nurse-wrong-scope", json!({})),
        of("other-audience", "nurse", json!({"aud": "https://elsewhere.example/fhir"})),
        of("revoked", "nurse", json!({"sub": up::WITHDRAWN})),
        of("bound", "nurse", json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})),
        scoped("read-only", "user/*.r"),
        scoped("search-only", "user/*.s"),
        scoped("scope-empty", "user/*."),
        scoped("scope-letters", "user/*.xyz"),
        scoped("scope-modifier", "user/Observation.rs?code:in=http://example.org/ValueSet/x"),
        scoped("scope-chain", "user/Observation.rs?patient.name=a"),
        scoped("granular", &format!("user/Observation.rs?category={laboratory} user/Observation.rs?status=cancelled")),
        Minted { name: "expired", persona: "nurse", claims: json!({}), age_s: 2 * LIFETIME_S },
    ];
    let mut tokens = Table::new();
    for Minted { name, persona, claims, age_s } in all {
        let persona = Persona::named(persona).context("a persona is missing")?;
        let issued = Time::from_seconds(process::now().seconds().saturating_sub(age_s));
        let mut own = persona.claims(base, issued.seconds());
        own.extend(claims.as_object().cloned().unwrap_or_default());
        tokens.insert(name.to_owned(), issuer.mint(&own, issued, LIFETIME_S)?.into());
    }
    Ok(tokens)
}

/// The text at a place in the Patient of that number.
fn of_patient(world: &World, n: u32, place: &str) -> String {
    let patient = world.resource(Key::patient(n)).unwrap_or_default();
    patient.pointer(place).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn record_number(world: &World, n: u32) -> String {
    of_patient(world, n, "/identifier/0/value")
}

fn values(world: &World) -> Table {
    let patient = |n| Key::patient(n).id();
    let observation = |n| Key::new(Held::Observation, n, 1).id();
    let family = of_patient(world, STRANGER, "/name/0/family");
    let subscriber = world.resource(Key::new(Held::Coverage, MINE, 1)).unwrap_or_default();
    let subscriber =
        subscriber.pointer("/subscriberId").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let trap = |name: &str| format!("obs-trap-{name}");
    table([
        ("mine", patient(MINE)),
        ("stranger", patient(STRANGER)),
        ("labelled", patient(LABELLED)),
        ("very_restricted", patient(VERY_RESTRICTED)),
        ("absent", "nobody-here".to_owned()),
        ("mine_observation", observation(MINE)),
        ("mine_vital", observation(MINE)),
        ("labelled_observation", observation(LABELLED)),
        ("two_patients", trap("two-patients")),
        ("foreign_subject", trap("foreign")),
        ("urn_subject", trap("urn")),
        ("identifier_subject", trap("identifier")),
        ("contained_subject", trap("contained")),
        ("label_no_system", trap("label-no-system")),
        ("label_escaped", trap("label-escaped")),
        ("label_hidden", trap("label-hidden")),
        ("group", GROUPS.first().copied().unwrap_or_default().to_owned()),
        ("list", LISTS.first().copied().unwrap_or_default().to_owned()),
        ("practitioner", "nurse-1".to_owned()),
        ("mine_mrn", record_number(world, MINE)),
        ("no_mrn", "LZMRN9999999".to_owned()),
        ("mine_subscriber", subscriber),
        ("stranger_part", family.chars().skip(1).take(5).collect()),
        ("stranger_family", family),
        ("no_family", "Nowhere".to_owned()),
        ("organization_name", "Cardiology".to_owned()),
        ("upstream_source", BASE.to_owned()),
        // Of MedicationRequest, by when it is to be taken; of Patient, by who is the doctor: the nurse is shown neither.
        ("hidden_date", "date".to_owned()),
        ("hidden_parameter", "general-practitioner".to_owned()),
    ])
}

fn words(world: &World) -> Table {
    // The ids of all that belongs to a patient, and the number of the record.
    let records = |n: u32| format!("-{}-", Key::patient(n).id());
    let about = |n: u32| vec![Key::patient(n).reference(), records(n), record_number(world, n)];
    let typed = |name: &str| format!("\"resourceType\":\"{name}\"");
    let vitals = [1, 2, 5].map(|k| Key::new(Held::Observation, MINE, k).id()).to_vec();
    let lists = [
        ("clinical", vec![typed("Patient"), typed("Observation"), "\"birthDate\"".to_owned()]),
        ("stranger", about(STRANGER)),
        ("stranger_records", vec![records(STRANGER)]),
        ("labelled", about(LABELLED)),
        ("neighbour", about(NEIGHBOUR)),
        (
            "hidden",
            vec![
                record_number(world, MINE),
                of_patient(world, MINE, "/identifier/1/value"),
                of_patient(world, MINE, "/extension/1/url"),
                "<div".to_owned(),
            ],
        ),
        ("names", vec![of_patient(world, MINE, "/name/0/family")]),
        ("vitals", vitals),
        ("coverage", vec![typed("Coverage"), "LZMEM".to_owned()]),
        ("two_patients", LISTS.into_iter().chain(["obs-trap-two-patients"]).map(str::to_owned).collect()),
        ("trap", vec![typed("Observation")]),
        (
            "upstream",
            ["/_getpages", "_getpages=", "SELECT ", "Exception", "clinic.lazaret.localhost/fhir"]
                .map(str::to_owned)
                .to_vec(),
        ),
        ("evil", vec!["evil.example".to_owned()]),
    ];
    lists.into_iter().map(|(name, words)| (name.to_owned(), words.into())).collect()
}
