//! Dates and times of any precision as the range of time they stand for
//! (<https://hl7.org/fhir/R4/search.html#date>, <https://hl7.org/fhir/R4/datatypes.html#dateTime>).
//!
//! What names no time zone is read in UTC, in a resource and in a search alike: the gateway has no local time.

use super::span::Span;
use std::ops::Bound;

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub(crate) type Instant = i128;

const SECOND: Instant = 1_000_000_000;
const DAY: i64 = 86_400;
/// More digits than these after a second are no date here.
const FRACTION_DIGITS: usize = 9;

/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, or that with `Thh:mm[:ss[.fff]]` and `Z` or `±hh:mm`: its first instant, and the
/// first after it.
pub(crate) fn span(text: &str) -> Option<Span<Instant>> {
    let (from, to) = range(text)?;
    Some(Span { low: Bound::Included(from), high: Bound::Excluded(to) })
}

/// The first instant, and the first one after it all.
pub(crate) fn range(text: &str) -> Option<(Instant, Instant)> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let mut fields = date.split('-');
    let year = number(fields.next()?, 4)?;
    let month = fields.next().map(|field| number(field, 2)).map_or(Some(None), |field| field.map(Some))?;
    let day = fields.next().map(|field| number(field, 2)).map_or(Some(None), |field| field.map(Some))?;
    if fields.next().is_some() || year == 0 {
        return None;
    }
    let (first, after) = match (month, day) {
        (None, _) => (days(year, 1, 1), days(year + 1, 1, 1)),
        (Some(12), None) => (days(year, 12, 1), days(year + 1, 1, 1)),
        (Some(month @ 1..=11), None) => (days(year, month, 1), days(year, month + 1, 1)),
        (Some(month @ 1..=12), Some(day)) if (1..=length(year, month)).contains(&day) => {
            (days(year, month, day), days(year, month, day) + 1)
        }
        _ => return None,
    };
    let midnight = |day: i64| Instant::from(day * DAY) * SECOND;
    match (time, day) {
        (None, _) => Some((midnight(first), midnight(after))),
        (Some(time), Some(_)) => {
            let (from, length) = of_day(time)?;
            Some((midnight(first) + from, midnight(first) + from + length))
        }
        (Some(_), None) => None,
    }
}

/// Has it a time of day but no zone?
pub(crate) fn lacks_zone(text: &str) -> bool {
    text.split_once('T').is_some_and(|(_, time)| !time.ends_with('Z') && !time.contains(['+', '-']))
}

/// A time of day with its zone: nanoseconds from midnight UTC, and how long it lasts.
fn of_day(text: &str) -> Option<(Instant, Instant)> {
    let (clock, offset) = zone(text)?;
    let (whole, fraction) = clock.split_once('.').map_or((clock, None), |(whole, rest)| (whole, Some(rest)));
    let mut fields = whole.split(':').map(|field| number(field, 2));
    let (hour, minute) = (fields.next()??, fields.next()??);
    let second = fields.next().map_or(Some(None), |field| field.map(Some))?;
    // 60 is a leap second.
    if fields.next().is_some() || hour > 23 || minute > 59 || second.is_some_and(|second| second > 60) {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second.unwrap_or(0) - offset;
    let (fraction, length) = match (second, fraction) {
        (None, None) => (0, 60 * SECOND),
        (Some(_), None) => (0, SECOND),
        (Some(_), Some(digits)) if (1..=FRACTION_DIGITS).contains(&digits.len()) => {
            let unit = 10_i128.pow(u32::try_from(FRACTION_DIGITS - digits.len()).ok()?);
            (Instant::from(number(digits, digits.len())?) * unit, unit)
        }
        _ => return None,
    };
    Some((Instant::from(seconds) * SECOND + fraction, length))
}

/// The clock, and the seconds it is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = text.find(['+', '-']) else { return Some((text, 0)) };
    let (clock, offset) = text.split_at(at);
    let (sign, offset) = offset.strip_prefix('-').map_or((1, offset.get(1..)?), |rest| (-1, rest));
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    // R4 has zones from -14:00 to +14:00.
    let is_zone = minutes <= 59 && hours * 60 + minutes <= 14 * 60;
    is_zone.then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

/// Exactly so many digits.
fn number(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexicon::Time;
    use proptest::prelude::*;

    /// The seconds at which it begins and ends.
    #[track_caller]
    fn check(text: &str, expect: Option<(i128, i128)>) {
        assert_eq!(range(text), expect.map(|(from, to)| (from * SECOND, to * SECOND)), "{text}");
    }

    #[test]
    fn precision_is_the_length_of_time() {
        check("1970", Some((0, 31_536_000)));
        check("1970-01", Some((0, 2_678_400)));
        check("1969-12", Some((-2_678_400, 0)));
        check("2000-02-29", Some((951_782_400, 951_868_800)));
        check("2013-01-14T10:00", Some((1_358_157_600, 1_358_157_660)));
        check("2013-01-14T10:00:00Z", Some((1_358_157_600, 1_358_157_601)));
        assert_eq!(range("1970-01-01T00:00:00.5Z"), Some((SECOND / 2, SECOND / 2 + SECOND / 10)));
        assert_eq!(range("1970-01-01T00:00:00.000000001Z"), Some((1, 2)));
    }

    #[test]
    fn zones_are_resolved() {
        check("1970-01-01T01:00:00+01:00", Some((0, 1)));
        check("1969-12-31T14:00:00-10:00", Some((0, 1)));
        check("1970-01-01T05:45:00+05:45", Some((0, 1)));
        check("1970-01-01T00:00:00", Some((0, 1)));
        assert!(lacks_zone("2013-01-14T10:00") && !lacks_zone("2013-01-14"));
        assert!(!lacks_zone("2013-01-14T10:00-05:00") && !lacks_zone("2013-01-14T10:00Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0000",
            "99",
            "20130",
            "2013-",
            "2013-13",
            "2013-00",
            "2013-1",
            "2013-02-29",
            "1900-02-29",
            "2013-04-31",
            "2013-01-14T",
            "2013-01-14T10",
            "2013-01-14T24:00",
            "2013-01-14T10:60",
            "2013-01-14T10:00:61",
            "2013-01-14T10:00:00.",
            "2013-01-14T10:00.5Z",
            "2013-01-14T10:00:00.1234567890Z",
            "2013-01T10:00",
            "2013T10:00",
            "2013-01-14T10:00z",
            "2013-01-14t10:00",
            "2013-01-14T10:00+1:00",
            "2013-01-14T10:00+15:00",
            "2013-01-14T10:00+",
            "2013-01-14 10:00",
            "2013-01-14T10:00:00ZZ",
            "2013-01-14-01",
            "-2013",
            "+2013",
            "２０１３",
            "2013-01-14T10:00+01:00:00",
            "2013-01-14T10:00+00:60",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

        /// Against the calendar that prints times of records.
        #[test]
        fn calendars_agree(seconds in 0u64..253_402_300_799) {
            let text = Time::from_seconds(seconds).to_string();
            prop_assert_eq!(range(&text).map(|(from, _)| from), Some(i128::from(seconds) * SECOND), "{}", text);
        }

        #[test]
        fn never_panics(text in "[0-9T:Z.+-]{0,40}|\\PC{0,20}") {
            let _ = (range(&text), lacks_zone(&text));
        }
    }
}
