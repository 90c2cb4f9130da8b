//! `lazaret explain`: why a persona's request would be permitted or refused. Asks the same rooms that answer requests;
//! the resource and the care relationships come from the folder's synthetic clinic.

mod asker;
mod surface;
mod worth;

use crate::blueprint::Blueprint;
use crate::cli::{Explain, ExplainWhat};
use crate::{output, wiring};
use anyhow::bail;
use asker::{Asker, scan};
use clinic::{Held, Key, World};
use fhir::filter::Scanned;
use fhir::request::{self, Line};
use fhir::{Base, Grant, Search};
use lexicon::{Facts, Principal, Reason, Relationship, Verdict};
use policy::{Class, Explanation, Standing};
use serde_json::{Value, json};
use std::process::ExitCode;

pub fn explain(args: &Explain) -> anyhow::Result<ExitCode> {
    match &args.what {
        Some(ExplainWhat::Surface(args)) => surface::surface(args)?,
        Some(ExplainWhat::Worth(args)) => worth::worth(args)?,
        None => request(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: &Explain) -> anyhow::Result<()> {
    let asker = Asker::open(args.persona.as_deref().unwrap_or_default(), &args.data)?;
    let (method, path) = match args.request.as_slice() {
        [path] => ("GET", path.as_str()),
        [method, path] => (method.as_str(), path.as_str()),
        _ => bail!("name one request, such as Patient/p001"),
    };
    let told = told(&asker, (method, path))?;
    if args.json {
        output::say(&told.to_string());
    } else {
        output::say(&in_words(&told));
    }
    Ok(())
}

fn refused(reason: Reason) -> Value {
    json!({"answer": reason.status(), "reason": reason.code(), "shown": reason.shown().code(), "hint": reason.hint()})
}

fn told(asker: &Asker, (method, path): (&str, &str)) -> anyhow::Result<Value> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let path = format!("/{}", path.trim_start_matches('/'));
    let asked = match request::parse(Line { method, path: &path, query, ..Line::default() }) {
        Ok(asked) => asked,
        Err(reason) => return Ok(refused(reason)),
    };
    if let Some(reason) = request::unanswered(asked.interaction) {
        return Ok(refused(reason));
    }
    let Some(resource_type) = asked.resource_type else { return Ok(json!({"answer": 200, "why": "public"})) };
    let grants = match asker.grants(asked.interaction, resource_type) {
        Ok(grants) => grants,
        Err(reason) => return Ok(refused(reason)),
    };
    let question = asker.question(asked.interaction, resource_type, &grants);
    let (rules, relationship) = (&asker.rules, &asker.relationship);
    let Some(id) = &asked.id else {
        let explanation = rules.engine.explain(&question, relationship, None);
        let by_surface = asked.search.as_ref().and_then(|search| by_surface(asker, search));
        return Ok(shape(&explanation, by_surface));
    };
    let scanned = resource(&asker.world, resource_type.name(), id.reveal()).map(|text| scan(&text)).transpose()?;
    let facts = scanned.as_ref().map(|scanned| facts(&asker.blueprint, scanned, relationship));
    let explanation = rules.engine.explain(&question, relationship, facts.as_ref());
    let further = match (&scanned, &facts) {
        (Some(scanned), Some(facts)) => {
            by_scope(rules, &grants, &Case { scanned, facts, principal: &asker.principal }, &explanation)
        }
        _ => Some(Reason::ResourceAbsent),
    };
    Ok(shape(&explanation, further))
}

/// What of a search is refused before it is asked: a type that it leads to, or an element that it looks at.
fn by_surface(asker: &Asker, search: &Search) -> Option<Reason> {
    let types = search.types();
    let refusal = types.iter().find_map(|of| asker.plan(lexicon::Interaction::SearchType, *of).err());
    let surface = asker.surface(types.into_iter().chain([search.of]));
    refusal.map(|halt| halt.reason).or_else(|| surface.admits(search).err())
}

/// A resource, and who wants to see it.
struct Case<'a> {
    scanned: &'a Scanned,
    facts: &'a Facts,
    principal: &'a Principal,
}

