//! The golden decision matrix: who may do what, as a picture that a person can review. `LAZARET_BLESS=1` draws it
//! anew. Compiled for tests only.

use crate::scene::{NOW, UNSURE, facts, id, person, question, starter, strings, works_in};
use crate::{Engine, Plan};
use lexicon::{Action, Facts, Halt, Judge, Kind, Principal, Reason, Relationship, Verdict};
use std::fmt::Write;

/// One column: a caller, and the care teams the caller works in.
struct Persona {
    name: &'static str,
    principal: Principal,
    teams: &'static [&'static str],
}

fn personas() -> Vec<Persona> {
    let of = |name, principal, teams| Persona { name, principal, teams };
    let cardiology = |role| Principal { department: Some("dept-cardiology".to_owned()), ..person(&[role]) };
    let patient = Principal { patient: Some(id("p001")), ..person(&["patient"]) };
    let unsure = Principal { assurance: UNSURE, ..cardiology("nurse") };
    let program = Principal { kind: Kind::Workload, ..person(&["nurse"]) };
    vec![
        of("nurse", cardiology("nurse"), &["team-p001", "team-p003"]),
        of("physician", cardiology("physician"), &["team-p001", "team-p003"]),
        of("support", person(&["support"]), &[]),
        of("billing", person(&["billing"]), &[]),
        of("analyst", person(&["analyst"]), &[]),
        of("admin", person(&["admin"]), &[]),
        of("patient", patient, &[]),
        of("no-role", person(&[]), &["team-p001"]),
        of("nurse-no-mfa", unsure, &["team-p001"]),
        of("program", program, &["team-p001"]),
        of("stranger", Principal::stranger(NOW), &[]),
    ]
}

/// Types that say who works here and where.
const DIRECTORY: [&str; 3] = ["Organization", "Practitioner", "PractitionerRole"];

/// One row: a resource in its circumstances.
fn situations(action: Action, resource_type: &str) -> Vec<(&'static str, Facts)> {
    let own = facts(resource_type);
    if action == Action::Capabilities {
        return vec![("public", Facts { patient: None, department: None, care_teams: Vec::new(), ..own })];
    }
    if DIRECTORY.contains(&resource_type) {
        let of = |labels: &[&str]| Facts {
            patient: None,
            department: None,
            care_teams: Vec::new(),
            labels: strings(labels),
            ..own.clone()
        };
        let odd = Facts { patient: Some(id("p002")), ..of(&["N"]) };
        return vec![("of no patient", of(&["N"])), ("of no patient, R", of(&["R"])), ("p002, elsewhere", odd)];
    }
    let department = |name: &str| (resource_type == "Patient").then(|| name.to_owned());
    let of = |patient: &str, labels: &[&str], department: Option<String>| Facts {
        patient: Some(id(patient)),
        care_teams: vec![format!("team-{patient}")],
        labels: strings(labels),
        department,
        ..own.clone()
    };
    let here = || department("dept-cardiology");
    let there = || department("dept-oncology");
    vec![
        ("p001, in care", own.clone()),
        ("p001, in care, moved", of("p001", &["N"], there())),
        ("p001, in care, R", of("p001", &["R"], here())),
        ("p003, in care", of("p003", &["N"], there())),
        ("p003, in care, R", of("p003", &["R"], there())),
        ("p003, in care, V", of("p003", &["V"], there())),
        ("p003, in care, N and unknown", of("p003", &["N", "urn:x|Y"], there())),
        ("p009, same department", of("p009", &["N"], here())),
        ("p009, same department, R", of("p009", &["R"], here())),
        ("p002, elsewhere", of("p002", &["N"], there())),
        ("of no patient", Facts { patient: None, department: None, care_teams: Vec::new(), ..own.clone() }),
        ("p001, in care, unlabelled", Facts { labels: Vec::new(), ..own.clone() }),
    ]
}

/// What one caller may ask for: decided once, judged for each row.
fn column(engine: &Engine, persona: &Persona, (action, resource_type): (Action, &str)) -> Result<Plan, Halt> {
    let asked = question(persona.principal.clone(), action, resource_type);
    let relationship = if persona.teams.is_empty() { Relationship::default() } else { works_in(persona.teams) };
    engine.decide(&asked, &relationship)
}

