//! Numbers, amounts and times: what has a range.

use super::{check, observation, refused};
use lexicon::Reason;
use serde_json::{Value, json};

fn risk(probability: Value) -> Value {
    json!({ "resourceType": "RiskAssessment", "prediction": [{ "probabilityDecimal": probability }] })
}

fn amount(value: Value) -> Value {
    observation("valueQuantity", value)
}

fn dated(date: &str) -> Value {
    observation("effectiveDateTime", json!(date))
}

/// <https://hl7.org/fhir/R4/search.html#number>
#[test]
fn numbers_have_the_precision_they_are_written_with() {
    for (found, query, expect) in [
        (json!(100), "100", true),
        (json!(99.5), "100", true),
        (json!(100.499), "100", true),
        (json!(100.5), "100", false),
        (json!(99.499), "100", false),
        (json!(100.004), "100.00", true),
        (json!(100.005), "100.00", false),
        (json!(100.4), "100.00", false),
        (json!(100), "lt100", false),
        (json!(99.999), "lt100", true),
        (json!(100), "le100", true),
        (json!(100.001), "le100", false),
        (json!(100), "gt100", false),
        (json!(100.001), "gt100", true),
        (json!(100), "ge100", true),
        (json!(100), "ne100", false),
        (json!(101), "ne100", true),
        (json!(100), "sa100", false),
        (json!(101), "sa100", true),
        (json!(99), "eb100", true),
        (json!(110), "ap100", true),
        (json!(111), "ap100", false),
        (json!(-5), "-5", true),
        (json!(100), "lt1e3", true),
        (json!(100), "eq100", true),
        (json!(0.1), "0.1", true),
        (json!("100"), "100", false),
    ] {
        check(&risk(found), &format!("probability={query}"), expect);
    }
    // What R4 says of 1e2 contradicts its own example.
    for value in
        ["1e2", "ne1e2", "ap1e2", "", "five", "+5", "5,", "0x5", "5 ", "GT5", "gt", "05", ".5", "gtlt5", "5|a|b"]
    {
        refused("RiskAssessment", &format!("probability={value}"), Reason::ParameterValue);
    }
}

#[test]
fn a_range_is_compared_as_a_range() {
    let range = |low: Value, high: Value| {
        let end = |value: Value| if value.is_null() { json!({}) } else { json!({ "value": value }) };
        json!({ "resourceType": "RiskAssessment", "prediction": [{ "probabilityRange": { "low": end(low), "high": end(high) } }] })
    };
    for (low, high, query, expect) in [
        (json!(9), json!(11), "10", false),
        (json!(9.6), json!(10.4), "10", true),
        (json!(9), json!(11), "gt10", true),
        (json!(9), json!(11), "lt10", true),
        (json!(9), json!(11), "sa10", false),
        (json!(10.5), json!(11), "sa10", true),
        (json!(9), json!(9.5), "eb10", true),
        (json!(9), Value::Null, "gt100", true),
        (Value::Null, json!(9), "gt100", false),
        (Value::Null, json!(9), "eb10", true),
        (Value::Null, Value::Null, "ne10", false),
        (json!(11), json!(9), "ne10", false),
    ] {
        check(&range(low, high), &format!("probability={query}"), expect);
    }
}

/// <https://hl7.org/fhir/R4/search.html#quantity>
#[test]
fn amounts_have_units() {
    let ucum = "http://unitsofmeasure.org";
    let found = amount(json!({ "value": 5.4, "unit": "milligram", "system": ucum, "code": "mg" }));
    for (query, expect) in [
        ("5.4|http://unitsofmeasure.org|mg", true),
        ("5.40|http://unitsofmeasure.org|mg", true),
        ("5.4|http://other|mg", false),
        ("5.4|http://unitsofmeasure.org|milligram", false),
        ("5.4||mg", true),
        ("5.4||milligram", true),
        ("5.4||g", false),
        ("5.4", true),
        ("le5.4|http://unitsofmeasure.org|mg", true),
        ("lt5.4|http://unitsofmeasure.org|mg", false),
        ("ap5.2||mg", true),
        ("5", true),
        ("6", false),
        ("6,5.4||mg", true),
    ] {
        check(&found, &format!("value-quantity={query}"), expect);
    }
    check(&amount(json!({ "unit": "mg" })), "value-quantity=ne5", false);
    check(&amount(json!({ "value": "5.4" })), "value-quantity=5.4", false);
    check(&amount(json!([{ "value": 5.4 }])), "value-quantity=5.4", false);
    for value in ["5.4|mg", "5.4||", "5.4|http://x|", "||mg", "5.4|a|b|c", "|a|b"] {
        refused("Observation", &format!("value-quantity={value}"), Reason::ParameterValue);
    }
    let item = json!({ "resourceType": "ChargeItem", "priceOverride": { "value": 12.5, "currency": "EUR" } });
    for (query, expect) in [
        ("12.5||EUR", true),
        ("12.5|urn:iso:std:iso:4217|EUR", true),
        ("12.5||USD", false),
        ("12.5|http://x|EUR", false),
    ] {
        check(&item, &format!("price-override={query}"), expect);
    }
    let ages = json!({ "resourceType": "Condition", "onsetRange": { "low": { "value": 30, "code": "a" }, "high": { "value": 40, "code": "a" } } });
    check(&ages, "onset-age=gt35||a", true);
    check(&ages, "onset-age=gt35||mo", false);
}

