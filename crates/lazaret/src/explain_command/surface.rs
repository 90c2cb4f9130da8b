//! `lazaret explain surface`: what a persona may search a type by, and what stands in the way of the rest.

use super::asker::Asker;
use crate::cli::ExplainSurface;
use crate::output;
use anyhow::Context;
use fhir::surface::{Obstacle, Row, RowKind, Standing};
use lexicon::{Interaction, Judge, Reach, ResourceType, Shown};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

pub fn surface(args: &ExplainSurface) -> anyhow::Result<()> {
    let of = ResourceType::from_name(&args.of).with_context(|| format!("`{}` is no type of R4", args.of))?;
    let asker = Asker::open(&args.persona, &args.data)?;
    let told = told(&asker, of);
    output::say(&if args.json { told.to_string() } else { in_words(&told) });
    Ok(())
}

pub(super) fn told(asker: &Asker, of: ResourceType) -> Value {
    let (persona, name) = (asker.persona.name, of.name());
    let plan = match asker.plan(Interaction::SearchType, of) {
        Ok(plan) => plan,
        Err(halt) => {
            let (reason, hint) = (halt.reason.code(), halt.reason.hint());
            return json!({"persona": persona, "type": name, "answer": halt.reason.status(), "reason": reason, "hint": hint});
        }
    };
    let shown = |(group, when): &(String, Shown)| json!({"group": group, "shown": if *when == Shown::Always { "always" } else { "sometimes" }});
    let reach = match plan.reach() {
        Reach::Anybody => Value::Null,
        Reach::Patients(patients) => json!(patients.len()),
    };
    let names = Groups::read(&asker.blueprint.road.projections);
    let rows = asker.surface(ResourceType::all()).list(of);
    let rows: Vec<Value> = rows.iter().map(|row| written(row, &names)).collect();
    let groups: Vec<Value> = plan.groups().iter().map(shown).collect();
    json!({"persona": persona, "type": name, "answer": 200, "policies": plan.policies(), "groups": groups, "patients": reach, "rows": rows})
}

fn written(row: &Row, names: &Groups) -> Value {
    let kind = kind(row.kind);
    match &row.standing {
        Standing::Allowed => json!({"kind": kind, "name": row.name, "standing": "allowed"}),
        Standing::WhereShown => json!({"kind": kind, "name": row.name, "standing": "where shown"}),
        Standing::Refused(Obstacle::Type(of)) => {
            json!({"kind": kind, "name": row.name, "standing": "refused", "type": of.name()})
        }
        Standing::Refused(Obstacle::Element(of, path)) => {
            json!({"kind": kind, "name": row.name, "standing": "refused", "element": format!("{of}.{path}"), "group": names.of(of.name(), path)})
        }
    }
}

const fn kind(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Parameter => "parameter",
        RowKind::Sort => "sort",
        RowKind::Chain => "chain",
        RowKind::Has => "_has",
        RowKind::Include => "include",
        RowKind::Reverse => "revinclude",
    }
}

/// Type, group, and the elements it names, as the operator wrote them.
struct Groups(BTreeMap<String, BTreeMap<String, Vec<String>>>);

impl Groups {
    fn read(projections: &str) -> Self {
        // They loaded before; what cannot be read again names no group.
        Self(toml::from_str(projections).unwrap_or_default())
    }

    /// The group that names the element or what it is inside of. An element inside of one that is named may still have
    /// to be named itself (the `identifier` of a reference, a `display`).
    fn of(&self, resource_type: &str, path: &str) -> Option<&str> {
        let names = |element: &String| match element.strip_suffix("[x]") {
            Some(choice) => path.starts_with(choice),
            None => path == element || path.strip_prefix(element.as_str()).is_some_and(|rest| rest.starts_with('.')),
        };
        let groups = self.0.get(resource_type)?;
        groups.iter().find(|(_, elements)| elements.iter().any(names)).map(|(group, _)| group.as_str())
    }
}

