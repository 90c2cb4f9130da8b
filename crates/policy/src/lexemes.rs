//! Strings of one plan, numbered. A fact that no policy of the plan mentions gets no number and equals nothing, so two
//! unrelated labels can never be taken for each other, however many there are.

use lexicon::Facts;
use std::collections::HashMap;

/// The strings that the plan's policies mention.
#[derive(Default)]
pub(crate) struct Lexemes(HashMap<Box<str>, usize>);

impl Lexemes {
    pub fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = self.0.len();
        self.0.insert(text.into(), number);
        number
    }

    fn word(&self, text: &str) -> Word {
        self.0.get(text).map_or(Word::Foreign, |number| Word::Known(*number))
    }

    fn bag(&self, texts: &[String]) -> Bag {
        let mut bag = Bag::default();
        for text in texts {
            match self.word(text) {
                Word::Known(number) => bag.known.insert(number),
                Word::Foreign => bag.foreign = true,
            }
        }
        bag
    }

    /// The strings of a set of numbers.
    pub fn texts<'a>(&'a self, numbers: &'a Numbers) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(_, number)| numbers.contains(**number)).map(|(text, _)| &**text)
    }

    /// The facts of one resource in numbers; done once, however many predicates look at them.
    pub fn read(&self, facts: &Facts) -> Seen {
        Seen {
            patient: facts.patient.as_ref().map(|id| self.word(id.reveal())),
            department: facts.department.as_deref().map(|text| self.word(text)),
            care_teams: self.bag(&facts.care_teams),
            labels: self.bag(&facts.labels),
        }
    }
}

/// One string of a resource.
#[derive(Clone, Copy)]
pub(crate) enum Word {
    Known(usize),
    /// Mentioned by no policy of the plan.
    Foreign,
}

/// A set of strings of a resource.
#[derive(Clone, Default)]
pub(crate) struct Bag {
    pub known: Numbers,
    pub foreign: bool,
}

/// What a predicate can see of one resource.
pub(crate) struct Seen {
    pub patient: Option<Word>,
    pub department: Option<Word>,
    pub care_teams: Bag,
    pub labels: Bag,
}

/// A set of numbers of any size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers(Vec<u64>);

impl Numbers {
    pub fn insert(&mut self, number: usize) {
        let (at, bit) = (number / 64, number % 64);
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            *word |= 1 << bit;
        }
    }

    pub fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }

    pub fn is_within(&self, other: &Self) -> bool {
        let padded = other.0.iter().copied().chain(std::iter::repeat(0));
        self.0.iter().zip(padded).all(|(a, b)| a & !b == 0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

impl FromIterator<usize> for Numbers {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn set(numbers: &BTreeSet<usize>) -> Numbers {
        numbers.iter().copied().collect()
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_a_set(
            a in proptest::collection::btree_set(0usize..200, 0..20),
            b in proptest::collection::btree_set(0usize..200, 0..20),
            n in 0usize..200,
        ) {
            let (x, y) = (set(&a), set(&b));
            assert_eq!(x.contains(n), a.contains(&n));
            assert_eq!(x.meets(&y), !a.is_disjoint(&b));
            assert_eq!(x.is_within(&y), a.is_subset(&b));
            assert_eq!(x.is_empty(), a.is_empty());
        }
    }

    /// The sketch this grew from took all strings beyond the 64th for the same.
    #[test]
    fn strings_beyond_the_64th_stay_apart() {
        let mut lexemes = Lexemes::default();
        let numbers: BTreeSet<usize> = (0..300).map(|n| lexemes.number(&format!("label-{n}"))).collect();
        assert_eq!(numbers.len(), 300);
        let bag = lexemes.bag(&["label-299".to_owned()]);
        assert!(bag.known.contains(299) && !bag.known.contains(298) && !bag.foreign);
        assert!(lexemes.bag(&["label-300".to_owned()]).foreign);
    }
}
