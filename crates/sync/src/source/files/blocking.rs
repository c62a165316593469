//! Reading files on threads that may wait.

use crate::source::{Page, Pages};
use futures::{StreamExt as _, stream};
use mastra_core::{Error, Result};

/// What gives pages one after the other, and may block while it does.
pub(super) trait Reader: Send + Sized + 'static {
    /// The next page; none at the end.
    fn next_page(&mut self) -> Result<Option<Page>>;
}

enum Step<R, O> {
    Open(O),
    Read(R),
}

/// The pages of a reader that is opened when the first is asked for. Each is read on a thread of the runtime's blocking pool.
pub(super) fn pages<R: Reader, O: FnOnce() -> Result<R> + Send + 'static>(open: O) -> Pages<'static> {
    let step = |step: Step<R, O>| async move {
        run(move || {
            let mut reader = match step {
                Step::Open(open) => open()?,
                Step::Read(reader) => reader,
            };
            Ok(reader.next_page()?.map(|page| (page, Step::Read(reader))))
        })
        .await
    };
    stream::try_unfold(Step::Open(open), step).boxed()
}

/// Runs what may block.
pub(super) async fn run<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_cancelled() => Err(Error::unavailable("the program is shutting down").retryable(false)),
        Err(_) => Err(Error::internal("the file's reader broke off")),
    }
}
