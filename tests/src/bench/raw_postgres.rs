//! The Postgres twin: what a good engineer writes by hand for the same work, with the driver and `serde_json` alone.
//!
//! Nothing of this workspace is used here. Same rows, order, durability, column types and indexes as the engine's; prepared
//! statements; one transaction a batch; and the same law: top-level keys merge, unchanged rows are not written, locked or logged,
//! tombstones are revived.

use super::raw_copy;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
    types::Json,
};
use uuid::Uuid;

pub(super) const TABLES: &str = "
CREATE TABLE entities (
    id uuid PRIMARY KEY,
    connection_id text COLLATE \"C\" NOT NULL,
    name text COLLATE \"C\" NOT NULL,
    last_sync_id text,
    json_schema jsonb,
    text_fields text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT entities_name_key UNIQUE (name, connection_id)
);
CREATE INDEX entities_connection_idx ON entities (connection_id, id);
CREATE SEQUENCE record_generations AS bigint;
CREATE TABLE records (
    id uuid PRIMARY KEY,
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    external_id text COLLATE \"C\" NOT NULL,
    entity_type text NOT NULL,
    data jsonb NOT NULL CONSTRAINT records_data_check CHECK (jsonb_typeof(data) = 'object'),
    generation bigint NOT NULL DEFAULT nextval('record_generations'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT records_external_id_key UNIQUE (entity_id, external_id)
);
CREATE INDEX records_entity_idx ON records (entity_id, id);
";

/// A diff, sorted by key, then the upsert as the guard against races alone: unchanged rows are neither locked nor logged.
const SYNC: &str = "
WITH i AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::text[], $4::jsonb[]) AS u (id, x, d)),
diff AS (
    SELECT i.* FROM i LEFT JOIN records e ON e.entity_id = $1 AND e.external_id = i.x
    WHERE e.id IS NULL OR e.deleted_at IS NOT NULL OR e.data IS DISTINCT FROM e.data || i.d
)
INSERT INTO records AS r (id, entity_id, external_id, entity_type, data, created_at, updated_at)
SELECT id, $1, x, $5, d, clock_timestamp(), clock_timestamp() FROM diff ORDER BY x
ON CONFLICT (entity_id, external_id) DO UPDATE SET
    data = CASE WHEN r.deleted_at IS NULL THEN r.data || excluded.data ELSE excluded.data END,
    generation = nextval('record_generations'),
    updated_at = greatest(clock_timestamp(), r.updated_at + interval '1 microsecond'),
    deleted_at = NULL
WHERE r.deleted_at IS NOT NULL OR r.data IS DISTINCT FROM r.data || excluded.data
RETURNING r.id, r.external_id";

const BY_EXTERNAL_ID: &str = "
SELECT r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.generation, r.created_at, r.updated_at, r.deleted_at
FROM entities e JOIN records r ON r.entity_id = e.id
WHERE e.name = $1 AND e.connection_id = $2 AND r.external_id = $3 AND r.deleted_at IS NULL";

const PAGE: &str = "
SELECT id, entity_id, external_id, entity_type, data, generation, created_at, updated_at, deleted_at FROM records
WHERE entity_id = $1 AND deleted_at IS NULL AND data->>'stage' = $2 AND (data->>'amount')::numeric > $3::float8::numeric
ORDER BY (data->>'amount')::numeric DESC, id LIMIT 50";

const ALL: &str = "
SELECT id, entity_id, external_id, entity_type, data, generation, created_at, updated_at, deleted_at FROM records
WHERE entity_id = $1 AND deleted_at IS NULL ORDER BY id";

/// With what the planner has to know of the stages: it would take them for rare, and the index for no help.
const INDEX_AMOUNT: &str = "
CREATE INDEX records_amount ON records (entity_id, ((data->>'amount')::numeric) DESC, id) WHERE deleted_at IS NULL;
CREATE STATISTICS records_stage ON (data->>'stage') FROM records;
ANALYZE records";

/// A row as the application gets it.
#[derive(Debug)]
#[allow(dead_code, reason = "decoding every column is the work that is measured")]
pub(super) struct RawRecord {
    pub(super) id: Uuid,
    pub(super) entity_id: Uuid,
    pub(super) external_id: String,
    pub(super) entity_type: String,
    pub(super) data: Value,
    pub(super) generation: i64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) deleted_at: Option<DateTime<Utc>>,
}

/// A document to store.
#[derive(Debug, Clone)]
pub(super) struct RawInput {
    pub(super) external_id: String,
    pub(super) data: Value,
}

/// What became of a batch: created, updated, unchanged.
pub(super) type Counts = (usize, usize, usize);

/// One schema, one connection, one entity.
#[derive(Debug)]
pub(super) struct RawPostgres {
    connection: PgConnection,
    schema: String,
    entity_id: Uuid,
    name: &'static str,
}

