//! One secret, one file: 32 raw bytes, readable by its owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(crate) const LENGTH: usize = 32;

/// The bytes of a key; wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; LENGTH]>;

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "key file `{}` is missing; restore it from its backup (a new key cannot stand in for an old one), or run `init` for a new installation",
        .path.display()
    )]
    Missing { path: PathBuf },
    #[error("key file `{}` exists already; keys are never overwritten: move it away if it is to be replaced", .path.display())]
    Exists { path: PathBuf },
    #[error("key file `{}` has mode {mode:04o}; others must have no access to it: chmod 600", .path.display())]
    TooOpen { path: PathBuf, mode: u32 },
    #[error("key file `{}` has {found} bytes where a key has 32; restore it from its backup", .path.display())]
    Length { path: PathBuf, found: u64 },
    #[error("`{}` is not a regular file; a key must not be a link, pipe or folder", .path.display())]
    NotAFile { path: PathBuf },
    #[error("key file `{}` cannot be used; check its owner and its folder", .path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("the system gave no random bytes; no key was made")]
    Entropy,
}

/// Makes a new random key. The file must not exist; it is on disk when this returns.
pub(crate) fn create(path: &Path) -> Result<Secret, KeyError> {
    let unusable = |source| KeyError::Unusable { path: path.into(), source };
    let mut secret = Zeroizing::new([0; LENGTH]);
    aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_| KeyError::Entropy)?;
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(KeyError::Exists { path: path.into() });
        }
        opened => opened.map_err(unusable)?,
    };
    file.write_all(secret.as_slice()).and_then(|()| file.sync_all()).map_err(unusable)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unusable)?;
    Ok(secret)
}

/// Reads a key, after judging the file that holds it.
pub(crate) fn open(path: &Path) -> Result<Secret, KeyError> {
    let unusable = |source| KeyError::Unusable { path: path.into(), source };
    let link = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyError::Missing { path: path.into() });
        }
        found => found.map_err(unusable)?,
    };
    if !link.is_file() {
        return Err(KeyError::NotAFile { path: path.into() });
    }
    let mut file = File::open(path).map_err(unusable)?;
    // Judged again on the open file: the name may have changed hands in between.
    let meta = file.metadata().map_err(unusable)?;
    if meta.mode() & 0o077 != 0 {
        return Err(KeyError::TooOpen { path: path.into(), mode: meta.mode() & 0o7777 });
    }
    if meta.len() != LENGTH as u64 {
        return Err(KeyError::Length { path: path.into(), found: meta.len() });
    }
    let mut secret = Zeroizing::new([0; LENGTH]);
    file.read_exact(secret.as_mut_slice()).map_err(unusable)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn told(path: &Path) -> String {
        open(path).map(|_| ()).expect_err("must not open").to_string()
    }

    #[test]
    fn a_key_is_private_random_and_reads_back() {
        let folder = tempfile::tempdir().expect("folder");
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let first = create(&one).expect("create");
        assert_ne!(*first, *create(&two).expect("create"));
        assert_eq!(*open(&one).expect("open"), *first);
        assert_eq!(fs::metadata(&one).expect("meta").mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        let first = create(&path).expect("create");
        assert!(matches!(create(&path), Err(KeyError::Exists { .. })));
        assert_eq!(*open(&path).expect("open"), *first);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        assert!(told(&path).contains("restore it from its backup"));
        create(&path).expect("create");
        for mode in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
            assert!(told(&path).contains("chmod 600"), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        for length in [0, 31, 33] {
            fs::write(&path, vec![7; length]).expect("write");
            assert!(told(&path).contains(&format!("{length} bytes")));
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("link");
        assert!(told(&link).contains("not a regular file"));
        assert!(told(folder.path()).contains("not a regular file"));
    }
}
