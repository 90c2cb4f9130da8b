//! Real parts that nobody here wrote: Medplum's FHIR router behind the gateway, panva's `oidc-provider` in front of it, and
//! `lazaret run` between them. How the parts work: docs/real-parts.md.

mod parts;
mod perimeter;

use crate::caller::{Answer, Caller};
use crate::house::{environment, skip};
use crate::search::{self, Differences};
use clinic::{CANARY, Key, World};
use parts::{FhirServer, OpenIdProvider, SignIn, folder};
use perimeter::{Gateway, Perimeter};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const TWO_FACTORS: &str = "urn:lazaret:acr:mfa";

/// Are Node and the packages there? A run that installed them must not skip.
fn ready() -> bool {
    let node = Command::new("node").arg("--version").output().is_ok_and(|out| out.status.success());
    let ready = node && ["medplum", "oidc"].iter().all(|part| folder().join(part).join("node_modules").is_dir());
    assert!(ready || environment("LAZARET_INTEROP").as_deref() != Some("required"), "foreign parts are not installed");
    if !ready {
        skip("foreign parts: Node or its packages are missing; `cargo xtask test` installs the packages");
    }
    ready
}

/// A perimeter with everything running. Fields are dropped in this order: the gateway first, the folder last.
struct Running {
    gateway: Gateway,
    server: FhirServer,
    provider: OpenIdProvider,
    perimeter: Perimeter,
}

impl Running {
    fn new(synthea: Option<&Path>) -> Self {
        Self::before(|perimeter| FhirServer::start(perimeter, synthea))
    }

    fn before(server: impl FnOnce(&Perimeter) -> FhirServer) -> Self {
        let perimeter = Perimeter::new();
        let (server, provider) = (server(&perimeter), OpenIdProvider::start(&perimeter));
        Self { gateway: perimeter.run(&server, &provider), server, provider, perimeter }
    }

    fn caller(&self) -> Caller {
        Caller::to(&self.perimeter.ca(), self.gateway.port, None)
    }

    fn caller_as(&self, stem: &str, port: u16) -> Caller {
        let [chain, key] = ["pem", "key"].map(|end| self.perimeter.path(&format!("{stem}.{end}")));
        Caller::to(&self.perimeter.ca(), port, Some((&chain, &key)))
    }

    fn token(&self, how: &SignIn) -> String {
        self.provider.sign_in(how)["access_token"].as_str().expect("an access token").to_owned()
    }

    /// The true reason of a refusal: what the caller was not told.
    fn why(&self, answer: &Answer) -> String {
        self.gateway.record_of(answer.trace())["reason"].as_str().unwrap_or_default().to_owned()
    }
}

fn stored() -> World {
    World::create(1, 30).expect("a world")
}

/// Sign-in at the one, answer from the other: the people of the clinic, judged as with our own parts.
#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_at_oidc_reads_from_medplum_what_policy_permits() {
    if !ready() {
        return;
    }
    let running = Running::new(None);
    let caller = running.caller();
    let nurse = running.token(&SignIn { scope: "openid user/*.r", ..SignIn::of("nurse") });
    let own = caller.get("/fhir/Patient/p001", Some(&nurse)).await;
    assert_eq!(own.status, 200);
    let (patient, stored) = (own.json(), stored().resource(Key::patient(1)).expect("held"));
    assert_eq!((&patient["name"], &patient["birthDate"]), (&stored["name"], &stored["birthDate"]));
    for hidden in ["text", "extension", "_birthDate", "identifier", "managingOrganization"] {
        assert!(stored.get(hidden).is_some() && patient.get(hidden).is_none(), "{hidden}");
    }
    for (path, expect) in [
        ("/fhir/Patient/p011", "relationship.none"),
        ("/fhir/Patient/p003", "label.not-cleared"),
        ("/fhir/Patient/p999", "resource.not-found"),
        ("/fhir/Observation/obs-trap-foreign", "relationship.none"),
    ] {
        let refused = caller.get(path, Some(&nurse)).await;
        assert_eq!((refused.status, refused.reason().as_str()), (404, "resource.not-found"), "{path}");
        assert_eq!(running.why(&refused), expect, "{path}");
        assert!(!String::from_utf8_lossy(&refused.body).contains(CANARY));
    }
    let patient = running.token(&SignIn { scope: "openid patient/*.r", ..SignIn::of("patient") });
    assert_eq!(caller.get("/fhir/Observation/obs-p001-1", Some(&patient)).await.status, 200);
    assert_eq!(caller.get("/fhir/Observation/obs-p002-1", Some(&patient)).await.status, 404);
    let metadata = caller.get("/fhir/metadata", None).await;
    let claims = String::from_utf8_lossy(&metadata.body).into_owned();
    assert!(
        metadata.status == 200 && claims.contains("\"read\"") && !claims.contains("\"delete\""),
        "it claims only what is answered"
    );
    assert!(running.gateway.verify());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_oidc_that_do_not_fit_are_refused() {
    if !ready() {
        return;
    }
    let running = Running::new(None);
    let (caller, path) = (running.caller(), "/fhir/Patient/p001");
    // One factor: the challenge says what to come back with, and coming back with it helps.
    let weak = caller
        .get(
            path,
            Some(&running.token(&SignIn {
                scope: "openid user/*.r",
                client: "lazaret-test",
                acr: "urn:lazaret:acr:pwd",
                ..SignIn::of("nurse")
            })),
        )
        .await;
    assert_eq!((weak.status, weak.reason().as_str()), (401, "assurance.insufficient"));
    let challenge = weak.header("www-authenticate");
    assert!(challenge.contains("insufficient_user_authentication") && challenge.contains(TWO_FACTORS), "{challenge}");
    let strong = running.token(&SignIn {
        scope: "openid user/*.r",
        client: "lazaret-test",
        acr: TWO_FACTORS,
        ..SignIn::of("nurse")
    });
    assert_eq!(caller.get(path, Some(&strong)).await.status, 200);
    // A token of another kind, each with the provider's own signature.
    let signed_in = running.provider.sign_in(&SignIn { scope: "openid user/*.r", ..SignIn::of("nurse") });
    let bound =
        running.token(&SignIn { scope: "openid user/*.r", client: "lazaret-test-bound", ..SignIn::of("nurse") });
    for (kind, token, why) in [
        (
            "an ID token",
            signed_in["id_token"].as_str().expect("an ID token"),
            &["credential.type", "credential.audience"][..],
        ),
        (
            "an opaque token",
            &running.token(&SignIn { scope: "openid user/*.r", client: "lazaret-test-opaque", ..SignIn::of("nurse") }),
            &["credential.malformed"],
        ),
        ("a bound token without its certificate", &bound, &["credential.binding"]),
    ] {
        let refused = caller.get(path, Some(token)).await;
        assert_eq!((refused.status, refused.reason().as_str()), (401, "credential.invalid"), "{kind}");
        assert!(why.contains(&&*running.why(&refused)), "{kind}: {}", running.why(&refused));
    }
    assert_eq!(running.caller_as("app", running.gateway.port).get(path, Some(&bound)).await.status, 200);
    let narrow = caller
        .get(path, Some(&running.token(&SignIn { scope: "openid user/Appointment.r", ..SignIn::of("nurse") })))
        .await;
    assert_eq!((narrow.status, narrow.reason().as_str()), (403, "scope.missing"));
    assert!(running.gateway.verify());
}

