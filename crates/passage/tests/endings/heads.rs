//! What of a request's head and body is believed: forms, preconditions, ranges.

use crate::{
    BOTH,
    stage::{Http, Stage, get, record_of},
};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use lexicon::{Reason, Station};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FORM: &str = "application/x-www-form-urlencoded";

fn post(http: Http, credential: Option<&str>, lines: &[(&str, &str)], body: &[u8]) -> Request<Full<Bytes>> {
    let mut request = get(http, "/pier/ok", credential).map(|_| Full::new(Bytes::copy_from_slice(body)));
    *request.method_mut() = Method::POST;
    for (name, value) in lines {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().insert(name, value.parse().expect("a value"));
    }
    request
}

#[tokio::test]
async fn f2_a_form_is_read_for_the_verified_and_within_limits() {
    let long = vec![b'a'; 64 * 1024 + 1];
    for http in BOTH {
        let stage = Stage::raise().await;
        let nurse = stage.nurse();
        let nurse = Some(nurse.as_str());
        for (credential, lines, body, expect) in [
            (nurse, vec![("content-type", FORM)], b"a=b%20c".as_slice(), Ok("a=b%20c")),
            (nurse, vec![("content-type", "application/x-www-form-urlencoded; charset=UTF-8")], b"a=b", Ok("a=b")),
            (nurse, vec![("content-type", FORM), ("content-encoding", "gzip")], b"a=b", Err(Reason::RequestEncoding)),
            (nurse, vec![("content-type", &format!("{FORM}; charset=utf-16"))], b"a=b", Err(Reason::RequestMediaType)),
            (nurse, vec![("content-type", FORM)], &long, Err(Reason::RequestBodyTooLong)),
            (nurse, vec![("content-type", FORM)], b"\xff", Err(Reason::RequestMalformed)),
            // Other bodies stay unread; it is for the road to say that there is one.
            (nurse, vec![("content-type", "application/fhir+json")], b"{}", Err(Reason::RequestBody)),
            (nurse, vec![], b"a=b", Err(Reason::RequestBody)),
            (None, vec![("content-type", FORM)], b"a=b", Err(Reason::CredentialMissing)),
            (Some("Bearer no.such.token"), vec![("content-type", FORM)], b"a=b", Err(Reason::CredentialSignature)),
        ] {
            let mut client = stage.client(http).await;
            let response = client.send(post(http, credential, &lines, body)).await.expect("an answer");
            let record = record_of(stage.folder.path(), &response);
            match expect {
                Ok(form) => {
                    assert_eq!((response.status().as_u16(), record.reason), (200, None), "{http:?} {lines:?}");
                    assert_eq!(stage.pier.0.form.lock().expect("a form").as_deref(), Some(form));
                }
                Err(Reason::CredentialSignature) => assert_eq!(response.status(), 401),
                Err(reason) => assert_eq!(record.reason, Some(reason), "{http:?} {lines:?}"),
            }
        }
        stage.close().await;
    }
}

/// `100 Continue` invites a body: only when somebody is verified whose form is wanted.
#[tokio::test]
async fn a_body_is_not_invited_before_somebody_is_verified() {
    let stage = Stage::raise().await;
    let nurse = stage.nurse();
    for (credential, media_type, invited) in [
        (nurse.as_str(), FORM, true),
        (nurse.as_str(), "application/fhir+json", false),
        ("Bearer no.such.token", FORM, false),
        ("", FORM, false),
    ] {
        let mut line = stage.dial(Http::One).await;
        let authorization =
            if credential.is_empty() { String::new() } else { format!("authorization: {credential}\r\n") };
        let head = format!(
            "POST /pier/ok HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: {media_type}\r\n\
             content-length: 3\r\nexpect: 100-continue\r\n\r\n"
        );
        line.write_all(head.as_bytes()).await.expect("sent");
        let mut first = [0; 12];
        line.read_exact(&mut first).await.expect("an answer");
        assert_eq!(first.as_slice() == b"HTTP/1.1 100", invited, "{credential} {media_type}");
        if invited {
            line.write_all(b"a=b").await.expect("sent");
            let mut rest = Vec::new();
            while !String::from_utf8_lossy(&rest).contains("HTTP/1.1 200") {
                assert_ne!(line.read_buf(&mut rest).await.expect("an answer"), 0, "no answer");
            }
        }
    }
    stage.close().await;
}

async fn ask(stage: &Stage, http: Http, path: &str, (method, lines): (Method, &[(&str, &str)])) -> Response<Bytes> {
    let mut request = get(http, path, Some(&stage.nurse()));
    *request.method_mut() = method;
    for (name, value) in lines {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, value.parse().expect("a value"));
    }
    stage.client(http).await.send(request).await.expect("an answer")
}

