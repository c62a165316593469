//! The Postgres twin: what a good engineer writes by hand for the same work, with the driver alone.
//!
//! Statements are prepared, batches travel as arrays, vectors in pgvector's binary form; a search is one statement, of both legs, their
//! fusion and the records that the passages have to be current of.

use super::side::{CANDIDATES, Chunks, LEG, Place, RRF_K, RawChunk, RawPassage, RawRecord};
use crate::bench::vectors::Embedding;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, PgPool, Row as _,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    types::Json,
};
use std::collections::HashMap;
use uuid::Uuid;

/// The most connections: as many as there are searches at once.
const CONNECTIONS: u32 = 16;

const LOAD: &str = "WITH stored AS (INSERT INTO records AS r (id, external_id, generation, data) \
     SELECT i.id, i.external_id, nextval('generations'), i.data::jsonb FROM unnest($1::uuid[], $2::text[], $3::text[]) \
     AS i (id, external_id, data) ON CONFLICT (id) DO UPDATE SET data = excluded.data, generation = excluded.generation \
     RETURNING id, generation) \
     INSERT INTO changes (record_id, generation) SELECT id, generation FROM stored \
     ON CONFLICT (record_id) DO UPDATE SET generation = excluded.generation, due_at = excluded.due_at";

const CLAIM: &str = "WITH due AS MATERIALIZED (SELECT record_id FROM changes WHERE due_at <= statement_timestamp() \
     ORDER BY due_at, generation LIMIT $1 FOR UPDATE SKIP LOCKED) \
     UPDATE changes c SET lease = $2, due_at = statement_timestamp() + interval '2 minutes' \
     FROM due WHERE c.record_id = due.record_id RETURNING c.record_id";

const READ: &str = "SELECT id, generation, external_id, data FROM records WHERE id = ANY($1) ORDER BY id";

const KNOWN: &str = "SELECT hash, embedding FROM points WHERE record_id = ANY($1)";

const REMOVE: &str = "DELETE FROM points p USING unnest($1::uuid[], $2::bigint[]) AS i (id, generation) \
     WHERE p.record_id = i.id AND p.generation <= i.generation";

const WRITE: &str = "INSERT INTO points (record_id, generation, ord, starts, ends, headings, hash, text, terms, embedding) \
     SELECT i.record_id, i.generation, i.ord, i.starts, i.ends, i.headings, i.hash, i.text, to_tsvector('simple', i.text), i.embedding \
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::vector[]) \
     AS i (record_id, generation, ord, starts, ends, headings, hash, text, embedding)";

const SETTLE: &str = "DELETE FROM changes c USING unnest($1::uuid[], $2::bigint[]) AS i (id, generation) \
     WHERE c.record_id = i.id AND c.generation = i.generation AND c.lease = $3";

const SAID: &str = "SELECT record_id, generation, ord, ts_rank_cd(terms, q, 1) AS worth FROM points, plainto_tsquery('simple', $1) q \
     WHERE terms @@ q ORDER BY worth DESC, record_id, ord LIMIT $2";

/// One table in a schema of its own.
#[derive(Debug, Clone)]
pub(super) struct RawPostgres(PgPool);

