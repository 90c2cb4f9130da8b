use super::*;
use ::fhir::{Base, Limits, Scanned, Scopes};
use lexicon::{Facts, Interaction, Kind, Reason, Shown, Verdict};

/// Reaches these patients, or anybody.
struct Plan(Option<Vec<LocalId>>);

impl Judge for Plan {
    fn judge(&self, _: &Facts) -> Verdict {
        Verdict::Refuse { reason: Reason::PolicyForbidden, policies: Vec::new() }
    }

    fn groups(&self) -> Vec<(String, Shown)> {
        Vec::new()
    }

    fn reach(&self) -> Reach {
        self.0.clone().map_or(Reach::Anybody, Reach::Patients)
    }
}

fn id(text: &str) -> LocalId {
    LocalId::new(text).expect("an id")
}

fn of(name: &str) -> ResourceType {
    ResourceType::from_name(name).expect("a type")
}

fn made(asking: &Asking, plan: &Plan, scope: &str, launched: Option<&LocalId>) -> Legs {
    seeing(asking, plan, scope, (launched, &[]))
}

/// For a caller who is never shown what these parameters look at.
fn seeing(asking: &Asking, plan: &Plan, scope: &str, (launched, hidden): (Option<&LocalId>, &[&str])) -> Legs {
    let grants = Scopes::parse(scope).covering(Kind::Person, Interaction::SearchType, asking.of).expect("grants");
    let shows = |condition: &Condition| !hidden.contains(&condition.parameter().code);
    Legs::new(asking, &Whose { plan, grants: &grants, launched, always: &shows, ever: &shows })
}

/// The queries of each leg.
fn paths(asking: &Asking, legs: &Legs) -> Vec<Vec<String>> {
    let path = |narrowing: &Vec<Condition>| query(asking, narrowing, Ordered::Here, Ask::Everything).path;
    legs.all.iter().map(|leg| leg.queries.iter().map(path).collect()).collect()
}

#[track_caller]
fn check(name: &str, plan: &Plan, scope: &str, expect: &[&str]) {
    let asking = Asking::new(of(name));
    let launched = id("p1");
    let legs = made(&asking, plan, scope, Some(&launched));
    assert_eq!(paths(&asking, &legs).concat(), expect, "{name} {scope}");
}

#[test]
fn b1_each_way_to_be_a_patients_is_a_leg() {
    let two = || Plan(Some(vec![id("p2"), id("p1"), id("p2")]));
    check("Patient", &two(), "user/*.rs", &["/Patient?_id=p1%2Cp2&_count=100"]);
    check(
        "Observation",
        &two(),
        "user/*.rs",
        &[
            "/Observation?subject=Patient%2Fp1%2CPatient%2Fp2&_count=100",
            "/Observation?performer=Patient%2Fp1%2CPatient%2Fp2&_count=100",
        ],
    );
    // Who reaches patients' resources alone reaches nothing of a type that is nobody's.
    check("Device", &two(), "user/*.rs", &[]);
    check("Observation", &Plan(Some(Vec::new())), "user/*.rs", &[]);
    check("Observation", &Plan(None), "user/*.rs", &["/Observation?_count=100"]);
}

/// A2: only where every scope is for the patient in launch context is that patient all there is.
#[test]
fn a2_the_launch_context_narrows_only_what_is_all_its_own() {
    let anybody = || Plan(None);
    check("Patient", &anybody(), "patient/*.rs", &["/Patient?_id=p1&_count=100"]);
    check("Patient", &anybody(), "patient/*.rs user/Patient.rs", &["/Patient?_count=100"]);
    check("Patient", &Plan(Some(vec![id("p2")])), "patient/*.rs", &[]);
}

#[test]
fn many_patients_are_several_legs_and_too_many_none_of_them() {
    let plan = |number: usize| Plan(Some((0..number).map(|n| id(&format!("{n:064}"))).collect()));
    let asking = Asking::new(of("Observation"));
    for (number, expect) in [(30, 2), (100, 6), (1000, 1)] {
        let legs = made(&asking, &plan(number), "user/*.rs", None);
        assert_eq!(legs.all.len(), expect, "{number}");
        assert!(paths(&asking, &legs).concat().iter().all(|path| path.len() < 8000));
    }
}

/// A7, B1: whatever its references, a resource that some leg asks for is taken from one leg.
#[test]
fn a7_legs_share_nothing() {
    let asking = Asking::new(of("Observation"));
    let legs = made(&asking, &Plan(Some(vec![id("p1"), id("p2")])), "user/*.rs", None);
    let base = Base::new(["https://up.example/r4"]);
    for (subject, performer, expect) in
        [("p1", "p2", Some(0)), ("p9", "p2", Some(1)), ("p2", "p9", Some(0)), ("p9", "p9", None)]
    {
        let text = format!(
            r#"{{"resourceType":"Observation","id":"o1","subject":{{"reference":"Patient/{subject}"}},"performer":[{{"reference":"https://up.example/r4/Patient/{performer}"}}]}}"#
        );
        let resource = Scanned::of(text.as_bytes(), Limits::READ).expect("a resource");
        assert_eq!(legs.home(|condition| condition.matches(&resource, &base)), expect, "{subject} {performer}");
    }
}

/// B1: ways that are never shown come last, and nothing tells one of them from another.
#[test]
fn b1_hidden_ways_are_one_leg_and_no_way_to_match() {
    let asking = Asking::new(of("Coverage"));
    let plan = Plan(Some(vec![id("p1")]));
    let hidden = ["policy-holder", "subscriber"];
    let legs = seeing(&asking, &plan, "user/*.rs", (None, &hidden));
    let numbers: Vec<usize> = legs.all.iter().map(|leg| leg.queries.len()).collect();
    assert_eq!(numbers, [1, 1, 2], "{:?}", paths(&asking, &legs));
    assert_eq!((legs.home(|_| false), legs.home(|_| true)), (Some(2), Some(0)));
    let mut asking = Asking::new(of("Coverage"));
    for way in compartment::memberships(asking.of) {
        asking.naming(way, ResourceType::PATIENT, &[id("p1")]);
    }
    let ways = asking.any.drain(..).flatten().collect();
    asking.any.push(ways);
    let legs = seeing(&asking, &Plan(None), "user/*.rs", (None, &hidden));
    assert_eq!((legs.all.len(), legs.home(|_| false)), (2, None));
}

/// What is refused is asked for with less, and never with more.
#[test]
fn a_refused_query_is_asked_with_less() {
    let mut asking = Asking::new(of("Observation"));
    let code = ::fhir::parameter::find(asking.of, "code").expect("a parameter");
    asking.all.push(Condition::compile(asking.of, code, ::fhir::Modifier::None, "a").expect("a condition"));
    let narrowing = [Condition::ids(asking.of, &[id("o1")])];
    let path = |ask| query(&asking, &narrowing, Ordered::Upstream, ask).path;
    let expect = ["code=a&_id=o1&", "code=a&_id=o1&", "_id=o1&", "code=a&", ""];
    for (ask, expect) in Ask::ALL.into_iter().zip(expect) {
        assert_eq!(path(ask), format!("/Observation?{expect}_count=100"), "{ask:?}");
    }
}