fn cell(column: &Result<Plan, Halt>, facts: &Facts) -> String {
    let plan = match column {
        Ok(plan) => plan,
        Err(halt) if halt.reason == Reason::PolicyRefused => return "-".to_owned(),
        Err(halt) if halt.reason == Reason::AssuranceInsufficient => return "sign in".to_owned(),
        Err(halt) => return halt.reason.to_string(),
    };
    match plan.judge(facts) {
        Verdict::Permit { groups, .. } => groups.iter().map(|group| &group[..3]).collect::<Vec<_>>().join("+"),
        Verdict::Refuse { reason: Reason::RelationshipNone, .. } => "404".to_owned(),
        Verdict::Refuse { reason: Reason::LabelNotCleared, .. } => "404 label".to_owned(),
        Verdict::Refuse { reason, .. } => format!("404 {reason}"),
    }
}

fn draw() -> String {
    let engine = Engine::load(&starter()).unwrap_or_else(|error| panic!("{error}"));
    let personas = personas();
    let mut picture = String::from(LEGEND);
    for action in Action::ALL {
        for resource_type in types(action) {
            let columns: Vec<_> =
                personas.iter().map(|persona| column(&engine, persona, (action, resource_type))).collect();
            let row = |(situation, facts)| (situation, columns.iter().map(|column| cell(column, &facts)).collect());
            let mut rows: Vec<(&str, Vec<String>)> = situations(action, resource_type).into_iter().map(row).collect();
            if columns.iter().all(Result::is_err) {
                rows.truncate(1);
                rows[0].0 = "any";
            }
            render(&mut picture, &format!("{} {resource_type}", action.code()), (&personas, &rows));
        }
    }
    picture
}

const fn types(action: Action) -> &'static [&'static str] {
    match action {
        Action::Read => &[
            "Patient",
            "Observation",
            "Condition",
            "DocumentReference",
            "Coverage",
            "Claim",
            "Practitioner",
            "Organization",
        ],
        Action::Search => &[
            "Patient",
            "Observation",
            "Condition",
            "DocumentReference",
            "Coverage",
            "Claim",
            "Practitioner",
            "PractitionerRole",
        ],
        Action::Capabilities => &["CapabilityStatement"],
        Action::Create | Action::Update | Action::Delete | Action::Operate => &["Patient", "Observation", "Coverage"],
    }
}

fn render(picture: &mut String, title: &str, (personas, rows): (&[Persona], &[(&str, Vec<String>)])) {
    let mut widths: Vec<usize> = personas.iter().map(|persona| persona.name.len()).collect();
    for (_, cells) in rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |first: &str, cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{first:<31} {}", padded.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let names = personas.iter().map(|persona| persona.name).collect();
    let _ = writeln!(picture, "\n{}", line(title, names));
    for (situation, cells) in rows {
        let cells = cells.iter().map(String::as_str).collect();
        let _ = writeln!(picture, "{}", line(&format!("  {situation}"), cells));
    }
}

const LEGEND: &str = "\
Who may do what under the starter policies. Drawn by a test; LAZARET_BLESS=1 draws it anew, a person reviews it.

def+con+ide+dem   permitted, with these element groups (default, contact, identifiers, demographics, ...)
-                 403: no such request by this caller, whatever the resource
sign in           401 with a step-up challenge, whatever the resource
404               this resource is not shown; the record says relationship.none
404 label         this resource is not shown; the record says label.not-cleared

Nurse and physician work in cardiology and in the teams of p001 and p003; the patient is p001; nurse-no-mfa, program
and no-role work in the team of p001. A row names the patient the resource belongs to, and its labels if not N.
";

#[test]
fn the_matrix_is_as_reviewed() {
    let drawn = draw();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/matrix.txt");
    if std::env::var_os("LAZARET_BLESS").is_some() {
        std::fs::write(path, &drawn).expect("golden/matrix.txt can be written");
    }
    let golden = std::fs::read_to_string(path).expect("golden/matrix.txt is there");
    for (n, (was, is)) in golden.lines().zip(drawn.lines()).enumerate() {
        assert_eq!(was, is, "line {} of golden/matrix.txt", n + 1);
    }
    assert_eq!(golden, drawn);
}
