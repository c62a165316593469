//! Syncs over every engine: whatever the source does and whenever a run dies, what is stored is what the source says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod doubtful;
mod failures;
mod merging;
mod modes;
mod plans;
mod races;
mod rig;
mod runs;
mod scripted;
