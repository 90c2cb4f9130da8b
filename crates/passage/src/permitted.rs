//! What was permitted to whom, and whether it still is.

use crate::{Generation, Plans, Road, Sight};
use identity::Caller;
use lexicon::{Halt, Question, Reason, Relationship, Time};

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
