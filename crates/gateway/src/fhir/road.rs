//! The stations of a FHIR request. What is asked for by id is fetched at *forward*. A search is fetched at *filter*: what
//! to ask the upstream for follows from the plan.

use super::{
    Clean, FHIR_JSON, Fhir, Filtrate, Flow, Under,
    history::History,
    scan::{Errand, Spent},
    search::Run,
    sieve::grants,
};
use ::fhir::{
    Grant, Scanned, Scopes,
    capability::smart_configuration,
    outcome::outcome,
    request::{Asked, Line, accept, parse, unanswered},
    search::Lead,
};
use bytes::Bytes;
use lexicon::{Halt, Interaction, LocalId, Principal, Reason, Relationship, ResourceType};
use passage::{Answer, Class, Classes, Further, Moment, Need, Notes, Refusal, Road, Sight, Told, Words, Yield};
use std::collections::BTreeMap;

/// What an upstream, or the gateway itself, has to say to an ask.
pub enum Raw {
    Resource(Scanned),
    Version(Box<Version>),
    /// Nothing yet: it is asked when it is known what for.
    Search,
    Statement(Bytes),
    Configuration(Bytes),
}

/// The resource as it is now, and what became of asking for an old version of it.
pub struct Version {
    current: Scanned,
    version: Result<Scanned, Halt>,
}

impl Road for Fhir {
    type Ask = Asked;
    type Raw = Raw;
    type Filtrate = Filtrate;
    type Flow = Flow;

