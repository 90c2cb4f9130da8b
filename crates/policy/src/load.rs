//! Policy files in, a rulebook out, or every fault found in them with file, line and a hint.

use crate::vocabulary::{Names, Vocabulary, VocabularyError};
use cedar_policy::ffi::DetailedError;
use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use lexicon::{Actor, Challenge, Reason, ResourceType};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What is loaded.
#[derive(Default)]
pub struct Sources {
    /// Policy files: name and text.
    pub policies: Vec<(String, String)>,
    /// The element groups of the projections; each gets a `view:Type.group` action.
    pub groups: Vec<(ResourceType, Vec<String>)>,
    /// What a caller is told to do when only assurance is missing (RFC 9470).
    pub step_up: Challenge,
}

/// Why a policy set does not load: everything found, not only the first.
#[derive(Debug)]
pub struct LoadError {
    faults: Vec<Fault>,
}

impl LoadError {
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = self.faults.iter();
        if let Some(first) = faults.next() {
            write!(f, "{first}")?;
        }
        faults.try_for_each(|fault| write!(f, "\n{fault}"))
    }
}

impl std::error::Error for LoadError {}

/// One fault, and where.
#[derive(Debug)]
pub struct Fault {
    file: String,
    line: Option<usize>,
    problem: Problem,
}

impl Fault {
    pub fn file(&self) -> &str {
        &self.file
    }

    pub const fn line(&self) -> Option<usize> {
        self.line
    }

    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    pub fn hint(&self) -> &str {
        self.problem.hint()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.problem)?,
            None => write!(f, "{}: {}", self.file, self.problem)?,
        }
        write!(f, "\n  hint: {}", self.hint())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("there is no policy at all")]
    Empty,
    #[error("{message}")]
    Syntax { message: String, help: Option<String> },
    #[error("{message}")]
    Invalid { message: String, help: Option<String> },
    #[error("{message}")]
    Doubtful { message: String, help: Option<String> },
    #[error("a policy has no @id")]
    IdMissing,
    #[error("`{0}` is not a policy id")]
    IdForm(String),
    #[error("the policy id `{id}` is also used in {other}")]
    IdTwice { id: String, other: String },
    #[error("`@{0}` is not a known annotation")]
    Annotation(String),
    #[error("a permit cannot have a @reason")]
    ReasonOnPermit,
    #[error("`{0}` is not a reason a policy may give")]
    ReasonUnknown(String),
    #[error("a policy has slots")]
    Template,
    #[error("a policy names `{0}`")]
    Named(String),
    #[error(transparent)]
    Vocabulary(#[from] VocabularyError),
}

impl Problem {
    pub fn hint(&self) -> &str {
        match self {
            Self::Empty => "nothing would be answered; start from the policies that `lazaret init` writes",
            Self::Syntax { help, .. } => {
                help.as_deref().unwrap_or("see https://docs.cedarpolicy.com/policies/syntax-policy.html")
            }
            Self::Invalid { help, .. } => {
                help.as_deref().unwrap_or("only words of vocabulary.cedarschema exist; docs/policy.md lists them")
            }
            Self::Doubtful { help, .. } => help.as_deref().unwrap_or(
                "a policy that can never apply, or that does not read as it looks, is a mistake; remove or repair it",
            ),
            Self::IdMissing => "write @id(\"who-does-what\") before it; the id stands in every record",
            Self::IdForm(_) => "1 to 80 of a-z 0-9 -, starting with a letter",
            Self::IdTwice { .. } => "records name policies by id, so ids are unique over all files",
            Self::Annotation(_) => "known are @id, @description and, on a forbid, @reason",
            Self::ReasonOnPermit => "a reason says why a forbid refuses; leave it out",
            Self::ReasonUnknown(_) => {
                "a forbid may give policy.forbidden, label.not-cleared or relationship.none: what depends on a resource must look like absence"
            }
            Self::Template => "templates are not used here; write the policy out",
            Self::Named(_) => {
                "only roles and actions are named by id; for others test attributes such as principal.subject or resource.type"
            }
            Self::Vocabulary(error) => error.hint(),
        }
    }
}

