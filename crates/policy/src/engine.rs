//! *May ask*: the decision about a class of request, before anything is fetched.

use crate::entities::{Asked, Asker, Unfit};
use crate::lexemes::Lexemes;
use crate::load::{self, LoadError, Rulebook, Sources};
use crate::partial::{Known, Residue};
use crate::plan::{Made, Parts, Plan, Way};
use crate::predicate::Predicate;
use crate::recent::{Key, Outcome, Recent};
use crate::residual::Compiler;
use crate::vocabulary::{VocabularyError, planned_type, view_action};
use cedar_policy::{ActionConstraint, Effect, EntityUid, Policy, PolicySet};
use lexicon::{Assurance, Halt, Kind, Question, Reason, Relationship};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One loaded policy set. Its rules are immutable: a reload makes another engine. What a question comes to is worked
/// out once for (caller, circumstances, action, type) in a window of a few seconds; see `recent.rs`.
pub struct Engine {
    rules: Arc<Rules>,
    recent: Recent,
}

/// What a plan keeps of the engine that made it.
pub(crate) struct Rules {
    pub book: Rulebook,
    /// For each action the policies that may apply to it.
    pub slices: BTreeMap<EntityUid, PolicySet>,
}

/// What can be said of a class of request.
pub(crate) enum Outlook {
    /// A policy cannot be evaluated.
    Error(Vec<String>),
    /// Nothing of this class is permitted: by these forbids, or for want of a permit.
    Refused(Vec<String>, Way),
    /// It depends on the resource, or on nothing further.
    Open(Way),
}

impl Engine {
    pub fn load(sources: &Sources) -> Result<Self, LoadError> {
        let book = load::load(sources)?;
        let slices = slices(&book)?;
        Ok(Self { rules: Arc::new(Rules { book, slices }), recent: Recent::default() })
    }

    /// SHA-256-able canonical text of schema and policies, for the generation.
    pub fn text(&self) -> &[u8] {
        &self.rules.book.text
    }

    /// *May ask*: `policy.refused`, `assurance.insufficient` or `policy.error`, else a plan.
    pub fn decide(&self, question: &Question, relationship: &Relationship) -> Result<Plan, Halt> {
        let asked = Asked::new(question, relationship);
        let key = Key::of(&asked);
        let outcome = match self.recent.find(asked.at, &key) {
            Some(outcome) => outcome,
            None => {
                let outcome = self.work_out(&asked);
                self.recent.keep(asked.at, key, outcome.clone());
                outcome
            }
        };
        outcome.map(|made| Plan::new(made, relationship.care_teams.clone(), asked.valid_until()))
    }

    fn work_out(&self, asked: &Asked<'_>) -> Outcome {
        let halt = match self.plan(asked) {
            Ok(Ok(made)) => return Ok(Arc::new(made)),
            Ok(Err(halt)) => halt,
            Err(Unfit) => Halt::new(Reason::PolicyError),
        };
        if halt.reason == Reason::PolicyRefused && self.would_pass_if_sure(asked) {
            let challenge = Some(self.rules.book.step_up.clone());
            return Err(Halt { reason: Reason::AssuranceInsufficient, challenge, ..halt });
        }
        Err(halt)
    }

    /// The same question by the same person, just signed in with everything there is. Only the class of request is
    /// looked at, so that a challenge says nothing about a resource.
    fn would_pass_if_sure(&self, asked: &Asked<'_>) -> bool {
        if asked.question.principal.kind != Kind::Person {
            return false;
        }
        let mut question = asked.question.clone();
        let authenticated_at = Some(asked.at);
        question.context.assurance = Assurance { level: 3, phishing_resistant: true, authenticated_at };
        matches!(self.plan(&Asked { question: &question, ..*asked }), Ok(Ok(_)))
    }

