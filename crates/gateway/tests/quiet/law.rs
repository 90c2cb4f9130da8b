//! Policy as data. It is written out as Cedar and projections for the gateway, and asked directly by the reference: one
//! rule after the other, in plain Rust.

use crate::{dice::Dice, table::TYPES};
use std::fmt::Write;

/// The elements that a group may name, by type. `[x]` is every type R4 allows there.
pub const ELEMENTS: &[(&str, &[&str])] = &[
    (
        "Patient",
        &[
            "active",
            "name",
            "gender",
            "birthDate",
            "identifier",
            "address",
            "telecom",
            "managingOrganization",
            "generalPractitioner",
            "link",
            "maritalStatus",
            "text",
        ],
    ),
    (
        "Observation",
        &[
            "status",
            "category",
            "code",
            "value[x]",
            "effective[x]",
            "subject",
            "encounter",
            "performer",
            "method",
            "hasMember",
            "note",
            "text",
        ],
    ),
    (
        "Condition",
        &[
            "clinicalStatus",
            "code",
            "severity",
            "onset[x]",
            "recordedDate",
            "subject",
            "encounter",
            "asserter",
            "note",
            "text",
        ],
    ),
    ("Encounter", &["status", "class", "type", "period", "subject", "partOf", "participant", "text"]),
    ("CareTeam", &["status", "subject", "participant", "name", "note"]),
    ("Practitioner", &["active", "name", "identifier", "birthDate"]),
    ("RiskAssessment", &["status", "subject", "prediction", "condition", "performer", "note"]),
];

const META: [&str; 4] = ["meta.tag", "meta.profile", "meta.lastUpdated", "meta.versionId"];
pub const GROUPS: [&str; 2] = ["first", "second"];
/// The second of them is rarer.
const ROLES: [&str; 3] = ["one", "one", "two"];
pub const LABELS: [&str; 3] = ["N", "R", "V"];

#[derive(Clone, Debug)]
pub struct Law {
    pub shown: Vec<Listed>,
    pub rules: Vec<Rule>,
    /// A resource with any other label is forbidden to everyone.
    pub cleared: Vec<&'static str>,
}

/// What the groups of one type show.
#[derive(Clone, Debug)]
pub struct Listed {
    pub of: &'static str,
    pub default: Vec<String>,
    pub groups: Vec<(&'static str, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub role: &'static str,
    pub types: Vec<&'static str>,
    pub reads: bool,
    pub searches: bool,
    /// Groups that it shows, of each of its types.
    pub views: Vec<&'static str>,
    pub when: When,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Always,
    InCareTeam,
    OfDepartment,
    OfOwn,
    Plain,
}

#[derive(Clone, Debug)]
pub struct Who {
    pub roles: Vec<&'static str>,
    pub practitioner: Option<&'static str>,
    pub department: Option<&'static str>,
    pub patient: Option<String>,
    pub scopes: Vec<Scope>,
}

#[derive(Clone, Debug)]
pub struct Scope {
    pub is_of_patient: bool,
    pub of: Option<&'static str>,
    /// A search parameter and the value it must have.
    pub only: Option<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Read,
    Search,
}

/// All a rule may look at.
pub struct Facts<'a> {
    pub of: &'a str,
    pub patient: Option<&'a str>,
    pub department: Option<&'a str>,
    pub labels: Vec<&'a str>,
    /// Patients in whose care teams the caller works.
    pub cared_for: &'a [String],
}

impl Rule {
    fn is_for(&self, caller: &Who, of: &str) -> bool {
        caller.roles.contains(&self.role) && self.types.contains(&of)
    }

    fn does(&self, action: Action) -> bool {
        match action {
            Action::Read => self.reads,
            Action::Search => self.searches,
        }
    }

    fn holds(&self, caller: &Who, facts: &Facts<'_>) -> bool {
        match self.when {
            When::Always => true,
            When::InCareTeam => facts.patient.is_some_and(|patient| facts.cared_for.iter().any(|p| p == patient)),
            When::OfDepartment => facts.department.is_some() && facts.department == caller.department,
            When::OfOwn => facts.patient.is_some() && facts.patient == caller.patient.as_deref(),
            When::Plain => facts.labels.iter().all(|label| *label == "N"),
        }
    }

    /// Could it hold of any resource, as far as the caller alone tells? Whose care teams a resource has is not known.
    fn could(&self, caller: &Who) -> bool {
        match self.when {
            When::OfDepartment => caller.department.is_some(),
            When::OfOwn => caller.patient.is_some(),
            When::Always | When::Plain | When::InCareTeam => true,
        }
    }
}