/// The same searches as with our own clinic. Medplum does not find a reference to a version by its patient.
#[tokio::test(flavor = "multi_thread")]
async fn medplum_is_searched_as_the_clinic_is() {
    if !ready() {
        return;
    }
    let running = Running::new(None);
    let nurse = running.token(&SignIn { scope: "openid user/*.rs", ..SignIn::of("nurse") });
    let differences = Differences { unindexed: &["obs-trap-versioned"], ..Differences::default() };
    search::agrees_with_reads(&running.caller(), &nurse, &stored(), &differences).await;
    assert!(running.gateway.verify());
}

/// `cargo xtask interop hapi`: Java, and a minute to begin with. HAPI keeps no version in a reference, and makes of a label
/// without a system the one it knows by that code: reads and searches agree on both. To it `ge2025-06` begins in July.
#[tokio::test(flavor = "multi_thread")]
async fn hapi_is_searched_as_the_clinic_is() {
    if environment("LAZARET_HAPI").as_deref() != Some("required") || !ready() {
        skip("hapi: run by `cargo xtask interop hapi`, which needs Java and Maven");
        return;
    }
    let running = Running::before(FhirServer::hapi);
    let nurse = running.token(&SignIn { scope: "openid user/*.rs", ..SignIn::of("nurse") });
    let differences = Differences { narrower: &["Observation?status=final&date=ge2025-06"], ..Differences::default() };
    search::agrees_with_reads(&running.caller(), &nurse, &stored(), &differences).await;
    assert!(running.gateway.verify());
}

/// Patients that nobody here made up. Support reads one at a time; what Synthea wrote about them stays behind.
#[tokio::test(flavor = "multi_thread")]
async fn medplum_answers_with_patients_of_synthea() {
    if !ready() {
        return;
    }
    let Some(synthea) = environment("LAZARET_SYNTHEA").map(PathBuf::from).filter(|folder| folder.is_dir()) else {
        skip("synthea: LAZARET_SYNTHEA names no folder");
        return;
    };
    let running = Running::new(Some(&synthea));
    let (caller, support) =
        (running.caller(), running.token(&SignIn { scope: "openid user/*.r", ..SignIn::of("support") }));
    let listed =
        running.caller_as("tls/gateway-svid", running.server.port).get("/fhir/Patient?_count=1000", None).await.json();
    let entries = listed["entry"].as_array().expect("entries").iter().map(|entry| &entry["resource"]);
    let foreign: Vec<&Value> = entries.filter(|patient| patient["text"].to_string().contains("Synthea")).collect();
    assert!(!foreign.is_empty());
    for stored in foreign {
        let path = format!("/fhir/Patient/{}", stored["id"].as_str().expect("an id"));
        let answer = caller.get(&path, Some(&support)).await;
        let seen = answer.json();
        assert_eq!((answer.status, &seen["name"], &seen["birthDate"]), (200, &stored["name"], &stored["birthDate"]));
        for hidden in ["text", "extension", "identifier", "address"] {
            assert!(stored.get(hidden).is_some() && seen.get(hidden).is_none(), "{hidden}");
        }
        let nurse = running.token(&SignIn { scope: "openid user/*.r", ..SignIn::of("nurse") });
        assert_eq!(caller.get(&path, Some(&nurse)).await.status, 404, "nobody's nurse");
    }
    assert!(running.gateway.verify());
}
