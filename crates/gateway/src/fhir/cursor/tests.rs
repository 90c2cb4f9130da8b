use super::*;
use proptest::prelude::*;
use tempfile::TempDir;

fn keys() -> (TempDir, CursorKeys) {
    let folder = TempDir::new().expect("a folder");
    let keys = CursorKeys::create(folder.path()).expect("keys");
    (folder, keys)
}

fn person(subject: &str, client: &str) -> Principal {
    let mut principal = Principal::stranger(Time::from_seconds(1));
    principal.issuer = "dev".into();
    principal.subject = subject.into();
    principal.client = client.into();
    principal
}

const PLACES: [&str; 3] = ["https://us.example/fhir", "https://up.example/r4", "/Patient"];

fn cursor(path: &str) -> Cursor {
    Cursor {
        until: Time::from_seconds(7),
        query: "name=kim".into(),
        manner: Manner::Walk,
        shown: 20,
        total: None,
        legs: 9,
        position: Some(Position { leg: 1, path: path.into(), offset: 3 }),
    }
}

/// C15: nobody else's, nowhere else.
#[test]
fn c15_a_cursor_opens_for_its_caller_in_its_place_only() {
    let (_folder, keys) = keys();
    let (nurse, path) = (person("nurse-1", "ward-app"), "/Patient?_count=100");
    let sealed = cursor(path).seal(&keys, &Bound { principal: &nurse, places: PLACES }).expect("sealed");
    let check = |principal: &Principal, places, expect: bool| {
        let opened = Cursor::open(&sealed, &keys, &Bound { principal, places });
        assert_eq!(opened.is_some_and(|opened| opened == cursor(path)), expect);
    };
    check(&nurse, PLACES, true);
    check(&person("nurse-2", "ward-app"), PLACES, false);
    check(&person("nurse-1", "other-app"), PLACES, false);
    // Texts of another cut are another caller.
    check(&person("nurse-1w", "ard-app"), PLACES, false);
    for at in 0..3 {
        let mut places = PLACES;
        places[at] = "/Observation";
        check(&nurse, places, false);
    }
}

/// C15, C18: the length says nothing of the upstream's link, and a long one is left out.
#[test]
fn c15_a_cursor_has_few_lengths_and_fits_a_request_line() {
    let (_folder, keys) = keys();
    let principal = person("nurse-1", "ward-app");
    let bound = Bound { principal: &principal, places: PLACES };
    let sealed = |length| cursor(&"x".repeat(length)).seal(&keys, &bound).expect("sealed");
    let long = sealed(100_000);
    for length in (0..1200).step_by(7) {
        assert_eq!(sealed(length).len(), long.len(), "{length}");
    }
    for query in (0..4096).step_by(64) {
        let of = |position| Cursor { query: "x".repeat(query), position, ..cursor("") };
        let far = Position { leg: 11, path: "x".repeat(1000), offset: u32::MAX };
        let lengths = [None, cursor("").position, Some(far)].map(|at| of(at).seal(&keys, &bound).map(|it| it.len()));
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{query}: {lengths:?}");
        assert_eq!(lengths[0].is_some(), Cursor::fits(&"x".repeat(query)), "{query}");
    }
    assert!(long.len() < 7_500);
    let opened = Cursor::open(&long, &keys, &bound).expect("opened");
    assert!(opened.position.is_none() && opened.shown == 20);
    let endless = Cursor { query: "x".repeat(10_000), ..cursor("") };
    assert!(endless.seal(&keys, &bound).is_none());
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        query in ".{0,80}", path in ".{0,80}", number in any::<u64>(), small in any::<u32>(), bits in 0_u8..8,
    ) {
        let position = (bits & 1 == 1).then_some(Position { leg: small, path, offset: small });
        let manner = if bits & 2 == 2 { Manner::Collect } else { Manner::Walk };
        let total = (bits & 4 == 4).then_some(number);
        let until = Time::from_millis(number);
        let cursor = Cursor { until, query, manner, shown: number, total, legs: number, position };
        let plain = cursor.plain();
        let mut rest = plain.as_slice();
        prop_assert!(Cursor::read(&mut rest) == Some(cursor) && rest.is_empty());
        // A cut text is no cursor.
        let mut cut = plain.get(..plain.len() - 1).unwrap_or_default();
        prop_assert!(Cursor::read(&mut cut).is_none());
    }
}