    fn plan(&self, asked: &Asked<'_>) -> Result<Result<Made, Halt>, Unfit> {
        let action = asked.question.action;
        let Some(resource_type) = planned_type(action, asked.question.resource_type) else {
            return Ok(Err(Halt::new(Reason::PolicyRefused)));
        };
        let rules = &self.rules;
        if !rules.applies(asked.question.principal.kind, action.code()) {
            return Ok(Err(Halt::new(Reason::PolicyRefused)));
        }
        let asker = Asker::new(&rules.book.names, &rules.book.vocabulary.schema, asked)?;
        let known = Known::new(rules, &asker)?;
        let mut lexemes = Lexemes::default();
        let read = match rules.outlook(&known, action.code(), (resource_type, &mut lexemes))? {
            Outlook::Error(policies) => return Ok(Err(Halt::by(Reason::PolicyError, policies))),
            Outlook::Refused(policies, _) => return Ok(Err(Halt::by(Reason::PolicyRefused, policies))),
            Outlook::Open(way) => way,
        };
        let mut groups = Vec::new();
        for group in rules.book.vocabulary.groups_of(resource_type) {
            let view = view_action(resource_type, group);
            if !rules.applies(asker.kind, &view) {
                continue;
            }
            match rules.outlook(&known, &view, (resource_type, &mut lexemes))? {
                Outlook::Error(policies) => return Ok(Err(Halt::by(Reason::PolicyError, policies))),
                // Kept only where Cedar may still meet an error, which refuses the whole resource.
                Outlook::Refused(_, way) if !way.is_opaque() => {}
                Outlook::Refused(_, way) | Outlook::Open(way) => groups.push((group.to_owned(), way)),
            }
        }
        let parts = Parts { resource_type, lexemes, read, groups };
        Ok(Ok(Made::new(Arc::clone(rules), asker, parts)))
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Rules {
    /// Does the vocabulary let this kind of caller do this at all? No policy can widen it.
    pub fn applies(&self, kind: Kind, action: &str) -> bool {
        let action = self.book.names.action(action);
        let wanted = self.book.names.kind(kind);
        let kinds = self.book.vocabulary.schema.principals_for_action(&action);
        kinds.is_some_and(|mut kinds| kinds.any(|kind| kind == wanted))
    }

    pub fn outlook(
        &self,
        known: &Known<'_>,
        action: &str,
        (resource_type, lexemes): (&'static str, &mut Lexemes),
    ) -> Result<Outlook, Unfit> {
        let action = self.book.names.action(action);
        let residues = known.evaluate(&action)?;
        let mut compiler = Compiler { lexemes, resource_type };
        let mut way = Way { action, permits: Vec::new(), forbids: Vec::new() };
        let mut errors = Vec::new();
        for (id, residue) in residues {
            let predicate = match residue {
                Residue::Error => {
                    errors.push(id);
                    continue;
                }
                Residue::Fails => continue,
                Residue::Holds => Predicate::True,
                Residue::Open(conditions) => compiler.policy(&conditions),
            };
            let rule = self.book.rules.get(&id).ok_or(Unfit)?;
            match (rule.effect, &predicate) {
                (_, Predicate::False) => {}
                (Effect::Permit, _) => way.permits.push((id, predicate)),
                (Effect::Forbid, _) => way.forbids.push((id, predicate)),
            }
        }
        if !errors.is_empty() {
            return Ok(Outlook::Error(errors));
        }
        let certain = way.forbids.iter().filter(|(_, predicate)| matches!(predicate, Predicate::True));
        let certain: Vec<String> = certain.map(|(id, _)| id.clone()).collect();
        if !certain.is_empty() || way.permits.is_empty() {
            return Ok(Outlook::Refused(certain, way));
        }
        Ok(Outlook::Open(way))
    }
}

/// An index by action. A policy that names a group of actions stands in the slice of each of its members; one that
/// names none stands in every slice.
fn slices(book: &Rulebook) -> Result<BTreeMap<EntityUid, PolicySet>, VocabularyError> {
    let schema = &book.vocabulary.schema;
    let actions = schema.action_entities().map_err(|_| VocabularyError::Index)?;
    let concerns = |policy: &Policy, action: &EntityUid| match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(groups) => {
            groups.iter().any(|group| group == action || actions.is_ancestor_of(group, action))
        }
    };
    let slice = |action: &EntityUid| {
        let kept = book.policies.policies().filter(|policy| concerns(policy, action)).cloned();
        PolicySet::from_policies(kept).map(|set| (action.clone(), set)).map_err(|_| VocabularyError::Index)
    };
    schema.actions().map(slice).collect()
}
