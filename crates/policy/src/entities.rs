//! A question and its facts, turned into Cedar's entities and request. Every entity is checked against the schema, and
//! the schema's actions are always among them: without them a forbid on a group of actions is silently skipped.

use crate::recent::end_of_window;
use crate::vocabulary::Names;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use lexicon::{Facts, Kind, Question, Relationship, Time};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Cedar would not take our own words: a bug, never a property of a request. The text stays inside.
#[derive(Debug, thiserror::Error)]
#[error("the question does not fit the vocabulary")]
pub(crate) struct Unfit;

/// The known part of a request: who asks, in which circumstances. Action and resource come later.
pub(crate) struct Asker {
    pub principal: EntityUid,
    pub kind: Kind,
    pub context: Context,
    /// The principal, the principal's roles, all actions of the schema.
    pub entities: Entities,
}

impl Asker {
    pub fn new(names: &Names, schema: &Schema, asked: &Asked<'_>) -> Result<Self, Unfit> {
        let kind = asked.question.principal.kind;
        let principal = uid(names.kind(kind), "caller");
        let role = |name: &String| uid(&names.role, name);
        let roles: HashSet<EntityUid> = match kind {
            Kind::Stranger => HashSet::new(),
            Kind::Person | Kind::Workload => asked.question.principal.roles.iter().map(role).collect(),
        };
        let mut all: Vec<Entity> =
            roles.iter().map(|role| Entity::new_no_attrs(role.clone(), HashSet::new())).collect();
        all.push(Entity::new(principal.clone(), attributes(asked), roles).map_err(|_| Unfit)?);
        let entities = Entities::from_entities(all, Some(schema)).map_err(|_| Unfit)?;
        Ok(Self { principal, kind, context: context(asked.question, asked.at)?, entities })
    }

    /// The same entities and the resource; never a request about a resource that is not among them.
    pub fn with_record(&self, names: &Names, schema: &Schema, facts: &Facts) -> Result<Entities, Unfit> {
        let mut attributes = HashMap::from([
            ("type".to_owned(), text(facts.resource_type.name())),
            ("care_teams".to_owned(), set(facts.care_teams.iter().map(String::as_str))),
            ("labels".to_owned(), set(facts.labels.iter().map(String::as_str))),
        ]);
        let optional =
            [("patient", facts.patient.as_ref().map(|id| id.reveal())), ("department", facts.department.as_deref())];
        attributes.extend(present(optional));
        let record = Entity::new(record(names), attributes, HashSet::new()).map_err(|_| Unfit)?;
        self.entities.clone().add_entities([record], Some(schema)).map_err(|_| Unfit)
    }

    pub fn request(&self, names: &Names, schema: &Schema, action: &EntityUid) -> Result<Request, Unfit> {
        let (principal, context) = (self.principal.clone(), self.context.clone());
        Request::new(principal, action.clone(), record(names), context, Some(schema)).map_err(|_| Unfit)
    }
}

/// What an [`Asker`] is made of.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub question: &'a Question,
    pub relationship: &'a Relationship,
    /// The moment that ages and expiries are taken at: a little after the question's own.
    pub at: Time,
}

impl<'a> Asked<'a> {
    pub fn new(question: &'a Question, relationship: &'a Relationship) -> Self {
        Self { question, relationship, at: end_of_window(question.context.now) }
    }
    /// A lookup that has expired is no lookup.
    fn fresh(&self) -> Option<&Relationship> {
        self.relationship.valid_until.is_none_or(|until| self.at < until).then_some(self.relationship)
    }

    pub fn valid_until(&self) -> Time {
        let credentials = self.question.principal.valid_until;
        self.fresh().and_then(|found| found.valid_until).map_or(credentials, |until| credentials.min(until))
    }

    /// Teams the token claims and teams looked up.
    pub fn care_teams(&self) -> BTreeSet<&str> {
        let looked_up = self.fresh().into_iter().flat_map(|found| &found.care_teams).map(|(team, _)| team.reveal());
        looked_up.chain(self.question.principal.care_teams.iter().map(String::as_str)).collect()
    }
}

fn attributes(asked: &Asked<'_>) -> HashMap<String, RestrictedExpression> {
    let principal = &asked.question.principal;
    if principal.kind == Kind::Stranger {
        return HashMap::new();
    }
    let mut attributes = HashMap::from([
        ("issuer".to_owned(), text(&principal.issuer)),
        ("subject".to_owned(), text(&principal.subject)),
        ("client".to_owned(), text(&principal.client)),
        ("care_teams".to_owned(), set(asked.care_teams().into_iter())),
    ]);
    let user = principal.fhir_user.as_ref().map(|(resource_type, id)| format!("{resource_type}/{}", id.reveal()));
    attributes.extend(present([
        ("fhir_user", user.as_deref()),
        ("department", principal.department.as_deref()),
        ("patient", principal.patient.as_ref().map(|id| id.reveal())),
    ]));
    attributes
}

fn context(question: &Question, at: Time) -> Result<Context, Unfit> {
    let asked = &question.context;
    let age = i64::try_from(asked.assurance.age_s(at)).unwrap_or(i64::MAX);
    Context::from_pairs([
        ("purpose".to_owned(), text(&asked.purpose)),
        ("zone".to_owned(), text(&asked.zone)),
        ("assurance".to_owned(), RestrictedExpression::new_long(asked.assurance.level.into())),
        ("phishing_resistant".to_owned(), RestrictedExpression::new_bool(asked.assurance.phishing_resistant)),
        ("authenticated_age_s".to_owned(), RestrictedExpression::new_long(age)),
        ("scopes".to_owned(), set(asked.scopes.iter().map(String::as_str))),
    ])
    .map_err(|_| Unfit)
}

fn present<const N: usize>(
    optional: [(&'static str, Option<&str>); N],
) -> impl Iterator<Item = (String, RestrictedExpression)> {
    optional.map(|(name, value)| value.map(|value| (name.to_owned(), text(value)))).into_iter().flatten()
}

fn record(names: &Names) -> EntityUid {
    uid(&names.record, "this")
}

fn uid(type_name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(type_name.clone(), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}
