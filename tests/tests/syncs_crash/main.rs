//! Syncs that are killed: wherever a process dies, running again reaches what an undisturbed run reaches.
//!
//! A child process runs a sync over an engine that kills it at a named step; then the sync is run again, and everything that is stored is
//! compared. A sample ordinarily, with its seed printed; every step of every mode with `cargo xtask test --soak`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod case;
mod child;
mod clock;
mod dice;
mod matrix;
mod moment;
mod outside;
mod sabotage;
mod scenario;
mod script;
mod shape;
mod store;
mod trapped;
mod trapped_records;
mod trapped_syncs;
mod unfinished;
mod wild;
