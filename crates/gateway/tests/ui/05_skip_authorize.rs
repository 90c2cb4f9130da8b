//! Who was authenticated has not been authorized.
async fn skip(authenticated: passage::Authenticated, road: &gateway::fhir::Fhir, client: &mut passage::Client) {
    let _ = authenticated.forward(road, client).await;
}
fn main() {
    let _ = skip;
}
