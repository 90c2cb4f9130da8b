use super::*;
use lexicon::ResourceType;
use proptest::prelude::*;
use std::borrow::Cow;

fn scan(document: impl AsRef<[u8]>) -> Result<Scanned, Reason> {
    Scanned::of(document.as_ref(), Limits::READ)
}

fn check(document: impl AsRef<[u8]>, expect: Result<&str, Reason>) {
    let found = scan(&document).map(|scanned| scanned.resource_type().name());
    assert_eq!(found, expect, "{}", String::from_utf8_lossy(document.as_ref()));
}

const MALFORMED: Result<&str, Reason> = Err(Reason::UpstreamMalformed);

/// A Patient with one more member, written as given.
fn with(member: &str) -> String {
    format!(r#"{{"resourceType":"Patient",{member}}}"#)
}

#[test]
fn json_that_every_strict_reader_takes_is_taken() {
    for good in [
        r#"{"resourceType":"Patient"}"#,
        " \t\r\n{ \"resourceType\" : \"Patient\" }\n",
        r#"{"id":"a","resourceType":"Patient"}"#,
        r#"{"resourceType":"P\u0061tient"}"#,
    ] {
        check(good, Ok("Patient"));
    }
    for good in [
        r#""a":[]"#,
        r#""a":{}"#,
        r#""a":[null,true,false,-0.5e-10,"",[],{}]"#,
        r#""a":"\ud83d\ude00""#,
        "\"a\":\"\u{7f}\u{2028}\u{10ffff}\"",
        r#""a":{"a":{"a":1}},"b":{"a":1}"#,
        r#""a":123456789012345678901234567890.10,"b":1e400"#,
        r#""":1"#,
    ] {
        check(with(good), Ok("Patient"));
    }
}

#[test]
fn json_that_readers_differ_about_is_refused() {
    for bad in [
        r#""a":1,"#,
        r#""a":[1,]"#,
        r#""a":[,1]"#,
        r#""a":[1 2]"#,
        r#""a""#,
        r#""a":"#,
        r#""a":1 "b":2"#,
        r#"a:1"#,
        r#"'a':1"#,
        r#""a":NaN"#,
        r#""a":Infinity"#,
        r#""a":01"#,
        r#""a":1."#,
        r#""a":+1"#,
        r#""a":0x1"#,
        r#""a":nul"#,
        r#""a":nullx"#,
        r#""a":1//c"#,
        r#"/*c*/"a":1"#,
        r#""a":"\x""#,
        r#""a":"\ud800""#,
        r#""a":"\udc00\ud800""#,
        r#""a":"\u00g0""#,
        "\"a\":\"\n\"",
        "\"a\":\"\0\"",
        "\"a\":\"\t\"",
        "\"a\":\u{a0}1",
        "\"a\":\u{b}1",
        r#""a":{"b"}"#,
        r#""a":{"b":1,}"#,
        r#""a":[}"#,
        r#""a":{]"#,
        r#""a":]"#,
        r#"1:1"#,
        r#""a"::1"#,
        r#""a":"b"c"#,
        r#""a":"b" "c""#,
        r#""a":tru"e""#,
        r#","b":1"#,
    ] {
        check(with(bad), MALFORMED);
    }
    let patient = with(r#""id":"a""#);
    for bad in [
        String::new(),
        " ".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"Patient\"".to_owned(),
        format!("[{patient}]"),
        format!("{patient}{patient}"),
        format!("{patient} x"),
        format!("{patient}\0"),
        format!("{patient},"),
        format!("{patient}}}"),
        format!("\u{feff}{patient}"),
        patient[..patient.len() - 1].to_owned(),
    ] {
        check(bad, MALFORMED);
    }
    let utf16: Vec<u8> = patient.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(utf16, MALFORMED);
}

#[test]
fn bytes_that_are_not_utf_8_are_refused_wherever_they_are() {
    for bad in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80"] {
        for (before, after) in [
            (r#"{"resourceType":"Patient","zzz":""#, r#""}"#),
            (r#"{"resourceType":"Patient",""#, r#"":1}"#),
            (r#"{"resourceType":"Patient","zzz":[{"a":""#, r#""}]}"#),
        ] {
            check([before.as_bytes(), bad, after.as_bytes()].concat(), MALFORMED);
        }
    }
}

#[test]
fn a_name_twice_in_an_object_is_refused() {
    for bad in [
        r#""id":"a","id":"b""#,
        r#""resourceType":"Observation""#,
        r#""name":[{"family":"a","zzz":1,"family":"b"}]"#,
        r#""zzz":{"zzz":{"a":1,"a":1}}"#,
        r#""":1,"":2"#,
        r#""é":1,"é":2"#,
    ] {
        check(with(bad), MALFORMED);
    }
    // Few members are compared pair by pair, many after sorting; both near the switch and far from it.
    for count in 1..40 {
        let names: Vec<String> = (0..count).map(|n| format!("\"longer than a key {n}\":{n}")).collect();
        check(with(&names.join(",")), Ok("Patient"));
        for twice in [0, count / 2, count - 1] {
            check(with(&format!("{},{}", names.join(","), names[twice])), MALFORMED);
        }
    }
}

#[test]
fn an_escape_in_a_name_is_refused() {
    for bad in [r#""\u0069d":"a""#, r#""zzz":{"a\/b":1}"#, r#""resource\u0054ype":"Patient""#, r#""\"":1"#] {
        check(with(bad), MALFORMED);
    }
}

#[test]
fn a_resource_without_a_type_of_r4_is_refused() {
    for bad in [
        "{}",
        r#"{"id":"a"}"#,
        r#"{"resourceType":"patient"}"#,
        r#"{"resourceType":"DomainResource"}"#,
        r#"{"resourceType":"Patient "}"#,
        r#"{"resourceType":["Patient"]}"#,
        r#"{"resourceType":{"value":"Patient"}}"#,
        r#"{"resourceType":null}"#,
        r#"{"resourceType":1}"#,
        r#"{"resourcetype":"Patient"}"#,
        r#"{"a":{"resourceType":"Patient"}}"#,
    ] {
        check(bad, MALFORMED);
    }
}

#[test]
fn depth_is_capped() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| with(&format!(r#""a":{}1{}"#, open.repeat(depth), close.repeat(depth)));
        check(nested(63), Ok("Patient"));
        check(nested(64), MALFORMED);
        check(with(&format!(r#""a":{}"#, open.repeat(200_000))), MALFORMED);
    }
}

#[test]
fn size_is_capped() {
    let of_length = |length: usize| {
        let bare = with(r#""a":"""#).len();
        with(&format!(r#""a":"{}""#, "x".repeat(length - bare)))
    };
    check(of_length(1 << 20), Ok("Patient"));
    check(of_length((1 << 20) + 1), Err(Reason::UpstreamTooLarge));
    check(with(&format!(r#""a":{}"#, "[1],".repeat(1 << 19))), MALFORMED);
    check(format!("{}{}", with(r#""a":1"#), " ".repeat(1 << 20)), Err(Reason::UpstreamTooLarge));
}

#[test]
fn a_refusal_is_final() {
    let mut filter = Filter::new(Limits { bytes: 100, depth: 64 });
    assert_eq!(filter.push(&[b'{'; 99]), Err(Reason::UpstreamMalformed));
    assert_eq!(filter.push(b"x"), Err(Reason::UpstreamMalformed));
    assert_eq!(filter.push(&[b' '; 1000]), Err(Reason::UpstreamMalformed), "the first reason stays");
    assert_eq!(filter.finish().err(), Some(Reason::UpstreamMalformed));
}

/// PHP escapes every solidus by default. A label compared raw would not be recognised (filter.md 2.3).
#[test]
fn texts_are_read_without_their_escapes() {
    let document = with(
        r#""id":"a\u002d1","meta":{"security":[{"system":"http:\/\/terminology.hl7.org\/CodeSystem\/v3-Confidentiality","code":"\u0056"}]}"#,
    );
    let scanned = scan(document).expect("acceptable");
    let systems = scanned.strings_at(&["meta", "security", "system"]);
    assert_eq!(systems, ["http://terminology.hl7.org/CodeSystem/v3-Confidentiality"]);
    assert_eq!(scanned.strings_at(&["meta", "security", "code"]), ["V"]);
    assert_eq!(scanned.id().expect("an id").reveal(), "a-1");
}

#[test]
fn paths_flatten_arrays_and_keep_pairs_together() {
    let document = with(
        r#""a":[{"b":[{"s":"1","c":"x"},{"c":"y"}]},{"b":{"s":"2"}},[{"b":[[{"s":3,"c":true}]]}],{"b":null},"b",{"s":"0"}]"#,
    );
    let scanned = scan(document).expect("acceptable");
    assert_eq!(scanned.strings_at(&["a", "b", "s"]), ["1", "2", "3"]);
    assert_eq!(scanned.strings_at(&["a", "b", "c"]), ["x", "y", "true"]);
    let text = |node: Option<Node<'_>>| node.and_then(Node::text).map(Cow::into_owned).unwrap_or_default();
    let nodes = scanned.nodes_at(&["a", "b"]);
    let pairs: Vec<_> = nodes.into_iter().map(|node| (text(node.get("s")), text(node.get("c")))).collect();
    let expect = [("1", "x"), ("", "y"), ("2", ""), ("3", "true"), ("", "")];
    assert_eq!(pairs, expect.map(|(system, code)| (system.to_owned(), code.to_owned())));
    assert!(scanned.nodes_at(&["nothing", "here"]).is_empty());
    assert_eq!(scanned.strings_at(&["resourceType"]), ["Patient"]);
}

#[test]
fn an_id_is_fhirs_or_none() {
    for (member, expect) in [
        (r#""id":"a-1.B""#, Some("a-1.B")),
        (r#""id":"a/b""#, None),
        (r#""id":7"#, None),
        (r#""id":["a"]"#, None),
        (r#""id":"..""#, None),
        (r#""identifier":"a""#, None),
    ] {
        let scanned = scan(with(member)).expect("acceptable");
        assert_eq!(scanned.id().as_ref().map(lexicon::LocalId::reveal), expect, "{member}");
    }
}

#[test]
fn debug_shows_nothing_of_the_document() {
    let scanned = scan(with(r#""id":"jane-doe","name":[{"family":"Doe"}]"#)).expect("acceptable");
    let all = format!("{scanned:?} {:?} {:?}", scanned.root(), scanned.nodes_at(&["name", "family"]));
    assert!(!all.contains("ane") && !all.contains("Doe"), "{all}");
}

/// Runs a document through, cut as told.
fn cut(
    document: &[u8],
    limits: Limits,
    mut sizes: impl Iterator<Item = usize>,
) -> Result<(ResourceType, usize), Reason> {
    let mut filter = Filter::new(limits);
    let mut rest = document;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        filter.push(chunk)?;
        rest = after;
    }
    filter.finish().map(|scanned| (scanned.resource_type(), scanned.cells.len()))
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = proptest::sample::select(
        &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\",
            "\\\\",
            "\\\"",
            "\\u0041",
            " ",
            "\n",
            "1",
            "-1.5e3",
            "true",
            "null",
            "é",
            "\"a\":1",
            "\"b\":\"\\\\\"",
            "\"c\":{\"d\":[]}",
            "\"resourceType\":\"Patient\"",
            "\"x\":\"________________________\"",
        ][..],
    );
    let any = proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    let whole = (any.clone(), 0..4_usize).prop_map(|(inside, gap)| {
        let gap = " ".repeat(gap * 21);
        let text = String::from_utf8_lossy(&inside).replace('"', "'").replace('\\', "\\\\");
        format!("{gap}{{\"resourceType\":\"Patient\",\"a\":\"{}\",{gap}\"b\":[{gap}1]}}", text.replace('\n', ""))
            .into_bytes()
    });
    prop_oneof![any, whole]
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_result(
        document in pieces(), sizes in proptest::collection::vec(1..100_usize, 1..40),
        bytes in prop_oneof![Just(1 << 20), 0..300_usize], depth in prop_oneof![Just(64), 1..5_usize],
    ) {
        let limits = Limits { bytes, depth };
        let whole = cut(&document, limits, std::iter::repeat(usize::MAX));
        prop_assert_eq!(cut(&document, limits, std::iter::repeat(1)), whole);
        prop_assert_eq!(cut(&document, limits, sizes.into_iter().cycle()), whole);
    }
}
