//! What this server says of itself. The upstream's statement is not passed on: a new one is made from a list of what
//! is answered here.

mod offer;

use lexicon::{Reason, Time};
use serde_json::{Map, Value, json};

/// Statements longer than this are refused.
const STATEMENT_BYTES: usize = 8 << 20;

/// What the composition root knows of this server.
#[derive(Clone, Debug)]
pub struct About {
    pub software_version: String,
    /// The base URL that clients use, without a trailing slash.
    pub base: String,
    /// Since when the statement holds.
    pub since: Time,
    /// Where tokens come from, if clients may learn it here.
    pub issuer: Option<Issuer>,
}

/// An issuer's public endpoints (RFC 8414).
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    pub issuer: String,
    pub jwks_uri: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    pub introspection_endpoint: Option<String>,
    pub revocation_endpoint: Option<String>,
}

/// A CapabilityStatement of this server: what is answered here, as far as the upstream declares it too.
///
/// It is public, so it does not say what one caller may search by: `parameter.observes-hidden` does.
pub fn rewrite(upstream: &[u8], about: &About) -> Result<Vec<u8>, Reason> {
    if upstream.len() > STATEMENT_BYTES {
        return Err(Reason::UpstreamTooLarge);
    }
    let statement: Value = serde_json::from_slice(upstream).map_err(|_| Reason::UpstreamMalformed)?;
    let word = |name: &str| statement.get(name).and_then(Value::as_str).unwrap_or_default();
    if word("resourceType") != "CapabilityStatement" {
        return Err(Reason::UpstreamMismatch);
    }
    // R4 is 4.0; a server of another version means other things by the same names.
    if !matches!(word("fhirVersion"), "4.0.0" | "4.0.1") {
        return Err(Reason::UpstreamMismatch);
    }
    let (resources, searched) = offer::resources(&statement);
    let mut rest = json!({ "mode": "server", "security": security(about) });
    if let (Some(rest), false) = (rest.as_object_mut(), resources.is_empty()) {
        rest.insert("resource".to_owned(), Value::Array(resources));
        if searched {
            rest.insert("compartment".to_owned(), json!(["http://hl7.org/fhir/CompartmentDefinition/patient"]));
        }
    }
    let body = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": about.since.to_string(),
        "kind": "instance",
        "software": { "name": "Lazaret", "version": about.software_version },
        "implementation": { "description": "FHIR R4 behind Lazaret", "url": about.base },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [rest],
    });
    Ok(body.to_string().into_bytes())
}

/// SMART's service code, and its endpoints where they are known
/// (<http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris>).
fn security(about: &About) -> Value {
    let mut security = json!({
        "service": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }] }],
        "description": "OAuth2 access tokens with SMART scopes; see .well-known/smart-configuration",
    });
    let known = about.issuer.as_ref().and_then(|i| i.authorization_endpoint.as_ref().zip(i.token_endpoint.as_ref()));
    if let (Some((authorize, token)), Some(security)) = (known, security.as_object_mut()) {
        let uris = json!([{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [{ "url": "authorize", "valueUri": authorize }, { "url": "token", "valueUri": token }],
        }]);
        security.insert("extension".to_owned(), uris);
    }
    security
}

/// `/.well-known/smart-configuration` (SMART App Launch 2.2.0, conformance). What is not known is left out.
pub fn smart_configuration(about: &About) -> Vec<u8> {
    let mut body = Map::new();
    if let Some(issuer) = &about.issuer {
        body.insert("issuer".to_owned(), json!(issuer.issuer));
        for (name, endpoint) in [
            ("jwks_uri", &issuer.jwks_uri),
            ("authorization_endpoint", &issuer.authorization_endpoint),
            ("token_endpoint", &issuer.token_endpoint),
            ("introspection_endpoint", &issuer.introspection_endpoint),
            ("revocation_endpoint", &issuer.revocation_endpoint),
        ] {
            if let Some(endpoint) = endpoint {
                body.insert(name.to_owned(), json!(endpoint));
            }
        }
        if issuer.authorization_endpoint.is_some() {
            body.insert("response_types_supported".to_owned(), json!(["code"]));
            body.insert("grant_types_supported".to_owned(), json!(["authorization_code"]));
            body.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
        }
    }
    body.insert("scopes_supported".to_owned(), json!(["user/*.rs", "patient/*.rs", "system/*.rs"]));
    let capabilities = ["permission-patient", "permission-user", "permission-v1", "permission-v2"];
    body.insert("capabilities".to_owned(), json!(capabilities));
    Value::Object(body).to_string().into_bytes()
}

#[cfg(test)]
mod tests;
