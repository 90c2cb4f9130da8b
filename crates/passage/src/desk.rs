//! What stands at the door and outlives every passage: the desk (book, clock, limits), and the rules in force.

use crate::{Clock, Limits, Road, Telemetry, Timeouts, limits::Guards, outgoing::Held, tally::Tallies};
use access::Budgets;
use aws_lc_rs::rand;
use evidence::{Leaf, Record};
use identity::Verifier;
use ledger::{Ledger, Outage};
use policy::Engine;
use std::sync::{Arc, PoisonError, RwLock};

/// The parts that no reload changes.
pub struct Desk {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Clock,
    pub(crate) telemetry: Telemetry,
    pub(crate) settings: Settings,
    pub(crate) guards: Guards,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) held: Arc<Held>,
    pub(crate) tallies: Tallies,
}

pub struct Settings {
    /// Name of the zone the listener stands in, as policies and records know it.
    pub zone: String,
    /// `realm` of challenges: the public base URL.
    pub realm: String,
    pub limits: Limits,
    pub timeouts: Timeouts,
}

impl Desk {
    pub fn new(settings: Settings, ledger: Arc<Ledger>, clock: Clock, telemetry: Telemetry) -> Self {
        let guards = Guards::new(&settings.limits, ledger.stranger_seats());
        let mut salt = [0; 32];
        // Without entropy no passage opens (it has no trace), so nothing is ever counted under zeros.
        let _no_passage_either = rand::fill(&mut salt);
        let budgets = Arc::new(Budgets::new(settings.limits.patients, salt));
        Self { ledger, clock, telemetry, settings, guards, budgets, held: Arc::default(), tallies: Tallies::default() }
    }
}

/// All that decides, as one immutable value (decision 16): a passage takes it once and ends under it.
pub struct Generation<R> {
    pub verifier: Arc<Verifier>,
    pub engine: Arc<Engine>,
    pub road: R,
    /// SHA-256 over policies, schema, projections and issuers, as recorded.
    pub hash: [u8; 32],
}

/// One road behind one door.
pub struct House<R> {
    desk: Arc<Desk>,
    generation: RwLock<Arc<Generation<R>>>,
}

impl<R: Road> House<R> {
    /// Opens under a first generation, once the book has it.
    pub async fn open(desk: Arc<Desk>, generation: Generation<R>) -> Result<Self, Outage> {
        note(&desk, generation.hash).await?;
        Ok(Self { desk, generation: RwLock::new(Arc::new(generation)) })
    }

    /// Replaces the rules for passages to come, once the book has it.
    pub async fn reload(&self, generation: Generation<R>) -> Result<(), Outage> {
        note(&self.desk, generation.hash).await?;
        *self.generation.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(generation);
        Ok(())
    }

    pub fn generation(&self) -> Arc<Generation<R>> {
        self.generation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }
}

async fn note(desk: &Desk, hash: [u8; 32]) -> Result<(), Outage> {
    let mut record = Record::new(Leaf::Generation, desk.clock.now());
    record.generation = Some(hash);
    desk.ledger.note(record).await.map(|_receipt| ())
}