pub(super) fn in_words(told: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (persona, of) = (text(&told["persona"]), text(&told["type"]));
    if told["answer"] != 200 {
        let (reason, hint) = (text(&told["reason"]), text(&told["hint"]));
        return format!("{persona} may not search {of}: {} {reason}: {hint}", told["answer"]);
    }
    let each = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    let policies: Vec<String> = each("policies").iter().map(text).collect();
    let mut granted: Vec<String> = each("groups").iter().map(|group| text(&group["group"])).collect();
    granted.push("default".to_owned());
    let shown = |group: &Value| format!("{} ({})", text(&group["group"]), text(&group["shown"]));
    let mut groups = vec!["default (always)".to_owned()];
    groups.extend(each("groups").iter().map(shown));
    let reach = match told["patients"].as_u64() {
        None => "anybody's".to_owned(),
        Some(1) => "of 1 patient".to_owned(),
        Some(count) => format!("of {count} patients"),
    };
    let mut words = format!("What {persona} may search {of} by\n\n");
    let _ = writeln!(words, "permitted by    {}", policies.join(", "));
    let _ = writeln!(words, "element groups  {}", groups.join(", "));
    let _ = write!(words, "resources       {reach}");
    let rows = each("rows");
    for (kind, title) in [
        ("parameter", "parameters, with their modifiers"),
        ("sort", "orders"),
        ("chain", "chains, up to the next parameter"),
        ("_has", "reverse chains, up to the next parameter"),
        ("include", "includes"),
        ("revinclude", "reverse includes"),
    ] {
        let of_kind: Vec<&Value> = rows.iter().filter(|row| row["kind"] == kind).collect();
        if !of_kind.is_empty() {
            let _ = write!(words, "\n\n{title}\n{}", section(&of_kind, &granted));
        }
    }
    words
}

/// An element inside of one that a group names may still be hidden: the `identifier` of a reference must be named itself,
/// and a reference that leads elsewhere is not shown, so it gives no order.
fn why(row: &Value, granted: &[String]) -> String {
    match row["group"].as_str() {
        None => "in no group".to_owned(),
        Some(group) if !granted.iter().any(|name| name == group) => format!("in group {group}"),
        Some(group) if row["kind"] == "sort" => format!("not always shown by group {group}"),
        Some(group) => format!("not named itself in group {group}"),
    }
}

/// Types that a reference may lead to are counted when there are many.
fn together(modifiers: &[String]) -> String {
    let is_type = |modifier: &&String| modifier.chars().nth(1).is_some_and(char::is_uppercase);
    let types = modifiers.iter().filter(is_type).count();
    if types <= 8 {
        return modifiers.join(" ");
    }
    let others = modifiers.iter().filter(|modifier| !is_type(modifier)).cloned();
    others.chain([format!(":Type of {types}")]).collect::<Vec<_>>().join(" ")
}

/// One line for what stands alike and begins alike; types that may not be searched are only counted.
fn section(rows: &[&Value], granted: &[String]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines: Vec<(String, Vec<String>, String)> = Vec::new();
    let mut barred: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        if let Some(of) = row["type"].as_str() {
            *barred.entry(of.to_owned()).or_default() += 1;
            continue;
        }
        let standing = match row["element"].as_str() {
            Some(element) => format!("refused: {element}, {}", why(row, granted)),
            None => text(&row["standing"]),
        };
        let name = text(&row["name"]);
        let (code, modifier) = match name.split_once(':') {
            Some((code, modifier)) if row["kind"] == "parameter" => (code.to_owned(), Some(format!(":{modifier}"))),
            _ => (name, None),
        };
        match lines.iter_mut().find(|(of, _, stands)| *of == code && *stands == standing) {
            Some((_, modifiers, _)) => modifiers.extend(modifier),
            None => {
                // A code that is only answered with its modifier is written with it.
                let alone = modifier.is_none() || lines.iter().any(|(of, ..)| *of == code);
                let code = if alone { code } else { name_of(row) };
                lines.push((code, if alone { modifier.into_iter().collect() } else { Vec::new() }, standing));
            }
        }
    }
    let width = lines.iter().map(|(code, ..)| code.len()).max().unwrap_or_default();
    let mut written: Vec<String> = lines
        .iter()
        .map(|(code, modifiers, standing)| {
            format!("  {code:width$}  {standing}  {}", together(modifiers)).trim_end().to_owned()
        })
        .collect();
    if !barred.is_empty() {
        let count: usize = barred.values().sum();
        let types: Vec<&str> = barred.keys().map(String::as_str).collect();
        let types = if types.len() > 12 { format!("{} types", types.len()) } else { types.join(", ") };
        written.push(format!("  {count} more lead to what may not be searched: {types}"));
    }
    written.join("\n")
}

fn name_of(row: &Value) -> String {
    row["name"].as_str().unwrap_or_default().to_owned()
}
