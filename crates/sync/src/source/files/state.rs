//! What tells that a file is still the one that was looked at, and what it was.

use mastra_core::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, Metadata},
    io::{self, ErrorKind, Read as _},
    path::Path,
    time::{Duration, SystemTime},
};

/// The SHA-256 of bytes.
pub(super) type Hash = [u8; 32];

/// How far back a time of change may lie and still hide a later change: file systems keep it in steps of up to two seconds.
const TICK: Duration = Duration::from_secs(2);

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    inode: Option<(u64, u64)>,
}

impl State {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), inode: inode(metadata) }
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&std::fs::metadata(path)?))
    }

    /// Whether it is the same file, and nothing was cut off it.
    pub(super) fn continues(&self, earlier: &Self) -> bool {
        self.inode == earlier.inode && self.bytes >= earlier.bytes
    }

    /// Nanoseconds since 1970 of the last change; 0 where it is not known.
    pub(super) fn nanoseconds(&self) -> u128 {
        let since = self.modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.unwrap_or_default().as_nanos()
    }

    /// Whether a change a moment ago could have left the time as it is.
    fn is_fresh(&self) -> bool {
        self.modified.is_none_or(|time| time.elapsed().is_ok_and(|age| age < TICK) || time > SystemTime::now())
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Errors unless the file at `path` still begins with what was read of it: its first `bytes`, of that hash. The content is read again
/// only where the file system cannot rule out a change.
pub(super) fn verify(path: &Path, opened: &State, bytes: u64, hash: &Hash) -> Result<()> {
    let now = State::at(path).map_err(|source| gone_or(source, path))?;
    if now == *opened && !now.is_fresh() {
        return Ok(());
    }
    if now.bytes < bytes || hash_of(path, bytes)?.is_none_or(|found| found != *hash) {
        return Err(changed(path));
    }
    Ok(())
}

/// The hash of a file's first bytes; none where it has fewer.
pub(super) fn hash_of(path: &Path, bytes: u64) -> Result<Option<Hash>> {
    let file = File::open(path).map_err(|source| gone_or(source, path))?;
    let mut hasher = Sha256::new();
    let read = hash_into(&mut hasher, file.take(bytes)).map_err(|source| unreadable(source, path))?;
    Ok((read == bytes).then(|| hasher.finalize().into()))
}

/// Adds all that a reader gives, and says how much it was.
pub(super) fn hash_into(hasher: &mut Sha256, mut reader: impl io::Read) -> io::Result<u64> {
    let mut buffer = vec![0; 128 * 1024];
    let mut read = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(read),
            Ok(count) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                read += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A file that was found and is not there any more changed; anything else is as the file system says.
fn gone_or(source: io::Error, path: &Path) -> Error {
    if source.kind() == ErrorKind::NotFound { changed(path) } else { unreadable(source, path) }
}

/// The error for a file that changed while it was read.
pub(super) fn changed(path: &Path) -> Error {
    Error::conflict("the file changed while it was read; run the sync again").retryable(true).with("path", path.display())
}

/// The error for a file that cannot be read.
pub(super) fn unreadable(source: io::Error, path: &Path) -> Error {
    Error::io("cannot read", source).with("path", path.display())
}

/// A hash in hexadecimal.
pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(hash.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Eight bytes of a text's hash, in hexadecimal: enough to tell one set of options from another.
pub(super) fn short(text: &str) -> String {
    hex(Sha256::digest(text).get(..8).unwrap_or_default())
}
