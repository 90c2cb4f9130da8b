//! What the manifest says of issuers.

use super::{Issuer, Judge, KeySource, Material};
use crate::manifest;
use lexicon::ResourceType;
use std::time::Duration;

impl Judge<'_> {
    pub(super) fn issuer(&mut self, name: &str, issuer: &manifest::Issuer) -> Option<Issuer> {
        let is_development =
            issuer.issuer.get_ref() == identity::DEVELOPMENT_ISSUER || issuer.profile == manifest::Profile::Development;
        if self.material == Material::Production && is_development {
            self.fault(
                &issuer.issuer,
                format!("`{}` is the development issuer", issuer.issuer.get_ref()),
                "configure your identity provider; `up` material never serves production",
            );
        }
        for algorithm in issuer.algorithms.get_ref() {
            if !["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
                .contains(&algorithm.as_str())
            {
                self.fault(
                    &issuer.algorithms,
                    format!("algorithm `{algorithm}` is not accepted"),
                    "use asymmetric ones: RS256, PS256, ES256, ES384, EdDSA; `none` and HMAC never are",
                );
            }
        }
        if issuer.algorithms.get_ref().is_empty() {
            self.fault(
                &issuer.algorithms,
                "the list of algorithms is empty".to_owned(),
                "name the one your issuer signs with",
            );
        }
        if *issuer.leeway_s.get_ref() > 60 {
            self.fault(&issuer.leeway_s, "leeway_s is over 60".to_owned(), "fix the clocks instead");
        }
        let fhir_users = self.fhir_users(issuer);
        let keys = match (&issuer.jwks, &issuer.trust) {
            (Some(path), _) => self.text_file(path).map(KeySource::Pinned),
            (None, Some(path)) => {
                let other_hosts = issuer.key_hosts.clone();
                self.file(path).map(|trust| KeySource::Discovery { trust, other_hosts })
            }
            (None, None) => {
                self.fault(
                    &issuer.issuer,
                    format!("issuer `{name}` has neither jwks nor trust"),
                    "pin a key set with jwks = \"file\", or name the CA of the issuer's HTTPS certificate with trust = \"file\"",
                );
                None
            }
        };
        Some(Issuer {
            name: name.to_owned(),
            issuer: issuer.issuer.get_ref().clone(),
            audience: issuer.audience.clone(),
            profile: issuer.profile,
            algorithms: issuer.algorithms.get_ref().clone(),
            keys: keys?,
            roles_claim: issuer.roles_claim.clone(),
            roles: issuer.roles.clone(),
            fhir_users,
            acr_levels: issuer.acr_levels.clone().into_iter().collect(),
            leeway: Duration::from_secs(*issuer.leeway_s.get_ref()),
        })
    }

    /// A misspelt type would refuse everybody, and an empty list says less than leaving it out.
    fn fhir_users(&mut self, issuer: &manifest::Issuer) -> Vec<ResourceType> {
        let Some(named) = &issuer.fhir_users else { return identity::fhir_users().collect() };
        let mut fhir_users = Vec::new();
        for name in named.get_ref() {
            match identity::fhir_users().find(|people| people.name() == name) {
                Some(people) => fhir_users.push(people),
                None => self.fault(
                    named,
                    format!("`{name}` is not what fhirUser can name"),
                    "use Patient, Person, Practitioner, PractitionerRole, RelatedPerson",
                ),
            }
        }
        if named.get_ref().is_empty() {
            self.fault(named, "fhir_users is empty".to_owned(), "leave it out, or name the types the issuer may name");
        }
        fhir_users
    }
}
