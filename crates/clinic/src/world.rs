//! The clinic's data: a function of a seed, never stored.

use crate::dice::Dice;
use crate::key::{DEPARTMENTS, Held, Key, NURSE, ORGANIZATIONS, PHYSICIAN};
use crate::label::Label;
use crate::traps::{GROUPS, LISTS, TRAPS, UNLABELLED};
use crate::{chart, person, text, traps};
use lexicon::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// All resources of one seed and one number of patients. Each is computed when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    seed: u64,
    patients: u32,
    unlabelled: bool,
}

/// What is written down of a world: enough to compute it again, and to notice when it would come out differently.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    seed: u64,
    patients: u32,
    fingerprint: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WorldError {
    #[error("`{0}` patients are not possible; choose from {least} to {most}", least = World::LEAST, most = World::MOST)]
    Patients(u32),
    #[error("the saved clinic is not readable; start with a new data folder")]
    Unreadable,
    #[error(
        "the saved clinic was made by another edition of this program and would come out differently; start with a new data folder"
    )]
    Changed,
}

/// How much a world holds, counted by making everything once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub resources: u64,
    pub normal: u64,
    pub restricted: u64,
    pub very_restricted: u64,
    /// FNV-1a over every resource's text: two worlds with the same value hold the same data.
    pub fingerprint: u64,
}

impl World {
    /// The personas' own patients are among the first ten.
    pub const LEAST: u32 = 10;
    pub const MOST: u32 = 100_000;
    /// Staff is hired for so many patients at a time.
    pub const BLOCK: u32 = 2_000;

    pub fn create(seed: u64, patients: u32) -> Result<Self, WorldError> {
        if !(Self::LEAST..=Self::MOST).contains(&patients) {
            return Err(WorldError::Patients(patients));
        }
        Ok(Self { seed, patients, unlabelled: false })
    }

    /// The same world, with one resource that carries no label.
    pub fn holding_unlabelled(mut self) -> Self {
        self.unlabelled = true;
        self
    }

    /// What to keep in the data folder.
    pub fn saved(&self) -> String {
        let Self { seed, patients, .. } = *self;
        text::write(&json!({"seed": seed, "patients": patients, "fingerprint": self.sample()}))
    }

    /// The world that [`World::saved`] wrote down.
    pub fn from_saved(saved: &str) -> Result<Self, WorldError> {
        let saved: Saved = serde_json::from_str(saved).map_err(|_| WorldError::Unreadable)?;
        let world = Self::create(saved.seed, saved.patients)?;
        if world.sample() == saved.fingerprint { Ok(world) } else { Err(WorldError::Changed) }
    }

    /// A fingerprint of the first patients, quick at any size.
    fn sample(&self) -> String {
        let few = Self { patients: Self::LEAST, ..self.clone() };
        format!("{:016x}", few.census(|_, _| ()).fingerprint)
    }

    /// Makes everything once. `progress` hears how many patients of how many are done.
    pub fn census(&self, mut progress: impl FnMut(u32, u32)) -> Census {
        let mut census = Census { fingerprint: 0xCBF2_9CE4_8422_2325, ..Census::default() };
        for key in self.keys_of_nobody() {
            self.count(&mut census, key);
        }
        for n in 1..=self.patients {
            for key in keys_of(n) {
                self.count(&mut census, key);
            }
            progress(n, self.patients);
        }
        census
    }

