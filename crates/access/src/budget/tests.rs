use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SMALL: Limits = Limits { window_s: 100, step_up: 3, most: 5, most_of_a_token: 5, remembered: 1_000 };

fn budgets(limits: Limits) -> Arc<Budgets> {
    Arc::new(Budgets::new(limits, [9; 32]))
}

fn at(seconds: u64) -> Time {
    Time::from_seconds(1_795_257_000 + seconds)
}

fn owner(principal: u8, token: u8) -> Owner {
    Owner { principal: [principal; 32], token: [token; 32] }
}

fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<LocalId> {
    numbers.into_iter().filter_map(|number| LocalId::new(&format!("p{number}"))).collect()
}

/// What a caller that authenticated strongly is told about a range of patients; what is permitted is shown.
fn check(budgets: &Arc<Budgets>, who: Owner, range: std::ops::Range<u32>, now: Time, expect: Result<(), Refused>) {
    let patients = ids(range);
    let got = budgets.reserve(&who, Strength::Strong, &patients, now).map(|reserved| reserved.commit(now));
    assert_eq!(got, expect);
}

#[test]
fn known_patients_are_free_and_new_ones_are_not() {
    let budgets = budgets(SMALL);
    check(&budgets, owner(1, 1), 0..5, at(0), Ok(()));
    check(&budgets, owner(1, 1), 0..5, at(1), Ok(()));
    check(&budgets, owner(1, 1), 5..6, at(2), Err(Refused::Wait(100)));
    check(&budgets, owner(2, 2), 5..6, at(2), Ok(()));
    assert_eq!(budgets.standing(&owner(1, 1), at(2)), Standing { remaining: 0, reset_s: 100 });
    assert_eq!(budgets.standing(&owner(3, 3), at(2)), Standing { remaining: 5, reset_s: 100 });
}

#[test]
fn the_window_slides_with_what_was_last_shown() {
    let budgets = budgets(SMALL);
    check(&budgets, owner(1, 1), 0..4, at(0), Ok(()));
    check(&budgets, owner(1, 1), 4..5, at(60), Ok(()));
    check(&budgets, owner(1, 1), 0..1, at(60), Ok(()));
    // Patients 1 to 3 are forgotten at 100; 0 and 4 at 160.
    check(&budgets, owner(1, 1), 5..6, at(70), Err(Refused::Wait(31)));
    check(&budgets, owner(1, 1), 5..8, at(100), Ok(()));
    check(&budgets, owner(1, 1), 8..9, at(101), Err(Refused::Wait(60)));
    check(&budgets, owner(1, 1), 8..10, at(160), Ok(()));
}

#[test]
fn a_token_has_less_than_its_owner_and_another_token_has_not_more() {
    let budgets = budgets(Limits { most_of_a_token: 3, ..SMALL });
    check(&budgets, owner(1, 1), 0..3, at(0), Ok(()));
    check(&budgets, owner(1, 1), 3..4, at(0), Err(Refused::Wait(100)));
    check(&budgets, owner(1, 2), 3..5, at(0), Ok(()));
    check(&budgets, owner(1, 2), 5..6, at(0), Err(Refused::Wait(100)));
    assert_eq!(budgets.standing(&owner(1, 1), at(0)).remaining, 0);
}

#[test]
fn beyond_the_soft_limit_only_strong_authentication_goes_on() {
    let budgets = budgets(SMALL);
    check(&budgets, owner(1, 1), 0..3, at(0), Ok(()));
    let patients = ids(3..4);
    let reserve = |strength, patients: &[LocalId]| budgets.reserve(&owner(1, 1), strength, patients, at(1)).err();
    assert_eq!(reserve(Strength::Plain, &patients), Some(Refused::StepUp));
    assert_eq!(reserve(Strength::Strong, &patients), None);
    assert_eq!(reserve(Strength::Plain, &ids(0..3)), None, "known ones are free");
    assert_eq!(reserve(Strength::Plain, &ids(0..9)), Some(Refused::Wait(100)), "no step leads beyond the most");
}

#[test]
fn what_is_not_committed_is_given_back() {
    let budgets = budgets(SMALL);
    let held = budgets.reserve(&owner(1, 1), Strength::Strong, &ids(0..5), at(0));
    check(&budgets, owner(1, 1), 5..6, at(0), Err(Refused::Wait(100)));
    drop(held);
    assert_eq!(budgets.books().windows.len(), 0, "nobody is remembered");
    check(&budgets, owner(1, 1), 5..6, at(0), Ok(()));
}

#[test]
fn when_memory_is_full_newcomers_are_refused_and_the_known_are_not() {
    let budgets = budgets(Limits { remembered: 8, ..SMALL });
    check(&budgets, owner(1, 1), 0..2, at(0), Ok(()));
    check(&budgets, owner(2, 2), 0..2, at(50), Ok(()));
    check(&budgets, owner(3, 3), 0..1, at(51), Err(Refused::Wait(2)));
    check(&budgets, owner(1, 1), 0..2, at(52), Ok(()));
    assert_eq!(budgets.books().remembered, 8);
    check(&budgets, owner(3, 3), 0..1, at(160), Ok(()));
    assert_eq!(budgets.books().remembered, 2, "the forgotten make room");
}

