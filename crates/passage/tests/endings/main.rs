//! How a passage can end, on HTTP/1.1 and HTTP/2, with real TLS, tokens, policies and a real book. Whatever a client
//! receives, `record_of` recomputes its digest from the received bytes and finds the one durable record that binds it.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod had;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod long;
#[cfg(test)]
mod pier;
#[cfg(test)]
mod silences;
#[cfg(test)]
mod stage;

use cases::{Ending, endings};
use http::Request;
use http_body_util::Full;
use identity::DenyList;
use lexicon::{Kind, Reason, Station};
use serde_json::json;
use stage::{AUDIENCE, Http, Stage, get, read, record_of};
use std::sync::atomic::Ordering::SeqCst;

const BOTH: [Http; 2] = [Http::One, Http::Two];

#[tokio::test]
async fn every_answer_is_bound_by_a_record_that_says_why() {
    for http in BOTH {
        let stage = Stage::raise().await;
        let mut client = stage.client(http).await;
        for Ending { path, credential, expect, station } in endings(&stage) {
            let response = client.get(path, credential.as_deref()).await.expect("an answer");
            let record = record_of(stage.folder.path(), &response);
            let status = expect.map_or_else(|reason| reason.shown().status(), |()| 200);
            assert_eq!(response.status().as_u16(), status, "{http:?} {path}");
            assert_eq!((record.reason, record.allowed), (expect.err(), Some(expect.is_ok())), "{http:?} {path}");
            assert_eq!(record.station, Some(station), "{http:?} {path}");
            assert_eq!((record.road.as_deref(), record.zone.as_deref()), (Some("pier"), Some("edge")));
            assert_eq!(record.generation, Some([1; 32]));
            assert_eq!(record.client_tls.as_deref(), Some("1.3 X25519MLKEM768"));
            if let Err(reason) = expect {
                let shown = response.body().starts_with(reason.shown().code().as_bytes());
                assert!(shown, "{reason} is shown as {}", reason.shown());
            }
            // What was not reached is not invented; what a stranger says is no fact.
            let verified = station > Station::Authenticate && credential.is_some();
            // The issuer signed that one; it only names another audience.
            let named = verified || expect == Err(Reason::CredentialAudience);
            assert_eq!(
                (record.actor.is_some(), record.token.is_some(), record.issuer.is_some()),
                (named, named, named),
                "{path}"
            );
            let kind = if verified { Kind::Person } else { Kind::Stranger };
            assert_eq!(record.actor_kind, Some(kind), "{path}");
            assert_eq!(record.patient.is_some(), station >= Station::Filter, "{path}");
        }
        stage.close().await;
    }
}

/// The record names the policies that decided: the permits of what was answered, the forbids of what was refused, and
/// none where none did. What might have permitted is not evidence.
#[tokio::test]
async fn only_the_policies_that_decided_are_in_the_record() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::Two).await;
    let nurse = stage.nurse();
    let password = format!("Bearer {}", stage.token(json!({ "acr": "urn:lazaret:acr:pwd" })));
    let analyst = format!("Bearer {}", stage.token(json!({ "roles": ["analyst"] })));
    for (path, credential, expect) in [
        ("/pier/ok", Some(&nurse), vec!["nurse-reads"]),
        ("/pier/restricted", Some(&nurse), vec!["no-restricted"]),
        ("/pier/down", Some(&nurse), vec![]),
        ("/pier/ok", Some(&password), vec!["two-factors"]),
        ("/pier/ok", Some(&analyst), vec![]),
        ("/pier/public", None, vec!["public"]),
    ] {
        let response = client.get(path, credential.map(String::as_str)).await.expect("an answer");
        assert_eq!(record_of(stage.folder.path(), &response).policies, expect, "{path}");
    }
    drop(client);
    stage.close().await;
}

