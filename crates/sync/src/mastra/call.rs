//! A run that is asked for, with its options.

use super::Registry;
use crate::{Completed, Observer, RunOptions, SyncError, SyncErrorKind, WhenBusy, run, schema::Violations};
use futures::future::{BoxFuture, FutureExt as _};
use mastra_core::sync::RunId;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{fmt, future::IntoFuture, marker::PhantomData, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// A run that is asked for: set its options, then await it. Nothing happens before.
///
/// Dropping the future cancels the run at its next await; the ledger learns of it where a tokio runtime is left to write it, and else when the
/// run's lease ends.
#[must_use = "nothing runs until it is awaited"]
pub struct Call<O> {
    registry: Arc<Registry>,
    name: String,
    input: Result<Value, SyncError>,
    options: RunOptions,
    output: PhantomData<fn() -> O>,
}

impl<O> Call<O> {
    pub(super) fn new(registry: Arc<Registry>, name: String, input: Result<Value, SyncError>) -> Self {
        Self { registry, name, input, options: RunOptions::default(), output: PhantomData }
    }

    /// Takes the place of all options.
    pub fn options(mut self, options: RunOptions) -> Self {
        self.options = options;
        self
    }

    /// See [`RunOptions::run_id`].
    pub fn run_id(mut self, id: impl Into<String>) -> Self {
        self.options.run_id = Some(RunId::new(id));
        self
    }

    /// See [`RunOptions::dry_run`].
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.options.dry_run = dry_run;
        self
    }

    /// See [`RunOptions::restart`].
    pub fn restart(mut self, restart: bool) -> Self {
        self.options.restart = restart;
        self
    }

    /// See [`RunOptions::retry_failed`].
    pub fn retry_failed(mut self, retry_failed: bool) -> Self {
        self.options.retry_failed = retry_failed;
        self
    }

    /// See [`RunOptions::confirm_deletes`].
    pub fn confirm_deletes(mut self, confirm_deletes: bool) -> Self {
        self.options.confirm_deletes = confirm_deletes;
        self
    }

    /// See [`RunOptions::when_busy`]; it holds for another run of the same id too.
    pub fn when_busy(mut self, when_busy: WhenBusy) -> Self {
        self.options.when_busy = when_busy;
        self
    }

    /// See [`RunOptions::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// See [`RunOptions::grace`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = grace;
        self
    }

    /// See [`RunOptions::lease`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease;
        self
    }

    /// See [`RunOptions::cancellation`].
    pub fn cancellation(mut self, token: CancellationToken) -> Self {
        self.options.cancellation = token;
        self
    }

    /// See [`RunOptions::observer`].
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.options.observer = Some(Arc::new(observer));
        self
    }
}

impl<O: DeserializeOwned + 'static> IntoFuture for Call<O> {
    type Output = Result<Completed<O>, SyncError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { registry, name, input, options, .. } = self;
        let run = async move {
            let done = run::execute(&registry, &name, input?, options).await?;
            let Completed { output, run, recorded, plans } = done;
            let output = O::deserialize(output).map_err(|_| {
                SyncError::new(SyncErrorKind::InvalidOutput, &name, "the result is not valid")
                    .with_violations(Violations::whole("it does not fit the type of the sync's output"))
                    .with_run(&run.id)
            })?;
            Ok(Completed { output, run, recorded, plans })
        };
        run.boxed()
    }
}

impl<O> fmt::Debug for Call<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("sync", &self.name).field("options", &self.options).finish_non_exhaustive()
    }
}
