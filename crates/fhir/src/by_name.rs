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

/// A map that never changes: open addressing, at most half full. Built from names of R4 and of the operator's file, so
/// no stranger can make its chains long.
#[derive(Debug)]
pub(crate) struct ByName<T> {
    /// A power of two of them, at least one empty.
    slots: Vec<Option<(u64, Box<str>, T)>>,
}

impl<T> ByName<T> {
    pub(crate) fn get(&self, name: &[u8]) -> Option<&T> {
        let key = key(name);
        let mut at = self.first_slot(key);
        while let Some((other, entry, found)) = self.slots.get(at)? {
            if *other == key && entry.as_bytes() == name {
                return Some(found);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }

    /// Names and what they stand for, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.slots.iter().flatten().map(|(_, name, value)| (&**name, value))
    }

    /// The upper half of a product depends on all bits of the key.
    fn first_slot(&self, key: u64) -> usize {
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        usize::try_from(mixed).unwrap_or(0) & (self.slots.len() - 1)
    }
}

impl<T> FromIterator<(String, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(from: I) -> Self {
        let entries: Vec<(String, T)> = from.into_iter().collect();
        let size = (entries.len() * 2 + 1).next_power_of_two();
        let mut map = Self { slots: std::iter::repeat_with(|| None).take(size).collect() };
        for (name, value) in entries {
            let key = key(name.as_bytes());
            let mut at = map.first_slot(key);
            while map.slots.get(at).is_some_and(Option::is_some) {
                at = (at + 1) & (size - 1);
            }
            if let Some(slot) = map.slots.get_mut(at) {
                *slot = Some((key, name.into_boxed_str(), value));
            }
        }
        map
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