/// Whatever a request also leads to must be permitted too; the record has the scopes of all.
#[tokio::test]
async fn a_further_class_needs_its_own_permission() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::Two).await;
    for (path, expect, policies) in [
        ("/pier/two-Observation", None, vec!["nurse-reads"]),
        ("/pier/two-Patient", None, vec!["nurse-reads"]),
        ("/pier/two-Device", Some(Reason::ParameterChain), vec!["no-devices"]),
        // What it need not lead to is left out.
        ("/pier/maybe-Device", None, vec!["nurse-reads"]),
        ("/pier/maybe-Observation", None, vec!["nurse-reads"]),
        // A class without a type leads nowhere that could be judged.
        ("/pier/two-Nothing", Some(Reason::Bug), vec![]),
    ] {
        let response = client.get(path, Some(&stage.nurse())).await.expect("an answer");
        let record = record_of(stage.folder.path(), &response);
        assert_eq!(
            (record.reason, &record.policies),
            (expect, &policies.into_iter().map(str::to_owned).collect()),
            "{path}"
        );
        if expect != Some(Reason::Bug) {
            let further = path.replace("/pier/two-", "user/").replace("/pier/maybe-", "user/") + ".r";
            let scopes =
                if further == "user/Patient.r" { vec![further] } else { vec!["user/Patient.r".into(), further] };
            assert_eq!(record.scopes, scopes);
        }
        let station = if expect.is_none() { Station::Record } else { Station::Authorize };
        assert_eq!(record.station, Some(station));
    }
    drop(client);
    stage.close().await;
}

/// A token that is refused after its signature verified is evidence of who showed it, and of nothing else: it stays a
/// stranger's refusal. Before that, what it claims is nobody's word.
#[tokio::test]
async fn a_signed_token_that_is_refused_says_who_it_was() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::Two).await;
    let nurse = stage.nurse();
    let good = record_of(stage.folder.path(), &client.get("/pier/ok", Some(&nurse)).await.expect("an answer"));
    let of = |claims| format!("Bearer {}", stage.token(claims));
    let misbound = of(json!({ "sub": "nurse-2", "cnf": { "x5t#S256": "A".repeat(43) } }));
    let late = of(json!({ "sub": "nurse-3" }));
    let (before, signature) = nurse.rsplit_once('.').expect("a signature");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{before}.{flipped}{}", &signature[1..]);
    stage.house.generation().verifier.deny(DenyList::parse("sub dev nurse-1").expect("a list"));
    for (token, skipped_s, reason) in [
        (&nurse, 0, Reason::CredentialRevoked),
        (&forged, 0, Reason::CredentialSignature),
        (&misbound, 0, Reason::CredentialBinding),
        (&late, 1000, Reason::CredentialExpired),
    ] {
        stage.skipped_s.store(skipped_s, SeqCst);
        let response = client.get("/pier/ok", Some(token)).await.expect("an answer");
        let record = record_of(stage.folder.path(), &response);
        assert_eq!((record.reason, record.actor_kind), (Some(reason), Some(Kind::Stranger)));
        let named = reason != Reason::CredentialSignature;
        assert_eq!((record.actor.is_some(), record.token.is_some()), (named, named), "{reason}");
        assert_eq!(record.issuer.as_deref(), named.then_some("dev"), "{reason}");
        assert_eq!((record.client, record.assurance, record.allowed), (None, None, Some(false)), "{reason}");
        let same = token == &nurse;
        assert_eq!((record.actor == good.actor, record.token == good.token), (same, same), "{reason}");
    }
    drop(client);
    stage.close().await;
}

#[tokio::test]
async fn refusals_challenge_as_the_rfcs_say() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::One).await;
    let password = format!("Bearer {}", stage.token(json!({ "acr": "urn:lazaret:acr:pwd" })));
    let bearer = format!("Bearer realm=\"{AUDIENCE}\"");
    for (path, credential, expect) in [
        ("/pier/ok", None, Some(bearer.clone())),
        ("/pier/ok", Some("Bearer not.a.token"), Some(format!("{bearer}, error=\"invalid_token\""))),
        (
            "/pier/ok",
            Some(password.as_str()),
            Some(format!(
                "{bearer}, error=\"insufficient_user_authentication\", acr_values=\"urn:lazaret:acr:mfa\", max_age=\"900\""
            )),
        ),
        (
            "/pier/scope",
            Some(stage.nurse().as_str()),
            Some(format!("{bearer}, error=\"insufficient_scope\", scope=\"user/Patient.r\"")),
        ),
        ("/pier/create", Some(stage.nurse().as_str()), None),
        ("/pier/hidden", Some(stage.nurse().as_str()), None),
    ] {
        let response = client.get(path, credential).await.expect("an answer");
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().expect("ascii").to_owned());
        assert_eq!(challenge, expect, "{path}");
    }
    stage.close().await;
}

