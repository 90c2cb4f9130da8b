//! Keyed hashes: HMAC-SHA-256 (RFC 2104) with one key a purpose.

use crate::key_file::{self, KeyError, Secret};
use aws_lc_rs::{digest, hmac};
use std::fmt;
use std::path::{Path, PathBuf};

macro_rules! purposes {
    ($($variant:ident $field:ident),+) => {
        /// Why a value is hashed. One key a purpose, so that equal values under two purposes cannot be linked.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Purpose { $($variant),+ }

        impl Purpose {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the key's file name and in its id.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field)),+ }
            }
        }

        /// The keys of all purposes, from files of mode 0600 in one folder.
        pub struct PseudonymKeys { $($field: Key),+ }

        impl PseudonymKeys {
            fn each(mut key: impl FnMut(Purpose) -> Result<Key, KeyError>) -> Result<Self, KeyError> {
                Ok(Self { $($field: key(Purpose::$variant)?),+ })
            }

            fn of(&self, purpose: Purpose) -> &Key {
                match purpose { $(Purpose::$variant => &self.$field),+ }
            }
        }
    };
}

purposes! { Actor actor, Patient patient, Resource resource, Token token, Address address, Trace trace, Answer answer }

/// A keyed hash with the id of its key. Safe to record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Pseudonym {
    pub key: [u8; 4],
    pub mac: [u8; 16],
}

struct Key {
    id: [u8; 4],
    /// Wiped by aws-lc when it is freed (`HMAC_CTX_cleanup`).
    hmac: hmac::Key,
}

impl Key {
    fn new(purpose: Purpose, secret: &Secret) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [b"lazaret pseudonym key id v1\0".as_slice(), purpose.code().as_bytes(), b"\0", secret.as_slice()] {
            hash.update(part);
        }
        let mut id = [0; 4];
        id.iter_mut().zip(hash.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self { id, hmac: hmac::Key::new(hmac::HMAC_SHA256, secret.as_slice()) }
    }
}

impl PseudonymKeys {
    /// Makes a fresh key for every purpose. Refuses a folder that already has one.
    pub fn create(folder: &Path) -> Result<Self, KeyError> {
        // Looked at before the first is made, so that a refusal leaves nothing behind.
        if let Some(path) = Purpose::ALL.iter().map(|purpose| file(folder, *purpose)).find(|path| path.exists()) {
            return Err(KeyError::Exists { path });
        }
        Self::each(|purpose| Ok(Key::new(purpose, &key_file::create(&file(folder, purpose))?)))
    }

    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        Self::each(|purpose| Ok(Key::new(purpose, &key_file::open(&file(folder, purpose))?)))
    }

    /// HMAC-SHA-256(key of purpose, value), first 16 bytes.
    pub fn pseudonym(&self, purpose: Purpose, value: &[u8]) -> Pseudonym {
        let mut mac = [0; 16];
        mac.iter_mut().zip(self.mac(purpose, value)).for_each(|(to, from)| *to = from);
        Pseudonym { key: self.of(purpose).id, mac }
    }

    /// Full 32 bytes, for salts (`Purpose::Answer`).
    pub fn mac(&self, purpose: Purpose, value: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.of(purpose).hmac, value);
        let mut mac = [0; 32];
        mac.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        mac
    }
}

impl PseudonymKeys {
    /// The tag of an answer's body: equal bodies have equal tags here, at every start, and another installation cannot
    /// tell what they were tags of. Its key is derived from the answer key, so folders without a file for it have one.
    /// (No salt is made of the same bytes: those are made of trace ids, which have 16.)
    pub fn entity_tag(&self, body: &[u8]) -> [u8; 16] {
        let derived = self.mac(Purpose::Answer, b"lazaret entity tag key v1");
        let full = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &derived), body);
        let mut tag = [0; 16];
        tag.iter_mut().zip(full.as_ref()).for_each(|(to, from)| *to = *from);
        tag
    }
}

impl fmt::Debug for PseudonymKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKeys")
    }
}

fn file(folder: &Path, purpose: Purpose) -> PathBuf {
    folder.join(format!("{}.key", purpose.code()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::os::unix::fs::PermissionsExt;

    fn known(folder: &Path, byte: u8) -> PseudonymKeys {
        for purpose in Purpose::ALL {
            let path = file(folder, *purpose);
            std::fs::write(&path, [byte; 32]).expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        }
        PseudonymKeys::open(folder).expect("open")
    }

    /// RFC 4231 test case 1 has a key of 20 bytes; 32 zero-padded bytes are the same HMAC key (RFC 2104 section 2).
    #[test]
    fn the_mac_is_hmac_sha_256() {
        let folder = tempfile::tempdir().expect("folder");
        known(folder.path(), 0);
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        std::fs::write(file(folder.path(), Purpose::Actor), key).expect("write");
        let keys = PseudonymKeys::open(folder.path()).expect("open");
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&keys.mac(Purpose::Actor, b"Hi There")), expected);
        assert_eq!(hex(&keys.pseudonym(Purpose::Actor, b"Hi There").mac), expected[..32]);
    }

    #[test]
    fn purposes_cannot_be_linked_and_key_ids_tell_keys_apart() {
        let (folder, other) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let (keys, others) =
            (PseudonymKeys::create(folder.path()).expect("keys"), PseudonymKeys::create(other.path()).expect("keys"));
        let every = |keys: &PseudonymKeys| Purpose::ALL.iter().map(|p| keys.pseudonym(*p, b"x")).collect::<Vec<_>>();
        let all = [every(&keys), every(&others)].concat();
        assert_eq!(all.iter().map(|p| p.mac).collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|p| p.key).collect::<HashSet<_>>().len(), all.len());
        assert_eq!(every(&PseudonymKeys::open(folder.path()).expect("open")), every(&keys));
        // The same bytes under two purposes still have two ids.
        let same = known(other.path(), 9);
        assert_ne!(same.pseudonym(Purpose::Actor, b"x").key, same.pseudonym(Purpose::Patient, b"x").key);
    }

    /// The tag was computed with another implementation of HMAC.
    #[test]
    fn entity_tags_are_stable_and_need_the_key() {
        let (folder, other) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let keys = known(folder.path(), 9);
        let tag = keys.entity_tag(b"{}");
        let hex = tag.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex, "0ce67913158403bed9831e619ab1f670");
        assert_eq!(PseudonymKeys::open(folder.path()).expect("open").entity_tag(b"{}"), tag);
        assert_ne!(keys.entity_tag(b"{ }"), tag);
        assert_ne!(known(other.path(), 8).entity_tag(b"{}"), tag);
    }

    #[test]
    fn a_folder_with_one_key_gets_no_others() {
        let folder = tempfile::tempdir().expect("folder");
        PseudonymKeys::create(folder.path()).expect("keys");
        for purpose in Purpose::ALL.iter().skip(1) {
            std::fs::remove_file(file(folder.path(), *purpose)).expect("remove");
        }
        assert!(matches!(PseudonymKeys::create(folder.path()), Err(KeyError::Exists { .. })));
        assert!(matches!(PseudonymKeys::open(folder.path()), Err(KeyError::Missing { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 1);
    }

    #[test]
    fn debug_says_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        assert_eq!(format!("{:?}", known(folder.path(), 3)), "PseudonymKeys");
    }
}
