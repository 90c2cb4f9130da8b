use super::*;
use crate::filter::Limits;
use proptest::prelude::*;

fn known(name: &str) -> ResourceType {
    ResourceType::from_name(name).unwrap()
}

fn id(text: &str) -> LocalId {
    LocalId::new(text).unwrap()
}

/// The texts of the grants that let a person read, or the refusal's code.
fn reading(claim: &str, name: &str) -> String {
    covering(claim, Kind::Person, Interaction::Read, name)
}

fn covering(claim: &str, kind: Kind, interaction: Interaction, name: &str) -> String {
    match Scopes::parse(claim).covering(kind, interaction, known(name)) {
        Ok(grants) => grants.iter().map(Grant::text).collect::<Vec<_>>().join(" "),
        Err(reason) => reason.code().to_owned(),
    }
}

#[test]
fn a1_empty_permission_set_grants_nothing() {
    for claim in
        ["", " ", "user/Patient.", "user/Patient", "user/*.", "patient/", "/", ".", "user/.", "user/Patient.?a=b"]
    {
        assert_eq!(Scopes::parse(claim), Scopes::default(), "{claim}");
        assert_eq!(reading(claim, "Patient"), "scope.missing", "{claim}");
    }
}

/// What is suggested to a caller suffices, and says nothing that is not needed.
#[test]
fn a4_the_suggested_scope_is_the_least_that_covers() {
    for interaction in Interaction::ALL.iter().copied() {
        for kind in [Kind::Person, Kind::Workload, Kind::Stranger] {
            let Some(scope) = Scopes::sufficient(kind, interaction, known("Patient")) else {
                let nobody = covering("user/*.cruds system/*.cruds", kind, interaction, "Patient");
                assert_eq!(nobody, "scope.missing", "{kind:?} {interaction}");
                continue;
            };
            assert_eq!(covering(&scope, kind, interaction, "Patient"), scope);
            let (context, letters) = scope.split_once("/Patient.").unwrap();
            for less in letters.chars().map(|letter| letters.replace(letter, "")) {
                let less = format!("{context}/Patient.{less}");
                assert_eq!(covering(&less, kind, interaction, "Patient"), "scope.missing", "{less} {interaction}");
            }
        }
    }
}

#[test]
fn a1_letters_are_an_ordered_subset() {
    for (letters, expect) in [("r", "r"), ("rs", "rs"), ("cruds", "cruds"), ("crs", "crs"), ("ruds", "ruds")] {
        assert_eq!(reading(&format!("user/Patient.{letters}"), "Patient"), format!("user/Patient.{expect}"));
    }
    for letters in ["sr", "rr", "rx", "R", "dr", "r ", "r.s", "reads", "Read", "**", "crudsr", "é", "r,s", "%72"] {
        assert_eq!(Scope::parse(&format!("user/Patient.{letters}")).map(|_| ()), None, "{letters}");
    }
}

#[test]
fn a1_version_1_maps_to_version_2() {
    assert_eq!(reading("user/Patient.read", "Patient"), "user/Patient.rs");
    assert_eq!(reading("user/Patient.*", "Patient"), "user/Patient.cruds");
    assert_eq!(reading("user/Patient.write", "Patient"), "scope.missing");
    assert_eq!(covering("user/Patient.write", Kind::Person, Interaction::Delete, "Patient"), "user/Patient.cud");
    assert_eq!(reading("user/Patient.read?_id=p1", "Patient"), "scope.not-modelled");
}

#[test]
fn a1_a_token_is_taken_as_a_whole() {
    for claim in [
        "user/Patient.rX",
        "xuser/Patient.r",
        "user/Patient.r/x",
        "user//Patient.r",
        "user/Patient..r",
        "User/Patient.r",
        "user/patient.r",
        "user/Patients.r",
        "user/DomainResource.r",
        "user/Pat*.r",
        "user%2FPatient.r",
        "user/Patient%2Er",
        "user/Patient.r\tuser/Patient.r",
        "user/Patient.r\n",
        "user/Patient.r\"",
        "user/Pati\u{e9}nt.r",
        "user/Patient.r,",
        "user/Patient.r#x",
        "openid",
        "launch/patient",
        "fhirUser",
        "offline_access",
        "https://x/y.z",
        "launch",
    ] {
        assert_eq!(reading(claim, "Patient"), "scope.missing", "{claim}");
    }
    assert_eq!(reading("openid  fhirUser user/Patient.r nonsense", "Patient"), "user/Patient.r");
    assert_eq!(reading("user/*.r", "Patient"), "user/*.r");
    assert_eq!(reading("user/Observation.r", "Patient"), "scope.missing");
}

