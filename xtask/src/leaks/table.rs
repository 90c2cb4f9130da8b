//! The findings of all products as a page.

use super::concepts::Product;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// What came of one attack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    Held,
    Leaked,
    /// A success where there should be none, and no word in it that gives something away.
    Answered,
    NoConcept,
    Unclear,
}

const CLASSES: [(Class, &str); 5] = [
    (Class::Held, "held"),
    (Class::Leaked, "leaked"),
    (Class::Answered, "answered"),
    (Class::NoConcept, "no concept"),
    (Class::Unclear, "unclear"),
];

struct Finding {
    id: String,
    catalogue: String,
    title: String,
    why: String,
    class: Class,
}

/// One product and what came of every attack on it.
pub struct Column {
    pub product: Product,
    findings: Vec<Finding>,
}

pub struct Facts {
    pub date: String,
    pub lazaret: String,
    pub hapi: String,
    pub gateway: String,
}

impl Column {
    /// From a drill's JSON.
    pub fn new(product: Product, report: &Value) -> Result<Self> {
        let findings = report.get("findings").and_then(Value::as_array).context("a drill without findings")?;
        let finding = |finding: &Value| {
            let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (id, why) = (text("id"), text("why"));
            let class = class(product, &id, &text("verdict"), &why);
            Finding { id, catalogue: text("catalogue"), title: text("title"), why, class }
        };
        Ok(Self { product, findings: findings.iter().map(finding).collect() })
    }

    pub fn leaked(&self) -> usize {
        self.count(Class::Leaked, None)
    }

    fn count(&self, class: Class, catalogue: Option<&str>) -> usize {
        let is_in = |finding: &&Finding| catalogue.is_none_or(|row| finding.catalogue == row);
        self.findings.iter().filter(is_in).filter(|finding| finding.class == class).count()
    }

    /// What is worth saying of a row of the catalogue.
    fn cell(&self, row: &str) -> String {
        let said = CLASSES.iter().filter_map(|(class, name)| {
            let count = self.count(*class, Some(row));
            let name = if *class == Class::Leaked { "**LEAKED**" } else { name };
            (count > 0).then(|| format!("{count} {name}"))
        });
        said.collect::<Vec<_>>().join(", ")
    }
}

fn class(product: Product, id: &str, verdict: &str, why: &str) -> Class {
    let refused = |why: &str| {
        let status: Option<u16> = why.strip_prefix("status ").and_then(|status| status.parse().ok());
        status.is_some_and(|status| (400..500).contains(&status) && status != 429 || status == 501)
    };
    match verdict {
        _ if product.has_no_concept_for(id) => Class::NoConcept,
        "held" => Class::Held,
        "leaked" if why.starts_with("answered with ") || product.may_answer(id) => Class::Answered,
        // `Last-Modified` of a search is the moment of the answer there: two answers may differ in it by chance.
        "leaked" if product != Product::Lazaret && why.ends_with("other headers") => Class::Unclear,
        "leaked" => Class::Leaked,
        _ if why.starts_with("the target has no ") => Class::NoConcept,
        // Another refusal than Lazaret's is a refusal: had it told a stranger from nobody, it were a leak.
        _ if refused(why) => Class::Held,
        _ => Class::Unclear,
    }
}

/// One line a product.
pub fn totals(columns: &[Column]) -> String {
    let mut out =
        String::from("| | held | leaked | answered | no concept | unclear |\n| --- | --- | --- | --- | --- | --- |\n");
    for column in columns {
        let counts: Vec<String> = CLASSES.iter().map(|(class, _)| column.count(*class, None).to_string()).collect();
        let _infallible = writeln!(out, "| {} | {} |", column.product.name(), counts.join(" | "));
    }
    out
}

