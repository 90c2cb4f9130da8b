//! Lexical rules of RFC 8259: numbers, literals and string escapes.

use super::grammar::Kind;

/// What a bare word is, if it is one: a number (section 6), `true`, `false` or `null`.
pub(super) fn scalar(word: &[u8]) -> Option<Kind> {
    match word {
        b"true" | b"false" => Some(Kind::Boolean),
        b"null" => Some(Kind::Null),
        _ => is_number(word).then_some(Kind::Number),
    }
}

/// `[ - ] int [ frac ] [ exp ]`, no leading zeros.
fn is_number(word: &[u8]) -> bool {
    let rest = word.strip_prefix(b"-").unwrap_or(word);
    let (whole, rest) = digits(rest);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with(b"0")) {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        Some(rest) => match digits(rest) {
            ([], _) => return false,
            (_, rest) => rest,
        },
        None => rest,
    };
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            matches!(digits(power), ([_, ..], []))
        }
        _ => false,
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(count).unwrap_or((text, &[]))
}

/// One piece of a string's content.
pub(super) enum Piece<'a> {
    /// Bytes that stand for themselves.
    Plain(&'a [u8]),
    /// What an escape stands for.
    Escaped(char),
}

/// Splits the content of a string (without its quotes) at its escapes. `None` if an escape is not one of section 7, or
/// makes half a surrogate pair: readers differ about those.
pub(super) fn pieces<'a>(mut content: &'a [u8], mut take: impl FnMut(Piece<'a>)) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', content) {
        let (plain, rest) = content.split_at_checked(at)?;
        if !plain.is_empty() {
            take(Piece::Plain(plain));
        }
        let (character, rest) = escape(rest.get(1..)?)?;
        take(Piece::Escaped(character));
        content = rest;
    }
    if !content.is_empty() {
        take(Piece::Plain(content));
    }
    Some(())
}

pub(super) fn escapes_are_sound(content: &[u8]) -> bool {
    pieces(content, |_| ()).is_some()
}

/// The text a string's content stands for. `None` cannot happen for content that was checked.
pub(super) fn unescape(content: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(content.len());
    pieces(content, |piece| match piece {
        Piece::Plain(plain) => text.extend_from_slice(plain),
        Piece::Escaped(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    })?;
    String::from_utf8(text).ok()
}

/// Reads what follows a backslash.
fn escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (kind, rest) = text.split_first()?;
    let character = match kind {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(rest),
        _ => return None,
    };
    Some((character, rest))
}

fn unicode(text: &[u8]) -> Option<(char, &[u8])> {
    let (high, rest) = hex(text)?;
    if !(0xD800..0xDC00).contains(&high) {
        // `from_u32` refuses a low half without its high half.
        return char::from_u32(high).map(|character| (character, rest));
    }
    let (low, rest) = hex(rest.strip_prefix(b"\\u")?)?;
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    let point = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    char::from_u32(point).map(|character| (character, rest))
}

fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = text.split_at_checked(4)?;
    let value = four.iter().try_fold(0, |value, byte| Some(value * 16 + char::from(*byte).to_digit(16)?))?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: bool) {
        assert_eq!(is_number(word.as_bytes()), expect, "`{word}`");
    }

    #[test]
    fn numbers_follow_rfc_8259_section_6() {
        for good in ["0", "-0", "1", "10", "1.0", "-1.50E+10", "1e5", "1E-0", "0.0", "123456789012345678.90", "1e400"] {
            check(good, true);
        }
        for bad in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1.e5",
            "1e",
            "1e+",
            "1e5.0",
            "0x1",
            "1_000",
            "NaN",
            "Infinity",
            "-Infinity",
            "1,0",
            "١",
            "1e5e5",
            "--1",
            "tru",
            "True",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn escapes_mean_what_section_7_says() {
        for (content, expect) in [
            (r"plain", Some("plain")),
            (r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r"http:\/\/example.org\/fhir", Some("http://example.org/fhir")),
            (r"\u0041\u00e9\u20AC", Some("Aé€")),
            (r"\ud83d\ude00!", Some("😀!")),
            (r"\ud83d", None),
            (r"\ude00", None),
            (r"\ud83dx", None),
            (r"\ud83d\u0041", None),
            (r"\ud83d\ud83d", None),
            (r"\u12", None),
            (r"\u12G4", None),
            (r"\u+123", None),
            (r"\x41", None),
            (r"\'", None),
            (r"\", None),
            (r"\U0041", None),
        ] {
            assert_eq!(unescape(content.as_bytes()).as_deref(), expect, "`{content}`");
            assert_eq!(escapes_are_sound(content.as_bytes()), expect.is_some(), "`{content}`");
        }
    }
}
