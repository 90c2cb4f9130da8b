//! Long answers: named before they leave, complete only when they are closed, and cut when anything says so.

use crate::{
    BOTH,
    pier::{EACH, Long, PIECE, Wreck, long_body},
    stage::{Caller, Http, Stage, digest_of_beginning, get, leaves_of, read, record_of},
};
use evidence::{Leaf, Record};
use http::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use identity::DenyList;
use ledger::Strangers;
use lexicon::{Reason, Station};
use passage::{Limits, Timeouts};
use std::{sync::atomic::Ordering::SeqCst, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Pieces that have room in the first segment.
const FIRST: usize = (1 << 20) / PIECE;

async fn script(long: Long) -> Stage {
    let stage = Stage::raise().await;
    *stage.pier.0.long.lock().expect("a script") = long;
    stage
}

async fn begin(stage: &Stage, client: &mut Caller, http: Http) -> Response<Incoming> {
    client.begin(get(http, "/pier/long", Some(&stage.nurse()))).await.expect("a head")
}

/// What arrives, until there is an end, an error, or so many bytes.
async fn receive(response: &mut Response<Incoming>, enough: usize) -> (Vec<u8>, Result<(), hyper::Error>) {
    let mut bytes = Vec::new();
    while bytes.len() < enough {
        match response.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().expect("data")),
            Some(Err(error)) => return (bytes, Err(error)),
            None => break,
        }
    }
    (bytes, Ok(()))
}

fn kinds(leaves: &[Record]) -> Vec<Leaf> {
    leaves.iter().map(|leaf| leaf.leaf).collect()
}

/// The closing leaf of a cut answer binds what it says has left, which is what was received or more, and never more than
/// what was named before.
fn check_cut(stage: &Stage, response: &Response<Incoming>, received: &[u8], reason: Reason) -> Record {
    let leaves = leaves_of(stage.folder.path(), response);
    let closed = leaves.last().expect("a closing leaf").clone();
    assert_eq!((closed.leaf, closed.reason, closed.allowed), (Leaf::Closed, Some(reason), Some(true)));
    let released = usize::try_from(closed.bytes.expect("a length")).expect("small");
    let named: usize =
        leaves.iter().filter(|leaf| leaf.leaf == Leaf::Disclosing).map(|leaf| leaf.disclosed.rows().len()).sum();
    assert!(received.len() <= released && released <= named / EACH * PIECE, "{} {released} {named}", received.len());
    let body = long_body(named / EACH);
    assert_eq!(received, &body[..received.len()]);
    assert_eq!(closed.answer, Some(digest_of_beginning(stage.folder.path(), response, &body[..released])));
    closed
}

#[tokio::test]
async fn a_long_answer_is_named_before_it_leaves_and_closed_before_it_ends() {
    for http in BOTH {
        let stage = script(Long { pieces: 35, gated: usize::MAX, end: None }).await;
        let mut client = stage.client(http).await;
        let mut response = begin(&stage, &mut client, http).await;
        let (body, ended) = receive(&mut response, usize::MAX).await;
        // Closed already: nothing has been waited for since the end.
        let leaves = leaves_of(stage.folder.path(), &response);
        assert!(ended.is_ok() && body == long_body(35), "{http:?}");
        let segment = Leaf::Disclosing;
        assert_eq!(kinds(&leaves), [Leaf::Began, segment, segment, segment, segment, Leaf::Closed]);
        let digest = |pieces| Some(digest_of_beginning(stage.folder.path(), &response, &body[..pieces * PIECE]));
        let ends = [0, FIRST, 2 * FIRST, 3 * FIRST, 35, 35];
        assert_eq!(leaves.iter().map(|leaf| leaf.answer).collect::<Vec<_>>(), ends.map(digest));
        let named: Vec<_> = leaves.iter().map(|leaf| leaf.disclosed.rows().len() / EACH).collect();
        assert_eq!(named, [0, FIRST, FIRST, FIRST, 35 - 3 * FIRST, 0]);
        let closed = leaves.last().expect("a leaf");
        assert_eq!((closed.returned, closed.patients, closed.segment), (Some(35 * EACH as u64), Some(35), Some(4)));
        assert_eq!((closed.bytes, closed.withheld_elements), (Some(body.len() as u64), Some(70)));
        assert_eq!((closed.reason, closed.allowed, closed.station), (None, Some(true), Some(Station::Record)));
        assert_eq!(client.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200);
        drop(client);
        stage.close().await;
    }
}

