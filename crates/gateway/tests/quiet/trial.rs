//! One case: two worlds that a caller cannot tell apart, and what the caller asks. The two runs must be the same after the
//! published normaliser (docs/non-interference.md).

use crate::{
    asks::{Ask, Asker, Manner, Memory, Sent},
    dice::Dice,
    law::{Action, Law, Who, caller, law},
    leaks::Leaks,
    model::{Answer, BASE},
    sight::Sight,
    world::{Kept, World, change, world},
};
use std::fmt;

#[derive(Clone)]
pub struct Case {
    pub seed: u64,
    pub law: Law,
    pub caller: Who,
    /// Two worlds with the same view.
    pub worlds: [World; 2],
    pub asks: Vec<Ask>,
}

/// Whom the questions go to: the model or the gateway.
pub trait Subject {
    /// From now on it is about this case.
    fn begin(&mut self, _: &Case) {}

    /// Answers in the first or the second world, and tells what was asked of the upstream.
    fn ask(&mut self, case: &Case, which: usize, sent: &Sent) -> (Answer, Vec<String>);
}

/// Where two runs came apart.
pub struct Difference {
    pub at: usize,
    pub what: &'static str,
    pub first: String,
    pub second: String,
}

impl Case {
    pub fn new(seed: u64) -> Self {
        Self::with(seed, 1)
    }

    /// Asks in several goes.
    pub fn with(seed: u64, goes: usize) -> Self {
        // A law stays for some cases: to load one takes longer than to ask.
        let law = law(&mut Dice::new(seed / 8));
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9));
        let caller = caller(&mut dice);
        let one = world(&mut dice);
        let mut other = one.clone();
        let wanted = 2 + dice.below(9);
        let mut done = 0;
        for _ in 0..30 {
            let changed = change(&mut dice, &other);
            if done < wanted && same(&other, &changed, &law, &caller) {
                done += 1;
                other = changed;
            }
        }
        other.base = "https://upstream.other.test/r4".to_owned();
        let worlds = [one, other];
        let [one, other] = &worlds;
        let focus = one.kept.iter().chain(&other.kept);
        let differs = |kept: &&Kept| one.find(kept.of, &kept.id) != other.find(kept.of, &kept.id);
        let focus = focus.filter(differs).map(|kept| (kept.of, kept.id.clone())).collect();
        let mut asker = Asker { dice, worlds: [one, other], focus };
        let asks = (0..goes).flat_map(|_| asker.sequence()).collect();
        Self { seed, law, caller, worlds, asks }
    }
}

/// Can the caller not tell the two apart, by the reference?
pub fn same(one: &World, other: &World, law: &Law, caller: &Who) -> bool {
    if one.cared_for(caller.practitioner) != other.cared_for(caller.practitioner) {
        return false;
    }
    let only = |of: &World, than: &World| {
        let differs = |kept: &&Kept| than.find(kept.of, &kept.id) != Some(kept);
        view(of, of.kept.iter().filter(differs), law, caller)
    };
    only(one, other) == only(other, one)
}

/// All that a caller can ever learn of some resources of a world.
fn view<'a>(world: &'a World, of: impl Iterator<Item = &'a Kept>, law: &Law, caller: &Who) -> Vec<String> {
    let sight = Sight::new(world, law, caller, Leaks::none());
    let mut view = Vec::new();
    for kept in of {
        let key = format!("{}/{}", kept.of, kept.id);
        if let Some(seen) = sight.see_kept(kept, Action::Search) {
            view.push(format!("search {key} {}", seen.shown));
        }
        if let Some(seen) = sight.see_kept(kept, Action::Read) {
            view.push(format!("read {key} {}", seen.shown));
            view.extend(sight.versions(kept).iter().map(|seen| format!("version {key} {}", seen.shown)));
        }
    }
    view
}

