//! Syncs as jobs: a queue on the Postgres of the records, with retries, a schedule, and as many workers as there are machines.
//!
//! A job's id is its run's id. A job that is delivered twice, since its worker died or its answer was lost, therefore comes to one result: the
//! ledger returns what is recorded, and a run that died is continued behind its last page.

mod schedule;
pub mod syncs;

pub use schedule::schedule;

use apalis::{
    layers::retry::{
        HasherRng,
        backoff::{ExponentialBackoffMaker, MakeBackoff as _},
    },
    prelude::*,
};
use apalis_postgres::{Config, PgPool, PostgresStorage};
use mastra_sync::{Mastra, SyncErrorKind, WhenBusy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    future::{Future, IntoFuture as _},
    io,
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// A sync to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SyncJob {
    /// Its id or key.
    pub sync: String,
    /// Its input.
    pub input: Value,
}

/// The queue that workers take jobs from.
pub const QUEUE: &str = "syncs";

/// How often a job is tried.
pub const ATTEMPTS: usize = 5;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How often a worker says that it is alive. One that misses three of these loses its jobs to others.
    pub heartbeat: Duration,
    /// How long a run counts as alive without a word.
    pub lease: Duration,
    /// How many jobs a worker runs at once.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(10), lease: Duration::from_secs(20), concurrency: 4 }
    }
}

/// The queue on a pool; [`PostgresStorage::setup`] has to have been run once.
pub fn queue(pool: &PgPool, options: &Options) -> PostgresStorage<SyncJob> {
    let config =
        Config::default().queue(QUEUE).batch_size(options.concurrency).heartbeat_interval(options.heartbeat).missed_heartbeats(3);
    PostgresStorage::new(pool).with_config(config)
}

/// A job for the queue.
pub fn job(sync: impl Into<String>, input: Value) -> Task<SyncJob> {
    TaskBuilder::new(SyncJob { sync: sync.into(), input }).max_attempts(ATTEMPTS).build()
}

/// Runs jobs until `stop` completes. Then runs stop at the edge of a page, and their jobs go back to the queue.
///
/// The worker's name has to be its own among all that are alive.
pub async fn work<F>(name: &str, mastra: Mastra, pool: &PgPool, options: Options, stop: F) -> Result<(), BoxDynError>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let stopping = CancellationToken::new();
    let runner = Runner { mastra, lease: options.lease, stopping: stopping.clone() };
    // A failure is tried again after 0.5 s, 1 s, 2 s, …, with jitter.
    let mut backoff =
        ExponentialBackoffMaker::new(Duration::from_millis(500), Duration::from_secs(60), 0.2, HasherRng::default())?;
    let policy = RetryPolicy::retries(ATTEMPTS - 1).with_backoff(backoff.make_backoff()).retry_if(worth_another_try);
    WorkerBuilder::new(name)
        .backend(queue(pool, &options))
        .data(runner)
        .concurrency(options.concurrency)
        .retry(policy)
        .build(run)
        .run_until(async move {
            let stopped = stop.await;
            stopping.cancel();
            stopped
        })
        .await?;
    Ok(())
}

/// What a job needs to be run.
#[derive(Clone)]
struct Runner {
    mastra: Mastra,
    lease: Duration,
    stopping: CancellationToken,
}

/// Runs a job: its id is the run's.
async fn run(job: SyncJob, id: TaskId, runner: Data<Runner>) -> Result<Value, BoxDynError> {
    let call = runner
        .mastra
        .sync(job.sync, job.input)
        .run_id(id.to_string())
        .lease(runner.lease)
        // Where a worker died, its run is waited for until its lease ends.
        .when_busy(WhenBusy::Wait(runner.lease * 3))
        .cancellation(runner.stopping.child_token());
    // A task of its own: a run that computes for long must not keep the worker from saying that it is alive.
    match AbortOnDropHandle::new(tokio::spawn(call.into_future())).await? {
        Ok(done) => Ok(done.output),
        Err(error) => Err(match error.kind() {
            // No other try ends better.
            SyncErrorKind::UnknownSync
            | SyncErrorKind::MissingEngine
            | SyncErrorKind::InvalidInput
            | SyncErrorKind::InvalidOutput
            | SyncErrorKind::Refused => Box::new(AbortError::new(error)),
            _ => error.into(),
        }),
    }
}

fn worth_another_try(error: &BoxDynError) -> bool {
    !error.is::<AbortError>()
}
