//! Replays the seeds of the fuzzers on stable: whatever the input, nothing panics and the invariants hold.

use fhir::request::{self, Line};
use fhir::scope::Scopes;
use lexicon::{Interaction, Kind, ResourceType};
use std::path::Path;
use std::{fs, io};

/// Every seed, and every seed cut short at each of its first characters.
fn seeds(folder: &str, check: impl Fn(&str)) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let mut count = 0;
    for entry in fs::read_dir(&folder)? {
        let bytes = fs::read(entry?.path())?;
        let text = String::from_utf8_lossy(&bytes);
        text.char_indices().take(80).for_each(|(at, _)| check(&text[..at]));
        check(&text);
        count += 1;
    }
    assert!(count > 10, "the corpus is not in {}", folder.display());
    Ok(())
}

/// What was understood has exactly one spelling, and that one means the same.
#[test]
fn request_lines() -> io::Result<()> {
    seeds("request", |text| {
        let Ok(asked) = request::parse(Line::read(text)) else { return };
        let written = asked.written();
        assert_eq!(request::parse(written.line()).as_ref(), Ok(&asked), "{text}");
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._$*".contains(&b);
        assert!(written.path.bytes().all(plain), "{text}");
        assert!(!written.path.split('/').skip(1).any(|segment| matches!(segment, "." | "..")), "{text}");
    })
}

/// Strangers get nothing, no scope covers an operation, and each grant covers what it was given for.
#[test]
fn scopes() -> io::Result<()> {
    seeds("scope", |claim| {
        let scopes = Scopes::parse(claim);
        for interaction in Interaction::ALL {
            for resource_type in ResourceType::all() {
                assert!(scopes.covering(Kind::Stranger, *interaction, resource_type).is_err(), "{claim}");
            }
            for kind in [Kind::Person, Kind::Workload] {
                let Ok(grants) = scopes.covering(kind, *interaction, ResourceType::PATIENT) else { continue };
                assert!(!matches!(interaction, Interaction::Operation | Interaction::Batch), "{claim}");
                for grant in grants {
                    let alone = Scopes::parse(&grant.text());
                    assert!(alone.covering(kind, *interaction, ResourceType::PATIENT).is_ok(), "{claim}");
                    assert!(!grant.text().contains('?'), "{claim}");
                }
            }
        }
    })
}
