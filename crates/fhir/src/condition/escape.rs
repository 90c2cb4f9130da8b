//! FHIR's own escapes within a value (<https://hl7.org/fhir/R4/search.html#escaping>).

/// Cuts at a separator that is not escaped; escapes stay. Nothing for an escape without its character.
pub(super) fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next()?;
        } else if character == separator {
            parts.push(text.get(start..at)?);
            start = at + separator.len_utf8();
        }
    }
    parts.push(text.get(start..)?);
    Some(parts)
}

/// Resolves `\,` `\|` `\$` and `\\`. Nothing for another escape, or for a separator that should have had one.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next().filter(|c| matches!(c, ',' | '|' | '$' | '\\'))?),
            ',' | '|' | '$' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

/// The text with an escape before every character that could be read as a separator.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn c6_only_plain_separators_cut() {
        assert_eq!(split(r"a,b\,c\\,d", ','), Some(vec!["a", r"b\,c\\", "d"]));
        assert_eq!(split(r"a\", ','), None);
        assert_eq!(split("", ','), Some(vec![""]));
        assert_eq!(unescape(r"a\,b\|c\$d\\e"), Some(r"a,b|c$d\e".to_owned()));
        for text in ["a,b", "a|b", "a$b", r"\n", r"a\"] {
            assert_eq!(unescape(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        #[test]
        fn c6_what_is_escaped_comes_back_whole(text in "[a,|$\\\\é]{0,12}") {
            let escaped = escape(&text);
            prop_assert_eq!(split(&escaped, ',').map(|parts| parts.len()), Some(1));
            prop_assert_eq!(unescape(&escaped), Some(text));
        }
    }
}
