//! The people of `up`: who the development issuer makes tokens for. None of them can exist in production, because
//! `run` refuses the issuer.

use serde_json::{Map, Value, json};

pub struct Persona {
    pub name: &'static str,
    pub about: &'static str,
    subject: &'static str,
    roles: &'static [&'static str],
    scope: &'static str,
    fhir_user: Option<&'static str>,
    department: Option<&'static str>,
    patient: Option<&'static str>,
    /// Did a second factor take part in the sign-in?
    factors: Factors,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Factors {
    Two,
    One,
}

const NURSE: Persona = Persona {
    name: "nurse",
    about: "reads patients of her care teams",
    subject: "nurse-1",
    roles: &["nurse"],
    scope: "user/*.rs",
    fhir_user: Some("Practitioner/nurse-1"),
    department: Some("dept-cardiology"),
    patient: None,
    factors: Factors::Two,
};

pub const PERSONAS: &[Persona] = &[
    NURSE,
    Persona {
        name: "physician",
        about: "reads the patients of his department and care teams, in full",
        subject: "physician-1",
        roles: &["physician"],
        fhir_user: Some("Practitioner/physician-1"),
        ..NURSE
    },
    Persona {
        name: "support",
        about: "reads one patient's identity at a time, nothing clinical",
        subject: "support-1",
        roles: &["support"],
        fhir_user: None,
        department: None,
        ..NURSE
    },
    Persona {
        name: "billing",
        about: "reads coverage and what an invoice needs",
        subject: "billing-1",
        roles: &["billing"],
        fhir_user: None,
        department: None,
        ..NURSE
    },
    Persona {
        name: "analyst",
        about: "reads nothing that identifies a person",
        subject: "analyst-1",
        roles: &["analyst"],
        fhir_user: None,
        department: None,
        ..NURSE
    },
    Persona {
        name: "admin",
        about: "runs the house, reads no health data",
        subject: "admin-1",
        roles: &["admin"],
        fhir_user: None,
        department: None,
        ..NURSE
    },
    Persona {
        name: "patient",
        about: "reads her own record",
        subject: "patient-p001",
        roles: &["patient"],
        scope: "patient/*.rs launch/patient user/Organization.rs user/Practitioner.rs user/PractitionerRole.rs",
        fhir_user: Some("Patient/p001"),
        department: None,
        patient: Some("p001"),
        factors: Factors::Two,
    },
    Persona {
        name: "nurse-no-mfa",
        about: "the nurse, signed in with a password only",
        factors: Factors::One,
        ..NURSE
    },
    Persona {
        name: "nurse-wrong-scope",
        about: "the nurse, with an application that was granted appointments only",
        scope: "user/Appointment.rs",
        ..NURSE
    },
];

impl Persona {
    pub fn named(name: &str) -> Option<&'static Self> {
        PERSONAS.iter().find(|persona| persona.name == name)
    }

    /// Claims of an access token (RFC 9068) of this persona, but for what the issuer sets itself (`iss`, `iat`, `exp`, `jti`).
    pub fn claims(&self, audience: &str, now_s: u64) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("aud", json!(audience));
        put("sub", json!(self.subject));
        put("client_id", json!("ward-app"));
        put("scope", json!(self.scope));
        put("roles", json!(self.roles));
        put("auth_time", json!(now_s));
        match self.factors {
            Factors::Two => {
                put("acr", json!("urn:lazaret:acr:mfa"));
                put("amr", json!(["pwd", "hwk"]));
            }
            Factors::One => {
                put("acr", json!("urn:lazaret:acr:pwd"));
                put("amr", json!(["pwd"]));
            }
        }
        for (name, value) in [("fhirUser", self.fhir_user), ("department", self.department), ("patient", self.patient)]
        {
            if let Some(value) = value {
                put(name, json!(value));
            }
        }
        claims
    }
}
