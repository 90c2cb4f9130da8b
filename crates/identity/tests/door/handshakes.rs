//! Real connections on loopback: certificates, identities, and the words for failures.

use crate::house::{CLINIC, Foreign, GATEWAY, House, connect, domain, localhost, material, spiffe, words};
use crate::stage::{NOW, clock, run};
use crate::versions::{Old, connect_old, say};
use identity::{Acceptor, AcceptorSettings, Bundle, Clients, Dialler, Expect};
use lexicon::Time;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[test]
fn mutual_tls_between_workloads() {
    let house = House::new();
    let clients = Clients::Workloads { bundle: house.bundle(), domain: domain() };
    let acceptor = house.acceptor(house.workload(CLINIC), clients);
    let gateway = house.workload(GATEWAY);
    let fingerprint = gateway.fingerprint();
    let dialler = house.dialler(Some(gateway), spiffe(CLINIC));
    run(async {
        let (server, client) = connect(&acceptor, &dialler).await;
        let ((mut at_server, client_seen), (mut at_client, server_seen)) =
            (server.expect("server"), client.expect("client"));
        assert_eq!(client_seen.spiffe.as_deref(), Some(GATEWAY));
        assert_eq!(client_seen.certificate, fingerprint);
        assert_eq!(client_seen.certificate_expires, Some(NOW.plus_seconds(90 * 86_400)));
        assert_eq!(client_seen.tls, "1.3 X25519MLKEM768");
        assert_eq!(server_seen.spiffe.as_deref(), Some(CLINIC));
        assert_eq!(server_seen.tls, "1.3 X25519MLKEM768");
        assert!(client_seen.h2 && server_seen.h2);
        at_client.write_all(b"ask").await.expect("sent");
        at_client.shutdown().await.expect("closed");
        let mut heard = String::new();
        at_server.read_to_string(&mut heard).await.expect("heard");
        assert_eq!(heard, "ask");
    });
}

#[test]
fn without_a_certificate_there_is_no_identity() {
    let house = House::new();
    let optional = house.acceptor(house.server(), Clients::Optional(house.bundle()));
    let off = house.acceptor(house.server(), Clients::Off);
    let (bare, named) = (house.dialler(None, localhost()), house.dialler(Some(house.workload(GATEWAY)), localhost()));
    run(async {
        let facts = async |acceptor, dialler| {
            let (server, client) = connect(acceptor, dialler).await;
            client.expect("client");
            let (_, peer) = server.expect("server");
            (peer.spiffe.is_some(), peer.certificate.is_some(), peer.certificate_expires.is_some())
        };
        assert_eq!(facts(&optional, &bare).await, (false, false, false));
        assert_eq!(facts(&optional, &named).await, (true, true, true));
        assert_eq!(facts(&off, &named).await, (false, false, false));
    });
}

#[test]
fn a_required_certificate_must_be_there_and_verify() {
    let (house, other) = (House::new(), House::new());
    let later = NOW.plus_seconds(91 * 86_400);
    let expired = material(&house.authority.issue_workload(GATEWAY, Time::from_seconds(1)).expect("issued"));
    let future = material(&house.authority.issue_workload(GATEWAY, later).expect("issued"));
    let only_server = house.server();
    for (clients, material, expect) in [
        (Clients::Required(house.bundle()), None, "certificate_required"),
        (Clients::Required(house.bundle()), Some(house.workload(GATEWAY)), "ok"),
        (Clients::Required(house.bundle()), Some(other.workload(GATEWAY)), "unknown_ca"),
        (Clients::Required(house.bundle()), Some(expired.clone()), "certificate_expired"),
        (Clients::Required(house.bundle()), Some(future), "certificate_expired"),
        // A server's certificate is not a client's (extended key usage).
        (Clients::Required(house.bundle()), Some(only_server), "unsupported_certificate"),
        // A bad certificate is refused where none would have been fine.
        (Clients::Optional(house.bundle()), Some(other.workload(GATEWAY)), "unknown_ca"),
        (Clients::Optional(house.bundle()), Some(expired), "certificate_expired"),
    ] {
        let said = format!("{clients:?} {expect}");
        let acceptor = house.acceptor(house.server(), clients);
        let (server, _) = run(connect(&acceptor, &house.dialler(material, localhost())));
        assert_eq!(words(&server), expect, "{said}");
    }
}

