//! The plans that were decided are the plans that filter.
use gateway::fhir::Fhir;
fn swap(mut authorized: passage::Authorized<Fhir>, other: passage::Authorized<Fhir>) {
    authorized.permitted = other.permitted;
}
fn main() {
    let _ = swap;
}
