//! C2SP signed-note (<https://c2sp.org/signed-note>), Ed25519 signatures, and tlog-checkpoint
//! (<https://c2sp.org/tlog-checkpoint>).

use crate::tree::{Hash, Head, sha256};
use aws_lc_rs::signature;
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt;

/// Signature type of Ed25519 in a verifier key and in a key id.
const ED25519: u8 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoteError {
    #[error(
        "the verifier key is not `name+id+key`; copy it whole, as `evidence verify` and the book's first lines print it"
    )]
    Key,
    #[error("a name has at least one character and neither spaces nor `+`")]
    Name,
    #[error("not a signed note; copy the file whole, with its empty line and signature lines")]
    Form,
    #[error("the note has no signature by this key; is it another log's, or was the key changed?")]
    Unsigned,
    #[error("the signature is wrong: the note was changed, or another key made it")]
    Signature,
    #[error("the note is not a checkpoint: origin, size and root, a line each")]
    Checkpoint,
}

/// Whose signature is believed, under which name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifier {
    name: String,
    key: [u8; 32],
}

impl Verifier {
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, NoteError> {
        let fits = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
        fits.then(|| Self { name: name.into(), key }).ok_or(NoteError::Name)
    }

    /// Reads `<name>+<hex of id>+<base64 of type and key>`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let (name, rest) = text.split_once('+').ok_or(NoteError::Key)?;
        let (id, key) = rest.split_once('+').ok_or(NoteError::Key)?;
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (ED25519, key) = bytes.split_first().map(|(kind, key)| (*kind, key)).ok_or(NoteError::Key)? else {
            return Err(NoteError::Key);
        };
        let verifier = Self::new(name, key.try_into().map_err(|_| NoteError::Key)?)?;
        if hex(&verifier.id()) == id { Ok(verifier) } else { Err(NoteError::Key) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name || 0x0A || type || key).
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = sha256(&[self.name.as_bytes(), &[b'\n', ED25519], &self.key]);
        [a, b, c, d]
    }

    /// The signed text of a note, if this key signed it. Signatures by other keys are ignored.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NoteError::Form);
        }
        // The text is everything to the last empty line, with its own last newline.
        let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, signatures) = note.split_at_checked(at + 1).ok_or(NoteError::Form)?;
        let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Form)?;
        let mut found = false;
        for line in lines.split('\n') {
            let (name, value) =
                line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or(NoteError::Form)?;
            let bytes = STANDARD.decode(value).map_err(|_| NoteError::Form)?;
            let (id, signature) = bytes.split_at_checked(4).ok_or(NoteError::Form)?;
            if name == self.name && id == self.id() {
                signature::UnparsedPublicKey::new(&signature::ED25519, &self.key)
                    .verify(text.as_bytes(), signature)
                    .map_err(|_| NoteError::Signature)?;
                found = true;
            }
        }
        if found { Ok(text) } else { Err(NoteError::Unsigned) }
    }

    /// A note over `text`, which must end in a newline; `sign` is Ed25519 with this verifier's key.
    pub fn seal(&self, text: &str, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> String {
        let signature = [self.id().as_slice(), sign(text.as_bytes()).as_slice()].concat();
        format!("{text}\n\u{2014} {} {}\n", self.name, STANDARD.encode(signature))
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [[ED25519].as_slice(), &self.key].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(key))
    }
}

