//! A resource from the upstream, whole and in chunks.
#![no_main]

use fhir::{Base, Filter, Limits, Projections, Scanned, compartment};
use lexicon::Reason;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

const PROJECTIONS: &str = include_str!("../projections.toml");
const LIMITS: Limits = Limits { bytes: 256 * 1024, depth: 64 };

fn scan(document: &[u8], chunk: usize) -> Result<Scanned, Reason> {
    let mut filter = Filter::new(LIMITS);
    for part in document.chunks(chunk) {
        filter.push(part)?;
    }
    filter.finish()
}

fuzz_target!(|document: &[u8]| {
    static LOADED: OnceLock<Projections> = OnceLock::new();
    let projections = LOADED.get_or_init(|| Projections::load(PROJECTIONS).expect("the projections load"));
    let whole = scan(document, document.len().max(1));
    // Any size will do, as long as it varies and does not cost the document its first byte.
    let pieces = scan(document, document.len() % 97 + 1);
    let scanned = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert_eq!(whole.id(), pieces.id());
            whole
        }
        (Err(whole), Err(pieces)) => return assert_eq!(whole, pieces, "chunking changes the reason"),
        (whole, pieces) => panic!("chunking changes the result: {:?}, {:?}", whole.err(), pieces.err()),
    };

    let base = Base::new(["https://localhost:8443/fhir"]);
    let patient = compartment::patient_of(&scanned, &base);
    let labels = compartment::labels_of(&scanned);
    let _ = (patient, compartment::department_of(&scanned, &base), labels);

    let contact = ["contact".to_owned()];
    for groups in [&[][..], &contact] {
        let projection = projections.compile(scanned.resource_type(), groups);
        let shown = scanned.project(&projection, &base);
        let again = Scanned::of(shown.bytes(), LIMITS).expect("what was let out scans");
        assert!(again.resource_type() == scanned.resource_type(), "another type was let out");
        assert!(again.id().is_none() || again.id() == scanned.id(), "another id was let out");
        for hidden in ["text", "contained", "extension", "modifierExtension", "_birthDate", "photo"] {
            assert!(again.nodes_at(&[hidden]).is_empty(), "`{hidden}` was let out");
        }
        if groups.is_empty() {
            assert!(again.nodes_at(&["telecom"]).is_empty(), "an element of another group was let out");
        }
        let twice = again.project(&projection, &base);
        assert!(twice.bytes() == shown.bytes(), "projecting twice differs");
    }
});
