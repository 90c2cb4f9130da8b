//! The states of a passage. Each step consumes the state before it, so no step can be left out, repeated or swapped.
//! No state has `Drop`, `Clone`, `Debug` or a public field: the open case goes where the request goes.

use crate::{
    Arrival, Class, Classes, Client, Generation, Moment, Notes, Plans, Recorded, Road, Sight, Silence, Stop, Words,
    Yield, answer::Case, desk::Desk, headers,
};
use identity::{Caller, Refused, Verifier};
use lexicon::{Context, Halt, Kind, Question, Reason, Relationship, Station};
use policy::Engine;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

/// A docket is open: from here on whatever happens is written.
pub struct Received {
    case: Case,
    arrival: Arrival,
}

/// Somebody stands there, or a stranger who may only ask for what is public.
pub struct Authenticated {
    case: Case,
    arrival: Arrival,
    caller: Caller,
}

/// The request has a meaning.
pub struct Read<R: Road> {
    case: Case,
    caller: Caller,
    ask: R::Ask,
}

/// What the decision needs to know of the caller is known.
pub struct Informed<R: Road> {
    case: Case,
    caller: Caller,
    ask: R::Ask,
    relationship: Relationship,
}

/// All classes of the request are permitted. The plans travel with the ask they were made for.
pub struct Authorized<R: Road> {
    case: Case,
    caller: Caller,
    ask: R::Ask,
    relationship: Relationship,
    plans: Plans,
}

/// The effect may happen now.
pub struct Declared<R: Road> {
    authorized: Authorized<R>,
}

/// The upstream has spoken; nobody may see it yet.
pub struct Forwarded<R: Road> {
    authorized: Authorized<R>,
    raw: R::Raw,
}

/// Only what the caller may see is left.
pub struct Filtered<R: Road> {
    case: Case,
    filtrate: R::Filtrate,
}

/// A refusal: an answer like any other, and evidence like any other.
pub struct Halted {
    case: Case,
    why: Halt,
    retry_after: Option<Duration>,
}

fn halt<T>(case: Case, why: impl Into<Halt>) -> Result<T, Stop> {
    Err(Stop::Halted(Box::new(Halted { case, why: why.into(), retry_after: None })))
}

fn throttle<T>(case: Case, reason: Reason, wait: Duration) -> Result<T, Stop> {
    Err(Stop::Halted(Box::new(Halted { case, why: reason.into(), retry_after: Some(wait) })))
}

impl Received {
    /// Opens the docket, its closing seat reserved: back-pressure is felt here, and closing cannot fail for lack of room.
    pub async fn open<R: Road>(arrival: Arrival, desk: &Arc<Desk>, at: &Generation<R>) -> Result<Self, Silence> {
        let case = Case::open(&arrival, desk).await?.under(at);
        Ok(Self { case, arrival })
    }

    pub async fn authenticate(self, verifier: &Verifier) -> Result<Authenticated, Stop> {
        let Self { mut case, arrival } = self;
        case.reach(Station::Authenticate);
        let now = case.now();
        let credential = headers::admit(&arrival.parts).and_then(|()| headers::bearer(&arrival.parts.headers));
        let verified = match credential {
            Ok(Some(bearer)) => verifier.recognise(&bearer, &arrival.peer, now).await,
            Ok(None) => Ok(verifier.stranger(now)),
            Err(reason) => Err(reason.into()),
        };
        match verified {
            Ok(caller) if caller.principal().kind != Kind::Stranger => {
                arrival.verified.store(true, Relaxed);
                case.known(&caller).await?;
                if let Err(wait) = case.charge_token(&caller) {
                    return throttle(case, Reason::LimitToken, wait);
                }
                Ok(Authenticated { case, arrival, caller })
            }
            unverified => {
                if let Err(Refused { named: Some(named), .. }) = &unverified {
                    case.named(named);
                }
                if let Err(wait) = case.charge_stranger() {
                    return throttle(case, Reason::LimitAddress, wait);
                }
                match unverified {
                    Ok(caller) => Ok(Authenticated { case, arrival, caller }),
                    Err(Refused { reason, .. }) => halt(case, reason),
                }
            }
        }
    }
}

impl Authenticated {
    pub fn read<R: Road>(self, road: &R) -> Result<Read<R>, Stop> {
        let Self { mut case, arrival, caller } = self;
        case.reach(Station::Read);
        let believed = headers::accept(&arrival.parts.headers)
            .and_then(|accept| Ok((accept, headers::if_none_exist(&arrival.parts.headers)?)));
        let (accept, if_none_exist) = match believed {
            Ok(believed) => believed,
            Err(reason) => return halt(case, reason),
        };
        let told = road.read(&Words {
            method: arrival.parts.method.as_str(),
            path: arrival.parts.uri.path(),
            query: arrival.parts.uri.query(),
            accept: accept.as_deref(),
            if_none_exist,
            form: None,
            carries_body: arrival.carries_body,
        });
        case.note(told.notes);
        match told.outcome {
            Ok(ask) if caller.principal().kind == Kind::Stranger && !road.is_public(&ask) => {
                halt(case, Reason::CredentialMissing)
            }
            Ok(ask) => Ok(Read { case, caller, ask }),
            Err(why) => halt(case, why),
        }
    }
}

