//! `lazaret explain`: why a persona's request would be permitted or refused. Asks the same rooms that answer requests;
//! the resource and the care relationships come from the folder's synthetic clinic.

use crate::blueprint::{Blueprint, DEVELOPMENT_MARK, Material};
use crate::cli::Explain;
use crate::personas::Persona;
use crate::{output, process, wiring};
use anyhow::{Context, anyhow, bail};
use clinic::{Held, Key, World};
use fhir::filter::{Filter, Limits, Scanned};
use fhir::request::{self, Line};
use fhir::scope::Scopes;
use fhir::{Base, Grant};
use identity::{Bearer, DevelopmentIssuer, Peer};
use lexicon::{Context as Circumstances, Facts, LocalId, Principal, Question, Reason, Relationship, Verdict};
use policy::{Class, Explanation, Standing};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

pub fn explain(args: &Explain) -> anyhow::Result<ExitCode> {
    if !args.data.join(DEVELOPMENT_MARK).exists() {
        bail!(
            "`{}` is not a data folder of `lazaret up`; start that first, or name it with --data",
            args.data.display()
        );
    }
    let blueprint = Blueprint::read(&args.data.join("lazaret.toml"), Material::Development)?;
    let principal = principal(args, &blueprint)?;
    let (method, path) = match args.request.as_slice() {
        [path] => ("GET", path.as_str()),
        [method, path] => (method.as_str(), path.as_str()),
        _ => bail!("name one request, such as Patient/p001"),
    };
    let told = told(&blueprint, &args.data, &principal, (method, path))?;
    if args.json {
        output::say(&told.to_string());
    } else {
        output::say(&in_words(&told));
    }
    Ok(ExitCode::SUCCESS)
}

/// The persona as the gateway would know it: a real token, really verified.
fn principal(args: &Explain, blueprint: &Blueprint) -> anyhow::Result<Principal> {
    let persona = Persona::named(&args.persona)
        .with_context(|| format!("no persona is named `{}`; see `lazaret token --list`", args.persona))?;
    let now = process::now();
    let issuer = DevelopmentIssuer::open(&args.data.join("issuer"))?;
    let token = issuer.mint(&persona.claims(&blueprint.road.base, now.seconds()), now, 60)?;
    let bearer = Bearer::from_header(format!("Bearer {token}").as_bytes()).map_err(|reason| anyhow!("{reason}"))?;
    let verifier = wiring::verifier(blueprint)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let caller =
        runtime.block_on(verifier.verify(&bearer, &Peer::default(), now)).map_err(|reason| anyhow!("{reason}"))?;
    Ok(caller.principal().clone())
}

fn told(
    blueprint: &Blueprint,
    data: &Path,
    principal: &Principal,
    (method, path): (&str, &str),
) -> anyhow::Result<Value> {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let path = format!("/{}", path.trim_start_matches('/'));
    let refused = |reason: Reason| json!({"answer": reason.status(), "reason": reason.code(), "shown": reason.shown().code(), "hint": reason.hint()});
    let asked = match request::parse(Line { method, path: &path, query, ..Line::default() }) {
        Ok(asked) => asked,
        Err(reason) => return Ok(refused(reason)),
    };
    if let Some(reason) = request::unanswered(asked.interaction) {
        return Ok(refused(reason));
    }
    let (Some(resource_type), Some(id)) = (asked.resource_type, &asked.id) else {
        return Ok(json!({"answer": 200, "why": "public"}));
    };
    let scopes = Scopes::parse(&principal.scopes);
    let grants = match scopes.covering(principal.kind, asked.interaction, resource_type) {
        Ok(grants) => grants,
        Err(reason) => return Ok(refused(reason)),
    };
    let world =
        World::from_saved(&std::fs::read_to_string(data.join("clinic.json")).context("the clinic's file is missing")?)?;
    let relationship = relationship(&world, principal, blueprint)?;
    let scanned = resource(&world, resource_type.name(), id.reveal()).map(|text| scan(&text)).transpose()?;
    let facts = scanned.as_ref().map(|scanned| facts(blueprint, scanned, &relationship));
    let question = Question {
        principal: principal.clone(),
        action: asked.interaction.action(),
        resource_type: Some(resource_type),
        context: Circumstances {
            now: process::now(),
            purpose: blueprint.road.purpose.clone(),
            zone: blueprint.road.zone.clone(),
            assurance: principal.assurance,
            scopes: grants.iter().map(Grant::text).collect(),
        },
    };
    let rules = wiring::rules(blueprint)?;
    let explanation = rules.engine.explain(&question, &relationship, facts.as_ref());
    let by_scope = match (&scanned, &facts) {
        (Some(scanned), Some(facts)) => by_scope(&rules, &grants, &Case { scanned, facts, principal }, &explanation),
        _ => None,
    };
    Ok(shape(&explanation, by_scope, scanned.is_some()))
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

fn scan(text: &str) -> anyhow::Result<Scanned> {
    let mut filter = Filter::new(Limits { bytes: 1 << 20, depth: wiring::JSON_DEPTH });
    filter
        .push(text.as_bytes())
        .and_then(|()| filter.finish())
        .map_err(|reason| anyhow!("the clinic's resource: {reason}"))
}

/// The care teams that the caller works in, as the clinic would answer the gateway's query, and as the file lists them.
fn relationship(world: &World, principal: &Principal, blueprint: &Blueprint) -> anyhow::Result<Relationship> {
    let Some((kind, id)) = &principal.fhir_user else { return Ok(Relationship::default()) };
    let who = format!("{}/{}", kind.name(), id.reveal());
    let mut care_teams = Vec::new();
    for text in world.keys(Held::CareTeam).filter_map(|key| world.text(key)) {
        let team = scan(&text)?;
        let works_in = team.strings_at(&["participant", "member", "reference"]).iter().any(|member| *member == who);
        let subject = team.strings_at(&["subject", "reference"]);
        let patient = subject.first().and_then(|subject| LocalId::new(subject.strip_prefix("Patient/")?));
        if let (true, Some(team), Some(patient)) = (works_in, team.id(), patient) {
            care_teams.push((team, patient));
        }
    }
    if let Some(roster) = &blueprint.road.roster {
        care_teams.extend(roster.listed.care_teams(&(*kind, id.clone()), process::now()));
    }
    Ok(Relationship { care_teams, source: "query:CareTeam", age_s: 0, valid_until: None })
}

fn facts(blueprint: &Blueprint, scanned: &Scanned, relationship: &Relationship) -> Facts {
    let base = Base::new([blueprint.road.base.as_str(), blueprint.road.upstream.base.as_str()]);
    gateway::fhir::facts(
        scanned,
        &gateway::fhir::Reading { base: &base, unlabelled: &blueprint.road.unlabelled },
        relationship,
    )
}

fn shape(explanation: &Explanation, by_scope: Option<Reason>, exists: bool) -> Value {
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
        (Class::Planned, _) if !exists => Some(Reason::ResourceAbsent),
        (Class::Planned, _) if by_scope.is_some() => by_scope,
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
