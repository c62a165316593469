//! Knowledge bases over every pair of stores: what is found is what the records say, whatever happens on the way.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

mod counting;
mod crash;
mod faults;
mod life;
mod races;
mod replacing;
mod restore;
mod rig;
mod search;
mod versions;
