//! `cargo xtask codegen`: files that are generated and committed.

use mastra_core::Result;

/// Writes the generated files, or only compares them.
pub(crate) fn run(_check: bool) -> Result<()> {
    Ok(())
}
