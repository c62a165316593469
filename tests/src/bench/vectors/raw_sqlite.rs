//! The SQLite twin: what a good engineer writes by hand for the same work, with the driver alone.
//!
//! Vectors are blobs in a table of their own, read row by row in order of the key; the distance is measured in Rust, in 32 bits and
//! eight sums at a time. The filter is served by an index on both fields.

use futures::TryStreamExt as _;
use mastra_conformance::bench::Among;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{collections::HashMap, path::Path};

/// Rows that one INSERT takes.
const ROWS: usize = 100;
/// Connections that read.
const READERS: u32 = 4;
const TOP_K: usize = 10;

const TABLES: &str = "
CREATE TABLE points (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, metadata TEXT NOT NULL) STRICT;
CREATE TABLE point_vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL) STRICT;
CREATE INDEX points_by_price ON points (metadata ->> '$.category', metadata ->> '$.price');
";

const ALL: &str = "SELECT key, vector FROM point_vectors ORDER BY key";

const MATCHING: &str = "SELECT v.key, v.vector FROM points p JOIN point_vectors v ON v.key = p.key \
     WHERE p.metadata ->> '$.category' = ?1 AND p.metadata ->> '$.price' < ?2";

const FOUND: &str = "SELECT p.key, p.id, p.metadata FROM json_each(?1) j CROSS JOIN points p ON p.key = j.value";

/// A point to store.
pub(in crate::bench) struct RawPoint {
    pub(super) id: String,
    pub(super) vector: Vec<f32>,
    pub(super) metadata: Value,
}

/// One file: a connection that writes, and some that read.
#[derive(Debug, Clone)]
pub(in crate::bench) struct RawSqliteVectors {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl RawSqliteVectors {
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
        let readers = pool(READERS).connect_with(options).await?;
        Ok(Self { writer, readers })
    }

    pub(super) async fn upsert(&self, points: &[RawPoint]) -> sqlx::Result<()> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        for points in points.chunks(ROWS) {
            let values = vec!["(?,?)"; points.len()].join(",");
            let sql = format!(
                "INSERT INTO points (id, metadata) VALUES {values} \
                 ON CONFLICT (id) DO UPDATE SET metadata = excluded.metadata RETURNING key, id"
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for point in points {
                query = query.bind(&point.id).bind(point.metadata.to_string());
            }
            let rows = query.fetch_all(&mut *transaction).await?;
            let mut keys: HashMap<&str, i64> = HashMap::with_capacity(rows.len());
            for row in &rows {
                keys.insert(row.try_get(1)?, row.try_get(0)?);
            }
            let sql = format!(
                "INSERT INTO point_vectors (key, vector) VALUES {values} ON CONFLICT (key) DO UPDATE SET vector = excluded.vector"
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for point in points {
                let bytes: Vec<u8> = point.vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                query = query.bind(keys.get(point.id.as_str()).copied()).bind(bytes);
            }
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    pub(super) async fn ask(&self, among: Among, question: &[f32]) -> sqlx::Result<Vec<super::backend::RawHit>> {
        let mut connection = self.readers.acquire().await?;
        let mut best: Vec<(f64, i64)> = Vec::with_capacity(TOP_K + 1);
        {
            let query = match among {
                Among::All => sqlx::query(ALL),
                Among::Matching => sqlx::query(MATCHING).bind("a").bind(500),
            };
            let mut rows = query.fetch(&mut *connection);
            while let Some(row) = rows.try_next().await? {
                let distance = cosine_distance(question, row.try_get(1)?);
                if best.len() < TOP_K || best.last().is_some_and(|(furthest, _)| distance < *furthest) {
                    let place = best.partition_point(|(kept, _)| *kept <= distance);
                    best.insert(place, (distance, row.try_get(0)?));
                    best.truncate(TOP_K);
                }
            }
        }
        let keys: Vec<i64> = best.iter().map(|(_, key)| *key).collect();
        let rows = sqlx::query(FOUND).bind(format!("{keys:?}")).fetch_all(&mut *connection).await?;
        let mut hits = Vec::with_capacity(rows.len());
        // In the order of the list.
        for (row, (distance, _)) in rows.iter().zip(&best) {
            let metadata: &str = row.try_get(2)?;
            let metadata = serde_json::from_str(metadata).map_err(|error| sqlx::Error::Decode(error.into()))?;
            hits.push(super::backend::RawHit { id: row.try_get(1)?, distance: *distance, metadata });
        }
        Ok(hits)
    }

    pub(super) async fn close(self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Product and length in one pass, without a copy of the blob.
pub(in crate::bench) fn cosine_distance(question: &[f32], blob: &[u8]) -> f64 {
    const LANES: usize = 8;
    let (mut product, mut square, mut own) = ([0_f32; LANES], [0_f32; LANES], [0_f32; LANES]);
    let stored = blob.as_chunks::<4>().0;
    for (a, b) in question.chunks(LANES).zip(stored.chunks(LANES)) {
        for (lane, (a, b)) in a.iter().zip(b).enumerate() {
            let b = f32::from_le_bytes(*b);
            if let (Some(product), Some(square), Some(own)) = (product.get_mut(lane), square.get_mut(lane), own.get_mut(lane)) {
                *product += a * b;
                *square += b * b;
                *own += a * a;
            }
        }
    }
    let sum = |lanes: [f32; LANES]| f64::from(lanes.iter().sum::<f32>());
    1.0 - sum(product) / (sum(square) * sum(own)).sqrt()
}
