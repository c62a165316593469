//! Points beside records: fields that filters are served on, real deletion, older files, writers side by side and processes that die.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{
    Random,
    awkward::{condition, object},
};
use mastra_core::{
    Engine as _, EntityRef, Filter, NewRecord, RecordStore as _, SyncBatch,
    migrate::{Migrator as _, silent},
    vector::{
        CheckedVectors, Include, IndexKind, IndexSpec, Metric, NewPoint, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, Provenance, Scope, ScrollQuery, VectorOperations as _, VectorQuery, VectorStore as _,
    },
};
use mastra_sqlite::{SqliteEngine, connect_vectors, migrate::SqliteMigrator};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, sqlite::SqliteConnectOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Tells a child process, which is this test file again, which file to write.
const FILE: &str = "MASTRA_SQLITE_TEST_VECTORS";

async fn open(path: &Path) -> CheckedVectors<SqliteEngine> {
    SqliteEngine::builder(path).connect().await.unwrap().inner().vectors()
}

/// The numbers of rows of all tables of points, by one who looks at the file itself.
async fn rows_of(path: &Path) -> Vec<i64> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let mut counts = Vec::new();
    for table in ["points", "point_vectors", "point_values", "point_text", "vector_namespaces", "vector_fields", "vector_indexes"]
    {
        let sql = format!("SELECT count(*) FROM {table}");
        counts.push(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap());
    }
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(sound, "ok");
    let astray = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(astray.is_empty());
    counts
}

/// Points as they have to be, and a store that has to agree, with and without fields to serve filters on.
struct World {
    store: CheckedVectors<SqliteEngine>,
    scope: Scope,
    points: BTreeMap<String, Value>,
}

impl World {
    async fn new(random: &mut Random, fields: bool, exotic: bool) -> Self {
        let store = connect_vectors("sqlite::memory:").await.unwrap();
        let mut spec = IndexSpec::new("things", 2).metric(Metric::Euclidean);
        if fields {
            for key in ["a", "b", "a.b", "x\"y"] {
                spec = spec.field(key.parse().unwrap());
            }
            spec = spec.list_field("é".parse().unwrap()).list_field("c.a".parse().unwrap());
        }
        store.create_index(&spec).await.unwrap();
        let mut world = Self { store, scope: Scope::index("things").in_namespace("here"), points: BTreeMap::new() };
        let points = world.draw(random, 0..250, exotic);
        // The same metadata elsewhere, which nothing here may meet.
        for elsewhere in ["", "there"] {
            let scope = Scope::index("things").in_namespace(elsewhere);
            world.store.upsert(&scope, &points, &PointUpsertOptions::new()).await.unwrap();
        }
        world.store.upsert(&world.scope, &points, &PointUpsertOptions::new()).await.unwrap();
        world
    }

    fn draw(&mut self, random: &mut Random, ids: std::ops::Range<usize>, exotic: bool) -> Vec<NewPoint> {
        let mut points = Vec::new();
        for id in ids {
            let metadata = object(random, 3, exotic);
            points.push(NewPoint::new(format!("p{id:03}"), [1.0, 1.0]).metadata(metadata.clone()));
            self.points.insert(format!("p{id:03}"), metadata);
        }
        points
    }

    fn matching(&self, filter: &Filter) -> Vec<String> {
        self.points.iter().filter(|(_, metadata)| filter.matches(metadata)).map(|(id, _)| id.clone()).collect()
    }

    /// Whether anything matched.
    async fn agrees(&self, json: &Value) -> bool {
        let Ok(filter) = Filter::from_json(json) else { return false };
        let expected = self.matching(&filter);
        // All points lie at one place: ties, which go by id.
        let query = VectorQuery::vector([0.0, 0.0]).top_k(40).filter(filter.clone()).include(Include::ID);
        let answer = self.store.query(&self.scope, &query).await.unwrap_or_else(|error| panic!("{error}: {json}"));
        let found: Vec<String> = answer.hits.into_iter().map(|hit| hit.id).collect();
        assert_eq!(found, expected.iter().take(40).cloned().collect::<Vec<_>>(), "query {json}");

        let count = self.store.count(&self.scope, &PointCountQuery::new().filter(filter.clone()).cap(20)).await.unwrap();
        assert_eq!((count.value, count.capped), (expected.len().min(20) as u64, expected.len() > 20), "count {json}");

        let mut walked = Vec::new();
        let mut step = ScrollQuery::new().filter(filter).limit(37);
        loop {
            let page = self.store.scroll(&self.scope, &step).await.unwrap();
            walked.extend(page.items.into_iter().map(|point| (point.id, point.metadata.unwrap())));
            let Some(cursor) = page.next_cursor else { break };
            step.cursor = Some(cursor);
        }
        let expected: Vec<(String, Value)> = expected.into_iter().map(|id| (id.clone(), self.points[&id].clone())).collect();
        assert_eq!(walked, expected, "walk {json}");
        !expected.is_empty()
    }
}

