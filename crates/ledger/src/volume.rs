//! Where a book's bytes are kept. The trait is the seam at which tests break the disk.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The book, its checkpoint, and the reserve that a full disk gives back.
pub(crate) trait Volume: Send {
    /// Forgets every open handle of the book and takes a new one.
    fn reopen(&mut self) -> io::Result<()>;
    /// The book from its start.
    fn read(&self) -> io::Result<Box<dyn Read + '_>>;
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn length(&self) -> io::Result<u64>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn checkpoint(&self) -> io::Result<Option<String>>;
    /// Replaces the checkpoint: the old one or the new one is there at any time, never half.
    fn set_checkpoint(&mut self, text: &str) -> io::Result<()>;
    /// Holds `bytes` for bad times. Nothing to do when they are held already.
    fn hold_reserve(&mut self, bytes: u64) -> io::Result<()>;
    fn release_reserve(&mut self) -> io::Result<()>;
    /// How full the volume is, in percent.
    fn used_percent(&self) -> Option<u8>;
}

const BOOK: &str = "book";
const CHECKPOINT: &str = "checkpoint";
const RESERVE: &str = "reserve";

/// Most bytes a checkpoint file may have, with room for witnesses' signatures.
const NOTE: u64 = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("no book")]
    Missing,
    #[error("a book exists")]
    Exists,
    #[error("locked")]
    Locked,
    #[error("network file system")]
    Network,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A folder on a local disk.
pub(crate) struct Folder {
    path: PathBuf,
    book: File,
    /// A second handle of the same file, which holds the lock from open to drop.
    _lock: File,
}

impl Folder {
    /// Makes a folder with a book and its checkpoint. All of it is on disk when this returns; a crash in between
    /// leaves no book.
    pub fn create(path: &Path, book: &[u8], checkpoint: &str) -> Result<(), FolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let folder = File::open(path)?;
        judge(&folder)?;
        // A checkpoint alone is what is left of a book: it must not be lost as well.
        if path.join(BOOK).exists() || path.join(CHECKPOINT).exists() {
            return Err(FolderError::Exists);
        }
        replace(path, CHECKPOINT, checkpoint.as_bytes())?;
        let new = path.join("book.new");
        write_synced(&new, book)?;
        // A link, unlike a rename, never replaces a book that another process has made in between.
        match fs::hard_link(&new, path.join(BOOK)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(FolderError::Exists),
            linked => linked?,
        }
        fs::remove_file(&new)?;
        folder.sync_all()?;
        Ok(())
    }

    /// Opens an existing book for writing, alone.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let lock = match File::open(path.join(BOOK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FolderError::Missing),
            opened => opened?,
        };
        judge(&lock)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FolderError::Locked),
            Err(TryLockError::Error(error)) => return Err(error.into()),
            Ok(()) => {}
        }
        Ok(Self { path: path.into(), book: writable(path)?, _lock: lock })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces a file anywhere: the old one or the new one is there at any time.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::ErrorKind::InvalidInput)?;
    replace(folder, name, bytes)
}

fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    write_synced(&new, bytes)?;
    fs::rename(&new, folder.join(name))?;
    File::open(folder)?.sync_all()
}

fn writable(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(folder.join(BOOK))
}

/// The book of a folder, for readers.
pub(crate) fn book(folder: &Path) -> io::Result<File> {
    File::open(folder.join(BOOK))
}

/// The checkpoint of a folder, for readers.
pub(crate) fn checkpoint(folder: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    match File::open(folder.join(CHECKPOINT)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened?.take(NOTE).read_to_string(&mut text).map(|_| Some(text)),
    }
}

/// Refuses file systems whose locks and syncs are another machine's promise.
#[cfg(target_os = "linux")]
fn judge(file: &File) -> Result<(), FolderError> {
    let kind = rustix::fs::fstatfs(file).map_err(io::Error::from)?.f_type;
    #[expect(clippy::useless_conversion, reason = "the width of `f_type` differs between targets")]
    let kind = i64::from(kind);
    if is_remote(kind) { Err(FolderError::Network) } else { Ok(()) }
}

/// By `f_type` of statfs(2). FUSE and 9P may be local, but nothing here can tell.
#[cfg(target_os = "linux")]
fn is_remote(kind: i64) -> bool {
    // linux/magic.h, and the file systems' own sources.
    const REMOTE: [i64; 13] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xfe53_4d42, // SMB2
        0xff53_4d42, // CIFS
        0x5346_414f, // AFS
        0x6b41_4653, // kAFS
        0x7375_7245, // Coda
        0x564c,      // NCP
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x4750_4653, // GPFS
        0x0102_1997, // 9P
        0x6573_5546, // FUSE
    ];
    // Where the field has 32 bits, the large ones are negative.
    REMOTE.contains(&(kind & 0xffff_ffff))
}

#[cfg(not(target_os = "linux"))]
fn judge(_: &File) -> Result<(), FolderError> {
    Ok(())
}

impl Volume for Folder {
    fn reopen(&mut self) -> io::Result<()> {
        self.book = writable(&self.path)?;
        Ok(())
    }

    fn read(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(book(&self.path)?))
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.book.read_exact_at(into, offset)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.book.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.book.sync_data()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.book.metadata()?.len())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.book.set_len(length)
    }

    fn checkpoint(&self) -> io::Result<Option<String>> {
        checkpoint(&self.path)
    }

    fn set_checkpoint(&mut self, text: &str) -> io::Result<()> {
        replace(&self.path, CHECKPOINT, text.as_bytes())
    }

    fn hold_reserve(&mut self, bytes: u64) -> io::Result<()> {
        let path = self.file(RESERVE);
        if fs::metadata(&path).is_ok_and(|meta| meta.len() == bytes) {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        allocate(&file, bytes).and_then(|()| file.sync_all()).or_else(|error| {
            // A part of a reserve only takes room away.
            fs::remove_file(&path)?;
            Err(error)
        })
    }

    fn release_reserve(&mut self) -> io::Result<()> {
        match fs::remove_file(self.file(RESERVE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn used_percent(&self) -> Option<u8> {
        let volume = rustix::fs::fstatvfs(&self.book).ok()?;
        // Of what is there for us and ours: some file systems keep much for others, and `df` counts so too.
        let used = volume.f_blocks.saturating_sub(volume.f_bfree);
        let percent = used.saturating_mul(100).checked_div(used.saturating_add(volume.f_bavail))?;
        u8::try_from(percent).ok()
    }
}

#[cfg(target_os = "linux")]
fn allocate(file: &File, bytes: u64) -> io::Result<()> {
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn allocate(mut file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(bytes), &mut file).map(|_| ())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        // As statfs(2) gives them where `f_type` has 64 and where it has 32 bits.
        for remote in [0x6969, 0xff53_4d42, i64::from(0xff53_4d42_u32.cast_signed()), 0xfe53_4d42, 0x6573_5546] {
            assert!(is_remote(remote), "{remote:x}");
        }
        // ext4, XFS, btrfs, tmpfs, overlayfs, ZFS.
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert!(!is_remote(local), "{local:x}");
        }
    }
}
