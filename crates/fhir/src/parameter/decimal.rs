//! Decimal numbers without loss: FHIR counts every digit, and no binary fraction is ever made of them.

use std::cmp::Ordering;

/// A decimal number of any length. Equal numbers are equal however they were written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// The value is `0.digits` times ten to this power; zero for zero.
    power: i64,
    /// Without zeros at either end; none for zero.
    digits: Vec<u8>,
}

/// The parts of a number as FHIR and JSON write it: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: Option<&'a str>,
}

/// Longer exponents are no number of medicine.
const EXPONENT_DIGITS: usize = 9;
/// What a searched number may have, so that half a unit more of it still fits in 128 bits.
const SEARCHED_DIGITS: usize = 30;

fn parts(text: &str) -> Option<Parts<'_>> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(number, exponent)| (number, Some(exponent)));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    let is_exponent = exponent.is_none_or(|text| digits(text.strip_prefix(['+', '-']).unwrap_or(text)));
    (is_whole && fraction.is_none_or(digits) && is_exponent).then_some(Parts {
        negative,
        whole,
        fraction: fraction.unwrap_or_default(),
        exponent,
    })
}

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Parts { negative, whole, fraction, exponent } = parts(text)?;
        let exponent = exponent.unwrap_or("0");
        if exponent.len() > EXPONENT_DIGITS {
            return None;
        }
        let power = exponent.parse::<i64>().ok()? + i64::try_from(whole.len()).ok()?;
        Some(Self::new(negative, power, whole.bytes().chain(fraction.bytes()).collect()))
    }

    fn new(negative: bool, power: i64, mut digits: Vec<u8>) -> Self {
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Self { negative: false, power: 0, digits };
        }
        Self { negative, power: power.saturating_sub_unsigned(leading as u64), digits }
    }

    /// `mantissa` times ten to the power of minus `scale`.
    fn scaled(mantissa: i128, scale: usize) -> Self {
        let digits = mantissa.unsigned_abs().to_string().into_bytes();
        let power = digits.len() as i64 - scale as i64;
        Self::new(mantissa < 0, power, digits)
    }

    /// From the lowest to below the highest number that is this one when rounded to as many places: `100` is
    /// `[99.5, 100.5)` (<https://hl7.org/fhir/R4/search.html#number>). Nothing for a number with an exponent: the text
    /// and the example there disagree on what it stands for.
    pub(crate) fn rounding_to(text: &str) -> Option<(Self, Self)> {
        let (mantissa, scale) = plain(text)?;
        Some((Self::scaled(mantissa * 10 - 5, scale + 1), Self::scaled(mantissa * 10 + 5, scale + 1)))
    }

    /// Ten per cent of the number to either side.
    pub(crate) fn about(text: &str) -> Option<(Self, Self)> {
        let (mantissa, scale) = plain(text)?;
        let tenth = mantissa.abs();
        Some((Self::scaled(mantissa * 10 - tenth, scale + 1), Self::scaled(mantissa * 10 + tenth, scale + 1)))
    }
}

/// The digits of a number without an exponent, and how many follow the point.
fn plain(text: &str) -> Option<(i128, usize)> {
    let Parts { negative, whole, fraction, exponent } = parts(text)?;
    if exponent.is_some() || whole.len() + fraction.len() > SEARCHED_DIGITS {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some((if negative { -mantissa } else { mantissa }, fraction.len()))
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        // Zero has neither digits nor a sign.
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || (self.power, &self.digits).cmp(&(other.power, &other.digits));
        match sign(self).cmp(&sign(other)) {
            Ordering::Equal if self.negative => size().reverse(),
            Ordering::Equal => size(),
            unequal => unequal,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(left: &str, expect: Ordering, right: &str) {
        let [left, right] = [left, right].map(|text| Decimal::parse(text).unwrap());
        assert!(left.cmp(&right) == expect && right.cmp(&left) == expect.reverse());
        assert_eq!(left == right, expect == Ordering::Equal);
    }

    #[test]
    fn numbers_are_compared_to_the_last_digit() {
        check("1", Ordering::Equal, "1.00");
        check("100", Ordering::Equal, "1e2");
        check("100", Ordering::Equal, "1.0E+2");
        check("-0", Ordering::Equal, "0.000");
        check("0e5", Ordering::Equal, "0");
        check("0.1", Ordering::Less, "0.10000000000000000000000000000000000000000001");
        check("123456789012345678901234567890123456789012345", Ordering::Less, "1.3e44");
        check("9007199254740993", Ordering::Greater, "9007199254740992");
        check("-2", Ordering::Less, "-1.999");
        check("-1", Ordering::Less, "0");
        check("1e400", Ordering::Greater, "9e399");
        check("1e-400", Ordering::Greater, "0");
        check("12", Ordering::Less, "100");
        check("0.012", Ordering::Less, "0.1");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in
            ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", "1,5", " 1", "1 ", "NaN", "0x1", "1_0", "1e1234567890", "١"]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn precision_is_half_of_the_last_digit() {
        for (text, low, high) in [
            ("100", "99.5", "100.5"),
            ("100.00", "99.995", "100.005"),
            ("-5.4", "-5.45", "-5.35"),
            ("0", "-0.5", "0.5"),
            ("0.05", "0.045", "0.055"),
        ] {
            let found = Decimal::rounding_to(text).unwrap();
            assert!(found == (Decimal::parse(low).unwrap(), Decimal::parse(high).unwrap()), "{text}");
        }
        let found = Decimal::about("-50").unwrap();
        assert!(found == (Decimal::parse("-55").unwrap(), Decimal::parse("-45").unwrap()));
        assert!(Decimal::rounding_to("1e2").is_none() && Decimal::about("1e2").is_none());
        assert!(Decimal::rounding_to(&"9".repeat(30)).is_some() && Decimal::rounding_to(&"9".repeat(31)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        /// Against whole numbers, scaled to the same power.
        #[test]
        fn order_is_that_of_whole_numbers(a in -99_999i64..99_999, b in -99_999i64..99_999, places in 0usize..5) {
            let text = |n: i64| {
                let digits = format!("{:0width$}", n.abs(), width = places + 1);
                let (whole, fraction) = digits.split_at(digits.len() - places);
                let point = if places == 0 { "" } else { "." };
                format!("{}{whole}{point}{fraction}", if n < 0 { "-" } else { "" })
            };
            let [left, right] = [a, b].map(|n| Decimal::parse(&text(n)).unwrap());
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        }

        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,40}") {
            let _ = (Decimal::parse(&text), Decimal::rounding_to(&text), Decimal::about(&text));
        }
    }
}
