//! The reference for what a caller may see: filter(world, policy), one resource at a time, over parsed JSON.

use crate::{
    law::{Action, Facts, Law, Who},
    leaks::{Leak, Leaks},
    matching::{Wanted, matches, nodes, text},
    table::{Row, find},
    world::{Kept, World},
};
use serde_json::{Map, Value, json};

/// What one caller may see of one world.
#[derive(Clone)]
pub struct Sight<'a> {
    pub world: &'a World,
    pub law: &'a Law,
    pub caller: &'a Who,
    pub leaks: Leaks,
    /// Patients in whose care teams the caller works.
    pub cared_for: Vec<String>,
}

/// One resource, as it is shown.
#[derive(Clone)]
pub struct Seen<'a> {
    pub full: &'a Value,
    pub shown: Value,
    pub paths: Vec<String>,
    pub is_partial: bool,
}

impl<'a> Sight<'a> {
    pub fn new(world: &'a World, law: &'a Law, caller: &'a Who, leaks: Leaks) -> Self {
        let cared_for = world.cared_for(caller.practitioner).into_iter().map(|(_, patient)| patient).collect();
        Self { world, law, caller, leaks, cared_for }
    }

    /// Is there a scope and a rule that could let the caller do this to some resource of the type?
    pub fn may_ask(&self, action: Action, of: &str) -> bool {
        let covers = |scope: &&crate::law::Scope| scope.of.is_none_or(|only| only == of);
        self.caller.scopes.iter().any(|scope| covers(&scope)) && self.law.could(self.caller, action, of)
    }

