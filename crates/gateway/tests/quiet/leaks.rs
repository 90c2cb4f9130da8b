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
    ($($(#[$what:meta])* $leak:ident),+ $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Leak { $($(#[$what])* $leak),+ }

        pub const ALL: &[Leak] = &[$(Leak::$leak),+];
    };
}

leaks! {
    /// Entries are not judged: hidden resources are answered.
    NoRecheck,
    /// Resources are answered whole.
    NoProjection,
    /// `total` counts what the upstream found.
    TotalOfUpstream,
    /// `_summary=count` counts what the upstream found.
    CountOfUpstream,
    /// A page ends where the upstream's did, whatever was left out of it.
    PageOfUpstream,
    /// There is a `next` link although only hidden resources follow.
    NextToNothing,
    /// The `next` link says where the upstream stands.
    CursorOfUpstream,
    /// `fullUrl` is below the upstream's base.
    AddressOfUpstream,
    /// The `self` link is the upstream's.
    SelfLinkOfUpstream,
    /// The upstream's warnings are answered as an entry.
    OutcomeEntry,
    /// The upstream's diagnostics are answered with a refusal.
    Diagnostics,
    /// A hidden resource is 403, an absent one 404.
    ForbiddenForHidden,
    /// A deleted resource is 410 to whoever could not see it.
    GoneForDeleted,
    /// `If-None-Match` is answered before the resource was judged.
    NotModifiedFirst,
    /// The `ETag` is made from the whole resource.
    ValidatorOfWhole,
    /// HEAD tells the length of the whole resource.
    LengthOfWhole,
    /// `:missing` looks at a hidden element.
    MissingOnHidden,
    /// `:not` looks at a hidden element.
    NotOnHidden,
    /// A token is compared with a hidden element.
    TokenOnHidden,
    /// A date, with or without prefix, is compared with a hidden element.
    DateOnHidden,
    /// A text is compared with a hidden element.
    TextOnHidden,
    /// A reference is compared with a hidden element.
    ReferenceOnHidden,
    /// A quantity is compared with a hidden element.
    QuantityOnHidden,
    /// A number is compared with a hidden element.
    NumberOnHidden,
    /// A URI, as in `_profile`, is compared with a hidden element.
    UriOnHidden,
    /// A composite looks at a hidden element.
    CompositeOnHidden,
    /// `_sort` by an element that is hidden in some of the matches.
    SortOnHidden,
    /// `_lastUpdated` finds a resource of which something is withheld.
    LastUpdatedFinds,
    /// `meta.lastUpdated` of a resource of which something is withheld.
    LastUpdatedOfPartial,
    /// `meta.versionId` of a resource of which something is withheld.
    VersionIdOfPartial,
    /// A chain goes through a hidden resource.
    ChainThroughHidden,
    /// A chain ends in a hidden element.
    ChainOnHidden,
    /// A chain follows a hidden reference.
    ChainByHidden,
    /// `_has` finds by a hidden resource.
    HasThroughHidden,
    /// `_has` ends in a hidden element.
    HasOnHidden,
    /// An included resource is not judged.
    IncludeOfHidden,
    /// An include follows a hidden reference.
    IncludeByHidden,
    /// A reverse-included resource is not judged.
    RevincludeOfHidden,
    /// A reverse include finds by a hidden reference.
    RevincludeByHidden,
    /// Membership in a compartment by a hidden reference.
    CompartmentByHidden,
    /// A scope's parameter looks at a hidden element.
    ScopeOnHidden,
    /// `_elements` names a hidden element, and gets it.
    ElementsBeyond,
    /// A version is answered although it is hidden itself.
    VersionUnjudged,
    /// A version is answered although the resource is hidden now.
    VersionWithoutCurrent,
    /// A version is found by a number that is withheld.
    VersionByHiddenNumber,
    /// A history tells versions apart that differ only in what is withheld.
    VersionsThatLookAlike,
    /// `total` of a history counts hidden versions.
    HistoryTotal,
    /// The narrative repeats what is hidden.
    Narrative,
    /// Extensions repeat what is hidden.
    Extension,
    /// Contained resources pass unjudged.
    Contained,
    /// `_birthDate` stays where `birthDate` went.
    Sibling,
    /// `Reference.display` names whom the reference leads to.
    ReferenceDisplay,
    /// The answer says how much was withheld.
    WithheldIsCounted,
}