#[tokio::test]
async fn e2_a_tag_is_of_what_is_shown_and_304_is_an_answer_like_any_other() {
    for http in BOTH {
        let stage = Stage::raise().await;
        let (read, path) = ((Method::GET, [].as_slice()), "/pier/patient-1");
        let first = ask(&stage, http, path, read.clone()).await;
        let tag = first.headers()["etag"].to_str().expect("ascii").to_owned();
        assert!(tag.starts_with("W/\"") && tag.len() == 36, "{tag}");
        // The same for the same, another for another, none for what is no single resource.
        assert_eq!(ask(&stage, http, path, read.clone()).await.headers()["etag"], tag.as_str());
        assert_ne!(ask(&stage, http, "/pier/patient-2", read.clone()).await.headers()["etag"], tag.as_str());
        assert!(!ask(&stage, http, "/pier/ok", read).await.headers().contains_key("etag"));
        for method in [Method::GET, Method::HEAD] {
            for known in [tag.as_str(), "*", &format!("\"x\", {tag}")] {
                let response = ask(&stage, http, path, (method.clone(), &[("if-none-match", known)])).await;
                let record = record_of(stage.folder.path(), &response);
                assert_eq!((response.status().as_u16(), response.body().len()), (304, 0), "{http:?} {method} {known}");
                assert_eq!(response.headers()["etag"], tag.as_str());
                assert!(
                    !response.headers().contains_key("content-type")
                        && !response.headers().contains_key("last-modified")
                );
                // That it did not change is something of the patient too.
                assert_eq!((record.allowed, record.returned, record.patients), (Some(true), Some(0), Some(1)));
            }
        }
        let dates = [("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT"), ("if-none-match", "W/\"1\"")];
        assert_eq!(ask(&stage, http, path, (Method::GET, &dates)).await.status(), 200, "a date is compared to nothing");
        let response = ask(&stage, http, path, (Method::GET, &[("if-match", &tag)])).await;
        let record = record_of(stage.folder.path(), &response);
        assert_eq!((record.reason, record.station), (Some(Reason::RequestHeader), Some(Station::Read)));
        stage.close().await;
    }
}

/// A precondition is compared when everything else has been: what is hidden is absent, whatever is said to be known.
#[tokio::test]
async fn e2_a_precondition_tells_nothing_of_what_is_hidden() {
    let stage = Stage::raise().await;
    for lines in [[("if-none-match", "*")], [("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]] {
        for path in ["/pier/hidden", "/pier/absent"] {
            let response = ask(&stage, Http::Two, path, (Method::GET, &lines)).await;
            assert_eq!(response.status(), 404, "{path} {lines:?}");
            assert!(!response.headers().contains_key("etag"));
        }
    }
    stage.close().await;
}

#[tokio::test]
async fn e3_a_range_is_ignored_and_none_is_offered() {
    for http in BOTH {
        let stage = Stage::raise().await;
        let whole = ask(&stage, http, "/pier/patient-1", (Method::GET, &[])).await;
        for lines in [[("range", "bytes=0-3")], [("range", "bytes=-1")]] {
            let response = ask(&stage, http, "/pier/patient-1", (Method::GET, &lines)).await;
            record_of(stage.folder.path(), &response);
            assert_eq!((response.status().as_u16(), response.body()), (200, whole.body()));
            assert!(["accept-ranges", "content-range"].iter().all(|name| !response.headers().contains_key(*name)));
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn e3_a_head_is_judged_as_the_read_is() {
    for http in BOTH {
        let stage = Stage::raise().await;
        for path in ["/pier/patient-1", "/pier/hidden", "/pier/absent"] {
            let [read, head] = [Method::GET, Method::HEAD].map(|method| (method, [].as_slice()));
            let (read, head) = (ask(&stage, http, path, read).await, ask(&stage, http, path, head).await);
            assert_eq!(
                (read.status(), read.headers().get("etag")),
                (head.status(), head.headers().get("etag")),
                "{path}"
            );
            let records = [&read, &head].map(|response| record_of(stage.folder.path(), response));
            assert_eq!(records[0].reason, records[1].reason);
            assert_eq!(records[0].patients, records[1].patients, "{path}");
        }
        stage.close().await;
    }
}

/// Nothing of anybody stays in a cache on the way: answers, refusals and `304` all say so.
#[tokio::test]
async fn f8_nothing_may_be_stored() {
    let stage = Stage::raise().await;
    for (path, lines) in [
        ("/pier/patient-1", [("accept", "*/*")]),
        ("/pier/patient-1", [("if-none-match", "*")]),
        ("/pier/hidden", [("accept", "*/*")]),
        ("/pier/create", [("accept", "*/*")]),
        ("/pier/long", [("accept", "*/*")]),
    ] {
        let response = ask(&stage, Http::Two, path, (Method::GET, &lines)).await;
        assert_eq!(response.headers()["cache-control"], "no-store", "{path}");
    }
    stage.close().await;
}
