//! What holds a credential, an id, a question or a body shows nothing in `Debug`.

use crate::{Finding, House, Source, mints::attributes_above, source::trailing_word};

const RULE: &str = "secret";

pub(crate) fn check(sources: &[Source], house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &house.manners.blank_debug {
        let mut declared = false;
        for source in sources.iter().filter(|source| source.room().is_some()) {
            for at in source.find(name) {
                if !matches!(trailing_word(source.before(at)), "struct" | "enum") {
                    continue;
                }
                declared = true;
                let derived = attributes_above(source, at);
                if derived.split(|c: char| !c.is_alphanumeric()).any(|word| word == "Debug") {
                    let advice = format!(
                        "`{name}` derives Debug and would print what it holds; write one by hand that says nothing"
                    );
                    findings.push(Finding::new(source.path(), source.line_of(at), RULE, advice));
                }
            }
        }
        if !declared {
            let advice = format!("`{name}` is listed under `blank_debug` and declared nowhere; correct the list");
            findings.push(Finding::new(crate::house::FILE, 1, RULE, advice));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::tests::small;

    fn found(text: &str) -> Vec<String> {
        check(&[Source::new("crates/door/src/a.rs", text)], &small()).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn planted_debug_is_found() {
        let advice =
            "secret: `Secret` derives Debug and would print what it holds; write one by hand that says nothing";
        assert_eq!(
            found("#[derive(Clone, Debug)]\npub struct Secret(String);"),
            [format!("crates/door/src/a.rs:2: {advice}")]
        );
        assert_eq!(
            found("#[derive(\n    Clone,\n    Debug,\n)]\n#[must_use]\npub struct Secret(String);"),
            [format!("crates/door/src/a.rs:6: {advice}")]
        );
        assert_eq!(found("fn a() {}").len(), 1);
    }

    #[test]
    fn a_hand_written_debug_is_quiet() {
        let text = "#[derive(Debug)]\nstruct Open;\n\n#[derive(Clone)]\npub struct Secret(String);\nimpl fmt::Debug for Secret {}";
        assert_eq!(found(text), Vec::<String>::new());
        assert_eq!(found("#[derive(Debug)]\nstruct Open { a: u8 }\nstruct Secret(u8);"), Vec::<String>::new());
    }
}
