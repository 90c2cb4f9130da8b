//! The conformance matrix: every provider's shapes, and every forged, stale or ambiguous version of its person's token.

use crate::stage::{NOW, Signer, bearer, forge, forge_text, jwks, object, run, settings, with};
use identity::{
    AcrLevel, Algorithm, Caller, DenyList, IssuerNames, IssuerSettings, KeySource, Offline, Peer, Profile, Verifier,
};
use lexicon::Reason;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct Fixture {
    path: PathBuf,
    header: Value,
    claims: Value,
    expect: Value,
    issuer: IssuerSettings,
    key: Signer,
}

impl Fixture {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).expect("a file");
        let file: Value = serde_json::from_str(&text).expect("JSON");
        let mut claims = file["claims"].clone();
        for name in ["iat", "nbf", "exp", "auth_time"] {
            if let Some(relative) = claims.get(name).and_then(Value::as_i64) {
                claims[name] = json!(NOW.seconds() as i64 + relative);
            }
        }
        let key = Signer::rs256();
        let kid = file["header"]["kid"].as_str().expect("a kid");
        let names = IssuerNames {
            name: "test",
            url: claims["iss"].as_str().expect("iss"),
            audience: file["audience"].as_str().expect("audience"),
        };
        let profile = Profile::from_name(file["profile"].as_str().expect("profile")).expect("a profile");
        let mut issuer = IssuerSettings::new(names, profile, KeySource::Pinned(jwks(&[key.jwk(kid)])));
        issuer.algorithms = vec![Algorithm::Rs256];
        for level in file.get("acr_levels").and_then(Value::as_array).into_iter().flatten() {
            issuer.acr_levels.push(AcrLevel {
                acr: level["acr"].as_str().expect("acr").to_owned(),
                level: level["level"].as_u64().expect("level") as u8,
                phishing_resistant: level["phishing_resistant"].as_bool().expect("bool"),
            });
        }
        Self { path, header: file["header"].clone(), claims, expect: file["expect"].clone(), issuer, key }
    }

    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let entries = |path: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
        };
        let folders = entries(&root).into_iter().filter(|path| path.is_dir());
        folders.flat_map(|folder| entries(&folder)).map(Self::read).collect()
    }

    fn name(&self) -> String {
        self.path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(" of ")
    }

    fn verifier(&self) -> Verifier {
        Verifier::new(settings(self.issuer.clone()), Arc::new(Offline)).expect("good settings")
    }

    fn client_claims(&self) -> Value {
        json!({ "client_id": null, "azp": null, "cid": null, "appid": null })
    }

    fn client(&self) -> &str {
        self.expect["accept"]["client"].as_str().expect("a client")
    }
}

fn present(verifier: &Verifier, token: &str) -> Result<Caller, Reason> {
    run(verifier.verify(&bearer(token)?, &Peer::default(), NOW))
}

#[test]
fn every_shape_is_read_as_documented() {
    let fixtures = Fixture::all();
    assert!(fixtures.len() >= 50, "{}", fixtures.len());
    for fixture in fixtures {
        let name = fixture.name();
        let got = present(&fixture.verifier(), &forge(&fixture.header, &fixture.claims, &fixture.key));
        if let Some(code) = fixture.expect.get("refuse").and_then(Value::as_str) {
            assert_eq!(got.map(|_| ()).map_err(Reason::code), Err(code), "{name}");
            continue;
        }
        let caller = got.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let principal = caller.principal();
        let assurance = principal.assurance;
        let seen = json!({
            "kind": principal.kind.code(), "client": principal.client, "roles": principal.roles,
            "scopes": principal.scopes, "level": assurance.level, "phishing_resistant": assurance.phishing_resistant,
            "age_s": assurance.authenticated_at.map(|_| assurance.age_s(NOW)),
        });
        assert_eq!(object(seen), object(fixture.expect["accept"].clone()), "{name}");
    }
}

