//! From the description of `lazaret up` to that of a peer: the same world and the same words, other tokens.

use super::concepts::Product;
use std::fmt::Write;

/// What is other about a peer.
pub struct Changes {
    pub base: String,
    /// Name and token.
    pub tokens: Vec<(String, String)>,
    /// Host and port of the server behind a gateway.
    pub upstream: Option<String>,
    /// Ids of resources that its store did not take: nothing can be said of them.
    pub not_stored: Vec<String>,
}

impl Changes {
    /// The description that `lazaret drill --describe` wrote has one key a line.
    pub fn apply(&self, described: &str, product: Product) -> String {
        let mut out = format!("base = {}\n", text(&self.base));
        let mut section = "";
        for line in described.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                let _infallible = writeln!(out, "\n[{section}]");
                if section == "token" {
                    for (name, token) in &self.tokens {
                        let _infallible = writeln!(out, "{name} = {}", text(token));
                    }
                }
                continue;
            }
            let Some((name, value)) = line.split_once(" = ") else { continue };
            let kept = match section {
                "control" => self.tokens.iter().any(|(known, _)| known == name),
                "value" => {
                    !product.values_without_meaning().contains(&name)
                        && !self.not_stored.iter().any(|id| text(id) == value)
                }
                "words" => name != "upstream" && !product.harmless_words().contains(&name),
                _ => false,
            };
            if kept {
                let _infallible = writeln!(out, "{line}");
            } else if section == "words" {
                let words = if name == "upstream" { self.upstream_words() } else { "[]".to_owned() };
                let _infallible = writeln!(out, "{name} = {words}");
            }
        }
        out
    }

    fn upstream_words(&self) -> String {
        let words: Vec<String> =
            ["SELECT ", "Exception"].into_iter().chain(self.upstream.as_deref()).map(text).collect();
        format!("[{}]", words.join(", "))
    }
}

/// A string in quotes: JSON's escapes are TOML's too.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIBED: &str = "# tokens\nbase = \"https://localhost:1/fhir\"\ndialect = \"lazaret\"\ntrust = \"ca.pem\"\n
[control]\nnurse = \"/Patient/{mine}\"\nsupport = \"/Patient/{mine}\"\n
[token]\nnurse = \"secret\"\n
[value]\nmine = \"p001\"\nmine_mrn = \"1\"\nurn_subject = \"obs-1\"\n
[words]\nhidden = [\"<div\"]\nstranger = [\"Patient/p011\"]\nupstream = [\"/_getpages\"]\n";

    #[test]
    fn a_peer_has_the_same_world_and_its_own_tokens() {
        let changes = Changes {
            base: "http://127.0.0.1:2/fhir".to_owned(),
            tokens: vec![("nurse".to_owned(), "to\"ken".to_owned())],
            upstream: Some("127.0.0.1:3".to_owned()),
            not_stored: vec!["obs-1".to_owned()],
        };
        let expect = "base = \"http://127.0.0.1:2/fhir\"\n
[control]\nnurse = \"/Patient/{mine}\"\n
[token]\nnurse = \"to\\\"ken\"\n
[value]\nmine = \"p001\"\n
[words]\nhidden = []\nstranger = [\"Patient/p011\"]\nupstream = [\"SELECT \", \"Exception\", \"127.0.0.1:3\"]\n";
        assert_eq!(changes.apply(DESCRIBED, Product::HapiRules), expect);
    }
}
