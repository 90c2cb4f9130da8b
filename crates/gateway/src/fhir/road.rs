//! The stations of a FHIR read.

use super::{Clean, FHIR_JSON, Fhir, Filtrate, Reading, facts};
use ::fhir::{
    Grant, Scanned, Scopes,
    capability::smart_configuration,
    outcome::outcome,
    request::{Asked, Line, accept, parse, unanswered},
};
use bytes::Bytes;
use lexicon::{Facts, Halt, Interaction, Kind, Principal, Reason, Relationship, ResourceType, Verdict};
use passage::{Answer, Class, Classes, Disclosed, Moment, Notes, Refusal, Road, Sight, Told, Words, Yield};
use std::convert::Infallible;

/// What an upstream, or the gateway itself, has to say to an ask.
pub enum Raw {
    Resource(Scanned),
    Statement(Bytes),
    Configuration(Bytes),
}

impl Road for Fhir {
    type Ask = Asked;
    type Raw = Raw;
    type Filtrate = Filtrate;
    type Flow = Infallible;

    fn name(&self) -> &'static str {
        "fhir"
    }

    fn read(&self, words: &Words<'_>) -> Told<Asked> {
        match self.parse(words) {
            Ok(asked) => {
                let (resource_type, resource) = (asked.resource_type, asked.id.clone());
                let notes = Notes { interaction: Some(asked.interaction), resource_type, resource, ..Notes::default() };
                let outcome = self.acceptable(words, &asked).map(|()| asked).map_err(Halt::new);
                Told { notes, outcome }
            }
            Err(reason) => Err(reason).into(),
        }
    }

    fn is_public(&self, asked: &Asked) -> bool {
        matches!(asked.interaction, Interaction::Capabilities | Interaction::SmartConfiguration)
    }

    async fn inform(&self, principal: &Principal, asked: &Asked, moment: Moment) -> Relationship {
        // Nothing is looked up for a request that its scopes would refuse anyway, nor for what concerns no patient.
        if self.is_public(asked) || self.question(principal, asked).is_err() {
            return Relationship::default();
        }
        self.relationships.of(principal, &self.upstream, moment).await
    }

    fn question(&self, principal: &Principal, asked: &Asked) -> Result<Classes, Halt> {
        if let Some(reason) = unanswered(asked.interaction) {
            return Err(reason.into());
        }
        let scopes = match asked.resource_type {
            Some(resource_type) => {
                grants(principal, asked.interaction, resource_type)?.iter().map(Grant::text).collect()
            }
            None => Vec::new(),
        };
        let (action, purpose) = (asked.interaction.action(), self.settings.purpose.clone());
        Ok(Class { action, resource_type: asked.resource_type, scopes, purpose }.into())
    }

    async fn forward(&self, asked: &Asked, moment: Moment) -> Told<Raw> {
        let about = &self.settings.about;
        match (asked.interaction, asked.resource_type, &asked.id) {
            (Interaction::Read, Some(resource_type), Some(id)) => {
                let path = format!("/{resource_type}/{}", id.reveal());
                let Told { notes, outcome } = self.upstream.read(&path, moment.trace, self.settings.limits).await;
                Told { notes, outcome: outcome.map(Raw::Resource) }
            }
            (Interaction::Capabilities, ..) => {
                let Told { notes, outcome } = self.statement.current(&self.upstream, about, moment).await;
                Told { notes, outcome: outcome.map(Raw::Statement) }
            }
            (Interaction::SmartConfiguration, ..) => {
                Told::new(Ok(Raw::Configuration(smart_configuration(about).into())))
            }
            (interaction, ..) => Err(unanswered(interaction).unwrap_or(Reason::Bug)).into(),
        }
    }

    /// A hidden resource costs its scan and its judgement, an absent one does not: microseconds for most resources,
    /// milliseconds at the limit, beside a round trip and a sync that both share. That residual is accepted.
    async fn filter(&self, raw: Raw, sight: &Sight<'_, Asked>, _: Moment) -> Told<Yield<Filtrate, Infallible>> {
        let resource = match raw {
            Raw::Resource(resource) => resource,
            Raw::Statement(body) => return Told::new(Ok(Yield::Whole(Filtrate::mint(Clean::Statement(body))))),
            Raw::Configuration(body) => return Told::new(Ok(Yield::Whole(Filtrate::mint(Clean::Configuration(body))))),
        };
        if (sight.ask.resource_type, &sight.ask.id) != (Some(resource.resource_type()), &resource.id()) {
            return Err(Reason::UpstreamMismatch).into();
        }
        let reading = Reading { base: &self.base, unlabelled: &self.settings.unlabelled };
        let facts = facts(&resource, &reading, sight.relationship);
        let mut notes = Notes { patient: facts.patient.clone(), ..Notes::default() };
        let grants = match reaching(sight, &facts) {
            Ok(grants) => grants,
            Err(reason) => return Told { notes, outcome: Err(reason.into()) },
        };
        // Policy before the scopes' parameters: what it shows bounds what they may look at.
        match sight.plan().judge(&facts) {
            Verdict::Permit { groups, policies } => {
                let projection = self.settings.projections.compile(facts.resource_type, &groups);
                let launched = sight.principal.patient.as_ref();
                let admits = |grant: &Grant| {
                    grant.reads_only(&projection) && grant.admits(&resource, launched, facts.patient.as_ref()).is_ok()
                };
                // One granted scope that admits the resource is enough.
                if !grants.iter().any(admits) {
                    return Told { notes, outcome: Err(Reason::ScopeGranular.into()) };
                }
                let (resource_type, patient) = (facts.resource_type, facts.patient.clone());
                // Its id is the one that was asked for.
                let id = sight.ask.id.clone();
                let disclosed = id.map(|id| Disclosed { resource_type, id, patient }).into_iter().collect();
                let projected = resource.project(&projection, &self.base);
                notes.groups = groups;
                notes.policies = policies;
                Told { notes, outcome: Ok(Yield::Whole(Filtrate::mint(Clean::Projected(projected, disclosed)))) }
            }
            Verdict::Refuse { reason, policies } => Told { notes, outcome: Err(Halt::by(reason, policies)) },
        }
    }

    async fn next(&self, flow: &mut Infallible, _: &Sight<'_, Asked>, _: Moment) -> Told<Option<Filtrate>> {
        match *flow {}
    }

    fn explain(&self, refusal: &Refusal) -> Answer {
        let body = outcome(refusal.shown, &refusal.trace.to_string()).into();
        let context = match refusal.caller {
            Some(Kind::Person) => Some("user"),
            Some(Kind::Workload) => Some("system"),
            Some(Kind::Stranger) | None => None,
        };
        let scope = context.zip(refusal.resource_type).map(|(context, of)| format!("{context}/{of}.r"));
        Answer { media_type: FHIR_JSON, body, scope }
    }
}

