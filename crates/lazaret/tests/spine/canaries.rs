//! Canary patients are read while the loopback is captured. Their names are on no wire in clear, and in no log, metric,
//! trace, record or file.

use crate::caller::Caller;
use crate::house::{House, bytes_under, skip};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Every frame on the loopback interface, until told to stop. Needs root; `None` where that is missing.
fn capture(stop: Arc<AtomicBool>) -> Option<std::thread::JoinHandle<Vec<u8>>> {
    const ETH_P_ALL: i32 = 0x0003;
    let socket =
        Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from((ETH_P_ALL as u16).to_be() as i32))).ok()?;
    socket.bind_device(Some(b"lo")).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
    socket.set_recv_buffer_size(32 << 20).ok()?;
    Some(std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut frame = vec![0_u8; 1 << 17];
        while !stop.load(Ordering::Relaxed) {
            if let Ok(n) = (&socket).read(&mut frame) {
                seen.extend_from_slice(&frame[..n]);
            }
        }
        seen
    }))
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    memchr::memmem::find(haystack, needle.as_bytes()).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_canaries_are_nowhere_in_clear() {
    let mut house = House::up();
    let stop = Arc::new(AtomicBool::new(false));
    let capturing = capture(stop.clone());
    let caller = Caller::of(&house);
    let token = house.token("nurse");
    let first = caller.get("/fhir/Patient/p001", Some(&token)).await;
    let family = first.json()["name"][0]["family"].as_str().expect("a name").to_owned();
    let given = first.json()["name"][0]["given"][0].as_str().expect("a name").to_owned();
    let mut secrets = vec![
        family.clone(),
        format!("Patient/{given}"),
        token.clone(),
        "cond-p001-1".to_owned(),
        "p0canary".to_owned(),
    ];
    for path in [
        "/fhir/Observation/obs-p001-1",
        "/fhir/Condition/cond-p001-1",
        "/fhir/Patient/p003",
        "/fhir/Patient?name=p0canary",
        "/fhir/Patient/p0canary",
        "/p0canary",
        "/fhir/Patient/p001?p0canary=1",
    ] {
        caller.get(path, Some(&token)).await;
    }
    caller.raw(b"GET /fhir/Patient/p0canary HTTP/1.1\r\nhost: p0canary\r\nx-y: p0canary\r\nbad header\r\n\r\n").await;
    caller.get("/fhir/Patient/p0canary", Some("p0canary.p0canary.p0canary")).await;
    let ca = house.data.join("ca.pem");
    let (chain, key) = (house.data.join("tls/admin.pem"), house.data.join("tls/admin.key"));
    let metrics = Caller::to(&ca, house.admin_port, Some((&chain, &key))).get("/metrics", None).await;
    let records = house.lazaret(&["evidence", "list", "--json", "--last", "1000"]).stdout;
    let table = house.lazaret(&["evidence", "list"]).stdout;

    assert!(house.stop().success());
    stop.store(true, Ordering::Relaxed);
    match capturing {
        Some(thread) => {
            let wire = thread.join().expect("captured");
            assert!(wire.len() > 10_000, "the capture saw the traffic: {} bytes", wire.len());
            for secret in &secrets {
                assert!(!contains(&wire, secret), "a canary is on the wire");
            }
        }
        None => skip("capture of the loopback: needs root"),
    }
    secrets.push("p001".to_owned());
    for (name, bytes) in
        [("metrics", &metrics.body[..]), ("records", &records), ("table", &table), ("log", house.log().as_bytes())]
    {
        for secret in &secrets {
            assert!(!contains(bytes, secret), "a canary is in the {name}");
        }
    }
    // The clinic computes its patients, and the gateway writes none of what it passes on.
    for (path, bytes) in bytes_under(&house.data) {
        for secret in [&family, &token, &"p0canary".to_owned()] {
            assert!(!contains(&bytes, secret), "a canary is in {}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_leaves_no_core_and_is_not_dumpable() {
    let house = House::up();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", house.pid())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // Files of a process that is not dumpable belong to root, whoever runs it (proc(5)); as root, ask the kernel's word.
    let owner =
        std::fs::metadata(format!("/proc/{}/environ", house.pid())).map(|m| std::os::unix::fs::MetadataExt::uid(&m));
    assert_eq!(owner.expect("metadata"), 0);
}
