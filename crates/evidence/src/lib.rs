//! This room is the shape of a record and the mathematics that make it checkable. Auditors build it alone.
//!
//! It knows: the record's fields, deterministic CBOR (RFC 8949 4.2), RFC 6962 trees, C2SP checkpoints, the verifier.
//! It refuses to know: files, keys that sign, who the pseudonyms are.
//! It mints: nothing; anyone may compute what is here.
//! If it fails: decoding says at which byte and why; verifying says which index does not fit.
//! Start reading at: [`Record`].

use lexicon::{Interaction, Reason, ResourceType, Station, Time, Trace};

/// Same 20 bytes as `seal::Pseudonym`: key id and truncated MAC. (evidence does not import seal.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pseudonym { pub key: [u8; 4], pub mac: [u8; 16] }

/// What kind of leaf a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaf {
    /// First leaf of a book, and one each time a process opens it: software version, epoch.
    Opened,
    /// A passage came to its end: answered, or refused.
    Closed,
    /// A write is about to go upstream. (Not produced before writes are answered; the format has it.)
    Intent,
    /// A long answer began / names what its next segment discloses. (As above.)
    Began,
    Disclosing,
    /// A passage was dropped without an end (panic, shutdown); `station` says where.
    Abandoned,
    /// Found at start: an Intent or Began without its Closed.
    Interrupted,
    /// A window of failures before authentication that were counted rather than written in full.
    Tally,
    /// The wall clock stepped by more than 5 s.
    ClockStep,
    /// Policies, projections or issuers were loaded: `generation` is their hash.
    Generation,
    /// The one mark of a clean shutdown.
    Shut,
}

/// One leaf of the book. Every field but `leaf` and `time` may be absent: what was not reached is not invented.
/// No URL, no query value, no body, no name: only words of `lexicon`, configured names, and pseudonyms.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    pub leaf: Leaf,
    pub time: Time,
    pub trace: Option<Trace>,
    pub station: Option<Station>,
    pub actor_kind: Option<lexicon::Kind>,
    pub actor: Option<Pseudonym>,
    pub issuer: Option<String>,
    pub client: Option<String>,
    pub token: Option<Pseudonym>,
    pub scopes: Vec<String>,
    pub assurance: Option<u8>,
    pub phishing_resistant: Option<bool>,
    pub authenticated_age_s: Option<u64>,
    pub peer_prefix: Option<String>,
    pub peer: Option<Pseudonym>,
    /// Hash of a stranger's `traceparent`.
    pub foreign_trace: Option<Pseudonym>,
    pub zone: Option<String>,
    pub road: Option<String>,
    pub purpose: Option<String>,
    pub interaction: Option<Interaction>,
    pub resource_type: Option<ResourceType>,
    pub resource: Option<Pseudonym>,
    pub patient: Option<Pseudonym>,
    pub returned: Option<u64>,
    pub withheld_elements: Option<u64>,
    pub allowed: Option<bool>,
    pub reason: Option<Reason>,
    pub policies: Vec<String>,
    pub groups: Vec<String>,
    pub generation: Option<[u8; 32]>,
    pub relationship_source: Option<String>,
    pub relationship_age_s: Option<u64>,
    pub client_tls: Option<String>,
    pub upstream_tls: Option<String>,
    pub upstream_peer: Option<String>,
    pub upstream_status: Option<u16>,
    pub status: Option<u16>,
    /// Salted digest of exactly the answer that the receipt licenses.
    pub answer: Option<[u8; 32]>,
    pub latency_us: Option<u64>,
    /// Tally: how many, over which window. Also counts of other leaves.
    pub count: Option<u64>,
    pub window_s: Option<u64>,
    /// Opened / Generation: version text; epoch of the writer.
    pub software: Option<String>,
    pub epoch: Option<u64>,
    /// ClockStep: signed step in ms.
    pub step_ms: Option<i64>,
    pub bytes: Option<u64>,
}

impl Record {
    pub fn new(leaf: Leaf, time: Time) -> Self {
        Self {
            leaf, time, trace: None, station: None, actor_kind: None, actor: None, issuer: None, client: None, token: None,
            scopes: Vec::new(), assurance: None, phishing_resistant: None, authenticated_age_s: None, peer_prefix: None, peer: None,
            foreign_trace: None, zone: None, road: None, purpose: None, interaction: None, resource_type: None, resource: None,
            patient: None, returned: None, withheld_elements: None, allowed: None, reason: None, policies: Vec::new(),
            groups: Vec::new(), generation: None, relationship_source: None, relationship_age_s: None, client_tls: None,
            upstream_tls: None, upstream_peer: None, upstream_status: None, status: None, answer: None, latency_us: None,
            count: None, window_s: None, software: None, epoch: None, step_ms: None, bytes: None,
        }
    }
}
