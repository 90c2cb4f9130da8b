//! Whatever bytes arrive, there is an answer and no panic; and nothing but a signature makes a caller.

use crate::stage::{NOW, Signer, claims, forge_text, header, pinned, run};
use identity::{Bearer, Peer, Verifier};
use lexicon::Reason;
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

fn answer(verifier: &Verifier, value: &[u8]) -> Result<(), Reason> {
    let bearer = Bearer::from_header(value)?;
    run(verifier.verify(&bearer, &Peer::default(), NOW)).map(|_| ())
}

/// Inputs that once mattered or that a library once got wrong. A file is one header value.
#[test]
fn the_corpus_is_refused() {
    let verifier = pinned(&Signer::es256());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/token");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let value = std::fs::read(&path).expect("a file");
        assert!(answer(&verifier, &value).is_err(), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map("[a-z#0-9]{1,8}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_header_value(value in prop::collection::vec(any::<u8>(), 0..300)) {
        let verifier = pinned(&Signer::es256());
        prop_assert!(answer(&verifier, &value).is_err());
        prop_assert!(answer(&verifier, &[b"Bearer ", &value[..]].concat()).is_err());
    }

    #[test]
    fn any_text_in_three_parts(header in ".{0,60}", claims in ".{0,60}") {
        let key = Signer::es256();
        let value = format!("Bearer {}", forge_text(&header, &claims, &key));
        prop_assert!(answer(&pinned(&key), value.as_bytes()).is_err());
    }

    /// A real signature over claims of which one is arbitrary: accepted or refused, never a panic.
    #[test]
    fn any_value_in_any_claim(at in 0usize..24, value in json()) {
        let names = ["iss", "aud", "sub", "client_id", "azp", "jti", "iat", "exp", "nbf", "scope", "roles", "fhirUser",
            "department", "care_teams", "patient", "acr", "amr", "auth_time", "cnf", "gty", "typ", "nonce", "at_hash", "x"];
        let key = Signer::es256();
        let mut claims = claims();
        claims[names[at]] = value;
        let value = format!("Bearer {}", forge_text(&header(&key, "k1").to_string(), &claims.to_string(), &key));
        if answer(&pinned(&key), value.as_bytes()).is_ok() {
            // What no token may do without, whatever it says elsewhere.
            prop_assert!(!["iss", "aud", "typ", "nonce", "at_hash"].contains(&names[at]), "{}", claims);
        }
    }

    #[test]
    fn any_value_in_any_header_member(at in 0usize..8, value in json()) {
        let names = ["alg", "typ", "kid", "crit", "jwk", "jku", "b64", "x"];
        let key = Signer::es256();
        let mut header = header(&key, "k1");
        header[names[at]] = value;
        let value = format!("Bearer {}", forge_text(&header.to_string(), &claims().to_string(), &key));
        let verdict = answer(&pinned(&key), value.as_bytes());
        prop_assert!(verdict.is_err() || names[at] == "x", "{}", header);
    }

    /// One changed character anywhere in a good token refuses it.
    #[test]
    fn any_changed_character(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let key = Signer::es256();
        let token = forge_text(&header(&key, "k1").to_string(), &claims().to_string(), &key);
        let at = at.index(token.len());
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        let verdict = answer(&pinned(&key), format!("Bearer {changed}").as_bytes());
        prop_assert_eq!(verdict.is_ok(), changed == token);
    }
}
