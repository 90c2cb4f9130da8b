use lexicon::Interaction;
use std::fmt;

/// A set of SMART's permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters(u8);

/// In the order in which a scope must write them.
const ORDER: [(char, Letters); 5] = [
    ('c', Letters::CREATE),
    ('r', Letters::READ),
    ('u', Letters::UPDATE),
    ('d', Letters::DELETE),
    ('s', Letters::SEARCH),
];

impl Letters {
    const CREATE: Self = Self(1);
    const READ: Self = Self(2);
    const UPDATE: Self = Self(4);
    const DELETE: Self = Self(8);
    const SEARCH: Self = Self(16);

    pub(super) fn is_version_1(text: &str) -> bool {
        matches!(text, "read" | "write" | "*")
    }

    /// Version 2: an ordered subset of `cruds`, not empty, each letter once. Version 1: one of three words.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let spelling = match text {
            "read" => "rs",
            "write" => "cud",
            "*" => "cruds",
            letters => letters,
        };
        let mut order = ORDER.iter();
        let mut set = Self(0);
        for letter in spelling.chars() {
            set = set.and(order.find(|(known, _)| *known == letter)?.1);
        }
        (set.0 != 0).then_some(set)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn include(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// What an interaction needs. Closed: nothing covers what is not named here; operations and bundles have no syntax
    /// in SMART. A conditional write also tells whether something matches, so it needs the right to search as well.
    pub(super) const fn needed(interaction: Interaction) -> Option<Self> {
        use Interaction as I;
        Some(match interaction {
            I::Read | I::Vread | I::HistoryInstance => Self::READ,
            I::SearchType | I::SearchSystem | I::SearchCompartment | I::HistoryType | I::HistorySystem => Self::SEARCH,
            I::Create => Self::CREATE,
            I::ConditionalCreate => Self::CREATE.and(Self::SEARCH),
            I::Update | I::Patch => Self::UPDATE,
            I::ConditionalUpdate | I::ConditionalPatch => Self::UPDATE.and(Self::SEARCH),
            I::Delete => Self::DELETE,
            I::ConditionalDelete => Self::DELETE.and(Self::SEARCH),
            I::Batch | I::Operation | I::Capabilities | I::SmartConfiguration => return None,
        })
    }
}

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ORDER.iter().filter(|(_, set)| self.include(*set)).try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}
