//! Syncs from the command line: described in `mastra.toml`, planned, run, stopped, killed, followed, tried again, pruned.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod config;
mod life;
mod rig;
mod sources;
mod stops;
