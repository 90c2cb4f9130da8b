//! Nothing hidden shows. Two clinics that differ only in what a caller may not see answer that caller alike, and every
//! answer is what a slow reference says it is. The reference, the comparison and the list of leaks that the comparison
//! must catch stand here; `docs/non-interference.md` says what is compared and what is not.

#[cfg(test)]
mod asks;
#[cfg(test)]
mod crafted;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod door;
#[cfg(test)]
mod law;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod model;
#[cfg(test)]
mod query;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sight;
#[cfg(test)]
mod table;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod upstream;
#[cfg(test)]
mod world;

use leaks::Leaks;
use model::Model;
use reference::{Judgement, judge};
use std::collections::BTreeMap;
use trial::{Case, Subject, run, shrink};

/// The first seed: another one in a soak that was begun anew.
#[expect(clippy::disallowed_methods, reason = "where a test begins stands in the environment")]
fn first() -> u64 {
    std::env::var("LAZARET_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_default()
}

/// How many sequences: as many as a soak asks for, or what fits a test run.
#[expect(clippy::disallowed_methods, reason = "how long a test runs stands in the environment")]
fn sequences() -> u64 {
    std::env::var("LAZARET_SEQUENCES").ok().and_then(|many| many.parse().ok()).unwrap_or(2_000)
}

#[test]
fn the_model_gateway_shows_nothing_hidden() {
    let (mut different, mut statuses) = (0, BTreeMap::<u16, usize>::new());
    for seed in first()..first() + sequences() {
        let case = Case::new(seed);
        different += usize::from(case.worlds[0].kept != case.worlds[1].kept);
        if let Some(difference) = run(&case, &mut Model(Leaks::none())) {
            let least = shrink(&case, &mut |case| run(case, &mut Model(Leaks::none())).is_some());
            panic!("{difference}\n{least}");
        }
        for ask in case.asks.iter().filter_map(|ask| ask.sent(&asks::Memory::default())) {
            *statuses.entry(Model(Leaks::none()).ask(&case, 0, &ask).0.status).or_default() += 1;
        }
    }
    let share = |status| statuses.get(&status).copied().unwrap_or_default() * 100 / statuses.values().sum::<usize>();
    assert!(different as u64 * 100 > sequences() * 90, "only {different} cases differ in anything");
    assert!(share(200) > 20 && share(403) > 10 && share(404) > 2, "one-sided: {statuses:?}");
}

/// Each leak by name: at the seed that showed it when it was planted, or at another one if the generator has changed.
#[test]
fn every_planted_leak_is_caught() {
    assert!(leaks::ALL.len() >= 30);
    let shows = |leak, seed| {
        let case = crafted::case(leak).unwrap_or_else(|| Case::with(seed, 8));
        assert!(run(&case, &mut Model(Leaks::none())).is_none(), "seed {seed} differs without a leak");
        run(&case, &mut Model(Leaks::one(leak))).is_some()
    };
    let missed: Vec<_> = leaks::ALL
        .iter()
        .filter(|(leak, seed)| !shows(*leak, *seed) && !(0..100).any(|at| shows(*leak, at * 9)))
        .collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// The real gateway in both worlds, before upstreams of all habits in turn.
#[test]
fn the_gateway_shows_nothing_hidden() {
    let mut doors = door::Doors::open();
    let mut failed = Vec::new();
    for seed in first()..first() + sequences() {
        if run(&Case::new(seed), doors.of(seed)).is_some() {
            failed.push(seed);
        }
    }
    if let Some(seed) = failed.first() {
        let door = doors.of(*seed);
        let least = shrink(&Case::new(*seed), &mut |case| run(case, door).is_some());
        let difference = run(&least, door).expect("still fails");
        panic!("{difference}\n{:?}\n{least}\nall seeds that failed: {failed:?}", door.habits);
    }
}

/// Every answer is filter(reference, policy): in the upstream's words, at every page, with every total.
#[test]
fn the_gateway_answers_as_the_reference_does() {
    let mut doors = door::Doors::open();
    let (mut asked, mut wrong, mut stricter) = (0, Vec::new(), Vec::new());
    for seed in first()..first() + sequences() / 4 {
        let case = Case::new(seed);
        let door = doors.of(seed);
        door.begin(&case);
        for ask in &case.asks {
            asked += 1;
            match judge(&case, ask, door) {
                Judgement::Same => {}
                Judgement::Stricter(code) => stricter.push(format!("{seed} {code} {ask:?}")),
                Judgement::Wrong(what) => wrong.push(format!("{seed} {ask:?} {what}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // What the gateway refuses although the reference answers it: forms that it does not model, and no more than that.
    assert!(stricter.len() * 30 < asked, "{} of {asked} are refused:\n{}", stricter.len(), stricter.join("\n"));
}