    fn name(&self) -> &'static str {
        "fhir"
    }

    fn read(&self, words: &Words<'_>) -> Told<Asked> {
        match self.parse(words) {
            Ok(asked) => {
                let (resource_type, resource) = (asked.resource_type, asked.id.clone());
                let patient = asked.compartment.as_ref().map(|(_, id)| id.clone());
                let interaction = Some(asked.interaction);
                let notes = Notes { interaction, resource_type, resource, patient, ..Notes::default() };
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
        let leads = match asked.interaction {
            Interaction::SearchType | Interaction::SearchCompartment => self.wanted(principal, asked)?.search.leads(),
            Interaction::HistoryInstance => self.history_cursor(principal, asked).map(|_| BTreeMap::new())?,
            _ => BTreeMap::new(),
        };
        let class = |resource_type: Option<ResourceType>| {
            let granted = resource_type.map(|of| grants(principal, asked.interaction, of)).transpose()?;
            let scopes = granted.iter().flatten().map(Grant::text).collect();
            Ok(Class {
                action: asked.interaction.action(),
                resource_type,
                scopes,
                purpose: self.settings.purpose.clone(),
            })
        };
        let first = class(asked.resource_type)?;
        let mut further = Vec::new();
        for (of, lead) in leads {
            let need = match lead {
                Lead::Hop => Need::Must(Reason::ParameterChain),
                Lead::Include => Need::Must(Reason::IncludeRefused),
                Lead::Perhaps => Need::May,
            };
            match class(Some(of)) {
                Ok(class) => further.push(Further { class, need }),
                Err(Halt { reason: Reason::ScopeMissing, .. }) if need == Need::May => {}
                Err(why) => return Err(why),
            }
        }
        Ok(Classes { first, further })
    }

    async fn forward(&self, asked: &Asked, moment: Moment) -> Told<Raw> {
        let about = &self.settings.about;
        match (asked.interaction, asked.resource_type, &asked.id) {
            (Interaction::Read | Interaction::HistoryInstance, Some(resource_type), Some(id)) => {
                let path = format!("/{resource_type}/{}", id.reveal());
                let Told { notes, outcome } = self.upstream.read(&path, moment.trace, self.settings.limits).await;
                Told { notes, outcome: outcome.map(Raw::Resource) }
            }
            (Interaction::Vread, Some(resource_type), Some(id)) => {
                let Some(number) = &asked.version else { return Err(Reason::Bug).into() };
                let path = format!("/{resource_type}/{}", id.reveal());
                let current = self.upstream.read(&path, moment.trace, self.settings.limits).await;
                let (notes, current) = match current {
                    Told { notes, outcome: Ok(current) } => (notes, current),
                    Told { notes, outcome: Err(why) } => return Told { notes, outcome: Err(why) },
                };
                let path = format!("{path}/_history/{}", number.reveal());
                // However this fails, it fails only for those who may see the resource.
                let version = self.upstream.read(&path, moment.trace, self.settings.limits).await.outcome;
                Told { notes, outcome: Ok(Raw::Version(Box::new(Version { current, version }))) }
            }
            (Interaction::SearchType | Interaction::SearchCompartment, ..) => Told::new(Ok(Raw::Search)),
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
    async fn filter(&self, raw: Raw, sight: &Sight<'_, Asked>, moment: Moment) -> Told<Yield<Filtrate, Flow>> {
        let errand = Errand { road: self, sight, moment };
        let mut notes = Notes::default();
        let outcome = match raw {
            Raw::Statement(body) => Ok(Yield::Whole(Filtrate::mint(Clean::Statement(body)))),
            Raw::Configuration(body) => Ok(Yield::Whole(Filtrate::mint(Clean::Configuration(body)))),
            Raw::Resource(current) if sight.ask.interaction == Interaction::HistoryInstance => {
                let visible = errand.one(&current, &mut notes).map(|_| ());
                let begun = visible.and_then(|()| History::begin(&errand).map_err(Halt::new));
                begun.map(|history| flow(Under::History(history)))
            }
            Raw::Resource(resource) => errand.one(&resource, &mut notes).map(Yield::Whole),
            Raw::Version(both) => errand.version(*both, &mut notes).map(Yield::Whole),
            Raw::Search => {
                let begun = self.wanted(sight.principal, sight.ask).and_then(|wanted| Run::begin(wanted, &errand));
                begun.map(|run| flow(Under::Search(Box::new(run)))).map_err(Halt::new)
            }
        };
        Told { notes, outcome }
    }

    async fn next(&self, flow: &mut Flow, sight: &Sight<'_, Asked>, moment: Moment) -> Told<Option<Filtrate>> {
        let errand = Errand { road: self, sight, moment };
        let Flow { under, spent } = flow;
        let piece = match under {
            Under::Search(run) => run.next(&errand, spent).await,
            Under::History(history) => history.next(&errand, spent).await,
        };
        let outcome = piece.map(|piece| piece.map(|piece| Filtrate::mint(Clean::Piece(piece)))).map_err(Halt::new);
        Told { notes: flow.spent.notes(), outcome }
    }

    fn explain(&self, refusal: &Refusal) -> Answer {
        let body = outcome(refusal.shown, &refusal.trace.to_string()).into();
        let asked = refusal.caller.zip(refusal.interaction).zip(refusal.resource_type);
        let scope = asked.and_then(|((caller, interaction), of)| Scopes::sufficient(caller, interaction, of));
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
        parse(Line {
            method: words.method,
            path,
            query: words.query,
            if_none_exist: words.if_none_exist,
            form: words.form,
        })
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

fn flow(under: Under) -> Yield<Filtrate, Flow> {
    Yield::Flow(Flow { under, spent: Spent::default() })
}

impl Errand<'_> {
    /// The resource that was asked for by its id.
    fn one(&self, resource: &Scanned, notes: &mut Notes) -> Result<Filtrate, Halt> {
        let asked = self.sight.ask;
        let Some((of, id)) = asked.resource_type.zip(asked.id.clone()) else { return Err(Reason::Bug.into()) };
        if (of, Some(&id)) != (resource.resource_type(), resource.id().as_ref()) {
            return Err(Reason::UpstreamMismatch.into());
        }
        let grants = self.grants(of)?;
        let sieve = self.sieve(of, &grants)?;
        let seen = sieve.see(resource).map_err(|unseen| {
            notes.patient = unseen.patient;
            unseen.why
        })?;
        notes.patient = seen.patient().cloned();
        notes.groups.clone_from(&seen.groups);
        notes.policies.clone_from(&seen.policies);
        Ok(Filtrate::mint(Clean::Projected(seen.project(), vec![seen.disclosed(id)])))
    }

    /// A version, of a resource that may be seen as it is now. Its number is shown only where nothing is withheld; where
    /// it is not, asking by number would tell how often what is hidden has changed.
    fn version(&self, both: Version, notes: &mut Notes) -> Result<Filtrate, Halt> {
        self.one(&both.current, notes)?;
        let version = both.version?;
        let number = version.strings_at(&["meta", "versionId"]);
        let asked = self.sight.ask.version.as_ref().map(LocalId::reveal);
        if !matches!(number.as_slice(), [only] if Some(only.as_ref()) == asked) {
            return Err(Reason::UpstreamMismatch.into());
        }
        let shown = self.one(&version, notes).map_err(|why| match why.reason {
            Reason::UpstreamMismatch => why,
            _ => Halt { reason: Reason::VersionHidden, ..why },
        })?;
        if shown.withheld > 0 { Err(Reason::VersionHidden.into()) } else { Ok(shown) }
    }
}
