//! Even with a receipt in hand, nobody but the door puts bytes to it.
async fn answer(pending: ledger::Pending) -> passage::Recorded {
    let _receipt = pending.await;
    passage::Recorded { head: todo!(), body: todo!() }
}
fn main() {
    let _ = answer;
}
