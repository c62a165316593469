//! `cargo xtask tidy`.
use mastra_core::Result;
use crate::process::Workspace;
/// Checks the rules.
pub(crate) fn run(_workspace: &Workspace) -> Result<()> { Ok(()) }
