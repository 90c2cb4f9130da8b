//! The patients one owner had within a window. Exact: a patient counts until nothing of theirs was had for so long.

use lexicon::Time;
use std::collections::HashMap;

/// A patient, as a keyed hash.
pub(crate) type Mark = [u8; 16];

#[derive(Default)]
struct Held {
    /// When something of the patient was last released.
    at: Option<Time>,
    /// Reservations that are neither committed nor given back.
    pending: u32,
}

#[derive(Default)]
pub(crate) struct Window {
    held: HashMap<Mark, Held>,
    /// Nothing was released before this. A lower bound, so that most calls need not look through everything.
    oldest: Option<Time>,
}

impl Window {
    pub fn len(&self) -> usize {
        self.held.len()
    }

    pub fn holds(&self, mark: &Mark) -> bool {
        self.held.contains_key(mark)
    }

    /// Forgets what is older than the window, and says how much.
    pub fn expire(&mut self, window_s: u64, now: Time) -> usize {
        if self.oldest.is_none_or(|oldest| now < oldest.plus_seconds(window_s)) {
            return 0;
        }
        let before = self.held.len();
        self.held.retain(|_, held| held.pending > 0 || held.at.is_some_and(|at| now < at.plus_seconds(window_s)));
        self.oldest = self.held.values().filter_map(|held| held.at).min();
        if self.held.len() < self.held.capacity() / 4 {
            self.held.shrink_to_fit();
        }
        before - self.held.len()
    }

    pub fn reserve(&mut self, mark: Mark) {
        self.held.entry(mark).or_default().pending += 1;
    }

    pub fn commit(&mut self, mark: &Mark, now: Time) {
        if let Some(held) = self.held.get_mut(mark) {
            held.pending = held.pending.saturating_sub(1);
            held.at = held.at.max(Some(now));
            self.oldest = Some(self.oldest.map_or(now, |oldest| oldest.min(now)));
        }
    }

    /// True when the patient is forgotten by it.
    pub fn give_back(&mut self, mark: &Mark) -> bool {
        let Some(held) = self.held.get_mut(mark) else { return false };
        held.pending = held.pending.saturating_sub(1);
        let forgotten = held.pending == 0 && held.at.is_none();
        if forgotten {
            self.held.remove(mark);
        }
        forgotten
    }

    /// Seconds until `count` patients are forgotten, if nothing more is released; the whole window if that cannot be told.
    pub fn wait(&self, count: usize, window_s: u64, now: Time) -> u64 {
        let resting = self.held.values().filter(|held| held.pending == 0);
        let mut times: Vec<Time> = resting.filter_map(|held| held.at).collect();
        times.sort_unstable();
        let until = count.checked_sub(1).and_then(|last| times.get(last)).map(|at| at.plus_seconds(window_s));
        // One more, because whole seconds are rounded down.
        until.map_or(window_s, |until| until.seconds_since(now) + 1).clamp(1, window_s.max(1))
    }
}
