//! What came of it: for people a table, for programs JSON.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Held,
    Leaked,
    /// The attack could not be carried out, or its answer says neither.
    Unclear,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Leaked => "LEAKED",
            Self::Unclear => "unclear",
        }
    }
}

/// One attack and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub id: String,
    pub catalogue: String,
    pub title: String,
    pub verdict: Verdict,
    /// Nothing of an answer is in it.
    pub why: String,
    /// The answer's trace, where the gateway gives one: it leads to the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Tally {
    pub held: usize,
    pub leaked: usize,
    pub unclear: usize,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Held => self.held += 1,
            Verdict::Leaked => self.leaked += 1,
            Verdict::Unclear => self.unclear += 1,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub base: String,
    pub total: Tally,
    pub by_catalogue: BTreeMap<String, Tally>,
    pub findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(base: String, findings: Vec<Finding>) -> Self {
        let (mut total, mut by_catalogue) = (Tally::default(), BTreeMap::<String, Tally>::new());
        for finding in &findings {
            total.count(finding.verdict);
            by_catalogue.entry(finding.catalogue.clone()).or_default().count(finding.verdict);
        }
        Self { base, total, by_catalogue, findings }
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Every attack that did not hold with its reason, then the totals.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let worth = self.findings.iter().filter(|finding| finding.verdict != Verdict::Held);
        for Finding { id, title, verdict, why, .. } in worth {
            let _infallible = writeln!(out, "{:<8} {id}\n         {title}\n         {why}", verdict.word());
        }
        let _infallible = writeln!(out, "\n{:<6} {:>5} {:>7} {:>8}", "", "held", "leaked", "unclear");
        let mut rows: Vec<_> = self.by_catalogue.iter().collect();
        let order = |id: &str| (id.chars().next(), id.get(1..).and_then(|number| number.parse::<u32>().ok()));
        rows.sort_by_key(|(id, _)| order(id));
        for (id, tally) in rows.into_iter().map(|(id, tally)| (id.as_str(), tally)).chain([("all", &self.total)]) {
            let Tally { held, leaked, unclear } = tally;
            let _infallible = writeln!(out, "{id:<6} {held:>5} {leaked:>7} {unclear:>8}");
        }
        out
    }
}
