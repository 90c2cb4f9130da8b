use super::Known;
use lexicon::Time;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Tokens whose signature and claims were verified, by SHA-256 of token and generation (decision 17). Refused tokens
/// are not kept, so a stranger cannot fill it. What depends on the connection or the deny list is not in it.
pub struct Cache {
    most: usize,
    entries: HashMap<[u8; 32], Arc<Known>>,
    /// Oldest first.
    order: VecDeque<[u8; 32]>,
}

impl Cache {
    pub fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: VecDeque::new() }
    }

    /// Gone at expiry.
    pub fn get(&mut self, key: &[u8; 32], now: Time) -> Option<Arc<Known>> {
        let known = self.entries.get(key)?;
        if now < known.principal.valid_until {
            return Some(Arc::clone(known));
        }
        self.entries.remove(key);
        None
    }

    pub fn remove(&mut self, key: &[u8; 32]) {
        self.entries.remove(key);
    }

    pub fn put(&mut self, key: [u8; 32], known: Arc<Known>) {
        if self.most == 0 {
            return;
        }
        while self.order.len() >= self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        if self.entries.insert(key, known).is_none() {
            self.order.push_back(key);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}