/// One policy and what is said about it.
pub(crate) struct Rule {
    pub effect: Effect,
    pub description: Option<String>,
    /// What a resource refused by this forbid is recorded with.
    pub reason: Reason,
    pub file: String,
    pub line: usize,
}

/// A policy set that is strictly valid against the vocabulary.
pub(crate) struct Rulebook {
    pub names: Names,
    pub vocabulary: Vocabulary,
    pub policies: PolicySet,
    pub rules: BTreeMap<String, Rule>,
    pub step_up: Challenge,
    pub text: Vec<u8>,
}

pub(crate) fn load(sources: &Sources) -> Result<Rulebook, LoadError> {
    let vocabulary = Vocabulary::load(&sources.groups).map_err(|error| at("projections.toml", error.into()))?;
    let names = Names::new()?;
    let mut shelf = Shelf { names, policies: PolicySet::new(), rules: BTreeMap::new(), faults: Vec::new() };
    for (file, text) in &sources.policies {
        shelf.file(file, text);
    }
    if shelf.policies.is_empty() && shelf.faults.is_empty() {
        return Err(at("policies", Problem::Empty));
    }
    shelf.validate(&vocabulary, &sources.policies);
    if !shelf.faults.is_empty() {
        return Err(LoadError { faults: shelf.faults });
    }
    let text = canonical(&vocabulary.text, &sources.policies);
    let Shelf { names, policies, rules, .. } = shelf;
    Ok(Rulebook { names, vocabulary, policies, rules, step_up: sources.step_up.clone(), text })
}

impl From<VocabularyError> for LoadError {
    fn from(error: VocabularyError) -> Self {
        at("vocabulary.cedarschema", error.into())
    }
}

fn at(file: &str, problem: Problem) -> LoadError {
    LoadError { faults: vec![Fault { file: file.to_owned(), line: None, problem }] }
}

/// Schema and files, each with its length before it, so that no two sets have the same text.
fn canonical(schema: &str, files: &[(String, String)]) -> Vec<u8> {
    let mut files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.sort_unstable();
    let mut out = Vec::new();
    for part in std::iter::once(schema).chain(files.into_iter().flat_map(|(name, text)| [name, text])) {
        out.extend_from_slice(format!("{}\n", part.len()).as_bytes());
        out.extend_from_slice(part.as_bytes());
        out.push(b'\n');
    }
    out
}

/// A rulebook while it is read.
struct Shelf {
    names: Names,
    policies: PolicySet,
    rules: BTreeMap<String, Rule>,
    faults: Vec<Fault>,
}

