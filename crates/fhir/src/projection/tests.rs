use super::*;

const STARTER: &str = include_str!("../../../../policies/projections.toml");

fn starter() -> Projections {
    Projections::load(STARTER).expect("the starter projections load")
}

#[test]
fn the_starter_loads_and_tells_its_groups() {
    let starter = starter();
    let groups = starter.groups();
    let patient = groups.iter().find(|(of_type, _)| *of_type == ResourceType::PATIENT).expect("listed");
    assert!(patient.1.contains(&"contact".to_owned()));
    assert!(groups.iter().all(|(_, names)| !names.contains(&"default".to_owned())));
    assert_eq!(starter.text(), STARTER);
}