#[test]
fn a1_length_is_bounded() {
    let long = |n: usize| format!("user/Patient.r?_id={}", "x".repeat(n));
    assert!(Scope::parse(&long(SCOPE_BYTES)).is_none());
    let claim = |n: usize| format!("{}user/Patient.r", "x ".repeat(n));
    assert_eq!(reading(&claim(SCOPES - 1), "Patient"), "user/Patient.r");
    assert_eq!(reading(&claim(SCOPES), "Patient"), "scope.missing");
    assert_eq!(reading(&format!("user/Patient.r {}", "x".repeat(CLAIM_BYTES)), "Patient"), "scope.missing");
    let many = |n: usize| format!("user/Patient.r?{}", vec!["_id=a"; n].join("&"));
    assert_eq!(reading(&many(PARAMETERS), "Patient"), "user/Patient.r");
    assert_eq!(reading(&many(PARAMETERS + 1), "Patient"), "scope.not-modelled");
}

#[test]
fn a2_contexts_are_never_merged() {
    let check = |claim: &str, kind, expect: &str| {
        assert_eq!(covering(claim, kind, Interaction::Read, "Patient"), expect, "{claim} {}", kind.code());
    };
    check("user/Patient.r", Kind::Workload, "scope.missing");
    check("patient/Patient.r", Kind::Workload, "scope.missing");
    check("system/Patient.r", Kind::Workload, "system/Patient.r");
    check("system/Patient.r", Kind::Person, "scope.missing");
    for context in ["user", "patient", "system"] {
        check(&format!("{context}/*.cruds"), Kind::Stranger, "scope.missing");
    }
    // The user scope reads Observations only; the patient scope is still bound to the launch context.
    let claim = "patient/Patient.r user/Observation.r";
    assert_eq!(reading(claim, "Patient"), "patient/Patient.r");
    assert_eq!(reading(claim, "Observation"), "user/Observation.r");
}

#[test]
fn a2_a_patient_scope_is_bound_to_the_launch_patient() {
    let scanned = Scanned::of(br#"{"resourceType":"Observation","id":"o1"}"#, Limits::READ).unwrap();
    let (me, you) = (id("me"), id("you"));
    let check = |context: &str, launch: Option<&LocalId>, patient: Option<&LocalId>, expect| {
        let scopes = Scopes::parse(&format!("{context}/Observation.r"));
        let grants = scopes.covering(Kind::Person, Interaction::Read, known("Observation")).unwrap();
        assert_eq!(grants[0].admits(&scanned, launch, patient), expect);
    };
    check("patient", Some(&me), Some(&me), Ok(()));
    check("patient", Some(&me), Some(&you), Err(Reason::ScopePatient));
    check("patient", Some(&me), None, Err(Reason::ScopePatient));
    check("patient", None, Some(&me), Err(Reason::ScopePatient));
    check("patient", None, None, Err(Reason::ScopePatient));
    check("user", None, None, Ok(()));
}

#[test]
fn a_grant_is_for_its_type() {
    let patient = Scanned::of(br#"{"resourceType":"Patient","id":"me"}"#, Limits::READ).unwrap();
    let grants = Scopes::parse("user/*.r").covering(Kind::Person, Interaction::Read, known("Observation")).unwrap();
    assert_eq!(grants[0].admits(&patient, None, None), Err(Reason::ScopeGranular));
}

/// SMART 2.2.0's table, written down apart from the code: interaction, letters needed.
const TABLE: &[(&str, &str)] = &[
    ("read", "r"),
    ("vread", "r"),
    ("history-instance", "r"),
    ("search-type", "s"),
    ("search-system", "s"),
    ("search-compartment", "s"),
    ("history-type", "s"),
    ("history-system", "s"),
    ("create", "c"),
    ("conditional-create", "cs"),
    ("update", "u"),
    ("conditional-update", "us"),
    ("patch", "u"),
    ("conditional-patch", "us"),
    ("delete", "d"),
    ("conditional-delete", "ds"),
    ("batch", "-"),
    ("operation", "-"),
    ("capabilities", "-"),
    ("smart-configuration", "-"),
];

/// All 31 sets against all interactions.
#[test]
fn a4_letters_cover_exactly_their_interactions() {
    assert_eq!(TABLE.len(), Interaction::ALL.len());
    for (code, needed) in TABLE {
        let interaction = Interaction::from_code(code).unwrap();
        for bits in 1_u8..32 {
            let letters: String =
                "cruds".chars().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, c)| c).collect();
            let claim = format!("user/Patient.{letters}");
            let covers = covering(&claim, Kind::Person, interaction, "Patient") == claim;
            assert_eq!(covers, needed.chars().all(|letter| letters.contains(letter)), "{code} {letters}");
        }
    }
}

