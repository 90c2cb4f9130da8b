//! `_include` and `_revinclude`: fetched by us, from what the caller was shown, and shown like matches. What may not be
//! seen is not there, and nothing says so.

use super::{
    legs::Asking,
    scan::{Errand, Found, Scan, Spent},
};
use ::fhir::{
    Part,
    search::{Direction, Include, Repetition},
};
use lexicon::{LocalId, Reason, ResourceType};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// How often what was included leads on.
const ROUNDS: u32 = 4;

/// What one page may include.
const MOST: usize = 1000;

type Name = (ResourceType, LocalId);

/// The includes of one page, under way.
pub(super) struct Including {
    includes: Vec<Include>,
    part: Part,
    /// In the answer already.
    shown: HashSet<Name>,
    round: u32,
    /// What the includes of this round start from.
    newest: Vec<Name>,
    /// What they refer to, by type.
    wanted: BTreeMap<ResourceType, BTreeSet<LocalId>>,
    /// The next round.
    coming: Vec<Name>,
    waiting: VecDeque<Scan>,
    included: usize,
}

impl Including {
    pub fn new(includes: Vec<Include>, part: Part) -> Self {
        Self {
            includes,
            part,
            shown: HashSet::new(),
            round: 0,
            newest: Vec::new(),
            wanted: BTreeMap::new(),
            coming: Vec::new(),
            waiting: VecDeque::new(),
            included: 0,
        }
    }

    /// Takes note of what a match refers to. Only what is shown of it counts.
    pub fn start_from(&mut self, found: &Found, errand: &Errand<'_>) {
        self.met(found, errand);
        self.newest.append(&mut self.coming);
    }

    fn met(&mut self, found: &Found, errand: &Errand<'_>) {
        let of = found.disclosed.resource_type;
        self.shown.insert((of, found.id.clone()));
        // An id that is not shown leads nowhere.
        self.coming.extend(found.projected.id().map(|id| (of, id.clone())));
        for include in applicable(&self.includes, self.round) {
            if include.direction != Direction::Forward || include.of != of {
                continue;
            }
            let targets = include.targets();
            for (target, id) in found.named(include.reference, errand.road) {
                if targets.contains(&target) && errand.sight.plan_for(target).is_some() {
                    self.wanted.entry(target).or_default().insert(id);
                }
            }
        }
    }

    /// The next resource that is included.
    pub async fn next(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Found>, Reason> {
        loop {
            while let Some(scan) = self.waiting.front_mut() {
                let Some(found) = scan.next(errand, spent).await? else {
                    self.waiting.pop_front();
                    continue;
                };
                if self.shown.contains(&(found.disclosed.resource_type, found.id.clone())) {
                    continue;
                }
                self.included += 1;
                if self.included > MOST {
                    return Err(Reason::SearchTooBroad);
                }
                self.met(&found, errand);
                return Ok(Some(found));
            }
            if !self.turn(errand)? {
                return Ok(None);
            }
        }
    }

    /// Begins the next round, if there is anything to look for.
    fn turn(&mut self, errand: &Errand<'_>) -> Result<bool, Reason> {
        if self.round > 0 {
            self.newest = std::mem::take(&mut self.coming);
        }
        let wanted = std::mem::take(&mut self.wanted);
        let newest = std::mem::take(&mut self.newest);
        for (of, ids) in wanted {
            let new = |id: &LocalId| !self.shown.contains(&(of, id.clone()));
            let ids: Vec<LocalId> = ids.into_iter().filter(new).collect();
            if !ids.is_empty() {
                let mut asking = Asking::new(of);
                asking.ids(&ids);
                self.waiting.push_back(Scan::new(asking, self.part.clone(), errand)?);
            }
        }
        for include in applicable(&self.includes, self.round).filter(|include| include.direction == Direction::Reverse)
        {
            for target in include.targets() {
                let named = newest.iter().filter(|(of, _)| *of == target).map(|(_, id)| id.clone());
                let ids: Vec<LocalId> = named.collect();
                if !ids.is_empty() {
                    let mut asking = Asking::new(include.of);
                    asking.naming(include.reference, target, &ids);
                    self.waiting.push_back(Scan::new(asking, self.part.clone(), errand)?);
                }
            }
        }
        self.round += 1;
        if !self.waiting.is_empty() && self.round > ROUNDS {
            return Err(Reason::SearchTooBroad);
        }
        Ok(!self.waiting.is_empty())
    }
}

/// From matches all of them lead on, from what they led to only those that repeat.
fn applicable(includes: &[Include], round: u32) -> impl Iterator<Item = &Include> {
    includes.iter().filter(move |include| round == 0 || include.repetition == Repetition::Iterate)
}
