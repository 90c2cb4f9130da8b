//! Silence is one of the door's own few words; none of them can carry a byte of a request or an upstream.
fn say(body: Vec<u8>) -> passage::Reply {
    passage::Reply::Silence(passage::Silence::Bug(body))
}
fn main() {
    let _ = say;
}