pub fn page(columns: &[Column], facts: &Facts) -> String {
    let Facts { date, lazaret, hapi, gateway } = facts;
    let mut out = INTRODUCTION.to_owned();
    let _infallible = write!(
        out,
        "Of {date}: Lazaret at commit {lazaret}, HAPI FHIR {hapi}, FHIR Information Gateway {gateway} in front of the same HAPI.\n\n{}\n## By row of the catalogue\n\n",
        totals(columns)
    );
    let names: Vec<&str> = columns.iter().map(|column| column.product.name()).collect();
    let _infallible = writeln!(out, "| | {} |\n|{}", names.join(" | "), " --- |".repeat(names.len() + 1));
    for row in rows(columns) {
        let cells: Vec<String> = columns.iter().map(|column| column.cell(&row)).collect();
        let _infallible = writeln!(out, "| {row} | {} |", cells.join(" | "));
    }
    for (class, heading) in [
        (Class::Leaked, "What leaked"),
        (Class::Answered, "What was answered where Lazaret refuses"),
        (Class::Unclear, "What is unclear"),
    ] {
        let _infallible = writeln!(out, "\n## {heading}");
        for column in columns {
            let found: Vec<&Finding> = column.findings.iter().filter(|finding| finding.class == class).collect();
            let _infallible = writeln!(out, "\n### {}\n", column.product.name());
            for Finding { id, title, why, .. } in &found {
                let _infallible = writeln!(out, "* `{id}`: {title} ({why})");
            }
            if found.is_empty() {
                out.push_str("Nothing.\n");
            }
        }
    }
    out.push_str(FAIRNESS);
    out
}

/// The rows of the catalogue, by chapter and number.
fn rows(columns: &[Column]) -> Vec<String> {
    let findings = columns.iter().flat_map(|column| &column.findings);
    let order = |row: &str| (row.chars().next(), row.get(1..).and_then(|number| number.parse::<u32>().ok()));
    let rows: BTreeMap<_, _> = findings.map(|finding| (order(&finding.catalogue), finding.catalogue.clone())).collect();
    rows.into_values().collect()
}

const INTRODUCTION: &str = "# Who leaks what

The drill's corpus (docs/drill.md) against Lazaret and two others, all holding the same thirty patients. Written by
`cargo xtask interop leaks`, which builds and starts all of them on this machine (Java 17, Maven, about 350 MB the first time, five to ten
minutes), attacks one after the other, and ends them. Edit xtask/src/leaks, not this page.

| | |
| --- | --- |
| held | the attack was carried out and gave nothing away; any refusal counts, if it is the same for a stranger and for nobody |
| leaked | words of a stranger, too many entries, a missing header, or an answer that differs from its twin |
| answered | a success where the corpus expects a refusal, without any such word in it. To be looked at, not a proven leak |
| no concept | the product has no words for what the attack is about, so it neither holds nor leaks it |
| unclear | no answer, or one that says neither |

";

const FAIRNESS: &str = "
## How to read this

The corpus was written for a gateway with Lazaret's promises. Others promise other things, and a difference is not always a fault:

* **HAPI, own rules**: `AuthorizationInterceptor` with rules by compartment, type and label, `SearchNarrowingInterceptor`, and
  `ConsentInterceptor` with the rules as filter, put together as its documentation has it (interop/hapi, `Rules.java`). It has no verification
  of tokens: who uses it brings that along, so tokens are plain words here and attacks on them say `no concept`. Its
  `ConsentInterceptor` could also blank elements, by Java one writes oneself; rules cannot, so hidden elements are `no concept`.
* **Information Gateway**: the two access checkers that come with it, on its HAPI backend, with the file of allowed queries that its
  documentation has for HAPI's page links. `list`: the nurse with a List of her patients; it has no scopes, labels or types. `patient`: patient p001
  attacks herself, with SMART scopes for clinical types; it has no labels. Neither hides elements. A checker of one's own could do
  more. Both trust that nobody else reaches the server behind them.
