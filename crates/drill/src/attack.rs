//! Attacks as data.

use serde::Deserialize;
use std::collections::HashSet;

/// The corpus that comes with the program, one text a chapter.
const BUILT_IN: [&str; 6] = [
    include_str!("../corpus/tokens.toml"),
    include_str!("../corpus/membership.toml"),
    include_str!("../corpus/search.toml"),
    include_str!("../corpus/reading.toml"),
    include_str!("../corpus/transport.toml"),
    include_str!("../corpus/known-holes.toml"),
];

/// One request that would leak if the gateway let it, and how to tell.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// Starts with the catalogue's id: `C13-date-range-on-hidden`.
    pub id: String,
    pub catalogue: String,
    /// What would leak, in one sentence.
    pub title: String,
    /// The name of the token it is made with; `none` for no credential.
    #[serde(rename = "as", default = "nurse")]
    pub token: String,
    #[serde(flatten)]
    pub request: Request,
    pub status: Statuses,
    /// Names of word lists of the target.
    #[serde(default)]
    pub must_not_contain: Vec<String>,
    /// Header and a word in it, of an answer that is no refusal.
    #[serde(default)]
    pub must_have: Vec<(String, String)>,
    /// Another request whose answer must not be told from this one's.
    pub same_as: Option<Twin>,
    pub entries: Option<Entries>,
    /// Reason codes, of which a target that speaks this dialect must give one.
    #[serde(default)]
    pub reason: Vec<String>,
    /// How many answers may come over the connection.
    pub answers_at_most: Option<usize>,
}

fn nurse() -> String {
    "nurse".to_owned()
}

/// What is sent: a request line below the base with headers and body, or bytes as they are.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Request {
    pub method: Option<String>,
    pub path: Option<String>,
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    pub form: Option<String>,
    pub raw: Option<String>,
}

/// The other request: what it does not say is as in the attack.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Twin {
    #[serde(rename = "as")]
    pub token: Option<String>,
    pub path: Option<String>,
    pub form: Option<String>,
}

impl Twin {
    pub(crate) fn request(&self, attack: &Attack) -> Request {
        let mut request = attack.request.clone();
        request.path = self.path.clone().or(request.path);
        request.form = self.form.clone().or(request.form);
        request
    }
}

/// Which statuses are as they should be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Statuses {
    Named(Class),
    Listed(Vec<u16>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// An answer or a refusal.
    Any,
    /// A refusal of any kind, but for "too many" and "I failed".
    Refused,
}

impl Statuses {
    pub(crate) fn admit(&self, status: u16) -> bool {
        let is_refusal = (400..500).contains(&status) && status != 429 || status == 501;
        match self {
            Self::Named(Class::Any) => (200..400).contains(&status) || is_refusal,
            Self::Named(Class::Refused) => is_refusal,
            Self::Listed(listed) => listed.contains(&status),
        }
    }
}

/// How many entries an answer may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entries {
    AtMost(usize),
    Exactly(usize),
}

/// Attacks with ids of their own.
#[derive(Clone, Debug)]
pub struct Corpus(Vec<Attack>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    attack: Vec<Attack>,
}

/// Why a text is no corpus.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("not a file of attacks")]
    Toml(#[from] Box<toml::de::Error>),
    #[error("two attacks are called `{0}`")]
    Twice(String),
    #[error("`{0}` does not start with its catalogue id and `-`")]
    Id(String),
    #[error("`{0}` needs either `path` or `raw`")]
    Request(String),
}

impl Corpus {
    pub fn built_in() -> Result<Self, CorpusError> {
        Self::parse(BUILT_IN)
    }

    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, CorpusError> {
        let (mut attacks, mut seen) = (Vec::new(), HashSet::new());
        for text in texts {
            let file: File = toml::from_str(text).map_err(Box::new)?;
            for attack in file.attack {
                if !seen.insert(attack.id.clone()) {
                    return Err(CorpusError::Twice(attack.id));
                }
                if !attack.id.strip_prefix(&attack.catalogue).is_some_and(|rest| rest.starts_with('-')) {
                    return Err(CorpusError::Id(attack.id));
                }
                if attack.request.path.is_some() == attack.request.raw.is_some() {
                    return Err(CorpusError::Request(attack.id));
                }
                attacks.push(attack);
            }
        }
        Ok(Self(attacks))
    }

    pub fn attacks(&self) -> &[Attack] {
        &self.0
    }

    /// Those with that id or catalogue id.
    pub fn only(mut self, name: &str) -> Self {
        self.0.retain(|attack| attack.id == name || attack.catalogue == name);
        self
    }
}
