use crate::LEAF_BYTES;
use crate::disclosed::Disclosed;
use crate::value::words;
use lexicon::{Interaction, Narrowing, Reason, ResourceType, Station, Time, Trace};

/// Same 20 bytes as `seal::Pseudonym`: key id and truncated MAC. (evidence does not import seal.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pseudonym {
    pub key: [u8; 4],
    pub mac: [u8; 16],
}

words! {
    /// What kind of leaf a record is.
    Leaf "leaf" {
        /// First leaf of a book, and one each time a process opens it or a broken disk is usable again:
        /// software version, epoch, bytes of a torn tail that were cut off.
        Opened "opened",
        /// A passage came to its end: answered, or refused.
        Closed "closed",
        /// A write is about to go upstream. (Not produced before writes are answered; the format has it.)
        Intent "intent",
        /// A long answer is about to begin.
        Began "began",
        /// Names what the next segment of a long answer discloses, or goes before a leaf whose list is too long for it.
        Disclosing "disclosing",
        /// A passage was dropped without an end (panic, shutdown); `station` says where.
        Abandoned "abandoned",
        /// Found at start: an Intent or Began without its Closed.
        Interrupted "interrupted",
        /// Failures before authentication, or bare connections, that are counted rather than written in full.
        Tally "tally",
        /// The wall clock stepped by more than 5 s.
        ClockStep "clock-step",
        /// Policies, projections or issuers were loaded: `generation` is their hash.
        Generation "generation",
        /// The one mark of a clean shutdown.
        Shut "shut",
    }
}

words! {
    /// What an interrupted passage may have caused upstream.
    Effect "effect" {
        /// Nothing: it was a read.
        None "none",
        /// It cannot be known here.
        Unknown "unknown",
    }
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
    /// Tally: `false` while the window is open and `count` is a lower bound, `true` for the final count.
    pub exact: Option<bool>,
    /// Opened / Generation: version text; epoch of the writer.
    pub software: Option<String>,
    pub epoch: Option<u64>,
    /// ClockStep: signed step in ms.
    pub step_ms: Option<i64>,
    /// Opened: bytes of a torn tail that were cut off. Otherwise bytes of the answer's body; of a long answer that was
    /// cut, at most so many left.
    pub bytes: Option<u64>,
    /// Interrupted: what may have happened upstream.
    pub effect: Option<Effect>,
    /// Tally of connections: how they ended, as a fixed word.
    pub alert: Option<String>,
    /// What this leaf's answer, or segment of one, names.
    pub disclosed: Disclosed,
    /// The list goes on in the next leaf of this trace.
    pub continued: Option<bool>,
    /// Disclosing: which segment, from 1. Closed: how many there were.
    pub segment: Option<u64>,
    /// Closed: how many different patients the whole answer disclosed something of.
    pub patients: Option<u64>,
    /// The upstream did not keep to what a search asked it for.
    pub narrowing: Option<Narrowing>,
}

/// Longest text and longest list of a record, so that a leaf always fits.
const TEXT: usize = 256;
const LIST: usize = 64;

/// What stands at the end of text that was cut, or as last item of a list that was cut.
const CUT: &str = "...";

impl Record {
    pub fn new(leaf: Leaf, time: Time) -> Self {
        Self {
            leaf,
            time,
            trace: None,
            station: None,
            actor_kind: None,
            actor: None,
            issuer: None,
            client: None,
            token: None,
            scopes: Vec::new(),
            assurance: None,
            phishing_resistant: None,
            authenticated_age_s: None,
            peer_prefix: None,
            peer: None,
            foreign_trace: None,
            zone: None,
            road: None,
            purpose: None,
            interaction: None,
            resource_type: None,
            resource: None,
            patient: None,
            returned: None,
            withheld_elements: None,
            allowed: None,
            reason: None,
            policies: Vec::new(),
            groups: Vec::new(),
            generation: None,
            relationship_source: None,
            relationship_age_s: None,
            client_tls: None,
            upstream_tls: None,
            upstream_peer: None,
            upstream_status: None,
            status: None,
            answer: None,
            latency_us: None,
            count: None,
            window_s: None,
            exact: None,
            software: None,
            epoch: None,
            step_ms: None,
            bytes: None,
            effect: None,
            alert: None,
            disclosed: Disclosed::default(),
            continued: None,
            segment: None,
            patients: None,
            narrowing: None,
        }
    }

    /// Cuts texts to 256 bytes and lists to 64 items, and marks the cut. After that a leaf has less than 64 KiB but for
    /// what it discloses, of which nothing is ever cut: see [`Record::leaves`].
    pub fn fit(&mut self) {
        let texts = [
            &mut self.issuer,
            &mut self.client,
            &mut self.peer_prefix,
            &mut self.zone,
            &mut self.road,
            &mut self.purpose,
            &mut self.relationship_source,
            &mut self.client_tls,
            &mut self.upstream_tls,
            &mut self.upstream_peer,
            &mut self.software,
            &mut self.alert,
        ];
        texts.into_iter().flatten().for_each(cut);
        for list in [&mut self.scopes, &mut self.policies, &mut self.groups] {
            if list.len() > LIST {
                list.truncate(LIST - 1);
                list.push(CUT.into());
            }
            list.iter_mut().for_each(cut);
        }
    }
}

impl Record {
    /// The leaves that say all of it, in their order: this one last, and before it as many `disclosing` as its list needs
    /// beyond what this one has room for. Each fits.
    pub fn leaves(mut self) -> Vec<Self> {
        self.fit();
        let disclosed = std::mem::take(&mut self.disclosed);
        let room = LEAF_BYTES.saturating_sub(self.encode().len() + CONTINUED);
        if disclosed.most_bytes() <= room {
            self.disclosed = disclosed;
            return vec![self];
        }
        let mut leaves: Vec<_> = disclosed.parts(LEAF_BYTES - CONTINUED).map(|part| self.before(part)).collect();
        leaves.push(self);
        leaves
    }

    /// A leaf that goes before this one with a part of its list.
    fn before(&self, part: Disclosed) -> Self {
        let mut leaf = Self::new(Leaf::Disclosing, self.time);
        (leaf.trace, leaf.station, leaf.segment) = (self.trace, self.station, self.segment);
        (leaf.disclosed, leaf.continued) = (part, Some(true));
        leaf
    }
}

/// Bytes that a leaf of a continued list has beside it, and a list beside its rows.
const CONTINUED: usize = 256;

fn cut(text: &mut String) {
    if text.len() > TEXT {
        text.truncate(text.floor_char_boundary(TEXT - CUT.len()));
        text.push_str(CUT);
    }
}
