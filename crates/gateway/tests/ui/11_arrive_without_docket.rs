//! A request that nobody opened a case for is not received.
fn arrive(arrival: passage::Arrival) -> passage::Received {
    passage::Received { arrival }
}
fn main() {
    let _ = arrive;
}
