//! Reads a projections file and checks every path of it against R4.

use super::{Groups, Path};
use crate::elements::{Element, Elements, Holds, TableError, Type, TypeId};
use lexicon::ResourceType;
use std::collections::BTreeMap;
use toml::Spanned;

/// The group that every listed type must have.
const DEFAULT: &str = "default";
/// Groups of a type are bits of a word.
const MOST_GROUPS: usize = 63;

type File = BTreeMap<String, BTreeMap<String, Vec<Spanned<String>>>>;

/// Why a projections file is not acceptable, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ProjectionError {
    place: String,
    problem: Problem,
    hint: String,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("not a projections file")]
    Toml(#[source] Box<toml::de::Error>),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("`{0}` is not a resource type of R4")]
    Type(String),
    #[error("`{0}` is not a name for a group")]
    Group(String),
    #[error("more than 63 groups")]
    Groups,
    #[error("the group `default` is missing")]
    NoDefault,
    #[error("the path is empty, or a part of it is")]
    Empty,
    #[error("`resourceType` is always shown")]
    ResourceType,
    #[error("`{owner}` has no element `{name}` in R4")]
    Unknown { owner: &'static str, name: String },
    #[error("`{0}` has nothing inside that could be named")]
    Leaf(String),
    #[error("`{0}` can be of several types, so nothing inside it can be named")]
    Choice(String),
    #[error("`{0}` holds a resource of its own")]
    Resource(String),
}

impl ProjectionError {
    /// What to do next.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    fn new(place: impl Into<String>, (problem, hint): (Problem, String)) -> Self {
        Self { place: place.into(), problem, hint }
    }
}

impl From<TableError> for ProjectionError {
    fn from(error: TableError) -> Self {
        Self::new("this build", (Problem::Table(error), "this is a bug: report it".to_owned()))
    }
}

pub(super) fn groups(text: &str, elements: &Elements) -> Result<BTreeMap<ResourceType, Groups>, ProjectionError> {
    let file: File = toml::from_str(text).map_err(|error| {
        let hint = format!("write `[Type]` and below it `group = [\"element.path\", ..]`; {}", error.message());
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        ProjectionError::new(format!("line {line}"), (Problem::Toml(Box::new(error)), hint))
    })?;
    let mut types = BTreeMap::new();
    for (name, listed) in file {
        let found = ResourceType::from_name(&name).and_then(|found| Some((found, elements.named(found.name())?)));
        let Some((resource_type, id)) = found else {
            let hint = did_you_mean(&name, ResourceType::all().map(ResourceType::name))
                .unwrap_or_else(|| "type names are those of R4, such as `Patient`".to_owned());
            return Err(ProjectionError::new(format!("[{name}]"), (Problem::Type(name), hint)));
        };
        let read = Reader { text, elements, resource_type, id };
        types.insert(resource_type, read.groups(listed)?);
    }
    Ok(types)
}

struct Reader<'a> {
    text: &'a str,
    elements: &'a Elements,
    resource_type: ResourceType,
    id: TypeId,
}