    /// May this be seen, and what of it?
    pub fn see(&self, of: &str, full: &'a Value, action: Action) -> Option<Seen<'a>> {
        let patient = patient_of(of, full);
        let facts = Facts {
            of,
            patient,
            department: department_of(of, full),
            labels: labels_of(full),
            cared_for: &self.cared_for,
        };
        let groups = self.law.judge(self.caller, action, &facts)?;
        let paths = self.law.elements(of, &groups);
        let grants = self.caller.scopes.iter().filter(|scope| {
            scope.of.is_none_or(|only| only == of)
                && (!scope.is_of_patient || (patient.is_some() && patient == self.caller.patient.as_deref()))
        });
        let admits = grants.into_iter().any(|scope| {
            let Some((code, value)) = &scope.only else { return true };
            let row = find(of, code).expect("a parameter of the table");
            let wanted = Wanted { modifier: String::new(), values: value.clone() };
            let may_look = reads_shown(row, &paths) || self.leaks.has(Leak::ScopeOnHidden);
            may_look && matches(full, row, &wanted) == Some(true)
        });
        if !admits {
            return None;
        }
        let (shown, is_partial) = self.project(full, &paths);
        Some(Seen { full, shown, paths, is_partial })
    }

    /// The same for a kept resource: what is deleted is not seen.
    pub fn see_kept(&self, kept: &'a Kept, action: Action) -> Option<Seen<'a>> {
        self.see(kept.of, kept.current()?, action)
    }

    /// The versions that may be seen, the newest first; none unless the current one may be seen.
    pub fn versions(&self, kept: &'a Kept) -> Vec<Seen<'a>> {
        if self.see_kept(kept, Action::Read).is_none() && !self.leaks.has(Leak::VersionWithoutCurrent) {
            return Vec::new();
        }
        let mut versions: Vec<Seen<'a>> =
            kept.versions.iter().rev().filter_map(|version| self.see(kept.of, version, Action::Read)).collect();
        // Versions that differ only in what is withheld are one.
        let repeats = |a: &mut Seen<'_>, b: &mut Seen<'_>| format!("{}", a.shown) == format!("{}", b.shown);
        if !self.leaks.has(Leak::VersionsThatLookAlike) {
            versions.dedup_by(repeats);
        }
        versions
    }

    fn project(&self, full: &Value, paths: &[String]) -> (Value, bool) {
        let mut withheld = 0;
        let mut shown = Map::new();
        for (name, value) in full.as_object().expect("a resource") {
            match name.as_str() {
                "resourceType" => {
                    shown.insert(name.clone(), value.clone());
                }
                "meta" => {}
                _ => match self.member(name, value, "", paths, &mut withheld) {
                    Some(value) => drop(shown.insert(name.clone(), value)),
                    None => withheld += 1,
                },
            }
        }
        let mut of_meta = 0;
        let meta = full.get("meta").and_then(|meta| self.member("meta", meta, "", paths, &mut of_meta));
        of_meta += usize::from(meta.is_none() && full.get("meta").is_some());
        let is_partial = withheld + of_meta > 0;
        let mut meta = meta.unwrap_or_else(|| json!({}));
        if is_partial {
            let members = meta.as_object_mut().expect("meta");
            if !self.leaks.has(Leak::LastUpdatedOfPartial) {
                members.remove("lastUpdated");
            }
            if !self.leaks.has(Leak::VersionIdOfPartial) {
                members.remove("versionId");
            }
            let tags = members.entry("tag").or_insert_with(|| json!([])).as_array_mut().expect("tags");
            tags.push(
                json!({ "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED" }),
            );
            if self.leaks.has(Leak::WithheldIsCounted) {
                tags.push(json!({ "system": "urn:withheld", "code": (withheld + of_meta).to_string() }));
            }
        }
        if meta.as_object().is_some_and(|members| !members.is_empty()) {
            shown.insert("meta".to_owned(), meta);
        }
        (shown.into(), is_partial)
    }

    /// What is shown of one member; none if nothing of it is.
    fn member(&self, name: &str, value: &Value, above: &str, paths: &[String], withheld: &mut usize) -> Option<Value> {
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") };
        if paths.iter().any(|shown| is_named(shown, &path)) {
            return self.whole(value, withheld);
        }
        let leaked = match name {
            "text" => above.is_empty() && self.leaks.has(Leak::Narrative),
            "extension" => self.leaks.has(Leak::Extension),
            "contained" => self.leaks.has(Leak::Contained),
            name => name.starts_with('_') && self.leaks.has(Leak::Sibling),
        };
        if leaked {
            return Some(value.clone());
        }
        let below = format!("{path}.");
        if !paths.iter().any(|shown| shown.starts_with(&below)) {
            return None;
        }
        match value {
            Value::Array(items) => {
                let shown: Vec<Value> =
                    items.iter().filter_map(|item| self.part(item, &path, paths, withheld)).collect();
                (!shown.is_empty()).then(|| shown.into())
            }
            other => self.part(other, &path, paths, withheld),
        }
    }

    fn part(&self, value: &Value, path: &str, paths: &[String], withheld: &mut usize) -> Option<Value> {
        let mut shown = Map::new();
        for (name, member) in value.as_object()? {
            match self.member(name, member, path, paths, withheld) {
                Some(member) => drop(shown.insert(name.clone(), member)),
                None => *withheld += 1,
            }
        }
        (!shown.is_empty()).then(|| shown.into())
    }

    /// A named element with all that is inside it, but for what must be named itself.
    fn whole(&self, value: &Value, withheld: &mut usize) -> Option<Value> {
        match value {
            Value::Array(items) => {
                let shown: Vec<Value> = items.iter().filter_map(|item| self.whole(item, withheld)).collect();
                (!shown.is_empty()).then(|| shown.into())
            }
            Value::Object(members) => {
                let is_reference = members.contains_key("reference");
                let mut shown = Map::new();
                for (name, member) in members {
                    let is_tacit = matches!(name.as_str(), "extension" | "modifierExtension" | "id" | "source")
                        || name.starts_with('_')
                        || (is_reference
                            && matches!(name.as_str(), "display" | "identifier")
                            && !self.leaks.has(Leak::ReferenceDisplay));
                    match (is_tacit, self.whole(member, withheld)) {
                        (false, Some(member)) => drop(shown.insert(name.clone(), member)),
                        _ => *withheld += 1,
                    }
                }
                (!shown.is_empty()).then(|| shown.into())
            }
            simple => Some(simple.clone()),
        }
    }
}

/// Does a listed path name this element? `value[x]` names `valueQuantity`.
fn is_named(listed: &str, path: &str) -> bool {
    match listed.strip_suffix("[x]") {
        Some(stem) => {
            path.strip_prefix(stem).is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
        }
        None => listed == path,
    }
}

/// Are all the elements that a parameter looks at among the paths, or inside one of them?
pub fn reads_shown(row: &Row, paths: &[String]) -> bool {
    row.reads().iter().all(|read| is_shown(read, paths))
}

fn is_shown(read: &str, paths: &[String]) -> bool {
    let mut above = read;
    loop {
        if paths.iter().any(|listed| is_named(listed, above)) {
            return true;
        }
        match above.rsplit_once('.') {
            Some((shorter, _)) => above = shorter,
            None => return false,
        }
    }
}

fn patient_of<'a>(of: &str, full: &'a Value) -> Option<&'a str> {
    if of == "Patient" {
        return text(full, "id");
    }
    nodes(full, "subject.reference").first()?.as_str()?.strip_prefix("Patient/")
}

fn department_of<'a>(of: &str, full: &'a Value) -> Option<&'a str> {
    let manager = nodes(full, "managingOrganization.reference");
    manager.first().filter(|_| of == "Patient")?.as_str()?.strip_prefix("Organization/")
}

fn labels_of(full: &Value) -> Vec<&str> {
    nodes(full, "meta.security.code").into_iter().filter_map(Value::as_str).collect()
}
