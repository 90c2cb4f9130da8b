use lexicon::Reason;

/// Longer ones are refused before they are looked at.
const HEADER_BYTES: usize = 1024;

/// May the answer be `application/fhir+json`? `_format` overrides the `Accept` header
/// (<https://hl7.org/fhir/R4/http.html#mime-type>).
pub fn accept(accept: Option<&str>, format: Option<&str>) -> Result<(), Reason> {
    let acceptable = match (format, accept) {
        (Some(format), _) => {
            format.len() <= HEADER_BYTES
                && (format == "json" || Range::parse(format).is_some_and(|r| r.rank <= Rank::Json))
        }
        (None, Some(header)) => header.len() <= HEADER_BYTES && negotiates(header),
        (None, None) => true,
    };
    if acceptable { Ok(()) } else { Err(Reason::RequestFormat) }
}

/// RFC 9110 section 12.5.1: of the ranges that fit, the most specific one decides.
fn negotiates(header: &str) -> bool {
    if header.trim().is_empty() {
        return true;
    }
    header
        .split(',')
        .filter_map(Range::parse)
        .min_by_key(|range| (range.rank, range.refused))
        .is_some_and(|r| !r.refused)
}

/// How closely a media range names what is served; the first is the closest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    FhirJson,
    Json,
    Application,
    Any,
}

/// A media range that fits FHIR's JSON.
struct Range {
    rank: Rank,
    /// `q=0`.
    refused: bool,
}

impl Range {
    /// Nothing for a range that is broken or names something else.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let rank = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/fhir+json" => Rank::FhirJson,
            "application/json" => Rank::Json,
            "application/*" => Rank::Application,
            "*/*" => Rank::Any,
            _ => return None,
        };
        let mut refused = false;
        for part in parts {
            let (name, value) = part.split_once('=')?;
            match (name.to_ascii_lowercase().as_str(), value.trim_matches('"').to_ascii_lowercase().as_str()) {
                ("q", value) => refused = quality_is_zero(value)?,
                ("charset", "utf-8") | ("fhirversion", "4.0") => {}
                _ => return None,
            }
        }
        Some(Self { rank, refused })
    }
}

/// RFC 9110 section 12.4.2: 0 to 1 with up to three decimals.
fn quality_is_zero(value: &str) -> Option<bool> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    let zeros = decimals.bytes().all(|b| b == b'0');
    match whole {
        "0" if digits => Some(zeros),
        "1" if digits && zeros => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: Option<&str>, format: Option<&str>, expect: bool) {
        assert_eq!(accept(header, format).is_ok(), expect, "{header:?} {format:?}");
    }

    #[test]
    fn f1_only_json_is_negotiated() {
        for header in [
            "",
            "*/*",
            "application/*",
            "application/fhir+json",
            "application/json",
            "Application/FHIR+JSON; fhirVersion=4.0",
            "application/fhir+json;charset=utf-8;q=0.9, application/fhir+xml",
            "text/html, application/xml;q=0.9, */*;q=0.8",
            "application/fhir+json; fhirVersion=\"4.0\"",
        ] {
            check(Some(header), None, true);
        }
        for header in [
            "application/fhir+xml",
            "text/turtle",
            "text/html",
            "application/fhir+json;q=0",
            "application/fhir+json;q=0.000, */*",
            "*/*;q=0",
            "application/*;q=0, */*;q=1",
            "application/fhir+json;fhirVersion=5.0",
            "application/fhir+json;q=2",
            "application/fhir+json;q=0.1234",
            "application/fhir+json;q",
            "application/jsonx",
            "*",
            ",",
        ] {
            check(Some(header), None, false);
        }
        check(None, None, true);
        check(Some(&"*/*,".repeat(500)), None, false);
    }

    #[test]
    fn f1_format_wins_over_accept() {
        for format in ["json", "application/json", "application/fhir+json", "application/fhir+json;fhirVersion=4.0"] {
            check(Some("application/fhir+xml"), Some(format), true);
        }
        for format in
            ["xml", "html/json", "*/*", "application/*", "text/xml", "ttl", "JSON", "", "application/fhir json"]
        {
            check(Some("application/fhir+json"), Some(format), false);
        }
    }
}
