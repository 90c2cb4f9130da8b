//! How a passage ends is an answer or an error: it cannot be forgotten, and neither can the rest of a long answer.
#![deny(unused_must_use)]
use gateway::fhir::Fhir;
async fn forget(filtered: passage::Filtered<Fhir>, at: &passage::Generation<Fhir>, house: &passage::House<Fhir>) {
    filtered.record(at, house).await;
}
fn drop_it(pump: fn() -> passage::Pump<Fhir>) {
    pump();
}
fn main() {
    let _ = (forget, drop_it);
}
