//! What a product has no words for. An attack on that is no leak of it, and nothing that it held either.

/// Who is attacked, and with which of its ways to decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Product {
    Lazaret,
    HapiRules,
    GatewayList,
    GatewayPatient,
}

/// Elements of a resource that may be read are hidden: the attacks that look for those alone.
const ELEMENTS: [&str; 19] = [
    "C8-missing-hidden",
    "C10-elements-hidden",
    "C10-read-elements",
    "C10-summary-text",
    "C10-summary-true",
    "C12-sort-hidden",
    "C12-sort-hidden-descending",
    "E2-version-tag",
    "E3-range",
    "E4-display",
    "E4-identifier-in-text",
    "E4-narrative",
    "E4-search-narrative",
    "F1-format-parameter",
    "F1-html",
    "F1-pretty",
    "F1-xml",
    "F2-gzip",
    "F3-method-override",
];
/// Values of such elements.
const ELEMENT_VALUES: [&str; 3] = ["mine_mrn", "hidden_date", "hidden_parameter"];

/// A resource that names two patients is shown to nobody here. FHIR's compartments have it in both.
const TWO_PATIENTS: [&str; 3] = ["B4-two-subjects", "B4-two-subjects-search", "G8-one-of-several"];

/// How bytes become a request is the web server's business, and that one is of our launcher.
const WEB_SERVER: [&str; 5] =
    ["F5-two-lengths", "F5-length-and-chunks", "F5-folded-header", "F5-bare-line-feed", "F5-absolute-form"];

/// What is found is the nurse's own patient by what she is shown there: the organization, the identifier, a family name that
/// the stranger has as well.
const SHOWN: [&str; 3] = ["C1-chain-to-unreadable-type", "C13-phonetic", "C13-value-of-hidden-system"];

/// The same token twice: what comes is what it is good for.
const OWN_DATA: [&str; 1] = ["A8-two-tokens"];

/// Security labels.
const LABELS: [&str; 4] = ["C2-has-labelled", "C4-security", "C4-security-not", "E10-sensitivity-search"];
const LABEL_VALUES: [&str; 6] =
    ["labelled", "labelled_observation", "very_restricted", "label_no_system", "label_escaped", "label_hidden"];

/// Types of a patient's record that may not be read.
const TYPES: [&str; 3] = ["A5-everything", "G4-compartment-type", "G4-compartment-operation"];
const TYPE_VALUES: [&str; 1] = ["mine_subscriber"];

impl Product {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lazaret => "Lazaret",
            Self::HapiRules => "HAPI, own rules",
            Self::GatewayList => "Information Gateway, `list`",
            Self::GatewayPatient => "Information Gateway, `patient`",
        }
    }

    /// Attacks on what it has no concept of.
    pub fn has_no_concept_for(self, attack: &str) -> bool {
        let of_peers: [&[&str]; 3] = [&ELEMENTS, &TWO_PATIENTS, &WEB_SERVER];
        let own: &[&[&str]] = match self {
            Self::Lazaret => return false,
            Self::HapiRules => &[&SHOWN],
            Self::GatewayList => &[&LABELS, &TYPES],
            Self::GatewayPatient => &[&LABELS],
        };
        of_peers.iter().chain(own).any(|attacks| attacks.contains(&attack))
    }

    /// A success that gives away nothing of others.
    pub fn may_answer(self, attack: &str) -> bool {
        self != Self::Lazaret && OWN_DATA.contains(&attack)
    }

    /// Lists of words of the description that give nothing away there.
    pub const fn harmless_words(self) -> &'static [&'static str] {
        match self {
            Self::Lazaret => &[],
            // Without labels the labelled patient is one of the nurse's, as any other on her list.
            Self::GatewayList => &["hidden", "labelled"],
            Self::HapiRules | Self::GatewayPatient => &["hidden"],
        }
    }

    /// Values of the description that are left out, and with them the attacks that need them.
    pub fn values_without_meaning(self) -> Vec<&'static str> {
        let own: &[&[&str]] = match self {
            Self::Lazaret => return Vec::new(),
            Self::HapiRules => &[],
            Self::GatewayList => &[&LABEL_VALUES, &TYPE_VALUES],
            Self::GatewayPatient => &[&LABEL_VALUES],
        };
        ELEMENT_VALUES.iter().chain(own.iter().copied().flatten()).copied().collect()
    }
}