impl<R: Road> Read<R> {
    pub async fn inform(self, road: &R) -> Result<Informed<R>, Stop> {
        let Self { mut case, caller, ask } = self;
        case.reach(Station::Inform);
        let relationship = road.inform(caller.principal(), &ask, case.moment()).await;
        case.related(&relationship);
        Ok(Informed { case, caller, ask, relationship })
    }
}

impl<R: Road> Informed<R> {
    pub fn authorize(self, road: &R, engine: &Engine) -> Result<Authorized<R>, Stop> {
        let Self { mut case, caller, ask, relationship } = self;
        case.reach(Station::Authorize);
        let Classes { first, further } = match road.question(caller.principal(), &ask) {
            Ok(classes) => classes,
            Err(why) => return halt(case, why),
        };
        let question = case.question(&caller, first);
        let mut plans = match engine.decide(&question, &relationship) {
            Ok(plan) => {
                // These may permit; the verdict on the resource says which did. Without a resource nothing is left open.
                if question.resource_type.is_none() {
                    case.note(Notes { policies: plan.policies().to_vec(), ..Notes::default() });
                }
                Plans::new(question.resource_type, plan)
            }
            Err(why) => return halt(case, why),
        };
        for class in further {
            let question = case.question(&caller, class);
            // A class without a type leads to nothing that could be judged.
            let Some(resource_type) = question.resource_type else { return halt(case, Reason::Bug) };
            match engine.decide(&question, &relationship) {
                Ok(_) if plans.holds(resource_type) => {}
                Ok(plan) => plans.add(resource_type, plan),
                Err(why) => return halt(case, why),
            }
        }
        Ok(Authorized { case, caller, ask, relationship, plans })
    }
}

impl<R: Road> Authorized<R> {
    /// The last station without an effect. A read needs no leaf of its own (decision 1); a write posts its `Intent`
    /// here and waits for the receipt. Whoever left until now has caused nothing; from here on a passage runs to its end.
    pub fn declare(self, client: &Client) -> Result<Declared<R>, Stop> {
        let mut authorized = self;
        authorized.case.reach(Station::Declare);
        if client.left() {
            return halt(authorized.case, Reason::ClientLeft);
        }
        Ok(Declared { authorized })
    }
}

impl<R: Road> Declared<R> {
    pub async fn forward(self, road: &R) -> Result<Forwarded<R>, Stop> {
        let Self { mut authorized } = self;
        authorized.case.reach(Station::Forward);
        let told = road.forward(&authorized.ask, authorized.case.moment()).await;
        authorized.case.note(told.notes);
        match told.outcome {
            Ok(raw) => Ok(Forwarded { authorized, raw }),
            Err(why) => halt(authorized.case, why),
        }
    }
}

impl<R: Road> Forwarded<R> {
    pub async fn filter(self, road: &R, verifier: &Verifier) -> Result<Filtered<R>, Stop> {
        let Self { authorized: Authorized { mut case, caller, ask, relationship, plans }, raw } = self;
        case.reach(Station::Filter);
        let (principal, now) = (caller.principal(), case.now());
        // What held at the decision must hold when the answer leaves (decision 16).
        if let Err(reason) = verifier.still_stands(&caller, now) {
            return halt(case, reason);
        }
        if now > plans.valid_until() {
            return halt(case, Reason::RelationshipNone);
        }
        let sight = Sight { ask: &ask, principal, relationship: &relationship, plans: &plans };
        let told = road.filter(raw, &sight, case.moment()).await;
        case.note(told.notes);
        match told.outcome {
            Ok(Yield::Whole(filtrate)) => Ok(Filtered { case, filtrate }),
            Ok(Yield::Flow(_)) => halt(case, Reason::Bug),
            Err(why) => halt(case, why),
        }
    }
}

impl<R: Road> Filtered<R> {
    pub async fn record(self) -> Result<Recorded, Silence> {
        let Self { mut case, filtrate } = self;
        case.reach(Station::Record);
        case.answered(filtrate.into()).await
    }
}

impl Halted {
    pub async fn record<R: Road>(self, road: &R) -> Result<Recorded, Silence> {
        let Self { mut case, why, retry_after } = self;
        let answer = road.explain(&case.refusal(&why));
        case.refused(why, retry_after, answer).await
    }
}

impl Case {
    fn question(&mut self, caller: &Caller, class: Class) -> Question {
        let principal = caller.principal().clone();
        let context = Context {
            now: self.now(),
            purpose: class.purpose,
            zone: self.zone().to_owned(),
            assurance: principal.assurance,
            scopes: class.scopes,
        };
        self.asked(&context);
        Question { principal, action: class.action, resource_type: class.resource_type, context }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now(), trace: self.trace() }
    }
}
