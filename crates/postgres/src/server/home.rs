//! Where a server's directory may stand.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use mastra_core::{Error, Result};

use super::account::Account;
use super::command::io_error;

/// A directory for a server that is meant to live in `wanted`: `wanted` itself where the server's account can reach it, else
/// one under `/var/tmp` named after it.
///
/// The second happens where root works below a closed directory, such as its own home: the server cannot run as root, and no
/// other account gets past that directory. The directory is created.
///
/// # Errors
/// `PermissionDenied` where the directory cannot be created, or belongs to somebody else.
pub fn home_for(wanted: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(wanted).map_err(|source| io_error("cannot resolve the path", wanted, source))?;
    let account = Account::choose()?;
    if account.barrier(&absolute).is_none() {
        create(&absolute)?;
        return Ok(absolute);
    }
    let substitute = PathBuf::from(format!("/var/tmp/mastra-{:016x}", fnv1a(absolute.as_os_str().as_encoded_bytes())));
    create(&substitute)?;
    // Anybody may create names in /var/tmp: a directory that somebody else prepared is not ours to use.
    let metadata = substitute.symlink_metadata().map_err(|source| io_error("cannot read the directory", &substitute, source))?;
    if !metadata.is_dir() || metadata.uid() != 0 || metadata.mode() & 0o022 != 0 {
        return Err(
            Error::permission_denied("the server's directory belongs to somebody else").with("path", substitute.display())
        );
    }
    Ok(substitute)
}

fn create(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(dir)
        .map_err(|source| io_error("cannot create the server's directory", dir, source))
}

/// A hash that is the same in every release, unlike that of the standard library.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
