use std::fmt;

/// What an upstream made of a query that asked for less than all. The answer is right either way: it is compared again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Narrowing {
    /// It refused the query, and was asked for more.
    Refused,
    /// It sent what the query did not ask for.
    Ignored,
}

impl Narrowing {
    pub const ALL: [Self; 2] = [Self::Refused, Self::Ignored];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Ignored => "ignored",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|narrowing| narrowing.code() == code)
    }

    /// In a sentence, for people.
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Refused => "the upstream refused a query and was asked for more than was needed",
            Self::Ignored => "the upstream sent resources that it was not asked for",
        }
    }
}

impl fmt::Display for Narrowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
