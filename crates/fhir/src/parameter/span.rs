//! Ranges of values and how a search's prefix compares two of them (<https://hl7.org/fhir/R4/search.html#prefix>).

use std::cmp::Ordering;
use std::ops::Bound;

/// A range that holds at least one value.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Span<T> {
    pub(crate) low: Bound<T>,
    pub(crate) high: Bound<T>,
}

impl<T: Clone> Span<T> {
    pub(crate) fn point(value: T) -> Self {
        Self { low: Bound::Included(value.clone()), high: Bound::Included(value) }
    }
}

/// Which of two lower bounds admits smaller values.
fn by_low<T: Ord>(a: &Bound<T>, b: &Bound<T>) -> Ordering {
    match (a, b) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Less,
        (_, Bound::Unbounded) => Ordering::Greater,
        (Bound::Included(a), Bound::Included(b)) | (Bound::Excluded(a), Bound::Excluded(b)) => a.cmp(b),
        (Bound::Included(a), Bound::Excluded(b)) => a.cmp(b).then(Ordering::Less),
        (Bound::Excluded(a), Bound::Included(b)) => a.cmp(b).then(Ordering::Greater),
    }
}

/// Which of two upper bounds admits only smaller values.
fn by_high<T: Ord>(a: &Bound<T>, b: &Bound<T>) -> Ordering {
    match (a, b) {
        (Bound::Unbounded, Bound::Unbounded) => Ordering::Equal,
        (Bound::Unbounded, _) => Ordering::Greater,
        (_, Bound::Unbounded) => Ordering::Less,
        (Bound::Included(a), Bound::Included(b)) | (Bound::Excluded(a), Bound::Excluded(b)) => a.cmp(b),
        (Bound::Included(a), Bound::Excluded(b)) => a.cmp(b).then(Ordering::Greater),
        (Bound::Excluded(a), Bound::Included(b)) => a.cmp(b).then(Ordering::Less),
    }
}

/// Is everything from `low` on beyond `high`?
fn is_after<T: Ord>(low: &Bound<T>, high: &Bound<T>) -> bool {
    match (low, high) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Prefix {
    /// The prefix and what follows it; without one, equality.
    pub(crate) fn split(text: &str) -> (Self, &str) {
        [Self::Eq, Self::Ne, Self::Gt, Self::Lt, Self::Ge, Self::Le, Self::Sa, Self::Eb, Self::Ap]
            .into_iter()
            .find_map(|prefix| Some((prefix, text.strip_prefix(prefix.name())?)))
            .unwrap_or((Self::Eq, text))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Lt => "lt",
            Self::Ge => "ge",
            Self::Le => "le",
            Self::Sa => "sa",
            Self::Eb => "eb",
            Self::Ap => "ap",
        }
    }

    /// As it is written: equality needs none.
    pub(crate) const fn written(self) -> &'static str {
        if matches!(self, Self::Eq) { "" } else { self.name() }
    }

    /// Are values taken as they stand, whatever their precision?
    pub(crate) const fn is_exact(self) -> bool {
        matches!(self, Self::Gt | Self::Lt | Self::Ge | Self::Le | Self::Sa | Self::Eb)
    }

    /// R4 defines each prefix by what the range searched for, or all above or below it, has in common with the range
    /// found.
    pub(crate) fn holds<T: Ord>(self, wanted: &Span<T>, found: &Span<T>) -> bool {
        let contained = || by_low(&wanted.low, &found.low).is_le() && by_high(&found.high, &wanted.high).is_le();
        let reaches_above = || by_high(&found.high, &wanted.high).is_gt();
        let reaches_below = || by_low(&found.low, &wanted.low).is_lt();
        let is_above = || is_after(&found.low, &wanted.high);
        let is_below = || is_after(&wanted.low, &found.high);
        match self {
            Self::Eq => contained(),
            Self::Ne => !contained(),
            Self::Gt => reaches_above(),
            Self::Lt => reaches_below(),
            Self::Ge => reaches_above() || contained(),
            Self::Le => reaches_below() || contained(),
            Self::Sa => is_above(),
            Self::Eb => is_below(),
            Self::Ap => !is_above() && !is_below(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound(kind: u8, at: i32) -> Bound<i32> {
        match kind {
            0 => Bound::Included(at),
            1 => Bound::Excluded(at),
            _ => Bound::Unbounded,
        }
    }

    /// Values with steps of one between bounds that are multiples of four: as good as dense.
    fn has(span: &Span<i32>, value: i32) -> bool {
        std::ops::RangeBounds::contains(&(span.low, span.high), &value)
    }

    fn spans() -> impl Strategy<Value = Span<i32>> {
        (0u8..3, -3i32..3, 0u8..3, 0i32..4).prop_map(|(low, from, high, length)| {
            let kinds = if length == 0 { (low & 2, high & 2) } else { (low, high) };
            Span { low: bound(kinds.0, from * 4), high: bound(kinds.1, (from + length) * 4) }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        /// Each prefix against its definition, value by value.
        #[test]
        fn prefixes_are_what_r4_says(wanted in spans(), found in spans()) {
            let all = || -40..40;
            let above = |value: i32| all().all(|other| !has(&wanted, other) || other < value);
            let below = |value: i32| all().all(|other| !has(&wanted, other) || other > value);
            let found_values = || all().filter(|value| has(&found, *value));
            let contained = found_values().all(|value| has(&wanted, value));
            let overlaps = found_values().any(|value| has(&wanted, value));
            let expect = [
                (Prefix::Eq, contained),
                (Prefix::Ne, !contained),
                (Prefix::Gt, found_values().any(above)),
                (Prefix::Lt, found_values().any(below)),
                (Prefix::Ge, found_values().any(above) || contained),
                (Prefix::Le, found_values().any(below) || contained),
                (Prefix::Sa, !overlaps && found_values().all(above)),
                (Prefix::Eb, !overlaps && found_values().all(below)),
                (Prefix::Ap, overlaps),
            ];
            for (prefix, expect) in expect {
                prop_assert_eq!(prefix.holds(&wanted, &found), expect, "{}", prefix.name());
            }
        }
    }

    #[test]
    fn a_prefix_is_two_letters_before_the_value() {
        for (text, prefix, rest) in [
            ("ge5", "ge", "5"),
            ("5", "eq", "5"),
            ("eq5", "eq", "5"),
            ("Ge5", "eq", "Ge5"),
            ("", "eq", ""),
            ("apap", "ap", "ap"),
        ] {
            let found = Prefix::split(text);
            assert_eq!((found.0.name(), found.1), (prefix, rest), "{text}");
        }
    }
}
