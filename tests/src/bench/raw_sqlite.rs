//! The SQLite twin: what a good engineer writes by hand for the same work, with the driver and `serde_json` alone.
//!
//! Nothing of this workspace is used here. Same rows, order, durability and indexes as the engine's; prepared statements; one
//! transaction a batch; and the same law: top-level keys merge, unchanged rows are not written, tombstones are revived.

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use std::{collections::HashMap, path::Path, sync::Arc};
use uuid::Uuid;

/// Rows that one prepared INSERT takes. One row a statement costs a hand-over to the driver's thread each.
const ROWS: usize = 100;

pub(super) const TABLES: &str = "
CREATE TABLE entities (
    key           INTEGER PRIMARY KEY AUTOINCREMENT,
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    name          TEXT    NOT NULL,
    connection_id TEXT    NOT NULL,
    last_sync_id  TEXT,
    schema        TEXT,
    text_fields   TEXT    NOT NULL DEFAULT '[]',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (name, connection_id)
) STRICT;
CREATE TABLE records (
    key         INTEGER PRIMARY KEY,
    id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    entity      INTEGER NOT NULL REFERENCES entities (key),
    external_id TEXT    NOT NULL,
    entity_type TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    finish      INTEGER NOT NULL CHECK (finish IN (0, 1)),
    data        TEXT    NOT NULL CHECK (substr(data, 1, 1) = '{'),
    UNIQUE (entity, external_id)
) STRICT;
CREATE INDEX records_in_order ON records (entity, id);
CREATE INDEX records_to_finish ON records (entity) WHERE finish = 1;
CREATE INDEX records_deleted ON records (entity, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('generation', 0);
";

const FOUND: &str = "SELECT i.value, r.key, r.data, r.deleted_at, r.updated_at FROM json_each(?2) i \
     CROSS JOIN records r ON r.entity = ?1 AND r.external_id = i.value";

const BY_EXTERNAL_ID: &str = "SELECT r.id, r.external_id, r.entity_type, r.data, r.generation, r.created_at, r.updated_at, r.deleted_at, e.id \
     FROM entities e JOIN records r ON r.entity = e.key \
     WHERE e.name = ?1 AND e.connection_id = ?2 AND r.external_id = ?3 AND r.deleted_at IS NULL";

const PAGE: &str = "SELECT id, external_id, entity_type, data, generation, created_at, updated_at, deleted_at FROM records \
     WHERE entity = ?1 AND deleted_at IS NULL AND data ->> '$.stage' = ?2 AND data ->> '$.amount' > ?3 \
     ORDER BY data ->> '$.amount' DESC, id LIMIT 50";

const ALL: &str = "SELECT id, external_id, entity_type, data, generation, created_at, updated_at, deleted_at FROM records \
     WHERE entity = ?1 AND deleted_at IS NULL ORDER BY id";

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

/// One file, one connection, one entity.
#[derive(Debug)]
pub(super) struct RawSqlite {
    connection: SqliteConnection,
    entity: i64,
    entity_id: Uuid,
    name: &'static str,
    insert_rows: Arc<str>,
}

impl RawSqlite {
    pub(super) async fn create(path: &Path, name: &'static str, connection_id: &str) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "MEMORY")
            .row_buffer_size(256)
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        sqlx::raw_sql(TABLES).execute(&mut connection).await?;
        let entity_id = Uuid::now_v7();
        let now = Utc::now().timestamp_micros();
        let entity = sqlx::query("INSERT INTO entities (id, name, connection_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)")
            .bind(entity_id)
            .bind(name)
            .bind(connection_id)
            .bind(now)
            .bind(now)
            .execute(&mut connection)
            .await?
            .last_insert_rowid();
        Ok(Self { connection, entity, entity_id, name, insert_rows: insert_sql(ROWS) })
    }

    /// One batch and its cursor, in one transaction.
    pub(super) async fn sync(&mut self, records: &[RawInput], cursor: Option<&str>) -> sqlx::Result<Counts> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let ids: Vec<&str> = records.iter().map(|record| record.external_id.as_str()).collect();
        let ids = serde_json::to_string(&ids).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let rows = sqlx::query(FOUND).bind(self.entity).bind(ids).fetch_all(&mut *transaction).await?;
        let mut found: HashMap<&str, &SqliteRow> = HashMap::with_capacity(rows.len());
        for row in &rows {
            found.insert(row.try_get(0)?, row);
        }
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for record in records {
            let text = serde_json::to_string(&record.data).map_err(|error| sqlx::Error::Encode(error.into()))?;
            match found.get(record.external_id.as_str()) {
                None => new.push((record.external_id.as_str(), text)),
                Some(row) => changed.extend(change(row, &record.data, text)?),
            }
        }
        let created = new.len() + changed.iter().filter(|change: &&Change| change.revived).count();
        let updated = new.len() + changed.len() - created;
        let wanted = i64::try_from(new.len() + changed.len()).unwrap_or(i64::MAX);
        if wanted > 0 {
            let last: i64 = sqlx::query_scalar("UPDATE counters SET value = value + ? WHERE name = 'generation' RETURNING value")
                .bind(wanted)
                .fetch_one(&mut *transaction)
                .await?;
            let mut generation = last - wanted;
            let now = Utc::now().timestamp_micros();
            let mut new = new.into_iter();
            while new.len() > 0 {
                let rows = new.len().min(ROWS);
                let sql: Arc<str> = if rows == ROWS { self.insert_rows.clone() } else { insert_sql(rows) };
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (external_id, text) in new.by_ref().take(rows) {
                    generation += 1;
                    query = query.bind(generation).bind(Uuid::now_v7()).bind(self.entity).bind(external_id).bind(self.name);
                    query = query.bind(generation).bind(now).bind(now).bind(text);
                }
                query.execute(&mut *transaction).await?;
            }
            for change in &changed {
                generation += 1;
                sqlx::query(
                    "UPDATE records SET data = ?, generation = ?, updated_at = ?, deleted_at = NULL, finish = 0 WHERE key = ?",
                )
                .bind(&change.data)
                .bind(generation)
                .bind(now.max(change.updated_at + 1))
                .bind(change.key)
                .execute(&mut *transaction)
                .await?;
            }
        }
        if let Some(cursor) = cursor {
            sqlx::query("UPDATE entities SET last_sync_id = ?, updated_at = ? WHERE key = ?")
                .bind(cursor)
                .bind(Utc::now().timestamp_micros())
                .bind(self.entity)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok((created, updated, records.len() - created - updated))
    }

    /// The fifty largest amounts of a stage above a bound.
    pub(super) async fn page(&mut self, stage: &str, above: f64) -> sqlx::Result<Vec<RawRecord>> {
        let query = sqlx::query(PAGE).bind(self.entity).bind(stage).bind(above);
        let rows = query.fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| decode(row, self.entity_id)).collect()
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
        row.map(|row| decode(&row, row.try_get(8)?)).transpose()
    }

    /// Every record, one after the other.
    pub(super) async fn all(&mut self, mut each: impl FnMut(RawRecord) + Send) -> sqlx::Result<()> {
        let mut rows = sqlx::query(ALL).bind(self.entity).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            each(decode(&row, self.entity_id)?);
        }
        Ok(())
    }

    /// The index that makes the page a range of it.
    pub(super) async fn index_amount(&mut self) -> sqlx::Result<()> {
        let sql = "CREATE INDEX records_amount ON records (entity, data ->> '$.amount' DESC, id) WHERE deleted_at IS NULL";
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn close(self) -> sqlx::Result<()> {
        self.connection.close().await
    }
}

