//! A plan comes out of a decision or not at all.
fn forge() -> policy::Plan {
    policy::Plan::default()
}
fn main() {
    let _ = forge;
}
