//! A toy road: the last word of the path says what happens.

use bytes::Bytes;
use lexicon::{
    Action, Facts, Halt, Interaction, Judge, LocalId, Principal, Reason, Relationship, ResourceType, Verdict,
};
use passage::{
    Answer, Class, Classes, Disclosed, Further, Moment, Need, Notes, Refusal, Road, Sight, Told, Validator, Whole,
    Words, Yield,
};
use std::sync::{
    Arc, Mutex,
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
    /// `held` and `public-held` wait at *inform*, `slow` and `update-slow` at *forward*, for a permit each.
    pub gate: Semaphore,
    /// A passage waits at the gate.
    pub waiting: Notify,
    /// The form that was read last.
    pub form: Mutex<Option<String>>,
    pub long: Mutex<Long>,
}

/// What the answer to `long` is, and what becomes of it.
#[derive(Clone, Copy)]
pub struct Long {
    pub pieces: usize,
    /// From this piece on each waits for a permit of the gate.
    pub gated: usize,
    /// Instead of this piece there is an end.
    pub end: Option<(usize, Wreck)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wreck {
    Upstream,
    Panic,
}

/// Bytes of a piece, and resources in it, all of one patient.
pub const PIECE: usize = 100 * 1024;
pub const EACH: usize = 5;

/// What `long` says when nothing ends it.
pub fn long_body(pieces: usize) -> Vec<u8> {
    (0..pieces).flat_map(piece_bytes).collect()
}

fn piece_bytes(at: usize) -> Vec<u8> {
    vec![b'a' + u8::try_from(at % 26).expect("small"); PIECE]
}

fn patient(name: &str) -> Disclosed {
    let id = LocalId::new(name).expect("an id");
    Disclosed { resource_type: ResourceType::PATIENT, id: id.clone(), patients: vec![id] }
}

impl Default for Pier {
    fn default() -> Self {
        let zero = || AtomicUsize::new(0);
        let (gate, waiting) = (Semaphore::new(0), Notify::new());
        let (form, long) = (Mutex::default(), Mutex::new(Long { pieces: 30, gated: usize::MAX, end: None }));
        let (forwarded, at_once, most, waited) = (zero(), zero(), zero(), zero());
        Self(Arc::new(Inside { forwarded, at_once, most, waited, gate, waiting, form, long }))
    }
}

pub struct Ask(String);

pub struct Filtrate {
    body: Bytes,
    disclosed: Vec<Disclosed>,
    validator: Validator,
}

/// How far a long answer is.
pub struct Flow {
    at: usize,
    long: Long,
}

const JSON: &str = "application/fhir+json; charset=utf-8";

impl From<Filtrate> for Whole {
    fn from(Filtrate { body, disclosed, validator }: Filtrate) -> Self {
        let returned = disclosed.len().max(1) as u64;
        Self { media_type: JSON, body, returned, withheld: 2, disclosed, validator }
    }
}

/// Counts one out, also when it is let go of.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
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
    type Flow = Flow;

    fn name(&self) -> &'static str {
        "pier"
    }

    fn read(&self, words: &Words<'_>) -> Told<Ask> {
        let word = words.path.strip_prefix("/pier/").unwrap_or_default();
        *self.0.form.lock().expect("a form") = words.form.map(str::to_owned);
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
                    "update-slow" => (Action::Update, Some(ResourceType::PATIENT)),
                    _ => (Action::Read, Some(ResourceType::PATIENT)),
                };
                let class = |action, resource_type: Option<ResourceType>| {
                    let scopes = vec![format!("user/{}.r", resource_type.map_or("Patient", ResourceType::name))];
                    Class { action, resource_type, scopes, purpose: "treatment".into() }
                };
                // `two-Observation` leads to a further type, `maybe-Observation` if that is permitted.
                let need = if word.starts_with("two-") { Need::Must(Reason::ParameterChain) } else { Need::May };
                let further = word.strip_prefix("two-").or(word.strip_prefix("maybe-"));
                let further = further.map(|name| Further { class: class(action, ResourceType::from_name(name)), need });
                Ok(Classes { first: class(action, resource_type), further: further.into_iter().collect() })
            }
        }
    }

    async fn forward(&self, ask: &Ask, _: Moment) -> Told<()> {
        let inside = &self.0;
        inside.forwarded.fetch_add(1, SeqCst);
        inside.most.fetch_max(inside.at_once.fetch_add(1, SeqCst) + 1, SeqCst);
        let leaving = Leaving(&inside.at_once);
        if ask.0.ends_with("slow") {
            self.wait().await;
        }
        drop(leaving);
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
        if let Some(further) = sight.ask.0.strip_prefix("two-") {
            let of = |name| sight.plan_for(ResourceType::from_name(name).expect("a type"));
            let permits = |plan: &dyn Judge, name| matches!(plan.judge(&facts_of(name, "N")), Verdict::Permit { .. });
            assert!(of(further).is_some_and(|plan| permits(plan, further)));
            assert!(of("Patient").is_some_and(|plan| permits(plan, "Patient")), "the first class has its plan too");
            assert!(of("Encounter").is_none(), "nobody asked for those");
        }
        let outcome = match sight.ask.0.as_str() {
            "hidden" => Err(Reason::RelationshipNone.into()),
            "absent" => Err(Reason::ResourceAbsent.into()),
            "long" => Ok(Yield::Flow(Flow { at: 0, long: *self.0.long.lock().expect("a script") })),
            word => {
                // `patient-1` shows one patient, and can be asked for again.
                let shown = word.starts_with("patient").then(|| patient(word));
                let validator = if shown.is_some() { Validator::Strong } else { Validator::None };
                let body = Bytes::from(format!("{{\"resourceType\":\"Patient\",\"id\":\"{word}\"}}"));
                Ok(Yield::Whole(Filtrate { body, disclosed: shown.into_iter().collect(), validator }))
            }
        };
        Told { notes, outcome }
    }

    async fn next(&self, flow: &mut Flow, _: &Sight<'_, Ask>, _: Moment) -> Told<Option<Filtrate>> {
        let Flow { at, long } = *flow;
        if at >= long.gated {
            self.wait().await;
        }
        if let Some((end, wreck)) = long.end {
            assert!(at < end || wreck != Wreck::Panic, "a bug in a road");
            if at >= end {
                return Err(Reason::UpstreamFailed).into();
            }
        }
        if at == long.pieces {
            return Told::new(Ok(None));
        }
        flow.at += 1;
        let (body, disclosed) = (piece_bytes(at).into(), vec![patient(&format!("p{at}")); EACH]);
        Told::new(Ok(Some(Filtrate { body, disclosed, validator: Validator::None })))
    }

    fn explain(&self, refusal: &Refusal) -> Answer {
        let body = format!("{} {}", refusal.shown, refusal.trace).into();
        Answer { media_type: JSON, body, scope: Some("user/Patient.r".into()) }
    }
}

fn facts(label: &str) -> Facts {
    facts_of("Patient", label)
}

fn facts_of(name: &str, label: &str) -> Facts {
    Facts {
        resource_type: ResourceType::from_name(name).expect("a type"),
        patient: LocalId::new("canary"),
        department: None,
        care_teams: Vec::new(),
        labels: vec![label.to_owned()],
    }
}
