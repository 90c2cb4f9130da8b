//! How much is served: of everybody, of one address, of one token, of one caller.

use gateway::fhir::Caps;
use schemars::JsonSchema;
use serde::Deserialize;
use std::num::{NonZeroU32, NonZeroU64};
use toml::Spanned;

#[derive(Deserialize, JsonSchema, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests a minute without a valid credential, of one address (IPv6: one /64).
    pub stranger_requests_per_minute: u32,
    /// Requests a minute of one token.
    pub token_requests_per_minute: u32,
    /// Connections open at once.
    pub connections: usize,
    /// Of those, how many of one address; an eighth of them when not said. Say it where a proxy stands in front.
    pub connections_per_address: Option<usize>,
    /// Largest resource accepted from the upstream.
    pub resource_bytes: usize,
    pub handshake_timeout_s: u64,
    pub header_timeout_s: u64,
    pub request_timeout_s: u64,
    pub idle_timeout_s: u64,
    pub upstream_connect_timeout_s: u64,
    pub upstream_timeout_s: u64,
    /// How long a graceful shutdown waits for open requests.
    pub drain_s: u64,
    /// How long a client may take nothing of a long answer before it is cut.
    pub stall_timeout_s: u64,
    /// Different patients of one caller. Each value has a default.
    pub patients: Patients,
    /// What one search may cost. Each value has a default.
    pub search: Search,
}

/// What one search, or one history, may cost. One that would cost more is refused as too broad: an answer that stopped
/// somewhere would be taken for a whole one.
#[derive(Deserialize, JsonSchema, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// Matches on a page, where the client does not say; at most `most`.
    #[schemars(with = "NonZeroU32")]
    pub page: Spanned<u32>,
    /// Matches on a page, whatever the client says (`_count`); at most 10000.
    #[schemars(with = "NonZeroU32")]
    pub most: Spanned<u32>,
    /// Pages asked of the upstream, by 100 entries each; at most 10000.
    #[schemars(with = "NonZeroU32")]
    pub pages: Spanned<u32>,
    /// Entries read of the upstream, what the caller may not see included; more than `most`, at most 1000000.
    #[schemars(with = "NonZeroU32")]
    pub entries: Spanned<u32>,
}

impl Default for Search {
    fn default() -> Self {
        let Caps { pages, entries, page, most } = Caps::default();
        let number = |number| Spanned::new(0..0, number);
        Self { page: number(page), most: number(most), pages: number(pages), entries: number(entries) }
    }
}

/// How many different patients a caller may see something of. Known ones cost nothing. Counted in memory, by each process
/// for itself: a restart begins anew, and two instances allow twice as many.
#[derive(Deserialize, JsonSchema, Clone)]
#[serde(deny_unknown_fields, default)]
pub struct Patients {
    /// Length of the sliding window.
    pub window_s: NonZeroU64,
    /// Beyond so many, a person must have authenticated phishing-resistantly, or at most `fresh_s` ago.
    pub step_up: u32,
    /// The largest age of an authentication that is recent enough for that.
    pub fresh_s: u64,
    /// Beyond so many of one caller at one client, 429.
    pub most: NonZeroU32,
    /// The same for one token.
    pub most_of_a_token: NonZeroU32,
}

impl Default for Patients {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            window_s: NonZeroU64::new(3_600).unwrap_or(NonZeroU64::MIN),
            step_up: 200,
            fresh_s: 900,
            most: number(1_000),
            most_of_a_token: number(500),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stranger_requests_per_minute: 1_200,
            token_requests_per_minute: 6_000,
            connections: 1_024,
            connections_per_address: None,
            resource_bytes: 1 << 20,
            handshake_timeout_s: 5,
            header_timeout_s: 10,
            request_timeout_s: 30,
            idle_timeout_s: 60,
            upstream_connect_timeout_s: 3,
            upstream_timeout_s: 15,
            drain_s: 10,
            stall_timeout_s: 20,
            patients: Patients::default(),
            search: Search::default(),
        }
    }
}
