//! Budgets of distinct patients: reserve before something is shown, commit once it is.

use crate::window::{Mark, Window};
use aws_lc_rs::digest;
use lexicon::{LocalId, Time};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many different patients, within which time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub window_s: u64,
    /// Beyond so many, a person must have authenticated strongly or lately.
    pub step_up: u32,
    /// Beyond so many there is nothing but waiting.
    pub most: u32,
    /// The same for one token: what a stolen one is worth.
    pub most_of_a_token: u32,
    /// Patients remembered of all callers together. A patient of a caller counts twice: for the caller and the token.
    pub remembered: usize,
}

impl Default for Limits {
    /// Someone on a ward meets some dozens of patients an hour. What is remembered takes about 40 MB at most.
    fn default() -> Self {
        Self { window_s: 3_600, step_up: 200, most: 1_000, most_of_a_token: 500, remembered: 1 << 19 }
    }
}

/// Who is charged, as hashes.
#[derive(Clone, Copy)]
pub struct Owner {
    pub principal: [u8; 32],
    pub token: [u8; 32],
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owner")
    }
}

/// How surely, or how lately, the caller was authenticated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strength {
    Plain,
    Strong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// A stronger or newer authentication would do.
    StepUp,
    /// So many seconds.
    Wait(u64),
}

/// What is left for somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    pub remaining: u32,
    /// Seconds until more is left.
    pub reset_s: u64,
}

/// All budgets of one process. They live in memory, so each process counts for itself.
pub struct Budgets {
    limits: Limits,
    salt: [u8; 32],
    books: Mutex<Books>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Principal([u8; 32]),
    Token([u8; 32]),
}

#[derive(Default)]
struct Books {
    windows: HashMap<Key, Window>,
    remembered: usize,
    /// When all windows may next be looked through, so that a crowd of newcomers cannot provoke it.
    sweep: Time,
}

impl Budgets {
    /// `salt`: random, new for each process. Nobody who reads memory later can try out ids without it.
    pub fn new(limits: Limits, salt: [u8; 32]) -> Self {
        Self { limits, salt, books: Mutex::default() }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sets aside what showing something of these patients costs; those whom the owner had in this window cost nothing.
    /// What others set aside at the same time counts, so that no number of parallel requests gets beyond the limit.
    pub fn reserve<'a>(
        self: &Arc<Self>,
        owner: &Owner,
        strength: Strength,
        patients: impl IntoIterator<Item = &'a LocalId>,
        now: Time,
    ) -> Result<Reservation, Refused> {
        let marks: HashSet<Mark> = patients.into_iter().map(|patient| self.mark(patient)).collect();
        let mut books = self.books();
        let mut cost = 0;
        let mut steps_up = false;
        for (key, most) in self.keys(owner) {
            books.expire(&key, self.limits.window_s, now);
            let window = books.windows.get(&key);
            let had = window.map_or(0, Window::len);
            let new = marks.iter().filter(|mark| !window.is_some_and(|window| window.holds(mark))).count();
            let after = had + new;
            if new > 0 && after > most as usize {
                let wait = window.map(|window| window.wait(after - most as usize, self.limits.window_s, now));
                return Err(Refused::Wait(wait.unwrap_or(self.limits.window_s.max(1))));
            }
            let is_principal = matches!(key, Key::Principal(_));
            steps_up |= is_principal && new > 0 && after > self.limits.step_up as usize;
            cost += new;
        }
        if steps_up && strength == Strength::Plain {
            return Err(Refused::StepUp);
        }
        if cost > 0 && books.remembered + cost > self.limits.remembered {
            books.sweep(self.limits.window_s, now);
            if books.remembered + cost > self.limits.remembered {
                return Err(Refused::Wait(books.sweep.seconds_since(now) + 1));
            }
        }
        let owned = self.keys(owner).map(|(key, _)| key);
        for key in owned {
            for mark in &marks {
                books.reserve(key, *mark);
            }
        }
        Ok(Reservation { budgets: self.clone(), owned, marks: marks.into_iter().collect() })
    }

    /// What is left for a caller, of the narrower of both limits. Says nothing but what this caller was shown.
    pub fn standing(&self, owner: &Owner, now: Time) -> Standing {
        let mut books = self.books();
        let left = self.keys(owner).map(|(key, most)| {
            books.expire(&key, self.limits.window_s, now);
            let window = books.windows.get(&key);
            let had = u32::try_from(window.map_or(0, Window::len)).unwrap_or(u32::MAX);
            let reset_s = window.map_or(self.limits.window_s, |window| window.wait(1, self.limits.window_s, now));
            Standing { remaining: most.saturating_sub(had), reset_s }
        });
        let [principal, token] = left;
        if token.remaining < principal.remaining { token } else { principal }
    }

    fn keys(&self, owner: &Owner) -> [(Key, u32); 2] {
        let Limits { most, most_of_a_token, .. } = self.limits;
        [(Key::Principal(owner.principal), most), (Key::Token(owner.token), most_of_a_token)]
    }

    fn mark(&self, patient: &LocalId) -> Mark {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&self.salt);
        hash.update(patient.reveal().as_bytes());
        let mut mark = [0; 16];
        for (to, from) in mark.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        mark
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Books {
    fn expire(&mut self, key: &Key, window_s: u64, now: Time) {
        let Some(window) = self.windows.get_mut(key) else { return };
        self.remembered -= window.expire(window_s, now);
        if window.len() == 0 {
            self.windows.remove(key);
        }
    }

    /// Looks through all windows, at most once a second.
    fn sweep(&mut self, window_s: u64, now: Time) {
        if now < self.sweep {
            return;
        }
        let mut forgotten = 0;
        self.windows.retain(|_, window| {
            forgotten += window.expire(window_s, now);
            window.len() > 0
        });
        self.remembered -= forgotten;
        self.sweep = now.plus_seconds(1);
    }

    fn reserve(&mut self, key: Key, mark: Mark) {
        let window = self.windows.entry(key).or_default();
        let before = window.len();
        window.reserve(mark);
        self.remembered += window.len() - before;
    }

    fn give_back(&mut self, key: &Key, mark: &Mark) {
        let Some(window) = self.windows.get_mut(key) else { return };
        self.remembered -= usize::from(window.give_back(mark));
        if window.len() == 0 {
            self.windows.remove(key);
        }
    }
}

/// Patients set aside for one answer. Dropped uncommitted, they are given back: nothing of them was shown.
#[must_use = "what is not committed is given back"]
pub struct Reservation {
    budgets: Arc<Budgets>,
    owned: [Key; 2],
    marks: Vec<Mark>,
}

impl Reservation {
    /// Something of each was shown.
    pub fn commit(mut self, now: Time) {
        let marks = std::mem::take(&mut self.marks);
        let mut books = self.budgets.books();
        for key in &self.owned {
            if let Some(window) = books.windows.get_mut(key) {
                marks.iter().for_each(|mark| window.commit(mark, now));
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut books = self.budgets.books();
        for key in &self.owned {
            for mark in &self.marks {
                books.give_back(key, mark);
            }
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reservation")
    }
}

#[cfg(test)]
mod tests;
