//! A closed language for what is left of a policy: nothing in it can loop, allocate or look anything up.

use crate::lexemes::{Bag, Numbers, Seen, Word};

/// A string of the resource that may be absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Single {
    Patient,
    Department,
}

/// A set of strings of the resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Several {
    CareTeams,
    Labels,
}

#[derive(Clone, Debug)]
pub(crate) enum Predicate {
    True,
    False,
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    Not(Box<Predicate>),
    Has(Single),
    /// The string is one of these.
    Is(Single, Numbers),
    /// The sets have a member in common.
    Meets(Several, Numbers),
    /// The resource's set has no member but these.
    Within(Several, Numbers),
    /// The resource's set has all of these.
    Covers(Several, Numbers),
    Empty(Several),
    /// Not expressible here; the whole policy set is then left to Cedar.
    Opaque,
}

/// A policy read an attribute that the resource does not have. Strict validation rules it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Absent;

impl Predicate {
    pub fn holds(&self, seen: &Seen) -> Result<bool, Absent> {
        Ok(match self {
            Self::True => true,
            Self::False => false,
            Self::All(parts) => {
                for part in parts {
                    if !part.holds(seen)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(parts) => {
                for part in parts {
                    if part.holds(seen)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(part) => !part.holds(seen)?,
            Self::Has(single) => single.of(seen).is_some(),
            Self::Is(single, numbers) => match single.of(seen).ok_or(Absent)? {
                Word::Known(number) => numbers.contains(number),
                Word::Foreign => false,
            },
            Self::Meets(several, numbers) => several.of(seen).known.meets(numbers),
            Self::Within(several, numbers) => {
                let bag = several.of(seen);
                !bag.foreign && bag.known.is_within(numbers)
            }
            Self::Covers(several, numbers) => numbers.is_within(&several.of(seen).known),
            Self::Empty(several) => {
                let bag = several.of(seen);
                !bag.foreign && bag.known.is_empty()
            }
            Self::Opaque => return Err(Absent),
        })
    }

    /// Joins in order and leaves out what is decided. A part after an opaque one is kept: Cedar may meet an error in
    /// the opaque part first, and an error must refuse.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Junction { neutral: true })
    }

    pub fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::join(parts, Junction { neutral: false })
    }

    fn join(parts: impl IntoIterator<Item = Self>, junction: Junction) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::True | Self::False if junction.is_neutral(&part) => {}
                // Decides the whole, unless something before it may fail.
                Self::True | Self::False if !kept.iter().any(Self::is_opaque) => return part,
                Self::All(inner) if junction.neutral => kept.extend(inner),
                Self::Any(inner) if !junction.neutral => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match (kept.len(), kept.pop()) {
            (1, Some(only)) => only,
            (_, Some(last)) => {
                kept.push(last);
                if junction.neutral { Self::All(kept) } else { Self::Any(kept) }
            }
            (_, None) => {
                if junction.neutral {
                    Self::True
                } else {
                    Self::False
                }
            }
        }
    }

    pub fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            Self::Opaque => Self::Opaque,
            other => Self::Not(Box::new(other)),
        }
    }

    pub fn is_opaque(&self) -> bool {
        match self {
            Self::Opaque => true,
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::is_opaque),
            Self::Not(part) => part.is_opaque(),
            _ => false,
        }
    }
}

/// "and" has the neutral element true, "or" false.
#[derive(Clone, Copy)]
struct Junction {
    neutral: bool,
}

impl Junction {
    const fn is_neutral(self, part: &Predicate) -> bool {
        matches!((part, self.neutral), (Predicate::True, true) | (Predicate::False, false))
    }
}

impl Single {
    const fn of(self, seen: &Seen) -> Option<Word> {
        match self {
            Self::Patient => seen.patient,
            Self::Department => seen.department,
        }
    }
}

impl Several {
    const fn of(self, seen: &Seen) -> &Bag {
        match self {
            Self::CareTeams => &seen.care_teams,
            Self::Labels => &seen.labels,
        }
    }
}
