use crate::percent;
use lexicon::Reason;
use std::collections::HashSet;
use std::fmt;

const PARAMETERS: usize = 256;

/// Names and values of a query, decoded once, in their order.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, String)>);

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters")
    }
}

impl Parameters {
    /// A `+` stays a `+`: FHIR's values hold it (`application/fhir+json`, time zones) and clients forget to escape it.
    pub fn parse(query: &str) -> Result<Self, Reason> {
        if query.is_empty() {
            return Ok(Self::default());
        }
        // What RFC 3986 does not allow in a query, but `|`, which clients send as it is.
        let refused = |b: u8| !b.is_ascii_graphic() || b"#\"<>\\^`{}".contains(&b);
        if query.bytes().any(refused) || query.split('&').count() > PARAMETERS {
            return Err(Reason::RequestMalformed);
        }
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=')?;
            let name = percent::decode(name).filter(|name| !name.is_empty() && !name.contains('?'))?;
            Some((name, percent::decode(value)?))
        };
        query.split('&').map(pair).collect::<Option<_>>().map(Self).ok_or(Reason::RequestMalformed)
    }

    /// The body of a form, where a `+` is a space (<https://url.spec.whatwg.org/#application/x-www-form-urlencoded>).
    pub fn parse_form(form: &str) -> Result<Self, Reason> {
        Self::parse(&form.replace('+', "%20"))
    }

    /// Both lists, of a request that says some in its URL and some in its body. Which of two would hold depends on who
    /// reads them, so no name stands in both.
    pub fn merge(self, other: Self) -> Result<Self, Reason> {
        let known: HashSet<&str> = self.names().collect();
        if other.names().any(|name| known.contains(name)) {
            return Err(Reason::ParameterDuplicate);
        }
        if self.0.len() + other.0.len() > PARAMETERS {
            return Err(Reason::RequestMalformed);
        }
        Ok(Self(self.0.into_iter().chain(other.0).collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of the first parameter of that name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    pub fn has_duplicate(&self) -> bool {
        let mut seen = HashSet::new();
        !self.names().all(|name| seen.insert(name))
    }
}

/// Names and values that we put together ourselves.
impl FromIterator<(String, String)> for Parameters {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}
