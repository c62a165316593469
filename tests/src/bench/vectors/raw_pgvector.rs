//! The pgvector twin: what a good engineer writes by hand for the same work, with the driver alone.
//!
//! Vectors travel in pgvector's binary form, statements are prepared, an upsert is one `UNNEST`, and settings are the session's. The
//! filtered search looks at every point that matches, by an index on both fields: with one point in sixteen that is quicker than an
//! iterative scan of the graph, and it misses nothing.

use mastra_conformance::bench::Among;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, Encode, PgPool, Postgres, Row as _, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgConnectOptions, PgHasArrayType, PgPoolOptions, PgTypeInfo},
    types::Json,
};

/// The most connections: as many as there are searches at once.
pub(super) const CONNECTIONS: u32 = 16;

const UPSERT: &str = "INSERT INTO points (namespace, id, embedding, metadata) \
     SELECT $1, i.* FROM unnest($2::text[], $3::vector[], $4::jsonb[]) AS i \
     ON CONFLICT (namespace, id) DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata";

const NEAREST: &str = "SELECT id, embedding <=> $1 AS distance, metadata FROM points WHERE namespace = $2 \
     ORDER BY embedding <=> $1 LIMIT 10";

/// The sum keeps the graph away.
const MATCHING: &str = "SELECT id, (embedding <=> $1) + 0 AS distance, metadata FROM points WHERE namespace = $2 \
     AND metadata ->> 'category' = $3 AND (metadata ->> 'price')::int < $4 ORDER BY 2 LIMIT 10";

/// A vector in pgvector's binary form: the dimension, an unused word, the numbers.
pub(in crate::bench) struct Embedding<'v>(pub(in crate::bench) &'v [f32]);

impl Type<Postgres> for Embedding<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("vector")
    }
}

impl PgHasArrayType for Embedding<'_> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("vector")
    }
}

impl Encode<'_, Postgres> for Embedding<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&u16::try_from(self.0.len())?.to_be_bytes());
        buffer.extend_from_slice(&[0, 0]);
        for number in self.0 {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
        Ok(IsNull::No)
    }
}

/// A point to store.
pub(in crate::bench) struct RawPoint {
    pub(super) id: String,
    pub(super) vector: Vec<f32>,
    pub(super) metadata: Value,
}

/// One table in a schema of its own.
#[derive(Debug, Clone)]
pub(in crate::bench) struct RawPgVector(PgPool);

impl RawPgVector {
    pub(super) async fn create(url: &str, schema: &str, dimension: usize) -> sqlx::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let path = format!("{schema},public");
        let options = options.options([("search_path", path.as_str()), ("hnsw.ef_search", "100")]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_with(options).await?;
        let tables = format!(
            "CREATE SCHEMA {schema}; CREATE EXTENSION IF NOT EXISTS vector SCHEMA public; \
             CREATE TABLE points (namespace text COLLATE \"C\" NOT NULL, id text COLLATE \"C\" NOT NULL, \
             embedding vector({dimension}) NOT NULL, metadata jsonb NOT NULL, PRIMARY KEY (namespace, id)); \
             CREATE INDEX ON points USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64); \
             CREATE INDEX ON points (namespace, (metadata ->> 'category'), ((metadata ->> 'price')::int));"
        );
        sqlx::raw_sql(AssertSqlSafe(tables)).execute(&pool).await?;
        Ok(Self(pool))
    }

    pub(super) async fn upsert(&self, points: &[RawPoint]) -> sqlx::Result<()> {
        let ids: Vec<&str> = points.iter().map(|point| point.id.as_str()).collect();
        let vectors: Vec<Embedding<'_>> = points.iter().map(|point| Embedding(&point.vector)).collect();
        let metadata: Vec<Json<&Value>> = points.iter().map(|point| Json(&point.metadata)).collect();
        sqlx::query(UPSERT).bind("").bind(ids).bind(vectors).bind(metadata).execute(&self.0).await.map(drop)
    }

    pub(super) async fn ask(&self, among: Among, question: &[f32]) -> sqlx::Result<Vec<super::backend::RawHit>> {
        let rows = match among {
            Among::All => sqlx::query(NEAREST).bind(Embedding(question)).bind("").fetch_all(&self.0).await?,
            Among::Matching => {
                sqlx::query(MATCHING).bind(Embedding(question)).bind("").bind("a").bind(500_i32).fetch_all(&self.0).await?
            }
        };
        let hit = |row: &sqlx::postgres::PgRow| {
            let metadata: Json<Value> = row.try_get(2)?;
            Ok(super::backend::RawHit { id: row.try_get(0)?, distance: row.try_get(1)?, metadata: metadata.0 })
        };
        rows.iter().map(hit).collect()
    }

    pub(super) async fn close(self) {
        self.0.close().await;
    }
}
