//! Tidy keeps the rules of the house that a compiler does not: `house.toml` says them, this reads the tree.
//!
//! It knows: floors, edges, sole importers, names, sizes, room cards, mints, manners, and what is drawn and generated.
//! It refuses to know: types. It scans text with comments and strings blanked; what needs a compiler is a compile-fail test.
//! It mints: nothing.
//! If it fails: one [`Finding`] a fault, with file, line, rule and what to do.
//! Start reading at: [`check`].

mod attacks;
mod cards;
mod drawing;
mod edges;
mod house;
mod leaks;
mod manifests;
mod manners;
mod mints;
mod names;
mod paths;
mod reference;
mod secrets;
mod sizes;
mod source;
mod tree;

pub use drawing::{BEGIN, END, redraw};
pub use house::{Budget, Guard, House, HouseError, Mint, Reasoned, Room, Sole, Tool};
pub use reference::generated;
pub use source::Source;
pub use tree::Tree;

use std::fmt;

/// One fault: where, which rule, what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub file: String,
    /// 1-based; 1 for what concerns a whole file.
    pub line: usize,
    pub rule: &'static str,
    pub advice: String,
}

impl Finding {
    pub(crate) fn new(file: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, rule, advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.rule, self.advice)
    }
}

/// Everything the house asks of the tree, sorted by file and line.
pub fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let sources = tree.sources();
    let mut findings = house.contradictions();
    findings.extend(attacks::check(tree, &sources));
    findings.extend(edges::check(tree, house));
    findings.extend(manifests::check(tree, house));
    findings.extend(paths::check(&sources, house));
    findings.extend(names::check(tree, house));
    findings.extend(sizes::check(&sources, house));
    findings.extend(cards::check(tree, house));
    findings.extend(mints::check(&sources, house));
    findings.extend(manners::check(&sources, house));
    findings.extend(secrets::check(&sources, house));
    findings.extend(leaks::check(tree, house));
    findings.extend(drawing::check(tree, house));
    findings.extend(reference::check(tree));
    findings.sort();
    findings
}
