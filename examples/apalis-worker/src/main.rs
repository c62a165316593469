//! `sync-worker work NAME | push SYNC INPUT | every CRON SYNC INPUT`, on the Postgres that `DATABASE_URL` names.

use apalis::prelude::{BoxDynError, TaskSink as _};
use apalis_postgres::{PgPool, PostgresStorage};
use mastra_apalis_worker::{Options, SyncJob, job, queue, schedule, syncs, work};
use mastra_postgres::PostgresEngine;
use std::{env, process::ExitCode, sync::Arc, time::Duration};
use tokio::signal::ctrl_c;

const USAGE: &str = "usage: sync-worker work NAME | push SYNC INPUT | every CRON SYNC INPUT";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), BoxDynError> {
    let url = env::var("DATABASE_URL").map_err(|_| "set DATABASE_URL to a Postgres")?;
    let pool = PgPool::connect(&url).await?;
    PostgresStorage::setup(&pool).await?;
    let options = options()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["work", name] => {
            let engine = PostgresEngine::builder(url).auto_migrate(true).connect().await?;
            work(name, syncs::registry(Arc::new(engine))?, &pool, options, ctrl_c()).await
        }
        ["push", sync, input] => Ok(queue(&pool, &options).push_task(job(*sync, serde_json::from_str(input)?)).await?),
        ["every", times, sync, input] => {
            let job = SyncJob { sync: (*sync).to_owned(), input: serde_json::from_str(input)? };
            schedule(&format!("schedule of {sync}"), times.parse()?, job, &pool, options, ctrl_c()).await
        }
        _ => Err(USAGE.into()),
    }
}

/// The defaults, but for what the environment says: `HEARTBEAT_MS` and `LEASE_MS`.
fn options() -> Result<Options, BoxDynError> {
    let mut options = Options::default();
    for (name, value) in [("HEARTBEAT_MS", &mut options.heartbeat), ("LEASE_MS", &mut options.lease)] {
        if let Ok(text) = env::var(name) {
            *value = Duration::from_millis(text.parse()?);
        }
    }
    Ok(options)
}
