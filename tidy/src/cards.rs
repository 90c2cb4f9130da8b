//! The card at the door of each room: what it is, what it refuses to know, what it mints, where to start.

use crate::{Finding, House, Tree};

const RULE: &str = "card";
const HEADINGS: [&str; 6] =
    ["This room", "It knows:", "It refuses to know:", "It mints:", "If it fails:", "Start reading at:"];

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for room in &house.rooms {
        let roots = ["lib.rs", "main.rs"].map(|file| format!("crates/{}/src/{file}", room.name));
        let Some((path, text)) = roots.iter().find_map(|path| Some((path, tree.get(path)?))) else { continue };
        let card: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let mut say = |line, advice| findings.push(Finding::new(path, line, RULE, advice));
        let mut from = 0;
        for heading in HEADINGS {
            match card.iter().skip(from).position(|line| line.starts_with(heading) && line.len() > heading.len() + 1) {
                Some(at) => from += at + 1,
                None => say(1, format!("the room card lacks `{heading}`, or has it out of order")),
            }
        }
        let minting = card.iter().skip_while(|line| !line.starts_with("It mints:"));
        let minted =
            minting.take_while(|line| !line.starts_with("If it fails:")).copied().collect::<Vec<_>>().join(" ");
        for mint in house.mints_of(&room.name).filter(|mint| !minted.contains(&format!("`{}`", mint.name))) {
            say(1, format!("the room card does not say that it mints [`{}`]", mint.name));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    const CARD: &str = "//! This room is the door.\n//!\n//! It knows: a.\n//! It refuses to know: b.\n//! It mints: [`Pass`].\n//! If it fails: c.\n//! Start reading at: d.\n";

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of([("crates/door/src/lib.rs", text)]), &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_whole_card_is_quiet() {
        assert!(found(CARD).is_empty());
    }

    #[test]
    fn planted_gaps_are_found() {
        for heading in HEADINGS {
            let gap = found(&CARD.replace(heading, "Something"));
            assert!(gap.iter().any(|line| line.contains(heading)), "{heading}: {gap:?}");
        }
        assert!(!found(&CARD.replace("//! If it fails: c.", "//! If it fails:")).is_empty());
        assert_eq!(found(&CARD.replace("[`Pass`]", "nothing")).len(), 1);
        assert_eq!(found("fn a() {}").len(), HEADINGS.len() + 1);
    }
}