/// Hidden and absent differ in nothing but trace, date, and how many requests are left.
#[tokio::test]
async fn hidden_is_absent() {
    for http in BOTH {
        let stage = Stage::raise().await;
        let mut client = stage.client(http).await;
        let mut seen = Vec::new();
        for path in ["/pier/hidden", "/pier/absent"] {
            let response = client.get(path, Some(&stage.nurse())).await.expect("an answer");
            let (mut head, body) = response.into_parts();
            let trace = head.headers.remove("lazaret-trace").expect("a trace");
            head.headers.remove("date").expect("a date");
            head.headers.remove("ratelimit").expect("what is left");
            let body = String::from_utf8(body.to_vec()).expect("text").replace(trace.to_str().expect("hex"), "");
            seen.push((head.status, head.headers, body));
        }
        assert_eq!(seen[0], seen[1]);
        stage.close().await;
    }
}

#[tokio::test]
async fn head_is_sealed_as_it_is_sent() {
    for http in BOTH {
        let stage = Stage::raise().await;
        let mut client = stage.client(http).await;
        for (path, status) in [("/pier/ok", 200), ("/pier/hidden", 404)] {
            let mut request = get(http, path, Some(&stage.nurse()));
            *request.method_mut() = http::Method::HEAD;
            let response = client.send(request).await.expect("an answer");
            assert_eq!((response.status().as_u16(), response.body().len()), (status, 0));
            record_of(stage.folder.path(), &response);
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn heads_that_contradict_themselves_are_refused_before_anybody_is_believed() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::One).await;
    let nurse = stage.nurse();
    for (name, value) in [("authorization", nurse.as_str()), ("x-http-method-override", "DELETE")] {
        let request = Request::get("/pier/ok").header("host", "localhost").header("authorization", nurse.as_str());
        let request = request.header(name, value).body(Full::default()).expect("a request");
        let response = client.send(request).await.expect("an answer");
        let record = record_of(stage.folder.path(), &response);
        assert_eq!((response.status().as_u16(), record.reason), (400, Some(Reason::RequestHeader)), "{name}");
        assert_eq!(record.actor, None);
    }
    stage.close().await;
}

/// A stranger's trace is kept as a hash; ours is another.
#[tokio::test]
async fn the_edge_starts_its_own_trace() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::One).await;
    let mut request = get(Http::One, "/pier/ok", Some(&stage.nurse()));
    let foreign = "4bf92f3577b34da6a3ce929d0e0e4736";
    request.headers_mut().insert("traceparent", format!("00-{foreign}-00f067aa0ba902b7-01").parse().expect("valid"));
    let response = client.send(request).await.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert!(record.foreign_trace.is_some());
    assert_ne!(response.headers().get("lazaret-trace").expect("a trace"), foreign);
    stage.close().await;
}

#[tokio::test]
async fn new_rules_are_in_the_book_before_they_are_in_force() {
    let stage = Stage::raise().await;
    let mut client = stage.client(Http::Two).await;
    let before = client.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer");
    stage.house.reload(stage.generation([2; 32])).await.expect("a book");
    let after = client.get("/pier/ok", Some(&stage.nurse())).await.expect("an answer");
    for (response, hash) in [(before, [1; 32]), (after, [2; 32])] {
        assert_eq!(record_of(stage.folder.path(), &response).generation, Some(hash));
    }
    let noted = |record: &evidence::Record| record.leaf == evidence::Leaf::Generation;
    let hashes: Vec<_> = stage.close().await.iter().filter(|r| noted(r)).map(|r| r.generation).collect();
    assert_eq!(hashes, [Some([1; 32]), Some([2; 32])]);
}

