//! The lemma on which search without leaks stands: whether a condition matches follows from the elements it says it
//! reads, and of those from what a projection that names them shows.

use super::base;
use super::maker::{Dice, Maker};
use crate::condition::{Condition, Modifier};
use crate::elements::Elements;
use crate::filter::{Limits, Scanned};
use crate::order::{Direction, Order};
use crate::parameter::{self, Parameter, Path};
use crate::projection::{Projection, Projections};
use lexicon::ResourceType;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;

/// Values of which each kind of parameter understands some.
const WANTED: &[&str] = &[
    "a",
    "http://x",
    "http://x|a",
    "|a",
    "Patient/a",
    "https://localhost:8443/fhir/Patient/a",
    "true",
    "false",
    "2024",
    "ge2024",
    "ne2024",
    "lt2024",
    "1",
    "ne1",
    "gt0",
    "lt5",
    "ap1",
    "1||mg",
    "ge0|http://x|a",
    "a$a",
    "a$gt0",
    "a$ge2024",
    "a$true",
    "a$1$5",
    "a|a|a",
    "http://x|a|a",
];
const MODIFIERS: &[Modifier] = &[
    Modifier::None,
    Modifier::Missing,
    Modifier::Exact,
    Modifier::Contains,
    Modifier::Text,
    Modifier::Not,
    Modifier::OfType,
    Modifier::Identifier,
    Modifier::Type(ResourceType::PATIENT),
];

fn scanned(document: &Value) -> Scanned {
    Scanned::of(document.to_string().as_bytes(), Limits::READ).unwrap()
}

/// Everything that is made of a parameter, with the paths it reads.
enum Question {
    Condition(Condition),
    Order(Order),
    Named(&'static Parameter),
}

impl Question {
    fn all(of: ResourceType, parameter: &'static Parameter) -> Vec<Self> {
        let mut found = vec![Self::Named(parameter)];
        found.extend(
            [Direction::Ascending, Direction::Descending]
                .into_iter()
                .filter_map(|d| Order::by(parameter, d))
                .map(Self::Order),
        );
        for modifier in MODIFIERS {
            let conditions = WANTED.iter().filter_map(|value| Condition::compile(of, parameter, *modifier, value).ok());
            found.extend(conditions.map(Self::Condition));
        }
        found
    }

    fn reads(&self) -> Vec<Path> {
        match self {
            Self::Condition(condition) => condition.reads(),
            Self::Order(order) => order.reads(),
            Self::Named(parameter) => parameter.reads(),
        }
    }

    /// Are the answers for both documents the same? And what is it, of a condition?
    fn agrees(&self, one: &Scanned, other: &Scanned) -> (bool, bool) {
        let base = base();
        match self {
            Self::Condition(condition) => {
                let matches = condition.matches(one, &base);
                (matches == condition.matches(other, &base), matches)
            }
            Self::Order(order) => (order.key(one, &base) == order.key(other, &base), false),
            Self::Named(parameter) => (parameter.named(one, &base) == parameter.named(other, &base), false),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Condition(condition) => format!("{} {:?}", condition.parameter().code, condition.query()),
            Self::Order(order) => format!("_sort={}", order.query()),
            Self::Named(parameter) => format!("the resources named by {}", parameter.code),
        }
    }
}

/// How often a condition matched and how often it did not: a lemma about nothing proves nothing.
#[derive(Default)]
struct Tally {
    matched: usize,
    unmatched: usize,
}

/// Everything that can be asked of these parameters, by what it reads, at most as many as a file may have groups.
fn by_reads(of: ResourceType, parameters: &[&'static Parameter]) -> Vec<(Vec<Path>, Vec<Question>)> {
    let mut found: Vec<(Vec<Path>, Vec<Question>)> = Vec::new();
    for question in parameters.iter().flat_map(|parameter| Question::all(of, parameter)) {
        let reads = question.reads();
        match found.iter_mut().find(|(known, _)| *known == reads) {
            Some((_, questions)) => questions.push(question),
            None => found.push((reads, vec![question])),
        }
    }
    found
}

/// One projection for each set of paths, that shows nothing else but the id.
fn projections(of: ResourceType, sets: &[&[Path]]) -> Vec<Arc<Projection>> {
    let mut file = format!("[{of}]\ndefault = [\"id\"]\n");
    for (at, reads) in sets.iter().enumerate() {
        let paths: Vec<String> = reads.iter().map(|path| path.join(".")).collect();
        file += &format!("g{at} = {}\n", json!(paths));
    }
    let projections = Projections::load(&file).unwrap();
    (0..sets.len()).map(|at| projections.compile(of, &[format!("g{at}")])).collect()
}

fn hold(
    of: ResourceType,
    parameters: &[&'static Parameter],
    (maker, times): (&mut Maker<'_>, usize),
    tally: &mut Tally,
) {
    let by_reads = by_reads(of, parameters);
    let sets: Vec<&[Path]> = by_reads.iter().map(|(reads, _)| reads.as_slice()).collect();
    let projections: Vec<_> = sets.chunks(63).flat_map(|sets| projections(of, sets)).collect();
    for ((reads, questions), projection) in by_reads.iter().zip(projections) {
        for path in reads {
            assert!(projection.shows(path), "{of}: {path:?} is no simple element");
        }
        for _ in 0..times {
            let document = maker.resource(of, reads);
            let mut disturbed = document.clone();
            maker.disturb(&mut disturbed, &reads.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let whole = scanned(&document);
            let seen = Scanned::of(whole.project(&projection, &base()).bytes(), Limits::READ).unwrap();
            let disturbed_whole = scanned(&disturbed);
            for question in questions {
                let (same, matched) = question.agrees(&whole, &disturbed_whole);
                assert!(same, "{of}: {} differs\n{document}\n{disturbed}", question.name());
                // A projection marks with a tag that something was withheld, and then withholds when it was updated.
                let (same, _) = question.agrees(&whole, &seen);
                let is_of_the_projection =
                    reads.iter().any(|path| matches!(path[..], ["meta", "tag" | "lastUpdated", ..]));
                assert!(
                    same || is_of_the_projection,
                    "{of}: {} differs from what is seen\n{document}",
                    question.name()
                );
                *(if matched { &mut tally.matched } else { &mut tally.unmatched }) += 1;
            }
        }
    }
}

const HOT: &[&str] =
    &["Patient", "Observation", "Condition", "Encounter", "MolecularSequence", "Library", "RiskAssessment", "Group"];

/// Every parameter of the types with every shape of parameter.
#[test]
fn c13_what_is_not_read_never_counts() {
    let elements = Elements::r4().unwrap();
    let mut maker = Maker { elements: &elements, dice: Dice(7) };
    let mut tally = Tally::default();
    for name in HOT {
        let of = ResourceType::from_name(name).unwrap();
        hold(of, &parameter::all(of), (&mut maker, 8), &mut tally);
    }
    assert!(tally.matched > 2000 && tally.unmatched > 2000, "{} and {}", tally.matched, tally.unmatched);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn c13_what_is_not_read_never_counts_for_any_type(
        of in prop::sample::select(ResourceType::all().collect::<Vec<_>>()), at in any::<prop::sample::Index>(), seed in any::<u64>(),
    ) {
        let elements = Elements::r4().unwrap();
        let mut maker = Maker { elements: &elements, dice: Dice(seed) };
        let parameter = *at.get(&parameter::all(of));
        hold(of, &[parameter], (&mut maker, 8), &mut Tally::default());
    }
}
