//! What two answers have in common once the accidental is taken away. Two answers that are equal after it cannot be told
//! apart by who asked both.

use crate::ask::Answer;
use serde_json::{Map, Value};

/// Headers that differ between any two answers.
const ACCIDENTAL: [&str; 12] = [
    "date",
    "content-length",
    "lazaret-trace",
    "x-request-id",
    "x-correlation-id",
    "traceparent",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "set-cookie",
];
/// Those of them that a body may repeat.
const TRACES: [&str; 4] = ["lazaret-trace", "x-request-id", "x-correlation-id", "traceparent"];
/// Stands for what the caller wrote.
const OWN: &str = "<asked>";
const TRACE: &str = "<trace>";

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Normal {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Normal {
    /// `own` are the values the caller put into the question: that an answer repeats them says nothing.
    pub(crate) fn of(answer: &Answer, own: &[String]) -> Self {
        let mut own: Vec<&String> = own.iter().filter(|word| word.len() > 2).collect();
        own.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let plain = |text: &str| own.iter().fold(text.to_owned(), |text, word| text.replace(word.as_str(), OWN));
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| !ACCIDENTAL.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), plain(value)))
            .collect();
        headers.sort();
        let body = match serde_json::from_str(&answer.body) {
            Ok(Value::Object(body)) => Value::Object(bundle(body)).to_string(),
            _ => answer.body.clone(),
        };
        let traces = TRACES.map(|name| answer.header(name)).into_iter().filter(|trace| trace.len() > 7);
        let body = traces.fold(plain(&body), |body, trace| body.replace(trace, TRACE));
        Self { status: answer.status, headers, body }
    }
}

/// A Bundle has an id, times and links of its own. The self link repeats the question; of the others only that they
/// are there can mean anything.
fn bundle(mut body: Map<String, Value>) -> Map<String, Value> {
    if body.get("resourceType").is_none_or(|of| of != "Bundle") {
        return body;
    }
    for accidental in ["id", "timestamp", "meta"] {
        body.remove(accidental);
    }
    if let Some(Value::Array(links)) = body.remove("link") {
        let relation = |link: Value| link.get("relation").cloned();
        let rest = links.into_iter().filter_map(relation).filter(|relation| relation != "self");
        body.insert("link".to_owned(), rest.collect());
    }
    body
}
