use super::*;

const TARGET: &str =
    "base = \"https://localhost:8443/fhir/\"\n[token]\nnurse = \"aa.bb.cc\"\n[value]\nmine = \"p001\"\n";

fn sent(request: &Request, token: &str) -> Result<Question, Unsaid> {
    let target = Target::parse(TARGET).expect("a target");
    let place = target.place().expect("a place");
    Question::new(request, token, &target, &place)
}

/// The choke point: a path as it is sent.
#[track_caller]
fn check(path: &str, expect: &str) {
    let request = Request { path: Some(path.to_owned()), ..Request::default() };
    match sent(&request, "none").map(|question| question.sent) {
        Ok(Sent::Plain { uri, headers, .. }) => assert_eq!((uri.as_str(), headers.len()), (expect, 0)),
        Ok(Sent::Raw(_)) => panic!("raw"),
        Err(Unsaid(what)) => assert_eq!(what, expect),
    }
}

#[test]
fn placeholders_become_what_the_target_says() {
    check("/Patient/{mine}?x={mine}", "/fhir/Patient/p001?x=p001");
    check("/{\"id\"}{}{Mine}{", "/fhir/{\"id\"}{}{Mine}{");
    check("/x?t={token.nurse}", "/fhir/x?t=aa.bb.cc");
    check("/Patient/{stranger}", "no value `stranger`");
    check("/x?t={token.nobody}", "no token `nobody`");
}

#[test]
fn tokens_are_sent_and_broken_ones_are_made() {
    let said = |token: &str| match sent(&Request::default(), token).map(|question| question.sent) {
        Ok(Sent::Plain { headers, .. }) => {
            headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
        }
        Ok(Sent::Raw(_)) => "raw".to_owned(),
        Err(Unsaid(what)) => what,
    };
    assert_eq!(said("nurse"), "authorization: Bearer aa.bb.cc");
    assert_eq!(said("none"), "");
    assert_eq!(said("forged"), "authorization: Bearer aa.bb.AA");
    assert_eq!(said("unsigned"), "authorization: Bearer aa.bb.");
    assert_eq!(said("alg-none"), "authorization: Bearer eyJhbGciOiJub25lIn0.bb.");
    assert_eq!(said("alg-hs256"), "authorization: Bearer eyJhbGciOiJIUzI1NiJ9.bb.cc");
    assert_eq!(said("support"), "no token `support`");
}

#[test]
fn of_raw_bytes_only_the_request_line_is_the_question() {
    let raw = "GET {base_path}/Patient/{mine} HTTP/1.1\r\nHost: {host}\r\nX: evil\r\n\r\n".to_owned();
    let question = sent(&Request { raw: Some(raw), ..Request::default() }, "nurse").expect("said");
    assert_eq!(question.text(), "GET /fhir/Patient/p001 HTTP/1.1");
    let Sent::Raw(text) = question.sent else { panic!("not raw") };
    assert!(text.contains("Host: localhost:8443\r\n"), "{text}");
}
