//! A page of the upstream's search, whole and in chunks, and an answer made of it.
#![no_main]

use fhir::{Base, BundleKind, Entries, EntryLimits, Limits, Mode, Part, Projections, Tail, Writer};
use lexicon::Reason;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

const PROJECTIONS: &str = include_str!("../projections.toml");
const LIMITS: EntryLimits =
    EntryLimits { entry: Limits { bytes: 64 * 1024, depth: 64 }, bytes: 256 * 1024, entries: 500 };
/// What is written may be longer than what was read, by marks and URLs.
const WRITTEN: EntryLimits =
    EntryLimits { entry: Limits { bytes: 128 * 1024, depth: 70 }, bytes: 1024 * 1024, entries: 500 };

struct Page<'a> {
    kind: BundleKind,
    limits: EntryLimits,
    bytes: &'a [u8],
    chunk: usize,
}

#[derive(PartialEq)]
struct Counts {
    written: usize,
    unreadable: usize,
}

/// What a page says of itself, and the answer that shows of its entries what may be seen.
fn answer(page: &Page<'_>, projections: &Projections) -> Result<(Tail, Counts, Vec<u8>), Reason> {
    let base = Base::new(["https://localhost:8443/fhir"]);
    let mut entries = Entries::new(page.kind, page.limits);
    let mut writer = Writer::new(BundleKind::Searchset, "https://localhost:8443/fhir");
    let mut counts = Counts { written: 0, unreadable: 0 };
    for part in page.bytes.chunks(page.chunk) {
        entries.push(part)?;
        while let Some(entry) = entries.next() {
            if entry.mode == Mode::Unreadable {
                assert!(entry.resource.is_none() && entry.request.is_none(), "something of it was kept");
                counts.unreadable += 1;
            }
            // As a match an outcome would be read again as none.
            let resource = entry.resource.filter(|it| it.resource_type().name() != "OperationOutcome");
            let Some(resource) = resource else { continue };
            let projection = projections.compile(resource.resource_type(), &[]);
            let whole = resource.project(&projection, &base);
            for part in [Part::Summary, Part::Text, Part::Data, Part::Elements(vec!["name".to_owned()])] {
                let part = resource.project_part(&projection, &base, &part);
                assert!(part.withheld() == whole.withheld(), "a part counts otherwise");
                let mark = 200;
                assert!(part.bytes().len() <= whole.bytes().len() + mark, "a part is more than the whole");
            }
            writer.entry(whole, entry.mode);
            counts.written += 1;
        }
    }
    let tail = entries.finish()?;
    writer.finish(&[], tail.total);
    Ok((tail, counts, writer.take()))
}

fuzz_target!(|bytes: &[u8]| {
    static LOADED: OnceLock<Projections> = OnceLock::new();
    let projections = LOADED.get_or_init(|| Projections::load(PROJECTIONS).expect("the projections load"));
    for kind in [BundleKind::Searchset, BundleKind::History] {
        let [whole, pieces] = [bytes.len().max(1), bytes.len() % 97 + 1]
            .map(|chunk| answer(&Page { kind, limits: LIMITS, bytes, chunk }, projections));
        assert!(whole == pieces, "chunking changes the result");
        let Ok((tail, counts, ours)) = whole else {
            assert!(whole == Err(Reason::UpstreamPage), "refused for another reason");
            continue;
        };
        // Ours is one page, whatever came: so it reads again, and says the same.
        let again = Page { kind: BundleKind::Searchset, limits: WRITTEN, bytes: &ours, chunk: 64 };
        let Ok((again, now, _)) = answer(&again, projections) else { panic!("what was written does not read again") };
        assert!(again.next.is_none() && again.total == tail.total, "another answer");
        assert!(now == Counts { unreadable: 0, ..counts }, "other entries");
    }
});
