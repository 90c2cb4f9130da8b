//! RFC 8705: a token bound to a certificate counts on connections with that certificate, remembered or not.

use crate::house::{House, connect, localhost};
use crate::stage::{NOW, Signer, bearer, claims, forge, header, pinned, run, with};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Caller, Clients, Material, Peer, Verifier};
use lexicon::{Kind, Reason};
use serde_json::{Value, json};

/// What a real handshake with this certificate says of the client.
async fn peer(house: &House, material: Option<Material>) -> Peer {
    let acceptor = house.acceptor(house.server(), Clients::Optional(house.bundle()));
    let (server, client) = connect(&acceptor, &house.dialler(material, localhost())).await;
    client.expect("client");
    server.expect("server").1
}

fn bound(material: &Material) -> Value {
    json!({ "x5t#S256": URL_SAFE_NO_PAD.encode(material.fingerprint().expect("a certificate")) })
}

#[test]
fn the_certificate_on_the_connection_decides() {
    let house = House::new();
    let (one, two) =
        (house.workload("spiffe://lazaret.localhost/one"), house.workload("spiffe://lazaret.localhost/two"));
    let key = Signer::es256();
    let token = |changes: Value| bearer(&forge(&header(&key, "k1"), &with(claims(), changes), &key)).expect("a token");
    run(async {
        let at_one = peer(&house, Some(one.clone())).await;
        let at_two = peer(&house, Some(two.clone())).await;
        let at_none = peer(&house, None).await;
        // In this order on one verifier: from the second line on the token is remembered.
        let verifier = pinned(&key);
        let person = token(json!({ "cnf": bound(&one) }));
        for _ in 0..2 {
            for (peer, expect) in [
                (&at_one, Ok(Kind::Person)),
                (&at_two, Err(Reason::CredentialBinding)),
                (&at_none, Err(Reason::CredentialBinding)),
                (&at_one, Ok(Kind::Person)),
            ] {
                assert_eq!(kind(verifier.verify(&person, peer, NOW).await), expect);
            }
        }
        // The right certificate, and a second binding that nobody here understands.
        let mut two_bindings = bound(&one);
        two_bindings["kid"] = json!("x");
        let both = token(json!({ "cnf": two_bindings }));
        assert_eq!(kind(verifier.verify(&both, &at_one, NOW).await), Err(Reason::CredentialBinding));
        // First seen on the wrong connection.
        let verifier = pinned(&key);
        assert_eq!(kind(verifier.verify(&person, &at_two, NOW).await), Err(Reason::CredentialBinding));
        assert_eq!(kind(verifier.verify(&person, &at_one, NOW).await), Ok(Kind::Person));
        // A workload: bound and on its connection, or not at all.
        let workload = token(json!({ "sub": "ehr", "cnf": bound(&two) }));
        assert_eq!(kind(verifier.verify(&workload, &at_two, NOW).await), Ok(Kind::Workload));
        assert_eq!(kind(verifier.verify(&workload, &at_one, NOW).await), Err(Reason::CredentialBinding));
        let unbound = token(json!({ "sub": "ehr" }));
        for peer in [&at_one, &at_two, &at_none] {
            assert_eq!(kind(verifier.verify(&unbound, peer, NOW).await), Err(Reason::CredentialUnbound));
        }
    });
}

#[test]
fn a_caller_is_valid_no_longer_than_its_certificate() {
    let house = House::new();
    let key = Signer::es256();
    let token = bearer(&forge(&header(&key, "k1"), &claims(), &key)).expect("a token");
    let ends = |at| Peer { certificate: Some([1; 32]), certificate_expires: Some(at), ..Peer::default() };
    run(async {
        let verifier: Verifier = pinned(&key);
        let until = |caller: Result<Caller, Reason>| caller.map(|caller| caller.principal().valid_until);
        let soon = NOW.plus_seconds(10);
        assert_eq!(until(verifier.verify(&token, &ends(soon), NOW).await), Ok(soon));
        // The shorter life is that connection's only.
        let later = peer(&house, None).await;
        assert_eq!(until(verifier.verify(&token, &later, NOW).await), Ok(NOW.plus_seconds(930)));
        assert_eq!(until(verifier.verify(&token, &ends(NOW), NOW).await), Err(Reason::CredentialBinding));
        let caller = verifier.verify(&token, &ends(soon), NOW).await.expect("good");
        assert_eq!(verifier.still_stands(&caller, NOW), Ok(()));
        assert_eq!(verifier.still_stands(&caller, soon), Err(Reason::CredentialExpired));
    });
}

fn kind(caller: Result<Caller, Reason>) -> Result<Kind, Reason> {
    caller.map(|caller| caller.principal().kind)
}
