//! What the clinic holds, and how its ids are made. An id says everything needed to compute its resource.

use crate::traps::{GROUPS, LISTS, TRAPS};

macro_rules! held {
    ($($variant:ident $prefix:literal $each:literal),+ $(,)?) => {
        /// A resource type the clinic holds.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Held { $($variant),+ }

        impl Held {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            const fn prefix(self) -> &'static str {
                match self { $(Self::$variant => $prefix),+ }
            }

            /// How many of it each patient has; zero for what belongs to no patient.
            pub const fn each(self) -> u32 {
                match self { $(Self::$variant => $each),+ }
            }
        }
    };
}

held! {
    Organization "" 0,
    Practitioner "" 0,
    Patient "p" 1,
    CareTeam "team-p" 1,
    Encounter "enc-p" 2,
    Condition "cond-p" 2,
    Observation "obs-p" 5,
    MedicationRequest "med-p" 2,
    AllergyIntolerance "alg-p" 1,
    Coverage "cov-p" 1,
    Group "" 0,
    List "" 0,
}

impl Held {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|held| held.name() == name)
    }

    /// Is there one of a patient, whose id therefore needs no number of its own?
    const fn is_single(self) -> bool {
        matches!(self, Self::Patient | Self::CareTeam | Self::Coverage)
    }
}

/// The departments; patients go round them in this order.
pub const DEPARTMENTS: [(&str, &str); 8] = [
    ("dept-cardiology", "Cardiology"),
    ("dept-oncology", "Oncology"),
    ("dept-pediatrics", "Pediatrics"),
    ("dept-psychiatry", "Psychiatry"),
    ("dept-neurology", "Neurology"),
    ("dept-orthopedics", "Orthopedics"),
    ("dept-surgery", "Surgery"),
    ("dept-emergency", "Emergency medicine"),
];

/// All organizations: the departments, the clinic they are part of, and who pays.
pub const ORGANIZATIONS: u32 = DEPARTMENTS.len() as u32 + 2;

/// The number of a practitioner's profession in [`Key::k`].
pub const PHYSICIAN: u32 = 1;
pub const NURSE: u32 = 2;

/// The coordinates of one resource. `n` is a patient's number (from 1) or a place in a fixed list (from 0); `k` counts
/// what a patient has several of. An `Observation` with `k` of 0 is a trap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    pub held: Held,
    pub n: u32,
    pub k: u32,
}

impl Key {
    pub const fn new(held: Held, n: u32, k: u32) -> Self {
        Self { held, n, k }
    }

    pub const fn patient(n: u32) -> Self {
        Self::new(Held::Patient, n, 1)
    }

    /// Is it one of a patient's regular resources?
    pub const fn is_of_patient(self) -> bool {
        self.held.each() > 0 && self.k > 0
    }

    pub fn id(self) -> String {
        let listed = |names: &[&str]| names.get(self.n as usize).copied().unwrap_or_default().to_owned();
        match self.held {
            Held::Organization => organization(self.n).0.to_owned(),
            Held::Practitioner if self.k == PHYSICIAN => format!("physician-{}", self.n),
            Held::Practitioner => format!("nurse-{}", self.n),
            Held::Group => listed(&GROUPS),
            Held::List => listed(&LISTS),
            Held::Observation if self.k == 0 => listed(&TRAPS),
            single if single.is_single() => format!("{}{:03}", single.prefix(), self.n),
            several => format!("{}{:03}-{}", several.prefix(), self.n, self.k),
        }
    }

    /// `Type/id`.
    pub fn reference(self) -> String {
        format!("{}/{}", self.held.name(), self.id())
    }

    /// The key of an id as [`Key::id`] writes it. Other spellings (`p0001`) name nothing.
    pub fn parse(held: Held, id: &str) -> Option<Self> {
        let at = |names: &[&str]| names.iter().position(|name| *name == id).and_then(|at| u32::try_from(at).ok());
        let key = match held {
            Held::Organization => Self::new(held, (0..ORGANIZATIONS).find(|n| organization(*n).0 == id)?, 0),
            Held::Practitioner => {
                let (profession, n) = id.split_once('-')?;
                let k = match profession {
                    "physician" => PHYSICIAN,
                    "nurse" => NURSE,
                    _ => return None,
                };
                Self::new(held, n.parse().ok()?, k)
            }
            Held::Group => Self::new(held, at(&GROUPS)?, 0),
            Held::List => Self::new(held, at(&LISTS)?, 0),
            Held::Observation if at(&TRAPS).is_some() => Self::new(held, at(&TRAPS)?, 0),
            _ => {
                let rest = id.strip_prefix(held.prefix())?;
                let (n, k) = if held.is_single() { (rest, "1") } else { rest.split_once('-')? };
                let k = k.parse().ok().filter(|k| (1..=held.each()).contains(k))?;
                Self::new(held, n.parse().ok()?, k)
            }
        };
        (key.id() == id).then_some(key)
    }
}

/// Id and name of an organization.
pub fn organization(n: u32) -> (&'static str, &'static str) {
    const OTHERS: [(&str, &str); 2] = [("org-harbor", "Harbor Clinic"), ("org-payer", "Breakwater Health Plan")];
    DEPARTMENTS.iter().chain(&OTHERS).nth(n as usize).copied().unwrap_or(("", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        for (held, id) in [
            (Held::Patient, "p001"),
            (Held::Patient, "p12345"),
            (Held::CareTeam, "team-p001"),
            (Held::Observation, "obs-p001-5"),
            (Held::Observation, "obs-trap-foreign"),
            (Held::AllergyIntolerance, "alg-p017-1"),
            (Held::Coverage, "cov-p200"),
            (Held::Practitioner, "nurse-1"),
            (Held::Practitioner, "physician-1"),
            (Held::Organization, "dept-cardiology"),
            (Held::Organization, "org-payer"),
        ] {
            let key = Key::parse(held, id).unwrap_or_else(|| panic!("{id}"));
            assert_eq!((key.held, key.id().as_str()), (held, id));
        }
    }

    #[test]
    fn other_spellings_name_nothing() {
        for (held, id) in [
            (Held::Patient, "p1"),
            (Held::Patient, "p0001"),
            (Held::Patient, "P001"),
            (Held::Patient, "p+01"),
            (Held::Patient, "team-p001"),
            (Held::Observation, "obs-p001-0"),
            (Held::Observation, "obs-p001-6"),
            (Held::Observation, "obs-p001-05"),
            (Held::Practitioner, "nurse-01"),
            (Held::Practitioner, "surgeon-1"),
            (Held::Organization, ""),
            (Held::Group, ""),
        ] {
            assert_eq!(Key::parse(held, id), None, "{id}");
        }
    }
}
