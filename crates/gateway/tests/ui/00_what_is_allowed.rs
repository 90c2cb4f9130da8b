//! What every program here may do: name the states, hold one, and climb.
use gateway::fhir::Fhir;
async fn climb(
    declared: passage::Declared<Fhir>,
    at: &passage::Generation<Fhir>,
    house: &passage::House<Fhir>,
    client: &mut passage::Client,
) {
    let Ok(forwarded) = declared.forward(&at.road, client).await else { return };
    let Ok(filtered) = forwarded.filter(at, house, client).await else { return };
    let Ok((_recorded, _pump)) = filtered.record(at, house).await else { return };
    let _recorded: passage::Recorded = _recorded;
    let _pump: Option<passage::Pump<Fhir>> = _pump;
    let _also = (ledger::Proof::Record, evidence::Leaf::Closed, lexicon::Reason::Bug);
    let _too: Option<(policy::Plan, fhir::Limits, passage::Plans)> = None;
}
fn main() {
    let _ = climb;
}