* Most leaks of HAPI's rules have two causes. What a filter hides is refused as `HAPI-1995`, what is not there as `HAPI-2001`; and a
  search or a read of a patient on the nurse's list whose records are labelled ends otherwise (404, or nothing found) than one of
  a patient who is not on it (403). So she learns that something labelled is there, not what it says. A reverse chain
  (`C2-has-labelled`) does tell: it is evaluated before the rules are.
* `E5-label-without-system`: HAPI's store gives `N` without a code system the system of another `N`; its rules never see what was sent.
* Three of the traps (absolute, foreign and `urn:` references) are refused by HAPI's store, so nothing can be said of them.
* Seen by hand, and not in the corpus: with the checker `list`, `POST /Patient/_search` with `_id=p011` in its form answers with that
  stranger's whole record, where `GET /Patient/p011` is refused with 403: the POST is taken for the creation of a patient, which
  every holder of a list may do.
* `Cache-Control: no-store` (F8) is often set by a reverse proxy; here none stands in front.
* A resource of two patients is shown to nobody by Lazaret; by FHIR's compartments it belongs to both. Not counted.
* The pair of `A8-two-tokens` is the same token twice; an answer to it gives away nothing of others and counts as answered.
* Folded headers, two lengths and the like are the web server's business, and these two run on a Jetty of ours. Not counted.
* Lazaret's corpus is by Lazaret's authors. What they did not think of is in no column.

Helios FHIR Server is not here: it compiles for about an hour, and is not built by this repository.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_of_the_drill_is_read_with_fairness() {
        let check =
            |product, id, verdict, why, expect| assert_eq!(class(product, id, verdict, why), expect, "{id} {why}");
        let hapi = Product::HapiRules;
        check(hapi, "E1-head", "held", "status 404", Class::Held);
        check(hapi, "E1-head", "leaked", "it can be told from its twin", Class::Leaked);
        check(hapi, "C20-meta", "leaked", "answered with 200", Class::Answered);
        check(hapi, "A8-two-tokens", "leaked", "2 of the words `clinical`", Class::Answered);
        check(hapi, "C2-has-nested", "leaked", "can be told from its twin: other headers", Class::Unclear);
        check(hapi, "E1-head", "unclear", "status 403", Class::Held);
        check(hapi, "E1-head", "unclear", "status 429", Class::Unclear);
        check(hapi, "E1-head", "unclear", "status 500", Class::Unclear);
        check(hapi, "A8-expired", "unclear", "the target has no token `expired`", Class::NoConcept);
        check(hapi, "E4-narrative", "leaked", "1 of the words `hidden`", Class::NoConcept);
        check(Product::Lazaret, "E4-narrative", "leaked", "1 of the words `hidden`", Class::Leaked);
        check(Product::GatewayList, "C4-security", "held", "status 200", Class::NoConcept);
        check(hapi, "C4-security", "held", "status 200", Class::Held);
    }

    #[test]
    fn a_page_has_a_row_for_each_of_the_catalogue_in_order() {
        let report = serde_json::json!({"findings": [
            {"id": "C10-a", "catalogue": "C10", "title": "T.", "verdict": "leaked", "why": "3 entries, 1 expected"},
            {"id": "C2-b", "catalogue": "C2", "title": "U.", "verdict": "held", "why": "status 403"},
            {"id": "C2-c", "catalogue": "C2", "title": "V.", "verdict": "held", "why": "status 403"}]});
        let column = Column::new(Product::HapiRules, &report).expect("findings");
        assert_eq!(column.leaked(), 1);
        let facts = Facts { date: "D".into(), lazaret: "L".into(), hapi: "H".into(), gateway: "G".into() };
        let page = page(&[column], &facts);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}\n{page}"));
        assert!(at("| C2 | 2 held |") < at("| C10 | 1 **LEAKED** |"));
        assert!(page.contains("* `C10-a`: T. (3 entries, 1 expected)") && !page.contains("`C2-b`"));
    }
}
