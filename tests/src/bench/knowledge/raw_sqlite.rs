//! The SQLite twin: what a good engineer writes by hand for the same work, with the driver alone.
//!
//! Vectors are blobs in a table of their own, read row by row in order of the key; words stand in an FTS5 table and are ranked by its
//! bm25.

use super::side::{CANDIDATES, Chunks, LEG, Place, RRF_K, RawChunk, RawPassage, RawRecord};
use crate::bench::vectors::cosine_distance;
use futures::TryStreamExt as _;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    collections::HashMap,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// Rows that one INSERT takes.
const ROWS: usize = 100;
/// Connections that read.
const READERS: u32 = 4;
/// How long a lease lasts, in microseconds.
const LEASE: i64 = 120_000_000;

const TABLES: &str = "
CREATE TABLE records (key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, external_id TEXT NOT NULL UNIQUE, generation INTEGER NOT NULL,
    data TEXT NOT NULL) STRICT;
CREATE TABLE changes (record INTEGER PRIMARY KEY, generation INTEGER NOT NULL, queued_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
    lease BLOB) STRICT;
CREATE INDEX changes_due ON changes (due_at, generation);
CREATE TABLE points (key INTEGER PRIMARY KEY, record INTEGER NOT NULL, generation INTEGER NOT NULL, ord INTEGER NOT NULL,
    starts INTEGER NOT NULL, ends INTEGER NOT NULL, headings TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (record, generation, ord)) STRICT;
CREATE TABLE point_vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;
CREATE VIRTUAL TABLE point_text USING fts5 (text, content = '', contentless_delete = 1);
";

const ALL: &str = "SELECT key, vector FROM point_vectors ORDER BY key";

const SAID: &str = "SELECT rowid FROM point_text WHERE point_text MATCH ?1 ORDER BY rank LIMIT ?2";

const FOUND: &str = "SELECT p.key, r.external_id, p.ord, p.starts, p.ends, p.headings, p.text FROM json_each(?1) j \
     CROSS JOIN points p ON p.key = j.value JOIN records r ON r.key = p.record AND r.generation = p.generation";

