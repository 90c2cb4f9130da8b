//! This room is FHIR's grammar: requests, scopes, compartments, the filter, projections, and the answers of a gateway.
//!
//! It knows: R4, SMART scopes, JSON.
//! It refuses to know: HTTP machinery, sockets, tokens, policy, the book.
//! It mints: [`Projected`].
//! If it fails: a [`lexicon::Reason`]; never a partial document.
//! Start reading at: [`request::parse`], then `filter.rs`.

pub mod bundle;
mod by_name;
pub mod capability;
pub mod compartment;
pub mod condition;
mod elements;
pub mod filter;
pub mod order;
pub mod outcome;
pub mod parameter;
mod percent;
pub mod projection;
pub mod reference;
pub mod request;
pub mod scope;
pub mod search;
pub mod surface;

pub use bundle::{BundleKind, Entries, Entry, EntryLimits, Mode, Tail, Writer};
pub use condition::{Condition, Modifier};
pub use filter::{Filter, Limits, Node, Part, Projected, Scanned};
pub use order::Order;
pub use parameter::{Parameter, Path};
pub use projection::{Projection, ProjectionError, Projections};
pub use reference::Base;
pub use scope::{Grant, Scopes};
pub use search::Search;
pub use surface::Surface;
