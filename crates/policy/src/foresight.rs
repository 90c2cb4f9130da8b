//! What a plan says before there is a resource: which element groups it always shows, and whose resources it can reach.
//! Both are read off the shape of the predicates. Where the shape does not tell, the answer is the cautious one.

use crate::lexemes::{Lexemes, Numbers};
use crate::plan::{Parts, Way};
use crate::predicate::{Predicate, Several, Single};
use lexicon::{LocalId, Reach, Shown};
use std::cell::Cell;
use std::collections::BTreeSet;

/// Comparisons one answer may cost. Policies need some dozens; nested ones could need very many.
const COMPARISONS: u32 = 20_000;

/// The groups that can be seen at all, each with when.
pub(crate) fn groups(parts: &Parts) -> Vec<(String, Shown)> {
    let shown = |way: &Way| if always(&parts.read, way) { Shown::Always } else { Shown::Sometimes };
    let open = parts.groups.iter().filter(|(_, way)| !way.is_closed());
    open.map(|(group, way)| (group.clone(), shown(way))).collect()
}

/// Whenever the read is permitted, so is the view: each permit of the read is one of the view, and nothing forbids the
/// view that does not forbid the read. (An error in either refuses the resource, and then nothing is shown.)
fn always(read: &Way, view: &Way) -> bool {
    let permitted = Predicate::Any(predicates(&view.permits));
    let refused = Predicate::Any(predicates(&read.forbids));
    let implication = Implication { left: Cell::new(COMPARISONS) };
    read.permits.iter().all(|(_, permit)| implication.holds(permit, &permitted))
        && view.forbids.iter().all(|(_, forbid)| implication.holds(forbid, &refused))
}

fn predicates(policies: &[(String, Predicate)]) -> Vec<Predicate> {
    policies.iter().map(|(_, predicate)| predicate.clone()).collect()
}

/// Does one predicate imply another? "Yes" is certain: wherever the first is true, the second is true or an error.
struct Implication {
    left: Cell<u32>,
}

impl Implication {
    fn holds(&self, if_: &Predicate, then: &Predicate) -> bool {
        let Some(left) = self.left.get().checked_sub(1) else { return false };
        self.left.set(left);
        match (if_, then) {
            (_, Predicate::True) | (Predicate::False, _) => true,
            (Predicate::Any(parts), _) => parts.iter().all(|part| self.holds(part, then)),
            (_, Predicate::All(parts)) => parts.iter().all(|part| self.holds(if_, part)),
            (Predicate::All(these), Predicate::Any(those)) => {
                those.iter().any(|that| self.holds(if_, that)) || these.iter().any(|this| self.holds(this, then))
            }
            (Predicate::All(parts), _) => parts.iter().any(|part| self.holds(part, then)),
            (_, Predicate::Any(parts)) => parts.iter().any(|part| self.holds(if_, part)),
            (Predicate::Not(this), Predicate::Not(that)) => self.holds(that, this),
            _ => plainly(if_, then),
        }
    }
}

/// Of two tests of one attribute. An opaque test implies nothing and follows from nothing.
fn plainly(if_: &Predicate, then: &Predicate) -> bool {
    match (if_, then) {
        (Predicate::Has(a) | Predicate::Is(a, _), Predicate::Has(b)) => a == b,
        (Predicate::Is(a, these), Predicate::Is(b, those)) => a == b && these.is_within(those),
        (Predicate::Meets(a, these), Predicate::Meets(b, those)) => a == b && these.is_within(those),
        (Predicate::Within(a, these), Predicate::Within(b, those)) => a == b && these.is_within(those),
        (Predicate::Covers(a, these), Predicate::Covers(b, those)) => a == b && those.is_within(these),
        (Predicate::Covers(a, these), Predicate::Meets(b, those)) => a == b && these.meets(those),
        (Predicate::Empty(a), Predicate::Empty(b) | Predicate::Within(b, _)) => a == b,
        (Predicate::Meets(a, _), Predicate::Not(empty)) => matches!(**empty, Predicate::Empty(b) if b == *a),
        _ => false,
    }
}

/// Whose resources can be permitted. `related` ties each team that was looked up to its patient: of a resource's care
/// teams the facts name only those, so a team that is not among them reaches nobody.
pub(crate) fn reach(parts: &Parts, related: &[(LocalId, LocalId)]) -> Reach {
    let horizon = Horizon { lexemes: &parts.lexemes, related };
    let permitted = horizon.of(&Predicate::Any(predicates(&parts.read.permits)));
    // What is forbidden unless it is of certain patients is of them.
    let unless = parts.read.forbids.iter().map(|(_, forbid)| horizon.of(&forbid.clone().not()));
    match unless.fold(permitted, narrower) {
        Some(patients) => Reach::Patients(patients.into_iter().collect()),
        None => Reach::Anybody,
    }
}

/// The patients of whom alone a resource can be; none means anybody, or no patient's.
type Patients = Option<BTreeSet<LocalId>>;

struct Horizon<'a> {
    lexemes: &'a Lexemes,
    related: &'a [(LocalId, LocalId)],
}

impl Horizon<'_> {
    fn of(&self, predicate: &Predicate) -> Patients {
        match predicate {
            Predicate::False => Some(BTreeSet::new()),
            Predicate::Any(parts) => parts.iter().try_fold(BTreeSet::new(), |mut all, part| {
                all.extend(self.of(part)?);
                Some(all)
            }),
            Predicate::All(parts) => parts.iter().map(|part| self.of(part)).fold(None, narrower),
            // Text that is no id equals no patient.
            Predicate::Is(Single::Patient, numbers) => {
                Some(self.lexemes.texts(numbers).filter_map(LocalId::new).collect())
            }
            Predicate::Meets(Several::CareTeams, teams) => Some(self.cared_for_by(teams)),
            Predicate::Covers(Several::CareTeams, teams) if !teams.is_empty() => Some(self.cared_for_by(teams)),
            Predicate::Not(empty) if matches!(**empty, Predicate::Empty(Several::CareTeams)) => {
                Some(self.related.iter().map(|(_, patient)| patient.clone()).collect())
            }
            _ => None,
        }
    }

    fn cared_for_by(&self, teams: &Numbers) -> BTreeSet<LocalId> {
        let teams: BTreeSet<&str> = self.lexemes.texts(teams).collect();
        let of_these = self.related.iter().filter(|(team, _)| teams.contains(team.reveal()));
        of_these.map(|(_, patient)| patient.clone()).collect()
    }
}

/// What holds of both.
fn narrower(a: Patients, b: Patients) -> Patients {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).cloned().collect()),
        (only, None) | (None, only) => only,
    }
}

#[cfg(test)]
mod tests;