impl Fhir {
    fn parse(&self, words: &Words<'_>) -> Result<Asked, Reason> {
        let below = words.path.strip_prefix(self.settings.path.as_str());
        let path = match below {
            Some("") => "/",
            Some(below) if below.starts_with('/') => below,
            // Another path is no place of this server.
            _ => return Err(Reason::RequestTypeUnknown),
        };
        parse(Line { method: words.method, path, query: words.query, if_none_exist: words.if_none_exist, form: None })
    }

    /// What is answered has no body and is asked for in JSON. What is not answered says so first.
    fn acceptable(&self, words: &Words<'_>, asked: &Asked) -> Result<(), Reason> {
        if unanswered(asked.interaction).is_some() {
            return Ok(());
        }
        if words.carries_body {
            return Err(Reason::RequestBody);
        }
        match asked.interaction {
            // This one is plain JSON by its own specification.
            Interaction::SmartConfiguration => Ok(()),
            _ => accept(words.accept, asked.format()),
        }
    }
}

fn grants(principal: &Principal, interaction: Interaction, of: ResourceType) -> Result<Vec<Grant>, Reason> {
    Scopes::parse(&principal.scopes).covering(principal.kind, interaction, of)
}

/// The grants that reach into the compartment of the resource, shown or not.
fn reaching(sight: &Sight<'_, Asked>, facts: &Facts) -> Result<Vec<Grant>, Reason> {
    let mut grants = grants(sight.principal, sight.ask.interaction, facts.resource_type)?;
    grants.retain(|grant| grant.reaches(sight.principal.patient.as_ref(), facts.patient.as_ref()));
    if grants.is_empty() { Err(Reason::ScopePatient) } else { Ok(grants) }
}