#[tokio::test]
async fn filters_agree_with_core_whatever_fields_are_named() {
    for (seed, fields, exotic) in [(1, false, false), (2, true, false), (3, true, true)] {
        let mut random = Random::new(0x7ec7_0000 + seed);
        let mut world = World::new(&mut random, fields, exotic).await;
        let mut matched = 0;
        for round in 0..300 {
            matched += usize::from(world.agrees(&condition(&mut random, 2, exotic)).await);
            if round % 10 != 0 {
                continue;
            }
            // Changes of every kind, so that what is kept beside the points has to follow.
            let filter = Filter::from_json(&condition(&mut random, 1, exotic)).ok().filter(|filter| !filter.is_trivially_true());
            let Some(filter) = filter else { continue };
            let matching = world.matching(&filter);
            let change = json!({ "a": random.below(3), "é": ["x", random.below(3)] });
            match random.below(4) {
                0 => {
                    let selector = PointSelector::Filter(filter);
                    let changed =
                        world.store.update(&world.scope, &selector, &PointUpdate::new().merge(change.clone())).await.unwrap();
                    assert_eq!(changed, matching.len() as u64);
                    for id in &matching {
                        let metadata = world.points.get_mut(id).unwrap().as_object_mut().unwrap();
                        metadata.extend(change.as_object().unwrap().clone());
                    }
                }
                1 => {
                    let selector = PointSelector::ids(matching.iter().take(5).map(String::as_str));
                    world.store.update(&world.scope, &selector, &PointUpdate::new().replace(change.clone())).await.unwrap();
                    for id in matching.iter().take(5) {
                        world.points.insert(id.clone(), change.clone());
                    }
                }
                2 if matching.len() < 60 => {
                    let removed = world.store.delete(&world.scope, &PointSelector::Filter(filter)).await.unwrap();
                    assert_eq!(removed, matching.len() as u64);
                    world.points.retain(|id, _| !matching.contains(id));
                }
                _ => {
                    let from = random.below(240);
                    let points = world.draw(&mut random, from..from + 10, exotic);
                    world.store.upsert(&world.scope, &points, &PointUpsertOptions::new()).await.unwrap();
                }
            }
        }
        assert!(matched > 30, "only {matched} filters matched anything");
        let there = Scope::index("things").in_namespace("there");
        assert_eq!(world.store.count(&there, &PointCountQuery::new()).await.unwrap().value, 250);
    }
}