/// One file: a connection that writes, and some that read.
#[derive(Debug, Clone)]
pub(super) struct RawSqlite {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl RawSqlite {
    pub(super) async fn create(path: &Path) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "MEMORY")
            .row_buffer_size(256)
            .disable_statement_logging();
        let pool = |size| SqlitePoolOptions::new().max_connections(size).test_before_acquire(false);
        let writer = pool(1).connect_with(options.clone()).await?;
        sqlx::raw_sql(TABLES).execute(&writer).await?;
        let readers = pool(READERS).connect_with(options.pragma("mmap_size", "268435456")).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn load(&self, records: &[RawRecord]) -> sqlx::Result<()> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let next = "SELECT coalesce(max(generation), 0) FROM records";
        let mut generation: i64 = sqlx::query_scalar(next).fetch_one(&mut *transaction).await?;
        for record in records {
            generation += 1;
            let store = "INSERT INTO records (id, external_id, generation, data) VALUES (?1, ?2, ?3, ?4) \
                         ON CONFLICT (id) DO UPDATE SET generation = excluded.generation, data = excluded.data RETURNING key";
            let query = sqlx::query_scalar(store).bind(record.id).bind(&record.external_id).bind(generation).bind(&record.data);
            let key: i64 = query.fetch_one(&mut *transaction).await?;
            let queue = "INSERT INTO changes (record, generation, queued_at, due_at) VALUES (?1, ?2, ?3, ?3) \
                         ON CONFLICT (record) DO UPDATE SET generation = excluded.generation, due_at = excluded.due_at";
            sqlx::query(queue).bind(key).bind(generation).bind(now()).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn index(&self, batch: usize, chunks: &Chunks) -> sqlx::Result<usize> {
        let mut written = 0;
        loop {
            let lease = Uuid::from_u128(written as u128 + 1);
            let claim = "UPDATE changes SET lease = ?1, due_at = ?2 WHERE record IN \
                         (SELECT record FROM changes WHERE due_at <= ?3 ORDER BY due_at, generation LIMIT ?4) RETURNING record";
            let limit = i64::try_from(batch).unwrap_or(i64::MAX);
            let query = sqlx::query_scalar(claim).bind(lease).bind(now() + LEASE).bind(now()).bind(limit);
            let claimed: Vec<i64> = query.fetch_all(&self.writer).await?;
            if claimed.is_empty() {
                return Ok(written);
            }
            let list = format!("{claimed:?}");
            let read = "SELECT r.key, r.generation, r.id, r.data FROM json_each(?1) j CROSS JOIN records r ON r.key = j.value";
            let mut records: Vec<(i64, i64, Uuid)> = Vec::with_capacity(claimed.len());
            for row in sqlx::query(read).bind(&list).fetch_all(&self.readers).await? {
                // What a worker cuts into chunks; here that was done before.
                let data: &str = row.try_get(3)?;
                let _: serde_json::Value = serde_json::from_str(data).map_err(|error| sqlx::Error::Decode(error.into()))?;
                records.push((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
            }
            let known = self.known(&list).await?;
            let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
            written += write(&mut transaction, lease, &records, chunks, &known).await?;
            transaction.commit().await?;
        }
    }

    async fn known(&self, records: &str) -> sqlx::Result<HashMap<String, Vec<u8>>> {
        let known = "SELECT p.hash, v.vector FROM json_each(?1) j CROSS JOIN points p ON p.record = j.value \
                     JOIN point_vectors v ON v.key = p.key";
        sqlx::query_as(known).bind(records).fetch_all(&self.readers).await.map(|rows| rows.into_iter().collect())
    }

    pub(super) async fn search(&self, words: &str, vector: &[f32]) -> sqlx::Result<Vec<RawPassage>> {
        let mut connection = self.readers.acquire().await?;
        let near = near(&mut connection, vector).await?;
        let said: Vec<i64> = sqlx::query_scalar(SAID).bind(quoted(words)).bind(LEG).fetch_all(&mut *connection).await?;
        let mut fused: HashMap<i64, f64> = HashMap::new();
        for leg in [near, said] {
            for (rank, key) in leg.into_iter().enumerate() {
                *fused.entry(key).or_default() += 1.0 / (RRF_K + rank as f64 + 1.0);
            }
        }
        let mut fused: Vec<(i64, f64)> = fused.into_iter().collect();
        fused.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        fused.truncate(usize::try_from(CANDIDATES).unwrap_or_default());
        let scores: HashMap<i64, f64> = fused.iter().copied().collect();
        let keys: Vec<i64> = fused.iter().map(|(key, _)| *key).collect();
        let rows = sqlx::query(FOUND).bind(format!("{keys:?}")).fetch_all(&mut *connection).await?;
        let passage = |row: &sqlx::sqlite::SqliteRow| {
            let score = scores.get(&row.try_get(0)?).copied().unwrap_or_default();
            Ok(RawPassage {
                place: (row.try_get(1)?, row.try_get(2)?),
                start: row.try_get(3)?,
                end: row.try_get(4)?,
                headings: row.try_get(5)?,
                text: row.try_get(6)?,
                score,
            })
        };
        // In the order of the list.
        rows.iter().map(passage).collect()
    }

    pub(super) async fn nearest(&self, vector: &[f32]) -> sqlx::Result<Vec<Place>> {
        let mut connection = self.readers.acquire().await?;
        let keys = near(&mut connection, vector).await?;
        places(&mut connection, &keys).await
    }

    pub(super) async fn said(&self, words: &str) -> sqlx::Result<Vec<Place>> {
        let mut connection = self.readers.acquire().await?;
        let keys: Vec<i64> = sqlx::query_scalar(SAID).bind(quoted(words)).bind(LEG).fetch_all(&mut *connection).await?;
        places(&mut connection, &keys).await
    }

    pub(super) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Words, all of which have to occur.
fn quoted(words: &str) -> String {
    words.split_whitespace().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

async fn places(connection: &mut SqliteConnection, keys: &[i64]) -> sqlx::Result<Vec<Place>> {
    let rows = sqlx::query(FOUND).bind(format!("{keys:?}")).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get(1)?, row.try_get(2)?))).collect()
}

/// The keys of the nearest, best first.
async fn near(connection: &mut SqliteConnection, vector: &[f32]) -> sqlx::Result<Vec<i64>> {
    let most = usize::try_from(LEG).unwrap_or_default();
    let mut best: Vec<(f64, i64)> = Vec::with_capacity(most + 1);
    let mut rows = sqlx::query(ALL).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let distance = cosine_distance(vector, row.try_get(1)?);
        if best.len() < most || best.last().is_some_and(|(furthest, _)| distance < *furthest) {
            let place = best.partition_point(|(kept, _)| *kept <= distance);
            best.insert(place, (distance, row.try_get(0)?));
            best.truncate(most);
        }
    }
    Ok(best.into_iter().map(|(_, key)| key).collect())
}

async fn write(
    connection: &mut SqliteConnection,
    lease: Uuid,
    records: &[(i64, i64, Uuid)],
    chunks: &Chunks,
    known: &HashMap<String, Vec<u8>>,
) -> sqlx::Result<usize> {
    let list: Vec<i64> = records.iter().map(|(key, ..)| *key).collect();
    let old = "SELECT p.key FROM json_each(?1) j CROSS JOIN points p ON p.record = j.value";
    let old: Vec<i64> = sqlx::query_scalar(old).bind(format!("{list:?}")).fetch_all(&mut *connection).await?;
    if !old.is_empty() {
        for (table, key) in [("point_text", "rowid"), ("point_vectors", "key"), ("points", "key")] {
            let remove = format!("DELETE FROM {table} WHERE {key} IN (SELECT value FROM json_each(?1))");
            sqlx::query(AssertSqlSafe(remove)).bind(format!("{old:?}")).execute(&mut *connection).await?;
        }
    }
    let next = "SELECT coalesce(max(key), 0) + 1 FROM points";
    let mut key: i64 = sqlx::query_scalar(next).fetch_one(&mut *connection).await?;
    let mut rows: Vec<(i64, i64, i64, &RawChunk)> = Vec::new();
    for (record, generation, id) in records {
        for chunk in chunks.get(id).into_iter().flatten() {
            rows.push((key, *record, *generation, chunk));
            key += 1;
        }
    }
    for rows in rows.chunks(ROWS) {
        let several = |one: &str| vec![one; rows.len()].join(",");
        let sql = format!(
            "INSERT INTO points (key, record, generation, ord, starts, ends, headings, hash, text) VALUES {}",
            several("(?,?,?,?,?,?,?,?,?)")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, record, generation, chunk) in rows {
            query = query.bind(key).bind(record).bind(generation).bind(chunk.order).bind(chunk.start).bind(chunk.end);
            query = query.bind(&chunk.headings).bind(&chunk.hash).bind(&chunk.text);
        }
        query.execute(&mut *connection).await?;
        let sql = format!("INSERT INTO point_vectors (key, vector) VALUES {}", several("(?,?)"));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, _, _, chunk) in rows {
            let bytes = |vector: &Vec<f32>| vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
            let vector = chunk.vector.as_ref().map(bytes).or_else(|| known.get(&chunk.hash).cloned());
            query = query.bind(key).bind(vector);
        }
        query.execute(&mut *connection).await?;
        let sql = format!("INSERT INTO point_text (rowid, text) VALUES {}", several("(?,?)"));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (key, _, _, chunk) in rows {
            query = query.bind(key).bind(&chunk.text);
        }
        query.execute(&mut *connection).await?;
    }
    for (record, generation, _) in records {
        let settle = "DELETE FROM changes WHERE record = ?1 AND generation = ?2 AND lease = ?3";
        sqlx::query(settle).bind(record).bind(generation).bind(lease).execute(&mut *connection).await?;
    }
    Ok(rows.len())
}
