//! What ends a good token early, who stands without one, and settings that cannot be safe.

use crate::stage::{
    NOW, Signer, bearer, claims, forge, header, issuer, jwks, pinned, present, run, settings, verdict, with,
};
use identity::{DenyList, KeySource, Offline, Peer, Profile, Verifier};
use lexicon::{Kind, Reason, Time};
use serde_json::json;
use std::sync::Arc;

#[test]
fn the_deny_list_acts_on_the_next_request() {
    let key = Signer::es256();
    let token = forge(&header(&key, "k1"), &claims(), &key);
    for (line, expect) in [
        ("jti test j-1", Err(Reason::CredentialRevoked)),
        ("sub test nurse-1", Err(Reason::CredentialRevoked)),
        ("client test ehr", Err(Reason::CredentialRevoked)),
        ("jti other j-1", Ok(())),
        ("sub test nurse-10", Ok(())),
        ("client test nurse-1", Ok(())),
        ("# sub test nurse-1", Ok(())),
    ] {
        let verifier = pinned(&key);
        let caller = run(present(&verifier, &token, &Peer::default())).expect("good before");
        verifier.deny(DenyList::parse(line).expect(line));
        assert_eq!(verdict(&verifier, &token), expect, "{line}");
        assert_eq!(verifier.still_stands(&caller, NOW), expect, "{line}");
        verifier.deny(DenyList::default());
        assert_eq!(verdict(&verifier, &token), Ok(()), "{line}");
    }
    for bad in ["sub test", "sub", "user test nurse-1", "jti  "] {
        assert!(DenyList::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_remembered_token_is_gone_at_expiry() {
    let key = Signer::es256();
    let verifier = pinned(&key);
    let bearer = bearer(&forge(&header(&key, "k1"), &claims(), &key)).expect("a token");
    let at = |now: Time| run(verifier.verify(&bearer, &Peer::default(), now)).map(|_| ());
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(NOW.plus_seconds(929)), Ok(()));
    assert_eq!(at(NOW.plus_seconds(930)), Err(Reason::CredentialExpired));
}

/// A refusal says who it was once the issuer's signature verified, remembered or not, and never before.
#[test]
fn a_refusal_names_whom_the_issuer_named() {
    let (key, other) = (Signer::es256(), Signer::es256());
    let (good, typ) = (header(&key, "k1"), with(header(&key, "k1"), json!({ "typ": "JWT" })));
    let past = json!({ "iat": NOW.seconds() - 2000, "exp": NOW.seconds() - 1000 });
    let named = Some(("test".to_owned(), "nurse-1".to_owned()));
    for (header, change, signer, reason, expect) in [
        (&good, json!({ "sub": "nurse-1" }), &key, Reason::CredentialRevoked, &named),
        (&good, past, &key, Reason::CredentialExpired, &named),
        (&good, json!({ "aud": "https://other" }), &key, Reason::CredentialAudience, &named),
        (&good, json!({ "cnf": { "x5t#S256": "A".repeat(43) } }), &key, Reason::CredentialRevoked, &named),
        (&typ, json!({}), &key, Reason::CredentialType, &named),
        (&good, json!({ "sub": 7 }), &key, Reason::CredentialClaims, &None),
        (&good, json!({}), &other, Reason::CredentialSignature, &None),
        (&good, json!({ "iss": "https://elsewhere" }), &key, Reason::CredentialIssuer, &None),
    ] {
        let verifier = pinned(&key);
        verifier.deny(DenyList::parse("sub test nurse-1").expect("a list"));
        let bearer = bearer(&forge(header, &with(claims(), change), signer)).expect("a token");
        for _ in 0..2 {
            let refused = run(verifier.recognise(&bearer, &Peer::default(), NOW)).expect_err("refused");
            let who = refused.named.as_ref().map(|named| (named.issuer().to_owned(), named.subject().to_owned()));
            assert_eq!((refused.reason, &who), (reason, expect));
            assert!(!format!("{refused:?}").contains("nurse"), "names nobody in debug text");
        }
    }
}

#[test]
fn a_stranger_is_nobody() {
    let verifier = pinned(&Signer::es256());
    let caller = verifier.stranger(NOW);
    assert_eq!(caller.principal().kind, Kind::Stranger);
    assert_eq!(caller.principal().scopes, "");
    assert_eq!(format!("{caller:?}"), "Caller");
}

#[test]
fn settings_that_cannot_be_safe_are_errors() {
    let good = || settings(issuer(Profile::Generic, KeySource::Pinned(jwks(&[Signer::es256().jwk("k1")]))));
    let fails = |change: fn(&mut identity::Settings)| {
        let mut settings = good();
        change(&mut settings);
        Verifier::new(settings, Arc::new(Offline)).expect_err("an error").to_string()
    };
    assert!(fails(|s| s.leeway_s = 61).contains("60"));
    assert!(fails(|s| s.issuers.push(s.issuers[0].clone())).contains("`test`"));
    assert!(fails(|s| s.issuers[0].algorithms.clear()).contains("`test`"));
    assert!(fails(|s| s.issuers[0].audience.clear()).contains("`test`"));
    for url in ["http://issuer.example", "https://u@issuer.example", "https://issuer.example?x", "issuer", "https://"] {
        let mut settings = good();
        settings.issuers[0].url = url.to_owned();
        assert!(Verifier::new(settings, Arc::new(Offline)).is_err(), "{url}");
    }
    let private = with(Signer::es256().jwk("k1"), json!({ "d": "AAAA" }));
    for set in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":[1]}"#, &jwks(&[private])] {
        let mut settings = good();
        settings.issuers[0].keys = KeySource::Pinned(set.to_owned());
        assert!(Verifier::new(settings, Arc::new(Offline)).is_err(), "{set}");
    }
}
