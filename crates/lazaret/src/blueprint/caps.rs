//! What one search may cost.

use super::Judge;
use crate::manifest::Search;
use gateway::fhir::Caps;

/// Of more, a page would no longer be one, and a search no longer bounded.
const PAGE: u32 = 10_000;
const PAGES: u32 = 10_000;
const ENTRIES: u32 = 1_000_000;

impl Judge<'_> {
    pub(super) fn caps(&mut self, search: &Search) -> Option<Caps> {
        let Search { page, most, pages, entries } = search;
        let before = self.faults.len();
        for (name, number, bound) in
            [("page", page, PAGE), ("most", most, PAGE), ("pages", pages, PAGES), ("entries", entries, ENTRIES)]
        {
            if !(1..=bound).contains(number.get_ref()) {
                let what = format!("[road.fhir.limits.search] {name} is {}", number.get_ref());
                self.fault(number, what, &format!("write a number from 1 to {bound}"));
            }
        }
        if self.faults.len() == before && page.get_ref() > most.get_ref() {
            self.fault(
                page,
                format!("page ({}) is over most ({})", page.get_ref(), most.get_ref()),
                "a client that says nothing gets no more than one that asks",
            );
        }
        if self.faults.len() == before && entries.get_ref() <= most.get_ref() {
            self.fault(
                entries,
                format!("entries ({}) is not over most ({})", entries.get_ref(), most.get_ref()),
                "a full page is read with one entry beyond it",
            );
        }
        (self.faults.len() == before).then_some(Caps {
            pages: *pages.get_ref(),
            entries: *entries.get_ref(),
            page: *page.get_ref(),
            most: *most.get_ref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::Material;
    use crate::manifest::Limits;
    use std::path::Path;

    /// The caps of these settings, or the faults with their lines.
    fn judged(settings: &str) -> Result<Caps, Vec<String>> {
        let text = format!("connections = 8\n[search]\n{}\n", settings.replace("; ", "\n"));
        let limits: Limits = toml::from_str(&text).map_err(|error| vec![error.message().to_owned()])?;
        let mut judge =
            Judge { text: &text, folder: Path::new("."), material: Material::Production, faults: Vec::new() };
        let caps = judge.caps(&limits.search);
        let faults = judge.faults.into_iter().map(|fault| format!("{}: {}", fault.line.unwrap_or(0), fault.what));
        caps.ok_or_else(|| faults.collect())
    }

    #[track_caller]
    fn check(settings: &str, expect: &str) {
        assert_eq!(judged(settings).map_err(|faults| faults.join("; ")).err().as_deref(), Some(expect), "{settings}");
    }

    /// A cap of nothing serves nobody, and one that is too large caps nothing.
    #[test]
    fn what_caps_nothing_is_a_fault_with_its_line() {
        check("page = 0", "3: [road.fhir.limits.search] page is 0");
        check("page = 9; most = 0", "4: [road.fhir.limits.search] most is 0");
        check(
            "pages = 0; entries = 0",
            "3: [road.fhir.limits.search] pages is 0; 4: [road.fhir.limits.search] entries is 0",
        );
        check("most = 10001; entries = 20000", "3: [road.fhir.limits.search] most is 10001");
        check("pages = 10001", "3: [road.fhir.limits.search] pages is 10001");
        check("entries = 1000001", "3: [road.fhir.limits.search] entries is 1000001");
        check("page = 20; most = 10", "3: page (20) is over most (10)");
        check("most = 500; entries = 500", "4: entries (500) is not over most (500)");
        check("pages = -1", "invalid value: integer `-1`, expected u32");
        check("sites = 1", "unknown field `sites`, expected one of `page`, `most`, `pages`, `entries`");
    }

    #[test]
    fn what_is_said_is_what_is_capped() {
        assert_eq!(judged(""), Ok(Caps::default()));
        assert_eq!(judged("pages = 7"), Ok(Caps { pages: 7, ..Caps::default() }));
        let least = Caps { page: 1, most: 1, pages: 1, entries: 2 };
        assert_eq!(judged("page = 1; most = 1; pages = 1; entries = 2"), Ok(least));
        let largest = Caps { page: 10_000, most: 10_000, pages: 10_000, entries: 1_000_000 };
        assert_eq!(judged("page = 10000; most = 10000; pages = 10000; entries = 1000000"), Ok(largest));
    }

    /// The starter's comments are the defaults.
    #[test]
    fn the_starter_shows_the_defaults() {
        let starter = include_str!("../../starter/lazaret.toml");
        let (_, shown) = starter.split_once("# [road.fhir.limits.search]\n").expect("the table");
        let lines: Vec<&str> = shown.lines().map_while(|line| line.strip_prefix("# ")).collect();
        assert_eq!((lines.len(), judged(&lines.join("\n"))), (4, Ok(Caps::default())));
    }
}
