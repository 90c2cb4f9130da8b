//! The development authority and its limits.

use crate::house::{CLINIC, Foreign, House, connect, localhost, material, words};
use crate::stage::{NOW, run};
use identity::{Authority, Bundle, Clients, Expect, Material, Pem, is_development_certificate};

#[test]
fn the_authority_is_limited_to_this_machine() {
    let house = House::new();
    for foreign in ["spiffe://other/x", "spiffe://lazaret.localhost", "https://lazaret.localhost/x", "x", ""] {
        assert!(house.authority.issue_workload(foreign, NOW).is_err(), "{foreign}");
    }
    // Whoever has the key and ignores that function still gets no further: names outside are refused by the chain.
    let key = std::fs::read_to_string(house.folder.path().join("ca.key")).expect("the key");
    let stolen = Foreign::with_key(&key, house.authority.bundle_pem());
    for (name, expect) in [("localhost", "ok"), ("bank.example", "bad_certificate")] {
        let acceptor = house.acceptor(stolen.issue_server(name), Clients::Off);
        let (_, client) = run(connect(&acceptor, &house.dialler(None, Expect::Dns(name.to_owned()))));
        assert_eq!(words(&client), expect, "{name}");
    }
}

#[test]
fn the_authority_is_made_once_and_opened_again() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new();
    let folder = house.folder.path();
    assert!(Authority::create(folder, NOW).is_err(), "never overwritten");
    let mode = std::fs::metadata(folder.join("ca.key")).expect("the key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = Authority::open(folder).expect("opens");
    assert_eq!(again.bundle_pem(), house.authority.bundle_pem());
    // What the opened one issues verifies under the bundle of the first.
    let acceptor = house.acceptor(material(&again.issue_server(NOW).expect("issued")), Clients::Off);
    let (_, client) = run(connect(&acceptor, &house.dialler(None, localhost())));
    assert_eq!(words(&client), "ok");
    let issued = again.issue_workload(CLINIC, NOW).expect("issued");
    for _ in 0..2 {
        let (_, key) = issued.write(folder, "clinic").expect("written, also over an older one");
        assert_eq!(std::fs::metadata(key).expect("the key").permissions().mode() & 0o777, 0o600);
    }
    // A key of another folder beside this certificate is noticed.
    let other = House::new();
    std::fs::copy(other.folder.path().join("ca.key"), folder.join("ca.key")).expect("copied");
    assert!(Authority::open(folder).is_err());
    assert_ne!(house.authority.bundle_pem(), other.authority.bundle_pem());
}

#[test]
fn development_certificates_are_recognised() {
    let house = House::new();
    let issued = house.authority.issue_server(NOW).expect("issued");
    let foreign = Foreign::new();
    assert!(is_development_certificate(house.authority.bundle_pem().as_bytes()));
    assert!(is_development_certificate(issued.certificate_pem.as_bytes()));
    let both = format!("{}{}", foreign.pem, issued.certificate_pem);
    assert!(is_development_certificate(both.as_bytes()), "anywhere in a bundle");
    assert!(!is_development_certificate(foreign.pem.as_bytes()));
    assert!(!is_development_certificate(b""));
    assert!(!is_development_certificate(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    let house = House::new();
    let (one, two) =
        (house.authority.issue_server(NOW).expect("issued"), house.authority.issue_server(NOW).expect("issued"));
    let pair =
        |chain: &str, key: &str| Material::from_pem(&Pem { chain: chain.as_bytes(), key: key.as_bytes() }).is_ok();
    assert!(pair(&one.certificate_pem, &one.key_pem));
    assert!(!pair(&one.certificate_pem, &two.key_pem));
    assert!(!pair(&one.certificate_pem, ""));
    assert!(!pair("", &one.key_pem));
    assert!(Bundle::from_pem(b"").is_err());
}
