//! Limits, and connections that end without a record of their own.

use crate::stage::{Http, Stage, get, read, record_of};
use evidence::Leaf;
use lexicon::Reason;
use passage::{Limits, Rate, Timeouts};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn slow(burst: u32) -> Rate {
    Rate { count: 1, period_s: 3600, burst }
}

#[tokio::test]
async fn a_flood_of_strangers_does_not_stop_the_known() {
    let limits = Limits { strangers: slow(3), refusals: slow(2), ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let (mut strangers, mut nurse) = (stage.client(Http::One).await, stage.client(Http::Two).await);
    let forged = "Bearer a.b.c";
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let response = strangers.get("/pier/ok", Some(forged)).await.expect("an answer");
        if response.status() == 429 {
            assert!(response.headers().contains_key("retry-after"));
            assert_eq!(record_of(stage.folder.path(), &response).reason, Some(Reason::LimitAddress));
        }
        statuses.push(response.status().as_u16());
        assert_eq!(nurse.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    }
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let before = read(stage.folder.path()).len();
    strangers.get("/pier/ok", Some(forged)).await.expect_err("hung up, not answered");
    strangers.get("/pier/ok", None).await.expect_err("the connection is closed");
    assert_eq!(read(stage.folder.path()).len(), before, "no docket was opened for it");
    // A token that nobody has seen yet, on a new connection from the same address.
    let mut late = stage.client(Http::One).await;
    assert_eq!(late.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    drop((strangers, nurse, late));
    let records = stage.close().await;
    let tally = records.iter().find(|r| r.leaf == Leaf::Tally && r.client_tls.as_deref() == Some("limit: strangers"));
    assert_eq!(tally.and_then(|tally| tally.count), Some(1));
}

/// Strangers at the operator's listener spend the same allowance; the operator and the words of health do not.
#[tokio::test]
async fn strangers_at_the_operators_listener_are_limited_too() {
    let limits = Limits { strangers: slow(3), refusals: slow(2), ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let mut stranger = stage.operator(None).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let response = stranger.get("/metrics", None).await.expect("an answer");
        record_of(stage.folder.path(), &response);
        assert_eq!(response.headers().contains_key("retry-after"), response.status() == 429);
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    let before = read(stage.folder.path()).len();
    stranger.get("/metrics", None).await.expect_err("hung up, not answered");
    assert_eq!(read(stage.folder.path()).len(), before, "no docket was opened for it");
    assert!(stage.metrics().await.contains("{end=\"limit: strangers\"} 1\n"));
    assert_eq!(stage.operator(None).await.get("/healthz", None).await.expect("an answer").status(), 200);
    drop(stranger);
    stage.close().await;
}

#[tokio::test]
async fn one_token_has_its_rate_and_another_its_own() {
    let limits = Limits { tokens: slow(2), ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let mut client = stage.client(Http::Two).await;
    let (first, second) = (stage.nurse(), stage.nurse());
    for (token, status) in [(&first, 200), (&first, 200), (&first, 429), (&second, 200)] {
        let response = client.get("/pier/ok", Some(token)).await.expect("an answer");
        assert_eq!(response.status().as_u16(), status);
        let record = record_of(stage.folder.path(), &response);
        assert_eq!(record.reason, (status == 429).then_some(Reason::LimitToken));
        assert!(record.actor.is_some());
    }
    stage.close().await;
}

/// A reset stream keeps its berth until its passage has ended (decision 35), and a write's does not end by that.
#[tokio::test]
async fn rapid_reset_is_bounded_by_berths() {
    let limits = Limits { berths: 4, ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let mut client = stage.client(Http::Two).await;
    let (pier, nurse) = (stage.pier.clone(), stage.nurse());
    // Each stream is reset when the door has had time for it: upstream, or waiting for a berth.
    for stream in 0..8 {
        let reset = async {
            stage.waiting(1).await;
            match stream {
                0..4 => pier.0.waiting.notified().await,
                _ => {
                    for _ in 0..3 {
                        stage.metrics().await;
                    }
                }
            }
        };
        tokio::select! { _ = client.get("/pier/update-slow", Some(&nurse)) => panic!("answered behind a closed gate"), () = reset => {} }
        stage.waiting(0).await;
    }
    assert_eq!(pier.0.at_once.load(SeqCst), 4);
    drop(client);
    pier.0.gate.add_permits(100);
    let records = stage.close().await;
    let ended = records.iter().filter(|record| record.road.as_deref() == Some("pier")).count();
    assert_eq!((pier.0.most.load(SeqCst), pier.0.forwarded.load(SeqCst), ended), (4, 4, 4));
}

#[tokio::test]
async fn connections_without_a_record_are_in_a_tally() {
    let stage = Stage::raise().await;
    // No TLS at all; TLS and no word; TLS and no HTTP.
    let mut plain = tokio::net::TcpStream::connect(stage.address).await.expect("a connection");
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    let mut alert = Vec::new();
    plain.read_to_end(&mut alert).await.expect("closed");
    assert!(!alert.starts_with(b"HTTP"));
    drop(stage.dial(Http::One).await);
    let mut line = stage.dial(Http::One).await;
    line.write_all(b"\x00\x01 nonsense\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let _ = line.read_to_end(&mut answer).await;
    drop(line);
    let records = stage.close().await;
    let count = |end: &str| {
        let of = records
            .iter()
            .filter(|r| r.leaf == Leaf::Tally && r.client_tls.as_deref().is_some_and(|t| t.starts_with(end)));
        of.filter_map(|record| record.count).sum::<u64>()
    };
    assert_eq!((count("handshake: "), count("unused"), count("protocol")), (1, 1, 1));
    assert!(!records.iter().any(|record| record.leaf == Leaf::Closed));
}

/// What the HTTP library answers itself is a status and nothing else (decision 2).
#[tokio::test]
async fn protocol_errors_say_a_status_only() {
    let stage = Stage::raise().await;
    for (request, status) in [
        ("GET /pier/ok HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n".to_owned(), "400"),
        (format!("GET /pier/ok HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200)), "431"),
        (format!("GET /pier/ok HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(100_000)), "431"),
        ("GET /pier/ok HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(), "400"),
    ] {
        let mut line = stage.dial(Http::One).await;
        line.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _reset_after_the_status = line.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "a body that no receipt binds: {answer}");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_body_on_a_read_is_refused() {
    let stage = Stage::raise().await;
    let mut line = stage.dial(Http::One).await;
    let nurse = stage.nurse();
    let request =
        format!("GET /pier/ok HTTP/1.1\r\nhost: localhost\r\nauthorization: {nurse}\r\ncontent-length: 5\r\n\r\nhello");
    line.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 400");
    drop(line);
    let records = stage.close().await;
    assert!(records.iter().any(|record| record.reason == Some(Reason::RequestBody)));
}

/// Connections over the rate are closed before the handshake.
#[tokio::test]
async fn an_address_has_its_rate_of_connections() {
    let limits = Limits { connections: slow(2), ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let mut first = stage.client(Http::One).await;
    let mut second = stage.client(Http::Two).await;
    let mut third = tokio::net::TcpStream::connect(stage.address).await.expect("accepted by the kernel");
    let mut nothing = Vec::new();
    assert_eq!(third.read_to_end(&mut nothing).await.unwrap_or(0), 0);
    for client in [&mut first, &mut second] {
        assert_eq!(client.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    }
    drop((first, second));
    let records = stage.close().await;
    assert!(records.iter().any(|r| r.leaf == Leaf::Tally && r.client_tls.as_deref() == Some("limit: connections")));
}

/// One address that opens all it can leaves room for others.
#[tokio::test]
async fn one_address_cannot_take_every_connection() {
    let limits = Limits { open_connections: 32, ..Limits::default() };
    let stage = Stage::with(limits, Timeouts::default()).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        held.push(tokio::net::TcpStream::connect(stage.address).await.expect("accepted by the kernel"));
    }
    // Those beyond the share are closed; the test goes on when the door has closed the last of them.
    let mut nothing = Vec::new();
    let last = held.last_mut().expect("a connection");
    assert_eq!(last.read_to_end(&mut nothing).await.unwrap_or(0), 0);
    let mut other = stage.client_from("127.0.0.2", Http::Two).await;
    assert_eq!(other.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    drop((held, other));
    stage.close().await;
}

/// One byte of a handshake, and then nothing, many times over: only the neighbours of such a client wait.
#[tokio::test]
async fn stalled_handshakes_of_one_address_delay_no_other() {
    let hour = Duration::from_secs(3600);
    let timeouts = Timeouts { handshake: hour, ..Timeouts::default() };
    let stage = Stage::with(Limits::default(), timeouts).await;
    let mut stalled = Vec::new();
    for _ in 0..300 {
        let mut socket = tokio::net::TcpStream::connect(stage.address).await.expect("accepted by the kernel");
        socket.write_all(&[22]).await.expect("sent");
        stalled.push(socket);
    }
    // The last to come is served once the door has had time for all before it.
    for _ in 0..3 {
        let mut other = stage.client_from("127.0.0.2", Http::Two).await;
        assert_eq!(other.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    }
    drop(stalled);
    stage.close().await;
}

/// Strangers of one address hold an eighth of the seats that everybody needs until they are known.
#[tokio::test]
async fn strangers_of_one_address_leave_seats_to_others() {
    let timeouts = Timeouts { seat: Duration::from_secs(20), ..Timeouts::default() };
    let stage = Stage::with(Limits::default(), timeouts).await;
    let pier = stage.pier.clone();
    let mut strangers = Vec::new();
    for _ in 0..80 {
        let mut client = stage.client(Http::One).await;
        strangers.push(tokio::spawn(async move { client.get("/pier/public-held", None).await.map(|r| r.status()) }));
    }
    // 64 seats in this book.
    while pier.0.waited.load(SeqCst) < 8 {
        pier.0.waiting.notified().await;
    }
    let mut other = stage.client_from("127.0.0.2", Http::Two).await;
    assert_eq!(other.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    assert_eq!(pier.0.waited.load(SeqCst), 8);
    pier.0.gate.add_permits(80);
    for stranger in strangers {
        assert_eq!(stranger.await.expect("a task").expect("its turn came"), 200);
    }
    drop(other);
    stage.close().await;
}

/// Who never showed a token may not rest as long as who did.
#[tokio::test]
async fn a_connection_on_which_nobody_was_verified_ends_sooner() {
    let hour = Duration::from_secs(3600);
    let timeouts =
        Timeouts { idle: hour, header: hour, idle_unverified: Duration::from_secs(1), ..Timeouts::default() };
    let stage = Stage::with(Limits::default(), timeouts).await;
    let mut nurse = stage.client(Http::Two).await;
    assert_eq!(nurse.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
    // It would wait for an hour.
    let mut said = Vec::new();
    let _ended = stage.dial(Http::One).await.read_to_end(&mut said).await;
    let mut stranger = stage.client(Http::Two).await;
    assert_eq!(stranger.get("/pier/ok", None).await.expect("an answer").status(), 401);
    stranger.ended().await;
    assert_eq!(nurse.get("/pier/ok", Some(&stage.nurse())).await.expect("still there").status(), 200);
    drop((nurse, stranger));
    stage.close().await;
}

/// The log line of an answer is a projection of its record and names nobody.
#[tokio::test]
async fn log_and_record_agree_and_name_nobody() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::One).await;
    let request = get(Http::One, "/pier/hidden?name=canary", Some(&stage.nurse()));
    let response = client.send(request).await.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    let line = stage.lines.recv().expect("a line");
    for word in ["canary", "nurse", "hidden", "name=", "ward-app"] {
        assert!(!line.contains(word), "{word} in {line}");
    }
    let line: serde_json::Value = serde_json::from_str(&line).expect("one JSON object");
    let text = |name: &str| line.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    assert_eq!(text("trace"), record.trace.map(|trace| trace.to_string()));
    assert_eq!(text("reason"), record.reason.map(|reason| reason.code().to_owned()));
    assert_eq!(text("station"), record.station.map(|station| station.code().to_owned()));
    assert_eq!(line.get("status").and_then(serde_json::Value::as_u64), record.status.map(u64::from));
    stage.close().await;
}
