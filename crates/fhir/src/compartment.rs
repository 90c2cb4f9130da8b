//! Whose a resource is: membership in R4's Patient compartment, the department, and the security labels.

use crate::condition::Condition;
use crate::filter::{Node, Scanned};
use crate::parameter::{self, Parameter};
use crate::reference::{Base, Named};
use lexicon::{LocalId, ResourceType};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// One element path through which a resource becomes a member.
struct Way {
    parameter: &'static str,
    path: Vec<&'static str>,
}

impl Way {
    /// Does the element say whom the resource is about, rather than who took part?
    fn is_subject(&self) -> bool {
        matches!(self.parameter, "patient" | "subject" | "beneficiary" | "individual" | "member")
    }
}

static WAYS: LazyLock<HashMap<ResourceType, Vec<Way>>> = LazyLock::new(|| {
    let mut ways: HashMap<_, Vec<Way>> = HashMap::new();
    for line in include_str!("../tables/compartments.tsv").lines() {
        let mut fields = line.split('\t');
        let (Some(name), Some(parameter), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let Some(resource_type) = ResourceType::from_name(name) else { continue };
        ways.entry(resource_type).or_default().push(Way { parameter, path: path.split('.').collect() });
    }
    ways
});

/// The one local patient whose compartment holds the resource, by the union of R4's parameters. None if there is no
/// such patient or several. None also if a reference may mean somebody else, whom we cannot name: what is about a
/// stranger is not shown as that of a patient who only took part.
///
/// A Patient is its own: `Patient.link` neither gives nor takes.
pub fn patient_of(resource: &Scanned, base: &Base) -> Option<LocalId> {
    if resource.resource_type() == ResourceType::PATIENT {
        return resource.id();
    }
    let mut patient: Option<LocalId> = None;
    for way in WAYS.get(&resource.resource_type())? {
        for reference in resource.nodes_at(&way.path) {
            match Named::read(reference, resource, base) {
                Named::Local(ResourceType::PATIENT, id) if patient.as_ref().is_none_or(|other| *other == id) => {
                    patient = Some(id);
                }
                Named::Local(ResourceType::PATIENT, _) => return None,
                Named::Elsewhere(None | Some(ResourceType::PATIENT)) => return None,
                Named::Nothing if way.is_subject() => return None,
                Named::Local(..) | Named::Elsewhere(Some(_)) | Named::Nothing => {}
            }
        }
    }
    patient
}

/// Every local patient whose compartment holds the resource: whom whoever is shown it learns of. Never fewer than
/// [`patient_of`] names.
pub fn patients_of(resource: &Scanned, base: &Base) -> Vec<LocalId> {
    if resource.resource_type() == ResourceType::PATIENT {
        return resource.id().into_iter().collect();
    }
    let (mut patients, mut met) = (Vec::new(), HashSet::new());
    for way in WAYS.get(&resource.resource_type()).into_iter().flatten() {
        for reference in resource.nodes_at(&way.path) {
            if let Named::Local(ResourceType::PATIENT, id) = Named::read(reference, resource, base)
                && met.insert(id.clone())
            {
                patients.push(id);
            }
        }
    }
    patients
}

/// The parameters by which resources of a type are members of a patient's compartment; none if they are in nobody's.
pub fn memberships(of: ResourceType) -> Vec<&'static Parameter> {
    let mut codes: Vec<&str> = WAYS.get(&of).into_iter().flatten().map(|way| way.parameter).collect();
    codes.dedup();
    codes.into_iter().filter_map(|code| parameter::find(of, code)).collect()
}

/// One condition for each way to be a member of this patient's compartment. A Patient is in its own.
pub fn membership(of: ResourceType, patient: &LocalId) -> Vec<Condition> {
    if of == ResourceType::PATIENT {
        return vec![Condition::ids(of, std::slice::from_ref(patient))];
    }
    let patient = [(ResourceType::PATIENT, patient.clone())];
    memberships(of).into_iter().map(|way| Condition::naming(of, way, &patient)).collect()
}

/// The Organization that manages a Patient. No other resource has a department of its own yet.
pub fn department_of(resource: &Scanned, base: &Base) -> Option<String> {
    if resource.resource_type() != ResourceType::PATIENT {
        return None;
    }
    let found = resource.nodes_at(&["managingOrganization"]);
    let [only] = found.as_slice() else { return None };
    match Named::read(*only, resource, base) {
        Named::Local(t, id) if t.name() == "Organization" => Some(id.reveal().to_owned()),
        _ => None,
    }
}

const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// The codes of `meta.security`: bare for the six of v3-Confidentiality, else `system|code`. A coding that lacks one of
/// the two, or could be read in two ways, becomes a word with an empty part, which no allow-list can hold.
pub fn labels_of(resource: &Scanned) -> Vec<String> {
    resource.nodes_at(&["meta", "security"]).into_iter().map(label).collect()
}

fn label(coding: Node<'_>) -> String {
    let part = |name| coding.get(name).and_then(Node::text).unwrap_or_default();
    let (system, code) = (part("system"), part("code"));
    if system == CONFIDENTIALITY && matches!(&*code, "U" | "L" | "M" | "N" | "R" | "V") {
        return code.into_owned();
    }
    if system.contains('|') || code.contains('|') {
        return "|".to_owned();
    }
    format!("{system}|{code}")
}

#[cfg(test)]
mod tests;
