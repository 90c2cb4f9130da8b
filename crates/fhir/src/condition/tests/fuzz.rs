//! Any text at all as a value.

use crate::condition::{Condition, Modifier, Test, VALUES};
use crate::parameter;
use lexicon::ResourceType;
use proptest::prelude::*;

const MODIFIERS: [Modifier; 13] = [
    Modifier::None,
    Modifier::Missing,
    Modifier::Exact,
    Modifier::Contains,
    Modifier::Text,
    Modifier::Not,
    Modifier::In,
    Modifier::NotIn,
    Modifier::Above,
    Modifier::Below,
    Modifier::OfType,
    Modifier::Identifier,
    Modifier::Type(ResourceType::PATIENT),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_value_is_too_strange(
        of in prop::sample::select(ResourceType::all().collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        value in prop_oneof!["\\PC{0,40}", "[-0-9eE.+gtlesab|$,:TZ\\\\/]{0,60}", "(a,){0,80}a", "(\\\\){0,9}"],
    ) {
        let parameter = *at.get(&parameter::all(of));
        for modifier in MODIFIERS {
            if let Ok(condition) = Condition::compile(of, parameter, modifier, &value) {
                let few = match &condition.test {
                    Test::Missing(_) => true,
                    Test::Values(_, wanted) => (1..=VALUES).contains(&wanted.len()),
                };
                prop_assert!(few, "{}?{}={}", of, parameter.code, value);
                let _ = (condition.query(), condition.reads());
            }
        }
    }

    #[test]
    fn a_modifier_reads_as_it_is_written(text in "[a-zA-Z-]{0,12}|missing|not-in|of-type|Patient") {
        if let Some(modifier) = Modifier::parse(&text) {
            prop_assert_eq!(modifier.word(), text);
        }
    }
}

#[test]
fn modifiers_are_known_by_their_exact_name() {
    for modifier in MODIFIERS.into_iter().filter(|modifier| *modifier != Modifier::None) {
        assert_eq!(Modifier::parse(modifier.word()), Some(modifier));
    }
    for text in ["", "Missing", "MISSING", "iterate", "patient", "not ", "text-advanced", "phonetic"] {
        assert_eq!(Modifier::parse(text), None, "{text}");
    }
}
