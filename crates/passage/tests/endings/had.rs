//! How many patients a caller may have, and what callers are told of it.

use crate::stage::{Caller, Http, Stage, record_of};
use http::Response;
use lexicon::Reason;
use passage::{Limits, Timeouts};
use serde_json::{Value, json};

async fn stage() -> Stage {
    let patients = access::Limits { step_up: 2, most: 4, most_of_a_token: 4, ..access::Limits::default() };
    Stage::with(Limits { patients, ..Limits::default() }, Timeouts::default()).await
}

/// A reads' answer: refused for this reason, or shown.
async fn check(
    stage: &Stage,
    client: &mut Caller,
    (path, token): (&str, &str),
    expect: Option<Reason>,
) -> Response<bytes::Bytes> {
    let response = client.get(path, Some(token)).await.expect("an answer");
    let record = record_of(stage.folder.path(), &response);
    assert_eq!((record.reason, record.allowed), (expect, Some(expect.is_none())), "{path}");
    assert_eq!(record.disclosed.rows().len(), usize::from(expect.is_none() && path.contains("patient")), "{path}");
    response
}

/// A nurse who authenticated an hour ago, with a token of its own.
fn late(stage: &Stage, change: &Value) -> String {
    let mut claims = json!({ "auth_time": 1_795_257_000_u64 - 3_600 });
    claims.as_object_mut().expect("an object").extend(change.as_object().cloned().unwrap_or_default());
    format!("Bearer {}", stage.token(claims))
}

#[tokio::test]
async fn beyond_the_soft_limit_a_newer_authentication_is_asked_for() {
    let stage = stage().await;
    let mut client = stage.client(Http::Two).await;
    let token = late(&stage, &json!({}));
    for path in ["/pier/patient-1", "/pier/patient-2", "/pier/patient-1"] {
        check(&stage, &mut client, (path, &token), None).await;
    }
    let refused = check(&stage, &mut client, ("/pier/patient-3", &token), Some(Reason::AssuranceInsufficient)).await;
    let challenge = refused.headers()["www-authenticate"].to_str().expect("ascii");
    assert!(refused.status() == 401 && challenge.ends_with("insufficient_user_authentication\", max_age=\"900\""));
    // What is known is free, and what shows no patient costs nothing.
    for path in ["/pier/patient-2", "/pier/ok"] {
        check(&stage, &mut client, (path, &token), None).await;
    }
    // Authenticated a minute ago, or by a key that cannot be phished.
    check(&stage, &mut client, ("/pier/patient-3", &stage.nurse()), None).await;
    drop(client);
    stage.close().await;
}

#[tokio::test]
async fn beyond_the_most_there_is_nothing_but_waiting() {
    let stage = stage().await;
    let mut client = stage.client(Http::One).await;
    let token = stage.nurse();
    for path in ["/pier/patient-1", "/pier/patient-2", "/pier/hidden", "/pier/absent", "/pier/patient-3"] {
        let reason = match path {
            "/pier/hidden" => Some(Reason::RelationshipNone),
            "/pier/absent" => Some(Reason::ResourceAbsent),
            _ => None,
        };
        check(&stage, &mut client, (path, &token), reason).await;
    }
    let last = check(&stage, &mut client, ("/pier/patient-4", &token), None).await;
    assert_eq!(last.headers()["ratelimit-policy"], "\"requests\";q=400;w=4, \"patients\";q=4;w=3600");
    let left = last.headers()["ratelimit"].to_str().expect("ascii");
    assert!(left.contains(", \"patients\";r=0;t=3"), "hidden and absent ones cost nothing: {left}");
    let other = format!("Bearer {}", stage.token(json!({ "auth_time": 1_795_257_000_u64 - 30 })));
    for token in [&token, &other] {
        let refused = check(&stage, &mut client, ("/pier/patient-5", token), Some(Reason::LimitPatients)).await;
        assert_eq!(refused.status(), 429, "another token of the same caller is no other caller");
        let wait: u64 = refused.headers()["retry-after"].to_str().expect("ascii").parse().expect("seconds");
        assert!((3_500..=3_600).contains(&wait), "{wait}");
    }
    check(&stage, &mut client, ("/pier/patient-4", &token), None).await;
    let somebody = format!("Bearer {}", stage.token(json!({ "sub": "nurse-2" })));
    check(&stage, &mut client, ("/pier/patient-5", &somebody), None).await;
    drop(client);
    stage.close().await;
}

/// Many at once get no more than one after the other.
#[tokio::test]
async fn parallel_reads_do_not_get_beyond_the_limit() {
    let stage = stage().await;
    let token = stage.nurse();
    let mut reads = Vec::new();
    for number in 0..20 {
        let (mut client, token) = (stage.client(Http::Two).await, token.clone());
        reads.push(tokio::spawn(async move {
            let path = format!("/pier/patient-{number}");
            client.get(&path, Some(&token)).await.expect("an answer").status().as_u16()
        }));
    }
    let mut shown = 0;
    for read in reads {
        let status = read.await.expect("a task");
        assert!([200, 429].contains(&status), "{status}");
        shown += usize::from(status == 200);
    }
    assert_eq!(shown, 4);
    stage.close().await;
}

#[tokio::test]
async fn strangers_are_told_nothing_of_limits() {
    let stage = stage().await;
    let mut client = stage.client(Http::One).await;
    let response = client.get("/pier/public", None).await.expect("an answer");
    assert!(!response.headers().contains_key("ratelimit") && !response.headers().contains_key("ratelimit-policy"));
    drop(client);
    stage.close().await;
}
