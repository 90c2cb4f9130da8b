use std::fmt;

macro_rules! interactions {
    ($($variant:ident $code:literal $action:ident),+ $(,)?) => {
        /// Every interaction of R4's REST API (<https://hl7.org/fhir/R4/http.html>), by the code that
        /// `CapabilityStatement` and `AuditEvent` use where they have one.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Interaction { $($variant),+ }

        impl Interaction {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The word the policy knows it by.
            pub const fn action(self) -> Action {
                match self { $(Self::$variant => Action::$action),+ }
            }
        }
    };
}

interactions! {
    Read "read" Read,
    Vread "vread" Read,
    HistoryInstance "history-instance" Read,
    HistoryType "history-type" Search,
    HistorySystem "history-system" Search,
    SearchType "search-type" Search,
    SearchSystem "search-system" Search,
    SearchCompartment "search-compartment" Search,
    Create "create" Create,
    ConditionalCreate "conditional-create" Create,
    Update "update" Update,
    ConditionalUpdate "conditional-update" Update,
    Patch "patch" Update,
    ConditionalPatch "conditional-patch" Update,
    Delete "delete" Delete,
    ConditionalDelete "conditional-delete" Delete,
    Batch "batch" Update,
    Operation "operation" Operate,
    Capabilities "capabilities" Capabilities,
    SmartConfiguration "smart-configuration" Capabilities,
}

impl Interaction {
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|interaction| interaction.code() == code)
    }
}

impl fmt::Display for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The verbs of `vocabulary.cedarschema`. (One more kind of action, `view:Type.group`, is made from the projections.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    Read,
    Search,
    Create,
    Update,
    Delete,
    Operate,
    Capabilities,
}

impl Action {
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Search, Self::Create, Self::Update, Self::Delete, Self::Operate, Self::Capabilities];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Operate => "operate",
            Self::Capabilities => "capabilities",
        }
    }
}
