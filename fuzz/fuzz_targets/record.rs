//! A leaf of the book; and, as text, a note, a checkpoint and a proof.
#![no_main]

use evidence::{Checkpoint, Proof, Record, Verifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(record) = Record::decode(input) {
        assert!(record.encode() == input, "two spellings of one record");
        let _ = record.to_json(0);
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    let verifier = Verifier::new("fuzz.lazaret.invalid", [7; 32]).expect("a verifier");
    assert!(verifier.open(text).is_err(), "a note was opened that nobody signed");
    assert!(Checkpoint::open(text, &verifier).is_err());
    let _ = Verifier::parse(text);
    if let Ok(proof) = Proof::parse(text) {
        assert!(proof.verify(b"leaf", &verifier).is_err(), "a proof was accepted that nobody signed");
    }
});