#[tokio::test]
async fn pieces_that_fit_into_one_leaf_are_one_answer() {
    let stage = script(Long { pieces: FIRST, gated: usize::MAX, end: None }).await;
    let mut client = stage.client(Http::One).await;
    let response = client.get("/pier/long", Some(&stage.nurse())).await.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert_eq!((record.disclosed.rows().len(), record.patients), (FIRST * EACH, Some(FIRST as u64)));
    assert!(response.headers().contains_key("content-length") && *response.body() == long_body(FIRST));
    // Of a long answer to HEAD there is the head, and one leaf.
    *stage.pier.0.long.lock().expect("a script") = Long { pieces: 30, gated: usize::MAX, end: None };
    let mut request = get(Http::One, "/pier/long", Some(&stage.nurse()));
    *request.method_mut() = http::Method::HEAD;
    let response = client.send(request).await.expect("an answer");
    assert_eq!((response.status().as_u16(), record_of(stage.folder.path(), &response).bytes), (200, Some(0)));
    drop(client);
    stage.close().await;
}

#[tokio::test]
async fn an_upstream_that_fails_in_the_middle_cuts_and_is_recorded() {
    for http in BOTH {
        let stage = script(Long { pieces: 30, gated: usize::MAX, end: Some((25, Wreck::Upstream)) }).await;
        let mut client = stage.client(http).await;
        let mut response = begin(&stage, &mut client, http).await;
        let (body, ended) = receive(&mut response, usize::MAX).await;
        ended.expect_err("no end");
        match http {
            // No last chunk, and no close_notify either.
            Http::One => client.ended().await,
            // RST_STREAM; the connection goes on.
            Http::Two => {
                assert_eq!(client.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer").status(), 200)
            }
        }
        drop(client);
        settled(&stage, &response).await;
        check_cut(&stage, &response, &body, Reason::UpstreamFailed);
        // What fails before anything has left is a refusal like any other.
        *stage.pier.0.long.lock().expect("a script") =
            Long { pieces: 30, gated: usize::MAX, end: Some((5, Wreck::Upstream)) };
        let refused = stage.client(http).await.get("/pier/long", Some(&stage.nurse())).await.expect("an answer");
        assert_eq!(record_of(stage.folder.path(), &refused).reason, Some(Reason::UpstreamFailed));
        stage.close().await;
    }
}

/// Returns when the passage has its last leaf.
async fn settled(stage: &Stage, response: &Response<Incoming>) {
    let is_last = |leaf: &Record| matches!(leaf.leaf, Leaf::Closed | Leaf::Abandoned);
    while !leaves_of(stage.folder.path(), response).iter().any(is_last) {
        tokio::task::yield_now().await;
    }
}

/// Begins, takes the whole first segment, and stops where the road waits for the next; then `change` happens.
async fn midway(stage: &Stage, http: Http) -> (Caller, Response<Incoming>, Vec<u8>) {
    let mut client = stage.client(http).await;
    let mut response = begin(stage, &mut client, http).await;
    let (body, ended) = receive(&mut response, FIRST * PIECE).await;
    assert!(ended.is_ok());
    (client, response, body)
}

const GATED: Long = Long { pieces: 40, gated: FIRST + 2, end: None };

#[tokio::test]
async fn b1_what_no_longer_holds_cuts_before_the_next_segment() {
    type Change = fn(&Stage);
    let deny: Change = |stage| {
        stage.house.generation().verifier.deny(DenyList::parse("sub dev nurse-1").expect("a list"));
    };
    let expire: Change = |stage| stage.skipped_s.store(1000, SeqCst);
    for http in BOTH {
        for (change, reason) in [
            (Some(deny), Reason::CredentialRevoked),
            (Some(expire), Reason::CredentialExpired),
            (None, Reason::PolicyRefused),
            (None, Reason::PolicyChanged),
        ] {
            let stage = script(GATED).await;
            let (client, mut response, mut body) = midway(&stage, http).await;
            match change {
                Some(change) => change(&stage),
                None if reason == Reason::PolicyRefused => {
                    stage.house.reload(stage.generation_of_nobody([2; 32])).await.expect("a book");
                }
                // The class is permitted as before. What of it may be seen is nobody's guess.
                None => stage.house.reload(stage.generation([2; 32])).await.expect("a book"),
            }
            stage.pier.0.gate.add_permits(100);
            let (rest, ended) = receive(&mut response, usize::MAX).await;
            ended.expect_err("no end");
            body.extend(rest);
            assert_eq!(body.len(), FIRST * PIECE, "{reason}: nothing of the next segment");
            settled(&stage, &response).await;
            let closed = check_cut(&stage, &response, &body, reason);
            assert_eq!(closed.segment, Some(1));
            drop(client);
            stage.close().await;
        }
    }
}

/// The same rules again change nothing for what is under way.
#[tokio::test]
async fn a_reload_alone_does_not_cut() {
    let stage = script(GATED).await;
    let (client, mut response, mut body) = midway(&stage, Http::Two).await;
    stage.house.reload(stage.generation([1; 32])).await.expect("a book");
    stage.pier.0.gate.add_permits(100);
    let (rest, ended) = receive(&mut response, usize::MAX).await;
    body.extend(rest);
    assert!(ended.is_ok() && body == long_body(40));
    let leaves = leaves_of(stage.folder.path(), &response);
    assert!(
        leaves.last().is_some_and(|leaf| leaf.generation == Some([1; 32])),
        "it ends under the rules it began with"
    );
    drop(client);
    stage.close().await;
}

/// Rules that change before a long answer has begun are a refusal: nothing has left.
#[tokio::test]
async fn b1_a_long_answer_does_not_begin_under_rules_that_changed() {
    let stage = script(Long { pieces: 40, gated: 2, end: None }).await;
    let (mut client, pier, nurse) = (stage.client(Http::Two).await, stage.pier.clone(), stage.nurse());
    let (response, ()) = tokio::join!(client.get("/pier/long", Some(&nurse)), async {
        pier.0.waiting.notified().await;
        stage.house.reload(stage.generation([2; 32])).await.expect("a book");
        pier.0.gate.add_permits(100);
    });
    let response = response.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert_eq!((response.status().as_u16(), record.reason), (503, Some(Reason::PolicyChanged)));
    assert_eq!(record.disclosed.rows().len(), 0);
    drop(client);
    stage.close().await;
}

/// Nothing leaves that is not in the book: when the book fails, what was named before is all there is, and the
/// connection is hung up.
#[tokio::test]
async fn a_book_that_fails_in_the_middle_cuts() {
    for http in BOTH {
        // A window of tallies without an end is more than the book's writer can reckon with: it dies of the first stranger.
        let stage = Stage::raise_with_strangers(Strangers { window_s: u64::MAX, ..Strangers::default() }).await;
        *stage.pier.0.long.lock().expect("a script") = GATED;
        let (mut client, mut response, mut body) = midway(&stage, http).await;
        stage.client(http).await.get("/pier/ok", None).await.expect_err("no book");
        stage.pier.0.gate.add_permits(100);
        let (rest, ended) = receive(&mut response, usize::MAX).await;
        ended.expect_err("no end");
        body.extend(rest);
        assert!(body == long_body(FIRST), "nothing of the next segment");
        client.ended().await;
        assert_eq!(kinds(&leaves_of(stage.folder.path(), &response)), [Leaf::Began, Leaf::Disclosing]);
    }
}

/// A complete answer is a closed case: when the case cannot be closed any more, its last piece never leaves.
#[tokio::test]
async fn a_book_that_fails_before_the_end_keeps_the_last_piece() {
    let stage = Stage::raise_with_strangers(Strangers { window_s: u64::MAX, ..Strangers::default() }).await;
    *stage.pier.0.long.lock().expect("a script") = Long { pieces: 3 * FIRST, gated: usize::MAX, end: None };
    let mut client = stage.narrow_client().await;
    let mut response = begin(&stage, &mut client, Http::Two).await;
    // What is on the way is less than half a segment: the last segment is named by now, and far from its end.
    let (mut body, ended) = receive(&mut response, 2 * FIRST * PIECE + PIECE).await;
    assert!(ended.is_ok());
    while kinds(&leaves_of(stage.folder.path(), &response)).len() < 4 {
        tokio::task::yield_now().await;
    }
    stage.client(Http::Two).await.get("/pier/ok", None).await.expect_err("no book");
    let (rest, ended) = receive(&mut response, usize::MAX).await;
    body.extend(rest);
    ended.expect_err("no end");
    assert!(body.len() < 3 * FIRST * PIECE && long_body(3 * FIRST).starts_with(&body), "{}", body.len());
    let segment = Leaf::Disclosing;
    assert_eq!(kinds(&leaves_of(stage.folder.path(), &response)), [Leaf::Began, segment, segment, segment]);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_recorded_with_what_was_released() {
    for http in BOTH {
        let stage = script(GATED).await;
        let (client, response, body) = midway(&stage, http).await;
        let (parts, incoming) = response.into_parts();
        drop((client, incoming));
        // Not a permit of the gate: the road is let go of where it waits.
        let response = Response::from_parts(parts, ());
        while leaves_of(stage.folder.path(), &response).last().is_none_or(|leaf| leaf.leaf != Leaf::Closed) {
            tokio::task::yield_now().await;
        }
        let closed = leaves_of(stage.folder.path(), &response).pop().expect("a leaf");
        assert_eq!((closed.reason, closed.bytes), (Some(Reason::ClientLeft), Some(body.len() as u64)), "{http:?}");
        assert_eq!(closed.answer, Some(digest_of_beginning(stage.folder.path(), &response, &body)));
        stage.close().await;
    }
}

/// A pump that crashes never looks like a complete answer.
#[tokio::test]
async fn a_panic_in_the_middle_cuts_and_is_abandoned() {
    for http in BOTH {
        let stage = script(Long { pieces: 30, gated: usize::MAX, end: Some((25, Wreck::Panic)) }).await;
        let mut client = stage.client(http).await;
        let mut response = begin(&stage, &mut client, http).await;
        let (body, ended) = receive(&mut response, usize::MAX).await;
        ended.expect_err("no end");
        assert!(long_body(2 * FIRST).starts_with(&body));
        settled(&stage, &response).await;
        let leaves = leaves_of(stage.folder.path(), &response);
        let last = leaves.last().expect("a leaf");
        assert_eq!(
            (last.leaf, last.station, last.patients),
            (Leaf::Abandoned, Some(Station::Record), Some(2 * FIRST as u64))
        );
        drop(client);
        stage.close().await;
    }
}

/// Whatever the client does not read, the door holds one segment and a window: of 10 MB never more than 2.
#[tokio::test]
async fn a_slow_reader_of_a_long_answer_costs_bounded_memory() {
    let gauge = |metrics: &str, name: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(&format!("lazaret_long_answers_bytes_{name} ")));
        line.expect("a gauge").parse().expect("a number")
    };
    for http in BOTH {
        let stage = script(Long { pieces: 100, gated: usize::MAX, end: None }).await;
        let mut client = stage.client(http).await;
        let mut response = begin(&stage, &mut client, http).await;
        // The pump has every opportunity to run ahead of a client that does not read.
        for _ in 0..50 {
            stage.metrics().await;
        }
        let (body, ended) = receive(&mut response, usize::MAX).await;
        assert!(ended.is_ok() && body.len() == 100 * PIECE);
        let metrics = stage.metrics().await;
        let most = gauge(&metrics, "held_most");
        assert!((1 << 20..2 << 20).contains(&most), "{http:?}: {most}");
        assert_eq!(gauge(&metrics, "held"), 0);
        drop(client);
        stage.close().await;
    }
}