#[test]
fn a_comparator_makes_a_range() {
    for (comparator, query, expect) in [
        ("<", "5", false),
        ("<", "lt5", true),
        ("<", "ge5", false),
        ("<=", "ge5", false),
        ("<", "eb5", true),
        ("<=", "eb5", false),
        (">", "sa5", true),
        (">=", "gt5", true),
        (">", "lt6", true),
        (">", "lt5", false),
        ("~", "5", false),
    ] {
        check(&amount(json!({ "value": 5, "comparator": comparator })), &format!("value-quantity={query}"), expect);
    }
}

/// <https://hl7.org/fhir/R4/search.html#date>, <https://hl7.org/fhir/R4/search.html#prefix>
#[test]
fn dates_are_compared_as_ranges_of_time() {
    for (found, query, expect) in [
        ("2013-01-14T00:00:00Z", "eq2013-01-14", true),
        ("2013-01-14T10:00:00Z", "eq2013-01-14", true),
        ("2013-01-15T00:00:00Z", "eq2013-01-14", false),
        ("2013-01-15T00:00:00Z", "ne2013-01-14", true),
        ("2013-01-14T00:00:00Z", "ne2013-01-14", false),
        ("2013-01-14", "lt2013-01-14T10:00", true),
        ("2013-01-14", "gt2013-01-14T10:00", true),
        ("2013-01-14", "2013-01", true),
        ("2013-01", "2013-01-14", false),
        ("2013-01", "ne2013-01-14", true),
        ("2013", "ge2013-06", true),
        ("2013", "sa2012", true),
        ("2013", "eb2014", true),
        ("2013", "sa2013", false),
        ("2012", "lt2013", true),
        ("2013", "lt2013", false),
        ("2013", "le2013", true),
        // The same instant in two zones, and a day that is another one in UTC.
        ("2013-01-14T23:30:00-05:00", "2013-01-15", true),
        ("2013-01-14T23:30:00-05:00", "2013-01-15T04:30:00Z", true),
        ("2013-01-14T23:30:00-05:00", "2013-01-14", false),
        ("2013-01-14T10:00:00.500Z", "2013-01-14T10:00:00Z", true),
        ("2013-01-14T10:00:00.500Z", "gt2013-01-14T10:00:00Z", false),
        ("yesterday", "ne2013", false),
    ] {
        check(&dated(found), &format!("date={query}"), expect);
    }
    for value in
        ["ap2013", "", "2013-1", "now", "2013-01-14T10", "20130114", "2013|x", "ge", "2013-02-30", "2013-01-14T25:00Z"]
    {
        refused("Observation", &format!("date={value}"), Reason::ParameterValue);
    }
}

#[test]
fn open_periods_reach_without_end() {
    let period = |value: Value| observation("effectivePeriod", value);
    for (found, query, expect) in [
        (json!({ "start": "2013-01-21" }), "ge2013-03-14", true),
        (json!({ "end": "2013-01-21" }), "le2013-03-14", true),
        (json!({ "start": "2013-03-15" }), "sa2013-03-14", true),
        (json!({ "start": "2013-01-21" }), "sa2013-03-14", false),
        (json!({ "end": "2013-01-21" }), "eb2013-03-14", true),
        (json!({ "end": "2013-03-15" }), "eb2013-03-14", false),
        (json!({ "start": "2013-01-21" }), "2013", false),
        (json!({ "start": "2013-01-21", "end": "2013-02" }), "2013", true),
        (json!({ "start": "2013-01-21", "end": "2013-02" }), "gt2013-02-27", true),
        (json!({ "start": "2013-01-21", "end": "2013-02" }), "gt2013-02", false),
        (json!({}), "ne2013", false),
        (json!({ "start": "2014", "end": "2013" }), "ne2013", false),
        (json!({ "start": "soon", "end": "2013" }), "2013", false),
    ] {
        check(&period(found), &format!("date={query}"), expect);
    }
}

/// "Every second day between 31 January and 24 March includes 1 February."
#[test]
fn a_schedule_counts_by_its_outer_limits() {
    let timing = |value: Value| observation("effectiveTiming", value);
    let bounds = json!({ "repeat": { "boundsPeriod": { "start": "2013-01-31", "end": "2013-03-24" }, "period": 2, "periodUnit": "d" } });
    check(&timing(bounds.clone()), "date=2013", true);
    check(&timing(bounds), "date=gt2013-03", false);
    let events = json!({ "event": ["2013-05-01", "2013-02-01", "x"] });
    check(&timing(events.clone()), "date=gt2013-04", true);
    check(&timing(events.clone()), "date=lt2013-03", true);
    check(&timing(events), "date=2013-02", false);
    check(&timing(json!({ "code": { "text": "BID" } })), "date:missing=true", true);
    let both = json!({ "event": ["2013-05-01"], "repeat": { "boundsPeriod": { "start": "2013-01-31" } } });
    check(&timing(both), "date=gt2099", true);
}
