//! SPIFFE ids (<https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>).

use std::fmt;

/// A trust domain's name, as it stands in a SPIFFE id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrustDomain(String);

impl TrustDomain {
    pub fn new(name: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        ((1..=255).contains(&name.len()) && name.bytes().all(allowed)).then(|| Self(name.to_owned()))
    }

    pub fn name(&self) -> &str {
        &self.0
    }
}

/// `spiffe://<trust domain>/<path>` in its one spelling: no port, user, query, fragment, percent sign or empty segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpiffeId {
    text: String,
    domain: TrustDomain,
}

impl SpiffeId {
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > 2048 {
            return None;
        }
        let (domain, path) = text.strip_prefix("spiffe://")?.split_once('/')?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        let segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.bytes().all(allowed);
        let domain = TrustDomain::new(domain)?;
        path.split('/').all(segment).then(|| Self { text: text.to_owned(), domain })
    }

    pub fn is_in(&self, domain: &TrustDomain) -> bool {
        self.domain == *domain
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_exactly_the_standard_spelling() {
        for good in ["spiffe://lazaret.localhost/gateway", "spiffe://a_b-1.c/x/Y_z/0.."] {
            assert_eq!(SpiffeId::new(good).as_ref().map(SpiffeId::as_str), Some(good));
        }
        for bad in [
            "",
            "spiffe://",
            "spiffe://td",
            "spiffe://td/",
            "spiffe:///x",
            "spiffe://td/x/",
            "spiffe://td//x",
            "spiffe://td/./x",
            "spiffe://td/../x",
            "spiffe://TD/x",
            "SPIFFE://td/x",
            "spiffe://td:1/x",
            "spiffe://u@td/x",
            "spiffe://td/x?y",
            "spiffe://td/x#y",
            "spiffe://td/%78",
            "spiffe://td/x y",
            "https://td/x",
            &format!("spiffe://td/{}", "x".repeat(2048)),
        ] {
            assert!(SpiffeId::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_longer_domain_is_another_domain() {
        let domain = TrustDomain::new("lazaret.localhost").expect("a domain");
        for (id, is_in) in [
            ("spiffe://lazaret.localhost/x", true),
            ("spiffe://lazaret.localhost.evil/x", false),
            ("spiffe://evil.lazaret.localhost/x", false),
            ("spiffe://evil/lazaret.localhost/x", false),
        ] {
            assert_eq!(SpiffeId::new(id).expect(id).is_in(&domain), is_in, "{id}");
        }
    }
}
