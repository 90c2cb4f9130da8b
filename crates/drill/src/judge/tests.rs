use super::*;
use crate::attack::Corpus;

const TARGET: &str = r#"
base = "http://127.0.0.1:1/fhir"
dialect = "lazaret"
[value]
mine = "p001"
absent = "nobody"
[words]
hidden = ["SECRET", "p001"]
"#;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: vec![("etag".to_owned(), "x".to_owned())], body: body.to_owned(), answers: 1 }
}

/// The choke point: an attack with these words, its answer, its twin's answer.
#[track_caller]
fn check(attack: &str, answer: &Answer, twin: Option<&Answer>, expect: (Verdict, &str)) {
    let text = format!(
        "[[attack]]\nid = \"C1-a\"\ncatalogue = \"C1\"\ntitle = \"t\"\nas = \"none\"\npath = \"/Patient/{{mine}}\"\n{attack}"
    );
    let corpus = Corpus::parse([text.as_str()]).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let attack = corpus.attacks().first().expect("one");
    let target = Target::parse(TARGET).expect("a target");
    let place = target.place().expect("a place");
    let ask = |request: &crate::attack::Request| Question::new(request, "none", &target, &place).expect("said");
    let (question, other) = (ask(&attack.request), attack.same_as.as_ref().map(|twin| ask(&twin.request(attack))));
    let outcome = Outcome { attack, target: &target, question: &question, answer, twin: other.as_ref().zip(twin) };
    assert_eq!(outcome.judge(), (expect.0, expect.1.to_owned()), "{text}");
}

#[test]
fn a_status_leaks_only_by_success() {
    use Verdict::{Held, Leaked, Unclear};
    for (said, status, verdict, why) in [
        ("\"refused\"", 403, Held, "status 403"),
        ("\"refused\"", 501, Held, "status 501"),
        ("\"refused\"", 200, Leaked, "answered with 200"),
        ("\"refused\"", 304, Leaked, "answered with 304"),
        ("\"refused\"", 429, Unclear, "status 429"),
        ("\"refused\"", 500, Unclear, "status 500"),
        ("[401]", 401, Held, "status 401"),
        ("[401]", 403, Unclear, "status 403"),
        ("[401]", 204, Leaked, "answered with 204"),
        ("\"any\"", 200, Held, "status 200"),
        ("\"any\"", 404, Held, "status 404"),
        ("\"any\"", 503, Unclear, "status 503"),
    ] {
        check(&format!("status = {said}\n"), &answer(status, ""), None, (verdict, why));
    }
}

#[test]
fn words_leak_unless_the_caller_wrote_them() {
    let attack = "status = \"any\"\nmust_not_contain = [\"hidden\"]\n";
    check(attack, &answer(200, "p001 is nobody"), None, (Verdict::Held, "status 200"));
    check(attack, &answer(200, "a SECRET"), None, (Verdict::Leaked, "1 of the words `hidden`"));
    check(attack, &answer(500, "a SECRET"), None, (Verdict::Leaked, "1 of the words `hidden`"));
    let mut in_header = answer(404, "");
    in_header.headers.push(("location".to_owned(), "/SECRET".to_owned()));
    check(attack, &in_header, None, (Verdict::Leaked, "1 of the words `hidden`"));
    let unknown = "status = \"any\"\nmust_not_contain = [\"others\"]\n";
    check(unknown, &answer(404, ""), None, (Verdict::Unclear, "the target has no words `others`"));
}