const INSERT: &str =
    "INSERT INTO records (key, id, entity, external_id, entity_type, generation, created_at, updated_at, finish, data) VALUES";

fn insert_sql(rows: usize) -> Arc<str> {
    format!("{INSERT} {}", vec!["(?,?,?,?,?,?,?,?,0,?)"; rows].join(",")).into()
}

struct Change {
    key: i64,
    data: String,
    updated_at: i64,
    revived: bool,
}

/// What a document does to the stored row; nothing where the merge would leave it as it is.
fn change(row: &SqliteRow, patch: &Value, text: String) -> sqlx::Result<Option<Change>> {
    let stored: &str = row.try_get(2)?;
    let revived = row.try_get::<Option<i64>, _>(3)?.is_some();
    let (key, updated_at) = (row.try_get(1)?, row.try_get(4)?);
    if revived {
        return Ok(Some(Change { key, data: text, updated_at, revived }));
    }
    // Equal texts need no parsing: a document merged into itself is itself.
    if stored == text {
        return Ok(None);
    }
    let before: Value = parse(stored)?;
    let mut after = before.clone();
    if let (Value::Object(after), Value::Object(patch)) = (&mut after, patch) {
        after.extend(patch.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    if before == after {
        return Ok(None);
    }
    Ok(Some(Change { key, data: after.to_string(), updated_at, revived }))
}

fn decode(row: &SqliteRow, entity_id: Uuid) -> sqlx::Result<RawRecord> {
    Ok(RawRecord {
        id: row.try_get(0)?,
        entity_id,
        external_id: row.try_get(1)?,
        entity_type: row.try_get(2)?,
        data: parse(row.try_get(3)?)?,
        generation: row.try_get(4)?,
        created_at: time(row.try_get(5)?)?,
        updated_at: time(row.try_get(6)?)?,
        deleted_at: row.try_get::<Option<i64>, _>(7)?.map(time).transpose()?,
    })
}

fn parse(text: &str) -> sqlx::Result<Value> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn time(micros: i64) -> sqlx::Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| sqlx::Error::Decode("a time out of range".into()))
}