impl Shelf {
    fn file(&mut self, file: &str, text: &str) {
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(errors) => {
                let detail = DetailedError::from(&errors);
                let line = Some(line_of(text, &detail).unwrap_or(1));
                let problem = Problem::Syntax { message: detail.message, help: detail.help };
                self.faults.push(Fault { file: file.to_owned(), line, problem });
                return;
            }
        };
        if set.num_of_templates() > 0 {
            self.faults.push(Fault { file: file.to_owned(), line: None, problem: Problem::Template });
        }
        // Cedar numbers the policies of a text in its order, which tells two with the same words apart.
        let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().ok();
        let mut ordered: Vec<_> = set.policies().collect();
        ordered.sort_by_key(|policy| number(policy));
        let mut offset = 0;
        for policy in ordered {
            let written = policy.to_cedar().unwrap_or_default();
            let rest = text.get(offset..).unwrap_or_default();
            offset += rest.find(&written).unwrap_or(0);
            let line = line_at(text, offset);
            if let Err(problem) = self.policy(policy, (file, line)) {
                self.faults.push(Fault { file: file.to_owned(), line: Some(line), problem });
            }
            offset += written.len();
        }
    }

    fn policy(&mut self, policy: &Policy, (file, line): (&str, usize)) -> Result<(), Problem> {
        for (name, _) in policy.annotations() {
            if !["id", "description", "reason"].contains(&name) {
                return Err(Problem::Annotation(name.to_owned()));
            }
        }
        let id = policy.annotation("id").ok_or(Problem::IdMissing)?;
        if !is_id(id) {
            return Err(Problem::IdForm(id.to_owned()));
        }
        if let Some(other) = self.rules.get(id) {
            let other = format!("{}:{}", other.file, other.line);
            return Err(Problem::IdTwice { id: id.to_owned(), other });
        }
        if let Some(named) = policy.entity_literals().iter().find(|uid| !self.names.may_be_named(uid)) {
            return Err(Problem::Named(named.to_string()));
        }
        let rule = Rule {
            effect: policy.effect(),
            description: policy.annotation("description").map(str::to_owned),
            reason: reason(policy)?,
            file: file.to_owned(),
            line,
        };
        self.policies
            .add(policy.new_id(PolicyId::new(id)))
            .map_err(|error| Problem::Invalid { message: error.to_string(), help: None })?;
        self.rules.insert(id.to_owned(), rule);
        Ok(())
    }

    /// Strict, and every warning counts: a policy that never applies is one that its author relies on.
    fn validate(&mut self, vocabulary: &Vocabulary, files: &[(String, String)]) {
        let result = Validator::new(vocabulary.schema.clone()).validate(&self.policies, ValidationMode::Strict);
        for error in result.validation_errors() {
            let detail = DetailedError::from(error);
            let place = (error.policy_id(), line_in(files, &self.rules, error.policy_id(), &detail));
            let problem = Problem::Invalid { message: detail.message, help: detail.help };
            self.faults.push(fault(&self.rules, place, problem));
        }
        for warning in result.validation_warnings() {
            let detail = DetailedError::from(warning);
            let place = (warning.policy_id(), line_in(files, &self.rules, warning.policy_id(), &detail));
            let problem = Problem::Doubtful { message: detail.message, help: detail.help };
            self.faults.push(fault(&self.rules, place, problem));
        }
    }
}

fn reason(policy: &Policy) -> Result<Reason, Problem> {
    let Some(code) = policy.annotation("reason") else { return Ok(Reason::PolicyForbidden) };
    if policy.effect() == Effect::Permit {
        return Err(Problem::ReasonOnPermit);
    }
    Reason::from_code(code)
        .filter(|reason| reason.shown() == Reason::ResourceAbsent && reason.actor() == Actor::Policy)
        .ok_or_else(|| Problem::ReasonUnknown(code.to_owned()))
}

fn is_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=80).contains(&id.len()) && id.starts_with(|c: char| c.is_ascii_lowercase()) && id.bytes().all(allowed)
}

fn fault(rules: &BTreeMap<String, Rule>, (id, line): (&PolicyId, Option<usize>), problem: Problem) -> Fault {
    match rules.get(AsRef::<str>::as_ref(id)) {
        Some(rule) => Fault { file: rule.file.clone(), line: Some(line.unwrap_or(rule.line)), problem },
        None => Fault { file: id.to_string(), line, problem },
    }
}

fn line_in(
    files: &[(String, String)],
    rules: &BTreeMap<String, Rule>,
    id: &PolicyId,
    detail: &DetailedError,
) -> Option<usize> {
    let rule = rules.get(AsRef::<str>::as_ref(id))?;
    let (_, text) = files.iter().find(|(name, _)| *name == rule.file)?;
    line_of(text, detail)
}

fn line_of(text: &str, detail: &DetailedError) -> Option<usize> {
    detail.source_locations.first().map(|label| line_at(text, label.loc.start))
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|b| *b == b'\n').count()
}
