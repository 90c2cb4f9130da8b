//! What a projection shows, computed the slow and obvious way: for every element its path, for every path the question
//! whether one of the file's paths covers it.

use crate::table::{Table, is_number, is_simple};
use crate::tree::Tree;

const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// The upstream's base: a reference below it is shown relative.
pub const BASE: &str = "https://up.example/r4";

pub struct Oracle<'a> {
    pub table: &'a Table,
    /// As written in the file, split at the dots.
    pub paths: Vec<Vec<String>>,
}

/// One step from a resource to an element of it.
#[derive(Clone)]
struct Step {
    name: String,
    defined: String,
    /// Not covered by a path that ends above it.
    tacit: bool,
}

/// `Type/id`, maybe with a version, and nothing else.
fn is_read(table: &Table, path: &str) -> bool {
    let is_id = |id: &str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
    };
    let parts: Vec<&str> = path.split('/').collect();
    let (of_type, id, version) = match parts[..] {
        [of_type, id] => (of_type, id, "1"),
        [of_type, id, "_history", version] => (of_type, id, version),
        _ => return false,
    };
    table.element(of_type, "implicitRules").is_some() && is_id(id) && is_id(version)
}

/// What of a text is shown that may lead elsewhere: null for what is not.
fn led(table: &Table, owner: &str, name: &str, value: &Tree) -> Tree {
    let Tree::Text(text) = value else { return value.clone() };
    if !matches!((owner, name), ("Reference", "reference") | ("Attachment", "url")) {
        return value.clone();
    }
    let (site, path) = BASE.split_at(BASE.len() - "/r4".len());
    let rest =
        text.get(..site.len()).filter(|start| start.eq_ignore_ascii_case(site)).map(|start| &text[start.len()..]);
    let below = rest.and_then(|rest| rest.strip_prefix(path)?.strip_prefix('/'));
    match below {
        Some(below) if owner == "Reference" && is_read(table, below) => Tree::Text(below.to_owned()),
        _ if text.starts_with('/')
            || text.contains(|c: char| ":\\".contains(c) || c.is_whitespace() || c.is_control()) =>
        {
            Tree::Null
        }
        _ => value.clone(),
    }
}

fn is_tacit(owner: &str, name: &str) -> bool {
    match name {
        "extension" => owner != "Extension" && owner != "Element",
        "id" => owner != "Element",
        "modifierExtension" => true,
        "display" | "identifier" => owner == "Reference",
        "source" => owner == "Meta",
        _ => false,
    }
}