impl Law {
    /// The groups that are shown, `default` aside; none if the resource is not.
    pub fn judge(&self, caller: &Who, action: Action, facts: &Facts<'_>) -> Option<Vec<&'static str>> {
        if !facts.labels.iter().all(|label| self.cleared.contains(label)) {
            return None;
        }
        let rules: Vec<&Rule> =
            self.rules.iter().filter(|rule| rule.is_for(caller, facts.of) && rule.holds(caller, facts)).collect();
        rules.iter().any(|rule| rule.does(action)).then(|| {
            let mut groups: Vec<_> = rules.iter().flat_map(|rule| rule.views.iter().copied()).collect();
            groups.sort_unstable();
            groups.dedup();
            groups
        })
    }

    /// May the class be asked for at all?
    pub fn could(&self, caller: &Who, action: Action, of: &str) -> bool {
        self.rules.iter().any(|rule| rule.is_for(caller, of) && rule.does(action) && rule.could(caller))
    }

    /// Groups that some resource of the type could be shown with.
    pub fn possible(&self, caller: &Who, of: &str) -> Vec<&'static str> {
        let rules = self.rules.iter().filter(|rule| rule.is_for(caller, of) && rule.could(caller));
        rules.flat_map(|rule| rule.views.iter().copied()).collect()
    }

    /// Groups that are shown whenever a resource of the type is found: wherever a rule lets it be found, one that shows
    /// the group holds on the same condition, or on none.
    pub fn certain(&self, caller: &Who, of: &str) -> Vec<&'static str> {
        let rules: Vec<&Rule> =
            self.rules.iter().filter(|rule| rule.is_for(caller, of) && rule.could(caller)).collect();
        let shows = |group: &&str, when| rules.iter().any(|rule| rule.views.contains(group) && rule.when == when);
        let finding: Vec<When> = rules.iter().filter(|rule| rule.searches).map(|rule| rule.when).collect();
        let is_certain = |group: &&str| finding.iter().all(|when| shows(group, *when) || shows(group, When::Always));
        GROUPS.into_iter().filter(|group| is_certain(group)).collect()
    }

    /// The element paths that the default group and `groups` show.
    pub fn elements(&self, of: &str, groups: &[&str]) -> Vec<String> {
        let Some(listed) = self.shown.iter().find(|listed| listed.of == of) else { return vec!["id".to_owned()] };
        let more = listed.groups.iter().filter(|(name, _)| groups.contains(name)).flat_map(|(_, paths)| paths);
        listed.default.iter().chain(more).cloned().collect()
    }

    pub fn projections(&self) -> String {
        let mut toml = String::new();
        let quoted = |paths: &[String]| paths.iter().map(|path| format!("\"{path}\"")).collect::<Vec<_>>().join(", ");
        for listed in &self.shown {
            writeln!(toml, "[{}]\ndefault = [{}]", listed.of, quoted(&listed.default)).expect("a String");
            for (group, paths) in &listed.groups {
                writeln!(toml, "{group} = [{}]", quoted(paths)).expect("a String");
            }
        }
        toml
    }

    pub fn cedar(&self) -> String {
        let list = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        let mut cedar = format!(
            "@id(\"labels\")\n@description(\"Cleared labels only.\")\nforbid (principal, action, resource)\nunless {{ action == Lazaret::Action::\"capabilities\" || [{}].containsAll(resource.labels) }};\n",
            list(&self.cleared)
        );
        for (at, rule) in self.rules.iter().enumerate() {
            let mut actions: Vec<String> = Vec::new();
            actions.extend(rule.reads.then(|| "read".to_owned()));
            actions.extend(rule.searches.then(|| "search".to_owned()));
            let listed = |of: &&str| self.shown.iter().any(|listed| listed.of == *of);
            for of in rule.types.iter().filter(|of| listed(of)) {
                actions.extend(rule.views.iter().map(|group| format!("view:{of}.{group}")));
            }
            let actions: Vec<_> = actions.iter().map(|name| format!("Lazaret::Action::\"{name}\"")).collect();
            if actions.is_empty() {
                continue;
            }
            let when = match rule.when {
                When::Always => "true",
                When::InCareTeam => "principal.care_teams.containsAny(resource.care_teams)",
                When::OfDepartment => {
                    "principal has department && resource has department && resource.department == principal.department"
                }
                When::OfOwn => "principal has patient && resource has patient && resource.patient == principal.patient",
                When::Plain => "[\"N\"].containsAll(resource.labels)",
            };
            writeln!(
                cedar,
                "@id(\"rule-{at}\")\n@description(\"Generated.\")\npermit (principal is Lazaret::Person in Lazaret::Role::\"{}\", action in [{}], resource)\nwhen {{ [{}].contains(resource.type) }}\nwhen {{ {when} }};",
                rule.role,
                actions.join(", "),
                list(&rule.types)
            )
            .expect("a String");
        }
        cedar
    }
}

