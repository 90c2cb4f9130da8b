use std::fmt;

/// A FHIR `id` (`[A-Za-z0-9\-.]{1,64}`). Together with a type it points at a person, so `Debug` is blank and there
/// is no `Display`; whoever needs the text says so with [`LocalId::reveal`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalId(Box<str>);

impl LocalId {
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        // `.` and `..` fit the grammar and would climb out of a path.
        let climbs = text == "." || text == "..";
        (!climbs && (1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_exactly_the_fhir_grammar() {
        for good in ["a", "A-1.b", &"x".repeat(64)] {
            assert_eq!(LocalId::new(good).as_ref().map(LocalId::reveal), Some(good));
        }
        for bad in ["", ".", "..", "a/b", "a%2e", "a_b", "é", " a", "a\n", &"x".repeat(65)] {
            assert!(LocalId::new(bad).is_none());
        }
    }

    #[test]
    fn debug_says_nothing() {
        assert!(!format!("{:?}", LocalId::new("jane-doe")).contains("jane"));
    }
}
