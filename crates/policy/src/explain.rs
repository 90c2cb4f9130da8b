//! Why: the same decision, told policy by policy. For operators; an explanation names care teams and departments.

use crate::engine::{Engine, Rules};
use crate::entities::{Asked, Asker, Unfit};
use crate::lexemes::Lexemes;
use crate::partial::{Known, Residue};
use crate::plan::Plan;
use crate::predicate::Predicate;
use crate::residual::Compiler;
use crate::vocabulary::{DEFAULT_GROUP, planned_type};
use cedar_policy::Effect;
use lexicon::{Facts, Halt, Judge, LocalId, Question, Relationship, ResourceType, Verdict};
use std::collections::BTreeSet;
use std::fmt;

/// A decision and its reasons.
pub struct Explanation {
    pub action: &'static str,
    pub resource_type: Option<ResourceType>,
    /// *May ask*: the class of request.
    pub class: Class,
    /// Every policy about this action, by id.
    pub policies: Vec<Considered>,
    /// Element groups that the policies may grant on this type.
    pub groups: Vec<Group>,
    /// *May see*: the one resource, if its facts were given and the class may be asked for.
    pub verdict: Option<Verdict>,
    /// Single changes, each of which was tried and would let the request pass.
    pub changes: Vec<String>,
}

pub enum Class {
    Planned,
    Refused(Halt),
}

/// One policy, for this question.
pub struct Considered {
    pub id: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    pub description: Option<String>,
    pub file: String,
    pub line: usize,
    pub standing: Standing,
}

pub enum Standing {
    /// Whatever the resource.
    Applies,
    /// Whatever the resource.
    DoesNotApply,
    /// It cannot be evaluated, so everything is refused.
    Errs,
    /// On the resource: the condition that is left, in Cedar, and whether the resource at hand meets it.
    Depends { on: String, met: Option<bool> },
}

/// One element group of the type.
pub struct Group {
    pub name: String,
    /// Absent when it depends on a resource and none was given.
    pub granted: Option<bool>,
}

impl Engine {
    /// Says why. Decides with [`Engine::decide`] and [`Judge::judge`], so it cannot tell another story.
    pub fn explain(&self, question: &Question, relationship: &Relationship, facts: Option<&Facts>) -> Explanation {
        let asked = Asked::new(question, relationship);
        let decided = self.decide(question, relationship);
        let policies = considered(self.rules(), &asked, facts).unwrap_or_default();
        let verdict = match (&decided, facts) {
            (Ok(plan), Some(facts)) => Some(plan.judge(facts)),
            _ => None,
        };
        let changes = match (&decided, &verdict, facts) {
            (Err(halt), _, _) => self.for_the_class(&asked, halt),
            (Ok(_), Some(Verdict::Refuse { .. }), Some(facts)) => self.for_the_resource(&asked, facts),
            _ => Vec::new(),
        };
        let groups = decided.as_ref().map(|plan| groups(plan, verdict.as_ref())).unwrap_or_default();
        let class = decided.err().map_or(Class::Planned, Class::Refused);
        let (action, resource_type) = (question.action.code(), question.resource_type);
        Explanation { action, resource_type, class, policies, groups, verdict, changes }
    }

    fn for_the_class(&self, asked: &Asked<'_>, halt: &Halt) -> Vec<String> {
        let mut changes = Vec::new();
        if let Some(challenge) = &halt.challenge {
            let age = challenge.max_age_s.map(|age| format!(" within the last {age} s")).unwrap_or_default();
            changes.push(format!("sign in again with {}{age}", challenge.acr_values.join(" or ")));
        }
        for role in self.rules().roles() {
            if asked.question.principal.roles.contains(&role) {
                continue;
            }
            let mut question = asked.question.clone();
            question.principal.roles.push(role.clone());
            if let Ok(plan) = self.decide(&question, asked.relationship) {
                changes.push(format!("the role `{role}` ({})", plan.policies().join(", ")));
            }
        }
        changes
    }

    fn for_the_resource(&self, asked: &Asked<'_>, facts: &Facts) -> Vec<String> {
        let mut changes = Vec::new();
        let mut related = asked.relationship.clone();
        let mut in_care = facts.clone();
        if let Some(team) = LocalId::new("explained") {
            in_care.care_teams.push(team.reveal().to_owned());
            let patient = facts.patient.clone().unwrap_or_else(|| team.clone());
            related.care_teams.push((team, patient));
        }
        let labelled_normal = Facts { labels: vec!["N".to_owned()], ..facts.clone() };
        let department = asked.question.principal.department.clone();
        let in_department = Facts { department, ..facts.clone() };
        let patient = asked.question.principal.patient.clone();
        let of_the_caller = Facts { patient, ..facts.clone() };
        for (relationship, facts, change) in [
            (&related, &in_care, "a care team of the patient in which the caller works"),
            (asked.relationship, &in_department, "the patient in the caller's department"),
            (asked.relationship, &of_the_caller, "the resource in the compartment of the token's patient"),
            (asked.relationship, &labelled_normal, "no security label but N"),
        ] {
            let plan = self.decide(asked.question, relationship);
            if plan.is_ok_and(|plan| matches!(plan.judge(facts), Verdict::Permit { .. })) {
                changes.push(change.to_owned());
            }
        }
        changes
    }
}