impl RawPostgres {
    /// Makes the schema, whose name the caller vouches for.
    pub(super) async fn create(url: &str, schema: String, name: &'static str, connection_id: &str) -> sqlx::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", schema.as_str())]).disable_statement_logging();
        let mut connection = options.connect().await?;
        sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}; {TABLES}"))).execute(&mut connection).await?;
        let entity_id = Uuid::now_v7();
        sqlx::query("INSERT INTO entities (id, name, connection_id, created_at, updated_at) VALUES ($1, $2, $3, now(), now())")
            .bind(entity_id)
            .bind(name)
            .bind(connection_id)
            .execute(&mut connection)
            .await?;
        Ok(Self { connection, schema, entity_id, name })
    }

    /// One batch and its cursor, in one transaction.
    pub(super) async fn sync(&mut self, records: &[RawInput], cursor: Option<&str>) -> sqlx::Result<Counts> {
        let mut transaction = self.connection.begin().await?;
        let ids: Vec<Uuid> = records.iter().map(|_| Uuid::now_v7()).collect();
        let rows = sqlx::query(SYNC)
            .bind(self.entity_id)
            .bind(&ids)
            .bind(records.iter().map(|record| record.external_id.as_str()).collect::<Vec<_>>())
            .bind(records.iter().map(|record| Json(&record.data)).collect::<Vec<_>>())
            .bind(self.name)
            .fetch_all(&mut *transaction)
            .await?;
        move_cursor(&mut transaction, self.entity_id, cursor).await?;
        transaction.commit().await?;
        let mut created = 0;
        for row in &rows {
            // A row whose id is not one of ours was there before. Ids come sorted: version 7 counts within a millisecond.
            created += usize::from(ids.binary_search(&row.try_get(0)?).is_ok());
        }
        Ok((created, rows.len() - created, records.len() - rows.len()))
    }

    /// New records only, by binary COPY straight into the table: the ceiling of every bulk load.
    pub(super) async fn copy(&mut self, records: &[RawInput], cursor: Option<&str>) -> sqlx::Result<u64> {
        let mut transaction = self.connection.begin().await?;
        let now = Utc::now();
        let rows = records.iter().map(|record| raw_copy::CopyRow {
            entity_id: self.entity_id,
            external_id: &record.external_id,
            entity_type: self.name,
            data: &record.data,
            now,
        });
        let copied = raw_copy::copy(&mut transaction, rows).await?;
        move_cursor(&mut transaction, self.entity_id, cursor).await?;
        transaction.commit().await?;
        Ok(copied)
    }

    /// The fifty largest amounts of a stage above a bound.
    pub(super) async fn page(&mut self, stage: &str, above: f64) -> sqlx::Result<Vec<RawRecord>> {
        let query = sqlx::query(PAGE).bind(self.entity_id).bind(stage).bind(above);
        let rows = query.fetch_all(&mut self.connection).await?;
        rows.iter().map(decode).collect()
    }

    /// One record, by the names that an application has.
    pub(super) async fn by_external_id(
        &mut self,
        name: &str,
        connection_id: &str,
        external_id: &str,
    ) -> sqlx::Result<Option<RawRecord>> {
        let query = sqlx::query(BY_EXTERNAL_ID).bind(name).bind(connection_id).bind(external_id);
        let row = query.fetch_optional(&mut self.connection).await?;
        row.as_ref().map(decode).transpose()
    }

    /// Every record, one after the other.
    pub(super) async fn all(&mut self, mut each: impl FnMut(RawRecord) + Send) -> sqlx::Result<()> {
        let mut rows = sqlx::query(ALL).bind(self.entity_id).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            each(decode(&row)?);
        }
        Ok(())
    }

    /// The index that makes the page a range of it.
    pub(super) async fn index_amount(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql(INDEX_AMOUNT).execute(&mut self.connection).await.map(drop)
    }

    /// Drops the schema.
    pub(super) async fn close(mut self) -> sqlx::Result<()> {
        let drop = format!("DROP SCHEMA {} CASCADE", self.schema);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut self.connection).await?;
        self.connection.close().await
    }
}

async fn move_cursor(connection: &mut PgConnection, entity_id: Uuid, cursor: Option<&str>) -> sqlx::Result<()> {
    let Some(cursor) = cursor else { return Ok(()) };
    sqlx::query("UPDATE entities SET last_sync_id = $2, updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond') WHERE id = $1")
        .bind(entity_id)
        .bind(cursor)
        .execute(connection)
        .await
        .map(drop)
}

fn decode(row: &PgRow) -> sqlx::Result<RawRecord> {
    Ok(RawRecord {
        id: row.try_get(0)?,
        entity_id: row.try_get(1)?,
        external_id: row.try_get(2)?,
        entity_type: row.try_get(3)?,
        data: row.try_get::<Json<Value>, _>(4)?.0,
        generation: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
        deleted_at: row.try_get(8)?,
    })
}
