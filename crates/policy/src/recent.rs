//! Plans worked out a moment ago. A decision is taken as of the end of a short window of time, so it is the same for
//! every question of that window, remembered or not, and never younger than the caller's authentication claims.

use crate::entities::Asked;
use crate::plan::Made;
use lexicon::{Action, Assurance, Halt, Kind, LocalId, ResourceType, Time};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a plan serves. An authentication counts as up to this much older than it is.
pub(crate) const WINDOW_S: u64 = 5;

/// Plans of one window at most; beyond, questions are decided without being remembered.
const MOST: usize = 8_192;

/// What a question came to.
pub(crate) type Outcome = Result<Arc<Made>, Halt>;

/// The end of the window that a moment falls into; a moment on a border ends its own window.
pub(crate) fn end_of_window(now: Time) -> Time {
    let ends = now.millis().div_ceil(WINDOW_S * 1000).saturating_mul(WINDOW_S * 1000);
    Time::from_millis(ends)
}

/// Everything a decision depends on, compared in full: a hash alone could confuse two callers.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Key {
    kind: Kind,
    names: [String; 3],
    roles: Vec<String>,
    fhir_user: Option<(ResourceType, LocalId)>,
    department: Option<String>,
    patient: Option<LocalId>,
    care_teams: Vec<String>,
    assurance: (u8, bool, Option<Time>),
    circumstances: [String; 2],
    scopes: Vec<String>,
    asked: (Action, Option<ResourceType>),
}

impl Key {
    pub fn of(asked: &Asked<'_>) -> Self {
        let question = asked.question;
        // Field by field: what is added to a question must be thought of here.
        let lexicon::Question { principal, action, resource_type, context } = question;
        let lexicon::Principal {
            kind,
            issuer,
            subject,
            client,
            roles,
            fhir_user,
            department,
            care_teams: _,
            patient,
            scopes: _,
            assurance: _,
            valid_until: _,
        } = principal;
        let lexicon::Context { now: _, purpose, zone, assurance, scopes } = context;
        let Assurance { level, phishing_resistant, authenticated_at } = *assurance;
        Self {
            kind: *kind,
            names: [issuer.clone(), subject.clone(), client.clone()],
            roles: roles.clone(),
            fhir_user: fhir_user.clone(),
            department: department.clone(),
            patient: patient.clone(),
            care_teams: asked.care_teams().into_iter().map(str::to_owned).collect(),
            assurance: (level, phishing_resistant, authenticated_at),
            circumstances: [purpose.clone(), zone.clone()],
            scopes: scopes.clone(),
            asked: (*action, *resource_type),
        }
    }
}

/// The outcomes of the current window.
#[derive(Default)]
pub(crate) struct Recent(Mutex<(Time, HashMap<Key, Outcome>)>);

impl Recent {
    pub fn find(&self, window: Time, key: &Key) -> Option<Outcome> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (recent.0 == window).then(|| recent.1.get(key).cloned()).flatten()
    }

    pub fn keep(&self, window: Time, key: Key, outcome: Outcome) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.0 != window {
            *recent = (window, HashMap::new());
        }
        if recent.1.len() < MOST {
            recent.1.insert(key, outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{NOW, UNSURE, engine, id, kind, person, question};
    use lexicon::{Question, Reason, Relationship};

    fn key(question: &Question, relationship: &Relationship) -> Key {
        Key::of(&Asked::new(question, relationship))
    }

    /// Each difference that a policy could see makes another key; what no policy sees does not.
    #[test]
    fn callers_who_differ_in_anything_do_not_share_a_plan() {
        let base = question(person(&["nurse"]), Action::Read, "Patient");
        let none = Relationship::default();
        type Change = fn(&mut Question);
        let changes: [(&str, Change); 16] = [
            ("kind", |q| q.principal.kind = Kind::Workload),
            ("issuer", |q| q.principal.issuer.push('x')),
            ("subject", |q| q.principal.subject.push('x')),
            ("client", |q| q.principal.client.push('x')),
            ("roles", |q| q.principal.roles.push("physician".to_owned())),
            ("fhir user", |q| q.principal.fhir_user = Some((ResourceType::PATIENT, id("other")))),
            ("department", |q| q.principal.department = Some("other".to_owned())),
            ("patient", |q| q.principal.patient = Some(id("other"))),
            ("claimed team", |q| q.principal.care_teams.push("other".to_owned())),
            ("assurance", |q| q.context.assurance = UNSURE),
            ("sign-in", |q| q.context.assurance.authenticated_at = None),
            ("purpose", |q| q.context.purpose.push('x')),
            ("zone", |q| q.context.zone.push('x')),
            ("scopes", |q| q.context.scopes.push("user/Patient.x".to_owned())),
            ("action", |q| q.action = Action::Search),
            ("type", |q| q.resource_type = Some(kind("Observation"))),
        ];
        for (what, change) in changes {
            let mut other = base.clone();
            change(&mut other);
            assert!(key(&base, &none) != key(&other, &none), "{what}");
        }
        let mut related = none.clone();
        related.care_teams.push((id("team"), id("p1")));
        assert!(key(&base, &none) != key(&base, &related), "looked-up team");
        assert!(key(&base, &none) == key(&base.clone(), &none));
    }

    #[test]
    fn what_is_remembered_ends_with_its_window_and_is_bounded() {
        let recent = Recent::default();
        let none = Relationship::default();
        let mut asked = question(person(&["nurse"]), Action::Read, "Patient");
        let refused = || Err(Halt::new(Reason::PolicyRefused));
        recent.keep(NOW, key(&asked, &none), refused());
        assert!(recent.find(NOW, &key(&asked, &none)).is_some());
        assert!(recent.find(NOW.plus_seconds(WINDOW_S), &key(&asked, &none)).is_none());
        for n in 0..MOST + 10 {
            asked.principal.subject = n.to_string();
            recent.keep(NOW, key(&asked, &none), refused());
        }
        assert_eq!(recent.0.lock().expect("test").1.len(), MOST);
        recent.keep(NOW.plus_seconds(WINDOW_S), key(&asked, &none), refused());
        assert_eq!(recent.0.lock().expect("test").1.len(), 1);
    }

    /// An authentication is never counted as younger than it is, and at most a window older.
    #[test]
    fn ages_are_taken_at_the_end_of_the_window() {
        let engine = engine(
            "@id(\"fresh\") permit (principal is Lazaret::Person, action == Lazaret::Action::\"read\", resource) \
             when { context.authenticated_age_s <= 100 };",
        );
        let at = |age_ms: u64| {
            let mut asked = question(person(&["nurse"]), Action::Read, "Patient");
            asked.context.now = Time::from_millis(NOW.millis() + age_ms);
            asked.context.assurance.authenticated_at = Some(NOW);
            engine.decide(&asked, &Relationship::default()).is_ok()
        };
        assert!(at(95_000) && at(100_000), "within the limit, in a window that ends within it");
        assert!(!at(100_001), "over the limit, in whatever window");
        let mut window = (95_001..=100_000).step_by(999);
        assert!(window.all(at), "one window, one answer");
    }
}
