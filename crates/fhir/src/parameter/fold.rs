//! Text as a string search sees it: without case and without accents (<https://hl7.org/fhir/R4/search.html#string>).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters without their marks, in one case. Through capitals and back, so that `ß` and `ẞ` are `ss` and `ς` is `σ`.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> {
    text.nfd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfd()
        .filter(|letter| !is_combining_mark(*letter))
}

pub(crate) fn fold(text: &str) -> String {
    folded(text).collect()
}

/// Does the text begin with what is folded already?
pub(crate) fn begins(text: &str, start: &str) -> bool {
    let mut letters = folded(text);
    start.chars().all(|wanted| letters.next() == Some(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_and_accents_do_not_count() {
        for (text, expect) in [
            ("Eve", "eve"),
            ("ÉVÉ", "eve"),
            ("E\u{301}ve", "eve"),
            ("Groß", "gross"),
            ("GROẞ", "gross"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδος", "οδοσ"),
            ("İstanbul", "istanbul"),
            ("ﬁ", "fi"),
            ("Łukasz", "łukasz"),
            ("Å\u{212b}", "aa"),
        ] {
            assert_eq!(fold(text), expect);
        }
        assert!(begins("Évelyn", "eve") && begins("Eve", "") && !begins("Ev", "eve") && !begins("Steve", "eve"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,12}") {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
            prop_assert!(begins(&text, &fold(&text)));
        }
    }
}