impl Rules {
    /// Every role that a policy names.
    fn roles(&self) -> BTreeSet<String> {
        let named = self.book.policies.policies().flat_map(cedar_policy::Policy::entity_literals);
        let roles = named.filter(|uid| *uid.type_name() == self.book.names.role);
        roles.map(|uid| uid.id().unescaped().to_owned()).collect()
    }
}

fn considered(rules: &Rules, asked: &Asked<'_>, facts: Option<&Facts>) -> Result<Vec<Considered>, Unfit> {
    let action = asked.question.action;
    let Some(resource_type) = planned_type(action, asked.question.resource_type) else { return Ok(Vec::new()) };
    if !rules.applies(asked.question.principal.kind, action.code()) {
        return Ok(Vec::new());
    }
    let asker = Asker::new(&rules.book.names, &rules.book.vocabulary.schema, asked)?;
    let residues = Known::new(rules, &asker)?.evaluate(&rules.book.names.action(action.code()))?;
    let mut considered = Vec::new();
    for (id, residue) in residues {
        let rule = rules.book.rules.get(&id).ok_or(Unfit)?;
        considered.push(Considered {
            effect: if rule.effect == Effect::Permit { "permit" } else { "forbid" },
            description: rule.description.clone(),
            file: rule.file.clone(),
            line: rule.line,
            standing: standing(residue, resource_type, facts),
            id,
        });
    }
    Ok(considered)
}

fn standing(residue: Residue, resource_type: &'static str, facts: Option<&Facts>) -> Standing {
    let conditions = match residue {
        Residue::Holds => return Standing::Applies,
        Residue::Fails => return Standing::DoesNotApply,
        Residue::Error => return Standing::Errs,
        Residue::Open(conditions) => conditions,
    };
    let mut lexemes = Lexemes::default();
    match (Compiler { lexemes: &mut lexemes, resource_type }).policy(&conditions) {
        Predicate::True => Standing::Applies,
        Predicate::False => Standing::DoesNotApply,
        predicate => {
            let seen = facts.filter(|_| !predicate.is_opaque()).map(|facts| lexemes.read(facts));
            let met = seen.and_then(|seen| predicate.holds(&seen).ok());
            let on: Vec<_> = conditions.iter().map(ToString::to_string).collect();
            Standing::Depends { on: on.join(" && "), met }
        }
    }
}

fn groups(plan: &Plan, verdict: Option<&Verdict>) -> Vec<Group> {
    let granted = |name: &str| match verdict {
        Some(Verdict::Permit { groups, .. }) => Some(groups.iter().any(|group| group == name)),
        Some(Verdict::Refuse { .. }) => Some(false),
        None => None,
    };
    let further = plan.groups().into_iter().map(|(name, _)| name);
    let names = std::iter::once(DEFAULT_GROUP.to_owned()).chain(further);
    names.map(|name| Group { granted: granted(&name), name }).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.resource_type.map(|t| format!(" {t}")).unwrap_or_default();
        match &self.class {
            Class::Planned => writeln!(f, "may ask: {}{of}: yes, on conditions", self.action)?,
            Class::Refused(halt) => {
                writeln!(f, "may ask: {}{of}: no, {} {}", self.action, halt.reason, by(&halt.policies))?
            }
        }
        match &self.verdict {
            Some(Verdict::Permit { groups, policies }) => {
                writeln!(f, "may see: yes, {} {}", groups.join(" + "), by(policies))?;
            }
            Some(Verdict::Refuse { reason, policies }) => {
                writeln!(f, "may see: no, {reason} {}", by(policies))?;
                writeln!(f, "  the caller is shown: {} {}", reason.status(), reason.shown())?;
            }
            None => {}
        }
        for considered in &self.policies {
            write!(f, "{considered}")?;
        }
        if self.verdict.is_none() && !self.groups.is_empty() {
            let names: Vec<_> = self.groups.iter().map(|group| group.name.as_str()).collect();
            writeln!(f, "element groups that may be granted: {}", names.join(", "))?;
        }
        if !self.changes.is_empty() {
            writeln!(f, "what would change it, each alone:")?;
            self.changes.iter().try_for_each(|change| writeln!(f, "  {change}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Considered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let standing = match &self.standing {
            Standing::Applies => "applies",
            Standing::DoesNotApply => "does not apply",
            Standing::Errs => "cannot be evaluated: everything is refused",
            Standing::Depends { met: Some(true), .. } => "applies to this resource",
            Standing::Depends { met: Some(false), .. } => "does not apply to this resource",
            Standing::Depends { met: None, .. } => "depends on the resource",
        };
        writeln!(f, "{} {} ({}:{}): {standing}", self.effect, self.id, self.file, self.line)?;
        if let Standing::Depends { on, .. } = &self.standing {
            writeln!(f, "  when {on}")?;
        }
        match &self.description {
            Some(description) => writeln!(f, "  {description}"),
            None => Ok(()),
        }
    }
}

fn by(policies: &[String]) -> String {
    if policies.is_empty() { "(no policy permits it)".to_owned() } else { format!("({})", policies.join(", ")) }
}
