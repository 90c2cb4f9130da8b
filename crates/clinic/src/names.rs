//! Names of people who do not exist.

/// Part of every patient's family name, street and e-mail address. Whoever finds it outside an answer has found a leak.
pub const CANARY: &str = "Lzcanary";

pub const FAMILIES: [&str; 24] = [
    "Abara",
    "Bellweather",
    "Castellan",
    "Dornach",
    "Eriksdatter",
    "Fennimore",
    "Galvani",
    "Hollis",
    "Ivarsson",
    "Juarez",
    "Kowalczyk",
    "Lindqvist",
    "Marchetti",
    "Nakagawa",
    "Okonkwo",
    "Pellegrin",
    "Quintero",
    "Rasmussen",
    "Silvestri",
    "Thackeray",
    "Ueda",
    "Vandermeer",
    "Whitlock",
    "Zielinski",
];

pub const GIVEN: [&str; 24] = [
    "Ada", "Bruno", "Chiara", "Dmitri", "Edda", "Farid", "Greta", "Hugo", "Ines", "Joaquin", "Kirsten", "Leopold",
    "Mireille", "Nils", "Odile", "Pavel", "Quincy", "Rosalind", "Soren", "Tamar", "Ulrich", "Vesna", "Wendell", "Yara",
];

pub const TOWNS: [&str; 8] =
    ["Harbor", "Millbrook", "Northquay", "Oldferry", "Pinewater", "Saltmarsh", "Tidewell", "Westhaven"];
