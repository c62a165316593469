//! Jobs on the real queue: what is delivered again, killed or hopeless comes to one end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use apalis::prelude::*;
use apalis_postgres::{PgPool, PostgresStorage};
use mastra_apalis_worker::{ATTEMPTS, Options, QUEUE, SyncJob, job, queue, schedule, syncs, work};
use mastra_core::{
    CountQuery, Engine, EntityRef, RecordStore as _,
    sync::{Run, RunId, RunQuery, RunState},
};
use mastra_postgres::PostgresEngine;
use mastra_sync::{Mastra, Runs, define};
use serde_json::{Value, json};
use std::{
    io,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::oneshot;

/// A database of the test's own, since apalis has one schema in each.
struct Database {
    name: String,
    url: String,
    pool: PgPool,
    engine: Arc<dyn Engine>,
}

impl Database {
    async fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let server = std::env::var("MASTRA_TEST_POSTGRES_URL").expect("MASTRA_TEST_POSTGRES_URL names a Postgres");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let name = format!("apalis_{}_{now}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = PgPool::connect(&server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&admin).await.unwrap();
        admin.close().await;
        let (before, after) = server.split_once('?').map_or((server.as_str(), ""), |(before, after)| (before, after));
        let base = before.rsplit_once('/').unwrap().0;
        let url = format!("{base}/{name}?{after}");
        let pool = PgPool::connect(&url).await.unwrap();
        PostgresStorage::setup(&pool).await.unwrap();
        let engine = Arc::new(PostgresEngine::builder(&url).auto_migrate(true).connect().await.unwrap());
        Self { name, url, pool, engine }
    }

    fn runs(&self) -> Runs {
        Runs::new(Arc::clone(&self.engine)).unwrap()
    }

    /// Puts a job into the queue; its id.
    async fn push(&self, sync: &str, input: Value) -> String {
        queue(&self.pool, &quick()).push_task(job(sync, input)).await.unwrap();
        sqlx::query_scalar("SELECT id FROM apalis.jobs ORDER BY id DESC LIMIT 1").fetch_one(&self.pool).await.unwrap()
    }

    /// The job's state, how often it was tried, and its result, once it has one of the states.
    async fn job(&self, id: &str, states: &[&str]) -> (String, i32, Option<Value>) {
        eventually(|| async {
            let row: (String, i32, Option<Value>) =
                sqlx::query_as("SELECT status, attempts, last_result FROM apalis.jobs WHERE id = $1")
                    .bind(id)
                    .fetch_one(&self.pool)
                    .await
                    .unwrap();
            states.contains(&row.0.as_str()).then_some(row)
        })
        .await
    }

    /// The run that was begun for a job, once that is so.
    async fn run(&self, id: &str) -> Run {
        eventually(|| async { self.runs().get(&RunId::new(id)).await.ok() }).await
    }

    async fn drop(self) {
        self.engine.close().await.unwrap();
        self.pool.close().await;
        let admin = PgPool::connect(&std::env::var("MASTRA_TEST_POSTGRES_URL").unwrap()).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("DROP DATABASE {} WITH (FORCE)", self.name))).execute(&admin).await.unwrap();
    }
}

/// Asks until there is an answer. The bound only keeps a broken test from hanging.
async fn eventually<T, F: Future<Output = Option<T>>>(ask: impl Fn() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(240), "it never happened");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn quick() -> Options {
    Options { heartbeat: Duration::from_secs(1), lease: Duration::from_secs(2), concurrency: 4 }
}

/// A worker in this process, until it is dropped or told to stop.
struct Worker {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<(), String>>,
}

