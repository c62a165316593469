//! Knowledge bases from the command line: described in `mastra.toml`, indexed, searched, built anew, verified, removed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod config;
mod life;
mod models;
mod rig;
mod search;
mod stops;
