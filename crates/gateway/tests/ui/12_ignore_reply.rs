//! A reply is sent or it is an error: it cannot be forgotten.
#![deny(unused_must_use)]
async fn ignore(arrival: passage::Arrival, house: &passage::House<gateway::fhir::Fhir>, client: &passage::Client) {
    passage::pass(arrival, house, client).await;
}
fn main() {
    let _ = ignore;
}
