//! Entries that break only a limit, or are sound JSON and no resource of R4.

use super::*;

const AROUND: &str = "match Patient/p1, unreadable nothing, match Patient/p1, total 3";

/// A page with this entry in the middle.
fn around(entry: &str) -> String {
    searchset(&format!(r#""entry":[{P1},{entry},{P1}],"total":3"#))
}

/// The choke point: this entry is passed over, wherever the page is cut.
#[track_caller]
fn passed(entry: &str) {
    check(&around(entry), AROUND);
    check(&searchset(&format!(r#""entry":[{entry}]"#)), "unreadable nothing");
}

fn holding(resource: &str) -> String {
    format!(r#"{{"search":{{"mode":"match"}},"resource":{resource}}}"#)
}

#[test]
fn e1_what_is_no_resource_of_r4_is_passed_over() {
    for resource in [
        "null",
        "1",
        r#""Patient/p1""#,
        "[]",
        r#"[{"resourceType":"Patient"}]"#,
        "{}",
        r#"{"id":"p1"}"#,
        r#"{"resourceType":"Pacient","id":"p1"}"#,
        r#"{"resourceType":"patient","id":"p1"}"#,
        r#"{"resourceType":"ActorDefinition","id":"of-r5"}"#,
        r#"{"resourceType":["Patient"],"id":"p1"}"#,
        r#"{"resourceType":null,"id":"p1"}"#,
    ] {
        passed(&holding(resource));
    }
}

#[test]
fn e1_what_readers_differ_about_is_passed_over() {
    for entry in [
        holding(r#"{"resourceType":"Patient","id":"a","id":"b"}"#),
        holding(r#"{"resourceType":"Patient","resourceType":"Observation"}"#),
        holding(r#"{"resourceType":"Patient","name":[{"family":"a","family":"b"}]}"#),
        holding(r#"{"resourceType":"Patient","\u0069d":"a"}"#),
        holding(r#"{"resourceType":"Patient","x":"\ud800"}"#),
        holding(r#"{"resourceType":"Patient","x":"\udc00\ud800"}"#),
        r#"{"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Patient"}}"#.to_owned(),
        r#"{"resource":{"resourceType":"Patient"},"res\u006furce":{"resourceType":"Patient"}}"#.to_owned(),
    ] {
        passed(&entry);
    }
}

#[test]
fn e1_what_is_too_deep_is_passed_over() {
    let nested = |depth: usize| {
        holding(&format!(r#"{{"resourceType":"Basic","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)))
    };
    check(&around(&nested(63)), "match Patient/p1, match Basic/, match Patient/p1, total 3");
    for depth in [64, 65, 128, 1000] {
        passed(&nested(depth));
    }
    let mixed = format!(r#"{{"resourceType":"Basic","x":{}1{}}}"#, r#"{"a":["#.repeat(90), "]}".repeat(90));
    passed(&holding(&mixed));
    refused(around(&nested(1 << 16)));
}

/// Whatever else is wrong with an entry: if it is no JSON, then the page is none.
#[test]
fn f4_an_entry_that_is_no_json_refuses_the_page() {
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    for before in [String::new(), r#""id":"a","id":"b","#.to_owned(), format!(r#""x":{deep},"#)] {
        for fault in [
            r#""y":01"#,
            r#""y":tru"#,
            r#""y":[}"#,
            r#""y":{]"#,
            r#""y":"\x""#,
            r#""y":"\u00g0""#,
            r#""y""#,
            r#""y":"#,
            r#""y":1,"#,
            "y:1",
            "\"y\":\"\u{1}\"",
            "\"y\":\"\n\"",
            r#""y":[1 2]"#,
            r#""y":.5"#,
            r#""y":1}"#,
        ] {
            refused(around(&holding(&format!(r#"{{{before}"resourceType":"Basic",{fault}}}"#))));
        }
        for strange in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"] {
            let page = around(&holding(&format!(r#"{{{before}"resourceType":"Basic","y":"?"}}"#)));
            let at = page.find('?').expect("there");
            refused([&page.as_bytes()[..at], strange, &page.as_bytes()[at + 1..]].concat());
        }
        let page = around(&holding(&format!(r#"{{{before}"resourceType":"Basic"}}"#)));
        for end in P1.len()..page.len() {
            let read = read(BundleKind::Searchset, &page.as_bytes()[..end], 64, EntryLimits::PAGE);
            assert_eq!(read, Err(Reason::UpstreamPage), "cut at {end}: {page}");
        }
    }
}

#[test]
fn f4_an_entry_costs_no_more_than_its_limits() {
    let limits = EntryLimits { entry: Limits { bytes: 100, depth: 4 }, bytes: 1 << 20, entries: 3 };
    let check = |resource: &str, expect: &str| {
        for chunk in [1, 64, usize::MAX] {
            let found = read(BundleKind::Searchset, entry(resource).as_bytes(), chunk, limits);
            assert_eq!(found.as_deref(), Ok(expect), "chunks of {chunk}: {resource}");
        }
    };
    let sized = |length: usize| format!(r#"{{"resourceType":"Basic","x":"{}"}}"#, "x".repeat(length - 31));
    check(&sized(100), "match Basic/");
    for length in [101, 1000, ENTRY_ASIDE, ENTRY_ASIDE + 99, ENTRY_ASIDE + 100, ENTRY_ASIDE + 5000] {
        check(&sized(length), "unreadable nothing");
    }
    check(r#"{"resourceType":"Basic","x":[[[1]]]}"#, "match Basic/");
    check(r#"{"resourceType":"Basic","x":[[[[1]]]]}"#, "unreadable nothing");
    // They count all the same, by number and by bytes.
    let many = searchset(&format!(r#""entry":[{}]"#, [r#"{"resource":{}}"#; 4].join(",")));
    assert_eq!(read(BundleKind::Searchset, many.as_bytes(), 64, limits), Err(Reason::UpstreamPage));
    let long = entry(&sized(1 << 20));
    assert_eq!(read(BundleKind::Searchset, long.as_bytes(), 64, limits), Err(Reason::UpstreamPage));
}

/// 2 MiB in the middle of a page: the neighbours come, and it is never held.
#[test]
fn e1_an_entry_of_2_mib_leaves_its_neighbours() {
    let hold = |entries: &Entries| {
        entries.frame.bytes().len()
            + match &entries.current {
                Current::None | Current::PassedOver(_) => 0,
                Current::Strict(document) => document.bytes().len(),
            }
    };
    let long = "x".repeat(2 << 20);
    for resource in [
        format!(r#"{{"resourceType":"Binary","id":"b","data":"{long}"}}"#),
        format!(r#"{{"resourceType":"Basic","x":[{}0]}}"#, "1,".repeat(1 << 20)),
        format!(r#"{{"resourceType":"Basic","x":1{}}}"#, "0".repeat(2 << 20)),
    ] {
        let page = around(&holding(&resource));
        for chunk in [1000, 16 * 1024, 100_000, usize::MAX] {
            let (mut entries, mut most, mut passes) = (Entries::new(BundleKind::Searchset, EntryLimits::PAGE), 0, 0);
            let mut modes = Vec::new();
            for part in page.as_bytes().chunks(chunk) {
                entries.push(part).expect("goes on");
                most = most.max(hold(&entries));
                passes += usize::from(matches!(entries.current, Current::PassedOver(_)));
                modes.extend(std::iter::from_fn(|| entries.next()).map(|it| (it.mode, it.resource.is_some())));
            }
            assert_eq!(modes, [(Mode::Match, true), (Mode::Unreadable, false), (Mode::Match, true)], "{chunk}");
            assert!(most <= Limits::READ.bytes + ENTRY_ASIDE + FRAME.bytes, "{most} bytes held");
            assert!(chunk == usize::MAX || passes >= (1 << 19) / chunk, "half of it is passed over, not held");
            assert_eq!(entries.finish(), Ok(Tail { next: None, total: Some(3) }));
        }
    }
}

/// What a server says of an entry is its own, not the resource's: it is right, or the page is refused.
#[test]
fn e1_words_about_an_entry_are_right_or_the_page_is_refused() {
    let strange = r#""resource":{"resourceType":"Pacient"}"#;
    for words in [r#""fullUrl":1"#, r#""search":"match""#, r#""search":{"mode":"Match"}"#, r#""search":{"mode":1}"#] {
        refused(around(&format!("{{{strange},{words}}}")));
    }
    check(&around(&format!(r#"{{{strange},"fullUrl":"x","search":{{"mode":"include"}}}}"#)), AROUND);
}

#[test]
fn c17_an_outcome_is_one_whatever_it_holds() {
    let outcome = r#"{"resource":{"resourceType":"Pacient"},"search":{"mode":"outcome"}}"#;
    check(&around(outcome), "match Patient/p1, outcome nothing, match Patient/p1, total 3");
}

#[test]
fn e1_a_version_that_cannot_be_read_is_passed_over() {
    let request = |method: &str| format!(r#""request":{{"method":"{method}","url":"Patient/p1"}}"#);
    let page = |entry: &str| {
        let good = format!(r#"{{"resource":{{"resourceType":"Patient","id":"p1"}},{}}}"#, request("PUT"));
        format!(r#"{{"resourceType":"Bundle","type":"history","entry":[{good},{entry},{good}]}}"#)
    };
    let expect = "match Patient/p1 PUT Patient/p1, unreadable nothing, match Patient/p1 PUT Patient/p1";
    for resource in [r#"{"resourceType":"Pacient"}"#, r#"{"resourceType":"Patient","id":"p1","id":"p2"}"#, "7"] {
        let put = format!(r#"{{"resource":{resource},{}}}"#, request("PUT"));
        check_kind(BundleKind::History, page(&put).as_bytes(), Some(expect));
    }
    for entry in [
        format!(r#"{{"resource":7,{}}}"#, request("DELETE")),
        format!(r#"{{"resource":7,{}}}"#, request("GET")),
        r#"{"resource":7}"#.to_owned(),
        format!(r#"{{"resource":7,"search":{{"mode":"match"}},{}}}"#, request("PUT")),
    ] {
        check_kind(BundleKind::History, page(&entry).as_bytes(), None);
    }
}