#[test]
fn debug_says_nothing_of_anybody() {
    let budgets = budgets(SMALL);
    let reservation = budgets.reserve(&owner(7, 7), Strength::Strong, &ids(0..1), at(0)).expect("room");
    let text = format!("{budgets:?} {reservation:?} {:?}", owner(7, 7));
    assert!(!text.contains("p0") && !text.contains("7, 7"), "{text}");
}

#[test]
fn threads_do_not_get_beyond_the_limit_together() {
    let limits = Limits { most: 50, most_of_a_token: 50, step_up: 50, ..SMALL };
    let budgets = budgets(limits);
    let shown = std::thread::scope(|scope| {
        let take = |thread: u32| {
            let budgets = budgets.clone();
            move || {
                let mut shown = 0;
                for number in 0..40 {
                    let patients = ids([thread * 100 + number]);
                    let reserved = budgets.reserve(&owner(1, 1), Strength::Plain, &patients, at(0));
                    shown += usize::from(reserved.map(|reserved| reserved.commit(at(0))).is_ok());
                }
                shown
            }
        };
        let threads: Vec<_> = (0..4).map(|thread| scope.spawn(take(thread))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum::<usize>()
    });
    assert_eq!(shown, 50);
}

#[derive(Clone, Debug)]
enum Step {
    Reserve { owner: u8, token: u8, from: u32, count: u32 },
    Commit(usize),
    GiveBack(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..2, 0u8..3, 0u32..8, 1u32..4)
            .prop_map(|(owner, token, from, count)| Step::Reserve { owner, token, from, count }),
        3 => (0usize..4).prop_map(Step::Commit),
        1 => (0usize..4).prop_map(Step::GiveBack),
        1 => (1u64..80).prop_map(Step::Pass),
    ]
}

/// What somebody had: the last time that something of a patient was shown.
type Had = BTreeMap<(&'static str, u8), BTreeMap<u32, u64>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Over any interleaving: what a caller had within the window, and what is set aside, is never more than the most;
    /// nothing that would fit is refused; and nothing is remembered but that.
    #[test]
    fn no_interleaving_gets_beyond_the_limit(steps in proptest::collection::vec(step(), 1..80)) {
        let limits = Limits { step_up: 5, most_of_a_token: 4, ..SMALL };
        let budgets = budgets(limits);
        let (mut now, mut had, mut open) = (0, Had::new(), Vec::new());
        for step in steps {
            match step {
                Step::Pass(seconds) => now += seconds,
                Step::Reserve { owner: who, token, from, count } => {
                    let range = from..from + count;
                    let fits = [("principal", who, 5), ("token", token + 10 * who, 4)].iter().all(|(kind, of, most)| {
                        let mut all = live(&had, (kind, *of), now);
                        all.extend(open.iter().filter(|(_, owners, _): &&Open| owners.contains(&(*kind, *of)))
                            .flat_map(|(_, _, range)| range.clone()));
                        let before = all.len();
                        all.extend(range.clone());
                        all.len() == before || all.len() <= *most
                    });
                    let reserved = budgets.reserve(
                        &owner(who, token + 10 * who), Strength::Plain, &ids(range.clone()), at(now),
                    );
                    prop_assert_eq!(reserved.is_ok(), fits, "at {}", now);
                    if let Ok(reserved) = reserved {
                        open.push((reserved, [("principal", who), ("token", token + 10 * who)], range));
                    }
                }
                Step::Commit(which) if which < open.len() => {
                    let (reserved, owners, range) = open.swap_remove(which);
                    reserved.commit(at(now));
                    for owner in owners {
                        had.entry(owner).or_default().extend(range.clone().map(|patient| (patient, now)));
                    }
                }
                Step::GiveBack(which) if which < open.len() => drop(open.swap_remove(which)),
                Step::Commit(_) | Step::GiveBack(_) => {}
            }
            for owner in had.keys() {
                prop_assert!(live(&had, *owner, now).len() <= 5);
            }
        }
        drop(open);
        let mut books = budgets.books();
        books.sweep(limits.window_s, at(now + 1_000));
        prop_assert_eq!((books.windows.len(), books.remembered), (0, 0));
    }
}

type Open = (Reservation, [(&'static str, u8); 2], std::ops::Range<u32>);

fn live(had: &Had, owner: (&str, u8), now: u64) -> std::collections::BTreeSet<u32> {
    let of = had.iter().filter(|((kind, id), _)| (*kind, *id) == owner).flat_map(|(_, patients)| patients);
    of.filter(|(_, at)| now < **at + 100).map(|(patient, _)| *patient).collect()
}
