//! How much of everything: rates by address and by token, live passages, connections, and how long things may take.

use crate::gcra::{Gcra, Rate};
use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a listener and its passages may use. The defaults suit one busy clinic on a small machine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// New connections of one address (/32, /64), before the handshake.
    pub connections: Rate,
    /// Requests of one address that bring no valid credential.
    pub strangers: Rate,
    /// Refusals of one address that are still written in full once `strangers` is spent; beyond that it is hung up on.
    pub refusals: Rate,
    /// Requests with one token.
    pub tokens: Rate,
    pub open_connections: usize,
    /// None: an eighth of all, so that one address cannot take every connection; never fewer than 8.
    pub open_connections_per_address: Option<usize>,
    /// Handshakes at a time; more wait for their turn.
    pub handshakes: usize,
    /// Of those, for one address; more of its own wait for each other and not for the turns of all.
    pub handshakes_per_address: usize,
    /// Live passages of one connection. A reset HTTP/2 stream gives its berth back only when its passage has ended.
    pub berths: usize,
    pub live_per_address: usize,
    pub live_per_caller: usize,
    pub header_count: usize,
    pub header_bytes: usize,
    /// Different patients of one caller.
    pub patients: access::Limits,
    /// A person who authenticated at most so long ago may have as many as one who did it strongly.
    pub fresh_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Rate { count: 256, period_s: 1, burst: 512 },
            strangers: Rate { count: 20, period_s: 1, burst: 100 },
            refusals: Rate { count: 60, period_s: 60, burst: 60 },
            tokens: Rate { count: 6000, period_s: 60, burst: 400 },
            open_connections: 4096,
            open_connections_per_address: None,
            handshakes: 64,
            handshakes_per_address: 8,
            berths: 64,
            live_per_address: 1024,
            live_per_caller: 128,
            header_count: 64,
            header_bytes: 32 * 1024,
            patients: access::Limits::default(),
            fresh_s: 900,
        }
    }
}

impl Limits {
    fn open_of_one_address(&self) -> usize {
        self.open_connections_per_address.unwrap_or_else(|| (self.open_connections / 8).max(8))
    }
}

/// The longest each thing may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub handshake: Duration,
    /// From the first byte of a request's head to the last; on HTTP/1.1 also from one request to the next.
    pub header: Duration,
    /// A connection without a live passage.
    pub idle: Duration,
    /// The same for a connection on which nobody has been verified yet, if that is shorter.
    pub idle_unverified: Duration,
    /// The form of a search, from the moment that it is wanted.
    pub form: Duration,
    /// A whole passage, whatever its parts may take; of a long answer, the way to its first byte and then to each segment.
    pub request: Duration,
    /// A client that takes nothing of a long answer.
    pub stall: Duration,
    /// Between a cut and the end of a connection that does not notice it.
    pub grace: Duration,
    /// Waiting for a seat in the book.
    pub seat: Duration,
    /// After the listener was told to stop.
    pub drain: Duration,
    /// Over which connections without a record are counted into one leaf.
    pub tally: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            header: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            idle_unverified: Duration::from_secs(10),
            form: Duration::from_secs(10),
            request: Duration::from_secs(30),
            stall: Duration::from_secs(20),
            grace: Duration::from_secs(2),
            seat: Duration::from_secs(2),
            drain: Duration::from_secs(10),
            tally: Duration::from_secs(10),
        }
    }
}

/// The address a limit counts by: one IPv4 address, or one IPv6 /64, which is what a single host gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Neighbourhood(IpAddr);

impl Neighbourhood {
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(six) => {
                let upper = u128::from(six) >> 64 << 64;
                Self(IpAddr::V6(upper.into()))
            }
            four => Self(four),
        }
    }
}

/// Most keys a table of limits holds: about 10 MB, whoever comes.
const KEYS: usize = 1 << 16;

/// The limits, counting.
pub(crate) struct Guards {
    pub connections: Gcra<Neighbourhood>,
    pub strangers: Gcra<Neighbourhood>,
    pub refusals: Gcra<Neighbourhood>,
    pub tokens: Gcra<[u8; 32]>,
    pub open: Headcount<Neighbourhood>,
    pub live: Headcount<Neighbourhood>,
    pub callers: Headcount<[u8; 32]>,
    pub handshakes: Queues<Neighbourhood>,
    /// Before one of the book's seats for strangers, of which an address has an eighth at most.
    pub seats: Queues<Neighbourhood>,
}

