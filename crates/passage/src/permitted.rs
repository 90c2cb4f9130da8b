//! What was permitted to whom, and whether it still is.

use crate::{Client, Generation, Plans, Road, Sight};
use identity::Caller;
use lexicon::{Action, Halt, Question, Reason, Relationship, Time};
use std::future::Future;

/// What was permitted to whom. The plans travel with the ask they were made for.
pub(crate) struct Permitted<R: Road> {
    pub caller: Caller,
    pub ask: R::Ask,
    pub relationship: Relationship,
    pub plans: Plans,
    pub questions: Vec<Question>,
}

impl<R: Road> Permitted<R> {
    pub fn sight(&self) -> Sight<'_, R::Ask> {
        let Self { caller, ask, relationship, plans, .. } = self;
        Sight { ask, principal: caller.principal(), relationship, plans }
    }

    /// Works upstream for as long as somebody waits for it: None once the client has left. What may have an effect there
    /// runs to its end, whoever waits.
    pub async fn unless_left<T>(&self, client: &mut Client, work: impl Future<Output = T>) -> Option<T> {
        let reads = |question: &Question| match question.action {
            Action::Read | Action::Search | Action::Capabilities => true,
            Action::Create | Action::Update | Action::Delete | Action::Operate => false,
        };
        if !self.questions.iter().all(reads) {
            return Some(work.await);
        }
        tokio::select! {
            biased;
            () = client.gone() => None,
            done = work => Some(done),
        }
    }

    /// A long answer goes on under the rules it began with, or not at all: that its class is still permitted does not say
    /// that the same resources and elements still are.
    pub fn goes_on(&self, now: Time, at: &Generation<R>, in_force: &Generation<R>) -> Result<(), Halt> {
        self.still_holds(now, at, in_force)?;
        if in_force.hash == at.hash { Ok(()) } else { Err(Reason::PolicyChanged.into()) }
    }

    /// What held at the decision must hold when something leaves (decision 16). Who is asked is asked under the rules
    /// that are in force `now`, so that a denied caller and a withdrawn permission end what is under way.
    pub fn still_holds(&self, now: Time, at: &Generation<R>, in_force: &Generation<R>) -> Result<(), Halt> {
        in_force.verifier.still_stands(&self.caller, now)?;
        if now > self.plans.valid_until() {
            return Err(Reason::RelationshipNone.into());
        }
        if in_force.hash != at.hash {
            for question in &self.questions {
                in_force.engine.decide(question, &self.relationship)?;
            }
        }
        Ok(())
    }
}