/// A client that stops reading does not see a cut; its connection is hung up, and the record is there before (decision 36).
#[tokio::test]
async fn a_client_that_stalls_is_hung_up_on() {
    for http in BOTH {
        let short = Duration::from_millis(100);
        let timeouts = Timeouts { stall: short, grace: short, ..Timeouts::default() };
        let stage = Stage::with(Limits::default(), timeouts).await;
        // More than any buffer between here and there.
        *stage.pier.0.long.lock().expect("a script") = Long { pieces: 400, gated: usize::MAX, end: None };
        let mut client = stage.client(http).await;
        let response = begin(&stage, &mut client, http).await;
        settled(&stage, &response).await;
        let closed = leaves_of(stage.folder.path(), &response).pop().expect("a leaf");
        assert_eq!(closed.reason, Some(Reason::ClientLeft), "{http:?}");
        assert!(closed.bytes < Some(400 * PIECE as u64));
        if http == Http::Two {
            client.ended().await;
        }
        let mut response = response;
        receive(&mut response, usize::MAX).await.1.expect_err("no end");
        drop(client);
        stage.close().await;
    }
}

#[tokio::test]
async fn patients_are_charged_before_each_segment() {
    let patients = access::Limits { most: 15, most_of_a_token: 15, ..access::Limits::default() };
    let stage = Stage::with(Limits { patients, ..Limits::default() }, Timeouts::default()).await;
    let mut client = stage.client(Http::Two).await;
    let mut response = begin(&stage, &mut client, Http::Two).await;
    let (body, ended) = receive(&mut response, usize::MAX).await;
    ended.expect_err("no end");
    settled(&stage, &response).await;
    check_cut(&stage, &response, &body, Reason::LimitPatients);
    assert_eq!(read(stage.folder.path()).last().and_then(|leaf| leaf.patients), Some(FIRST as u64));
    drop(client);
    stage.close().await;
}

