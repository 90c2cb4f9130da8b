//! Reference pages that are made from the words of `lexicon`, so that page and program cannot disagree.

use crate::{Finding, Tree};
use lexicon::{Interaction, Reason};
use std::fmt::Write;

const RULE: &str = "reference";

/// Path and text of every generated page.
pub fn generated() -> Vec<(&'static str, String)> {
    vec![("docs/reference/reasons.md", reasons()), ("docs/reference/interactions.md", interactions())]
}

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let differs = |(path, text): &(&str, String)| tree.get(path) != Some(text.as_str());
    let stale = generated().into_iter().filter(differs);
    stale.map(|(path, _)| Finding::new(path, 1, RULE, "not what `lexicon` says; run `cargo xtask bless`")).collect()
}

fn reasons() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         Generated from `lexicon::Reason` by `cargo xtask bless`. Every refusal has one of these codes, in\n\
         `OperationOutcome.issue.details.coding` and in the evidence. Where *shown as* names another code, the caller sees\n\
         that one: the true reason would reveal that something exists. The evidence holds the true code.\n\n\
         | code | status | issue | who must act | shown as | what to do |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for reason in Reason::ALL {
        let shown = if reason.is_shown_as_is() { "itself".to_owned() } else { format!("`{}`", reason.shown().code()) };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | `{}` | {} | {shown} | {} |",
            reason.code(),
            reason.status(),
            reason.issue(),
            reason.actor().code(),
            reason.hint().replace('|', "\\|")
        );
    }
    page
}

fn interactions() -> String {
    let mut page = String::from(
        "# Interactions\n\n\
         Generated from `lexicon::Interaction` by `cargo xtask bless`: every interaction of R4's REST API\n\
         (<https://hl7.org/fhir/R4/http.html>), the action the policy knows it by, and the reason it is refused with while it\n\
         is not answered.\n\n\
         | interaction | action | answered |\n\
         | --- | --- | --- |\n",
    );
    for interaction in Interaction::ALL {
        let refusal = Reason::from_code(&format!("interaction.{}-not-answered", interaction.code()));
        let answered = refusal.map_or_else(|| "yes".to_owned(), |reason| format!("no: `{}`", reason.code()));
        let _ = writeln!(page, "| `{}` | `{}` | {answered} |", interaction.code(), interaction.action().code());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_line() {
        let (reasons, interactions) = (reasons(), interactions());
        for reason in Reason::ALL {
            assert_eq!(reasons.matches(&format!("\n| `{}` |", reason.code())).count(), 1, "{reason}");
        }
        for interaction in Interaction::ALL {
            assert_eq!(interactions.matches(&format!("\n| `{interaction}` |")).count(), 1, "{interaction}");
        }
        assert!(interactions.contains("| `read` | `read` | yes |"));
        assert!(interactions.contains("| `history-type` | `search` | no: `interaction.history-type-not-answered` |"));
    }

    #[test]
    fn a_stale_page_is_found() {
        let pages = generated();
        let tree = |swap: &'static str| {
            let pages = pages.iter().map(|(path, text)| (*path, text.as_str()));
            Tree::of(pages.filter(move |(path, _)| !path.contains(swap)).collect::<Vec<_>>())
        };
        assert!(check(&tree("nothing")).is_empty());
        assert_eq!(check(&tree("reasons")).len(), 1);
        assert_eq!(check(&tree("interactions")).len(), 1);
    }
}
