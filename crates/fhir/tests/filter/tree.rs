//! A JSON document with everything kept: order, duplicates, the text of numbers.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Text(String),
    Number(String),
    Boolean(bool),
    Null,
}

/// Reads a document as strictly as the filter promises to, slowly, with `serde_json` for the hard parts.
pub fn read(document: &[u8]) -> Option<Tree> {
    read_deep(document).filter(|tree| tree.depth() <= 64)
}

/// The same to any depth that `serde_json` reads.
pub fn read_deep(document: &[u8]) -> Option<Tree> {
    read_loosely(document).filter(Tree::is_strict)
}

/// All that is JSON, to that depth.
pub fn read_loosely(document: &[u8]) -> Option<Tree> {
    let text = std::str::from_utf8(document).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    serde_json::from_str(&mark(text)).ok()
}

/// Makes every number a string and marks strings apart, so that `serde_json` keeps both as written. A name with an
/// escape becomes one with a backslash, which no other name has; a string that stands for no text, an object with it.
fn mark(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut marked = String::with_capacity(text.len() * 2);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let begin = at;
        at += 1;
        if byte == b'"' {
            while bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
            let literal = &text[begin..at];
            let is_name = text[at..].trim_start_matches([' ', '\t', '\n', '\r']).starts_with(':');
            if is_name && literal.contains('\\') {
                marked.push_str(r#""s\\""#);
            } else if serde_json::from_str::<String>(literal).is_err() {
                marked.push_str(r#"{"s\\":"s"}"#);
            } else {
                marked.push_str("\"s");
                marked.push_str(&literal[1..]);
            }
        } else if byte == b'-' || byte.is_ascii_digit() {
            at += bytes[at..].iter().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
            marked.push_str("\"n");
            marked.push_str(&text[begin..at]);
            marked.push('"');
        } else {
            marked.push(char::from(byte));
        }
    }
    marked
}

impl Tree {
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn depth(&self) -> usize {
        match self {
            Tree::Object(members) => 1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            Tree::Array(items) => 1 + items.iter().map(Tree::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Is there nothing that readers differ about?
    pub fn is_strict(&self) -> bool {
        match self {
            Tree::Object(members) => {
                let mut seen = HashSet::new();
                members.iter().all(|(name, value)| !name.contains('\\') && seen.insert(name) && value.is_strict())
            }
            Tree::Array(items) => items.iter().all(Tree::is_strict),
            _ => true,
        }
    }

    /// The same with the members of every object in order of their names: JSON gives their order no meaning.
    pub fn sorted(mut self) -> Tree {
        match &mut self {
            Tree::Object(members) => {
                members.iter_mut().for_each(|(_, value)| *value = std::mem::replace(value, Tree::Null).sorted());
                members.sort();
            }
            Tree::Array(items) => {
                items.iter_mut().for_each(|item| *item = std::mem::replace(item, Tree::Null).sorted())
            }
            _ => {}
        }
        self
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Marked)
    }
}

/// Reads what [`mark`] wrote.
struct Marked;

impl<'de> Visitor<'de> for Marked {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a marked document")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(value))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        let (kind, rest) = text.split_at(1);
        Ok(if kind == "n" { Tree::Number(rest.to_owned()) } else { Tree::Text(rest.to_owned()) })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = access.next_entry::<String, Tree>()? {
            members.push((name[1..].to_owned(), value));
        }
        Ok(Tree::Object(members))
    }
}