#[test]
fn entries_are_counted_without_what_comes_along() {
    let bundle = |modes: &[&str]| {
        let entries: Vec<_> = modes.iter().map(|mode| format!(r#"{{"search":{{"mode":"{mode}"}}}}"#)).collect();
        answer(200, &format!(r#"{{"resourceType":"Bundle","entry":[{}]}}"#, entries.join(",")))
    };
    let most = "status = \"any\"\nentries = { at_most = 1 }\n";
    check(most, &bundle(&["match", "include", "outcome"]), None, (Verdict::Held, "status 200"));
    check(most, &bundle(&["match", "match"]), None, (Verdict::Leaked, "2 entries, 1 expected"));
    check(most, &answer(403, "{}"), None, (Verdict::Held, "status 403"));
    let exactly = "status = \"any\"\nentries = { exactly = 1 }\n";
    check(exactly, &bundle(&["match"]), None, (Verdict::Held, "status 200"));
    check(exactly, &bundle(&[]), None, (Verdict::Unclear, "0 entries, 1 expected"));
    check(exactly, &bundle(&["match", "match"]), None, (Verdict::Leaked, "2 entries, 1 expected"));
    let one = "status = \"any\"\nanswers_at_most = 1\n";
    check(one, &Answer { answers: 2, ..answer(400, "") }, None, (Verdict::Leaked, "2 answers, 1 expected"));
}

#[test]
fn a_header_must_be_in_a_success_only() {
    let attack = "status = \"any\"\nmust_have = [[\"cache-control\", \"no-store\"]]\n";
    check(attack, &answer(200, ""), None, (Verdict::Leaked, "`cache-control` does not say `no-store`"));
    check(attack, &answer(404, ""), None, (Verdict::Held, "status 404"));
    let mut kept = answer(200, "");
    kept.headers.push(("cache-control".to_owned(), "private, no-store".to_owned()));
    check(attack, &kept, None, (Verdict::Held, "status 200"));
}

#[test]
fn twins_may_differ_in_nothing_that_means_something() {
    let attack = "status = \"any\"\nsame_as = { path = \"/Patient/{absent}\" }\n";
    let held = (Verdict::Held, "status 404");
    check(attack, &answer(404, "no p001"), Some(&answer(404, "no nobody")), held);
    let traced = |trace: &str| {
        let mut traced = answer(404, &format!("see {trace}"));
        traced.headers.push(("lazaret-trace".to_owned(), trace.to_owned()));
        traced.headers.push(("date".to_owned(), trace.to_owned()));
        traced
    };
    check(attack, &traced("0123456789"), Some(&traced("9876543210")), held);
    let told = |what: &str| format!("can be told from its twin: {what}");
    check(attack, &answer(403, ""), Some(&answer(404, "")), (Verdict::Leaked, &told("status 403 and 404")));
    check(attack, &answer(404, "a"), Some(&answer(404, "b")), (Verdict::Leaked, &told("another body")));
    let mut tagged = answer(404, "");
    tagged.headers.push(("last-modified".to_owned(), "now".to_owned()));
    check(attack, &tagged, Some(&answer(404, "")), (Verdict::Leaked, &told("other headers")));
    check(attack, &answer(200, ""), Some(&answer(503, "")), (Verdict::Unclear, "status 200 and 503"));

    let page = |id: &str, total: u32, links: &str| {
        answer(200, &format!(r#"{{"resourceType":"Bundle","id":"{id}","total":{total},"link":[{links}]}}"#))
    };
    let own = r#"{"relation":"self","url":"a"}"#;
    let next = |url: &str| format!(r#"{{"relation":"next","url":"{url}"}}"#);
    let held = (Verdict::Held, "status 200");
    check(attack, &page("1", 0, own), Some(&page("2", 0, "")), held);
    check(attack, &page("1", 0, &next("a")), Some(&page("2", 0, &next("b"))), held);
    check(attack, &page("1", 0, &next("a")), Some(&page("1", 0, "")), (Verdict::Leaked, &told("another body")));
    check(attack, &page("1", 1, ""), Some(&page("1", 0, "")), (Verdict::Leaked, &told("another body")));
}

#[test]
fn a_refusal_for_another_reason_is_luck() {
    let attack = "status = \"any\"\nreason = [\"parameter.observes-hidden\"]\n";
    let outcome =
        |code: &str| answer(403, &format!(r#"{{"issue":[{{"details":{{"coding":[{{"code":"{code}"}}]}}}}]}}"#));
    check(attack, &outcome("parameter.observes-hidden"), None, (Verdict::Held, "status 403"));
    let why = "refused with `scope.missing`, not `parameter.observes-hidden`";
    check(attack, &outcome("scope.missing"), None, (Verdict::Unclear, why));
}
