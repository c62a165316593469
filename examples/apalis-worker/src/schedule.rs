//! Syncs at certain times.

use crate::{Options, SyncJob, queue};
use apalis::prelude::*;
use apalis_cron::{CronScheduler, Tick};
use apalis_postgres::{Error as QueueError, PgPool};
use cron::Schedule;
use std::{future::Future, io};

/// Puts a job into the queue at each time of a schedule, until `stop` completes.
///
/// As many processes as like may do so: a job is told by sync and time, and is in the queue once.
pub async fn schedule<F>(
    name: &str,
    times: Schedule,
    job: SyncJob,
    pool: &PgPool,
    options: Options,
    stop: F,
) -> Result<(), BoxDynError>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let planned = Planned { job, pool: pool.clone(), options };
    WorkerBuilder::new(name).backend(CronScheduler::new(times)).data(planned).build(enqueue).run_until(stop).await?;
    Ok(())
}

#[derive(Clone)]
struct Planned {
    job: SyncJob,
    pool: PgPool,
    options: Options,
}

async fn enqueue(tick: Tick, planned: Data<Planned>) -> Result<(), BoxDynError> {
    let key = format!("{}@{}", planned.job.sync, tick.get_timestamp());
    let task = TaskBuilder::new(planned.job.clone()).max_attempts(crate::ATTEMPTS).idempotency_key(key).build();
    match queue(&planned.pool, &planned.options).push_task(task).await {
        // Another process was first.
        Err(TaskSinkError::PushError(QueueError::Database(error)))
            if error.as_database_error().is_some_and(|error| error.is_unique_violation()) =>
        {
            Ok(())
        }
        pushed => Ok(pushed?),
    }
}
