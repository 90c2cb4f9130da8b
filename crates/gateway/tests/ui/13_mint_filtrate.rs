//! What a road may let out is minted where the filter is, and nowhere else.
fn mint() -> gateway::fhir::Filtrate {
    gateway::fhir::Filtrate { media_type: "text/plain", body: "phi".into(), returned: 1, withheld: 0 }
}
fn main() {
    let _ = mint;
}
