//! Calls: counted, repeated where that is safe, refused once the store is closed.

use crate::error::Failure;
use mastra_core::{Error, ErrorKind, Result};
use qdrant_client::{Qdrant, QdrantError};
use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longer than this nobody is made to wait for a throttling server.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Client {
    qdrant: Qdrant,
    closed: AtomicBool,
    retries: u32,
}

impl std::fmt::Debug for Client {
    // The client's own form shows the API key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("retries", &self.retries).finish_non_exhaustive()
    }
}

impl Client {
    pub(crate) fn new(qdrant: Qdrant, retries: u32) -> Self {
        Self { qdrant, closed: AtomicBool::new(false), retries }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// A call that may be made twice: a read, or a write that says the same the second time. The client repeats calls on points once on its
    /// own; this goes on where the server stays away.
    pub(crate) async fn repeatable<T, F>(&self, call: impl Fn(Qdrant) -> F + Send + Sync) -> Result<T>
    where
        F: Future<Output = Result<T, QdrantError>> + Send,
    {
        self.call(self.retries, call).await
    }

    /// A call that is made once.
    pub(crate) async fn once<T, F>(&self, call: impl Fn(Qdrant) -> F + Send + Sync) -> Result<T>
    where
        F: Future<Output = Result<T, QdrantError>> + Send,
    {
        self.call(0, call).await
    }

    async fn call<T, F>(&self, retries: u32, call: impl Fn(Qdrant) -> F + Send + Sync) -> Result<T>
    where
        F: Future<Output = Result<T, QdrantError>> + Send,
    {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the store is closed").retryable(false));
        }
        let mut attempt = 0;
        loop {
            let failure = match call(self.qdrant.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => Failure::from(error),
            };
            let pause = failure.retry_after.unwrap_or_else(|| FIRST_PAUSE * 2_u32.saturating_pow(attempt));
            let helps = failure.error.kind() == ErrorKind::Unavailable && pause <= LONGEST_PAUSE;
            // A throttled call did nothing, so it can be made again whatever it is.
            let most = if failure.retry_after.is_some() { self.retries } else { retries };
            if !helps || attempt >= most {
                return Err(failure.error);
            }
            attempt += 1;
            tracing::debug!(attempt, "the server did not answer; trying again");
            tokio::time::sleep(pause).await;
        }
    }
}
