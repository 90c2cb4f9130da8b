use crate::tally::Quota;
use std::path::PathBuf;
use std::time::Duration;

/// What has a default, and what hardly anybody needs to change.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Files elsewhere that each signed checkpoint is copied to. A book that one of them does not fit is not opened.
    pub sinks: Vec<PathBuf>,
    /// Room set aside for the closing records of cases that are open when the volume is full.
    pub reserve_bytes: u64,
    /// How long a record that nobody waits for may stay unsynced.
    pub lazy: Duration,
    /// How often a checkpoint is signed while there is something new.
    pub sign_every: Duration,
    /// How often a book that cannot be written is taken up again.
    pub mend_every: Duration,
    pub(crate) quota: Quota,
}

/// How refusals before authentication are written and counted (decision 3).
#[derive(Clone, Copy, Debug)]
pub struct Strangers {
    /// Length of a window.
    pub window_s: u64,
    /// Written in full in a window, of one source prefix and reason.
    pub full: u64,
    /// Written in full in a window, of all together.
    pub full_in_all: u64,
    /// Answered in a window under the tally of one source prefix and reason. Beyond, nothing is answered.
    pub licensed: u64,
}

impl Default for Strangers {
    fn default() -> Self {
        Self { window_s: 60, full: 100, full_in_all: 10_000, licensed: 100_000 }
    }
}

/// Most pairs of source prefix and reason that are told apart in a window.
const SOURCES: usize = 4096;

impl Tuning {
    #[must_use]
    pub fn strangers(self, strangers: Strangers) -> Self {
        let Strangers { window_s, full, full_in_all, licensed } = strangers;
        Self { quota: Quota { window_s, full, full_in_all, licensed, sources: SOURCES }, ..self }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        let Strangers { window_s, full, full_in_all, licensed } = Strangers::default();
        Self {
            sinks: Vec::new(),
            reserve_bytes: 4 << 20,
            lazy: Duration::from_millis(50),
            sign_every: Duration::from_secs(1),
            mend_every: Duration::from_secs(1),
            quota: Quota { window_s, full, full_in_all, licensed, sources: SOURCES },
        }
    }
}
