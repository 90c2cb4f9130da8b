//! What was declared once is forwarded once.
async fn twice(declared: passage::Declared<gateway::fhir::Fhir>, road: &gateway::fhir::Fhir) {
    let _ = declared.forward(road).await;
    let _ = declared.forward(road).await;
}
fn main() {
    let _ = twice;
}
