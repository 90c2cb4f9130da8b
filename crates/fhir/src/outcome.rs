//! The body of every refusal (<https://hl7.org/fhir/R4/operationoutcome.html>). Nothing of the request is in it.

use lexicon::Reason;
use serde_json::json;

/// Where the reason codes are defined.
pub const REASON_SYSTEM: &str = "https://lazaret.dev/reason";

/// An `OperationOutcome` with the reason that a caller may be shown, and the trace that finds the record.
pub fn outcome(reason: Reason, trace: &str) -> Vec<u8> {
    let shown = reason.shown();
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": "error",
            "code": shown.issue(),
            "details": {
                "coding": [{ "system": REASON_SYSTEM, "code": shown.code() }],
                "text": shown.hint(),
            },
            "diagnostics": format!("trace {trace}"),
        }],
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn has_the_documented_shape() {
        let expect = format!(
            r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"forbidden","details":{{"coding":[{{"system":"https://lazaret.dev/reason","code":"scope.missing"}}],"text":"{}"}},"diagnostics":"trace {TRACE}"}}]}}"#,
            Reason::ScopeMissing.hint()
        );
        assert_eq!(String::from_utf8(outcome(Reason::ScopeMissing, TRACE)).unwrap(), expect);
    }

    /// Decision 12: byte for byte the answer to absence, whatever the true reason.
    #[test]
    fn what_is_hidden_cannot_be_told_from_absence() {
        let absent = outcome(Reason::ResourceAbsent, TRACE);
        for reason in Reason::ALL.iter().filter(|reason| !reason.is_shown_as_is()) {
            let body = outcome(*reason, TRACE);
            assert!(!String::from_utf8_lossy(&body).contains(reason.code()), "{reason}");
            if reason.status() == 404 {
                assert_eq!(body, absent, "{reason}");
            }
        }
    }

    #[test]
    fn every_reason_makes_valid_json() {
        for reason in Reason::ALL {
            let body: Value = serde_json::from_slice(&outcome(*reason, "\"\\\u{1}")).unwrap();
            assert_eq!(body["issue"][0]["details"]["coding"][0]["code"], reason.shown().code());
            assert_eq!(body["issue"][0]["diagnostics"], "trace \"\\\u{1}");
        }
    }
}