impl Reader<'_> {
    fn groups(&self, listed: BTreeMap<String, Vec<Spanned<String>>>) -> Result<Groups, ProjectionError> {
        let fail =
            |problem, hint: &str| ProjectionError::new(format!("[{}]", self.resource_type), (problem, hint.into()));
        let mut groups = Groups::default();
        let mut has_default = false;
        for (name, paths) in listed {
            let fits = name.len() <= 40
                && name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
            if !fits {
                let hint = "a lower-case letter, then at most 39 more of a-z, 0-9, `-` and `_`";
                return Err(fail(Problem::Group(name), hint));
            }
            let paths = self.paths(&name, &paths)?;
            if name == DEFAULT {
                has_default = true;
                groups.default = paths;
            } else {
                groups.others.push((name, paths));
            }
        }
        if !has_default {
            return Err(fail(
                Problem::NoDefault,
                "add `default = [\"id\"]`, or more: every reader of this type sees it",
            ));
        }
        if groups.others.len() > MOST_GROUPS {
            return Err(fail(Problem::Groups, "merge some of them"));
        }
        Ok(groups)
    }

    fn paths(&self, group: &str, listed: &[Spanned<String>]) -> Result<Vec<Path>, ProjectionError> {
        let mut paths = Vec::new();
        for path in listed {
            paths.extend(self.path(path.as_ref()).map_err(|why| {
                let line = line_of(self.text, path.span().start);
                let place = format!("line {line}, path `{}` of [{}] {group}", path.as_ref(), self.resource_type);
                ProjectionError::new(place, why)
            })?);
        }
        Ok(paths)
    }

    /// The concrete paths that a written one stands for: one, or of a choice one a type.
    fn path(&self, written: &str) -> Result<Vec<Path>, (Problem, String)> {
        let (above, last) = written.rsplit_once('.').map_or((None, written), |(above, last)| (Some(above), last));
        let mut owner = self.elements.of(self.id);
        let mut so_far = Vec::new();
        for name in above.iter().flat_map(|above| above.split('.')) {
            let element = match find(owner, name)?.as_slice() {
                [one] => *one,
                several => {
                    let one = several.first().map_or(name, |element| element.name.as_str());
                    return Err((
                        Problem::Choice(name.to_owned()),
                        format!("name one of its types, as `{one}.{last}`"),
                    ));
                }
            };
            let Holds::Complex(inner) = element.holds else {
                return Err((Problem::Leaf(name.to_owned()), format!("end the path at `{name}`")));
            };
            owner = self.elements.of(inner);
            so_far.push(element.name.clone());
        }
        let (beside, name) = last.strip_prefix('_').map_or(("", last), |name| ("_", name));
        let mut ends = find(owner, name)?;
        if !beside.is_empty() {
            ends.retain(|element| !matches!(element.holds, Holds::Complex(_) | Holds::Resource));
            if ends.is_empty() {
                let hint = format!("only simple elements have a `_{name}`; write `{name}.extension`");
                return Err((Problem::Unknown { owner: owner.name, name: last.to_owned() }, hint));
            }
        }
        let full = |end: &Element| so_far.iter().cloned().chain([format!("{beside}{}", end.name)]).collect();
        Ok(ends.into_iter().map(full).collect())
    }
}

/// The elements a name of a path stands for; never none.
fn find<'a>(owner: &'a Type, name: &str) -> Result<Vec<&'a Element>, (Problem, String)> {
    if name.is_empty() {
        return Err((
            Problem::Empty,
            "write the names of elements with a dot between them, as `name.family`".to_owned(),
        ));
    }
    if name == "resourceType" {
        return Err((Problem::ResourceType, "leave it out".to_owned()));
    }
    let stands = |element: &&Element| element.name == name || element.defined == name;
    let mut found: Vec<&Element> = owner.elements.iter().map(|(_, element)| element).filter(stands).collect();
    found.sort_by_key(|element| &element.name);
    if found.is_empty() {
        let hint = did_you_mean(name, owner.elements.iter().map(|(_, element)| element.defined))
            .unwrap_or_else(|| format!("see http://hl7.org/fhir/R4/ for what `{}` has", owner.name));
        return Err((Problem::Unknown { owner: owner.name, name: name.to_owned() }, hint));
    }
    if found.iter().any(|element| element.holds == Holds::Resource) {
        let hint = "leave it out: the policy judges the resource around it, and nothing judged the one inside";
        return Err((Problem::Resource(name.to_owned()), hint.to_owned()));
    }
    Ok(found)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Names of the definitions that are near to what was written, nearest first.
fn did_you_mean<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let plain = |name: &str| name.trim_end_matches("[x]").to_ascii_lowercase();
    let wanted = plain(written);
    let mut near: Vec<(usize, &str)> = known
        .map(|name| (distance(&wanted, &plain(name)), name))
        .filter(|(distance, _)| *distance <= 1 + wanted.len() / 4)
        .collect();
    near.sort_unstable();
    near.dedup();
    let names: Vec<String> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// Levenshtein's edit distance, row by row.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, left) in a.bytes().enumerate() {
        let mut diagonal = at;
        let mut before = at + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            *cell = replaced.min(diagonal + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
