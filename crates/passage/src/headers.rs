//! What of a request's head is believed. Everything else ends here: the upstream's request is built anew (F3, F5, F6).

use http::{HeaderMap, HeaderName, header, request::Parts};
use identity::Bearer;
use lexicon::Reason;

/// Longest path and query together, in bytes.
const LINE: usize = 8 * 1024;

/// Headers that change a method behind the door's back (F3).
const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Headers of which two would mean that two readers may read two requests (RFC 9112 section 6.3, RFC 9110 section 7.2).
const SINGLE: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
];

/// Refuses heads that contradict themselves.
pub(crate) fn admit(parts: &Parts) -> Result<(), Reason> {
    let headers = &parts.headers;
    let contradicts = OVERRIDES.iter().any(|name| headers.contains_key(*name))
        || SINGLE.iter().any(|name| headers.get_all(name).iter().nth(1).is_some())
        || (headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH));
    if contradicts {
        return Err(Reason::RequestHeader);
    }
    let uri = &parts.uri;
    if uri.path().len() + uri.query().map_or(0, str::len) > LINE {
        return Err(Reason::RequestTooLong);
    }
    // The absolute form belongs to proxies; HTTP/2 always carries an authority; HTTP/1.1 says a host in any case
    // (RFC 9112 section 3.2).
    let is_proxied = parts.version < http::Version::HTTP_2 && uri.authority().is_some();
    if is_proxied || (parts.version == http::Version::HTTP_11 && !headers.contains_key(header::HOST)) {
        return Err(Reason::RequestMalformed);
    }
    Ok(())
}

/// The bearer token, if a credential was sent at all.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<Bearer>, Reason> {
    headers.get(header::AUTHORIZATION).map(|value| Bearer::from_header(value.as_bytes())).transpose()
}

/// All `Accept` lines as the one list they are (RFC 9110 section 5.3).
pub(crate) fn accept(headers: &HeaderMap) -> Result<Option<String>, Reason> {
    let mut all: Option<String> = None;
    for value in headers.get_all(header::ACCEPT) {
        let value = value.to_str().map_err(|_| Reason::RequestHeader)?;
        match &mut all {
            None => all = Some(value.to_owned()),
            Some(list) => {
                list.push_str(", ");
                list.push_str(value);
            }
        }
    }
    Ok(all)
}

/// The criteria of a conditional create (<https://hl7.org/fhir/R4/http.html#ccreate>).
pub(crate) fn if_none_exist(headers: &HeaderMap) -> Result<Option<&str>, Reason> {
    let mut lines = headers.get_all("if-none-exist").iter();
    match (lines.next(), lines.next()) {
        (_, Some(_)) => Err(Reason::RequestHeader),
        (line, None) => line.map(|line| line.to_str().map_err(|_| Reason::RequestHeader)).transpose(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&str, &str)], expect: Result<(), Reason>) {
        let mut request = http::Request::builder().uri("/fhir/Patient/1");
        if !lines.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "a");
        }
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("valid").into_parts();
        assert_eq!(admit(&parts), expect, "{lines:?}");
    }

    #[test]
    fn heads_that_contradict_themselves_are_refused() {
        check(&[("host", "a"), ("authorization", "Bearer x")], Ok(()));
        for name in SINGLE {
            check(&[(name.as_str(), "1"), (name.as_str(), "1")], Err(Reason::RequestHeader));
        }
        check(&[("content-length", "1"), ("transfer-encoding", "chunked")], Err(Reason::RequestHeader));
    }

    #[test]
    fn f3_no_header_changes_the_method() {
        for name in OVERRIDES {
            check(&[(name, "DELETE")], Err(Reason::RequestHeader));
        }
    }

    #[test]
    fn f6_claims_about_the_way_here_are_ignored_not_believed() {
        check(&[("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")], Ok(()));
    }

    #[test]
    fn long_lines_and_the_absolute_form_are_refused() {
        for (uri, expect) in [
            (format!("/{}", "x".repeat(LINE)), Err(Reason::RequestTooLong)),
            (format!("/{}", "x".repeat(LINE - 1)), Ok(())),
            (format!("/?{}", "x".repeat(LINE)), Err(Reason::RequestTooLong)),
            ("https://other/fhir".to_owned(), Err(Reason::RequestMalformed)),
        ] {
            let request = http::Request::builder().uri(uri).header("host", "a");
            let (parts, ()) = request.body(()).expect("valid").into_parts();
            assert_eq!(admit(&parts), expect);
        }
        let (parts, ()) = http::Request::get("/").body(()).expect("valid").into_parts();
        assert_eq!(admit(&parts), Err(Reason::RequestMalformed), "a request for no host");
    }

    #[test]
    fn accept_lines_are_one_list() {
        let mut headers = HeaderMap::new();
        assert_eq!(accept(&headers), Ok(None));
        headers.append(header::ACCEPT, "text/html".parse().expect("valid"));
        headers.append(header::ACCEPT, "application/fhir+json".parse().expect("valid"));
        assert_eq!(accept(&headers), Ok(Some("text/html, application/fhir+json".into())));
        headers.append(header::ACCEPT, http::HeaderValue::from_bytes(b"\xff").expect("opaque"));
        assert_eq!(accept(&headers), Err(Reason::RequestHeader));
    }
}
