//! Every reason to refuse a token, by a token that earns it.

use crate::stage::{
    AUDIENCE, NOW, Signer, claims, forge, forge_text, header, issuer, jwks, pinned, present, run, verdict, verifier,
    with,
};
use identity::{KeySource, Peer, Profile};
use lexicon::{Kind, LocalId, Reason, ResourceType};
use serde_json::{Value, json};

/// The one choke point: good claims and header with changes, signed for real by the issuer's key.
fn check(header_changes: Value, claim_changes: Value, expect: Result<(), Reason>) {
    let key = Signer::es256();
    let said = format!("{header_changes} {claim_changes}");
    let token = forge(&with(header(&key, "k1"), header_changes), &with(claims(), claim_changes), &key);
    assert_eq!(verdict(&pinned(&key), &token), expect, "{said}");
}

fn check_claims(changes: Value, expect: Result<(), Reason>) {
    check(json!({}), changes, expect);
}

#[test]
fn a_good_token_becomes_its_principal() {
    let key = Signer::es256();
    let caller = run(present(&pinned(&key), &forge(&header(&key, "k1"), &claims(), &key), &Peer::default()));
    let caller = caller.expect("good");
    let principal = caller.principal();
    assert_eq!(principal.kind, Kind::Person);
    assert_eq!((principal.issuer.as_str(), principal.subject.as_str()), ("test", "nurse-1"));
    assert_eq!(principal.client, "ehr");
    assert_eq!(principal.roles, ["nurse"]);
    let practitioner = ResourceType::from_name("Practitioner").expect("R4");
    assert_eq!(principal.fhir_user, Some((practitioner, LocalId::new("nurse-1").expect("an id"))));
    assert_eq!(principal.department.as_deref(), Some("dept-cardiology"));
    assert_eq!(principal.patient, None);
    assert_eq!(principal.scopes, "user/Patient.rs openid");
    assert_eq!((principal.assurance.level, principal.assurance.phishing_resistant), (2, true));
    assert_eq!(principal.assurance.age_s(NOW), 60);
    assert_eq!(principal.valid_until, NOW.plus_seconds(930));
}

#[test]
fn every_algorithm_of_the_list_verifies_and_no_other() {
    for key in [Signer::es256(), Signer::rs256(), Signer::ps256(), Signer::ed()] {
        let token = forge(&header(&key, "k1"), &claims(), &key);
        assert_eq!(verdict(&pinned(&key), &token), Ok(()), "{}", key.algorithm());
        let mut narrow = issuer(Profile::Generic, KeySource::Pinned(jwks(&[key.jwk("k1")])));
        narrow.algorithms.retain(|algorithm| algorithm.name() != key.algorithm());
        assert_eq!(verdict(&verifier(narrow), &token), Err(Reason::CredentialAlgorithm), "{}", key.algorithm());
    }
    // ES384 is known and not on the generic list.
    let key = Signer::es384();
    let token = forge(&header(&key, "k1"), &claims(), &key);
    assert_eq!(verdict(&pinned(&key), &token), Err(Reason::CredentialAlgorithm));
}

#[test]
fn no_algorithm_confusion() {
    let (ec, rsa) = (Signer::es256(), Signer::rs256());
    // The public key as an HMAC secret, in every spelling a library may have kept it.
    for key in [&ec, &rsa] {
        let spellings = [key.public(), key.jwk("k1").to_string().into_bytes(), jwks(&[key.jwk("k1")]).into_bytes()];
        for secret in spellings {
            let forger = Signer::Hs256(secret);
            let token = forge(&header(&forger, "k1"), &claims(), &forger);
            assert_eq!(verdict(&pinned(key), &token), Err(Reason::CredentialAlgorithm));
        }
        for alg in ["none", "None", "NONE", "", "HS384", "ES256K", "RSA-OAEP", "dir"] {
            let unsigned = forge(&with(header(key, "k1"), json!({ "alg": alg })), &claims(), &Signer::Nothing);
            assert_eq!(verdict(&pinned(key), &unsigned), Err(Reason::CredentialAlgorithm), "{alg}");
        }
    }
    // A key of one kind under another kind's name.
    for (key, alg) in [(&ec, "RS256"), (&ec, "PS256"), (&ec, "EdDSA"), (&rsa, "ES256"), (&rsa, "EdDSA")] {
        let token = forge(&with(header(key, "k1"), json!({ "alg": alg })), &claims(), key);
        assert_eq!(verdict(&pinned(key), &token), Err(Reason::CredentialAlgorithm), "{alg}");
    }
    // RS256's key signs PS256 just as well, unless its entry names one algorithm.
    let only = with(rsa.jwk("k1"), json!({ "alg": "RS256" }));
    let bound = verifier(issuer(Profile::Generic, KeySource::Pinned(jwks(&[only]))));
    let pss = Signer::ps256();
    assert_eq!(verdict(&bound, &forge(&header(&pss, "k1"), &claims(), &pss)), Err(Reason::CredentialAlgorithm));
    // A symmetric key in a key set is not a key.
    let shared = Signer::Hs256(vec![7; 32]);
    let set = KeySource::Pinned(jwks(&[shared.jwk("k1"), ec.jwk("k2")]));
    let token = forge(&header(&shared, "k1"), &claims(), &shared);
    assert_eq!(verdict(&verifier(issuer(Profile::Generic, set)), &token), Err(Reason::CredentialAlgorithm));
}

