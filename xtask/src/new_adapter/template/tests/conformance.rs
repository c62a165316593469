//! The suite that every store passes. `up_to` is raised when a level is green, and left away in the end.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use mastra_conformance::vectors::{Level, TestVectors};

/// A fresh, empty store that nothing else uses: every case, run beside all others, asks for one.
async fn fresh() -> TestVectors {
    let store = mastra_newstore::connect("newstore:fresh").await.unwrap();
    TestVectors::new(store).up_to(Level::Basic)
}

mastra_conformance::vector_store_suite!(fresh);
