//! Names of criteria, chains, `_has` and includes.

use super::*;

#[test]
fn c7_names_are_exact_and_each_spelling_is_its_own() {
    for query in ["Patient=x", "PATIENT=x", "subject:patient=x", "Subject=x", "patient%20=x", "code%00=x"] {
        let found = read("Observation", query).unwrap_err();
        assert!(
            matches!(found, Reason::ParameterNotModelled | Reason::ParameterModifier | Reason::RequestMalformed),
            "{query}: {found}"
        );
    }
    check("Observation?patient=x", "patient");
    check("Observation?subject=Patient/x", "subject");
    check("Observation?subject:Patient=x", "subject");
    check("Observation?subject:identifier=http://x|1", "subject");
    check("Observation?patient.identifier=http://x|1", "patient>Patient(identifier)");
    check("Observation?subject:Patient.identifier=1", "subject>Patient(identifier)");
    // Group, Device, Location and Patient have identifiers.
    check("Observation?subject.identifier=1", "parameter.not-modelled");
    // Only Patient has a birth date.
    check("Observation?subject.birthdate=1980", "subject>Patient(birthdate)");
    // All are asked; none wins.
    check("Observation?subject=Patient/a&subject=Patient/b&patient=c", "subject; subject; patient");
}

#[test]
fn c1_chains_are_read_hop_by_hop() {
    check("Observation?patient.family=x", "patient>Patient(family)");
    check("Observation?patient.organization.name=x", "patient>Patient(organization>Organization(name))");
    check(
        "Observation?patient.organization.partof.name=x",
        "patient>Patient(organization>Organization(partof>Organization(name)))",
    );
    check("Observation?patient.organization.partof.partof.name=x", "search.too-broad");
    check("Observation?subject:Patient.family:exact=x", "subject>Patient(family)");
    check(
        "Observation?subject:Patient.general-practitioner:Practitioner.name=x",
        "subject>Patient(general-practitioner>Practitioner(name))",
    );
    check("Observation?subject:Practitioner.name=x", "parameter.modifier");
    check("Observation?subject:patient.name=x", "parameter.modifier");
    check("Observation?subject:exact.name=x", "parameter.modifier");
    check("Observation?code.name=x", "parameter.not-modelled");
    check("Observation?patient.=x", "parameter.not-modelled");
    check("Observation?.name=x", "parameter.not-modelled");
    check("Observation?patient..name=x", "parameter.not-modelled");
    check("Observation?focus.name=x", "parameter.not-modelled");
    check("Observation?patient._filter=x", "parameter.not-modelled");
    check("Observation?patient._sort=x", "parameter.not-modelled");
    check("Observation?patient._include=x", "parameter.not-modelled");
}

#[test]
fn c2_g1_a_has_is_read_as_what_it_is() {
    check("Patient?_has:Observation:patient:code=x", "Observation.patient<(code)");
    check("Patient?_has:Observation:patient:code:not=x", "Observation.patient<(code)");
    check(
        "Patient?_has:Observation:patient:_has:DiagnosticReport:result:code=x",
        "Observation.patient<(DiagnosticReport.result<(code))",
    );
    check(
        "Patient?_has:Observation:patient:performer:Practitioner.name=x",
        "Observation.patient<(performer>Practitioner(name))",
    );
    check("Observation?patient._has:Group:member:_id=x", "patient>Patient(Group.member<(_id))");
    check(
        "Patient?_has:Observation:patient:_id=x&_has:Condition:subject:code=y",
        "Observation.patient<(_id); Condition.subject<(code)",
    );
    for query in [
        "_has=x",
        "_has:=x",
        "_has:Observation=x",
        "_has:Observation:patient=x",
        "_has:Observation:patient:=x",
        "_has:observation:patient:code=x",
        "_has:Observation:code:code=x",
        "_has:Observation:device:code=x",
        "_has:Observation:foo:code=x",
        "_has:Observation:patient:foo=x",
        "_has:Observation:patient:_filter=x",
        "_hass:Observation:patient:code=x",
        "_HAS:Observation:patient:code=x",
        "_has:*:patient:code=x",
        "_has:Observation:*:code=x",
    ] {
        check(&format!("Patient?{query}"), "parameter.not-modelled");
    }
    let deep = "_has:Observation:patient:_has:DiagnosticReport:result:_has:Composition:entry:_has:List:item:code=x";
    check(&format!("Patient?{deep}"), "search.too-broad");
}

#[test]
fn c3_g1_includes_are_read_as_what_they_are() {
    check("Observation?_include=Observation:subject", "in Observation:subject");
    check("Observation?_include=Observation:subject:Patient", "in Observation:subject:Patient");
    check(
        "Observation?_include=Observation:patient&_include:iterate=Patient:organization",
        "in Observation:patient; in+ Patient:organization",
    );
    check("Patient?_revinclude=Observation:patient", "rev Observation:patient");
    check("Patient?_revinclude:iterate=Provenance:target", "rev+ Provenance:target");
    check("Observation?_include=Observation:focus:Patient", "in Observation:focus:Patient");
    for query in [
        "_include:recurse=Observation:patient",
        "_include:Iterate=Observation:patient",
        "_include:=Observation:patient",
        "_include:iterate:iterate=Observation:patient",
        "_revinclude:recurse=Observation:patient",
    ] {
        check(&format!("Observation?{query}"), "parameter.modifier");
    }
    for query in [
        "_include=*",
        "_include=Observation:*",
        "_include=*:patient",
        "_include=Observation:subject:*",
        "_include:iterate=*",
        "_revinclude=*",
        "_revinclude=Provenance:*",
        // One of 145 types at a time.
        "_include=Observation:focus",
    ] {
        check(&format!("Observation?{query}"), "include.not-permitted");
    }
    for query in [
        "_include=",
        "_include=Observation",
        "_include=observation:subject",
        "_include=Observation:subject:Practitioner",
        "_include=Observation:subject:Patient:x",
        "_include=Observation:subject,Observation:encounter",
        // Nothing would be included.
        "_include=Patient:organization",
        "_revinclude=Observation:patient",
    ] {
        let found = read("Observation", query).unwrap_err();
        assert!(matches!(found, Reason::ParameterValue | Reason::ParameterNotModelled), "{query}: {found}");
    }
    check("Observation?_include=Observation:foo", "parameter.not-modelled");
    check("Observation?_include=Observation:code", "parameter.not-modelled");
    check("Observation?_Include=Observation:subject", "parameter.not-modelled");
}