/// What the granted scopes say of the resource, in the order in which the road asks them.
fn by_scope(rules: &wiring::Rules, grants: &[Grant], case: &Case<'_>, explanation: &Explanation) -> Option<Reason> {
    let (launched, patient) = (case.principal.patient.as_ref(), case.facts.patient.as_ref());
    let reaching: Vec<&Grant> = grants.iter().filter(|grant| grant.reaches(launched, patient)).collect();
    if reaching.is_empty() {
        return Some(Reason::ScopePatient);
    }
    let Some(Verdict::Permit { groups, .. }) = &explanation.verdict else { return None };
    let projection = rules.projections.compile(case.facts.resource_type, groups);
    let admits =
        |grant: &&Grant| grant.reads_only(&projection) && grant.admits(case.scanned, launched, patient).is_ok();
    (!reaching.iter().any(admits)).then_some(Reason::ScopeGranular)
}

fn resource(world: &World, resource_type: &str, id: &str) -> Option<String> {
    let key = Key::parse(Held::from_name(resource_type)?, id)?;
    world.holds(key).then(|| world.text(key)).flatten()
}

fn facts(blueprint: &Blueprint, scanned: &Scanned, relationship: &Relationship) -> Facts {
    let base = Base::new([blueprint.road.base.as_str(), blueprint.road.upstream.base.as_str()]);
    gateway::fhir::facts(
        scanned,
        &gateway::fhir::Reading { base: &base, unlabelled: &blueprint.road.unlabelled },
        relationship,
    )
}

/// The explanation, and what else than the policies refuses.
fn shape(explanation: &Explanation, further: Option<Reason>) -> Value {
    let policies: Vec<Value> = explanation
        .policies
        .iter()
        .map(|policy| {
            let (standing, on, met) = match &policy.standing {
                Standing::Applies => ("applies", None, None),
                Standing::DoesNotApply => ("does not apply", None, None),
                Standing::Errs => ("cannot be evaluated", None, None),
                Standing::Depends { on, met } => ("depends on the resource", Some(on.clone()), *met),
            };
            json!({"id": policy.id, "effect": policy.effect, "about": policy.description, "file": policy.file, "line": policy.line,
                "standing": standing, "condition": on, "met": met})
        })
        .collect();
    let reason = match (&explanation.class, &explanation.verdict) {
        (Class::Refused(halt), _) => Some(halt.reason),
        (Class::Planned, _) if further.is_some() => further,
        (Class::Planned, Some(Verdict::Refuse { reason, .. })) => Some(*reason),
        (Class::Planned, _) => None,
    };
    let groups = match &explanation.verdict {
        Some(Verdict::Permit { groups, .. }) => groups.clone(),
        _ => Vec::new(),
    };
    json!({
        "answer": reason.map_or(200, Reason::status),
        "reason": reason.map(Reason::code),
        "shown": reason.map(|reason| reason.shown().code()),
        "hint": reason.map(Reason::hint),
        "policies": policies,
        "groups": groups,
        "would_change_it": explanation.changes,
    })
}

fn in_words(told: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines = vec![match told["reason"].as_str() {
        Some(reason) => format!("{} {reason}: {}", told["answer"], text(&told["hint"])),
        None => format!("{} permitted", told["answer"]),
    }];
    for policy in told["policies"].as_array().into_iter().flatten() {
        let condition = policy["condition"].as_str().map(|on| format!("\n      {on}")).unwrap_or_default();
        let met = match policy["met"].as_bool() {
            Some(true) => ", and it holds",
            Some(false) => ", and it does not hold",
            None => "",
        };
        let (effect, id, standing) = (text(&policy["effect"]), text(&policy["id"]), text(&policy["standing"]));
        lines.push(format!(
            "  {effect} {id} ({}:{}): {standing}{met}{condition}",
            text(&policy["file"]),
            policy["line"]
        ));
    }
    let list = |name: &str| told[name].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    if !list("groups").is_empty() {
        lines.push(format!("  element groups: {}", list("groups").join(", ")));
    }
    for change in list("would_change_it") {
        lines.push(format!("  would change it: {change}"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
