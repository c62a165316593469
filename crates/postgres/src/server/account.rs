//! The account that the server runs under: Postgres refuses to run as root.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use super::command::{clean, io_error, run};

/// Accounts that are tried, in this order, where the caller is root.
const SUBSTITUTES: [&str; 2] = ["postgres", "nobody"];

/// The account of the server's processes and of its data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Account {
    /// The caller's own.
    Caller {
        /// The user's id.
        uid: u32,
    },
    /// Another one, since the caller is root.
    Substitute {
        /// The account's name.
        name: &'static str,
        /// The user's id.
        uid: u32,
        /// The group's id.
        gid: u32,
    },
}

impl Account {
    /// The account for this caller: its own, or `postgres`, else `nobody`, where the caller is root.
    ///
    /// # Errors
    /// `PermissionDenied` where the caller is root and none of those accounts exists.
    pub fn choose() -> Result<Self> {
        let uid = id(["-u"])?;
        if uid != 0 {
            return Ok(Self::Caller { uid });
        }
        for name in SUBSTITUTES {
            if let (Ok(uid), Ok(gid)) = (id(["-u", name]), id(["-g", name])) {
                return Ok(Self::Substitute { name, uid, gid });
            }
        }
        Err(Error::permission_denied(
            "Postgres does not run as root, and there is no account to run it under; create one with: useradd --system postgres",
        ))
    }

    /// The name of the substitute; `None` where the server runs as the caller.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Caller { .. } => None,
            Self::Substitute { name, .. } => Some(name),
        }
    }

    /// Makes the command run under this account.
    pub(super) fn apply(&self, command: &mut Command) {
        if let Self::Substitute { uid, gid, .. } = self {
            // With a uid set and no groups named, the standard library drops root's supplementary groups as well.
            command.uid(*uid).gid(*gid);
        }
    }

    /// Gives a file or directory to this account.
    pub(super) fn own(&self, path: &Path) -> Result<()> {
        match self {
            Self::Caller { .. } => Ok(()),
            Self::Substitute { uid, gid, .. } => chown(path, Some(*uid), Some(*gid))
                .map_err(|source| io_error("cannot give the file to the server's account", path, source)),
        }
    }

    /// The first directory on the way to `path` that this account may not pass, where there is one. Parts of the path that do
    /// not exist yet are left out.
    pub(super) fn barrier(&self, path: &Path) -> Option<PathBuf> {
        let Self::Substitute { uid, gid, .. } = self else {
            return None;
        };
        let existing = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok())?;
        existing.ancestors().find(|ancestor| !passable(ancestor, *uid, *gid)).map(Path::to_owned)
    }
}

fn passable(dir: &Path, uid: u32, gid: u32) -> bool {
    dir.metadata().is_ok_and(|metadata| {
        let mode = metadata.mode();
        let bit = if metadata.uid() == uid {
            0o100
        } else if metadata.gid() == gid {
            0o010
        } else {
            0o001
        };
        mode & bit != 0
    })
}

/// The standard library cannot ask for user ids; `id` knows every source of accounts.
fn id<const N: usize>(arguments: [&str; N]) -> Result<u32> {
    let text = run(clean(Path::new("id"), None).args(arguments.map(OsStr::new)), "id")?;
    text.parse().map_err(|source| Error::internal("id did not print a number").with_source(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, create_dir, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_closed_parent_is_found_from_a_path_that_does_not_exist_yet() {
        let dir = tempfile::tempdir().unwrap();
        let closed = dir.path().join("closed");
        create_dir(&closed).unwrap();
        set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        // An account that owns nothing here.
        let stranger = Account::Substitute { name: "nobody", uid: 4_000_000_001, gid: 4_000_000_001 };
        assert_eq!(stranger.barrier(&closed.join("a/b")), Some(closed.canonicalize().unwrap()));
        set_permissions(&closed, Permissions::from_mode(0o711)).unwrap();
        assert_eq!(stranger.barrier(&closed.join("a/b")), None);
    }
}
