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
