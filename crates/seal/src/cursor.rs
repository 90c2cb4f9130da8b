//! Cursors: what a caller carries from one page to the next, readable and changeable by nobody but us.
//!
//! AES-256-GCM-SIV (RFC 8452) under a random nonce of 96 bits. After 2^32 cursors of one key a repeated nonce has a
//! chance of about 2^-33, and would only show that two cursors were equal (RFC 8452 section 9).

use crate::key_file::{self, KeyError, Secret};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

const CURRENT: &str = "cursor.key";
const PREVIOUS: &str = "cursor-previous.key";
/// Made by a rotation and not in use yet; what a crash leaves of one is made anew.
const NEXT: &str = "cursor-next.key";
const AGEING: &str = "cursor-ageing.key";

/// All that is sealed is padded to a multiple of this, so that a cursor's length says little about what is in it.
const BUCKET: usize = 512;

/// Bytes before the plain text that say how long it is.
const COUNT: usize = 4;

/// Most bytes that are sealed. A cursor travels in a URL.
const MOST: usize = 16 << 10;

const ID: usize = 4;

/// Bytes of a text before its cipher text.
const HEAD: usize = ID + NONCE_LEN;

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    #[error("more than 16 KiB cannot be sealed")]
    TooLong,
    #[error("the system gave no random bytes, or the cipher failed; nothing was sealed")]
    Failed,
}

/// The current key, which seals, and the one before it, whose texts still open.
pub struct CursorKeys {
    current: Key,
    previous: Option<Key>,
}

struct Key {
    id: [u8; ID],
    aead: LessSafeKey,
}

impl Key {
    fn new(secret: &Secret, path: &Path) -> Result<Self, KeyError> {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"lazaret cursor key id v1\0");
        hash.update(secret.as_slice());
        let mut id = [0; ID];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        let wrong = |_| KeyError::Unusable { path: path.into(), source: io::Error::other("not an AES-256 key") };
        let key = UnboundKey::new(&AES_256_GCM_SIV, secret.as_slice()).map_err(wrong)?;
        Ok(Self { id, aead: LessSafeKey::new(key) })
    }

    fn open(path: &Path) -> Result<Self, KeyError> {
        Self::new(&key_file::open(path)?, path)
    }

    /// What is authenticated beside the cipher text. The id has a fixed length, so no two pairs look alike.
    fn beside(&self, bound: &[u8]) -> Vec<u8> {
        [b"lazaret cursor v1\0".as_slice(), &self.id, bound].concat()
    }
}

