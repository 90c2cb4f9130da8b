use super::*;
use crate::filter::Limits;
use crate::parameter;
use lexicon::ResourceType;
use proptest::prelude::*;
use serde_json::{Value, json};

fn order(of: &str, sort: &str) -> Order {
    let (code, direction) =
        sort.strip_prefix('-').map_or((sort, Direction::Ascending), |code| (code, Direction::Descending));
    let parameter = parameter::find(ResourceType::from_name(of).unwrap(), code).unwrap();
    let order = Order::by(parameter, direction).unwrap();
    assert_eq!(order.query(), sort);
    order
}

fn key(order: &Order, document: &Value) -> Key {
    let scanned = Scanned::of(document.to_string().as_bytes(), Limits::READ).unwrap();
    order.key(&scanned, &Base::new(["https://up.example/r4"]))
}

/// In this order under the rule, each strictly before the next.
#[track_caller]
fn check(of: &str, sort: &str, member: &str, values: &[Value]) {
    let order = order(of, sort);
    let keys: Vec<Key> =
        values.iter().map(|value| key(&order, &json!({ "resourceType": of, member: value }))).collect();
    for (at, pair) in keys.windows(2).enumerate() {
        assert!(pair[0] < pair[1], "{sort}: {} and {}", values[at], values[at + 1]);
    }
}

#[test]
fn who_has_no_value_is_last_either_way() {
    let born = [json!("1970"), json!("1970-02"), json!("1990-01-01"), json!(null)];
    check("Patient", "birthdate", "birthDate", &born);
    check(
        "Patient",
        "-birthdate",
        "birthDate",
        &[json!("1990-01-01"), json!("1970-02"), json!("1970"), json!("unknown")],
    );
}

#[test]
fn of_several_values_the_lowest_or_the_highest_counts() {
    let names = |families: &[&str]| -> Value { families.iter().map(|family| json!({ "family": family })).collect() };
    check(
        "Patient",
        "family",
        "name",
        &[names(&["Zoë", "Adam"]), names(&["bert"]), names(&["Céline", "Dora"]), names(&[])],
    );
    check(
        "Patient",
        "-family",
        "name",
        &[names(&["zoë", "Adam"]), names(&["Céline", "Dora"]), names(&["bert"]), names(&[])],
    );
}

#[test]
fn each_kind_has_its_order() {
    let quantity = |value: Value| json!({ "value": value });
    check(
        "Observation",
        "value-quantity",
        "valueQuantity",
        &[quantity(json!(-3)), quantity(json!(9)), quantity(json!(10)), json!({})],
    );
    check(
        "Observation",
        "date",
        "effectivePeriod",
        &[json!({ "end": "2030" }), json!({ "start": "2001", "end": "2002" }), json!({ "start": "2002" }), json!({})],
    );
    check("Observation", "status", "status", &[json!("amended"), json!("final"), json!(["x"])]);
    let reference = |text: &str| json!({ "reference": text });
    check(
        "Observation",
        "subject",
        "subject",
        &[
            reference("Group/z"),
            reference("https://up.example/r4/Patient/a"),
            reference("Patient/b"),
            reference("https://other/Group/a"),
        ],
    );
    check("ValueSet", "url", "url", &[json!("http://a"), json!("http://b"), json!(null)]);
    check("Patient", "deceased", "birthDate", &[]);
    let of = ResourceType::from_name("Observation").unwrap();
    let composite = parameter::find(of, "code-value-quantity").unwrap();
    assert!(Order::by(composite, Direction::Ascending).is_none());
}

#[test]
fn debug_says_nothing() {
    let document = json!({ "resourceType": "Patient", "name": [{ "family": "Doe" }] });
    assert_eq!(format!("{:?}", key(&order("Patient", "family"), &document)), "Key");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    /// A total order: sorting one way and the other are mirror images, but for those without a value.
    #[test]
    fn orders_are_total(texts in prop::collection::vec("(19[0-9]{2}(-0[1-9])?)?|x", 0..12)) {
        let documents: Vec<Value> = texts.iter().map(|text| json!({ "resourceType": "Patient", "birthDate": text })).collect();
        let keys = |sort: &str| -> Vec<Key> { documents.iter().map(|document| key(&order("Patient", sort), document)).collect() };
        let (up, down) = (keys("birthdate"), keys("-birthdate"));
        for one in 0..documents.len() {
            for other in 0..documents.len() {
                let there = up[one].value.is_some() && up[other].value.is_some();
                let expect = if there { up[other].cmp(&up[one]) } else { up[one].cmp(&up[other]) };
                prop_assert_eq!(down[one].cmp(&down[other]), expect);
            }
        }
        let mut sorted = up.clone();
        sorted.sort();
        let absent = up.iter().filter(|key| key.value.is_none()).count();
        prop_assert!(sorted.iter().rev().take(absent).all(|key| key.value.is_none()));
    }
}
