//! A toy road: the last word of the path says what happens.

use bytes::Bytes;
use lexicon::{Action, Facts, Halt, Interaction, LocalId, Principal, Reason, Relationship, ResourceType, Verdict};
use passage::{Answer, Class, Classes, Moment, Notes, Refusal, Road, Sight, Told, Validator, Whole, Words, Yield};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tokio::sync::{Notify, Semaphore};

#[derive(Clone)]
pub struct Pier(pub Arc<Inside>);

pub struct Inside {
    /// How many passages ever reached the upstream, and the most that were there at once.
    pub forwarded: AtomicUsize,
    pub at_once: AtomicUsize,
    pub most: AtomicUsize,
    /// How many have ever waited at the gate.
    pub waited: AtomicUsize,
    /// `held` and `public-held` wait at *inform*, `slow` at *forward*, for a permit each.
    pub gate: Semaphore,
    /// A passage waits at the gate.
    pub waiting: Notify,
}

impl Default for Pier {
    fn default() -> Self {
        let zero = || AtomicUsize::new(0);
        let (gate, waiting) = (Semaphore::new(0), Notify::new());
        Self(Arc::new(Inside { forwarded: zero(), at_once: zero(), most: zero(), waited: zero(), gate, waiting }))
    }
}

pub struct Ask(String);

pub struct Filtrate(&'static str);

impl From<Filtrate> for Whole {
    fn from(filtrate: Filtrate) -> Self {
        let body = Bytes::from_static(filtrate.0.as_bytes());
        let (media_type, validator) = ("application/fhir+json; charset=utf-8", Validator::None);
        Self { media_type, body, returned: 1, withheld: 2, disclosed: Vec::new(), validator }
    }
}

impl Pier {
    async fn wait(&self) {
        self.0.waited.fetch_add(1, SeqCst);
        self.0.waiting.notify_one();
        self.0.gate.acquire().await.expect("an open gate").forget();
    }
}

impl Road for Pier {
    type Ask = Ask;
    type Raw = ();
    type Filtrate = Filtrate;
    type Flow = std::convert::Infallible;

    fn name(&self) -> &'static str {
        "pier"
    }

    fn read(&self, words: &Words<'_>) -> Told<Ask> {
        let word = words.path.strip_prefix("/pier/").unwrap_or_default();
        if words.carries_body {
            return Err(Reason::RequestBody).into();
        }
        match word {
            "" => Err(Reason::RequestMalformed).into(),
            word => Told {
                notes: Notes {
                    interaction: Some(Interaction::Read),
                    resource_type: Some(ResourceType::PATIENT),
                    resource: LocalId::new("canary"),
                    ..Notes::default()
                },
                outcome: Ok(Ask(word.to_owned())),
            },
        }
    }

    fn is_public(&self, ask: &Ask) -> bool {
        ask.0.starts_with("public")
    }

    async fn inform(&self, _: &Principal, ask: &Ask, _: Moment) -> Relationship {
        assert_ne!(ask.0, "panic-inform", "a bug in a road");
        if ask.0.ends_with("held") {
            self.wait().await;
        }
        Relationship::default()
    }

    fn question(&self, _: &Principal, ask: &Ask) -> Result<Classes, lexicon::Halt> {
        match ask.0.as_str() {
            "scope" => Err(Reason::ScopeMissing.into()),
            word => {
                let (action, resource_type) = match word {
                    "public" | "public-held" => (Action::Capabilities, None),
                    "create" => (Action::Create, Some(ResourceType::PATIENT)),
                    _ => (Action::Read, Some(ResourceType::PATIENT)),
                };
                let scopes = vec!["user/Patient.r".to_owned()];
                Ok(Class { action, resource_type, scopes, purpose: "treatment".into() }.into())
            }
        }
    }

    async fn forward(&self, ask: &Ask, _: Moment) -> Told<()> {
        let inside = &self.0;
        inside.forwarded.fetch_add(1, SeqCst);
        inside.most.fetch_max(inside.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
        if ask.0 == "slow" {
            self.wait().await;
        }
        inside.at_once.fetch_sub(1, SeqCst);
        assert_ne!(ask.0, "panic", "a bug in a road");
        let notes = Notes { upstream_status: Some(200), ..Notes::default() };
        let outcome = if ask.0 == "down" { Err(Reason::UpstreamUnreachable.into()) } else { Ok(()) };
        Told { notes, outcome }
    }

    async fn filter(&self, (): (), sight: &Sight<'_, Ask>, _: Moment) -> Told<Yield<Filtrate, Self::Flow>> {
        let mut notes = Notes { patient: LocalId::new("canary"), ..Notes::default() };
        let label = if sight.ask.0 == "restricted" { "R" } else { "N" };
        match sight.plan().judge(&facts(label)) {
            Verdict::Permit { policies, .. } => notes.policies = policies,
            Verdict::Refuse { .. } if self.is_public(sight.ask) => {}
            Verdict::Refuse { reason, policies } => return Told { notes, outcome: Err(Halt::by(reason, policies)) },
        }
        let outcome = match sight.ask.0.as_str() {
            "hidden" => Err(Reason::RelationshipNone.into()),
            "absent" => Err(Reason::ResourceAbsent.into()),
            _ => Ok(Yield::Whole(Filtrate("{\"resourceType\":\"Patient\"}"))),
        };
        Told { notes, outcome }
    }

    async fn next(&self, flow: &mut Self::Flow, _: &Sight<'_, Ask>, _: Moment) -> Told<Option<Filtrate>> {
        match *flow {}
    }

    fn explain(&self, refusal: &Refusal) -> Answer {
        let body = format!("{} {}", refusal.shown, refusal.trace).into();
        Answer { media_type: "application/fhir+json; charset=utf-8", body, scope: Some("user/Patient.r".into()) }
    }
}

fn facts(label: &str) -> Facts {
    Facts {
        resource_type: ResourceType::PATIENT,
        patient: LocalId::new("canary"),
        department: None,
        care_teams: Vec::new(),
        labels: vec![label.to_owned()],
    }
}
