//! All the policy learns of one resource.

use ::fhir::{
    Base, Scanned,
    compartment::{department_of, labels_of, patient_of},
};
use lexicon::{Facts, LocalId, Relationship};

/// How resources are read here.
pub struct Reading<'a> {
    /// Below which URLs a reference is one of ours.
    pub base: &'a Base,
    /// The label that stands for "no label" (decision 14).
    pub unlabelled: &'a str,
}

/// What a token claims are the principal's facts; among the resource's stand only teams that a lookup tied to this
/// very patient. So a claimed team by itself opens nothing.
pub fn facts(resource: &Scanned, reading: &Reading<'_>, relationship: &Relationship) -> Facts {
    let patient = patient_of(resource, reading.base);
    let of_patient = |(_, of): &&(LocalId, LocalId)| Some(of) == patient.as_ref();
    let care_teams =
        relationship.care_teams.iter().filter(of_patient).map(|(team, _)| team.reveal().to_owned()).collect();
    let mut labels = labels_of(resource);
    if labels.is_empty() {
        labels.push(reading.unlabelled.to_owned());
    }
    let department = department_of(resource, reading.base);
    Facts { resource_type: resource.resource_type(), patient, department, care_teams, labels }
}