impl RawPostgres {
    pub(super) async fn create(url: &str, schema: &str, dimension: usize, graph: bool) -> sqlx::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let path = format!("{schema},public");
        let options = options.options([("search_path", path.as_str()), ("hnsw.ef_search", "100")]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_with(options).await?;
        let tables = format!(
            "CREATE SCHEMA {schema}; CREATE EXTENSION IF NOT EXISTS vector SCHEMA public; CREATE SEQUENCE generations AS bigint; \
             CREATE TABLE records (id uuid PRIMARY KEY, external_id text COLLATE \"C\" NOT NULL UNIQUE, generation bigint NOT NULL, \
             data jsonb NOT NULL); \
             CREATE TABLE changes (record_id uuid PRIMARY KEY, generation bigint NOT NULL, \
             queued_at timestamptz NOT NULL DEFAULT statement_timestamp(), due_at timestamptz NOT NULL DEFAULT statement_timestamp(), \
             lease uuid); CREATE INDEX ON changes (due_at, generation); \
             CREATE TABLE points (record_id uuid NOT NULL, generation bigint NOT NULL, ord bigint NOT NULL, starts bigint NOT NULL, \
             ends bigint NOT NULL, headings text NOT NULL, hash text NOT NULL, text text NOT NULL, terms tsvector NOT NULL, \
             embedding vector({dimension}) NOT NULL, PRIMARY KEY (record_id, generation, ord)); \
             CREATE INDEX ON points USING gin (terms);"
        );
        sqlx::raw_sql(AssertSqlSafe(tables)).execute(&pool).await?;
        let raw = Self(pool);
        if graph {
            raw.build().await?;
        }
        Ok(raw)
    }

    pub(super) async fn load(&self, records: &[RawRecord]) -> sqlx::Result<()> {
        let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
        let names: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let data: Vec<&str> = records.iter().map(|record| record.data.as_str()).collect();
        sqlx::query(LOAD).bind(ids).bind(names).bind(data).execute(&self.0).await.map(drop)
    }

    pub(super) async fn index(&self, batch: usize, chunks: &Chunks) -> sqlx::Result<usize> {
        let mut written = 0;
        loop {
            let lease = Uuid::from_u128(written as u128 + 1);
            let limit = i64::try_from(batch).unwrap_or(i64::MAX);
            let claimed: Vec<Uuid> = sqlx::query_scalar(CLAIM).bind(limit).bind(lease).fetch_all(&self.0).await?;
            if claimed.is_empty() {
                return Ok(written);
            }
            let mut records: Vec<(Uuid, i64)> = Vec::with_capacity(claimed.len());
            for row in sqlx::query(READ).bind(&claimed).fetch_all(&self.0).await? {
                // What a worker cuts into chunks; here that was done before.
                let _: Json<Value> = row.try_get(3)?;
                records.push((row.try_get(0)?, row.try_get(1)?));
            }
            let known = self.known(&claimed).await?;
            written += self.write(lease, &records, chunks, &known).await?;
        }
    }