/// What a log says of itself at one moment. The signing key's name is the origin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    pub origin: String,
    pub tree: Head,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.tree.size, STANDARD.encode(self.tree.root))
    }

    /// Reads and verifies a signed checkpoint of `verifier`'s log. Extension lines are ignored, but signed.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, NoteError> {
        let checkpoint = Self::parse(verifier.open(note)?)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(NoteError::Unsigned) }
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.split('\n');
        let mut line = || lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Checkpoint);
        let (origin, size, root) = (line()?, line()?, line()?);
        let decimal = size == "0" || (!size.starts_with('0') && size.bytes().all(|b| b.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| decimal).ok_or(NoteError::Checkpoint)?;
        let root: Hash =
            STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(NoteError::Checkpoint)?;
        Ok(Self { origin: origin.into(), tree: Head { size, root } })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    /// <https://c2sp.org/signed-note>, section "Verifier keys".
    const SPEC: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    /// The example of Go's `golang.org/x/mod/sumdb/note`.
    const NEUMANN: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn key() -> (Ed25519KeyPair, Verifier) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("seed");
        let public = pair.public_key().as_ref().try_into().expect("32 bytes");
        (pair, Verifier::new("lazaret.localhost/dev/book", public).expect("name"))
    }

    fn signed(pair: &Ed25519KeyPair, verifier: &Verifier, text: &str) -> String {
        verifier.seal(text, |text| pair.sign(text).as_ref().try_into().expect("64 bytes"))
    }

    #[test]
    fn verifier_keys_read_and_print_as_the_specification_has_them() {
        for text in [SPEC, NEUMANN] {
            assert_eq!(Verifier::parse(text).expect("key").to_string(), text);
        }
        assert_eq!(Verifier::parse(SPEC).expect("key").id(), [0x53, 0x0d, 0x90, 0x3a]);
        for wrong in [
            "",
            "example.com/foo",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U",
        ] {
            assert!(Verifier::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_note_that_another_implementation_signed_opens() {
        let verifier = Verifier::parse(NEUMANN).expect("key");
        let text = verifier.open(NOTE).expect("signed");
        assert!(text.starts_with("If you think") && text.ends_with("problem is.\n"));
        // Not the same text, not the same key, not a whole note.
        assert_eq!(verifier.open(&NOTE.replace("know", "knew")), Err(NoteError::Signature));
        assert_eq!(Verifier::parse(SPEC).expect("key").open(NOTE), Err(NoteError::Unsigned));
        for part in
            ["", "\n\n", NOTE.trim_end(), &NOTE[..100], &NOTE.replace('\u{2014}', "-"), &NOTE.replace(',', "\t")]
        {
            assert_eq!(verifier.open(part), Err(NoteError::Form), "{part:?}");
        }
    }

    #[test]
    fn signatures_by_others_are_ignored_and_a_wrong_one_by_ours_refuses() {
        let (pair, verifier) = key();
        let note = signed(&pair, &verifier, "hello\n");
        let further = "\u{2014} witness.example AAAAAAAAAAAA\n";
        assert_eq!(verifier.open(&format!("{note}{further}")), Ok("hello\n"));
        let (_, ours) = note.rsplit_once("\n\n").expect("signature");
        let (_, wrong) = signed(&pair, &verifier, "other\n")
            .rsplit_once("\n\n")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("signature");
        assert_eq!(verifier.open(&format!("hello\n\n{ours}{wrong}")), Err(NoteError::Signature));
    }

    #[test]
    fn a_checkpoint_reads_back_and_is_strict() {
        let (pair, verifier) = key();
        let tree = Head { size: 4711, root: [9; 32] };
        let checkpoint = Checkpoint { origin: verifier.name().into(), tree };
        let root = STANDARD.encode([9; 32]);
        assert_eq!(checkpoint.text(), format!("lazaret.localhost/dev/book\n4711\n{root}\n"));
        let open = |text: &str| Checkpoint::open(&signed(&pair, &verifier, text), &verifier);
        assert_eq!(open(&checkpoint.text()), Ok(checkpoint.clone()));
        assert_eq!(open(&format!("{}extension\n", checkpoint.text())), Ok(checkpoint.clone()));
        let origin = verifier.name();
        for text in [
            format!("{origin}\n4711\n"),
            format!("{origin}\n04711\n{root}\n"),
            format!("{origin}\n+4711\n{root}\n"),
            format!("{origin}\n99999999999999999999\n{root}\n"),
            format!("{origin}\n4711\n{}\n", &root[4..]),
        ] {
            assert_eq!(open(&text), Err(NoteError::Checkpoint), "{text}");
        }
        assert_eq!(open(&format!("other\n4711\n{root}\n")), Err(NoteError::Unsigned));
    }
}