impl Oracle<'_> {
    /// The resource as it is shown, and how many parts are withheld.
    pub fn project(&self, resource: &Tree) -> (Tree, u64) {
        let Tree::Object(members) = resource else { panic!("a resource is an object") };
        let Some(Tree::Text(of_type)) = resource.get("resourceType") else { panic!("a resource has a type") };
        let body: Vec<_> =
            members.iter().filter(|(name, _)| name != "resourceType" && name != "meta").cloned().collect();
        let (mut shown, mut withheld) = self.members(of_type, &[], &body);

        let meta: Vec<_> = members.iter().filter(|(name, _)| name == "meta").cloned().collect();
        let (shown_meta, withheld_meta) = self.members(of_type, &[], &meta);
        if withheld + withheld_meta == 0 {
            shown.extend(shown_meta);
        } else {
            let (partial, more) = self.partial_meta(of_type, meta.into_iter().next().map(|(_, value)| value));
            shown.push(("meta".to_owned(), partial));
            withheld += more;
        }
        shown.push(("resourceType".to_owned(), Tree::Text(of_type.clone())));
        (Tree::Object(shown), withheld)
    }

    fn partial_meta(&self, of_type: &str, meta: Option<Tree>) -> (Tree, u64) {
        let mut withheld = 0;
        let undated = match meta {
            Some(Tree::Object(members)) if !members.is_empty() => {
                let before = members.len();
                let dates = ["versionId", "lastUpdated", "_versionId", "_lastUpdated"];
                let kept: Vec<_> = members.into_iter().filter(|(name, _)| !dates.contains(&name.as_str())).collect();
                let enters = self.enters(&[self.step(of_type, "meta").expect("every resource has meta")]);
                withheld += if enters { (before - kept.len()) as u64 } else { 0 };
                if kept.is_empty() && enters { None } else { Some(Tree::Object(kept)) }
            }
            other => other,
        };
        let source: Vec<_> = undated.clone().map(|value| ("meta".to_owned(), value)).into_iter().collect();
        let (shown, more) = self.members(of_type, &[], &source);
        withheld += more;
        let mut members = match shown.into_iter().next() {
            Some((_, Tree::Object(members))) => members,
            _ => Vec::new(),
        };
        let mut tags = match members.iter().position(|(name, _)| name == "tag").map(|at| members.remove(at).1) {
            Some(Tree::Array(tags)) => tags,
            _ => Vec::new(),
        };
        let mark = |tag: &Tree| {
            tag.get("system") == Some(&Tree::Text(SYSTEM.into()))
                && tag.get("code") == Some(&Tree::Text("SUBSETTED".into()))
        };
        if !tags.iter().any(mark) {
            let members = [("system", SYSTEM), ("code", "SUBSETTED")];
            tags.push(Tree::Object(
                members.map(|(name, text)| (name.to_owned(), Tree::Text(text.to_owned()))).to_vec(),
            ));
        }
        members.push(("tag".to_owned(), Tree::Array(tags)));
        (Tree::Object(members), withheld)
    }

    fn step(&self, owner: &str, name: &str) -> Option<Step> {
        let element = self.table.element(owner, name)?;
        Some(Step { name: name.to_owned(), defined: element.defined.clone(), tacit: is_tacit(owner, name) })
    }

    fn matches(written: &[String], steps: &[Step]) -> bool {
        written.iter().zip(steps).all(|(written, step)| *written == step.name || *written == step.defined)
    }

    /// Is there a path to this element, or to one above it with nothing tacit between?
    fn covers(&self, steps: &[Step]) -> bool {
        self.paths.iter().any(|written| {
            written.len() <= steps.len()
                && Self::matches(written, steps)
                && steps[written.len()..].iter().all(|step| !step.tacit)
        })
    }

    /// Covered, or is there a path to something inside?
    fn enters(&self, steps: &[Step]) -> bool {
        let leads = |written: &Vec<String>| written.len() > steps.len() && Self::matches(written, steps);
        self.covers(steps) || self.paths.iter().any(leads)
    }

    fn names_aside(&self, above: &[Step], step: &Step) -> bool {
        self.paths.iter().any(|written| {
            written.len() == above.len() + 1
                && Self::matches(&written[..above.len()], above)
                && written.last().is_some_and(|last| {
                    last.strip_prefix('_').is_some_and(|name| name == step.name || name == step.defined)
                })
        })
    }

    /// Members of an object of R4 type `owner`, reached by `above`.
    fn members(&self, owner: &str, above: &[Step], members: &[(String, Tree)]) -> (Vec<(String, Tree)>, u64) {
        let (mut shown, mut withheld) = (Vec::new(), 0);
        for (name, value) in members {
            if let Some(beside) = name.strip_prefix('_') {
                let has_beside = members.iter().any(|(name, _)| name == beside);
                withheld += u64::from(!(has_beside && self.shows_aside(owner, above, beside)));
                continue;
            }
            let Some(step) = self.step(owner, name) else {
                withheld += 1;
                continue;
            };
            let element = self.table.element(owner, name).expect("it has a step");
            let steps = [above, std::slice::from_ref(&step)].concat();
            let of = element.of.as_str();
            if of == "Resource" || of == "OperationOutcome" || !self.enters(&steps) {
                withheld += 1;
                continue;
            }
            if !is_simple(of) {
                let (value, more) = self.complex(of, &steps, element.many, value);
                withheld += more;
                shown.extend(value.map(|value| (name.clone(), value)));
                continue;
            }
            if !self.covers(&steps) {
                withheld += 1;
                continue;
            }
            let aside = if self.names_aside(above, &step) {
                members.iter().find(|(other, _)| other.strip_prefix('_') == Some(name)).map(|(_, aside)| aside)
            } else {
                None
            };
            let (value, aside, more) = self.simple(of, element.many, &led(self.table, owner, name, value), aside);
            withheld += more;
            shown.extend(value.map(|value| (name.clone(), value)));
            shown.extend(aside.map(|aside| (format!("_{name}"), aside)));
        }
        (shown, withheld)
    }

    fn shows_aside(&self, owner: &str, above: &[Step], beside: &str) -> bool {
        let Some(step) = self.step(owner, beside) else { return false };
        let is_leaf = self.table.element(owner, beside).is_some_and(|element| is_simple(&element.of));
        is_leaf && self.covers(&[above, std::slice::from_ref(&step)].concat()) && self.names_aside(above, &step)
    }

    fn complex(&self, of: &str, steps: &[Step], many: bool, value: &Tree) -> (Option<Tree>, u64) {
        match (many, value) {
            (true, Tree::Array(items)) if !items.is_empty() => {
                let results: Vec<_> = items.iter().map(|item| self.complex(of, steps, false, item)).collect();
                let withheld = results.iter().map(|(_, count)| count).sum();
                let shown: Vec<_> = results.into_iter().filter_map(|(item, _)| item).collect();
                ((!shown.is_empty()).then_some(Tree::Array(shown)), withheld)
            }
            (false, Tree::Object(members)) if !members.is_empty() => {
                let (shown, withheld) = self.members(of, steps, members);
                ((!shown.is_empty()).then_some(Tree::Object(shown)), withheld)
            }
            _ => (None, 1),
        }
    }

    /// A simple value, its `_name` if that is named, and the count.
    fn simple(&self, of: &str, many: bool, value: &Tree, aside: Option<&Tree>) -> (Option<Tree>, Option<Tree>, u64) {
        let fits = |value: &Tree| match value {
            Tree::Text(_) => of != "boolean" && !is_number(of),
            Tree::Number(_) => is_number(of),
            Tree::Boolean(_) => of == "boolean",
            _ => false,
        };
        if !many {
            return match (fits(value), aside) {
                (true, None) => (Some(value.clone()), None, 0),
                (true, Some(aside)) => {
                    let (aside, withheld) = self.inside_aside(aside);
                    (Some(value.clone()), aside, withheld)
                }
                (false, aside) => (None, None, 1 + u64::from(aside.is_some())),
            };
        }
        let items = match value {
            Tree::Array(items) if !items.is_empty() => items.clone(),
            _ => return (None, None, 1 + u64::from(aside.is_some())),
        };
        let mut asides = vec![Tree::Null; items.len()];
        let mut withheld = 0;
        match aside {
            Some(Tree::Array(found)) if found.len() == items.len() && items.iter().any(fits) => {
                for (aside, found) in asides.iter_mut().zip(found).filter(|(_, found)| **found != Tree::Null) {
                    let (shown, more) = self.inside_aside(found);
                    withheld += more;
                    *aside = shown.unwrap_or(Tree::Null);
                }
            }
            Some(_) => withheld += 1,
            None => {}
        }
        let stands = |(value, aside): &(Tree, Tree)| fits(value) || (*value == Tree::Null && *aside != Tree::Null);
        let pairs: Vec<(Tree, Tree)> = items.into_iter().zip(asides).collect();
        withheld += pairs.iter().filter(|pair| !stands(pair)).count() as u64;
        let blank = |(value, aside): (Tree, Tree)| (if fits(&value) { value } else { Tree::Null }, aside);
        let kept = pairs.into_iter().map(blank).filter(|(value, aside)| (value, aside) != (&Tree::Null, &Tree::Null));
        let (values, asides): (Vec<Tree>, Vec<Tree>) = kept.unzip();
        let any = |items: &[Tree]| items.iter().any(|item| *item != Tree::Null);
        let asides = any(&asides).then_some(Tree::Array(asides));
        (any(&values).then_some(Tree::Array(values)), asides, withheld)
    }

    /// A `_name` that is named shows its id and its extensions.
    fn inside_aside(&self, aside: &Tree) -> (Option<Tree>, u64) {
        let all = Oracle { table: self.table, paths: vec![Vec::new()] };
        all.complex("Element", &[], false, aside)
    }
}