impl CursorKeys {
    /// Makes the first key. Refuses a folder that already has one, current or previous.
    pub fn create(folder: &Path) -> Result<Self, KeyError> {
        if let Some(path) = [CURRENT, PREVIOUS].map(|name| folder.join(name)).into_iter().find(|path| path.exists()) {
            return Err(KeyError::Exists { path });
        }
        let path = folder.join(CURRENT);
        Ok(Self { current: Key::new(&key_file::create(&path)?, &path)?, previous: None })
    }

    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let previous = match Key::open(&folder.join(PREVIOUS)) {
            Err(KeyError::Missing { .. }) => None,
            opened => Some(opened?),
        };
        Ok(Self { current: Key::open(&folder.join(CURRENT))?, previous })
    }

    /// Opens the keys of a folder; one that never had any gets its first. Unlike other keys a cursor key may be made
    /// by a start: nothing lasting was ever sealed with it, and without it open pages end.
    pub fn open_or_create(folder: &Path) -> Result<Self, KeyError> {
        match Self::open(folder) {
            Err(KeyError::Missing { .. }) if !folder.join(PREVIOUS).exists() => Self::create(folder),
            opened => opened,
        }
    }

    /// Makes a new current key; the one it replaces becomes the previous one, and what was sealed with the one before
    /// that opens no more. A crash at any step leaves keys that open.
    pub fn rotate(folder: &Path) -> Result<Self, KeyError> {
        let [current, previous, next, ageing] = [CURRENT, PREVIOUS, NEXT, AGEING].map(|name| folder.join(name));
        Key::open(&current)?;
        remove(&next)?;
        remove(&ageing)?;
        key_file::create(&next)?;
        // Two names of one key, so that no moment is without a current one.
        fs::hard_link(&current, &ageing).map_err(unusable(&ageing))?;
        fs::rename(&ageing, &previous).map_err(unusable(&previous))?;
        // A rename onto another name of the same file does nothing, and leaves both.
        remove(&ageing)?;
        fs::rename(&next, &current).map_err(unusable(&current))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable(folder))?;
        Self::open(folder)
    }

    /// Seals for whoever presents the same `bound` (principal, client, base). The text is base64url; its length depends
    /// on how many buckets of 512 bytes `plain` takes, and on nothing else.
    pub fn seal(&self, bound: &[u8], plain: &[u8]) -> Result<String, SealError> {
        let count = u32::try_from(plain.len()).map_err(|_| SealError::TooLong)?;
        if plain.len() > MOST {
            return Err(SealError::TooLong);
        }
        let padded = (COUNT + plain.len()).next_multiple_of(BUCKET);
        let mut sealed = Vec::with_capacity(padded + MAX_TAG_LEN);
        sealed.extend(count.to_be_bytes());
        sealed.extend(plain);
        sealed.resize(padded, 0);
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::Failed)?;
        let beside = Aad::from(self.current.beside(bound));
        let done = self.current.aead.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), beside, &mut sealed);
        done.map_err(|_| SealError::Failed)?;
        Ok(URL_SAFE_NO_PAD.encode([self.current.id.as_slice(), &nonce, &sealed].concat()))
    }

    /// What was sealed for `bound`. Whatever else it is, nothing: another's, changed, cut, of a key that is gone.
    pub fn open_text(&self, bound: &[u8], text: &str) -> Option<Vec<u8>> {
        const LONGEST: usize = HEAD + (COUNT + MOST).next_multiple_of(BUCKET) + MAX_TAG_LEN;
        if text.len() > LONGEST.div_ceil(3) * 4 {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, rest) = bytes.split_first_chunk_mut::<ID>()?;
        let (nonce, sealed) = rest.split_first_chunk_mut::<NONCE_LEN>()?;
        let key = [Some(&self.current), self.previous.as_ref()].into_iter().flatten().find(|key| key.id == *id)?;
        let beside = Aad::from(key.beside(bound));
        let padded = key.aead.open_in_place(Nonce::assume_unique_for_key(*nonce), beside, sealed).ok()?;
        let (count, rest) = padded.split_first_chunk::<COUNT>()?;
        let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
        rest.get(..count).map(<[u8]>::to_vec)
    }
}

impl fmt::Debug for CursorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKeys")
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> KeyError {
    let path = PathBuf::from(path);
    move |source| KeyError::Unusable { path: path.clone(), source }
}

