//! A receipt is proof that a record is on disk. Only the ledger has one to give.
fn main() {
    let _receipt = ledger::Receipt { index: 0, binds: [0; 32], proof: ledger::Proof::Record };
}
