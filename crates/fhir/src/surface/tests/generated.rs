//! Properties of generated projections and grants. Whether an element is shown is asked of the filter itself: a
//! resource that holds nothing else is projected.

use super::*;
use crate::elements::{Elements, Holds};
use crate::order::{Direction as Way, Order};
use crate::parameter;
use proptest::prelude::*;
use std::sync::LazyLock;

static ELEMENTS: LazyLock<Elements> = LazyLock::new(|| Elements::r4().unwrap());

/// Groups of a type: the paths of each, `default` first.
type Groups = Vec<Vec<String>>;

/// Paths one and two elements deep, as a projections file may name them.
fn paths(of: ResourceType) -> Vec<String> {
    let of_type = ELEMENTS.of(ELEMENTS.named(of.name()).unwrap());
    let mut paths = Vec::new();
    for (name, element) in of_type.elements.iter() {
        match element.holds {
            Holds::Resource => continue,
            Holds::Complex(inner) if name == element.defined => {
                let below =
                    ELEMENTS.of(inner).elements.iter().filter(|(_, below)| !matches!(below.holds, Holds::Resource));
                paths.extend(below.map(|(_, below)| format!("{name}.{}", below.defined)));
            }
            _ => {}
        }
        paths.push(element.defined.to_owned());
    }
    // The loader takes that name for the type itself.
    paths.retain(|path| !path.ends_with("resourceType"));
    paths.sort();
    paths.dedup();
    paths
}

/// Three groups and `default`; whole elements more often than their parts.
fn groups(of: ResourceType) -> impl Strategy<Value = Groups> {
    let paths = paths(of);
    let count = paths.len();
    prop::collection::vec(0_u8..24, count..=count).prop_map(move |choices| {
        let mut groups = vec![vec!["id".to_owned()], Vec::new(), Vec::new(), Vec::new()];
        for (path, choice) in paths.iter().zip(choices) {
            let choice = usize::from(choice);
            let at = if path.contains('.') { choice } else { choice % 6 };
            if let Some(group) = groups.get_mut(at) {
                group.push(path.clone());
            }
        }
        groups
    })
}