/// Whoever leaves before anything was caused causes nothing; whoever leaves later is too late to stop a write.
#[tokio::test]
async fn leaving_before_declare_causes_nothing_and_leaving_later_stops_no_write() {
    for http in BOTH {
        for (path, expect, forwarded) in [("/pier/held", Err(Reason::ClientLeft), 0), ("/pier/update-slow", Ok(()), 1)]
        {
            let stage = Stage::raise().await;
            let mut client = stage.client(http).await;
            let pier = stage.pier.clone();
            let nurse = stage.nurse();
            tokio::select! {
                _ = client.get(path, Some(&nurse)) => panic!("answered behind a closed gate"),
                () = pier.0.waiting.notified() => {}
            }
            drop(client);
            stage.waiting(0).await;
            pier.0.gate.add_permits(1);
            let records = stage.close().await;
            let closed: Vec<_> = records.iter().filter(|r| r.road.as_deref() == Some("pier")).collect();
            let [record] = closed.as_slice() else { panic!("{} records", closed.len()) };
            assert_eq!((record.reason, record.allowed), (expect.err(), Some(expect.is_ok())), "{http:?} {path}");
            assert_eq!(pier.0.forwarded.load(SeqCst), forwarded, "{http:?} {path}");
        }
    }
}

/// Nobody waits for a read any more: its work upstream is let go of where it is, and the record says so.
#[tokio::test]
async fn f8_a_client_that_left_is_not_worked_for() {
    for http in BOTH {
        for (path, station) in [("/pier/slow", Station::Forward), ("/pier/long", Station::Filter)] {
            let stage = Stage::raise().await;
            *stage.pier.0.long.lock().expect("a script") = pier::Long { pieces: 40, gated: 2, end: None };
            let (mut client, pier, nurse) = (stage.client(http).await, stage.pier.clone(), stage.nurse());
            tokio::select! {
                _ = client.get(path, Some(&nurse)) => panic!("answered behind a closed gate"),
                () = pier.0.waiting.notified() => {}
            }
            drop(client);
            // Not a permit of the gate.
            let records = stage.close().await;
            let closed: Vec<_> = records.iter().filter(|r| r.road.as_deref() == Some("pier")).collect();
            let [record] = closed.as_slice() else { panic!("{} records", closed.len()) };
            assert_eq!((record.reason, record.allowed), (Some(Reason::ClientLeft), Some(false)), "{http:?} {path}");
            assert_eq!((record.station, record.disclosed.rows().len()), (Some(station), 0), "{http:?} {path}");
            assert_eq!(pier.0.at_once.load(SeqCst), 0, "{http:?} {path}");
        }
    }
}

/// What held at the decision must hold when the answer leaves (decision 16).
#[tokio::test]
async fn a_token_that_expires_under_way_opens_nothing() {
    let stage = Stage::raise().await;
    let (mut client, nurse, pier) = (stage.client(Http::Two).await, stage.nurse(), stage.pier.clone());
    let (response, ()) = tokio::join!(client.get("/pier/slow", Some(&nurse)), async {
        pier.0.waiting.notified().await;
        stage.skipped_s.store(1000, SeqCst);
        pier.0.gate.add_permits(1);
    });
    let response = response.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert_eq!((response.status().as_u16(), record.reason), (401, Some(Reason::CredentialExpired)));
    assert_eq!(record.station, Some(Station::Filter));
    stage.close().await;
}

/// Any order of any requests, many at a time: as many records as answers, each binding its own.
#[test]
fn any_crowd_is_recorded_one_by_one() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let stage = runtime.block_on(Stage::raise());
    let choices = proptest::collection::vec((0..endings(&stage).len(), proptest::bool::ANY), 1..24);
    let config = proptest::test_runner::Config { cases: 8, failure_persistence: None, ..Default::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&choices, |choices| {
        let before = read(stage.folder.path()).len();
        let count = choices.len();
        let responses = runtime.block_on(async {
            let mut tasks = Vec::new();
            for (choice, is_h2) in choices {
                let http = if is_h2 { Http::Two } else { Http::One };
                let (mut client, ending) = (stage.client(http).await, endings(&stage).swap_remove(choice));
                tasks.push(tokio::spawn(async move { client.get(ending.path, ending.credential.as_deref()).await }));
            }
            let mut responses = Vec::new();
            for task in tasks {
                responses.push(task.await.expect("a task").expect("an answer"));
            }
            responses
        });
        responses.iter().for_each(|response| drop(record_of(stage.folder.path(), response)));
        proptest::prop_assert_eq!(read(stage.folder.path()).len() - before, count);
        Ok(())
    });
    outcome.expect("bound, one by one");
    runtime.block_on(stage.close());
}
