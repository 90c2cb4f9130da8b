//! The plan that was decided is the plan that filters.
fn swap(mut authorized: passage::Authorized<gateway::fhir::Fhir>, other: policy::Plan) {
    authorized.plan = other;
}
fn main() {
    let _ = swap;
}
