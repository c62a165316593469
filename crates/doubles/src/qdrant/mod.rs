//! A Qdrant on the loopback address, over Qdrant's own gRPC protocol.
//!
//! The messages and the server stubs are those of the public client, `qdrant-client` 1.20. The rules are written here, after the
//! documentation and the source of Qdrant 1.19, and use nothing of the code that they test.
//!
//! # What it imitates
//!
//! - Collections: create, get, list, delete, exists, and change of HNSW, quantization, strict mode and metadata. One dense vector
//!   or several named ones, of 32 or 16 bits; cosine, dot, euclid, manhattan. A configuration is checked, kept and described;
//!   graphs and quantization change no result.
//! - Points: upsert (with a condition and a mode), get, delete, update of vectors, set, overwrite, delete and clear payload, batches
//!   of updates; scroll, by id or by an indexed key; exact count; facets. Without `wait` an update is acknowledged, and most of its
//!   errors are swallowed.
//! - Queries: nearest to a vector or a point, prefetches, reciprocal rank fusion with `k` and weights, thresholds, offsets, selectors
//!   of payload and vectors, batches.
//! - Filters: every clause and every condition but those on places and slices; keys with `[]` and indexes; the corners where a
//!   payload index answers otherwise than the payload.
//! - Strict mode: limits on queries, filters without an index, exact searches, batches, points, indexes and time-outs.
//! - Errors by their gRPC codes, and an API key, if there is to be one.
//!
//! Everything else answers `Unimplemented`, never a guess: sparse and multi-vectors, recommendations, discovery, groups, formulas,
//! samples, the older `Search` calls, aliases, shards, snapshots. There is no TLS.
//!
//! # Where it differs
//!
//! - Search is always exact, whatever its parameters, and writes are seen at once. Scores may differ in their last bits.
//! - Where Qdrant promises no order, among equal scores, there is one here; do not rely on it.
//! - There are no rate limits of strict mode: [`FaultOn::throttle`] answers as they do.
//! - Messages of errors are worded like the server's, not equal to them.

mod collection;
mod connection;
mod data;
mod faults;
mod filter;
mod gate;
mod id;
mod path;
mod server;
mod service;
mod status;

pub use faults::{Fault, FaultOn, Faults};
pub use server::{Qdrant, Settings};

/// The version of Qdrant that this follows, and that it tells its clients.
pub const VERSION: &str = "1.19.0";
