//! The ends without an answer, and the one exit that must work without a book.

use crate::stage::{Http, Stage, read, record_of};
use evidence::Leaf;
use ledger::Strangers;
use lexicon::{Kind, Reason, Station};
use passage::{Limits, Timeouts};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A bug ends its own stream, is in the book, and leaves its neighbours alone.
#[tokio::test]
async fn a_panic_in_a_road_is_abandoned_and_answers_nothing() {
    for (path, station) in [("/pier/panic", Station::Forward), ("/pier/panic-inform", Station::Inform)] {
        let stage = Stage::raise().await;
        let nurse = stage.nurse();
        let mut one = stage.dial(Http::One).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {nurse}\r\n\r\n");
        one.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _ended = one.read_to_end(&mut answer).await;
        assert_eq!(String::from_utf8_lossy(&answer), "", "bytes without a receipt");
        let mut two = stage.client(Http::Two).await;
        two.get(path, Some(&nurse)).await.expect_err("a stream without an answer");
        assert_eq!(two.get("/pier/ok", Some(&nurse)).await.expect("a neighbour's answer").status(), 200);
        drop((one, two));
        let records = stage.close().await;
        let abandoned: Vec<_> = records.iter().filter(|record| record.leaf == Leaf::Abandoned).collect();
        assert_eq!(abandoned.len(), 2);
        assert!(abandoned.iter().all(|record| record.station == Some(station) && record.actor.is_some()));
    }
}

/// When the book takes no more, nothing is said and the connection ends: no status, no byte.
#[tokio::test]
async fn without_the_book_nothing_is_said() {
    let nothing = Strangers { window_s: 3600, full: 0, full_in_all: 0, licensed: 0 };
    let stage = Stage::raise_with_strangers(nothing).await;
    // An answer has its record; the first refusal has the tally's open leaf; beyond that there is no receipt.
    for (path, expect) in [("/pier/public", "HTTP/1.1 200"), ("/pier/ok", "HTTP/1.1 401"), ("/pier/ok", "")] {
        let mut line = stage.dial(Http::One).await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        line.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        let _hung_up = line.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).expect("text");
        assert_eq!(answer.get(..12).unwrap_or(&answer), expect, "{path}");
    }
    let mut client = stage.client(Http::Two).await;
    client.get("/pier/ok", None).await.expect_err("no answer");
    client.get("/pier/public", None).await.expect_err("an outage hangs up the whole connection");
    assert_eq!(stage.client(Http::Two).await.get("/pier/ok", Some(&stage.nurse())).await.expect("known").status(), 200);
    drop(client);
    stage.close().await;
}

/// A seat that does not come free in time is an outage, not a wait without end.
#[tokio::test]
async fn without_a_seat_nothing_is_said() {
    let timeouts = Timeouts { seat: Duration::from_millis(1), ..Timeouts::default() };
    let limits = Limits { berths: 400, live_per_caller: 400, ..Limits::default() };
    let stage = Stage::with(limits, timeouts).await;
    let (pier, nurse) = (stage.pier.clone(), stage.nurse());
    let mut clients = Vec::new();
    // 192 seats of the known.
    for _ in 0..192 {
        let (mut client, nurse) = (stage.client(Http::One).await, nurse.clone());
        clients.push(tokio::spawn(async move { client.get("/pier/slow", Some(&nurse)).await.map(|r| r.status()) }));
        pier.0.waiting.notified().await;
    }
    let mut late = stage.client(Http::One).await;
    late.get("/pier/ok", Some(&nurse)).await.expect_err("no seat, no answer");
    pier.0.gate.add_permits(192);
    for client in clients {
        assert_eq!(client.await.expect("a task").expect("an answer"), 200);
    }
    drop(late);
    stage.close().await;
}

/// A passage that outlives its time is dropped where it stands, and says so.
#[tokio::test]
async fn a_passage_has_an_end_whatever_its_road_does() {
    let timeouts = Timeouts { request: Duration::from_millis(500), ..Timeouts::default() };
    let stage = Stage::with(Limits::default(), timeouts).await;
    let mut client = stage.client(Http::Two).await;
    client.get("/pier/slow", Some(&stage.nurse())).await.expect_err("no answer");
    drop(client);
    let records = stage.close().await;
    assert!(records.iter().any(|r| r.leaf == Leaf::Abandoned && r.station == Some(Station::Forward)));
}

#[tokio::test]
async fn health_is_two_words_and_everything_else_needs_the_operators_certificate() {
    let stage = Stage::raise().await;
    let before = read(stage.folder.path()).len();
    let mut anyone = stage.operator(None).await;
    for path in ["/healthz", "/readyz"] {
        let response = anyone.get(path, None).await.expect("an answer");
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, b"green\n".as_slice()));
    }
    assert_eq!(read(stage.folder.path()).len(), before, "the words need no record");
    let clinic = "spiffe://lazaret.localhost/clinic";
    for certificate in [None, Some(clinic)] {
        let mut other = stage.operator(certificate).await;
        for path in ["/metrics", "/other"] {
            let response = other.get(path, None).await.expect("an answer");
            assert_eq!(response.status(), 403, "{path} with {certificate:?}");
            let record = record_of(stage.folder.path(), &response);
            assert_eq!((record.road.as_deref(), record.reason), (Some("admin"), Some(Reason::PolicyRefused)));
        }
    }
    let admin = "spiffe://lazaret.localhost/admin";
    let mut operator = stage.operator(Some(admin)).await;
    let response = operator.get("/metrics", None).await.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert_eq!((record.actor_kind, record.client.as_deref()), (Some(Kind::Workload), Some(admin)));
    let text = String::from_utf8(response.body().to_vec()).expect("text");
    assert!(text.contains("lazaret_answers_total{status=\"403\",reason=\"policy.refused\"} 4\n"), "{text}");
    assert!(text.contains("lazaret_book_green 1\n"));
    assert_eq!(operator.get("/other", None).await.expect("an answer").status(), 404);
    drop((anyone, operator));
    stage.close().await;
}