    fn count(&self, census: &mut Census, key: Key) {
        let Some(text) = self.text(key) else { return };
        census.resources += 1;
        match Label::of(key) {
            Label::Normal => census.normal += 1,
            Label::Restricted(_) => census.restricted += 1,
            Label::VeryRestricted => census.very_restricted += 1,
        }
        for byte in text.bytes() {
            census.fingerprint = (census.fingerprint ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    pub const fn seed(&self) -> u64 {
        self.seed
    }

    pub const fn patients(&self) -> u32 {
        self.patients
    }

    pub fn holds(&self, key: Key) -> bool {
        let blocks = self.patients.div_ceil(Self::BLOCK) * DEPARTMENTS.len() as u32;
        let below = |len: usize| (key.n as usize) < len;
        match key.held {
            Held::Organization => key.n < ORGANIZATIONS,
            Held::Practitioner if key.k == PHYSICIAN => (1..=blocks).contains(&key.n),
            Held::Practitioner => (1..=blocks + 1).contains(&key.n),
            Held::Group => below(GROUPS.len()),
            Held::List => below(LISTS.len()),
            Held::Observation if key.k == 0 => {
                TRAPS.get(key.n as usize).is_some_and(|trap| *trap != UNLABELLED || self.unlabelled)
            }
            held => (1..=self.patients).contains(&key.n) && (1..=held.each()).contains(&key.k),
        }
    }

    /// Every key of one type, in the order of a search.
    pub fn keys(&self, held: Held) -> impl Iterator<Item = Key> + '_ {
        let regular = (1..=self.patients).flat_map(move |n| (1..=held.each()).map(move |k| Key::new(held, n, k)));
        regular.chain(self.keys_of_nobody().filter(move |key| key.held == held))
    }

    /// The keys of one type that may be in the record of these patients.
    pub(crate) fn keys_within<'a>(&'a self, held: Held, patients: &'a [u32]) -> impl Iterator<Item = Key> + 'a {
        let mut numbers: Vec<u32> = patients.iter().copied().filter(|n| (1..=self.patients).contains(n)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let regular = numbers.into_iter().flat_map(move |n| (1..=held.each()).map(move |k| Key::new(held, n, k)));
        regular.chain(self.keys_of_nobody().filter(move |key| key.held == held))
    }

    /// Everything there is.
    pub fn all(&self) -> impl Iterator<Item = Key> + '_ {
        self.keys_of_nobody().chain((1..=self.patients).flat_map(keys_of))
    }

    fn keys_of_nobody(&self) -> impl Iterator<Item = Key> + '_ {
        let staff = self.patients.div_ceil(Self::BLOCK) * DEPARTMENTS.len() as u32 + 1;
        let list = |held, from, to, k| (from..=to).map(move |n| Key::new(held, n, k));
        list(Held::Organization, 0, ORGANIZATIONS, 0)
            .chain(list(Held::Practitioner, 1, staff, PHYSICIAN))
            .chain(list(Held::Practitioner, 1, staff, NURSE))
            .chain(list(Held::Group, 0, GROUPS.len() as u32, 0))
            .chain(list(Held::List, 0, LISTS.len() as u32, 0))
            .chain(list(Held::Observation, 0, TRAPS.len() as u32, 0))
            .filter(|key| self.holds(*key))
    }

    /// The patients whose record a resource is part of: what a search by `patient` means.
    pub fn patients_of(&self, key: Key) -> Vec<u32> {
        match key.held {
            Held::Observation if key.k == 0 => {
                TRAPS.get(key.n as usize).map(|trap| traps::patients(trap).to_vec()).unwrap_or_default()
            }
            Held::List if key.n == 1 => vec![1],
            held if held.each() > 0 => vec![key.n],
            _ => Vec::new(),
        }
    }

    /// Who is in the care team of patient `n`: the truth that a search for care teams must agree with.
    pub fn team(&self, n: u32) -> Vec<Key> {
        person::team(n)
    }

    /// The department that treats patient `n`.
    pub fn department(&self, n: u32) -> &'static str {
        DEPARTMENTS.get(person::department(n) as usize).map(|(id, _)| *id).unwrap_or_default()
    }

    /// Words about patient `n` that must be found in no log, record, trace or wire outside a permitted answer.
    pub fn canaries(&self, n: u32) -> Vec<String> {
        let person = person::Person::of(self, n);
        vec![person.family, person.street, person.phone, person.email, person.record_number]
    }

    /// When a resource was last changed: some second of the first half of 2026.
    pub fn changed(&self, key: Key) -> Time {
        const NEW_YEAR_2026: u64 = 1_767_225_600;
        Time::from_seconds(NEW_YEAR_2026 + self.dice(Key { k: key.k + 100, ..key }).below(180 * 86_400))
    }

    pub(crate) fn dice(&self, key: Key) -> Dice {
        Dice::of(self.seed, [key.held as u64, u64::from(key.n), u64::from(key.k)])
    }

    /// The resource as a tree. Absent when the world does not hold it.
    pub fn resource(&self, key: Key) -> Option<Value> {
        if !self.holds(key) {
            return None;
        }
        let trap = self.trap(key);
        let mut meta = json!({"versionId": "1", "lastUpdated": self.changed(key).to_string()});
        if let Some(labels) = trap.map_or(Some(Label::of(key).codings()), traps::labels) {
            text::set(&mut meta, "security", labels);
        }
        let mut resource = json!({"resourceType": key.held.name(), "id": key.id(), "meta": meta});
        text::merge(&mut resource, self.body(key, trap));
        Some(resource)
    }

    fn body(&self, key: Key, trap: Option<&str>) -> Value {
        match key.held {
            Held::Organization => person::department_or_other(key),
            Held::Practitioner => person::practitioner(self, key),
            Held::Patient => person::patient(self, key),
            Held::CareTeam => person::care_team(self, key),
            Held::Encounter => chart::encounter(self, key),
            Held::Condition => chart::condition(self, key),
            Held::Observation => match trap {
                Some(trap) => traps::observation(self, trap),
                None => chart::observation(self, key),
            },
            Held::MedicationRequest => chart::medication_request(self, key),
            Held::AllergyIntolerance => chart::allergy(self, key),
            Held::Coverage => chart::coverage(self, key),
            Held::Group => traps::group(self, key),
            Held::List => traps::list(self, key),
        }
    }

    fn trap(&self, key: Key) -> Option<&'static str> {
        (key.held == Held::Observation && key.k == 0).then(|| TRAPS.get(key.n as usize).copied()).flatten()
    }

    /// The resource as it goes over the wire.
    pub fn text(&self, key: Key) -> Option<String> {
        let text = text::write(&self.resource(key)?);
        Some(match self.trap(key) {
            Some(trap) => traps::finish(trap, text),
            None => text,
        })
    }
}

/// Everything of patient `n`.
fn keys_of(n: u32) -> impl Iterator<Item = Key> {
    Held::ALL.iter().flat_map(move |held| (1..=held.each()).map(move |k| Key::new(*held, n, k)))
}
