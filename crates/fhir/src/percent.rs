//! Percent-encoding (RFC 3986 section 2.1), undone exactly once.

/// The text, with every `%XX` replaced by its octet. Nothing if an escape is broken, if the octets are not UTF-8
/// (an overlong form is not), or if a control character would appear.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(if octet == b'%' { hex(rest.next()?)? << 4 | hex(rest.next()?)? } else { octet });
    }
    String::from_utf8(octets).ok().filter(|decoded| !decoded.chars().any(char::is_control))
}

/// Appends the text with everything escaped but RFC 3986's unreserved characters.
pub(crate) fn encode(text: &str, out: &mut String) {
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push('%');
            for nibble in [octet >> 4, octet & 0xf] {
                out.push(char::from_digit(u32::from(nibble), 16).map_or('0', |digit| digit.to_ascii_uppercase()));
            }
        }
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes_once_and_strictly() {
        for (text, expect) in [
            ("a%20b", Some("a b")),
            ("%C3%a9", Some("é")),
            ("%2520", Some("%20")),
            ("a+b", Some("a+b")),
            ("%", None),
            ("%2", None),
            ("%zz", None),
            ("%00", None),
            ("%0a", None),
            ("%C2%85", None),
            ("%c0%af", None),
            ("%e0%80%af", None),
            ("%ff", None),
        ] {
            assert_eq!(decode(text).as_deref(), expect, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(text in "[^\\p{Cc}]{0,40}") {
            let mut encoded = String::new();
            encode(&text, &mut encoded);
            prop_assert_eq!(decode(&encoded), Some(text));
        }
    }
}