impl Worker {
    fn start(database: &Database, name: &str, mastra: Mastra) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (name, pool) = (name.to_owned(), database.pool.clone());
        let until = async move {
            let _ = stopped.await;
            Ok::<_, io::Error>(())
        };
        let task =
            tokio::spawn(async move { work(&name, mastra, &pool, quick(), until).await.map_err(|error| error.to_string()) });
        Self { stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// A worker of its own process, which is killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(database: &Database, name: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sync-worker"));
        command.args(["work", name]).env("DATABASE_URL", &database.url).env("HEARTBEAT_MS", "1000").env("LEASE_MS", "2000");
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn numbers(entity: &str, pages: u32, page_ms: u64) -> Value {
    json!({ "entity": entity, "pages": pages, "pageMs": page_ms })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_loses_and_doubles_nothing() {
    let database = Database::new().await;
    let mut ids = Vec::new();
    for entity in ["a", "b", "c"] {
        ids.push(database.push("numbers", numbers(entity, 6, 2_000)).await);
    }
    let first = Process::start(&database, "first");
    // In the middle of every run: a page is there, and more are to come.
    for id in &ids {
        eventually(|| async {
            let run = database.runs().get(&RunId::new(id)).await.ok()?;
            run.targets.first().filter(|target| target.counts.created >= 10).map(drop)
        })
        .await;
    }
    drop(first);
    let _second = Process::start(&database, "second");
    let third = Process::start(&database, "third");
    for (id, entity) in ids.iter().zip(["a", "b", "c"]) {
        let (state, _, result) = database.job(id, &["Done", "Killed"]).await;
        assert_eq!((state.as_str(), result), ("Done", Some(json!({ "Ok": { "numbers": 60 } }))));
        let count = database.engine.count_records(&EntityRef::named(entity), &CountQuery::default()).await.unwrap();
        assert_eq!(count.value, 60);
        let run = database.run(id).await;
        assert_eq!((run.state, run.output), (RunState::Succeeded, Some(json!({ "numbers": 60 }))));
        assert!(run.attempt >= 2, "the run was continued by another worker");
        // The pages of the dead worker were not written again.
        assert!(run.targets[0].counts.created < 60, "{:?}", run.targets[0].counts);
    }
    assert_eq!(database.runs().list(&RunQuery::default()).await.unwrap().len(), 3, "a run a job");
    drop((_second, third));
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_delivered_again_returns_what_is_recorded() {
    let database = Database::new().await;
    let times = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&times);
    let sync = define("once").output::<u32>().execute(move |_| {
        let time = counted.fetch_add(1, Ordering::SeqCst) + 1;
        async move { Ok(time) }
    });
    let mastra = Mastra::builder().engine(Arc::clone(&database.engine)).sync(sync).build().unwrap();
    let worker = Worker::start(&database, "worker", mastra);
    let id = database.push("once", Value::Null).await;
    assert_eq!(database.job(&id, &["Done"]).await.2, Some(json!({ "Ok": 1 })));
    // As a queue does when the answer of a worker was lost.
    sqlx::query("UPDATE apalis.jobs SET status = 'Pending', last_result = NULL, lock_by = NULL WHERE id = $1")
        .bind(&id)
        .execute(&database.pool)
        .await
        .unwrap();
    assert_eq!(database.job(&id, &["Done"]).await.2, Some(json!({ "Ok": 1 })));
    assert_eq!(times.load(Ordering::SeqCst), 1);
    assert_eq!(database.run(&id).await.attempt, 1);
    worker.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_tried_again_and_what_is_hopeless_is_not() {
    let database = Database::new().await;
    let sync = define("flaky").output::<u32>().execute(|ctx| async move {
        assert!(ctx.attempt() > 2, "not yet");
        Ok(ctx.attempt())
    });
    let mastra = Mastra::builder().engine(Arc::clone(&database.engine)).sync(sync).build().unwrap();
    let worker = Worker::start(&database, "worker", mastra);
    let flaky = database.push("flaky", Value::Null).await;
    let (_, attempts, result) = database.job(&flaky, &["Done", "Killed"]).await;
    assert_eq!((attempts, result), (3, Some(json!({ "Ok": 3 }))));

    let unknown = database.push("flakey", Value::Null).await;
    let (state, attempts, result) = database.job(&unknown, &["Done", "Killed"]).await;
    assert_eq!((state.as_str(), attempts), ("Killed", 1));
    assert!(result.unwrap()["Err"].as_str().unwrap().contains("did you mean flaky"));
    worker.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_fails_for_good_after_its_attempts() {
    let database = Database::new().await;
    let sync = define("fails").output::<u32>().execute(|_| async { Err(mastra_sync::Failure::message("the source is gone")) });
    let mastra = Mastra::builder().engine(Arc::clone(&database.engine)).sync(sync).build().unwrap();
    let worker = Worker::start(&database, "worker", mastra);
    let id = database.push("fails", Value::Null).await;
    let (_, attempts, result) = eventually(|| async {
        let row = database.job(&id, &["Failed", "Done", "Killed"]).await;
        (row.1 >= ATTEMPTS as i32).then_some(row)
    })
    .await;
    assert_eq!(attempts, ATTEMPTS as i32);
    assert!(result.unwrap()["Err"].as_str().unwrap().contains("the source is gone"));
    let run = database.run(&id).await;
    assert_eq!((run.state, run.attempt), (RunState::Failed, ATTEMPTS as u32));
    worker.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_leaves_its_jobs_to_the_next() {
    let database = Database::new().await;
    let mastra = || syncs::registry(Arc::clone(&database.engine)).unwrap();
    let id = database.push("numbers", numbers("n", 20, 500)).await;
    let first = Worker::start(&database, "first", mastra());
    eventually(|| async {
        let run = database.runs().get(&RunId::new(&id)).await.ok()?;
        run.targets.first().filter(|target| target.counts.created >= 10).map(drop)
    })
    .await;
    first.stop().await;
    assert_eq!(database.run(&id).await.state, RunState::Cancelled, "at a page's edge");
    let second = Worker::start(&database, "second", mastra());
    assert_eq!(database.job(&id, &["Done"]).await.2, Some(json!({ "Ok": { "numbers": 200 } })));
    assert_eq!(database.run(&id).await.state, RunState::Succeeded);
    second.stop().await;
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_schedulers_put_each_time_into_the_queue_once() {
    let database = Database::new().await;
    let mut schedulers = Vec::new();
    for name in ["one", "other"] {
        let (stop, stopped) = oneshot::channel::<()>();
        let pool = database.pool.clone();
        let job = SyncJob { sync: "numbers".into(), input: numbers("n", 1, 0) };
        let until = async move {
            let _ = stopped.await;
            Ok::<_, io::Error>(())
        };
        let times = "* * * * * *".parse().unwrap();
        let run = async move { schedule(name, times, job, &pool, quick(), until).await.map_err(|error| error.to_string()) };
        schedulers.push((stop, tokio::spawn(run)));
    }
    let worker = Worker::start(&database, "worker", syncs::registry(Arc::clone(&database.engine)).unwrap());
    let done = || async {
        let runs = database.runs().list(&RunQuery { state: Some(RunState::Succeeded), ..RunQuery::default() }).await.unwrap();
        (runs.len() >= 3).then_some(())
    };
    eventually(done).await;
    for (stop, task) in schedulers {
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
    }
    // What is still queued is done too.
    let open = "SELECT count(*) FROM apalis.jobs WHERE job_type = $1 AND status <> 'Done'";
    eventually(|| async {
        let open: i64 = sqlx::query_scalar(open).bind(QUEUE).fetch_one(&database.pool).await.unwrap();
        (open == 0).then_some(())
    })
    .await;
    let jobs: Vec<(String, String)> =
        sqlx::query_as("SELECT id, idempotency_key FROM apalis.jobs ORDER BY id").fetch_all(&database.pool).await.unwrap();
    let mut keys: Vec<_> = jobs.iter().map(|(_, key)| key.clone()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), jobs.len());
    let mut runs: Vec<_> =
        database.runs().list(&RunQuery::default()).await.unwrap().into_iter().map(|run| run.id.to_string()).collect();
    runs.sort_unstable();
    assert_eq!(runs, jobs.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), "each job is a run of its own");
    worker.stop().await;
    database.drop().await;
}
