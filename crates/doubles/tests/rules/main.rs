//! The rules of Qdrant, one by one, through its own client.
//!
//! They run against the double. With `QDRANT_URL` in the environment they run against that server instead: the double imitates it
//! where both runs pass. Collections made there have names of their own and are deleted again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod collections;
mod errors;
mod filters;
mod indexes;
mod payloads;
mod points;
mod queries;
mod scrolls;
mod strict_mode;
mod target;
mod vectors;
