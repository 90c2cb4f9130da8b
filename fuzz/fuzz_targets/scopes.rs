//! The `scope` claim of a token.
#![no_main]

use fhir::Scopes;
use lexicon::{Interaction, Kind, ResourceType};
use libfuzzer_sys::fuzz_target;

/// One a letter.
const ASKED: [Interaction; 5] =
    [Interaction::Create, Interaction::Read, Interaction::Update, Interaction::Delete, Interaction::SearchType];
const KINDS: [Kind; 3] = [Kind::Person, Kind::Workload, Kind::Stranger];

fuzz_target!(|claim: &str| {
    let scopes = Scopes::parse(claim);
    for kind in KINDS {
        for interaction in ASKED {
            for name in ["Patient", "Observation", "Binary"] {
                let resource_type = ResourceType::from_name(name).expect("an R4 type");
                for grant in scopes.covering(kind, interaction, resource_type).unwrap_or_default() {
                    let text = grant.text();
                    assert!(kind != Kind::Stranger, "a stranger was granted {text}");
                    let (context, rest) = text.split_once('/').expect("context/type.letters");
                    let (of, letters) = rest.split_once('.').expect("type.letters");
                    assert!(claim.contains(&format!("{context}/{of}.")), "{text} is not in the claim");
                    assert!(of == "*" || of == name, "{text} does not name {name}");
                    assert!(["patient", "user", "system"].contains(&context), "{text}");
                    assert!(!letters.is_empty() && letters.bytes().all(|b| b"cruds".contains(&b)), "{text}");
                }
            }
        }
    }
});
