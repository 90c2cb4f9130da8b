//! What the upstream said is not an answer before it was filtered.
async fn unfiltered(forwarded: passage::Forwarded<gateway::fhir::Fhir>) {
    let _ = forwarded.record().await;
}
fn main() {
    let _ = unfiltered;
}