/// The authority cannot make such certificates, so they are made by hand with a foreign authority.
#[test]
fn workloads_of_another_trust_domain_are_refused() {
    let foreign = Foreign::new();
    let house = House::new();
    let bundle = Bundle::from_pem(foreign.pem.as_bytes()).expect("a bundle");
    let clients = Clients::Workloads { bundle, domain: domain() };
    let acceptor = house.acceptor(house.server(), clients);
    for (names, expect) in [
        (vec![GATEWAY], "ok"),
        (vec!["spiffe://lazaret.localhost.evil/gateway"], "name_mismatch"),
        (vec!["spiffe://evil/gateway"], "name_mismatch"),
        (vec![], "name_mismatch"),
        // X.509-SVID: exactly one URI name, so two are none, also when both are fine.
        (vec![GATEWAY, CLINIC], "name_mismatch"),
        (vec![GATEWAY, "https://example.org"], "name_mismatch"),
        (vec!["https://lazaret.localhost/gateway"], "name_mismatch"),
    ] {
        let dialler = house.dialler(Some(foreign.issue(&names)), localhost());
        let (server, _) = run(connect(&acceptor, &dialler));
        assert_eq!(words(&server), expect, "{names:?}");
    }
}

#[test]
fn the_dialler_knows_whom_it_expects() {
    let (house, other) = (House::new(), House::new());
    let expired = material(&house.authority.issue_workload(CLINIC, Time::from_seconds(1)).expect("issued"));
    for (server, expect, words_expected) in [
        (house.workload(CLINIC), spiffe(CLINIC), "ok"),
        (house.workload(GATEWAY), spiffe(CLINIC), "name_mismatch"),
        // A DNS name does not stand in for a SPIFFE id, nor the other way round.
        (house.server(), spiffe(CLINIC), "name_mismatch"),
        (house.workload(CLINIC), localhost(), "name_mismatch"),
        (house.server(), localhost(), "ok"),
        (house.server(), Expect::Dns("127.0.0.1".to_owned()), "ok"),
        (house.server(), Expect::Dns("example.org".to_owned()), "name_mismatch"),
        (other.workload(CLINIC), spiffe(CLINIC), "unknown_ca"),
        (other.server(), localhost(), "unknown_ca"),
        (expired, spiffe(CLINIC), "certificate_expired"),
    ] {
        let acceptor = house.acceptor(server, Clients::Off);
        let said = format!("{expect:?} {words_expected}");
        let (_, client) = run(connect(&acceptor, &house.dialler(None, expect)));
        assert_eq!(words(&client), words_expected, "{said}");
    }
    assert!(Dialler::new(&house.dialler_settings(None, Expect::Dns("not a name".to_owned()))).is_err());
}

#[test]
fn certificates_are_replaced_without_a_restart() {
    let house = House::new();
    let acceptor = house.acceptor(house.workload(GATEWAY), Clients::Off);
    let shared = acceptor.clone();
    let dialler = house.dialler(None, spiffe(CLINIC));
    assert_eq!(words(&run(connect(&shared, &dialler)).1), "name_mismatch");
    acceptor.replace(&AcceptorSettings::new(house.workload(CLINIC), clock(NOW))).expect("replaced");
    assert_eq!(words(&run(connect(&shared, &dialler)).1), "ok");
}

#[test]
fn failures_have_fixed_words() {
    let house = House::new();
    let acceptor = house.acceptor(house.server(), Clients::Off);
    run(async {
        assert_eq!(words(&say(&acceptor, b"GET /secret-patient HTTP/1.1\r\n\r\n").await), "decode_error");
        assert_eq!(words(&say(&acceptor, &[0; 64]).await), "decode_error");
        let mut old = Old::new();
        old.protocols = vec![b"smtp".to_vec()];
        let shaken = connect_old(&acceptor, old.config(&house)).await;
        assert_eq!(words(&shaken), "no_application_protocol");
        // A client that leaves.
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        drop(TcpStream::connect(listener.local_addr().expect("an address")).await.expect("connects"));
        assert_eq!(words(&acceptor.accept(listener.accept().await.expect("a client").0).await), "closed");
        // A client that trusts somebody else says so.
        let other = House::new();
        let (server, client) = connect(&acceptor, &other.dialler(None, localhost())).await;
        assert_eq!((words(&server), words(&client)), ("received unknown_ca", "unknown_ca"));
    });
}

#[test]
fn a_silent_client_is_let_go() {
    let house = House::new();
    let mut settings = AcceptorSettings::new(house.server(), clock(NOW));
    settings.handshake_timeout = Duration::from_millis(50);
    let acceptor = Acceptor::new(&settings).expect("settings");
    assert_eq!(words(&run(say(&acceptor, &[]))), "timeout");
}

#[test]
fn nobody_listening_is_refused() {
    let house = House::new();
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        drop(listener);
        let dialled = house.dialler(None, localhost()).dial(address).await;
        assert_eq!(words(&dialled), "refused");
    });
}
