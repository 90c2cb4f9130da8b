//! The one kind of body that is read: the form of a search (<https://hl7.org/fhir/R4/http.html#search>). It is read for a
//! verified caller only, up to a limit and for so long.

use bytes::{Buf, BufMut, BytesMut};
use http::{HeaderMap, Method, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use lexicon::Reason;
use std::time::Duration;
use tokio::time::timeout;

/// Largest form, in bytes.
const MOST: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// Does a request bring a form? Whatever else it brings stays unread.
pub(crate) fn is_form(parts: &Parts) -> Result<bool, Reason> {
    if parts.method != Method::POST {
        return Ok(false);
    }
    let Some(media_type) = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return Ok(false);
    };
    let mut words = media_type.split(';').map(str::trim);
    if !words.next().is_some_and(|essence| essence.eq_ignore_ascii_case(FORM)) {
        return Ok(false);
    }
    // A form in another character set would be another form.
    let is_utf8 = words.filter(|word| !word.is_empty()).all(|word| {
        let (name, value) = word.split_once('=').unwrap_or_default();
        name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if !is_utf8 {
        return Err(Reason::RequestMediaType);
    }
    if is_encoded(&parts.headers) { Err(Reason::RequestEncoding) } else { Ok(true) }
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Polling the body is what makes the HTTP library say `100 Continue` to a client that waits for it.
pub(crate) async fn read<B: Body<Data: Buf> + Unpin>(body: B, patience: Duration) -> Result<String, Reason> {
    if body.size_hint().lower() > MOST as u64 {
        return Err(Reason::RequestBodyTooLong);
    }
    // Who does not send in time what was announced has left.
    let bytes = timeout(patience, collect(body)).await.map_err(|_elapsed| Reason::ClientLeft)??;
    String::from_utf8(bytes.into()).map_err(|_| Reason::RequestMalformed)
}

async fn collect<B: Body<Data: Buf> + Unpin>(mut body: B) -> Result<BytesMut, Reason> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Reason::ClientLeft)?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.remaining() > MOST {
            return Err(Reason::RequestBodyTooLong);
        }
        bytes.put(data);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::Full;
    use std::{
        collections::VecDeque,
        pin::Pin,
        task::{Context, Poll},
    };

    fn check(lines: &[(&str, &str)], expect: Result<bool, Reason>) {
        let mut request = http::Request::post("/fhir/Patient/_search");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        assert_eq!(is_form(&parts), expect, "{lines:?}");
    }

    #[test]
    fn f2_only_a_plain_form_in_utf_8_is_a_form() {
        check(&[("content-type", FORM)], Ok(true));
        check(&[("content-type", "Application/X-WWW-Form-URLencoded ; charset=\"UTF-8\";")], Ok(true));
        check(&[("content-type", FORM), ("content-encoding", "identity")], Ok(true));
        for other in ["application/fhir+json", "text/plain", "application/x-www-form-urlencoded-not", ""] {
            check(&[("content-type", other)], Ok(false));
            check(&[("content-type", other), ("content-encoding", "gzip")], Ok(false));
        }
        check(&[], Ok(false));
        for charset in ["charset=utf-16", "charset=iso-8859-1", "charset", "boundary=x", "charset=utf-8; a=b"] {
            check(&[("content-type", &format!("{FORM}; {charset}"))], Err(Reason::RequestMediaType));
        }
        for encoding in ["gzip", "deflate", "br", "identity, gzip", "zstd"] {
            check(&[("content-type", FORM), ("content-encoding", encoding)], Err(Reason::RequestEncoding));
        }
    }

    #[tokio::test]
    async fn a_form_has_a_limit() {
        let patience = Duration::from_secs(5);
        for (length, expect) in [(0, Ok(0)), (MOST, Ok(MOST)), (MOST + 1, Err(Reason::RequestBodyTooLong))] {
            let body = Full::new(Bytes::from(vec![b'a'; length]));
            assert_eq!(read(body, patience).await.map(|form| form.len()), expect, "{length}");
        }
        let chunk = || Ok(Bytes::from(vec![b'a'; 1024]));
        let unannounced = Chunks((0..=MOST / 1024).map(|_| chunk()).collect());
        assert_eq!(read(unannounced, patience).await, Err(Reason::RequestBodyTooLong));
        let broken = Chunks([chunk(), Err("reset")].into());
        assert_eq!(read(broken, patience).await, Err(Reason::ClientLeft));
        let body = Full::new(Bytes::from_static(b"\xff"));
        assert_eq!(read(body, patience).await, Err(Reason::RequestMalformed));
        assert_eq!(read(Stalled, Duration::ZERO).await, Err(Reason::ClientLeft));
    }

    /// A body that does not say how long it is.
    struct Chunks(VecDeque<Result<Bytes, &'static str>>);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Ready(self.0.pop_front().map(|chunk| chunk.map(Frame::data)))
        }
    }

    struct Stalled;

    impl Body for Stalled {
        type Data = Bytes;
        type Error = &'static str;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }
    }
}