fn file(of: ResourceType, groups: &Groups) -> Projections {
    let names = ["default", "a", "b", "c"];
    let lines: String = names.iter().zip(groups).map(|(name, paths)| format!("{name} = {paths:?}\n")).collect();
    let text = format!("[{of}]\n{lines}");
    Projections::load(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A granted group, by number: never, with some, with all.
fn grants() -> impl Strategy<Value = [u8; 3]> {
    [0_u8..3, 0_u8..3, 0_u8..3]
}

fn granted(grants: [u8; 3]) -> Vec<(String, Shown)> {
    let when = |grant| [None, Some(Shown::Sometimes), Some(Shown::Always)][usize::from(grant)];
    ["a", "b", "c"].iter().zip(grants).filter_map(|(name, grant)| Some(((*name).to_owned(), when(grant)?))).collect()
}

fn any_type() -> impl Strategy<Value = ResourceType> {
    prop::sample::select(ResourceType::all().collect::<Vec<_>>())
}

fn world() -> impl Strategy<Value = (ResourceType, Groups, [u8; 3])> {
    any_type().prop_flat_map(|of| (Just(of), groups(of), grants()))
}

/// What a resource may hold at a path.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// A reference to one of ours; a link that is none of ours.
    Ours,
    /// A reference to elsewhere, beside something that no projection shows.
    Elsewhere,
}

/// A resource with nothing at all but one value.
fn document(of: ResourceType, path: &[&str], held: Held) -> String {
    fn value(id: crate::elements::TypeId, path: &[&str], held: Held) -> String {
        let (name, rest) = path.split_first().unwrap();
        let element = ELEMENTS.of(id).element(name).unwrap_or_else(|| panic!("no {name}"));
        let inside = match element.holds {
            Holds::Complex(inner) => value(inner, rest, held),
            Holds::Literal if held == Held::Ours => "\"Patient/sentinel\"".to_owned(),
            Holds::Literal | Holds::Link => "\"https://elsewhere.example/Patient/sentinel\"".to_owned(),
            Holds::Text => "\"sentinel\"".to_owned(),
            Holds::Number => "20261121".to_owned(),
            Holds::Boolean => "true".to_owned(),
            Holds::Resource => panic!("a resource at {name}"),
        };
        let inside = if element.many { format!("[{inside}]") } else { inside };
        format!("{{\"{name}\":{inside}}}")
    }
    let text = value(ELEMENTS.named(of.name()).unwrap(), path, held);
    let more = if held == Held::Elsewhere { "\"zzz\":1," } else { "" };
    format!("{{\"resourceType\":\"{of}\",{more}{}", &text[1..])
}

/// Does the filter show it?
fn is_shown(projection: &Projection, path: &[&str], held: Held) -> bool {
    let of = projection.resource_type();
    let text = projected(projection, &document(of, path, held));
    let is_true = text.contains("true") && !path.is_empty();
    text.contains("sentinel") || text.contains("20261121") || is_true
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn c13_a_parameter_is_admitted_if_and_only_if_the_filter_shows_all_it_looks_at((of, groups, grants) in world()) {
        let projections = file(of, &groups);
        let mut surface = Surface::new(&projections);
        surface.add(of, &granted(grants));
        let ever = &surface.types[&of].ever;
        for parameter in parameter::all(of) {
            let reads = parameter.reads();
            prop_assert!(!reads.is_empty(), "{}", parameter.code);
            let shown = reads.iter().all(|path| is_shown(ever, path, Held::Ours));
            let admitted = !surface.look(of, &reads, Need::Ever).is_refused();
            prop_assert_eq!(admitted, shown, "{} {}", of, parameter.code);
        }
    }

    #[test]
    fn c12_an_order_is_admitted_if_and_only_if_the_filter_always_shows_all_of_it((of, groups, grants) in world()) {
        let projections = file(of, &groups);
        let mut surface = Surface::new(&projections);
        surface.add(of, &granted(grants));
        let always = &surface.types[&of].always;
        for parameter in parameter::all(of) {
            let Some(order) = Order::by(parameter, Way::Ascending) else { continue };
            let shown = order.reads().iter().all(|path| is_shown(always, path, Held::Elsewhere));
            let admitted = !surface.order(of, &order).is_refused();
            prop_assert_eq!(admitted, shown, "{} {}", of, parameter.code);
        }
    }

    /// Whoever is shown more may ask for as much, or more.
    #[test]
    fn what_is_shown_more_is_asked_no_less((of, groups, grants) in world(), raised in 0_usize..3, by in 1_u8..3) {
        let projections = file(of, &groups);
        let surface = |grants| {
            let mut surface = Surface::new(&projections);
            surface.add(of, &granted(grants));
            surface
        };
        let mut more = grants;
        more[raised] = (more[raised] + by).min(2);
        let rank = |row: &Row| match row.standing {
            Standing::Refused(_) => 0,
            Standing::WhereShown => 1,
            Standing::Allowed => 2,
        };
        let (few, many) = (surface(grants).list(of), surface(more).list(of));
        prop_assert_eq!(few.len(), many.len());
        for (few, many) in few.iter().zip(&many) {
            prop_assert_eq!(&few.name, &many.name);
            prop_assert!(rank(few) <= rank(many), "{} {}", of, few.name);
        }
    }

    /// The verdict on a search is the verdict on its parameter.
    #[test]
    fn a_row_says_what_is_decided((of, groups, grants) in world()) {
        let projections = file(of, &groups);
        let mut surface = Surface::new(&projections);
        surface.add(of, &granted(grants));
        for row in surface.list(of) {
            let query = match row.kind {
                RowKind::Sort | RowKind::Include | RowKind::Reverse => row.name.clone(),
                RowKind::Chain | RowKind::Has => format!("{}_id=x", row.name),
                RowKind::Parameter => {
                    let values = ["x", "2020", "1", "true", "a|b|c", "a$b", "a$1", "1$1", "a$2020", "a$1$1", "http://x"];
                    let parsed = values.iter().map(|value| format!("{}={value}", row.name));
                    let mut parsed = parsed.filter(|query| Search::parse(of, &Parameters::parse(query).unwrap()).is_ok());
                    parsed.next().unwrap_or_else(|| panic!("{of}?{}", row.name))
                }
            };
            let search = Search::parse(of, &Parameters::parse(&query).unwrap()).unwrap_or_else(|reason| panic!("{of}?{query}: {reason}"));
            prop_assert_eq!(surface.admits(&search).is_err(), row.standing.is_refused(), "{}?{}", of, query);
        }
    }
}
