//! Cases made by hand for leaks that chance meets too seldom: one hidden element, and the one question about it.

use crate::{
    asks::{Ask, Manner},
    law::{Law, Listed, Rule, Scope, When, Who},
    leaks::Leak,
    table::TYPES,
    trial::Case,
    world::{Kept, World},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What is asked of which type, what is shown of it, and the element that differs unseen.
struct Plan {
    of: &'static str,
    shown: &'static [&'static str],
    ask: (&'static str, &'static str),
    visible: Value,
    hidden: (&'static str, [Value; 2]),
}

pub fn case(leak: Leak) -> Option<Case> {
    let plan = match leak {
        Leak::NumberOnHidden => Plan {
            of: "RiskAssessment",
            shown: &["status"],
            ask: ("probability", "lt0.5"),
            visible: json!({ "status": "final" }),
            hidden: ("prediction", [0.1, 0.9].map(|of| json!([{ "probabilityDecimal": of }]))),
        },
        Leak::CompositeOnHidden => Plan {
            of: "Observation",
            shown: &["code"],
            ask: ("code-value-quantity", "urn:code|c1$lt5"),
            visible: json!({ "code": { "coding": [{ "system": "urn:code", "code": "c1" }] } }),
            hidden: ("valueQuantity", [1.5, 9.5].map(|of| json!({ "value": of }))),
        },
        Leak::ChainByHidden => Plan {
            of: "Observation",
            shown: &["status"],
            ask: ("subject:Patient.gender", "male"),
            visible: json!({ "status": "final" }),
            hidden: ("subject", ["Patient/p1", "Patient/p2"].map(|of| json!({ "reference": of }))),
        },
        _ => return None,
    };
    Some(plan.case())
}

impl Plan {
    fn case(self) -> Case {
        let listed = |of, shown: &[&str]| Listed {
            of,
            default: ["id", "meta.security"].iter().chain(shown).map(|path| (*path).to_owned()).collect(),
            groups: Vec::new(),
        };
        let rule = Rule {
            role: "one",
            types: TYPES.to_vec(),
            reads: true,
            searches: true,
            views: Vec::new(),
            when: When::Always,
        };
        let shown = vec![listed("Patient", &["gender"]), listed(self.of, self.shown)];
        let law = Law { shown, rules: vec![rule], cleared: vec!["N"] };
        let scopes = vec![Scope { is_of_patient: false, of: None, only: None }];
        let caller = Who { roles: vec!["one"], practitioner: None, department: None, patient: None, scopes };
        let (name, hidden) = &self.hidden;
        let worlds = [0, 1].map(|which| {
            let mut differs = self.visible.clone();
            differs[*name] = hidden[which].clone();
            let patients =
                [("p1", "male"), ("p2", "female")].map(|(id, of)| kept("Patient", id, &json!({ "gender": of })));
            let all = patients.into_iter().chain([kept(self.of, "x1", &differs)]).collect();
            World { base: "https://upstream.one.test/r4".to_owned(), kept: all }
        });
        let with = vec![(self.ask.0.to_owned(), self.ask.1.to_owned())];
        let asks = vec![Ask::Search { of: self.of, within: None, with, manner: Manner::Get }];
        Case { seed: 0, law, caller, worlds, asks }
    }
}

fn kept(of: &'static str, id: &str, elements: &Value) -> Kept {
    let security = json!([{ "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N" }]);
    let mut resource = json!({ "resourceType": of, "id": id, "meta": { "versionId": "1", "security": security } });
    for (name, value) in elements.as_object().expect("elements") {
        resource[name] = value.clone();
    }
    Kept { of, id: id.to_owned(), versions: vec![Arc::new(resource)], is_deleted: false }
}
