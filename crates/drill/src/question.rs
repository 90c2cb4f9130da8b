//! From an attack to the request that is sent: placeholders become what the target says.

use crate::attack::Request;
use crate::target::{Place, Target};

/// A request that can be sent.
pub(crate) struct Question {
    pub(crate) sent: Sent,
    /// What the placeholders became: an answer that repeats them says nothing.
    pub(crate) own: Vec<String>,
}

pub(crate) enum Sent {
    Plain { method: String, uri: String, headers: Vec<(String, String)>, body: String },
    Raw(String),
}

/// The target does not say what a placeholder stands for, or has no such token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsaid(pub(crate) String);

impl Question {
    pub(crate) fn new(request: &Request, token: &str, target: &Target, place: &Place) -> Result<Self, Unsaid> {
        let mut filled = Filled { target, place, own: Vec::new() };
        if let Some(raw) = &request.raw {
            let text = filled.fill(raw)?;
            return Ok(Self { sent: Sent::Raw(text), own: filled.own });
        }
        let uri = format!("{}{}", place.path, filled.fill(request.path.as_deref().unwrap_or_default())?);
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            headers.push((name.clone(), filled.fill(value)?));
        }
        if token != "none" {
            let token = target.token(token).ok_or_else(|| Unsaid(format!("no token `{token}`")))?;
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let body = filled.fill(request.form.as_deref().unwrap_or_default())?;
        let method = request.method.clone().unwrap_or_else(|| "GET".to_owned());
        // Conditions as a whole: `true` alone may be anybody's word.
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let conditions = query.split('&').chain(body.split('&')).filter(|pair| pair.contains('='));
        filled.own.extend([uri.as_str(), query, body.as_str()].into_iter().chain(conditions).map(str::to_owned));
        Ok(Self { sent: Sent::Plain { method, uri, headers, body }, own: filled.own })
    }

    /// What the caller asked for: an answer that repeats it says nothing. One that repeats a header may.
    pub(crate) fn text(&self) -> String {
        match &self.sent {
            Sent::Plain { uri, body, .. } => format!("{uri} {body}"),
            Sent::Raw(raw) => raw.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

struct Filled<'a> {
    target: &'a Target,
    place: &'a Place,
    own: Vec<String>,
}

impl Filled<'_> {
    /// Braces that hold no lower-case name are text.
    fn fill(&mut self, text: &str) -> Result<String, Unsaid> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let is_name = |name: &str| {
                !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
            };
            match after.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, after)) => {
                    out.push_str(&self.value(name)?);
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&mut self, name: &str) -> Result<String, Unsaid> {
        if let Some(token) = name.strip_prefix("token.") {
            return self.target.token(token).ok_or_else(|| Unsaid(format!("no token `{token}`")));
        }
        match name {
            "host" => Ok(self.place.authority.clone()),
            "base_path" => Ok(self.place.path.clone()),
            _ => {
                let value = self.target.value(name).ok_or_else(|| Unsaid(format!("no value `{name}`")))?;
                self.own.push(value.to_owned());
                Ok(value.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests;
