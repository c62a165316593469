//! A process that writes and one that indexes, killed at any moment, again and again.

use crate::counting::Counting;
use crate::rig::body;
use mastra_core::{Engine, EntityRef, NewRecord, RecordSelector, SyncBatch, UpsertMode, UpsertOptions, vector::VectorStore};
use mastra_pgvector::PgVector;
use mastra_rag::chunk::{Chunker, ChunkerConfig};
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, VerifyOptions};
use mastra_tests::postgres::Postgres;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set in the child: what it does, and where.
const ROLE: &str = "MASTRA_TEST_KNOWLEDGE_ROLE";
const STORE: &str = "MASTRA_TEST_KNOWLEDGE_STORE";

/// How often each of them is killed.
fn kills() -> usize {
    if std::env::var_os("MASTRA_TEST_SOAK").is_some() { 150 } else { 12 }
}

/// Short, so that what a killed worker held comes soon to another.
const LEASE: Duration = Duration::from_millis(400);

async fn open(store: &str) -> (Arc<dyn Engine>, Arc<dyn VectorStore>) {
    if let Some((url, path)) = store.strip_prefix("qdrant ").and_then(|rest| rest.split_once(' ')) {
        let engine = mastra_sqlite::SqliteEngine::builder(path).connect().await.unwrap();
        return (Arc::new(engine), Arc::new(mastra_qdrant::connect(url).await.unwrap()));
    }
    if let Some(path) = store.strip_prefix("file ") {
        let engine = mastra_sqlite::SqliteEngine::builder(path).connect().await.unwrap();
        let vectors = Arc::new(engine.inner().vectors());
        return (Arc::new(engine), vectors);
    }
    let (url, schema) = store.split_once(' ').unwrap();
    let engine = mastra_postgres::PostgresEngine::builder(url).schema(schema).max_connections(4).connect().await.unwrap();
    let vectors = Arc::new(PgVector::of(&engine).await.unwrap());
    (Arc::new(engine), vectors)
}

async fn base(engine: &Arc<dyn Engine>, vectors: &Arc<dyn VectorStore>) -> KnowledgeBase {
    KnowledgeBase::builder("articles")
        .entity("Articles")
        .field("body".parse().unwrap())
        .chunker(Chunker::new(ChunkerConfig::new().max_size(80).overlap(0)).unwrap())
        .embedder(Arc::new(Counting::new("test/one", 32)))
        .open(Arc::clone(engine), Arc::clone(vectors))
        .await
        .unwrap()
}

/// What a child does until it is killed.
async fn work(role: &str, store: &str) {
    let (engine, vectors) = open(store).await;
    let base = base(&engine, &vectors).await;
    println!("ready");
    for round in 0_u64.. {
        if role == "index" {
            base.index(&IndexOptions { batch: 3, lease: LEASE, ..IndexOptions::default() }).await.unwrap();
            continue;
        }
        let (id, words) = (format!("r{}", round % 7), format!("w{}x{round}", std::process::id()));
        let entity = EntityRef::named("Articles");
        if round % 5 == 4 {
            engine.delete_records(&entity, &RecordSelector::ExternalIds(vec![id])).await.unwrap();
        } else {
            let record = NewRecord::new(id, json!({ "body": body(&[&words, "shared", &words]) }));
            engine.upsert_records(&entity, &[record], &UpsertOptions::from(UpsertMode::Replace)).await.unwrap();
        }
    }
}

struct Killed(Child);

impl Killed {
    /// Starts a child, and waits until it works.
    fn start(role: &str, store: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(STORE, store)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("ready"))), "the child ended before it worked");
        Self(child)
    }
}

impl Killed {
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // SIGKILL: nothing of it is unwound.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what the killed process does; the tests beside it start it"]
async fn child() {
    if let (Ok(role), Ok(store)) = (std::env::var(ROLE), std::env::var(STORE)) {
        work(&role, &store).await;
    }
}

async fn survives(store: String) {
    let (engine, vectors) = open(&store).await;
    engine.sync_records(&SyncBatch::new("Articles", "site", [])).await.unwrap();
    let base = base(&engine, &vectors).await;
    // Kills of a worker that held changes: only those count.
    let mut landed = 0;
    for round in 0.. {
        if round >= kills() && landed >= kills() / 6 {
            break;
        }
        assert!(round < kills() + 300, "only {landed} kills met a worker at work");
        let indexing = Killed::start("index", &store);
        let writing = Killed::start("write", &store);
        // Each round another moment.
        tokio::time::sleep(Duration::from_millis(13 + (round as u64 * 37) % 160)).await;
        match round % 3 {
            0 => {
                drop(indexing);
                landed += usize::from(base.lag().await.unwrap().claimed > 0);
            }
            1 => drop(writing),
            // Longer asleep than its lease, while others do its work: then it goes on as if nothing were.
            _ => {
                indexing.signal("-STOP");
                // It may hold a lock just now, so that the others wait for it: beside us.
                let others = base.clone();
                let mut others = tokio::spawn(async move {
                    others.index(&IndexOptions { lease: LEASE, ..IndexOptions::default() }).await.unwrap();
                });
                tokio::time::sleep(LEASE + LEASE / 2).await;
                indexing.signal("-CONT");
                // While somebody writes it may never be through.
                let _ = tokio::time::timeout(LEASE * 4, &mut others).await.map(Result::unwrap);
                others.abort();
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
        }
    }
    let began = Instant::now();
    loop {
        base.index(&IndexOptions { lease: LEASE, ..IndexOptions::default() }).await.unwrap();
        let lag = base.lag().await.unwrap();
        if lag.waiting + lag.claimed + lag.repeats == 0 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the queue does not empty: {lag:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let found = base.verify(&VerifyOptions::default()).await.unwrap();
    assert!(found.is_clean() && found.foreign == 0 && found.records > 0, "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_no_stale_points_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    survives(format!("file {}", folder.path().join("mastra.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_no_stale_points_in_qdrant() {
    let folder = tempfile::tempdir().unwrap();
    let qdrant = mastra_doubles::Qdrant::start().await.unwrap();
    survives(format!("qdrant {} {}", qdrant.url(), folder.path().join("mastra.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_no_stale_points_in_postgres() {
    let postgres = Postgres::fresh("knowledge_crash").await;
    postgres.engine().await;
    let migrator = mastra_pgvector::migrator(postgres.url(), postgres.schema()).await.unwrap();
    mastra_core::migrate::Migrator::apply(&migrator, &mastra_core::migrate::silent).await.unwrap();
    survives(format!("{} {}", postgres.url(), postgres.schema())).await;
    postgres.drop_schema().await;
}
