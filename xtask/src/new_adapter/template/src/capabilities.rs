//! What the store can do.

use mastra_core::vector::VectorCapabilities;

/// Nothing is claimed until it is written. Callers, the wrapper and the suite go by this: what is false is refused before the store hears of it,
/// and a claim that is not true, either way, fails the suite.
///
/// Level `Basic` wants three claims, to begin with:
///
/// ```text
/// let mut can = VectorCapabilities::default();
/// can.admin.indexes = true;
/// can.kind.flat = true;
/// can.metric.cosine = true;
/// can
/// ```
pub(crate) fn capabilities() -> VectorCapabilities {
    VectorCapabilities::default()
}
