use super::*;
use crate::filter::Scanned;
use crate::{Base, Part, Projections};
use lexicon::ResourceType;

/// A page in words: its entries, its next link, its total.
fn read(kind: BundleKind, page: &[u8], chunk: usize, limits: EntryLimits) -> Result<String, Reason> {
    let mut entries = Entries::new(kind, limits);
    let mut words = Vec::new();
    for part in page.chunks(chunk) {
        entries.push(part)?;
        while let Some(Entry { resource, mode, request }) = entries.next() {
            let name = |it: &Scanned| {
                format!("{}/{}", it.resource_type(), it.id().map_or(String::new(), |id| id.reveal().to_owned()))
            };
            let resource = resource.as_ref().map_or("nothing".to_owned(), name);
            let request = request.map_or(String::new(), |r| format!(" {} {}", r.method.code(), r.url));
            words.push(format!("{} {resource}{request}", mode.code()));
        }
    }
    let tail = entries.finish()?;
    words.extend(tail.next.map(|url| format!("next {url}")));
    words.extend(tail.total.map(|total| format!("total {total}")));
    Ok(words.join(", "))
}

/// The choke point: a page, whatever the chunks, means this; nothing if it is refused.
#[track_caller]
fn check_kind(kind: BundleKind, page: &[u8], expect: Option<&str>) {
    for chunk in [1, 2, 7, 64, usize::MAX] {
        let found = read(kind, page, chunk, EntryLimits::PAGE);
        let expect = expect.map(str::to_owned).ok_or(Reason::UpstreamPage);
        assert_eq!(found, expect, "chunks of {chunk}: {}", String::from_utf8_lossy(page));
    }
}

#[track_caller]
fn check(page: &str, expect: &str) {
    check_kind(BundleKind::Searchset, page.as_bytes(), Some(expect));
}

#[track_caller]
fn refused(page: impl AsRef<[u8]>) {
    check_kind(BundleKind::Searchset, page.as_ref(), None);
}

