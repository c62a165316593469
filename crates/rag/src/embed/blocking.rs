//! Work that takes its time.

use mastra_core::{Error, Result};

/// Runs it off the threads that others wait on.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let failed = |source| Error::internal("the work on embeddings did not end").with_source(source);
    tokio::task::spawn_blocking(work).await.map_err(failed)?
}
