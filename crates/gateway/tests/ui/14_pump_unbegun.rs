//! Only what has begun, by a receipt, is pumped: nobody else puts bytes into an answer under way.
async fn pump(pump: passage::Pump<gateway::fhir::Fhir>) {
    pump.spout.cut();
    let _ = pump.run(todo!(), todo!(), todo!()).await;
}
fn main() {
    let _ = pump;
}