#[test]
fn a5_no_scope_covers_an_operation() {
    for claim in ["user/*.cruds", "user/*.*", "user/Patient.$everything", "user/Patient.cruds?$everything"] {
        for interaction in [Interaction::Operation, Interaction::Batch] {
            assert_eq!(covering(claim, Kind::Person, interaction, "Patient"), "scope.missing", "{claim}");
        }
    }
}

#[test]
fn what_is_recorded_has_no_parameters() {
    let scopes = Scopes::parse("user/Patient.r?identifier=urn:mrn|jane");
    let grants = scopes.covering(Kind::Person, Interaction::Read, known("Patient")).unwrap();
    assert_eq!(grants[0].text(), "user/Patient.r");
    assert!(!format!("{scopes:?} {grants:?}").contains("jane"));
}

/// Tokens near the grammar, so that many of them grant something.
fn token() -> impl Strategy<Value = String> {
    let head = "(user|patient|system|launch)/(Patient|Observation|\\*|patient)\\.(r|rs|cruds|read|\\*|sr|)";
    let query = prop::option::of("\\?(category|code|_id|_tag|x:y|status)=(a|a\\|b|\\|b|a,b|final|%41|%4|)(&code=a)?");
    (head, query).prop_map(|(head, query)| head + &query.unwrap_or_default())
}

fn texts(claim: &str, kind: Kind) -> Vec<String> {
    Interaction::ALL
        .iter()
        .flat_map(|interaction| [known("Patient"), known("Observation")].map(|t| (*interaction, t)))
        .filter_map(|(interaction, t)| Scopes::parse(claim).covering(kind, interaction, t).ok())
        .flatten()
        .map(|grant| grant.text())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_claim_is_parsed_and_strangers_get_nothing(claim in "\\PC{0,60}( \\PC{0,60})?", more in token()) {
        for claim in [claim.clone(), format!("{claim} {more}"), more] {
            prop_assert_eq!(texts(&claim, Kind::Stranger).len(), 0);
            texts(&claim, Kind::Person);
        }
    }

    /// One scope more never takes a grant away, and never adds one of its own to those of the others.
    #[test]
    fn claims_are_monotone(a in prop::collection::vec(token(), 0..4), b in prop::collection::vec(token(), 0..4)) {
        for kind in [Kind::Person, Kind::Workload] {
            let mut apart = [texts(&a.join(" "), kind), texts(&b.join(" "), kind)].concat();
            let mut joined = texts(&[a.clone(), b.clone()].concat().join(" "), kind);
            apart.sort();
            joined.sort();
            prop_assert_eq!(apart, joined);
        }
    }

    /// A granted scope without its parameters is a scope that grants the same interaction.
    #[test]
    fn what_is_recorded_reads_back(claim in token()) {
        for text in texts(&claim, Kind::Person) {
            prop_assert!(texts(&text, Kind::Person).contains(&text));
        }
    }
}
