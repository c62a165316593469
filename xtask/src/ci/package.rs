//! Each crate as a user would get it: its archive, unpacked and built on its own.

use mastra_core::Result;

use super::metadata::Metadata;
use crate::process::{Workspace, show};

/// Packs every published crate and builds it from the archive; the archives of the workspace stand in for each other.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::read(workspace)?;
    let mut command = workspace.cargo();
    // A local run has changes; in CI there are none.
    command.args(["package", "--quiet", "--allow-dirty"]);
    for package in metadata.published() {
        command.args(["--package", &package.name]);
    }
    show(&mut command)
}
