//! Who was authenticated has not been authorized.
async fn skip(authenticated: passage::Authenticated, road: &gateway::fhir::Fhir) {
    let _ = authenticated.forward(road).await;
}
fn main() {
    let _ = skip;
}