impl Guards {
    pub fn new(limits: &Limits, stranger_seats: usize) -> Self {
        Self {
            connections: Gcra::new(limits.connections, KEYS),
            strangers: Gcra::new(limits.strangers, KEYS),
            refusals: Gcra::new(limits.refusals, KEYS),
            tokens: Gcra::new(limits.tokens, KEYS),
            open: Headcount::new(limits.open_of_one_address()),
            live: Headcount::new(limits.live_per_address),
            callers: Headcount::new(limits.live_per_caller),
            handshakes: Queues::new(limits.handshakes_per_address),
            seats: Queues::new(stranger_seats / 8),
        }
    }
}

/// How many of each key are inside at once. Holds no key that is not.
pub(crate) struct Headcount<K: Hash + Eq> {
    most: usize,
    inside: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq + Clone> Headcount<K> {
    fn new(most: usize) -> Self {
        Self { most, inside: Arc::default() }
    }

    /// A place inside, given back when dropped; none when the key has all of its own.
    pub fn enter(&self, key: K) -> Option<Place<K>> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let count = inside.entry(key.clone()).or_insert(0);
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { key, inside: self.inside.clone() })
    }
}

pub(crate) struct Place<K: Hash + Eq> {
    key: K,
    inside: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Hash + Eq> Drop for Place<K> {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = inside.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.key);
            }
        }
    }
}

/// A queue for each key: who waits, waits for others of the same key only. Holds no key that has nobody.
pub(crate) struct Queues<K: Hash + Eq> {
    each: usize,
    open: Arc<Mutex<HashMap<K, Arc<Semaphore>>>>,
}

impl<K: Hash + Eq + Clone> Queues<K> {
    pub fn new(each: usize) -> Self {
        Self { each: each.max(1), open: Arc::default() }
    }

    /// Whoever gives up waiting leaves the queue.
    pub async fn turn(&self, key: K) -> Turn<K> {
        let (mut turn, queue) = self.join(key);
        // Nobody closes the queue.
        turn.permit = queue.acquire_owned().await.ok();
        turn
    }

    fn join(&self, key: K) -> (Turn<K>, Arc<Semaphore>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = open.entry(key.clone()).or_insert_with(|| Arc::new(Semaphore::new(self.each))).clone();
        (Turn { key, queue: Some(queue.clone()), permit: None, open: self.open.clone() }, queue)
    }
}

/// A turn, or a place in the queue for one.
pub(crate) struct Turn<K: Hash + Eq> {
    key: K,
    queue: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
    open: Arc<Mutex<HashMap<K, Arc<Semaphore>>>>,
}

impl<K: Hash + Eq> Drop for Turn<K> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop((self.permit.take(), self.queue.take()));
        // New hands on a queue are only given out under the lock.
        if open.get(&self.key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            open.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_neighbourhood() {
        let of = |text: &str| Neighbourhood::of(text.parse().expect("address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn one_address_never_has_every_connection_of_a_busy_listener() {
        let of = |open_connections, open_connections_per_address| {
            Limits { open_connections, open_connections_per_address, ..Limits::default() }.open_of_one_address()
        };
        assert_eq!((of(1024, None), of(4096, None)), (128, 512));
        assert_eq!(of(16, None), 8, "a small listener still lets a browser in");
        assert_eq!(of(1024, Some(1000)), 1000, "whoever sets it has it");
    }

    #[test]
    fn places_come_back_and_nobody_is_remembered() {
        let count = Headcount::new(2);
        let (first, second) = (count.enter("a"), count.enter("a"));
        assert!(first.is_some() && second.is_some());
        assert!(count.enter("a").is_none());
        assert!(count.enter("b").is_some());
        drop(first);
        assert!(count.enter("a").is_some());
        drop(second);
        assert!(count.inside.lock().expect("test").is_empty());
    }

    #[tokio::test]
    async fn each_waits_for_its_own_and_nobody_is_remembered() {
        let queues = Queues::new(1);
        let first = queues.turn("a").await;
        let mut second = Box::pin(queues.turn("a"));
        let waits = tokio::select! { biased; _ = &mut second => false, () = std::future::ready(()) => true };
        assert!(waits);
        drop(queues.turn("b").await);
        drop(first);
        let second = second.await;
        let gives_up = Box::pin(queues.turn("a"));
        tokio::select! { biased; _ = gives_up => panic!("two turns"), () = std::future::ready(()) => {} }
        drop(second);
        assert!(queues.open.lock().expect("test").is_empty());
    }
}
