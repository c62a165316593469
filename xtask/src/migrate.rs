//! `cargo xtask migrate`: work on the migrations.

use std::ffi::OsString;

use mastra_core::{Error, ErrorKind, Result};

/// Runs the command with its own arguments.
pub(crate) fn run(_arguments: &[OsString]) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, "there is nothing to migrate yet"))
}
