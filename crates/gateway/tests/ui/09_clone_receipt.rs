//! One record licenses one answer; one decision, one passage. What proves something has no copy.
fn copy<T: Clone>() {}
fn main() {
    copy::<ledger::Receipt>();
    copy::<ledger::Docket>();
    copy::<policy::Plan>();
    copy::<passage::Recorded>();
    copy::<passage::Declared<gateway::fhir::Fhir>>();
}