/// Asks in both worlds, step by step.
pub fn run(case: &Case, subject: &mut impl Subject) -> Option<Difference> {
    subject.begin(case);
    let mut memories = [Memory::default(), Memory::default()];
    for (at, ask) in case.asks.iter().enumerate() {
        let mut seen = Vec::new();
        for (which, memory) in memories.iter_mut().enumerate() {
            let Some(sent) = ask.sent(memory) else {
                seen.push(None);
                continue;
            };
            let (answer, effects) = subject.ask(case, which, &sent);
            *memory = remember(&answer);
            seen.push(Some((normal(&answer), effects)));
        }
        let differs = |what, first: String, second: String| Some(Difference { at, what, first, second });
        match (seen.pop().flatten(), seen.pop().flatten()) {
            (None, None) => {}
            (Some((second, second_effects)), Some((first, first_effects))) => {
                if first != second {
                    return differs("the answers", format!("{first:?}"), format!("{second:?}"));
                }
                let writes = |effect: &&String| !effect.starts_with("GET ") && !effect.contains("/_search");
                if let Some(write) = first_effects.iter().chain(&second_effects).find(writes) {
                    return differs("an effect", write.clone(), String::new());
                }
                // A cursor of the upstream is its own affair.
                if *ask != Ask::Follow && first_effects.first() != second_effects.first() {
                    return differs("what went upstream", format!("{first_effects:?}"), format!("{second_effects:?}"));
                }
            }
            _ => return differs("the links", "one run could go on".to_owned(), "the other not".to_owned()),
        }
    }
    None
}

fn remember(answer: &Answer) -> Memory {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let links = body["link"].as_array().cloned().unwrap_or_default();
    let next = links.iter().find(|link| link["relation"] == "next").and_then(|link| link["url"].as_str());
    let next = next.map(|url| url.strip_prefix(BASE).unwrap_or(url).to_owned());
    Memory { next, validator: answer.header("etag").map(str::to_owned) }
}

/// What may differ from one answer to the next although nothing differs behind them. Anything else must be the same.
pub fn normal(answer: &Answer) -> Answer {
    let mut normal = answer.clone();
    let trace = answer.header("lazaret-trace").unwrap_or("no-trace").to_owned();
    normal.body = cursorless(&normal.body.replace(&trace, "(trace)"));
    normal.headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "lazaret-trace"));
    for (_, value) in normal.headers.iter_mut().filter(|(name, _)| name == "ratelimit") {
        *value = without_patients(value);
    }
    normal.headers.sort();
    normal
}

/// How many patients are left is counted by whom a resource is about, shown or not: a budget that counted only what is
/// shown would bound nothing. The number is a declared residual.
fn without_patients(value: &str) -> String {
    let parts = value.split(", ").filter(|part| !part.starts_with("\"patients\""));
    parts.collect::<Vec<_>>().join(", ")
}

/// A sealed cursor is noise; its length is not.
fn cursorless(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("_page=") {
        let (before, after) = rest.split_at(at + "_page=".len());
        let end = after.find('"').unwrap_or(after.len());
        let (cursor, tail) = after.split_at(end);
        out.push_str(before);
        let is_sealed = cursor.len() > 128 && cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        out.push_str(&if is_sealed { format!("({} sealed)", cursor.len()) } else { cursor.to_owned() });
        rest = tail;
    }
    out + rest
}

/// The smallest case near this one that still fails: fewer requests, parameters, rules, resources and differences. Every
/// cut is tried once a round, until a round brings nothing.
pub fn shrink(case: &Case, fails: &mut impl FnMut(&Case) -> bool) -> Case {
    let mut least = case.clone();
    for _ in 0..4 {
        let mut any = false;
        for cut in cuts(&least) {
            let mut smaller = least.clone();
            cut.apply(&mut smaller);
            let [one, other] = &smaller.worlds;
            if same(one, other, &smaller.law, &smaller.caller) && fails(&smaller) {
                (least, any) = (smaller, true);
            }
        }
        if !any {
            break;
        }
    }
    least
}