/// (what is wrong, header changes, claim changes, the one right answer)
fn wrongs(fixture: &Fixture) -> Vec<(&'static str, Value, Value, Reason)> {
    let at = |seconds: i64| NOW.seconds() as i64 + seconds;
    let none = || json!({});
    let claims = Reason::CredentialClaims;
    vec![
        ("no algorithm", json!({ "alg": "none" }), none(), Reason::CredentialAlgorithm),
        ("another algorithm", json!({ "alg": "PS256" }), none(), Reason::CredentialAlgorithm),
        ("an unknown key", json!({ "kid": "other" }), none(), Reason::CredentialKey),
        ("a key in the header", json!({ "jwk": fixture.key.jwk("k") }), none(), Reason::CredentialMalformed),
        ("demands understanding", json!({ "crit": ["x"] }), none(), Reason::CredentialMalformed),
        ("another issuer", none(), json!({ "iss": "https://evil.example" }), Reason::CredentialIssuer),
        ("another audience", none(), json!({ "aud": "https://other.example" }), Reason::CredentialAudience),
        ("no audience", none(), json!({ "aud": null }), claims),
        ("stale", none(), json!({ "iat": at(-900), "nbf": null, "exp": at(-31) }), Reason::CredentialExpired),
        ("not yet", none(), json!({ "nbf": at(60) }), Reason::CredentialNotYetValid),
        ("from the future", none(), json!({ "iat": at(60), "exp": at(90) }), Reason::CredentialNotYetValid),
        ("too long a life", none(), json!({ "exp": at(8000) }), claims),
        ("no expiry", none(), json!({ "exp": null }), claims),
        ("no issuance", none(), json!({ "iat": null }), claims),
        ("no subject", none(), json!({ "sub": null }), claims),
        ("no client", none(), fixture.client_claims(), claims),
        ("an ID token's hash", none(), json!({ "at_hash": "x" }), Reason::CredentialType),
        ("for its own client", none(), json!({ "aud": fixture.client() }), Reason::CredentialType),
        ("another type", json!({ "typ": "logout+jwt" }), none(), Reason::CredentialType),
        ("bound by DPoP", none(), json!({ "cnf": { "jkt": "x" } }), Reason::CredentialDpop),
        ("bound, no certificate", none(), json!({ "cnf": { "x5t#S256": "A".repeat(43) } }), Reason::CredentialBinding),
        ("bound in another way", none(), json!({ "cnf": { "kid": "x" } }), Reason::CredentialBinding),
        ("a launch into nowhere", none(), json!({ "patient": "p/1" }), claims),
    ]
}

fn persons() -> Vec<Fixture> {
    let persons = Fixture::all()
        .into_iter()
        .filter(|fixture| fixture.path.ends_with("person.json") && fixture.expect.get("accept").is_some());
    persons.collect()
}

#[test]
fn every_provider_refuses_every_wrong_version() {
    let fixtures = persons();
    assert!(fixtures.len() >= 7, "{}", fixtures.len());
    for fixture in &fixtures {
        let verifier = fixture.verifier();
        for (what, header, claims, expect) in wrongs(fixture) {
            let token =
                forge(&with(fixture.header.clone(), header), &with(fixture.claims.clone(), claims), &fixture.key);
            assert_eq!(present(&verifier, &token).err(), Some(expect), "{}: {what}", fixture.name());
        }
        // Signed by others.
        let (other, hmac) = (Signer::es256(), Signer::Hs256(fixture.key.public()));
        let swapped = with(fixture.header.clone(), json!({ "alg": "HS256" }));
        let token = forge(&swapped, &fixture.claims, &hmac);
        assert_eq!(present(&verifier, &token).err(), Some(Reason::CredentialAlgorithm), "{}", fixture.name());
        let token = forge(&fixture.header, &fixture.claims, &other);
        assert_eq!(present(&verifier, &token).err(), Some(Reason::CredentialSignature), "{}", fixture.name());
        // Twice the same name.
        let twice = fixture.claims.to_string().replacen('{', "{\"sub\":\"root\",", 1);
        let token = forge_text(&fixture.header.to_string(), &twice, &fixture.key);
        assert_eq!(present(&verifier, &token).err(), Some(Reason::CredentialMalformed), "{}", fixture.name());
        // Taken back.
        let good = forge(&fixture.header, &fixture.claims, &fixture.key);
        verifier.deny(DenyList::parse(&format!("client test {}", fixture.client())).expect("a list"));
        assert_eq!(present(&verifier, &good).err(), Some(Reason::CredentialRevoked), "{}", fixture.name());
    }
}

#[test]
fn assurance_that_cannot_be_told_is_none() {
    for fixture in persons() {
        let verifier = fixture.verifier();
        let silent = json!({ "acr": null, "acrs": null, "amr": null, "auth_time": null });
        let bare = with(fixture.claims.clone(), silent);
        let future = NOW.seconds() + 3600;
        for odd in [
            json!({}),
            json!({ "acr": "urn:unknown" }),
            json!({ "acr": ["phr", "urn:okta:loa:2fa:any", "urn:lazaret:acr:mfa", "1"] }),
            json!({ "acr": 1 }),
            json!({ "acr": { "value": "phr" } }),
            json!({ "acr": " phr" }),
            json!({ "acrs": "c1" }),
            json!({ "acrs": ["c1", ["c2"]] }),
            json!({ "amr": "mfa" }),
            json!({ "amr": { "mfa": true } }),
            json!({ "amr": ["unknown"] }),
            json!({ "auth_time": future }),
            json!({ "auth_time": -1 }),
            json!({ "auth_time": "now" }),
        ] {
            let token = forge(&fixture.header, &with(bare.clone(), odd.clone()), &fixture.key);
            let caller = present(&verifier, &token).unwrap_or_else(|r| panic!("{}: {odd}: {r}", fixture.name()));
            assert_eq!(caller.principal().assurance, lexicon::Assurance::default(), "{}: {odd}", fixture.name());
        }
    }
}
