//! Where both sides get their stores: fresh ones for each round.

use super::twin::{Ours, Twin};
use mastra_core::Result;
use std::future::Future;

/// A database that both sides are measured on.
pub(super) trait Backend: Send + Sync {
    /// The hand-written twin.
    type Raw: Twin;

    /// What the report says of the database: its version and settings.
    fn describe(&self) -> impl Future<Output = Result<Vec<(&'static str, String)>>> + Send;

    /// An empty store of the engine's; the number tells stores of one run apart.
    fn ours(&self, number: usize) -> impl Future<Output = Result<Ours>> + Send;

    /// An empty store of the twin's.
    fn raw(&self, number: usize) -> impl Future<Output = Result<Self::Raw>> + Send;

    /// Fails unless the stores of that number have the same columns and indexes.
    fn compare(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// Does now for both stores what the database would do at a moment of its own: statistics, vacuum.
    fn settle(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// How far the write-ahead log reaches, in bytes; `None` where the database does not tell.
    fn logged(&self) -> impl Future<Output = Result<Option<u64>>> + Send;

    /// Loads new documents in one piece, on both sides, each in a fresh store; `None` where there is no way of its own for that.
    fn bulk(&self, number: usize, documents: &[super::data::Document]) -> impl Future<Output = Result<Option<Bulk>>> + Send;

    /// Removes the stores of that number.
    fn remove(&self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

/// What a bulk load took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulk {
    pub(super) ours: super::measure::Spent,
    pub(super) raw: super::measure::Spent,
}
