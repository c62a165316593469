//! The pages of what is read on the web, one after the other.

use crate::source::{Page, Pages};
use futures::{StreamExt as _, stream};
use mastra_core::Result;
use std::future::Future;

/// What is being read.
pub(crate) trait Reading: Send + Sized {
    /// The next page; `None` behind the last one.
    fn page(&mut self) -> impl Future<Output = Result<Option<Page>>> + Send;
}

enum Step<B, R> {
    Begin(B),
    Read(R),
}

/// The pages of a reading, which begins when the first one is asked for. Its errors name the operation.
pub(crate) fn pages<'a, R, B>(begin: B, operation: &'static str) -> Pages<'a>
where
    R: Reading + 'a,
    B: FnOnce() -> Result<R> + Send + 'a,
{
    let step = |step: Step<B, R>| async move {
        let mut reading = match step {
            Step::Begin(begin) => begin()?,
            Step::Read(reading) => reading,
        };
        Ok(reading.page().await?.map(|page| (page, Step::Read(reading))))
    };
    stream::try_unfold(Step::Begin(begin), step)
        .map(move |page: Result<Page>| page.map_err(|error| error.with_operation(operation)))
        .boxed()
}
