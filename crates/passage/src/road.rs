//! What a road must be able to say. Words in, words out: a road never sees a socket, an engine or the ledger.

use bytes::Bytes;
use lexicon::{
    Action, Halt, Interaction, Judge, Kind, LocalId, Principal, Reason, Relationship, ResourceType, Time, Trace,
};

/// One protocol behind the door.
pub trait Road: Send + Sync + 'static {
    /// A request, parsed. The upstream request is rebuilt from it and from nothing else.
    type Ask: Send + Sync + 'static;
    /// What came back, validated but not yet judged.
    type Raw: Send + 'static;
    /// What the filter let through. Each road mints its own, in one place.
    type Filtrate: Into<Whole> + Send + 'static;

    /// The road's name in the record.
    fn name(&self) -> &'static str;

    /// Parses. No effect, no I/O.
    fn read(&self, words: &Words<'_>) -> Told<Self::Ask>;

    /// May it be asked without a credential? (The policy still decides it, for a stranger.)
    fn is_public(&self, ask: &Self::Ask) -> bool;

    /// Facts about the caller that the decision needs. Whatever goes wrong is "no relationship".
    fn inform(
        &self,
        principal: &Principal,
        ask: &Self::Ask,
        moment: Moment,
    ) -> impl Future<Output = Relationship> + Send;

    /// The class of request that the policy is asked about, or why it need not be asked.
    fn question(&self, principal: &Principal, ask: &Self::Ask) -> Result<Class, Halt>;

    /// The one effect on an upstream.
    fn forward(&self, ask: &Self::Ask, moment: Moment) -> impl Future<Output = Told<Self::Raw>> + Send;

    /// Judges what came back and reduces it to what the caller may see.
    fn filter(&self, raw: Self::Raw, sight: &Sight<'_, Self::Ask>) -> Told<Self::Filtrate>;

    /// Puts a refusal into the protocol's own words.
    fn explain(&self, refusal: &Refusal) -> Answer;
}

/// The parts of a request line and head that a road may read.
pub struct Words<'a> {
    pub method: &'a str,
    /// Raw and percent-encoded.
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub accept: Option<&'a str>,
    pub if_none_exist: Option<&'a str>,
    pub carries_body: bool,
}

/// When and under which trace a step happens.
#[derive(Clone, Copy)]
pub struct Moment {
    pub now: Time,
    pub trace: Trace,
}

/// What a step of a road came to, and what of it may be written down whichever way it ended.
pub struct Told<T> {
    pub notes: Notes,
    pub outcome: Result<T, Halt>,
}

impl<T> Told<T> {
    pub fn new(outcome: Result<T, Halt>) -> Self {
        Self { notes: Notes::default(), outcome }
    }
}

impl<T, E: Into<Halt>> From<Result<T, E>> for Told<T> {
    fn from(outcome: Result<T, E>) -> Self {
        Self::new(outcome.map_err(Into::into))
    }
}

/// Facts for the record. Ids become pseudonyms before they are kept; what is absent stays absent.
#[derive(Default)]
pub struct Notes {
    pub interaction: Option<Interaction>,
    pub resource_type: Option<ResourceType>,
    pub resource: Option<LocalId>,
    pub patient: Option<LocalId>,
    pub upstream_peer: Option<String>,
    pub upstream_tls: Option<String>,
    pub upstream_status: Option<u16>,
    pub policies: Vec<String>,
    pub groups: Vec<String>,
}

/// The class of a request: all that *may ask* is decided on (the door adds who, when and where).
pub struct Class {
    pub action: Action,
    pub resource_type: Option<ResourceType>,
    /// Granted scopes that cover it, as the record may hold them.
    pub scopes: Vec<String>,
    pub purpose: String,
}

/// What the filter judges by.
pub struct Sight<'a, Ask> {
    pub ask: &'a Ask,
    pub principal: &'a Principal,
    pub relationship: &'a Relationship,
    pub plan: &'a dyn Judge,
}

/// A refusal as the caller may see it.
pub struct Refusal {
    /// Already [`Reason::shown`]: the true one never reaches a road's words.
    pub shown: Reason,
    pub trace: Trace,
    pub caller: Option<Kind>,
    pub resource_type: Option<ResourceType>,
}

/// Words for a caller: everything of an answer that is the protocol's own.
pub struct Answer {
    pub media_type: &'static str,
    pub body: Bytes,
    /// For an `insufficient_scope` challenge (RFC 6750 section 3): a scope that would do.
    pub scope: Option<String>,
}

/// A whole answer as the filter left it. A road makes it from a type of its own, minted in one place.
pub struct Whole {
    pub media_type: &'static str,
    pub body: Bytes,
    /// Resources in the body.
    pub returned: u64,
    /// Elements that were kept back.
    pub withheld: u64,
}
