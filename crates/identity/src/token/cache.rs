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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Binding;
    use lexicon::Principal;

    const NOW: Time = Time::from_seconds(1000);

    fn known(until: Time) -> Arc<Known> {
        let principal = Arc::new(Principal::stranger(until));
        Arc::new(Known { principal, id: None, binding: Binding::Nothing, issuer: 0, key: [0; 32] })
    }

    #[test]
    fn is_bounded_and_the_oldest_goes_first() {
        let mut cache = Cache::new(3);
        for n in 0..10 {
            cache.put([n; 32], known(NOW.plus_seconds(60)));
            assert!(cache.entries.len() <= 3 && cache.order.len() <= 3);
        }
        let held = |cache: &mut Cache| (0..10).filter(|n| cache.get(&[*n; 32], NOW).is_some()).collect::<Vec<u8>>();
        assert_eq!(held(&mut cache), [7, 8, 9]);
        cache.remove(&[8; 32]);
        assert_eq!(held(&mut cache), [7, 9]);
        let mut none = Cache::new(0);
        none.put([1; 32], known(NOW.plus_seconds(60)));
        assert!(none.get(&[1; 32], NOW).is_none());
    }

    #[test]
    fn what_has_expired_is_gone() {
        let mut cache = Cache::new(3);
        cache.put([1; 32], known(NOW));
        assert!(cache.get(&[1; 32], NOW).is_none());
        assert!(cache.entries.is_empty());
    }
}