/// A law of some rules, in which some elements are shown to all, some with a group, and some never.
pub fn law(dice: &mut Dice) -> Law {
    let is_open = dice.chance(15);
    // Some laws show much, some little.
    let most = *dice.pick(&[45, 65]);
    let mut shown = Vec::new();
    for (of, elements) in ELEMENTS {
        if dice.chance(4) {
            continue;
        }
        let mut listed = Listed {
            of,
            default: vec!["id".to_owned()],
            groups: GROUPS.iter().map(|group| (*group, Vec::new())).collect(),
        };
        let mut paths: Vec<String> = elements.iter().map(|path| (*path).to_owned()).collect();
        if *of == "Patient" && dice.chance(40) {
            paths.retain(|path| path != "name");
            paths.extend(["name.family".to_owned(), "name.given".to_owned()]);
        }
        if is_open || dice.chance(40) {
            paths.push("meta".to_owned());
        } else {
            paths.push("meta.security".to_owned());
            paths.extend(META.iter().map(|path| (*path).to_owned()));
        }
        for path in paths {
            match dice.below(if is_open { 88 } else { 100 }) {
                share if share < most => listed.default.push(path),
                share if share < 80 => listed.groups[0].1.push(path),
                share if share < 88 => listed.groups[1].1.push(path),
                _ => {}
            }
        }
        shown.push(listed);
    }
    let rules = (0..2 + dice.below(4)).map(|_| rule(dice)).collect();
    let mut cleared = vec!["N"];
    cleared.extend(dice.chance(50).then_some("R"));
    Law { shown, rules, cleared }
}

fn rule(dice: &mut Dice) -> Rule {
    let types = if dice.chance(50) { TYPES.to_vec() } else { dice.some(&TYPES, 60) };
    let types = if types.is_empty() { vec!["Patient"] } else { types };
    let when = *dice.pick(&[
        When::Always,
        When::Always,
        When::InCareTeam,
        When::InCareTeam,
        When::OfDepartment,
        When::OfOwn,
        When::Plain,
    ]);
    Rule {
        role: dice.word(&ROLES),
        types,
        reads: dice.chance(85),
        searches: dice.chance(90),
        views: dice.some(&GROUPS, 50),
        when,
    }
}

pub fn caller(dice: &mut Dice) -> Who {
    let roles = dice.pick(&[&["one"][..], &["one", "two"], &["one", "two"], &["two"]]).to_vec();
    let patient = dice.chance(40).then(|| (*dice.pick(&["p1", "p2", "p3"])).to_owned());
    let mut scopes = Vec::new();
    if patient.is_some() && dice.chance(40) {
        scopes.push(Scope { is_of_patient: true, of: None, only: None });
    } else if dice.chance(20) {
        let only = match dice.below(3) {
            0 => ("category", "urn:cat|lab".to_owned()),
            1 => ("status", "final".to_owned()),
            _ => ("code", "urn:code|c1".to_owned()),
        };
        scopes.push(Scope { is_of_patient: false, of: Some("Observation"), only: Some(only) });
        let others = TYPES.iter().filter(|of| **of != "Observation");
        scopes.extend(others.map(|of| Scope { is_of_patient: false, of: Some(of), only: None }));
    } else {
        scopes.push(Scope { is_of_patient: false, of: None, only: None });
    }
    Who {
        roles,
        practitioner: dice.chance(75).then_some("d1"),
        department: dice.chance(50).then_some("dept-1"),
        patient,
        scopes,
    }
}

impl Scope {
    pub fn text(&self) -> String {
        let context = if self.is_of_patient { "patient" } else { "user" };
        let only = self.only.as_ref().map_or_else(String::new, |(name, value)| format!("?{name}={value}"));
        format!("{context}/{}.rs{only}", self.of.unwrap_or("*"))
    }
}
