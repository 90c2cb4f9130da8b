//! One request for each way in which a passage can end with an answer.

use crate::stage::Stage;
use lexicon::{Reason, Station};
use serde_json::json;

/// A request and how it ends.
pub struct Ending {
    pub path: &'static str,
    pub credential: Option<String>,
    pub expect: Result<(), Reason>,
    pub station: Station,
}

pub fn endings(stage: &Stage) -> Vec<Ending> {
    let as_nurse = |path, expect, station| Ending { path, credential: Some(stage.nurse()), expect, station };
    let with = |path, claims, expect, station| Ending {
        path,
        credential: Some(format!("Bearer {}", stage.token(claims))),
        expect,
        station,
    };
    let without = |path, expect, station| Ending { path, credential: None, expect, station };
    let token = stage.nurse();
    let (before, signature) = token.rsplit_once('.').expect("a signature");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{before}.{flipped}{}", &signature[1..]);
    vec![
        as_nurse("/pier/ok", Ok(()), Station::Record),
        as_nurse("/pier/hidden", Err(Reason::RelationshipNone), Station::Filter),
        as_nurse("/pier/absent", Err(Reason::ResourceAbsent), Station::Filter),
        as_nurse("/pier/down", Err(Reason::UpstreamUnreachable), Station::Forward),
        as_nurse("/pier/scope", Err(Reason::ScopeMissing), Station::Authorize),
        as_nurse("/pier/create", Err(Reason::PolicyRefused), Station::Authorize),
        as_nurse("/elsewhere", Err(Reason::RequestMalformed), Station::Read),
        with("/pier/ok", json!({ "roles": ["analyst"] }), Err(Reason::PolicyRefused), Station::Authorize),
        with(
            "/pier/ok",
            json!({ "acr": "urn:lazaret:acr:pwd" }),
            Err(Reason::AssuranceInsufficient),
            Station::Authorize,
        ),
        with("/pier/ok", json!({ "aud": "https://other" }), Err(Reason::CredentialAudience), Station::Authenticate),
        without("/pier/ok", Err(Reason::CredentialMissing), Station::Read),
        without("/pier/public", Ok(()), Station::Record),
        Ending {
            credential: Some(forged),
            ..without("/pier/ok", Err(Reason::CredentialSignature), Station::Authenticate)
        },
        Ending {
            credential: Some("Basic bnVyc2U6cHc=".into()),
            ..without("/pier/ok", Err(Reason::CredentialMissing), Station::Authenticate)
        },
    ]
}
