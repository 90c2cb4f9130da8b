use crate::key_file::{self, KeyError, Secret};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use std::path::Path;
use std::{fmt, io};

/// The Ed25519 key that signs this log's checkpoints (RFC 8032). The file holds its 32-byte seed.
pub struct LogKey {
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl LogKey {
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        Self::from_seed(&key_file::create(path)?, path)
    }

    pub fn open(path: &Path) -> Result<Self, KeyError> {
        Self::from_seed(&key_file::open(path)?, path)
    }

    fn from_seed(seed: &Secret, path: &Path) -> Result<Self, KeyError> {
        let wrong = || KeyError::Unusable { path: path.into(), source: io::Error::other("not an Ed25519 seed") };
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| wrong())?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| wrong())?;
        Ok(Self { pair, public })
    }

    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.iter_mut().zip(self.pair.sign(message).as_ref()).for_each(|(to, from)| *to = *from);
        signature
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// RFC 8032 section 7.1, tests 1 and 3.
    #[test]
    fn signs_as_rfc_8032_says() {
        let bytes = |hex: &str| {
            hex.as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("hex"), 16).expect("hex"))
                .collect::<Vec<_>>()
        };
        for (seed, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let folder = tempfile::tempdir().expect("folder");
            let path = folder.path().join("log.key");
            std::fs::write(&path, bytes(seed)).expect("write");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
            let key = LogKey::open(&path).expect("open");
            assert_eq!(key.public().as_slice(), bytes(public));
            assert_eq!(key.sign(&bytes(message)).as_slice(), bytes(signature));
            assert_eq!(format!("{key:?}"), "LogKey");
        }
    }

    #[test]
    fn a_made_key_opens_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("log.key");
        let made = LogKey::create(&path).expect("create");
        assert_eq!(LogKey::open(&path).expect("open").public(), made.public());
        assert!(matches!(LogKey::create(&path), Err(KeyError::Exists { .. })));
    }
}
