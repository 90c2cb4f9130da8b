//! Which security labels a resource carries (<https://hl7.org/fhir/R4/security-labels.html>).

use crate::key::{Held, Key};
use serde_json::{Value, json};

/// The code system whose codes decide who may see a resource.
pub const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
/// Why a resource is sensitive; stands beside the confidentiality.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

/// Confidentiality of a resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Label {
    Normal,
    /// With the sensitivity (v3-ActCode) that makes it so.
    Restricted(Sensitivity),
    VeryRestricted,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sensitivity {
    Psychiatry,
    Hiv,
    SubstanceUse,
}

impl Label {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Normal => "N",
            Self::Restricted(_) => "R",
            Self::VeryRestricted => "V",
        }
    }

    /// The label of a regular resource. The rules are plain arithmetic, so that a test can foretell them:
    /// all of p003 is R (HIV); all of every 97th patient (p005, p102, ...) is V; what psychiatry treats (p004, p012, ...)
    /// is R; the second condition and medication of p009, p049, ... (HIV) and of p029, p069, ... (substance use) is R.
    pub fn of(key: Key) -> Self {
        if !key.is_of_patient() {
            return Self::Normal;
        }
        let clinical =
            matches!(key.held, Held::Encounter | Held::Condition | Held::Observation | Held::MedicationRequest);
        match key.n {
            3 => Self::Restricted(Sensitivity::Hiv),
            n if n % 97 == 5 => Self::VeryRestricted,
            n if n % 8 == 4 && clinical => Self::Restricted(Sensitivity::Psychiatry),
            n => match Sensitivity::of_second(n) {
                Some(why) if key.k == 2 && matches!(key.held, Held::Condition | Held::MedicationRequest) => {
                    Self::Restricted(why)
                }
                _ => Self::Normal,
            },
        }
    }

    /// `meta.security`.
    pub fn codings(self) -> Value {
        let confidentiality =
            |code: &str, display: &str| json!({"system": CONFIDENTIALITY, "code": code, "display": display});
        match self {
            Self::Normal => json!([confidentiality("N", "normal")]),
            Self::VeryRestricted => json!([confidentiality("V", "very restricted")]),
            Self::Restricted(why) => {
                let code = match why {
                    Sensitivity::Psychiatry => "PSY",
                    Sensitivity::Hiv => "HIV",
                    Sensitivity::SubstanceUse => "ETH",
                };
                json!([confidentiality("R", "restricted"), {"system": ACT_CODE, "code": code}])
            }
        }
    }
}

impl Sensitivity {
    /// What patient `n` is also treated for, besides what brought them to their department.
    pub fn of_second(n: u32) -> Option<Self> {
        match n % 40 {
            9 => Some(Self::Hiv),
            29 => Some(Self::SubstanceUse),
            _ => None,
        }
    }
}
