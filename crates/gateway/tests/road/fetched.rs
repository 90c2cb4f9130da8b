//! Public documents: a status, a length and a name are all believed only so far.

use crate::{stage::Stage, ward::Script};
use gateway::FetchError;

#[tokio::test]
async fn a_document_is_fetched_whole_or_not_at_all() {
    let stage = Stage::raise().await;
    let fetch = stage.fetch();
    let host = format!("https://localhost:{}", stage.ward.address.port());
    stage.ward.answers("/keys", Script::json("{\"keys\":[]}").with("content-type", "application/json"));
    stage.ward.answers("/moved", Script::status(302).with("location", format!("{host}/keys")));
    stage.ward.answers("/long", Script::json("x".repeat((1 << 20) + 1)));
    stage.ward.answers("/full", Script::json("x".repeat(1 << 20)));
    for (path, expect) in [
        ("/keys", Ok(11)),
        ("/full", Ok(1 << 20)),
        ("/moved", Err(FetchError::Status(302))),
        ("/absent", Err(FetchError::Status(404))),
        ("/long", Err(FetchError::TooLong(1 << 20))),
    ] {
        let got = fetch.get(&format!("{host}{path}")).await.map(|document| document.len());
        assert_eq!(got, expect, "{path}");
    }
    for url in ["http://localhost/keys", "https://user@localhost/keys", "/keys", "file:///etc/passwd"] {
        assert_eq!(fetch.get(url).await, Err(FetchError::Url), "{url}");
    }
    stage.close().await;
}