enum Cut {
    Ask(usize),
    Parameter(usize, usize),
    Manner(usize),
    Rule(usize),
    Resource(&'static str, String),
    Difference(&'static str, String),
}

/// From the last to the first, so that a cut leaves the places of the others as they are.
fn cuts(case: &Case) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = (0..case.asks.len()).rev().map(Cut::Ask).collect();
    for (at, ask) in case.asks.iter().enumerate().rev() {
        cuts.extend((0..ask.parameters().map_or(0, Vec::len)).rev().map(|which| Cut::Parameter(at, which)));
        cuts.push(Cut::Manner(at));
    }
    cuts.extend((0..case.law.rules.len()).rev().map(Cut::Rule));
    let [one, other] = &case.worlds;
    for kept in one.kept.iter().chain(&other.kept) {
        cuts.push(Cut::Resource(kept.of, kept.id.clone()));
        cuts.push(Cut::Difference(kept.of, kept.id.clone()));
    }
    cuts
}

impl Cut {
    fn apply(&self, case: &mut Case) {
        match self {
            Self::Ask(at) if *at < case.asks.len() => drop(case.asks.remove(*at)),
            Self::Parameter(at, which) => {
                let with = case.asks.get_mut(*at).and_then(Ask::parameters_mut);
                if let Some(with) = with.filter(|with| *which < with.len()) {
                    with.remove(*which);
                }
            }
            Self::Manner(at) => {
                if let Some(Ask::Search { manner, .. }) = case.asks.get_mut(*at) {
                    *manner = Manner::Get;
                }
            }
            Self::Rule(at) if *at < case.law.rules.len() => drop(case.law.rules.remove(*at)),
            Self::Resource(of, id) => {
                for world in &mut case.worlds {
                    world.kept.retain(|kept| (kept.of, &kept.id) != (*of, id));
                }
            }
            Self::Difference(of, id) => {
                let [one, other] = &mut case.worlds;
                match (one.find(of, id), other.kept.iter().position(|kept| (kept.of, &kept.id) == (*of, id))) {
                    (Some(kept), Some(at)) => other.kept[at] = kept.clone(),
                    (None, Some(at)) => drop(other.kept.remove(at)),
                    _ => {}
                }
            }
            Self::Ask(_) | Self::Rule(_) => {}
        }
    }
}

/// Written out so that a person can follow it.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}\ncaller {:?}", self.seed, self.caller)?;
        writeln!(f, "cleared {:?}", self.law.cleared)?;
        self.law.rules.iter().try_for_each(|rule| writeln!(f, "{rule:?}"))?;
        for listed in &self.law.shown {
            writeln!(f, "{} default {:?} groups {:?}", listed.of, listed.default, listed.groups)?;
        }
        self.asks.iter().try_for_each(|ask| writeln!(f, "  {ask:?}"))?;
        let [one, other] = &self.worlds;
        for kept in &one.kept {
            let twin = other.find(kept.of, &kept.id);
            let mark = if twin == Some(kept) { "both" } else { "first" };
            writeln!(f, "{mark}: {}", told(kept))?;
            if let Some(twin) = twin.filter(|twin| *twin != kept) {
                writeln!(f, "second: {}", told(twin))?;
            }
        }
        let added = other.kept.iter().filter(|kept| one.find(kept.of, &kept.id).is_none());
        added.into_iter().try_for_each(|kept| writeln!(f, "second: {}", told(kept)))
    }
}

fn told(kept: &Kept) -> String {
    let versions: Vec<String> = kept.versions.iter().map(ToString::to_string).collect();
    format!("{}{}", if kept.is_deleted { "(deleted) " } else { "" }, versions.join(" then "))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of request {} differ:\n{}\n{}", self.what, self.at + 1, self.first, self.second)
    }
}