fn remove(path: &Path) -> Result<(), KeyError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(unusable(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::os::unix::fs::MetadataExt;

    fn keys() -> (tempfile::TempDir, CursorKeys) {
        let folder = tempfile::tempdir().expect("folder");
        let keys = CursorKeys::create(folder.path()).expect("keys");
        (folder, keys)
    }

    fn sealed(keys: &CursorKeys, plain: &[u8]) -> String {
        keys.seal(b"ward-app", plain).expect("sealed")
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_for_the_same_caller_alone(
            plain in prop::collection::vec(any::<u8>(), 0..1500),
            bound in prop::collection::vec(any::<u8>(), 0..40),
            other in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let (_folder, keys) = keys();
            let text = keys.seal(&bound, &plain).expect("sealed");
            prop_assert_eq!(keys.open_text(&bound, &text), Some(plain.clone()));
            prop_assert_eq!(keys.open_text(&other, &text), (other == bound).then_some(plain));
        }

        #[test]
        fn a_changed_text_opens_for_nobody(plain in prop::collection::vec(any::<u8>(), 0..600), at in any::<usize>(), bit in 0..8_u8, how in 0..3) {
            let (_folder, keys) = keys();
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed(&keys, &plain)).expect("base64url");
            let at = at % bytes.len();
            match how {
                0 => bytes[at] ^= 1 << bit,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, bit),
            }
            prop_assert_eq!(keys.open_text(b"ward-app", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,200}") {
            prop_assert_eq!(keys().1.open_text(b"ward-app", &text), None);
        }
    }

    #[test]
    fn a_text_is_as_long_as_its_bucket() {
        let (_folder, keys) = keys();
        let length = |plain: usize| sealed(&keys, &vec![b'x'; plain]).len();
        assert_eq!((0..=BUCKET - COUNT).map(length).collect::<HashSet<_>>().len(), 1);
        assert_eq!((BUCKET - COUNT + 1..=2 * BUCKET - COUNT).map(length).collect::<HashSet<_>>().len(), 1);
        assert_ne!(length(0), length(BUCKET));
    }

    #[test]
    fn equal_texts_are_sealed_differently_and_show_nothing() {
        let (_folder, keys) = keys();
        let texts: HashSet<_> = (0..50).map(|_| sealed(&keys, b"Patient?name=Ana")).collect();
        assert_eq!(texts.len(), 50);
        let bytes = URL_SAFE_NO_PAD.decode(sealed(&keys, b"Patient?name=Ana")).expect("base64url");
        assert!(!bytes.windows(4).any(|part| part == b"Pati"));
        assert!(texts.iter().all(|text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')));
    }

    #[test]
    fn there_is_a_most() {
        let (_folder, keys) = keys();
        let text = sealed(&keys, &vec![1; MOST]);
        assert_eq!(keys.open_text(b"ward-app", &text).map(|plain| plain.len()), Some(MOST));
        assert_eq!(keys.seal(b"", &vec![1; MOST + 1]), Err(SealError::TooLong));
        assert_eq!(keys.open_text(b"ward-app", &"A".repeat(1 << 20)), None);
    }

    #[test]
    fn another_installations_key_opens_nothing() {
        let ((_one, ours), (_two, theirs)) = (keys(), keys());
        assert_eq!(theirs.open_text(b"ward-app", &sealed(&ours, b"page 2")), None);
    }

    #[test]
    fn a_rotation_keeps_the_previous_key_and_no_older_one() {
        let (folder, first) = keys();
        let old = sealed(&first, b"page 2");
        let second = CursorKeys::rotate(folder.path()).expect("rotated");
        let new = sealed(&second, b"page 3");
        let opened = CursorKeys::open(folder.path()).expect("opens");
        assert_eq!(opened.open_text(b"ward-app", &old), Some(b"page 2".to_vec()));
        assert_eq!(opened.open_text(b"ward-app", &new), Some(b"page 3".to_vec()));
        assert_eq!(first.open_text(b"ward-app", &new), None, "who has the old key alone reads nothing new");
        let third = CursorKeys::rotate(folder.path()).expect("rotated");
        assert_eq!(third.open_text(b"ward-app", &old), None);
        assert_eq!(third.open_text(b"ward-app", &new), Some(b"page 3".to_vec()));
        let files: Vec<_> = fs::read_dir(folder.path()).expect("list").flatten().collect();
        assert_eq!(files.len(), 2, "{files:?}");
        assert!(files.iter().all(|file| file.metadata().expect("meta").mode() & 0o7777 == 0o600));
    }

    /// Each state that a crash within a rotation leaves opens, and can be rotated again.
    #[test]
    fn a_rotation_may_be_cut_off_anywhere() {
        type Step = fn(&Path) -> io::Result<()>;
        let steps: [Step; 4] = [
            |folder| fs::write(folder.join(NEXT), [1; 9]),
            |folder| fs::hard_link(folder.join(CURRENT), folder.join(AGEING)),
            |folder| fs::rename(folder.join(AGEING), folder.join(PREVIOUS)),
            |_| Ok(()),
        ];
        for cut in 1..=steps.len() {
            for before in [false, true] {
                let (folder, mut keys) = keys();
                if before {
                    keys = CursorKeys::rotate(folder.path()).expect("rotated");
                }
                let text = sealed(&keys, b"page 2");
                steps.iter().take(cut).try_for_each(|step| step(folder.path())).expect("steps");
                let opened = CursorKeys::open(folder.path()).expect("opens");
                assert_eq!(opened.open_text(b"ward-app", &text), Some(b"page 2".to_vec()));
                let rotated = CursorKeys::rotate(folder.path()).expect("rotates");
                assert_eq!(rotated.open_text(b"ward-app", &text), Some(b"page 2".to_vec()));
                assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 2);
            }
        }
    }

    #[test]
    fn keys_are_made_once_and_only_where_there_were_none() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(matches!(CursorKeys::open(folder.path()), Err(KeyError::Missing { .. })));
        assert!(matches!(CursorKeys::rotate(folder.path()), Err(KeyError::Missing { .. })));
        let text = sealed(&CursorKeys::open_or_create(folder.path()).expect("made"), b"page 2");
        let again = CursorKeys::open_or_create(folder.path()).expect("opened");
        assert_eq!(again.open_text(b"ward-app", &text), Some(b"page 2".to_vec()));
        assert!(matches!(CursorKeys::create(folder.path()), Err(KeyError::Exists { .. })));
        CursorKeys::rotate(folder.path()).expect("rotated");
        fs::remove_file(folder.path().join(CURRENT)).expect("removed");
        assert!(matches!(CursorKeys::open_or_create(folder.path()), Err(KeyError::Missing { .. })), "half is lost");
    }

    #[test]
    fn debug_says_nothing() {
        assert_eq!(format!("{:?}", keys().1), "CursorKeys");
    }
}
