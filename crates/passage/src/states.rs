//! The states of a passage. Each step consumes the state before it, so no step can be left out, repeated or swapped.
//! No state has `Drop`, `Clone`, `Debug` or a public field: the open case goes where the request goes.

use crate::{
    Arrival, Class, Classes, Client, Further, Generation, House, Moment, Need, Notes, Plans, Pump, Recorded, Road,
    Silence, Stop, Whole, Words, Yield,
    allowance::Overdrawn,
    answer::Case,
    desk::Desk,
    form,
    gather::{Gathering, Segment},
    headers,
    permitted::Permitted,
    validator,
};
use identity::{Caller, Refused, Verifier};
use lexicon::{Context, Halt, Kind, Question, Reason, Relationship, Station};
use policy::Engine;
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::time::timeout;

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

/// All classes of the request are permitted.
pub struct Authorized<R: Road> {
    case: Case,
    permitted: Permitted<R>,
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

/// Only what the caller may see is left: all of it, or its first segment.
pub struct Filtered<R: Road> {
    case: Case,
    permitted: Permitted<R>,
    shown: Shown<R>,
}

enum Shown<R: Road> {
    Whole(Whole),
    Long(Segment, Gathering<R>),
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
    pub async fn read<R: Road>(self, road: &R) -> Result<Read<R>, Stop> {
        let Self { mut case, arrival, caller } = self;
        case.reach(Station::Read);
        let Arrival { parts, body, .. } = arrival;
        let is_stranger = caller.principal().kind == Kind::Stranger;
        let believed = headers::accept(&parts.headers).and_then(|accept| {
            case.known_tags = validator::preconditions(&parts.method, &parts.headers)?;
            Ok((accept, headers::if_none_exist(&parts.headers)?, body.is_some() && form::is_form(&parts)?))
        });
        let (accept, if_none_exist, is_form) = match believed {
            Ok(believed) => believed,
            Err(reason) => return halt(case, reason),
        };
        let (form, carries_body) = match body {
            // Nothing public takes a form: a stranger's is not read.
            Some(_) if is_form && is_stranger => return halt(case, Reason::CredentialMissing),
            Some(body) if is_form => match form::read(body, case.desk().settings.timeouts.form).await {
                Ok(form) => (Some(form), false),
                Err(reason) => return halt(case, reason),
            },
            other => (None, other.is_some()),
        };
        let told = road.read(&Words {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query(),
            accept: accept.as_deref(),
            if_none_exist,
            form: form.as_deref(),
            carries_body,
        });
        case.note(told.notes);
        match told.outcome {
            Ok(ask) if is_stranger && !road.is_public(&ask) => halt(case, Reason::CredentialMissing),
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
        let mut questions = vec![question];
        for Further { class, need } in further {
            let question = case.question(&caller, class);
            // A class without a type leads to nothing that could be judged.
            let Some(resource_type) = question.resource_type else { return halt(case, Reason::Bug) };
            match engine.decide(&question, &relationship) {
                Ok(_) if plans.holds(resource_type) => {}
                Ok(plan) => plans.add(resource_type, plan),
                Err(why) => match need {
                    Need::Must(reason) if why.reason == Reason::PolicyRefused => {
                        return halt(case, Halt { reason, ..why });
                    }
                    Need::May if why.reason == Reason::PolicyRefused => continue,
                    _ => return halt(case, why),
                },
            }
            questions.push(question);
        }
        Ok(Authorized { case, permitted: Permitted { caller, ask, relationship, plans, questions } })
    }
}

impl<R: Road> Authorized<R> {
    /// The last station without an effect. A read needs no leaf of its own (decision 1); a write posts its `Intent`
    /// here and waits for the receipt. Whoever left until now has caused nothing; from here on a write runs to its end.
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
    pub async fn forward(self, road: &R, client: &mut Client) -> Result<Forwarded<R>, Stop> {
        let Self { mut authorized } = self;
        authorized.case.reach(Station::Forward);
        let Authorized { case, permitted } = &authorized;
        let forwarded = permitted.unless_left(client, road.forward(&permitted.ask, case.moment())).await;
        let Some(told) = forwarded else { return halt(authorized.case, Reason::ClientLeft) };
        authorized.case.note(told.notes);
        match told.outcome {
            Ok(raw) => Ok(Forwarded { authorized, raw }),
            Err(why) => halt(authorized.case, why),
        }
    }
}

impl<R: Road> Forwarded<R> {
    pub async fn filter(self, at: &Generation<R>, house: &House<R>, client: &mut Client) -> Result<Filtered<R>, Stop> {
        let Self { authorized: Authorized { mut case, permitted }, raw } = self;
        case.reach(Station::Filter);
        if let Err(why) = permitted.still_holds(case.now(), at, &house.generation()) {
            return halt(case, why);
        }
        let sight = permitted.sight();
        let filtered = permitted.unless_left(client, at.road.filter(raw, &sight, case.moment())).await;
        let Some(told) = filtered else { return halt(case, Reason::ClientLeft) };
        case.note(told.notes);
        let shown = match told.outcome {
            Ok(Yield::Whole(filtrate)) => Shown::Whole(filtrate.into()),
            Ok(Yield::Flow(flow)) => {
                let mut gathering = Gathering::new(flow);
                // Half of its time, so that there is some left to say that it was too long.
                let patience = case.desk().settings.timeouts.request / 2;
                let filling = timeout(patience, gathering.fill(&at.road, &sight, &mut case));
                let Some(filled) = permitted.unless_left(client, filling).await else {
                    return halt(case, Reason::ClientLeft);
                };
                match filled.unwrap_or(Err(Reason::UpstreamTimeout.into())) {
                    Ok(first) => Shown::Long(first, gathering),
                    Err(why) => return halt(case, why),
                }
            }
            Err(why) => return halt(case, why),
        };
        Ok(Filtered { case, permitted, shown })
    }
}

impl<R: Road> Filtered<R> {
    /// A whole answer is recorded and ready. A long one is when it has begun; the pump brings the rest.
    pub async fn record(self, at: &Generation<R>, house: &House<R>) -> Result<(Recorded, Option<Pump<R>>), Stop> {
        let Self { mut case, permitted, shown } = self;
        // A flow may have taken its time.
        if let Err(why) = permitted.still_holds(case.now(), at, &house.generation()) {
            return halt(case, why);
        }
        let disclosed = match &shown {
            Shown::Whole(whole) => &whole.disclosed,
            Shown::Long(first, _) => &first.disclosed,
        };
        let reserved = match case.reserve(&permitted.caller, disclosed) {
            Ok(reserved) => reserved,
            Err(Overdrawn { why, retry_after: Some(wait) }) => return throttle(case, why.reason, wait),
            Err(Overdrawn { why, .. }) => return halt(case, why),
        };
        case.reach(Station::Record);
        let whole = match shown {
            Shown::Whole(whole) => Ok(whole),
            // Of a long answer to HEAD nothing but the head would leave.
            Shown::Long(first, gathering) if gathering.is_over() || case.is_bodiless() => first.into_whole(),
            Shown::Long(..) if !case.can_cut() => return halt(case, Reason::SearchTooBroad),
            Shown::Long(first, gathering) => {
                if let Err(why) = permitted.goes_on(case.now(), at, &house.generation()) {
                    return halt(case, why);
                }
                let media_type = match first.media_type() {
                    Ok(media_type) => media_type,
                    Err(why) => return halt(case, why),
                };
                let (recorded, spout, opening) = case.begin(media_type).await?;
                let pump = Pump::new(case, permitted, gathering, (first, reserved), (spout, opening));
                return Ok((recorded, Some(pump)));
            }
        };
        let now = case.now();
        let recorded = match whole {
            Ok(whole) => case.answered(whole).await?,
            Err(why) => return halt(case, why),
        };
        reserved.commit(now);
        Ok((recorded, None))
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

    pub(crate) fn moment(&self) -> Moment {
        Moment { now: self.now(), trace: self.trace() }
    }
}
