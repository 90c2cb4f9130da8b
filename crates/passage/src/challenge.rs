//! What a refusal says in headers: `WWW-Authenticate` (RFC 6750 section 3, RFC 9470 section 3) and `Retry-After`.

use http::HeaderValue;
use lexicon::{Challenge, Reason};
use std::fmt::Write;

/// The challenge for a reason as shown to the caller; none where another token would not help.
pub(crate) fn challenge(
    realm: &str,
    shown: Reason,
    step_up: Option<&Challenge>,
    scope: Option<&str>,
) -> Option<HeaderValue> {
    let mut text = format!("Bearer realm={}", quoted(realm));
    match shown {
        // RFC 6750 section 3.1: without any credential, no error code.
        Reason::CredentialMissing => {}
        Reason::AssuranceInsufficient => {
            text.push_str(", error=\"insufficient_user_authentication\"");
            if let Some(step_up) = step_up {
                if !step_up.acr_values.is_empty() {
                    let _never_fails = write!(text, ", acr_values={}", quoted(&step_up.acr_values.join(" ")));
                }
                if let Some(age) = step_up.max_age_s {
                    let _never_fails = write!(text, ", max_age=\"{age}\"");
                }
            }
        }
        Reason::ScopeMissing | Reason::ScopeNotModelled => {
            text.push_str(", error=\"insufficient_scope\"");
            if let Some(scope) = scope {
                let _never_fails = write!(text, ", scope={}", quoted(scope));
            }
        }
        reason if reason.status() == 401 => {
            text.push_str(", error=\"invalid_token\"");
        }
        _ => return None,
    }
    HeaderValue::try_from(text).ok()
}

/// Visible ASCII between quotes; what could end the quotes is left out (RFC 9110 section 5.6.4).
fn quoted(text: &str) -> String {
    let inside = |c: &char| (c.is_ascii_graphic() || *c == ' ') && *c != '"' && *c != '\\';
    format!("\"{}\"", text.chars().filter(inside).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reason: Reason, step_up: Option<&Challenge>, expect: Option<&str>) {
        let got = challenge("https://gw.example/fhir", reason.shown(), step_up, Some("user/Patient.r"));
        assert_eq!(got.as_ref().map(|v| v.to_str().expect("ascii")), expect, "{reason}");
    }

    #[test]
    fn says_what_the_rfcs_say() {
        check(Reason::CredentialMissing, None, Some("Bearer realm=\"https://gw.example/fhir\""));
        for hidden in [Reason::CredentialSignature, Reason::CredentialExpired, Reason::CredentialBinding] {
            check(hidden, None, Some("Bearer realm=\"https://gw.example/fhir\", error=\"invalid_token\""));
        }
        check(
            Reason::ScopeMissing,
            None,
            Some("Bearer realm=\"https://gw.example/fhir\", error=\"insufficient_scope\", scope=\"user/Patient.r\""),
        );
        let step_up = Challenge { acr_values: vec!["urn:mfa".into(), "urn:hw\"x".into()], max_age_s: Some(900) };
        check(
            Reason::AssuranceInsufficient,
            Some(&step_up),
            Some(
                "Bearer realm=\"https://gw.example/fhir\", error=\"insufficient_user_authentication\", acr_values=\"urn:mfa urn:hwx\", max_age=\"900\"",
            ),
        );
    }

    /// A challenge on what depends on a resource would tell it from absence.
    #[test]
    fn only_credentials_scopes_and_step_up_are_challenged() {
        for reason in Reason::ALL {
            let challenged = challenge("r", reason.shown(), None, None).is_some();
            let class = matches!(reason.shown(), Reason::ScopeMissing | Reason::ScopeNotModelled);
            assert_eq!(challenged, reason.status() == 401 || class, "{reason}");
        }
    }
}
