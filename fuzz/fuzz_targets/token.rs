//! The `Authorization` header. Two or more lines are taken as header, claims and signature of a JWT and encoded, so that
//! the fuzzer need not learn base64 to reach what lies behind it.
#![no_main]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Bearer, IssuerNames, IssuerSettings, KeySource, Offline, Peer, Profile, Settings, Verifier};
use lexicon::Time;
use libfuzzer_sys::fuzz_target;
use std::{
    pin::pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

/// The public key of RFC 7515, appendix A.3, under the key id, issuer and audience of `crates/identity/corpus/token`.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","use":"sig","alg":"ES256",
"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

fn verifier() -> &'static Verifier {
    static MADE: OnceLock<Verifier> = OnceLock::new();
    MADE.get_or_init(|| {
        let names =
            IssuerNames { name: "corpus", url: "https://issuer.example", audience: "https://localhost:8443/fhir" };
        let keys = KeySource::Pinned(KEYS.to_owned());
        let profile = Profile::from_name("development").expect("a profile");
        let settings = Settings::new(vec![IssuerSettings::new(names, profile, keys)], Vec::new());
        Verifier::new(settings, Arc::new(Offline)).expect("a verifier")
    })
}

fuzz_target!(|input: &[u8]| {
    let mut header = input.to_vec();
    if input.contains(&b'\n') {
        let parts: Vec<String> = input.splitn(3, |b| *b == b'\n').map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        header = format!("Bearer {}", parts.join(".")).into_bytes();
    }
    let Ok(bearer) = Bearer::from_header(&header) else { return };
    let (peer, now) = (Peer::default(), Time::from_seconds(1_795_257_100));
    let verified = pin!(verifier().verify(&bearer, &peer, now)).poll(&mut Context::from_waker(Waker::noop()));
    match verified {
        // Keys are pinned, so there is nothing to wait for.
        Poll::Pending => panic!("waits for keys"),
        Poll::Ready(Ok(_)) => panic!("a token was verified that nobody signed"),
        Poll::Ready(Err(reason)) => assert_eq!(reason.status(), 401, "{reason}"),
    }
});