#[tokio::test]
async fn ties_beyond_one_block_go_by_id_through_gaps() {
    let store = connect_vectors("sqlite::memory:").await.unwrap();
    store.create_index(&IndexSpec::new("ties", 500)).await.unwrap();
    let scope = Scope::index("ties");
    let vector = vec![1.0; 500];
    // Ids against the order of writing.
    for piece in (0..2_500).rev().collect::<Vec<_>>().chunks(500) {
        let points: Vec<NewPoint> = piece.iter().map(|id| NewPoint::new(format!("p{id:04}"), vector.clone())).collect();
        store.upsert(&scope, &points, &PointUpsertOptions::new()).await.unwrap();
    }
    let gone: Vec<String> = (0..2_500).filter(|id| id % 700 > 10).map(|id| format!("p{id:04}")).collect();
    let all = store.query(&scope, &VectorQuery::vector(vector.clone()).top_k(3)).await.unwrap();
    assert_eq!(all.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["p0000", "p0001", "p0002"]);
    store.delete(&scope, &PointSelector::Ids(gone)).await.unwrap();
    let left = store.query(&scope, &VectorQuery::vector(vector).top_k(100)).await.unwrap();
    let expected: Vec<String> = (0..2_500).filter(|id| id % 700 <= 10).map(|id| format!("p{id:04}")).collect();
    assert_eq!(left.hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn what_is_deleted_is_gone_from_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    let spec = IndexSpec::new("docs", 2)
        .kind(IndexKind::hnsw())
        .list_field("tags".parse().unwrap())
        .field("lang".parse().unwrap())
        .provenance(Provenance::new("local/a").revision("2"));
    store.create_index(&spec).await.unwrap();
    store.create_index(&IndexSpec::new("others", 3)).await.unwrap();
    assert_eq!(store.list_indexes().await.unwrap(), [spec.clone(), IndexSpec::new("others", 3)]);
    assert_eq!(store.describe_index("docs").await.unwrap().spec, spec);
    let points: Vec<NewPoint> = (0..300)
        .map(|n| {
            NewPoint::new(format!("p{n}"), [1.0, 2.0]).metadata(json!({ "lang": n % 3, "tags": [n, "all"] })).text("a few words")
        })
        .collect();
    let scope = Scope::index("docs");
    for namespace in ["", "b", "c"] {
        store.upsert(&scope.clone().in_namespace(namespace), &points, &PointUpsertOptions::new()).await.unwrap();
    }
    assert_eq!(rows_of(&path).await, [900, 900, 2_700, 900, 3, 2, 2]);
    store.delete(&scope, &PointSelector::ids(["p0", "p1", "p1", "none"])).await.unwrap();
    store.delete(&scope, &PointSelector::Filter(Filter::eq("lang", 2).unwrap())).await.unwrap();
    store.update(&scope, &PointSelector::id("p3"), &PointUpdate::new().text(None)).await.unwrap();
    assert_eq!(rows_of(&path).await, [798, 798, 2_394, 797, 3, 2, 2]);
    let swap = PointUpsertOptions::new().replace_where(Filter::eq("tags", "all").unwrap());
    let report = store.upsert(&scope, &points[..3], &swap).await.unwrap();
    assert_eq!(report.removed, Some(198));
    assert_eq!(store.delete_namespace("docs", "b").await.unwrap(), 300);
    assert_eq!(rows_of(&path).await, [303, 303, 909, 303, 2, 2, 2]);
    store.truncate_index("docs").await.unwrap();
    assert_eq!(rows_of(&path).await, [0, 0, 0, 0, 0, 2, 2]);
    store.upsert(&scope, &points, &PointUpsertOptions::new()).await.unwrap();
    store.delete_index("docs").await.unwrap();
    assert_eq!(rows_of(&path).await, [0, 0, 0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn a_file_from_before_vectors_gets_them_beside_its_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let first = mastra_sqlite::migrate::migrations()[..1].to_vec();
    SqliteMigrator::open(&path).unwrap().with_migrations(first).unwrap().apply(&silent).await.unwrap();
    assert!(SqliteEngine::builder(&path).auto_migrate(false).connect().await.is_err());

    let engine = SqliteEngine::builder(&path).connect().await.unwrap();
    engine.sync_records(&SyncBatch::new("Docs", "crm", [NewRecord::new("1", json!({}))])).await.unwrap();
    let store = engine.inner().vectors();
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    let scope = Scope::index("docs");
    // Both commit, or neither.
    for commits in [false, true] {
        let tx = engine.begin().await.unwrap();
        tx.upsert_records(&EntityRef::named("Docs"), &[NewRecord::new("2", json!({}))], &Default::default()).await.unwrap();
        let vectors = tx.vectors().unwrap();
        vectors.upsert(&scope, &[NewPoint::new("2", [1.0, 0.0])], &PointUpsertOptions::new()).await.unwrap();
        assert_eq!(vectors.count(&scope, &PointCountQuery::new()).await.unwrap().value, 1);
        assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, 0);
        if commits { tx.commit().await } else { tx.rollback().await }.unwrap();
        assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, u64::from(commits));
        let records = engine.count_records(&EntityRef::named("Docs"), &Default::default()).await.unwrap();
        assert_eq!(records.value, 1 + u64::from(commits));
    }
}

#[tokio::test]
async fn a_file_opened_for_reading_is_searched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = open(&path).await;
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    let scope = Scope::index("docs");
    store.upsert(&scope, &[NewPoint::new("a", [1.0, 0.0])], &PointUpsertOptions::new()).await.unwrap();
    store.close().await.unwrap();
    let store = connect_vectors(&format!("sqlite:{}?mode=ro", path.display())).await.unwrap();
    assert_eq!(store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await.unwrap().hits.len(), 1);
    let refused = store.delete_all(&scope).await.unwrap_err();
    assert_eq!(refused.kind(), mastra_core::ErrorKind::PermissionDenied, "{refused}");
}

