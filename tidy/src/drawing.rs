//! The graph in ARCHITECTURE.md, drawn from `house.toml`; `cargo xtask bless` writes it, the test compares.

use crate::{Finding, House, Room, Tree};
use std::{collections::BTreeMap, fmt::Write};

pub const BEGIN: &str = "<!-- house:begin -->";
pub const END: &str = "<!-- house:end -->";
const FILE: &str = "ARCHITECTURE.md";
const RULE: &str = "drawing";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let text = tree.get(FILE).unwrap_or_default();
    match redraw(text, house) {
        None => vec![Finding::new(
            FILE,
            1,
            RULE,
            format!("the markers `{BEGIN}` and `{END}` are not there, once each and in order"),
        )],
        Some(drawn) if drawn != text => {
            let differs = drawn.lines().zip(text.lines()).position(|(a, b)| a != b).unwrap_or_default();
            vec![Finding::new(
                FILE,
                differs + 1,
                RULE,
                "the graph is not what house.toml says; run `cargo xtask bless`",
            )]
        }
        Some(_) => Vec::new(),
    }
}

/// `text` with the block between the markers drawn anew; none without the markers.
pub fn redraw(text: &str, house: &House) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let again = before.contains(END) || after.contains(BEGIN) || after.contains(END);
    (!again).then(|| format!("{before}{BEGIN}\n{}{END}{after}", draw(house)))
}

fn draw(house: &House) -> String {
    let mut floors: BTreeMap<u8, Vec<&Room>> = BTreeMap::new();
    for room in house.rooms.iter().filter(|room| !room.visitor) {
        floors.entry(room.floor).or_default().push(room);
    }
    let mut out = String::from("```\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{text}");
    };
    for (floor, rooms) in floors.iter().rev() {
        let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
        line(format_args!("{floor:>2}  {}", names.join("   ")));
    }
    let visitors: Vec<&str> = house.rooms.iter().filter(|room| room.visitor).map(|room| room.name.as_str()).collect();
    if !visitors.is_empty() {
        line(format_args!("\nvisitors (they enter by the front door): {}", visitors.join("   ")));
    }
    line(format_args!("```\n"));
    line(format_args!("| room | floor | what it is | may import | sole importer of | mints |"));
    line(format_args!("| --- | --- | --- | --- | --- | --- |"));
    for room in &house.rooms {
        let floor = if room.visitor { "visitor".to_owned() } else { room.floor.to_string() };
        let soles = house.soles.iter().filter(|sole| sole.rooms.contains(&room.name));
        let guards = house.guards.iter().filter(|guard| guard.rooms.contains(&room.name));
        let soles = soles.map(|sole| sole.dependency.as_str()).chain(guards.map(|guard| guard.path.as_str()));
        let mints = house.mints_of(&room.name).map(|mint| mint.name.as_str());
        line(format_args!(
            "| `{}` | {floor} | {} | {} | {} | {} |",
            room.name,
            room.what,
            list(room.imports.iter().map(String::as_str)),
            list(soles),
            list(mints)
        ));
    }
    out
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::{SMALL, small};

    fn found(text: &str) -> Vec<String> {
        check(&Tree::of([(FILE, text)]), &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_drawn_graph_is_quiet_and_keeps_the_prose() {
        let text = redraw(&format!("# One page\n{BEGIN}\nold\n{END}\nprose\n"), &small()).expect("markers");
        assert!(text.starts_with("# One page\n") && text.ends_with("\nprose\n") && !text.contains("old"));
        assert!(text.contains("| `door` | 1 | the door | `word` | `hyper` | `Pass` |"), "{text}");
        assert!(text.contains(" 2  roof\n 1  door\n 0  word\n"), "{text}");
        assert!(found(&text).is_empty());
    }

    #[test]
    fn a_stale_graph_and_lost_markers_are_found() {
        let moved = House::parse(&SMALL.replace("what = \"the door\"", "what = \"the gate\"")).expect("parses");
        let stale = redraw(&format!("{BEGIN}{END}"), &moved).expect("markers");
        assert!(found(&stale).iter().any(|line| line.contains("run `cargo xtask bless`")));
        for lost in ["", BEGIN, &format!("{END}{BEGIN}"), &format!("{BEGIN}{END}{BEGIN}{END}")] {
            assert!(found(lost).iter().any(|line| line.contains("markers")), "{lost}");
        }
    }
}
