use lexicon::Reason;
use std::fmt;
use zeroize::Zeroizing;

/// Longest token we look at; one that fits in the header limits of common servers is far below.
const LONGEST: usize = 16 * 1024;

/// A bearer token as it came. `Debug` is blank, memory is wiped.
pub struct Bearer(Zeroizing<String>);

impl Bearer {
    /// From the one `Authorization` header value: `Bearer`, one space, `b64token` (RFC 6750 section 2.1). The scheme's
    /// case does not count (RFC 9110 section 11.1). Another scheme is no credential here, except `DPoP`, which must
    /// never be read as if it were one.
    pub fn from_header(value: &[u8]) -> Result<Self, Reason> {
        let (scheme, token) = match value.iter().position(|b| *b == b' ') {
            Some(at) => (value.get(..at).unwrap_or_default(), value.get(at + 1..).unwrap_or_default()),
            None => (value, <&[u8]>::default()),
        };
        if scheme.eq_ignore_ascii_case(b"dpop") {
            return Err(Reason::CredentialDpop);
        }
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            return Err(Reason::CredentialMissing);
        }
        Self::from_token(token)
    }

    /// From all `Authorization` header values of a request: a second one is refused, whatever it says.
    pub fn from_headers<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Reason> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Err(Reason::CredentialMissing),
            (Some(only), None) => Self::from_header(only),
            (Some(_), Some(_)) => Err(Reason::CredentialMalformed),
        }
    }

    fn from_token(token: &[u8]) -> Result<Self, Reason> {
        let body = token.len() - token.iter().rev().take_while(|b| **b == b'=').count();
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/".contains(b);
        let fits = body > 0 && token.len() <= LONGEST && token.iter().take(body).all(allowed);
        let text = fits.then(|| std::str::from_utf8(token).ok()).flatten();
        text.map(|text| Self(Zeroizing::new(text.to_owned()))).ok_or(Reason::CredentialMalformed)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &[u8], expect: Result<&str, Reason>) {
        let got = Bearer::from_header(value);
        assert_eq!(got.as_ref().map(Bearer::text).map_err(|reason| *reason), expect, "{}", value.escape_ascii());
    }

    #[test]
    fn reads_the_scheme_of_rfc_6750_and_nothing_else() {
        check(b"Bearer a.b.c", Ok("a.b.c"));
        check(b"bEARER a.b-_~+/c==", Ok("a.b-_~+/c=="));
        for other in [&b"Basic dXNlcjpwYXNz"[..], b"", b"Bearerx a", b"Token Bearer a", b" Bearer a", b"Bearer\ta"] {
            check(other, Err(Reason::CredentialMissing));
        }
        check(b"DPoP a.b.c", Err(Reason::CredentialDpop));
        for bad in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearer  a.b.c",
            b"Bearer a.b.c ",
            b"Bearer a b",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer a,b",
            b"Bearer a\0",
            b"Bearer \xc3\xa9",
        ] {
            check(bad, Err(Reason::CredentialMalformed));
        }
    }

    #[test]
    fn sixteen_kibibytes_are_the_end() {
        let longest = [b"Bearer ", "x".repeat(LONGEST).as_bytes()].concat();
        assert!(Bearer::from_header(&longest).is_ok());
        check(&[&longest[..], b"x"].concat(), Err(Reason::CredentialMalformed));
    }

    #[test]
    fn two_headers_are_none() {
        let refused = |values: &[&[u8]]| Bearer::from_headers(values.iter().copied()).err();
        assert_eq!(refused(&[]), Some(Reason::CredentialMissing));
        assert_eq!(refused(&[b"Bearer a"]), None);
        assert_eq!(refused(&[b"Bearer a", b"Bearer a"]), Some(Reason::CredentialMalformed));
        assert_eq!(refused(&[b"Bearer a", b"Basic a"]), Some(Reason::CredentialMalformed));
    }

    #[test]
    fn debug_says_nothing() {
        let bearer = Bearer::from_header(b"Bearer secret").expect("a token");
        assert_eq!(format!("{bearer:?}"), "Bearer");
    }
}
