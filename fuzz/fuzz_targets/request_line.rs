//! A request line, as `fhir::request::Line::read` splits it, and an `Accept` header after the last newline.
#![no_main]

use fhir::request::{self, Line};
use lexicon::{Interaction, LocalId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (line, accept) = text.rsplit_once('\n').map_or((text, None), |(line, accept)| (line, Some(accept)));
    let asked = request::parse(Line::read(line));
    assert!(asked == request::parse(Line::read(line)), "reading twice differs");
    let Ok(asked) = asked else { return };
    if asked.interaction == Interaction::Read {
        assert!(asked.resource_type.is_some(), "a read of no type");
        let id = asked.id.as_ref().expect("a read has an id");
        assert_eq!(LocalId::new(id.reveal()).as_ref(), Some(id));
    }
    let shown = format!("{asked:?}");
    let id = asked.id.as_ref().map(LocalId::reveal).unwrap_or_default();
    assert!(id.len() < 20 || !shown.contains(id), "Debug shows an id");
    let _ = request::accept(accept, asked.format());
});
