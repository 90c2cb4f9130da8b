use std::fmt;

/// Where a passage is. A record of a passage that ended early names the station it had reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Station {
    Arrive,
    Authenticate,
    Read,
    Inform,
    Authorize,
    Declare,
    Forward,
    Filter,
    Record,
}

impl Station {
    pub const ALL: [Self; 9] = [
        Self::Arrive,
        Self::Authenticate,
        Self::Read,
        Self::Inform,
        Self::Authorize,
        Self::Declare,
        Self::Forward,
        Self::Filter,
        Self::Record,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::Authenticate => "authenticate",
            Self::Read => "read",
            Self::Inform => "inform",
            Self::Authorize => "authorize",
            Self::Declare => "declare",
            Self::Forward => "forward",
            Self::Filter => "filter",
            Self::Record => "record",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|station| station.code() == code)
    }
}

impl fmt::Display for Station {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
