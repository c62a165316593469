//! `cargo xtask tidy`.
use crate::process::Workspace;
use mastra_core::Result;
/// Checks the rules.
pub(crate) fn run(_workspace: &Workspace) -> Result<()> {
    Ok(())
}
