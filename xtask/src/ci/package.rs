//! Each crate as a user would get it: its archive, unpacked and built on its own.

use std::path::{Path, PathBuf};

use mastra_core::Result;

use super::metadata::Metadata;
use crate::process::{Workspace, file_error, show};

/// Packs every published crate and builds it from the archive; the archives of the workspace stand in for each other.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::read(workspace)?;
    for package in metadata.published() {
        forget(&package.name)?;
    }
    let mut command = workspace.cargo();
    // A local run has changes; in CI there are none.
    command.args(["package", "--quiet", "--allow-dirty"]);
    for package in metadata.published() {
        command.args(["--package", &package.name]);
    }
    show(&mut command)
}

/// Removes what cargo unpacked of a crate's archive at an earlier run: it looks at the version alone, and would build the other
/// crates against a text that has changed since. What comes from a registry is unpacked again when it is needed.
fn forget(package: &str) -> Result<()> {
    let Some(sources) = cargo_home().map(|home| home.join("registry/src")) else { return Ok(()) };
    let version = env!("CARGO_PKG_VERSION");
    for registry in std::fs::read_dir(&sources).into_iter().flatten().flatten() {
        let unpacked = registry.path().join(format!("{package}-{version}"));
        if unpacked.is_dir() {
            std::fs::remove_dir_all(&unpacked).map_err(|source| file_error("cannot remove", &unpacked, source))?;
        }
    }
    Ok(())
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")))
}