fn batch(number: u64) -> Vec<NewPoint> {
    let point = |id| {
        let metadata = json!({ "batch": number, "pad": "x".repeat(500) });
        NewPoint::new(format!("{number}/{id}"), [number as f32, 1.0]).metadata(metadata).text(format!("batch{number}"))
    };
    (0..100).map(point).collect()
}

/// What child processes do, all of them in one file; nothing in an ordinary run.
#[tokio::test]
async fn child() {
    let Ok(path) = std::env::var(FILE) else { return };
    let store = open(Path::new(&path)).await;
    // The one that comes first makes it.
    let _ = store.create_index(&IndexSpec::new("docs", 2).metric(Metric::Dot).field("batch".parse().unwrap())).await;
    let scope = Scope::index("docs");
    let from = u64::from(std::process::id() % 1_000) * 1_000;
    for number in from.. {
        let swap = PointUpsertOptions::new().replace_where(Filter::from_json(&json!({ "batch": { "$gte": 0 } })).unwrap());
        store.upsert(&scope, &batch(number), &swap).await.unwrap();
        println!("committed {number}");
    }
}

fn start(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env(FILE, path);
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

#[tokio::test]
async fn processes_that_are_killed_while_they_swap_leave_one_whole_batch() {
    use std::io::{BufRead as _, BufReader};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    for round in 0..5_u64 {
        let mut children = [start(&path), start(&path)];
        let lines = BufReader::new(children[0].stdout.take().unwrap()).lines();
        lines.map_while(Result::ok).filter(|line| line.contains("committed")).nth(round as usize).unwrap();
        // Somewhere inside the next batch of either.
        std::thread::sleep(Duration::from_micros(900 * round));
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(rows_of(&path).await[..4], [100; 4]);
        let store = open(&path).await;
        let scope = Scope::index("docs");
        let query = VectorQuery::vector([1.0, 0.0]).top_k(200).include(Include::ALL);
        let hits = store.query(&scope, &query).await.unwrap().hits;
        let batches: BTreeSet<u64> = hits.iter().map(|hit| hit.metadata.as_ref().unwrap()["batch"].as_u64().unwrap()).collect();
        assert_eq!((hits.len(), batches.len()), (100, 1));
        let number = *batches.first().unwrap();
        assert!(hits.iter().all(|hit| hit.score == number as f64 && hit.text == Some(format!("batch{number}"))));
        let words = store.query(&scope, &VectorQuery::text(format!("batch{number}")).top_k(200)).await.unwrap();
        assert_eq!(words.hits.len(), 100);
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("a.db")).await;
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    let scope = Scope::index("docs");
    let points = batch(1);
    for micros in (0..4_000).step_by(200) {
        let options = PointUpsertOptions::new();
        let write = store.upsert(&scope, &points, &options);
        let done = tokio::time::timeout(Duration::from_micros(micros), write).await.is_ok();
        let count = store.count(&scope, &PointCountQuery::new()).await.unwrap().value;
        assert!(count == 100 || (count == 0 && !done), "{count} points behind a call that was dropped");
        store.delete_all(&scope).await.unwrap();
    }
}

#[tokio::test]
async fn an_index_that_another_handle_made_again_takes_what_it_can_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (store, other) = (open(&path).await, open(&path).await);
    let scope = Scope::index("docs");
    let zero = [NewPoint::new("zero", [0.0, 0.0])];
    store.create_index(&IndexSpec::new("docs", 2).metric(Metric::Dot)).await.unwrap();
    store.upsert(&scope, &zero, &PointUpsertOptions::new()).await.unwrap();
    other.delete_index("docs").await.unwrap();
    other.create_index(&IndexSpec::new("docs", 2).field("a".parse().unwrap())).await.unwrap();
    let refused = store.upsert(&scope, &zero, &PointUpsertOptions::new()).await.unwrap_err();
    assert_eq!(refused.kind(), mastra_core::ErrorKind::SchemaMismatch, "{refused}");
    assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, 0);
    let point = [NewPoint::new("one", [1.0, 0.0]).metadata(json!({ "a": 1 }))];
    store.upsert(&scope, &point, &PointUpsertOptions::new()).await.unwrap();
    let query = VectorQuery::vector([2.0, 0.0]).filter(Filter::eq("a", 1).unwrap());
    assert_eq!(other.query(&scope, &query).await.unwrap().hits[0].score, 1.0);
}