    async fn known(&self, records: &[Uuid]) -> sqlx::Result<HashMap<String, Vec<f32>>> {
        let rows = sqlx::query(KNOWN).bind(records).fetch_all(&self.0).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, vector(row, 1)?))).collect()
    }

    async fn write<'c>(
        &self,
        lease: Uuid,
        records: &[(Uuid, i64)],
        chunks: &'c Chunks,
        known: &'c HashMap<String, Vec<f32>>,
    ) -> sqlx::Result<usize> {
        let of = |(id, generation): &(Uuid, i64)| {
            let (id, generation) = (*id, *generation);
            chunks.get(&id).into_iter().flatten().map(move |chunk| (id, generation, chunk))
        };
        let rows: Vec<_> = records.iter().flat_map(of).collect();
        let embedding = |chunk: &'c RawChunk| {
            let vector = chunk.vector.as_ref().or_else(|| known.get(&chunk.hash)).map(|vector| Embedding(vector));
            vector.ok_or_else(|| sqlx::Error::Protocol("a chunk without a vector".into()))
        };
        let vectors = rows.iter().map(|(_, _, chunk)| embedding(chunk)).collect::<sqlx::Result<Vec<_>>>()?;
        let (ids, generations): (Vec<Uuid>, Vec<i64>) = records.iter().copied().unzip();
        let mut transaction = self.0.begin().await?;
        sqlx::query(REMOVE).bind(&ids).bind(&generations).execute(&mut *transaction).await?;
        sqlx::query(WRITE)
            .bind(rows.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, generation, _)| *generation).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.order).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.start).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.end).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.headings.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.hash.as_str()).collect::<Vec<_>>())
            .bind(rows.iter().map(|(_, _, chunk)| chunk.text.as_str()).collect::<Vec<_>>())
            .bind(vectors)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(SETTLE).bind(&ids).bind(&generations).bind(lease).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(rows.len())
    }

    pub(super) async fn build(&self) -> sqlx::Result<()> {
        let build = "CREATE INDEX ON points USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)";
        sqlx::raw_sql(build).execute(&self.0).await.map(drop)
    }

    pub(super) async fn search(&self, words: &str, vector: &[f32]) -> sqlx::Result<Vec<RawPassage>> {
        let said = SAID.replace("$1", "$2").replace("LIMIT $2", "LIMIT $3");
        let search = format!(
            "WITH near AS (SELECT record_id, generation, ord, row_number() OVER (ORDER BY distance) AS rank FROM \
             (SELECT record_id, generation, ord, embedding <=> $1 AS distance FROM points ORDER BY embedding <=> $1 LIMIT $3) n), \
             said AS (SELECT record_id, generation, ord, row_number() OVER (ORDER BY worth DESC, record_id, ord) AS rank FROM ({said}) s), \
             fused AS (SELECT record_id, generation, ord, sum(1 / ($4::float8 + rank)) AS score \
             FROM (SELECT * FROM near UNION ALL SELECT * FROM said) legs \
             GROUP BY record_id, generation, ord ORDER BY score DESC, record_id, ord LIMIT $5) \
             SELECT r.external_id, p.ord, p.starts, p.ends, p.headings, p.text, f.score FROM fused f \
             JOIN points p USING (record_id, generation, ord) \
             JOIN records r ON r.id = f.record_id AND r.generation = f.generation ORDER BY f.score DESC, f.record_id, f.ord"
        );
        let query = sqlx::query(AssertSqlSafe(search)).bind(Embedding(vector)).bind(words).bind(LEG).bind(RRF_K).bind(CANDIDATES);
        let rows = query.fetch_all(&self.0).await?;
        let passage = |row: &PgRow| {
            Ok(RawPassage {
                place: (row.try_get(0)?, row.try_get(1)?),
                start: row.try_get(2)?,
                end: row.try_get(3)?,
                headings: row.try_get(4)?,
                text: row.try_get(5)?,
                score: row.try_get(6)?,
            })
        };
        rows.iter().map(passage).collect()
    }

    pub(super) async fn nearest(&self, vector: &[f32]) -> sqlx::Result<Vec<Place>> {
        // The sum keeps the graph away.
        let nearest = "SELECT r.external_id, p.ord FROM (SELECT record_id, ord, (embedding <=> $1) + 0 AS distance FROM points \
             ORDER BY 3, record_id, ord LIMIT $2) p JOIN records r ON r.id = p.record_id ORDER BY p.distance, p.record_id, p.ord";
        sqlx::query_as(nearest).bind(Embedding(vector)).bind(LEG).fetch_all(&self.0).await
    }

    pub(super) async fn said(&self, words: &str) -> sqlx::Result<Vec<Place>> {
        let said = format!(
            "SELECT r.external_id, s.ord FROM ({SAID}) s JOIN records r ON r.id = s.record_id ORDER BY s.worth DESC, r.id, s.ord"
        );
        sqlx::query_as(AssertSqlSafe(said)).bind(words).bind(LEG).fetch_all(&self.0).await
    }

    pub(super) async fn close(self) {
        self.0.close().await;
    }
}

/// A vector as pgvector sends it: the dimension, an unused word, the numbers.
fn vector(row: &PgRow, at: usize) -> sqlx::Result<Vec<f32>> {
    let bytes = row.try_get_raw(at)?.as_bytes().map_err(sqlx::Error::Decode)?;
    let numbers = bytes.get(4..).unwrap_or_default().as_chunks::<4>().0;
    Ok(numbers.iter().map(|number| f32::from_be_bytes(*number)).collect())
}
