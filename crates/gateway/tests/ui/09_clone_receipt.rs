//! One record licenses one answer.
fn copy(receipt: &ledger::Receipt) -> ledger::Receipt {
    receipt.clone()
}
fn main() {
    let _ = copy;
}
