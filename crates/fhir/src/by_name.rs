//! Finding things by a FHIR name, for which most comparisons are settled by eight bytes.

/// Two names with different keys are different. Made from a name's first and last eight bytes and its length.
pub(crate) fn key(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29) ^ name.len() as u64
    } else if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
    } else {
        name.iter().fold(name.len() as u64, |key, byte| key << 8 | u64::from(*byte))
    }
}

/// A map with few entries that never change.
#[derive(Debug)]
pub(crate) struct ByName<T> {
    /// In order of key, then name.
    entries: Vec<(u64, Box<str>, T)>,
}

impl<T> ByName<T> {
    pub(crate) fn get(&self, name: &[u8]) -> Option<&T> {
        let key = key(name);
        let order = |entry: &(u64, Box<str>, T)| entry.0.cmp(&key).then_with(|| entry.1.as_bytes().cmp(name));
        let at = self.entries.binary_search_by(order).ok()?;
        self.entries.get(at).map(|(_, _, found)| found)
    }

    /// Names and what they stand for, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.entries.iter().map(|(_, name, value)| (&**name, value))
    }
}

impl<T> FromIterator<(String, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(from: I) -> Self {
        let keyed = from.into_iter().map(|(name, value)| (key(name.as_bytes()), name.into_boxed_str(), value));
        let mut entries: Vec<_> = keyed.collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        Self { entries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_exactly_what_was_put_in() {
        let names =
            ["", "a", "ab", "abc", "abcd", "abcdefg", "abcdefgh", "abcdefghabcdefgh", "abcdefghXabcdefgh", "value"];
        let map: ByName<usize> = names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), at)).collect();
        for (at, name) in names.iter().enumerate() {
            assert_eq!(map.get(name.as_bytes()), Some(&at), "`{name}`");
        }
        for absent in ["b", "abcde", "abcdefghYabcdefgh", "Value", "values"] {
            assert_eq!(map.get(absent.as_bytes()), None, "`{absent}`");
        }
    }

    /// Names with the same key are told apart by their bytes.
    #[test]
    fn a_shared_key_is_no_shared_entry() {
        let (a, b) = ("abcdefgh1abcdefgh", "abcdefgh2abcdefgh");
        assert_eq!(key(a.as_bytes()), key(b.as_bytes()));
        let map: ByName<u8> = [(b.to_owned(), 2), (a.to_owned(), 1)].into_iter().collect();
        assert_eq!((map.get(a.as_bytes()), map.get(b.as_bytes())), (Some(&1), Some(&2)));
        assert_eq!(map.get(b"abcdefgh3abcdefgh"), None);
    }
}
