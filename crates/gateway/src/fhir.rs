//! The FHIR road: REST requests of R4 in, one upstream FHIR server behind it.

mod chain;
mod cursor;
mod facts;
mod history;
mod include;
mod legs;
mod relationship;
mod road;
mod scan;
mod search;
mod sieve;
mod statement;
mod upstream;

pub use facts::{Reading, facts};
pub use relationship::{Roster, RosterError};
pub use upstream::{Upstream, UpstreamError, UpstreamSettings};

use ::fhir::{Base, EntryLimits, Limits, Projected, Projections, capability::About};
use bytes::Bytes;
use history::History;
use passage::{Disclosed, Validator, Whole};
use relationship::Relationships;
use scan::Spent;
use seal::CursorKeys;
use search::{Piece, Run};
use statement::Statement;
use std::{fmt, sync::Arc};

/// What the road is told. One value a generation; what it reaches (the upstream) outlives it.
pub struct Settings {
    /// The path below which FHIR is served: `/fhir`.
    pub path: String,
    /// Purpose of the flow this road serves, in the words of v3-PurposeOfUse: `treatment`.
    pub purpose: String,
    /// The label that stands for "no label" (decision 14).
    pub unlabelled: String,
    /// How long a looked-up relationship may be used. Without it none is looked up.
    pub relationship_max_age_s: Option<u64>,
    /// Relationships from the operator's file. Without file and lookup nobody has one.
    pub roster: Option<Arc<Roster>>,
    pub limits: Limits,
    pub projections: Arc<Projections>,
    /// What the server says of itself; its `base` is the URL that clients use.
    pub about: About,
    /// What one search may cost.
    pub caps: Caps,
    /// Seal the positions of pages.
    pub cursors: Arc<CursorKeys>,
}

/// What one request may cost. Beyond the first two it is refused as too broad: an answer that stops somewhere would be
/// taken for a whole one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// Pages of the upstream.
    pub pages: u32,
    /// Entries of the upstream.
    pub entries: u32,
    /// Matches on a page of ours, if the client does not say.
    pub page: u32,
    /// Matches on a page of ours, whatever the client says.
    pub most: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { pages: 200, entries: 10_000, page: 50, most: 1000 }
    }
}

impl Settings {
    fn page_limits(&self) -> EntryLimits {
        EntryLimits { entry: self.limits, ..EntryLimits::PAGE }
    }
}

/// The road. Cheap to make anew when the rules change.
pub struct Fhir {
    settings: Settings,
    upstream: Arc<Upstream>,
    base: Base,
    relationships: Relationships,
    statement: Statement,
}

impl Fhir {
    pub fn new(settings: Settings, upstream: Arc<Upstream>) -> Self {
        // A reference is local if it is relative, or below our own base or the upstream's.
        let base = Base::new([settings.about.base.as_str(), upstream.base()]);
        let relationships = Relationships::new(settings.roster.clone(), settings.relationship_max_age_s);
        Self { settings, upstream, base, relationships, statement: Statement::default() }
    }
}

/// A long answer under way.
pub struct Flow {
    under: Under,
    spent: Spent,
}

enum Under {
    Search(Box<Run>),
    History(History),
}

/// What the filter let through. Made in one place, from what only the filter and the gateway's own words can be.
pub struct Filtrate {
    media_type: &'static str,
    body: Bytes,
    returned: u64,
    withheld: u64,
    disclosed: Vec<Disclosed>,
    validator: Validator,
}

impl fmt::Debug for Filtrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filtrate").field("withheld", &self.withheld).finish_non_exhaustive()
    }
}

/// What may become a filtrate.
enum Clean {
    Projected(Projected, Vec<Disclosed>),
    /// Of a Bundle that is written from projections and our own words.
    Piece(Piece),
    /// Rebuilt by allow-list from the upstream's own statement.
    Statement(Bytes),
    /// Our own words entirely.
    Configuration(Bytes),
}

const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
const JSON: &str = "application/json";

impl Filtrate {
    fn mint(clean: Clean) -> Self {
        let own = |body| Piece { body, returned: 0, withheld: 0, disclosed: Vec::new() };
        let (media_type, validator, piece) = match clean {
            Clean::Projected(projected, disclosed) => {
                let (returned, withheld) = (disclosed.len() as u64, projected.withheld());
                let piece = Piece { body: projected.into_bytes().into(), returned, withheld, disclosed };
                (FHIR_JSON, Validator::Strong, piece)
            }
            Clean::Piece(piece) => (FHIR_JSON, Validator::None, piece),
            Clean::Statement(body) => (FHIR_JSON, Validator::None, own(body)),
            Clean::Configuration(body) => (JSON, Validator::None, own(body)),
        };
        let Piece { body, returned, withheld, disclosed } = piece;
        Self { media_type, body, returned, withheld, disclosed, validator }
    }
}

impl From<Filtrate> for Whole {
    fn from(filtrate: Filtrate) -> Self {
        let Filtrate { media_type, body, returned, withheld, disclosed, validator } = filtrate;
        Self { media_type, body, returned, withheld, disclosed, validator }
    }
}