/// A searchset with these members beside type.
fn searchset(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!(r#"{{"resourceType":"Bundle","type":"searchset"{comma}{members}}}"#)
}

fn entry(resource: &str) -> String {
    searchset(&format!(r#""entry":[{{"resource":{resource}}}]"#))
}

const P1: &str = r#"{"resource":{"resourceType":"Patient","id":"p1"}}"#;

#[test]
fn members_may_come_in_any_order() {
    let kind = r#""type":"searchset""#;
    let of = r#""resourceType":"Bundle""#;
    let entries = format!(
        r#""entry":[{P1},{{"search":{{"mode":"include"}},"resource":{{"id":"o1","resourceType":"Observation"}},"fullUrl":"https://up/o1"}}]"#
    );
    let link = r#""link":[{"relation":"self","url":"s"},{"url":"https://up/r4?_getpages=1","relation":"next"}]"#;
    let total = r#""total":17"#;
    let expect = "match Patient/p1, include Observation/o1, next https://up/r4?_getpages=1, total 17";
    let members = [of, kind, &entries, link, total];
    for first in 0..members.len() {
        let turned: Vec<&str> = members.iter().cycle().skip(first).take(members.len()).copied().collect();
        check(&format!("{{{}}}", turned.join(",")), expect);
        check(&format!(" \n{{ {}\t}}\r\n", turned.join(" , ")), expect);
    }
}

#[test]
fn a_page_may_be_empty() {
    check(&searchset(""), "");
    check(&searchset(r#""entry":[]"#), "");
    check(&searchset(r#""entry": [ ] ,"total":0,"link":[]"#), "total 0");
}

#[test]
fn words_like_entry_elsewhere_are_not_the_entries() {
    check(&searchset(&format!(r#""meta":{{"entry":[1]}},"x":["entry",["entry"]],"entry":[{P1}]"#)), "match Patient/p1");
    check(&searchset(&format!(r#""x":"entry","entry":[{P1}],"y":"\"entry\":[","entries":[]"#)), "match Patient/p1");
    check(&entry(r#"{"resourceType":"List","id":"l","entry":[{"item":{"display":"]}"}}]}"#), "match List/l");
    check(&entry(r#"{"resourceType":"Basic","id":"b","x":"\\","y":"\"}]","z":"{["}"#), "match Basic/b");
}

#[test]
fn names_that_begin_like_entry_are_other_names() {
    check(&searchset(&format!(r#""entry2":[{P1}],"entries":[{P1}],"entr":[{P1}],"Entry":[{P1}]"#)), "");
    check(&searchset(&format!(r#""xentry":[{P1}],"":[{P1}],"entry":[]"#)), "");
}

/// What is refused late must not have let out what stands behind it.
#[test]
fn f4_nothing_behind_a_broken_place_is_let_out() {
    let filler = format!(r#""x":"{}""#, "x".repeat(64));
    for (page, before) in [
        (format!(r#"{{"entry":[{P1}],"entry":[{P1},{P1}"#), 1),
        (format!(r#"{{"total":tru,{filler},"entry":[{P1}"#), 0),
        (format!(r#"{{"a":1 2,{filler},"entry":[{P1}"#), 0),
        (format!(r#"[{filler},"entry":[{P1}"#), 0),
        (format!(r#"{{"entry":[{P1},{{"resource":{{"id":1,"id":02}}}},{P1}"#), 1),
    ] {
        for chunk in [1, 64, usize::MAX] {
            let mut entries = Entries::new(BundleKind::Searchset, EntryLimits::PAGE);
            let refused = page.as_bytes().chunks(chunk).any(|part| entries.push(part).is_err());
            assert!(refused, "chunks of {chunk}: {page}");
            assert_eq!(std::iter::from_fn(|| entries.next()).count(), before, "chunks of {chunk}: {page}");
        }
    }
}

#[test]
fn c17_an_outcome_is_dropped_with_its_words() {
    let outcome = r#"{"resourceType":"OperationOutcome","issue":[{"diagnostics":"SELECT ssn"}]}"#;
    check(&searchset(&format!(r#""entry":[{{"resource":{outcome}}},{P1}]"#)), "outcome nothing, match Patient/p1");
    for said in ["match", "include", "outcome"] {
        let entry = format!(r#""entry":[{{"resource":{outcome},"search":{{"mode":"{said}"}}}}]"#);
        check(&searchset(&entry), "outcome nothing");
    }
    check(&searchset(r#""entry":[{"search":{"mode":"outcome"}}]"#), "outcome nothing");
    let patient = r#""entry":[{"resource":{"resourceType":"Patient","id":"p1"},"search":{"mode":"outcome"}}]"#;
    check(&searchset(patient), "outcome nothing");
}

#[test]
fn f4_a_page_that_readers_differ_about_is_refused() {
    for page in [
        // Duplicate and escaped names in the frame.
        searchset(&format!(r#""entry":[{P1}],"entry":[{P1}]"#)),
        searchset(r#""entry":[],"entry":[]"#),
        searchset(&format!(r#""entry":[{P1}],"\u0065ntry":[{P1}]"#)),
        searchset(&format!(r#""\u0065ntry":[{P1}]"#)),
        searchset(r#""type":"searchset""#),
        searchset(r#""total":1,"total":2"#),
        searchset(r#""link":[{"relation":"next","url":"a","url":"b"}]"#),
        // Not JSON.
        searchset(&format!(r#""entry":[{P1},]"#)),
        searchset(&format!(r#""entry":[,{P1}]"#)),
        searchset(&format!(r#""entry":[{P1} {P1}]"#)),
        searchset(&format!(r#""entry":[{P1}}}]"#)),
        searchset(&format!(r#""entry"[{P1}]"#)),
        searchset(&format!(r#""entry"::[{P1}]"#)),
        searchset(&format!(r#""entry":[{P1}],"#)),
        searchset(r#""entry":[{"resource":{"resourceType":"Patient"]}]"#),
        searchset(
            r#""entry":[// none
            ]"#,
        ),
        searchset(r#""total":NaN"#),
        searchset(r#""total":01"#),
        searchset("\"x\":\"a\u{1}b\""),
        searchset(r#""x":"\ud800""#),
        searchset(&format!(r#""x":{}{}"#, "[".repeat(64), "]".repeat(64))),
        // More than one document, or less.
        format!("{}{}", searchset(""), searchset("")),
        format!("{} x", searchset("")),
        format!("\u{feff}{}", searchset("")),
        format!("[{}]", searchset("")),
        String::new(),
    ] {
        refused(page);
    }
    let whole = searchset(&format!(r#""link":[],"entry":[{P1},{P1}],"total":1"#));
    for length in 0..whole.len() {
        refused(&whole.as_bytes()[..length]);
    }
    for at in [whole.find("link").expect("there"), whole.find("p1").expect("there")] {
        for strange in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\0"] {
            refused([&whole.as_bytes()[..at], strange, &whole.as_bytes()[at..]].concat());
        }
    }
}

#[test]
fn what_is_no_searchset_is_refused() {
    for page in [
        r#"{"resourceType":"Patient","type":"searchset"}"#.to_owned(),
        r#"{"type":"searchset"}"#.to_owned(),
        r#"{"resourceType":"Bundle"}"#.to_owned(),
        r#"{"resourceType":"Bundle","type":"history"}"#.to_owned(),
        r#"{"resourceType":"Bundle","type":"collection"}"#.to_owned(),
        r#"{"resourceType":"Bundle","type":["searchset"]}"#.to_owned(),
        r#"{"resourceType":"bundle","type":"searchset"}"#.to_owned(),
        r#"{"resourceType":"OperationOutcome","issue":[]}"#.to_owned(),
        searchset(r#""entry":{}"#),
        searchset(r#""entry":null"#),
        searchset(r#""entry":"x""#),
        searchset(r#""entry":[null]"#),
        searchset(r#""entry":[[]]"#),
        searchset(r#""entry":["x"]"#),
        searchset(r#""entry":[{}]"#),
        searchset(r#""entry":[{"fullUrl":"x"}]"#),
        searchset(r#""entry":[{"search":{"mode":"match"}}]"#),
        searchset(r#""entry":[{"fullUrl":1,"resource":{"resourceType":"Patient"}}]"#),
        searchset(r#""entry":[{"search":"match","resource":{"resourceType":"Patient"}}]"#),
        searchset(r#""entry":[{"search":{"mode":"Match"},"resource":{"resourceType":"Patient"}}]"#),
        searchset(r#""entry":[{"search":{"mode":1},"resource":{"resourceType":"Patient"}}]"#),
    ] {
        refused(page);
    }
}

#[test]
fn c15_a_next_link_is_read_strictly_or_the_page_is_refused() {
    check(&searchset(r#""link":[{"relation":"previous","url":"x"}]"#), "");
    check(&searchset(r#""link":[{"relation":"next","url":"https:\/\/up\/\u0061"}]"#), "next https://up/a");
    for link in [
        r#"{"relation":"next","url":"x"}"#,
        r#"["next"]"#,
        r#"[{"relation":"next"}]"#,
        r#"[{"url":"x"}]"#,
        r#"[{"relation":"next","url":1}]"#,
        r#"[{"relation":["next"],"url":"x"}]"#,
        r#"[{"relation":"next","url":"a"},{"relation":"next","url":"b"}]"#,
        "null",
    ] {
        refused(searchset(&format!(r#""link":{link}"#)));
    }
}

#[test]
fn c11_a_total_is_a_count_or_the_page_is_refused() {
    check(&searchset(r#""total":18446744073709551615"#), "total 18446744073709551615");
    for total in ["-1", "1.0", "1e3", "\"1\"", "null", "true", "[1]", "18446744073709551616"] {
        refused(searchset(&format!(r#""total":{total}"#)));
    }
}

#[test]
fn a_history_says_how_each_version_came() {
    let history = |entries: &str| format!(r#"{{"resourceType":"Bundle","type":"history","entry":[{entries}]}}"#);
    let version = |method: &str| {
        format!(
            r#"{{"resource":{{"resourceType":"Patient","id":"p1"}},"request":{{"method":"{method}","url":"Patient/p1"}},"response":{{"status":"200"}}}}"#
        )
    };
    let deleted = r#"{"request":{"method":"DELETE","url":"Patient/p1"}}"#;
    let page = history(&format!("{deleted},{},{}", version("PUT"), version("POST")));
    let expect = "match nothing DELETE Patient/p1, match Patient/p1 PUT Patient/p1, match Patient/p1 POST Patient/p1";
    check_kind(BundleKind::History, page.as_bytes(), Some(expect));
    for entries in [
        P1.to_owned(),
        version("GET"),
        version("put"),
        version("DELETE"),
        r#"{"request":{"method":"PUT","url":"Patient/p1"}}"#.to_owned(),
        r#"{"request":{"method":"DELETE"}}"#.to_owned(),
    ] {
        check_kind(BundleKind::History, history(&entries).as_bytes(), None);
    }
    check_kind(BundleKind::History, searchset("").as_bytes(), None);
}

#[test]
fn f4_a_page_costs_no_more_than_its_limits() {
    let limits = EntryLimits { entry: Limits { bytes: 100, depth: 4 }, bytes: 1000, entries: 3 };
    let check = |page: &str, fits: bool| {
        for chunk in [1, 64, usize::MAX] {
            let read = read(BundleKind::Searchset, page.as_bytes(), chunk, limits);
            assert_eq!(read.is_ok(), fits, "chunks of {chunk}: {page}");
        }
    };
    let many = |count: usize| searchset(&format!(r#""entry":[{}]"#, vec![P1; count].join(",")));
    check(&many(3), true);
    check(&many(4), false);
    check(&format!("{}{}", searchset(""), " ".repeat(1000 - searchset("").len())), true);
    check(&format!("{}{}", searchset(""), " ".repeat(1001 - searchset("").len())), false);
    let wide = EntryLimits { bytes: u64::MAX, ..EntryLimits::PAGE };
    let frame = searchset(&format!(r#""x":"{}""#, "x".repeat(FRAME.bytes)));
    assert_eq!(read(BundleKind::Searchset, frame.as_bytes(), 4096, wide), Err(Reason::UpstreamPage));
}

/// An entry that cannot be read takes nothing with it: not its neighbours, and not the page.
mod unreadable;

/// However long the page is, what is held is the frame and one entry.
#[test]
fn memory_is_bounded_by_one_entry() {
    let mut entries = Entries::new(BundleKind::Searchset, EntryLimits { entries: 100_000, ..EntryLimits::PAGE });
    entries.push(br#"{"resourceType":"Bundle","type":"searchset","entry":["#).expect("begins");
    let filler = format!(r#"{{"resource":{{"resourceType":"Basic","code":{{"text":"{}"}}}}}}"#, "x".repeat(900));
    for number in 0..5000 {
        entries.push(if number > 0 { b"," } else { b" " }).expect("goes on");
        entries.push(filler.as_bytes()).expect("goes on");
        assert!(entries.next().is_some() && entries.ready.is_empty());
        assert!(entries.frame.bytes().len() < 200 && matches!(entries.current, Current::None), "at entry {number}");
    }
    entries.push(b"]}").expect("ends");
    assert_eq!(entries.finish(), Ok(Tail { next: None, total: None }));
}

#[test]
fn a_refusal_is_final() {
    let mut entries = Entries::new(BundleKind::Searchset, EntryLimits::PAGE);
    let page = searchset(&format!(r#""entry":[{P1},{{"resource":01}},{P1}]"#));
    assert_eq!(entries.push(page.as_bytes()), Err(Reason::UpstreamPage));
    assert_eq!(entries.push(b" "), Err(Reason::UpstreamPage));
    assert!(entries.next().is_some() && entries.next().is_none(), "nothing behind the broken entry");
    assert_eq!(entries.finish(), Err(Reason::UpstreamPage));
}

/// An answer of what these resources show, in chunks as they come.
fn write(kind: BundleKind, resources: &[&str], links: &[(&'static str, String)], total: Option<u64>) -> String {
    let projections =
        Projections::load("[Patient]\ndefault = [\"id\", \"gender\"]\n[Basic]\ndefault = [\"code\"]").expect("loads");
    let base = Base::new(["https://up.example/r4"]);
    let mut writer = Writer::new(kind, "https://localhost:8443/fhir/");
    let mut out = Vec::new();
    for resource in resources {
        let scanned = Scanned::of(resource.as_bytes(), Limits::READ).expect("acceptable");
        let projection = projections.compile(scanned.resource_type(), &[]);
        let projected = scanned.project_part(&projection, &base, &Part::All);
        match kind {
            BundleKind::Searchset => writer.entry(projected, Mode::Match),
            BundleKind::History => writer.version(projected, Method::Put),
        }
        out.extend(writer.take());
        assert_eq!(writer.pending(), 0);
    }
    writer.finish(links, total);
    out.extend(writer.take());
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn c16_an_answer_has_our_links_and_our_layout_only() {
    let patient = r#"{"resourceType":"Patient","id":"p1","gender":"male"}"#;
    let links = [("self", "https://localhost:8443/fhir/Patient?name=a\"b".to_owned()), ("next", "n".to_owned())];
    assert_eq!(
        write(BundleKind::Searchset, &[patient, patient], &links, Some(2)),
        concat!(
            r#"{"resourceType":"Bundle","type":"searchset","entry":["#,
            r#"{"fullUrl":"https://localhost:8443/fhir/Patient/p1","resource":{"resourceType":"Patient","id":"p1","gender":"male"},"search":{"mode":"match"}},"#,
            r#"{"fullUrl":"https://localhost:8443/fhir/Patient/p1","resource":{"resourceType":"Patient","id":"p1","gender":"male"},"search":{"mode":"match"}}],"#,
            r#""link":[{"relation":"self","url":"https://localhost:8443/fhir/Patient?name=a\"b"},{"relation":"next","url":"n"}],"total":2}"#
        )
    );
    let empty = r#"{"resourceType":"Bundle","type":"searchset","total":0}"#;
    assert_eq!(write(BundleKind::Searchset, &[], &[], Some(0)), empty);
    assert_eq!(write(BundleKind::Searchset, &[], &[], None), r#"{"resourceType":"Bundle","type":"searchset"}"#);
    assert_eq!(
        write(BundleKind::History, &[patient], &[], Some(1)),
        concat!(
            r#"{"resourceType":"Bundle","type":"history","entry":["#,
            r#"{"fullUrl":"https://localhost:8443/fhir/Patient/p1","resource":{"resourceType":"Patient","id":"p1","gender":"male"},"#,
            r#""request":{"method":"PUT","url":"Patient/p1"},"response":{"status":"200"}}],"total":1}"#
        )
    );
}

#[test]
fn an_id_that_is_not_shown_is_in_no_url() {
    let basic = r#"{"resourceType":"Basic","id":"hidden","code":{"text":"x"}}"#;
    for kind in [BundleKind::Searchset, BundleKind::History] {
        let answer = write(kind, &[basic], &[], None);
        assert!(!answer.contains("hidden") && answer.contains(r#""text":"x""#), "{answer}");
    }
}

/// What was written is a page that we would accept ourselves.
#[test]
fn an_answer_reads_again() {
    let patients: Vec<String> = (0..9).map(|n| format!(r#"{{"resourceType":"Patient","id":"p{n}","x":1}}"#)).collect();
    let patients: Vec<&str> = patients.iter().map(String::as_str).collect();
    let answer = write(BundleKind::Searchset, &patients, &[("next", "https://x/\u{1}\"".to_owned())], Some(9));
    let expect: Vec<String> = (0..9).map(|n| format!("match Patient/p{n}")).collect();
    check(&answer, &format!("{}, next https://x/\u{1}\", total 9", expect.join(", ")));
}

#[test]
fn nothing_of_a_page_is_in_debug() {
    let mut entries = Entries::new(BundleKind::History, EntryLimits::PAGE);
    let page = r#"{"entry":[{"resource":{"resourceType":"Patient","id":"secret"},"request":{"method":"PUT","url":"secret"}}],"resourceType":"Bundle","type":"history","link":[{"relation":"next","url":"secret"}]}"#;
    entries.push(page.as_bytes()).expect("acceptable");
    let mut said = format!("{entries:?}");
    let entry = entries.next().expect("one");
    said.push_str(&format!("{entry:?}{:?}", entry.request));
    said.push_str(&format!("{:?}{:?}", entries.finish(), Writer::new(BundleKind::History, "secret")));
    assert!(!said.contains("secret"), "{said}");
    assert_eq!(entry.resource.map(|it| it.resource_type()), Some(ResourceType::PATIENT));
}
