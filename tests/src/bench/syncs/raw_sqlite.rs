//! The SQLite twin of syncs: what a good engineer writes by hand for the same work, with the driver, `serde_json` and a hash.
//!
//! Nothing of this workspace is used here. The same tables, rows, durability and transactions: a page commits with its stakes, what it has seen,
//! the cursor, the ledger and the hold, whose fence it checks. Many rows a statement, since each statement is handed over to the driver's
//! thread.

use super::raw::{Drafted, RawCounts, RawInput, RawMode, Wanted, progress};
use crate::bench::raw_sqlite::TABLES;
use chrono::Utc;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

/// Rows that one prepared INSERT takes.
const ROWS: usize = 100;

/// How long a target is held, in microseconds.
const LEASE: i64 = 30_000_000;

const SYNC_TABLES: &str = "
CREATE TABLE sync_runs (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT    NOT NULL UNIQUE,
    sync_id      TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    input_hash   TEXT    NOT NULL,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    lease_until  INTEGER NOT NULL,
    finished_at  INTEGER,
    note         TEXT,
    output       TEXT,
    error        TEXT,
    revision     INTEGER NOT NULL
) STRICT;
CREATE INDEX sync_runs_of_sync ON sync_runs (sync_id, number);
CREATE TABLE sync_run_targets (
    run       INTEGER NOT NULL REFERENCES sync_runs (number),
    entity_id BLOB    NOT NULL CHECK (length(entity_id) = 16),
    position  INTEGER NOT NULL,
    entity    TEXT    NOT NULL,
    progress  TEXT    NOT NULL,
    PRIMARY KEY (run, entity_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_run_targets_of_entity ON sync_run_targets (entity, run);
CREATE TABLE sync_targets (
    key                 INTEGER PRIMARY KEY AUTOINCREMENT,
    entity              INTEGER NOT NULL REFERENCES entities (key) ON DELETE CASCADE,
    sync_id             TEXT    NOT NULL,
    fence               INTEGER NOT NULL,
    holder              TEXT,
    lease_until         INTEGER,
    cursor              TEXT,
    enumeration_started INTEGER,
    enumeration_cursor  TEXT,
    enumeration_read    INTEGER NOT NULL DEFAULT 0 CHECK (enumeration_read IN (0, 1)),
    UNIQUE (entity, sync_id)
) STRICT;
CREATE TABLE sync_stakes (
    target      INTEGER NOT NULL REFERENCES sync_targets (key) ON DELETE CASCADE,
    external_id TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    created     INTEGER NOT NULL CHECK (created IN (0, 1)),
    written_at  INTEGER NOT NULL,
    content     TEXT    NOT NULL,
    version     TEXT,
    keys        TEXT    NOT NULL,
    PRIMARY KEY (target, external_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE sync_seen (
    target      INTEGER NOT NULL REFERENCES sync_targets (key) ON DELETE CASCADE,
    external_id TEXT    NOT NULL,
    PRIMARY KEY (target, external_id)
) STRICT, WITHOUT ROWID;
";

const HOLD: &str = "INSERT INTO sync_targets (entity, sync_id, fence, holder, lease_until, enumeration_started) VALUES (?1, 'raw', 1, ?2, ?3, ?4) \
     ON CONFLICT (entity, sync_id) DO UPDATE SET fence = fence + 1, holder = excluded.holder, lease_until = excluded.lease_until, \
     enumeration_started = excluded.enumeration_started, enumeration_cursor = NULL, enumeration_read = 0 \
     WHERE holder IS NULL OR sync_targets.lease_until <= ?5 RETURNING key, fence";

const HELD: &str = "UPDATE sync_targets SET lease_until = ?3, \
     cursor = iif(enumeration_started IS NULL, coalesce(?4, cursor), cursor), \
     enumeration_cursor = iif(enumeration_started IS NULL, NULL, coalesce(?4, enumeration_cursor)) \
     WHERE key = ?1 AND fence = ?2 AND holder IS NOT NULL RETURNING 1";

const RUN: &str = "UPDATE sync_runs SET heartbeat_at = ?2, revision = revision + 1 WHERE number = ?1 AND attempt = 1 AND state = 'running' RETURNING 1";

const LEDGER: &str = "INSERT INTO sync_run_targets (run, entity_id, position, entity, progress) VALUES (?1, ?2, 1, ?3, ?4) \
     ON CONFLICT (run, entity_id) DO UPDATE SET entity = excluded.entity, progress = excluded.progress";

const MOVED: &str = "UPDATE entities SET last_sync_id = ?2, updated_at = ?3 WHERE key = ?1 AND last_sync_id IS NOT ?2";

/// What differs from what is stored, by its hash and the record's generation. `?3` is a list of pairs of id and hash.
const DIFFERS: &str = "SELECT j.key, s.keys, s.created, r.key, iif(r.deleted_at IS NULL, r.data, NULL), r.updated_at FROM json_each(?3) j \
     LEFT JOIN sync_stakes s ON s.target = ?1 AND s.external_id = j.value ->> 0 \
     LEFT JOIN records r ON r.entity = ?2 AND r.external_id = j.value ->> 0 \
     WHERE (s.content = j.value ->> 1 AND s.generation = r.generation AND r.deleted_at IS NULL) IS NOT TRUE";

const GENERATIONS: &str = "UPDATE counters SET value = value + ?1 WHERE name = 'generation' RETURNING value";

const REWRITE: &str = "UPDATE records SET data = ?2, generation = ?3, updated_at = max(?4, updated_at + 1), deleted_at = NULL, finish = 0 WHERE key = ?1";

const SEEN: &str =
    "INSERT INTO sync_seen (target, external_id) SELECT ?1, value FROM json_each(?2) WHERE TRUE ON CONFLICT DO NOTHING";

const MEMBERS: &str = "SELECT external_id FROM records \
     WHERE entity = ?1 AND deleted_at IS NULL AND data ->> '$.parent' = ?2 AND external_id NOT IN (SELECT value FROM json_each(?3))";

const INDEX_PARENT: &str = "CREATE INDEX records_parent ON records (entity, data ->> '$.parent') WHERE deleted_at IS NULL";

const COUNT_UNSEEN: &str = "SELECT count(*) FROM sync_stakes s WHERE s.target = ?1 \
     AND NOT EXISTS (SELECT 1 FROM sync_seen n WHERE n.target = ?1 AND n.external_id = s.external_id)";

const LIST_UNSEEN: &str = "SELECT s.external_id FROM sync_stakes s WHERE s.target = ?1 \
     AND NOT EXISTS (SELECT 1 FROM sync_seen n WHERE n.target = ?1 AND n.external_id = s.external_id) ORDER BY s.external_id LIMIT 1000";

/// The generations behind `?3` go to the ids of a list, in its order. The list comes first, and is kept from being
/// made one with the rest by its limit: the planner would hold each record beside all of it.
const DELETE: &str = "UPDATE records SET deleted_at = max(?2, updated_at), generation = ?3 + 1 + d.place FROM ( \
     SELECT r.key AS found, j.key AS place FROM json_each(?4) j CROSS JOIN records r \
     ON r.entity = ?1 AND r.external_id = j.value AND r.deleted_at IS NULL LIMIT -1) d WHERE records.key = d.found";

const DROP: &str = "DELETE FROM sync_stakes WHERE target = ?1 AND external_id IN (SELECT value FROM json_each(?2))";

/// One file, one connection, one sync of one entity.
#[derive(Debug)]
pub(super) struct RawSqlite {
    connection: SqliteConnection,
    entity: i64,
    entity_id: Uuid,
    name: &'static str,
    records: Arc<str>,
    stakes: Arc<str>,
    run: Run,
}

/// What a run knows.
#[derive(Debug, Default)]
struct Run {
    number: i64,
    target: i64,
    fence: i64,
    full: bool,
    cursor: Option<String>,
    counts: RawCounts,
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
        sqlx::raw_sql(SYNC_TABLES).execute(&mut connection).await?;
        let (entity_id, now) = (Uuid::now_v7(), now());
        let entity = sqlx::query("INSERT INTO entities (id, name, connection_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?)")
            .bind(entity_id)
            .bind(name)
            .bind(connection_id)
            .bind(now)
            .bind(now)
            .execute(&mut connection)
            .await?
            .last_insert_rowid();
        Ok(Self {
            connection,
            entity,
            entity_id,
            name,
            records: records_sql(ROWS),
            stakes: stakes_sql(ROWS),
            run: Run::default(),
        })
    }

    pub(super) async fn index_parent(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql(INDEX_PARENT).execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn begin_run(&mut self) -> sqlx::Result<()> {
        let sql = "INSERT INTO sync_runs (id, sync_id, state, attempt, input_hash, started_at, heartbeat_at, lease_until, revision) \
                   VALUES (?1, 'raw', 'running', 1, '', ?2, ?2, ?3, 1)";
        let query = sqlx::query(sql).bind(Uuid::now_v7().to_string()).bind(now()).bind(now() + LEASE);
        self.run = Run { number: query.execute(&mut self.connection).await?.last_insert_rowid(), ..Run::default() };
        Ok(())
    }

    /// Holds the entity, and begins an enumeration in full mode.
    pub(super) async fn open(&mut self, mode: RawMode) -> sqlx::Result<()> {
        let (full, now) = (mode == RawMode::Full, now());
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let query =
            sqlx::query(HOLD).bind(self.entity).bind(self.run.number.to_string()).bind(now + LEASE).bind(full.then_some(now));
        let row = query.bind(now).fetch_optional(&mut *transaction).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.run = Run { target: row.try_get(0)?, fence: row.try_get(1)?, full, ..std::mem::take(&mut self.run) };
        if full {
            sqlx::query("DELETE FROM sync_seen WHERE target = ?1").bind(self.run.target).execute(&mut *transaction).await?;
        }
        self.run.keep(&mut transaction, self.entity, self.entity_id, self.name).await?;
        transaction.commit().await
    }

    /// A page with its cursor, in one transaction.
    pub(super) async fn page(&mut self, records: Vec<RawInput>, cursor: &str) -> sqlx::Result<()> {
        self.run.cursor = Some(cursor.to_owned());
        self.write(records, None).await
    }

    /// The records of a parent in place of those that it had, in one transaction.
    pub(super) async fn replace(&mut self, parent: &str, records: Vec<RawInput>) -> sqlx::Result<()> {
        self.write(records, Some(parent)).await
    }

    async fn write(&mut self, records: Vec<RawInput>, parent: Option<&str>) -> sqlx::Result<()> {
        let drafts = records.into_iter().map(Drafted::new).collect::<sqlx::Result<Vec<_>>>()?;
        let pairs: Vec<_> = drafts.iter().map(|draft| (draft.external_id.as_str(), draft.content.as_str())).collect();
        let mut ids: Vec<_> = pairs.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        let (pairs, ids) = (json(&pairs)?, json(&ids)?);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let gone: Vec<String> = match parent {
            None => Vec::new(),
            Some(parent) => {
                let query = sqlx::query_scalar(MEMBERS).bind(self.entity).bind(parent).bind(&ids);
                query.fetch_all(&mut *transaction).await?
            }
        };
        let query = sqlx::query(DIFFERS).bind(self.run.target).bind(self.entity).bind(pairs);
        let rows = query.fetch_all(&mut *transaction).await?;
        let wanted = rows.iter().map(|row| decide(row, &drafts)).collect::<sqlx::Result<Vec<_>>>()?;
        let now = now();
        if !wanted.is_empty() {
            let count = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
            let last: i64 = sqlx::query_scalar(GENERATIONS).bind(count).fetch_one(&mut *transaction).await?;
            let wanted: Vec<_> = (last - count + 1..).zip(&wanted).collect();
            let (new, stored): (Vec<_>, Vec<_>) = wanted.iter().partition(|(_, (_, place))| place.is_none());
            for rows in new.chunks(ROWS) {
                let sql = if rows.len() == ROWS { Arc::clone(&self.records) } else { records_sql(rows.len()) };
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (generation, (wanted, _)) in rows {
                    let draft = drafts.get(wanted.at).ok_or(sqlx::Error::RowNotFound)?;
                    query =
                        query.bind(generation).bind(Uuid::now_v7()).bind(self.entity).bind(&draft.external_id).bind(self.name);
                    query = query.bind(generation).bind(now).bind(now).bind(&draft.text);
                }
                query.execute(&mut *transaction).await?;
            }
            for (generation, (wanted, place)) in &stored {
                let Some(Place { key, data }) = place else { continue };
                let data = data.as_ref().unwrap_or(&wanted.data);
                let query = sqlx::query(REWRITE).bind(key).bind(data).bind(generation).bind(now);
                query.execute(&mut *transaction).await?;
            }
            let mut wanted = wanted;
            wanted.sort_by_key(|(_, (wanted, _))| drafts.get(wanted.at).map(|draft| draft.external_id.as_str()));
            for rows in wanted.chunks(ROWS) {
                let sql = if rows.len() == ROWS { Arc::clone(&self.stakes) } else { stakes_sql(rows.len()) };
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (generation, (wanted, _)) in rows {
                    let draft = drafts.get(wanted.at).ok_or(sqlx::Error::RowNotFound)?;
                    query = query.bind(self.run.target).bind(&draft.external_id).bind(generation).bind(wanted.created);
                    query = query.bind(now).bind(&draft.content).bind(&wanted.keys);
                }
                query.execute(&mut *transaction).await?;
            }
        }
        delete(&mut transaction, self.entity, self.run.target, &gone).await?;
        let counts = &mut self.run.counts;
        let updated = wanted.iter().filter(|(wanted, _)| wanted.was_live).count() as u64;
        counts.created += wanted.len() as u64 - updated;
        counts.updated += updated;
        counts.unchanged += (drafts.len() - wanted.len()) as u64;
        counts.deleted += gone.len() as u64;
        if self.run.full {
            sqlx::query(SEEN).bind(self.run.target).bind(ids).execute(&mut *transaction).await?;
        }
        self.run.keep(&mut transaction, self.entity, self.entity_id, self.name).await?;
        transaction.commit().await
    }

    /// The end: in full mode, what was not seen is deleted.
    pub(super) async fn complete(&mut self) -> sqlx::Result<RawCounts> {
        let run = &mut self.run;
        if run.full {
            let count: i64 = sqlx::query_scalar(COUNT_UNSEEN).bind(run.target).fetch_one(&mut self.connection).await?;
            let sql = "UPDATE sync_targets SET enumeration_read = 1 WHERE key = ?1 AND fence = ?2 AND holder IS NOT NULL";
            sqlx::query(sql).bind(run.target).bind(run.fence).execute(&mut self.connection).await?;
            let mut left = count.unsigned_abs();
            while left > 0 {
                let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
                let gone: Vec<String> = sqlx::query_scalar(LIST_UNSEEN).bind(run.target).fetch_all(&mut *transaction).await?;
                delete(&mut transaction, self.entity, run.target, &gone).await?;
                run.counts.deleted += gone.len() as u64;
                left = left.saturating_sub(gone.len() as u64);
                run.keep(&mut transaction, self.entity, self.entity_id, self.name).await?;
                transaction.commit().await?;
            }
        }
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        run.keep(&mut transaction, self.entity, self.entity_id, self.name).await?;
        if run.full {
            sqlx::query("DELETE FROM sync_seen WHERE target = ?1").bind(run.target).execute(&mut *transaction).await?;
        }
        let sql = "UPDATE sync_targets SET holder = NULL, lease_until = NULL, enumeration_started = NULL, enumeration_cursor = NULL, \
                   enumeration_read = 0, cursor = coalesce(?3, cursor) WHERE key = ?1 AND fence = ?2 AND holder IS NOT NULL";
        sqlx::query(sql).bind(run.target).bind(run.fence).bind(&run.cursor).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(run.counts)
    }

    pub(super) async fn finish_run(&mut self) -> sqlx::Result<()> {
        let sql = "UPDATE sync_runs SET state = 'succeeded', finished_at = ?2, revision = revision + 1 WHERE number = ?1";
        sqlx::query(sql).bind(self.run.number).bind(now()).execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn close(self) -> sqlx::Result<()> {
        self.connection.close().await
    }
}

impl Run {
    /// Checks and keeps the hold, and keeps the ledger.
    async fn keep(&self, connection: &mut SqliteConnection, entity: i64, entity_id: Uuid, name: &str) -> sqlx::Result<()> {
        let now = now();
        let query = sqlx::query(HELD).bind(self.target).bind(self.fence).bind(now + LEASE).bind(&self.cursor);
        query.fetch_optional(&mut *connection).await?.ok_or(sqlx::Error::RowNotFound)?;
        let query = sqlx::query(RUN).bind(self.number).bind(now);
        query.fetch_optional(&mut *connection).await?.ok_or(sqlx::Error::RowNotFound)?;
        let mode = if self.full { RawMode::Full } else { RawMode::Incremental };
        let progress = progress(name, mode, self.cursor.as_deref(), self.counts);
        sqlx::query(LEDGER).bind(self.number).bind(entity_id).bind(name).bind(progress).execute(&mut *connection).await?;
        if self.full {
            return Ok(());
        }
        sqlx::query(MOVED).bind(entity).bind(&self.cursor).bind(now).execute(connection).await.map(drop)
    }
}

async fn delete(connection: &mut SqliteConnection, entity: i64, target: i64, gone: &[String]) -> sqlx::Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let (count, ids) = (i64::try_from(gone.len()).unwrap_or(i64::MAX), json(&gone)?);
    let last: i64 = sqlx::query_scalar(GENERATIONS).bind(count).fetch_one(&mut *connection).await?;
    sqlx::query(DELETE).bind(entity).bind(now()).bind(last - count).bind(&ids).execute(&mut *connection).await?;
    sqlx::query(DROP).bind(target).bind(ids).execute(connection).await.map(drop)
}

/// A row that is there: its key, and its new text where it is live.
#[derive(Debug)]
struct Place {
    key: i64,
    data: Option<String>,
}

fn decide(row: &SqliteRow, drafts: &[Drafted]) -> sqlx::Result<(Wanted, Option<Place>)> {
    let at = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
    let draft = drafts.get(at).ok_or(sqlx::Error::RowNotFound)?;
    let key: Option<i64> = row.try_get(3)?;
    let Some(data) = row.try_get::<Option<&str>, _>(4)? else {
        return Ok((Wanted::new(at, draft)?, key.map(|key| Place { key, data: None })));
    };
    let own = row.try_get::<Option<&str>, _>(1)?.map(|keys| row.try_get(2).map(|created| (keys, created))).transpose()?;
    let wanted = Wanted::changed(at, draft, own, data)?;
    let merged = wanted.merged_into(data)?;
    Ok((wanted, key.map(|key| Place { key, data: Some(merged) })))
}

fn records_sql(rows: usize) -> Arc<str> {
    let list = vec!["(?,?,?,?,?,?,?,?,0,?)"; rows].join(",");
    format!(
        "INSERT INTO records (key, id, entity, external_id, entity_type, generation, created_at, updated_at, finish, data) VALUES {list}"
    )
    .into()
}

fn stakes_sql(rows: usize) -> Arc<str> {
    let list = vec!["(?,?,?,?,?,?,?)"; rows].join(",");
    format!(
        "INSERT INTO sync_stakes (target, external_id, generation, created, written_at, content, keys) VALUES {list} \
         ON CONFLICT (target, external_id) DO UPDATE SET generation = excluded.generation, created = excluded.created, \
         written_at = excluded.written_at, content = excluded.content, keys = excluded.keys"
    )
    .into()
}

fn json(value: &impl serde::Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn now() -> i64 {
    Utc::now().timestamp_micros()
}