#[test]
fn signatures_are_verified() {
    let (key, other) = (Signer::es256(), Signer::es256());
    let verifier = pinned(&key);
    let token = forge(&header(&key, "k1"), &claims(), &key);
    assert_eq!(verdict(&verifier, &forge(&header(&key, "k1"), &claims(), &other)), Err(Reason::CredentialSignature));
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let tampered = forge(&header(&key, "k1"), &with(claims(), json!({ "sub": "root" })), &key);
    let (tampered, _) = tampered.rsplit_once('.').expect("three parts");
    assert_eq!(verdict(&verifier, &format!("{tampered}.{signature}")), Err(Reason::CredentialSignature));
    assert_eq!(verdict(&verifier, &format!("{signed}.")), Err(Reason::CredentialSignature));
    // Psychic signatures (CVE-2022-21449): r = s = 0.
    assert_eq!(verdict(&verifier, &format!("{signed}.{}", "A".repeat(86))), Err(Reason::CredentialSignature));
}

#[test]
fn malformed_tokens() {
    let key = Signer::es256();
    let verifier = pinned(&key);
    let good = forge(&header(&key, "k1"), &claims(), &key);
    let (h, c) = (header(&key, "k1").to_string(), claims().to_string());
    let twice = |name: &str| format!("{},\"{name}\":\"x\"}}", c.trim_end_matches('}'));
    let deep = format!("{},\"x\":{}{}}}", c.trim_end_matches('}'), "[".repeat(50), "]".repeat(50));
    let mut bad = vec![
        "a".to_owned(),
        "a.b".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        format!("{good}.x.y"),
        format!("{good}="),
        good.replace('.', "=."),
        forge_text("[]", &c, &key),
        forge_text("{}", &c, &key),
        forge_text(&h, "[]", &key),
        forge_text(&h, "not json", &key),
        forge_text(&h, &deep, &key),
        forge_text(&format!("{h} "), &format!("{c}{c}"), &key),
        forge_text(r#"{"alg":"none","alg":"ES256","kid":"k1"}"#, &c, &key),
    ];
    bad.extend(["iss", "aud", "sub", "exp", "roles", "scope"].map(|name| forge_text(&h, &twice(name), &key)));
    for token in bad {
        assert_eq!(verdict(&verifier, &token), Err(Reason::CredentialMalformed), "{token}");
    }
}

#[test]
fn headers_that_bring_a_key_or_demand_understanding() {
    let own = Signer::es256();
    let refused = Err(Reason::CredentialMalformed);
    check(json!({ "crit": ["exp"] }), json!({}), refused);
    check(json!({ "crit": [] }), json!({}), refused);
    check(json!({ "b64": false }), json!({}), refused);
    check(json!({ "zip": "DEF" }), json!({}), refused);
    check(json!({ "cty": "JWT" }), json!({}), refused);
    check(json!({ "jwk": own.jwk("k1") }), json!({}), refused);
    check(json!({ "jku": "https://evil.example/jwks" }), json!({}), refused);
    check(json!({ "x5u": "https://evil.example/cert" }), json!({}), refused);
    check(json!({ "kid": 1 }), json!({}), refused);
    check(json!({ "kid": "" }), json!({}), refused);
    check(json!({ "kid": "k".repeat(257) }), json!({}), refused);
    check(json!({ "alg": 1 }), json!({}), refused);
    check(json!({ "typ": ["at+jwt"] }), json!({}), refused);
}

#[test]
fn key_ids_are_names_and_nothing_else() {
    for kid in ["k2", "K1", "k1 ", "../../k1", "/etc/passwd", "k1' OR '1'='1", "https://evil.example/jwks", "k1;id"] {
        check(json!({ "kid": kid }), json!({}), Err(Reason::CredentialKey));
    }
    // One key needs no name; of several, one must be named.
    check(json!({ "kid": null }), json!({}), Ok(()));
    let (one, two) = (Signer::es256(), Signer::es256());
    let both = verifier(issuer(Profile::Generic, KeySource::Pinned(jwks(&[one.jwk("k1"), two.jwk("k2")]))));
    let unnamed = forge(&with(header(&one, ""), json!({ "kid": null })), &claims(), &one);
    assert_eq!(verdict(&both, &unnamed), Err(Reason::CredentialKey));
    assert_eq!(verdict(&both, &forge(&header(&one, "k1"), &claims(), &one)), Ok(()));
    assert_eq!(verdict(&both, &forge(&header(&one, "k2"), &claims(), &one)), Err(Reason::CredentialSignature));
    // Two fitting keys under one name: which was meant cannot be told.
    let same = verifier(issuer(Profile::Generic, KeySource::Pinned(jwks(&[one.jwk("k1"), two.jwk("k1")]))));
    assert_eq!(verdict(&same, &forge(&header(&one, "k1"), &claims(), &one)), Err(Reason::CredentialAlgorithm));
}

#[test]
fn issuers_and_audiences_are_exact() {
    for iss in ["https://issuer.example/", "https://Issuer.example", "http://issuer.example", "https://evil.example"] {
        check_claims(json!({ "iss": iss }), Err(Reason::CredentialIssuer));
    }
    check_claims(json!({ "iss": null }), Err(Reason::CredentialClaims));
    check_claims(json!({ "iss": ["https://issuer.example"] }), Err(Reason::CredentialClaims));
    check_claims(json!({ "aud": ["other", AUDIENCE] }), Ok(()));
    for aud in [json!("other"), json!(["other"]), json!([]), json!(format!("{AUDIENCE}/")), json!("https://localhost")]
    {
        check_claims(json!({ "aud": aud }), Err(Reason::CredentialAudience));
    }
    for aud in [json!(null), json!(1), json!({ AUDIENCE: 1 }), json!([1]), json!([[AUDIENCE]]), json!("")] {
        let expect = if aud == json!("") { Reason::CredentialAudience } else { Reason::CredentialClaims };
        check_claims(json!({ "aud": aud }), Err(expect));
    }
}

#[test]
fn an_id_token_is_not_an_access_token() {
    let refused = Err(Reason::CredentialType);
    for typ in [json!("JWT"), json!(null), json!("id_token+jwt"), json!("logout+jwt"), json!("dpop+jwt")] {
        check(json!({ "typ": typ }), json!({}), refused);
    }
    for typ in ["AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        check(json!({ "typ": typ }), json!({}), Ok(()));
    }
    for mark in ["nonce", "at_hash", "c_hash", "s_hash", "typ"] {
        check_claims(json!({ mark: "ID" }), refused);
    }
    check_claims(json!({ "aud": "ehr" }), refused);
    check_claims(json!({ "client_id": AUDIENCE }), refused);
    check_claims(json!({ "client_id": AUDIENCE, "aud": [AUDIENCE, AUDIENCE] }), refused);
}

#[test]
fn times() {
    let at = |seconds: i64| json!(NOW.seconds() as i64 + seconds);
    let expired = Err(Reason::CredentialExpired);
    let early = Err(Reason::CredentialNotYetValid);
    let odd = Err(Reason::CredentialClaims);
    for (changes, expect) in [
        (json!({ "exp": at(-29), "iat": at(-900) }), Ok(())),
        (json!({ "exp": at(-30), "iat": at(-900) }), expired),
        (json!({ "exp": at(-3000), "iat": at(-3900) }), expired),
        (json!({ "nbf": at(30) }), Ok(())),
        (json!({ "nbf": at(31) }), early),
        (json!({ "iat": at(30) }), Ok(())),
        (json!({ "iat": at(31) }), early),
        (json!({ "iat": at(-900), "nbf": at(-900), "exp": at(2700) }), Ok(())),
        (json!({ "iat": at(-900), "exp": at(2701) }), odd),
        (json!({ "exp": at(0), "iat": at(0) }), odd),
        (json!({ "exp": at(-10), "iat": at(0) }), odd),
        (json!({ "exp": NOW.seconds() as f64 + 900.5 }), Ok(())),
        (json!({ "exp": null }), odd),
        (json!({ "iat": null }), odd),
        (json!({ "exp": "1795257900" }), odd),
        (json!({ "exp": -1 }), odd),
        (json!({ "exp": 1e300 }), odd),
        (json!({ "exp": u64::MAX }), odd),
        (json!({ "iat": true }), odd),
        (json!({ "nbf": [] }), odd),
    ] {
        check_claims(changes, expect);
    }
}

#[test]
fn required_and_odd_claims() {
    let odd = Err(Reason::CredentialClaims);
    for name in ["sub", "client_id", "jti"] {
        for value in [json!(null), json!(""), json!(1), json!(["x"]), json!("a\nb"), json!("x".repeat(256))] {
            check_claims(json!({ name: value }), odd);
        }
    }
    check_claims(json!({ "client_id": null, "azp": "ehr" }), Ok(()));
    check_claims(json!({ "azp": "ehr" }), Ok(()));
    check_claims(json!({ "azp": "another" }), odd);
    for (name, value) in [
        ("scope", json!(1)),
        ("scope", json!(["a b"])),
        ("scope", json!("x".repeat(8193))),
        ("roles", json!("nurse")),
        ("roles", json!([1])),
        ("roles", json!(vec!["r"; 257])),
        ("fhirUser", json!({})),
        ("department", json!([])),
        ("care_teams", json!("team")),
        ("patient", json!("../p001")),
        ("patient", json!("")),
        ("patient", json!(1)),
    ] {
        check_claims(json!({ name: value }), odd);
    }
}

/// A portal's issuer knows patients; a token of it that names a nurse is refused, not believed in part.
#[test]
fn an_issuer_names_only_users_it_may_name() {
    let key = Signer::es256();
    let mut portal = issuer(Profile::Generic, KeySource::Pinned(jwks(&[key.jwk("k1")])));
    portal.fhir_users = vec![ResourceType::PATIENT];
    let verifier = verifier(portal);
    for (user, expect) in [
        (json!("Patient/p001"), Ok(())),
        (json!(format!("{AUDIENCE}/Patient/p001")), Ok(())),
        (json!(null), Ok(())),
        (json!("https://other.example/fhir/Practitioner/nurse-1"), Ok(())),
        (json!("Practitioner/nurse-1"), Err(Reason::CredentialClaims)),
        (json!(format!("{AUDIENCE}/Practitioner/nurse-1")), Err(Reason::CredentialClaims)),
        (json!("PractitionerRole/nurse-1"), Err(Reason::CredentialClaims)),
        (json!("RelatedPerson/r1"), Err(Reason::CredentialClaims)),
    ] {
        let token = forge(&header(&key, "k1"), &with(claims(), json!({ "fhirUser": user })), &key);
        assert_eq!(verdict(&verifier, &token), expect, "{user}");
    }
}

#[test]
fn only_our_own_users_are_users() {
    let user = |text: &str| {
        let key = Signer::es256();
        let token = forge(&header(&key, "k1"), &with(claims(), json!({ "fhirUser": text })), &key);
        let caller = run(present(&pinned(&key), &token, &Peer::default())).expect("good");
        caller.principal().fhir_user.clone().map(|(kind, id)| format!("{kind}/{}", id.reveal()))
    };
    assert_eq!(user("Patient/p001").as_deref(), Some("Patient/p001"));
    assert_eq!(user(&format!("{AUDIENCE}/Practitioner/nurse-1")).as_deref(), Some("Practitioner/nurse-1"));
    for foreign in [
        "https://other.example/fhir/Practitioner/nurse-1",
        "https://localhost:8443/fhirx/Practitioner/nurse-1",
        "https://localhost:8443/fhir/x/Practitioner/nurse-1",
        "Practitioner/nurse-1/_history/1",
        "/Practitioner/nurse-1",
        "Practitioner/..",
        "Observation/o1",
        "practitioner/nurse-1",
        "Practitioner",
    ] {
        assert_eq!(user(foreign), None, "{foreign}");
    }
}

#[test]
fn bindings_that_are_not_understood_are_not_dropped() {
    check_claims(json!({ "cnf": { "jkt": "x" } }), Err(Reason::CredentialDpop));
    check_claims(json!({ "cnf": { "jkt": "x", "x5t#S256": "x" } }), Err(Reason::CredentialDpop));
    for cnf in [
        json!({}),
        json!({ "jwk": {} }),
        json!({ "kid": "x" }),
        json!({ "x5t": "x" }),
        json!({ "x5t#s256": "x" }),
        json!({ "x5t#S256": "short" }),
        json!({ "x5t#S256": 1 }),
        json!({ "x5t#S256": "A".repeat(43), "jku": "https://evil.example" }),
        // Well formed, and there is no certificate on this connection.
        json!({ "x5t#S256": "A".repeat(43) }),
    ] {
        check_claims(json!({ "cnf": cnf }), Err(Reason::CredentialBinding));
    }
    for cnf in [json!("x"), json!([]), json!(false)] {
        check_claims(json!({ "cnf": cnf }), Err(Reason::CredentialClaims));
    }
}

#[test]
fn a_workload_must_be_bound() {
    check_claims(json!({ "sub": "ehr" }), Err(Reason::CredentialUnbound));
    check_claims(json!({ "sub": "ehr@clients" }), Err(Reason::CredentialUnbound));
    check_claims(json!({ "gty": "client-credentials" }), Err(Reason::CredentialUnbound));
}