/// Before HTTP/1.1 a cut answer looks complete: there is none that is long.
#[tokio::test]
async fn a_client_that_could_not_see_a_cut_gets_no_long_answer() {
    let stage = Stage::raise().await;
    for (pieces, expect) in [(FIRST, "200"), (FIRST + 1, "403")] {
        *stage.pier.0.long.lock().expect("a script") = Long { pieces, gated: usize::MAX, end: None };
        let mut line = stage.dial(Http::One).await;
        let head = format!("GET /pier/long HTTP/1.0\r\nhost: localhost\r\nauthorization: {}\r\n\r\n", stage.nurse());
        line.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).await.expect("an end");
        assert_eq!(std::str::from_utf8(&answer[9..12]), Ok(expect));
        let refused = read(stage.folder.path()).last().and_then(|record| record.reason);
        assert_eq!(refused, (expect == "403").then_some(Reason::SearchTooBroad));
    }
    stage.close().await;
}

/// A first segment that takes too long is refused while there is time to say so.
#[tokio::test]
async fn a_long_answer_that_does_not_begin_is_a_refusal() {
    let timeouts = Timeouts { request: Duration::from_secs(1), ..Timeouts::default() };
    let stage = Stage::with(Limits::default(), timeouts).await;
    *stage.pier.0.long.lock().expect("a script") = Long { pieces: 1, gated: 0, end: None };
    let response = stage.client(Http::Two).await.get("/pier/long", Some(&stage.nurse())).await.expect("an answer");
    assert_eq!(
        (response.status().as_u16(), record_of(stage.folder.path(), &response).reason),
        (504, Some(Reason::UpstreamTimeout))
    );
    stage.close().await;
}
