//! `lazaret explain worth`: what a stolen token of a persona is worth to whoever holds it. Numbers of the manifest, and
//! what the rules say of the clinic.

use super::asker::Asker;
use crate::cli::ExplainWorth;
use crate::{output, wiring};
use lexicon::{Interaction, Judge, Reach, ResourceType, Shown};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub fn worth(args: &ExplainWorth) -> anyhow::Result<()> {
    let told = told(&Asker::open(&args.persona, &args.data)?, args.lifetime_s);
    output::say(&if args.json { told.to_string() } else { in_words(&told) });
    Ok(())
}

pub(super) fn told(asker: &Asker, lifetime_s: u64) -> Value {
    let settings = wiring::desk_settings(&asker.blueprint.road);
    let (patients, tokens, caps) = (settings.limits.patients, settings.limits.tokens, asker.blueprint.road.caps);
    let bound = asker.persona.claims(&asker.blueprint.road.base, 0).contains_key("cnf");
    let mut reached: BTreeSet<_> = BTreeSet::new();
    let mut anybody = false;
    let mut types: BTreeMap<&str, Value> = BTreeMap::new();
    let listed: BTreeSet<_> = asker.rules.projections.groups().into_iter().map(|(of, _)| of).collect();
    for of in ResourceType::all() {
        let asked = [("read", Interaction::Read), ("search", Interaction::SearchType)];
        let plans: Vec<_> =
            asked.into_iter().filter_map(|(word, how)| Some((word, asker.plan(how, of).ok()?))).collect();
        let Some((_, plan)) = plans.first() else { continue };
        for (_, plan) in &plans {
            match plan.reach() {
                Reach::Anybody => anybody |= is_of_patients(of),
                Reach::Patients(patients) => reached.extend(patients),
            }
        }
        let default = listed.contains(&of).then(|| "default".to_owned());
        let groups: Vec<String> = default.into_iter().chain(plan.groups().into_iter().map(written)).collect();
        let words: Vec<&str> = plans.iter().map(|(word, _)| *word).collect();
        types.insert(of.name(), json!({"may": words, "groups": groups}));
    }
    let reach = if anybody { Value::Null } else { json!(reached.len()) };
    json!({
        "persona": asker.persona.name,
        "token": {"lifetime_s": lifetime_s, "sender_constrained": bound},
        "requests": {"per_minute": u64::from(tokens.count) * 60 / u64::from(tokens.period_s.max(1)), "at_once": tokens.burst},
        "search": {"matches_a_page": caps.most, "upstream_entries": caps.entries, "upstream_pages": caps.pages},
        "patients": {"window_s": patients.window_s, "step_up_beyond": patients.step_up, "fresh_s": settings.limits.fresh_s, "stop_beyond_token": patients.most_of_a_token,
            "stop_beyond_person": patients.most, "reach": reach, "of": asker.world.patients()},
        "types": types,
    })
}

fn written((group, shown): (String, Shown)) -> String {
    if shown == Shown::Always { group } else { format!("{group} (of some)") }
}

/// The directory is of no patient; who reads it reaches no patient by it.
fn is_of_patients(of: ResourceType) -> bool {
    of == ResourceType::PATIENT || !fhir::compartment::memberships(of).is_empty()
}

pub(super) fn in_words(told: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (token, requests, search, patients) = (&told["token"], &told["requests"], &told["search"], &told["patients"]);
    let holder = if token["sender_constrained"] == true {
        "only with the key of the certificate it is bound to"
    } else {
        "bound to no key: whoever holds it can use it"
    };
    let reach = match patients["reach"].as_u64() {
        Some(count) => format!("{count} of the clinic's {}", patients["of"]),
        None => format!("any of the clinic's {}", patients["of"]),
    };
    let known = patients["reach"].as_u64().unwrap_or_else(|| number(&patients["of"]));
    let most = known.min(number(&patients["stop_beyond_token"]));
    let mut rows = vec![
        vec!["token".to_owned(), format!("lives {} s; {holder}", token["lifetime_s"])],
        vec!["requests".to_owned(), format!("{} a minute, {} at once", requests["per_minute"], requests["at_once"])],
        vec![
            "a search".to_owned(),
            format!(
                "{} matches a page at most; {} entries or {} pages of the upstream, or it is refused as too broad",
                search["matches_a_page"], search["upstream_entries"], search["upstream_pages"]
            ),
        ],
        vec![
            "patients".to_owned(),
            format!(
                "different ones in {} s: beyond {} only after a sign-in in the last {} s or a phishing-resistant one; never more than {} with this token or {} by this person",
                patients["window_s"],
                patients["step_up_beyond"],
                patients["fresh_s"],
                patients["stop_beyond_token"],
                patients["stop_beyond_person"]
            ),
        ],
        vec!["reach".to_owned(), reach],
        vec![
            "at most".to_owned(),
            format!("{most} {} in {} s", if most == 1 { "patient" } else { "patients" }, patients["window_s"]),
        ],
    ];
    rows.push(Vec::new());
    rows.push(vec!["types".to_owned(), String::new()]);
    let mut bare = 0_usize;
    for (of, what) in told["types"].as_object().into_iter().flatten() {
        let list = |name: &str| {
            let words = what[name].as_array().into_iter().flatten().filter_map(Value::as_str);
            words.collect::<Vec<_>>().join(", ")
        };
        if what["groups"].as_array().is_some_and(Vec::is_empty) {
            bare += 1;
        } else {
            rows.push(vec![format!("  {of}"), format!("{}: {}", list("may"), list("groups"))]);
        }
    }
    if told["types"].as_object().is_none_or(|types| types.is_empty()) {
        rows.push(vec!["  none".to_owned(), String::new()]);
    }
    if bare > 0 {
        rows.push(vec![format!("  {bare} more"), "of which type and id are shown, and nothing else".to_owned()]);
    }
    let title = format!("What a stolen token of {} is worth\n", told["persona"].as_str().unwrap_or_default());
    let width = rows.iter().filter_map(|row| row.first()).map(String::len).max().unwrap_or_default();
    let line = |row: &Vec<String>| match row.as_slice() {
        [what, said] => format!("{what:width$}  {said}").trim_end().to_owned(),
        _ => String::new(),
    };
    std::iter::once(title).chain(rows.iter().map(line)).collect::<Vec<_>>().join("\n")
}
