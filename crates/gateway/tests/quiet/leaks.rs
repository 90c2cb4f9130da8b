//! Leaks by name. Each is a switch in the model gateway, and the comparison that judges the real one must notice it.

/// The leaks that are switched on; usually none, or one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaks(Option<Leak>);

impl Leaks {
    pub const fn none() -> Self {
        Self(None)
    }

    pub const fn one(leak: Leak) -> Self {
        Self(Some(leak))
    }

    pub fn has(self, leak: Leak) -> bool {
        self.0 == Some(leak)
    }
}

macro_rules! leaks {
    ($($(#[$what:meta])* $leak:ident $seed:literal),+ $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Leak { $($(#[$what])* $leak),+ }

        /// Each with a seed that shows it, or with 0 where `crafted` has a case for it.
        pub const ALL: &[(Leak, u64)] = &[$((Leak::$leak, $seed)),+];
    };
}

leaks! {
    /// Entries are not judged: hidden resources are answered.
    NoRecheck 0,
    /// Resources are answered whole.
    NoProjection 9,
    /// `total` counts what the upstream found.
    TotalOfUpstream 27,
    /// `_summary=count` counts what the upstream found.
    CountOfUpstream 63,
    /// A page ends where the upstream's did, whatever was left out of it.
    PageOfUpstream 27,
    /// There is a `next` link although only hidden resources follow.
    NextToNothing 27,
    /// The `next` link says where the upstream stands.
    CursorOfUpstream 90,
    /// `fullUrl` is below the upstream's base.
    AddressOfUpstream 0,
    /// The `self` link is the upstream's.
    SelfLinkOfUpstream 0,
    /// The upstream's warnings are answered as an entry.
    OutcomeEntry 27,
    /// The upstream's diagnostics are answered with a refusal.
    Diagnostics 9,
    /// A hidden resource is 403, an absent one 404.
    ForbiddenForHidden 54,
    /// A deleted resource is 410 to whoever could not see it.
    GoneForDeleted 27,
    /// `If-None-Match` is answered before the resource was judged.
    NotModifiedFirst 378,
    /// The `ETag` is made from the whole resource.
    ValidatorOfWhole 90,
    /// HEAD tells the length of the whole resource.
    LengthOfWhole 99,
    /// `:missing` looks at a hidden element.
    MissingOnHidden 1233,
    /// `:not` looks at a hidden element.
    NotOnHidden 2385,
    /// A token is compared with a hidden element.
    TokenOnHidden 2520,
    /// A date, with or without prefix, is compared with a hidden element.
    DateOnHidden 6084,
    /// A text is compared with a hidden element.
    TextOnHidden 3591,
    /// A reference is compared with a hidden element.
    ReferenceOnHidden 1530,
    /// A quantity is compared with a hidden element.
    QuantityOnHidden 8217,
    /// A number is compared with a hidden element.
    NumberOnHidden 0,
    /// A URI, as in `_profile`, is compared with a hidden element.
    UriOnHidden 2826,
    /// A composite looks at a hidden element.
    CompositeOnHidden 0,
    /// `_sort` by an element that is hidden in some of the matches.
    SortOnHidden 954,
    /// `_lastUpdated` finds a resource of which something is withheld.
    LastUpdatedFinds 810,
    /// `meta.lastUpdated` of a resource of which something is withheld.
    LastUpdatedOfPartial 54,
    /// `meta.versionId` of a resource of which something is withheld.
    VersionIdOfPartial 153,
    /// A chain goes through a hidden resource.
    ChainThroughHidden 7956,
    /// A chain ends in a hidden element.
    ChainOnHidden 4041,
    /// A chain follows a hidden reference.
    ChainByHidden 0,
    /// `_has` finds by a hidden resource.
    HasThroughHidden 6354,
    /// `_has` ends in a hidden element.
    HasOnHidden 1278,
    /// An included resource is not judged.
    IncludeOfHidden 153,
    /// An include follows a hidden reference.
    IncludeByHidden 1566,
    /// A reverse-included resource is not judged.
    RevincludeOfHidden 198,
    /// A reverse include finds by a hidden reference.
    RevincludeByHidden 1071,
    /// Membership in a compartment by a hidden reference.
    CompartmentByHidden 7290,
    /// A scope's parameter looks at a hidden element.
    ScopeOnHidden 5652,
    /// `_elements` names a hidden element, and gets it.
    ElementsBeyond 234,
    /// A version is answered although it is hidden itself.
    VersionUnjudged 18,
    /// A version is answered although the resource is hidden now.
    VersionWithoutCurrent 54,
    /// A version is found by a number that is withheld.
    VersionByHiddenNumber 153,
    /// A history tells versions apart that differ only in what is withheld.
    VersionsThatLookAlike 162,
    /// `total` of a history counts hidden versions.
    HistoryTotal 162,
    /// The narrative repeats what is hidden.
    Narrative 819,
    /// Extensions repeat what is hidden.
    Extension 189,
    /// Contained resources pass unjudged.
    Contained 54,
    /// `_birthDate` stays where `birthDate` went.
    Sibling 153,
    /// `Reference.display` names whom the reference leads to.
    ReferenceDisplay 54,
    /// The answer says how much was withheld.
    WithheldIsCounted 54,
}
