//! JSON as the clinic writes it.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use std::io;

/// Compact JSON in which every decimal has two places. `6.30` and `6.3` are different values in FHIR: precision is data
/// (<https://hl7.org/fhir/R4/datatypes.html#decimal>), and whoever passes it on must not lose it.
struct TwoPlaces;

impl Formatter for TwoPlaces {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        write!(writer, "{value:.2}")
    }
}

pub fn write(value: &Value) -> String {
    let mut bytes = Vec::with_capacity(1024);
    // Writing a tree to memory cannot fail; were it to, the empty text that remains is no resource at all.
    if value.serialize(&mut Serializer::with_formatter(&mut bytes, TwoPlaces)).is_err() {
        bytes.clear();
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Adds one member at the end of an object.
pub fn set(body: &mut Value, name: &str, value: Value) {
    if let Value::Object(body) = body {
        body.insert(name.to_owned(), value);
    }
}

/// Adds the members of `more` at the end of an object.
pub fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn decimals_keep_their_zeros_and_integers_stay_integers() {
        assert_eq!(
            write(&json!({"a": 6.3, "b": 120.0, "c": 7, "d": "x\"y"})),
            r#"{"a":6.30,"b":120.00,"c":7,"d":"x\"y"}"#
        );
    }
}
