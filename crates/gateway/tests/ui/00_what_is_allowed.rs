//! What every program here may do: name the states, hold one, and climb.
async fn climb(declared: passage::Declared<gateway::fhir::Fhir>, road: &gateway::fhir::Fhir, at: &identity::Verifier) {
    let Ok(forwarded) = declared.forward(road).await else { return };
    let Ok(filtered) = forwarded.filter(road, at) else { return };
    let _recorded: Result<passage::Recorded, passage::Silence> = filtered.record().await;
    let _also = (ledger::Proof::Record, evidence::Leaf::Closed, lexicon::Reason::Bug);
    let _too: Option<(policy::Plan, fhir::Limits)> = None;
}
fn main() {
    let _ = climb;
}
