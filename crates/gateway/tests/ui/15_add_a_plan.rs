//! Plans are those that the engine made for this request.
fn add(mut plans: passage::Plans, other: policy::Plan) {
    plans.first = other;
    let _ = plans.add(lexicon::ResourceType::PATIENT, todo!());
}
fn main() {
    let _ = add;
}
