//! What Qdrant can do.

use mastra_core::vector::VectorCapabilities;

/// Everything but: clusters (Qdrant has graphs alone), calls that take effect as a whole, and transactions with records.
pub(crate) const fn capabilities(prefix: usize) -> VectorCapabilities {
    let mut can = VectorCapabilities::all();
    can.kind.ivf_flat = false;
    can.write.atomic = false;
    can.write.transactions = false;
    can.limits.dimension = Some(65_536);
    // A collection's name has 255 bytes, of which one of ours takes up to three.
    can.limits.index_name_bytes = Some((255 - prefix) / 3);
    can
}
