//! What was declared once is forwarded once.
async fn twice(
    declared: passage::Declared<gateway::fhir::Fhir>,
    road: &gateway::fhir::Fhir,
    client: &mut passage::Client,
) {
    let _ = declared.forward(road, client).await;
    let _ = declared.forward(road, client).await;
}
fn main() {
    let _ = twice;
}
