//! What a road must be able to say. Words in, words out: a road never sees a socket, an engine or the ledger.

use crate::Plans;
use bytes::Bytes;
use lexicon::{
    Action, Halt, Interaction, Judge, Kind, LocalId, Narrowing, Principal, Reason, Relationship, ResourceType, Time,
    Trace,
};
use std::fmt;

/// One protocol behind the door.
pub trait Road: Send + Sync + 'static {
    /// A request, parsed. The upstream request is rebuilt from it and from nothing else.
    type Ask: Send + Sync + 'static;
    /// What came back, validated but not yet judged.
    type Raw: Send + 'static;
    /// What the filter let through. Each road mints its own, in one place.
    type Filtrate: Into<Whole> + Send + 'static;
    /// A long answer under way. `Infallible` for a road that has none.
    type Flow: Send + 'static;

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

    /// The classes of request that the policy is asked about, or why it need not be asked.
    fn question(&self, principal: &Principal, ask: &Self::Ask) -> Result<Classes, Halt>;

    /// The one effect on an upstream.
    fn forward(&self, ask: &Self::Ask, moment: Moment) -> impl Future<Output = Told<Self::Raw>> + Send;

    /// Judges what came back and reduces it to what the caller may see: at once, or the beginning of a flow.
    fn filter(
        &self,
        raw: Self::Raw,
        sight: &Sight<'_, Self::Ask>,
        moment: Moment,
    ) -> impl Future<Output = Told<Yield<Self::Filtrate, Self::Flow>>> + Send;

    /// The next piece of a flow, judged and reduced like a whole answer; none when the answer is complete. There is one
    /// piece at least, and all have one media type. Called until it says none or fails, and never after that; a client that
    /// leaves ends the wait for it.
    fn next(
        &self,
        flow: &mut Self::Flow,
        sight: &Sight<'_, Self::Ask>,
        moment: Moment,
    ) -> impl Future<Output = Told<Option<Self::Filtrate>>> + Send;

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
    /// The body of a `POST` that says `application/x-www-form-urlencoded`, as it was sent.
    pub form: Option<&'a str>,
    /// There is a body that is no such form. It is not read.
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
    /// The worse one stands.
    pub narrowing: Option<Narrowing>,
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

/// All classes of a request.
pub struct Classes {
    /// What the request asks for.
    pub first: Class,
    /// What it also leads to: types it goes through, types it includes.
    pub further: Vec<Further>,
}

/// A class that a request also leads to.
pub struct Further {
    pub class: Class,
    pub need: Need,
}

/// What becomes of a request when a further class of it is not permitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// It is refused, for that reason where no policy permits the class.
    Must(Reason),
    /// It goes on without a plan for that type.
    May,
}

impl From<Class> for Classes {
    fn from(first: Class) -> Self {
        Self { first, further: Vec::new() }
    }
}

/// What the filter judges by.
pub struct Sight<'a, Ask> {
    pub ask: &'a Ask,
    pub principal: &'a Principal,
    pub relationship: &'a Relationship,
    pub plans: &'a Plans,
}

impl<Ask> Sight<'_, Ask> {
    /// The plan of the first class.
    pub fn plan(&self) -> &dyn Judge {
        self.plans.first()
    }

    /// The plan for resources of a type, if a class asked for it.
    pub fn plan_for(&self, resource_type: ResourceType) -> Option<&dyn Judge> {
        self.plans.of(resource_type)
    }
}

/// A refusal as the caller may see it.
pub struct Refusal {
    /// Already [`Reason::shown`]: the true one never reaches a road's words.
    pub shown: Reason,
    pub trace: Trace,
    pub caller: Option<Kind>,
    /// What was asked, as far as it was read.
    pub interaction: Option<Interaction>,
    pub resource_type: Option<ResourceType>,
}

/// Words for a caller: everything of an answer that is the protocol's own.
pub struct Answer {
    pub media_type: &'static str,
    pub body: Bytes,
    /// For an `insufficient_scope` challenge (RFC 6750 section 3): a scope that would do.
    pub scope: Option<String>,
}

/// What a filter has to give.
pub enum Yield<Filtrate, Flow> {
    Whole(Filtrate),
    /// Comes in pieces, by [`Road::next`].
    Flow(Flow),
}

/// A whole answer, or a piece of one, as the filter left it. A road makes it from a type of its own, minted in one place.
pub struct Whole {
    pub media_type: &'static str,
    pub body: Bytes,
    /// Resources in the body.
    pub returned: u64,
    /// Elements that were kept back.
    pub withheld: u64,
    /// Every resource in the body, for the record and the budget.
    pub disclosed: Vec<Disclosed>,
    pub validator: Validator,
}

/// A resource that an answer shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosed {
    pub resource_type: ResourceType,
    pub id: LocalId,
    /// Each local patient it is about or names as a party: all of them are named in the record and charged.
    pub patients: Vec<LocalId>,
}

impl fmt::Debug for Disclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disclosed")
    }
}

/// Whether an answer can be asked for again "if it changed" (RFC 9110 section 13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validator {
    None,
    /// The door makes an entity tag from the body as it is shown to this caller.
    Strong,
}
