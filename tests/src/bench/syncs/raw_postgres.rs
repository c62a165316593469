//! The Postgres twin of syncs: what a good engineer writes by hand for the same work, with the driver, `serde_json` and a hash.
//!
//! Nothing of this workspace is used here. The same tables, rows, durability and transactions: a page commits with its stakes, what it has seen,
//! the cursor, the ledger and the hold, whose fence it checks. Four round trips a page, statements prepared: begin, what differs from what is
//! stored by its hash, everything that is written in one statement, commit.

use super::raw::{Drafted, RawCounts, RawInput, RawMode, Wanted, progress};
use crate::bench::raw_postgres::TABLES;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};
use uuid::Uuid;

const SYNC_TABLES: &str = "
CREATE TABLE sync_runs (
    number bigint GENERATED ALWAYS AS IDENTITY,
    id text COLLATE \"C\" NOT NULL,
    sync_id text COLLATE \"C\" NOT NULL,
    state text NOT NULL,
    attempt integer NOT NULL,
    input_hash text NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    finished_at timestamptz,
    note text,
    output text,
    error text,
    revision bigint NOT NULL,
    CONSTRAINT sync_runs_pkey PRIMARY KEY (id),
    CONSTRAINT sync_runs_number_key UNIQUE (number)
);
CREATE INDEX sync_runs_sync_idx ON sync_runs (sync_id, number);
CREATE TABLE sync_run_targets (
    run_id text COLLATE \"C\" NOT NULL REFERENCES sync_runs (id) ON DELETE CASCADE,
    entity_id uuid NOT NULL,
    position bigint NOT NULL,
    entity text COLLATE \"C\" NOT NULL,
    progress text NOT NULL,
    CONSTRAINT sync_run_targets_pkey PRIMARY KEY (run_id, entity_id)
);
CREATE INDEX sync_run_targets_entity_idx ON sync_run_targets (entity, run_id);
CREATE TABLE sync_targets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sync_id text COLLATE \"C\" NOT NULL,
    entity_id uuid NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    cursor text,
    enumeration_started timestamptz,
    enumeration_cursor text,
    enumeration_read boolean NOT NULL DEFAULT FALSE,
    fence bigint NOT NULL DEFAULT 0,
    holder text,
    lease_until timestamptz,
    CONSTRAINT sync_targets_sync_key UNIQUE (sync_id, entity_id)
);
CREATE INDEX sync_targets_entity_idx ON sync_targets (entity_id);
CREATE TABLE sync_stakes (
    target_id bigint NOT NULL,
    external_id text COLLATE \"C\" NOT NULL,
    content text NOT NULL,
    generation bigint NOT NULL,
    created boolean NOT NULL,
    version text,
    keys text NOT NULL,
    written_at timestamptz NOT NULL,
    CONSTRAINT sync_stakes_pkey PRIMARY KEY (target_id, external_id)
);
CREATE TABLE sync_seen (
    target_id bigint NOT NULL,
    external_id text COLLATE \"C\" NOT NULL,
    CONSTRAINT sync_seen_pkey PRIMARY KEY (target_id, external_id)
);
";

const BEGIN_RUN: &str = "
INSERT INTO sync_runs (id, sync_id, state, attempt, input_hash, started_at, heartbeat_at, lease_until, revision)
VALUES ($1, 'raw', 'running', 1, '', now(), now(), now() + interval '30 seconds', 1)";

const HOLD: &str = "
INSERT INTO sync_targets AS t (sync_id, entity_id, fence, holder, lease_until, enumeration_started)
VALUES ('raw', $1, 1, $2, now() + interval '30 seconds', CASE WHEN $3 THEN now() END)
ON CONFLICT (sync_id, entity_id) DO UPDATE SET fence = t.fence + 1, holder = excluded.holder, lease_until = excluded.lease_until,
    enumeration_started = excluded.enumeration_started, enumeration_cursor = NULL, enumeration_read = FALSE
WHERE t.holder IS NULL OR t.lease_until <= now()
RETURNING id, fence";

/// What differs from what is stored, by its hash and the record's generation. Each look-up is one of a key, whatever the planner knows of
/// tables that were empty a moment ago.
const DIFFERS: &str = "
SELECT i.position, s.keys, s.created, CASE WHEN r.deleted_at IS NULL THEN r.data::text END
FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS i (x, content, position)
LEFT JOIN LATERAL (SELECT s.content, s.generation, s.keys, s.created FROM sync_stakes s
    WHERE s.target_id = $1 AND s.external_id >= i.x AND s.external_id <= i.x ORDER BY s.external_id LIMIT 1) s ON TRUE
LEFT JOIN LATERAL (SELECT r.generation, r.deleted_at, r.data FROM records r
    WHERE r.entity_id = $2 AND r.external_id >= i.x AND r.external_id <= i.x ORDER BY r.external_id LIMIT 1) r ON TRUE
WHERE (s.content = i.content AND s.generation = r.generation AND r.deleted_at IS NULL) IS NOT TRUE";

/// The hold, checked and kept, and the ledger; `$1` to `$6` are target, fence, run, entity's name, progress and cursor.
const HELD: &str = "
WITH held AS (UPDATE sync_targets t SET lease_until = now() + interval '30 seconds',
        cursor = CASE WHEN t.enumeration_started IS NULL THEN coalesce($6, t.cursor) ELSE t.cursor END,
        enumeration_cursor = CASE WHEN t.enumeration_started IS NOT NULL THEN coalesce($6, t.enumeration_cursor) END
    WHERE t.id = $1 AND t.fence = $2 AND t.holder IS NOT NULL RETURNING t.entity_id, t.enumeration_started),
run AS (UPDATE sync_runs r SET heartbeat_at = now(), revision = r.revision + 1 FROM held
    WHERE r.id = $3 AND r.attempt = 1 AND r.state = 'running' RETURNING r.id, r.revision),
ledger AS (INSERT INTO sync_run_targets (run_id, entity_id, position, entity, progress)
    SELECT run.id, held.entity_id, run.revision, $4, $5 FROM run, held
    ON CONFLICT (run_id, entity_id) DO UPDATE SET entity = excluded.entity, progress = excluded.progress),
moved AS (UPDATE entities e SET last_sync_id = $6, updated_at = greatest(now(), e.updated_at + interval '1 microsecond')
    FROM held WHERE e.id = held.entity_id AND held.enumeration_started IS NULL AND e.last_sync_id IS DISTINCT FROM $6)";

const TOLD: &str = "SELECT pg_notify('raw_syncs', run.id)::text FROM run";

/// `$7`: what was met, for an enumeration.
const SEEN: &str = "
seen AS (INSERT INTO sync_seen (target_id, external_id) SELECT $1, i.x FROM unnest($7::text[]) AS i (x) ON CONFLICT DO NOTHING)";

/// Records in order of their keys, and their stakes. A full join leaves the planner, which cannot know how many rows there are, no way to compare
/// each with each.
const WRITTEN: &str = "
i AS MATERIALIZED (SELECT * FROM unnest($9::uuid[], $10::text[], $11::text[], $12::text[], $13::text[], $14::boolean[])
    AS u (id, x, d, content, keys, created)),
written AS (INSERT INTO records AS r (id, entity_id, external_id, entity_type, data, created_at, updated_at)
    SELECT i.id, $8, i.x, $4, i.d::jsonb, clock_timestamp(), clock_timestamp() FROM i ORDER BY i.x
    ON CONFLICT (entity_id, external_id) DO UPDATE SET
        data = CASE WHEN r.deleted_at IS NULL THEN r.data || excluded.data ELSE excluded.data END,
        generation = nextval('record_generations'),
        updated_at = greatest(clock_timestamp(), r.updated_at + interval '1 microsecond'),
        deleted_at = NULL
    RETURNING r.external_id, r.generation),
stakes AS (INSERT INTO sync_stakes (target_id, external_id, content, generation, created, keys, written_at)
    SELECT $1, i.x, i.content, w.generation, i.created, i.keys, now() FROM i FULL JOIN written w ON w.external_id = i.x
    ON CONFLICT (target_id, external_id) DO UPDATE SET content = excluded.content, generation = excluded.generation,
        created = excluded.created, keys = excluded.keys, written_at = excluded.written_at)";

/// `$15`: ids that are gone.
const GONE: &str = "
gone AS (UPDATE records r SET deleted_at = now(), generation = nextval('record_generations')
    WHERE r.entity_id = $8 AND r.external_id = ANY($15) AND r.deleted_at IS NULL),
dropped AS (DELETE FROM sync_stakes s WHERE s.target_id = $1 AND s.external_id = ANY($15))";

const MEMBERS: &str = "
SELECT r.external_id FROM records r WHERE r.entity_id = $1 AND r.deleted_at IS NULL AND r.data->>'parent' = $2 AND r.external_id <> ALL($3)";

const INDEX_PARENT: &str =
    "CREATE INDEX records_parent ON records (entity_id, (data->>'parent')) WHERE deleted_at IS NULL; ANALYZE records";

const COUNT_UNSEEN: &str = "
SELECT count(*) FROM sync_stakes s
WHERE s.target_id = $1 AND NOT EXISTS (SELECT FROM sync_seen n WHERE n.target_id = $1 AND n.external_id = s.external_id)";

/// A thousand of what was not seen: deleted, with their stakes.
const DELETE_UNSEEN: &str = "
doomed AS MATERIALIZED (SELECT s.external_id FROM sync_stakes s
    WHERE s.target_id = $1 AND NOT EXISTS (SELECT FROM sync_seen n WHERE n.target_id = $1 AND n.external_id = s.external_id)
    ORDER BY s.external_id LIMIT 1000),
gone AS (UPDATE records r SET deleted_at = now(), generation = nextval('record_generations')
    WHERE r.entity_id = $7 AND r.external_id = ANY(ARRAY(SELECT d.external_id FROM doomed d)) AND r.deleted_at IS NULL RETURNING 1),
dropped AS (DELETE FROM sync_stakes s WHERE s.target_id = $1 AND s.external_id = ANY(ARRAY(SELECT d.external_id FROM doomed d)))
SELECT pg_notify('raw_syncs', run.id)::text, (SELECT count(*) FROM gone), (SELECT count(*) FROM doomed) FROM run";

const READ: &str = "UPDATE sync_targets SET enumeration_read = TRUE WHERE id = $1 AND fence = $2 AND holder IS NOT NULL";

const FORGET: &str = "DELETE FROM sync_seen WHERE target_id = $1";

const RELEASE: &str = "
UPDATE sync_targets SET holder = NULL, lease_until = NULL, enumeration_started = NULL, enumeration_cursor = NULL, enumeration_read = FALSE,
    cursor = coalesce($3, cursor)
WHERE id = $1 AND fence = $2 AND holder IS NOT NULL";

/// One schema, one connection, one sync of one entity.
#[derive(Debug)]
pub(super) struct RawPostgres {
    connection: PgConnection,
    entity: Uuid,
    name: &'static str,
    run: Run,
    statements: Statements,
}

/// What a run knows.
#[derive(Debug, Default)]
struct Run {
    id: String,
    target: i64,
    fence: i64,
    full: bool,
    cursor: Option<String>,
    counts: RawCounts,
}

/// Texts that are put together once.
#[derive(Debug)]
struct Statements {
    seen: String,
    nothing: String,
    written_seen: String,
    written: String,
    replaced: String,
    delete_unseen: String,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            seen: format!("{HELD}, {SEEN} {TOLD}"),
            nothing: format!("{HELD} {TOLD}"),
            written_seen: format!("{HELD}, {SEEN}, {WRITTEN} {TOLD}"),
            // Nothing is seen, and the place of that parameter is taken by a text.
            written: format!("{HELD}, {WRITTEN} {TOLD} WHERE $7::text[] IS NULL"),
            replaced: format!("{HELD}, {WRITTEN}, {GONE} {TOLD} WHERE $7::text[] IS NULL"),
            delete_unseen: format!("{HELD}, {DELETE_UNSEEN}"),
        }
    }
}

impl RawPostgres {
    /// Makes the schema, whose name the caller vouches for.
    pub(super) async fn create(url: &str, schema: &str, name: &'static str, connection_id: &str) -> sqlx::Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = options.options([("search_path", schema)]).disable_statement_logging();
        let mut connection = options.connect().await?;
        let tables = format!("CREATE SCHEMA {schema}; {TABLES} {SYNC_TABLES}");
        sqlx::raw_sql(AssertSqlSafe(tables)).execute(&mut connection).await?;
        let entity = Uuid::now_v7();
        sqlx::query("INSERT INTO entities (id, name, connection_id, created_at, updated_at) VALUES ($1, $2, $3, now(), now())")
            .bind(entity)
            .bind(name)
            .bind(connection_id)
            .execute(&mut connection)
            .await?;
        Ok(Self { connection, entity, name, run: Run::default(), statements: Statements::default() })
    }

    pub(super) async fn index_parent(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql(INDEX_PARENT).execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn begin_run(&mut self) -> sqlx::Result<()> {
        self.run = Run { id: Uuid::now_v7().to_string(), ..Run::default() };
        sqlx::query(BEGIN_RUN).bind(&self.run.id).execute(&mut self.connection).await.map(drop)
    }

    /// Holds the entity, and begins an enumeration in full mode.
    pub(super) async fn open(&mut self, mode: RawMode) -> sqlx::Result<()> {
        let full = mode == RawMode::Full;
        let mut transaction = self.connection.begin().await?;
        let query = sqlx::query(HOLD).bind(self.entity).bind(&self.run.id).bind(full);
        let row = query.fetch_optional(&mut *transaction).await?.ok_or(sqlx::Error::RowNotFound)?;
        self.run = Run { target: row.try_get(0)?, fence: row.try_get(1)?, full, ..std::mem::take(&mut self.run) };
        if full {
            sqlx::query(FORGET).bind(self.run.target).execute(&mut *transaction).await?;
        }
        self.run.keep(&mut transaction, &self.statements.nothing, self.name).await?;
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
        let ids: Vec<&str> = drafts.iter().map(|draft| draft.external_id.as_str()).collect();
        let contents: Vec<&str> = drafts.iter().map(|draft| draft.content.as_str()).collect();
        let mut transaction = self.connection.begin().await?;
        let gone: Vec<String> = match parent {
            None => Vec::new(),
            Some(parent) => {
                let query = sqlx::query_scalar(MEMBERS).bind(self.entity).bind(parent).bind(&ids);
                query.fetch_all(&mut *transaction).await?
            }
        };
        let query = sqlx::query(DIFFERS).bind(self.run.target).bind(self.entity).bind(&ids).bind(&contents);
        let rows = query.fetch_all(&mut *transaction).await?;
        let mut wanted = rows.iter().map(|row| decide(row, &drafts)).collect::<sqlx::Result<Vec<_>>>()?;
        wanted.sort_by_key(|wanted| wanted.at);
        for wanted in wanted.iter().filter(|wanted| !wanted.removed.is_empty()) {
            sqlx::query("UPDATE records SET data = data - $3::text[] WHERE entity_id = $1 AND external_id = $2")
                .bind(self.entity)
                .bind(ids.get(wanted.at))
                .bind(&wanted.removed)
                .execute(&mut *transaction)
                .await?;
        }
        let counts = &mut self.run.counts;
        let updated = wanted.iter().filter(|wanted| wanted.was_live).count() as u64;
        counts.created += wanted.len() as u64 - updated;
        counts.updated += updated;
        counts.unchanged += (drafts.len() - wanted.len()) as u64;
        counts.deleted += gone.len() as u64;
        let run = &self.run;
        let mut seen = None;
        if run.full {
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            seen = Some(sorted);
        }
        if wanted.is_empty() && gone.is_empty() && !run.full {
            run.keep(&mut transaction, &self.statements.nothing, self.name).await?;
            return transaction.commit().await;
        }
        let text = match (&seen, wanted.is_empty(), gone.is_empty()) {
            (_, _, false) => &self.statements.replaced,
            (Some(_), true, true) => &self.statements.seen,
            (Some(_), false, true) => &self.statements.written_seen,
            (None, _, true) => &self.statements.written,
        };
        let progress = run.progress(self.name);
        let query = sqlx::query(AssertSqlSafe(text.as_str())).bind(run.target).bind(run.fence).bind(&run.id).bind(self.name);
        let mut query = query.bind(progress).bind(&run.cursor).bind(seen);
        if !wanted.is_empty() || !gone.is_empty() {
            let of = |wanted: &Wanted| drafts.get(wanted.at).ok_or(sqlx::Error::RowNotFound);
            let drafted = wanted.iter().map(of).collect::<sqlx::Result<Vec<_>>>()?;
            query = query
                .bind(self.entity)
                .bind(wanted.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>())
                .bind(drafted.iter().map(|draft| draft.external_id.as_str()).collect::<Vec<_>>())
                .bind(wanted.iter().map(|wanted| wanted.data.as_str()).collect::<Vec<_>>())
                .bind(drafted.iter().map(|draft| draft.content.as_str()).collect::<Vec<_>>())
                .bind(wanted.iter().map(|wanted| wanted.keys.as_str()).collect::<Vec<_>>())
                .bind(wanted.iter().map(|wanted| wanted.created).collect::<Vec<_>>());
        }
        if !gone.is_empty() {
            query = query.bind(gone);
        }
        // Whoever lost the hold writes nothing.
        query.fetch_optional(&mut *transaction).await?.ok_or(sqlx::Error::RowNotFound)?;
        transaction.commit().await
    }

    /// The end: in full mode, what was not seen is deleted.
    pub(super) async fn complete(&mut self) -> sqlx::Result<RawCounts> {
        if self.run.full {
            let count: i64 = sqlx::query_scalar(COUNT_UNSEEN).bind(self.run.target).fetch_one(&mut self.connection).await?;
            sqlx::query(READ).bind(self.run.target).bind(self.run.fence).execute(&mut self.connection).await?;
            let mut left = count;
            while left > 0 {
                let run = &mut self.run;
                let query = sqlx::query(AssertSqlSafe(self.statements.delete_unseen.as_str())).bind(run.target).bind(run.fence);
                let query = query.bind(&run.id).bind(self.name).bind(run.progress(self.name)).bind(&run.cursor).bind(self.entity);
                let row = query.fetch_optional(&mut self.connection).await?.ok_or(sqlx::Error::RowNotFound)?;
                let (deleted, looked): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
                run.counts.deleted += deleted.unsigned_abs();
                left -= looked;
            }
        }
        let run = &self.run;
        let mut transaction = self.connection.begin().await?;
        run.keep(&mut transaction, &self.statements.nothing, self.name).await?;
        if run.full {
            sqlx::query(FORGET).bind(run.target).execute(&mut *transaction).await?;
        }
        let query = sqlx::query(RELEASE).bind(run.target).bind(run.fence).bind(&run.cursor);
        query.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(self.run.counts)
    }

    pub(super) async fn finish_run(&mut self) -> sqlx::Result<()> {
        let query =
            sqlx::query("UPDATE sync_runs SET state = 'succeeded', finished_at = now(), revision = revision + 1 WHERE id = $1");
        query.bind(&self.run.id).execute(&mut self.connection).await.map(drop)
    }

    pub(super) async fn close(self) -> sqlx::Result<()> {
        self.connection.close().await
    }
}

impl Run {
    fn progress(&self, entity: &str) -> String {
        let mode = if self.full { RawMode::Full } else { RawMode::Incremental };
        progress(entity, mode, self.cursor.as_deref(), self.counts)
    }

    /// Keeps the hold and the ledger, where nothing else is to be written.
    async fn keep(&self, connection: &mut PgConnection, statement: &str, name: &str) -> sqlx::Result<()> {
        let query = sqlx::query(AssertSqlSafe(statement)).bind(self.target).bind(self.fence).bind(&self.id).bind(name);
        let query = query.bind(self.progress(name)).bind(&self.cursor);
        query.fetch_optional(connection).await?.ok_or(sqlx::Error::RowNotFound).map(drop)
    }
}

fn decide(row: &PgRow, drafts: &[Drafted]) -> sqlx::Result<Wanted> {
    let at = usize::try_from(row.try_get::<i64, _>(0)? - 1).unwrap_or(usize::MAX);
    let draft = drafts.get(at).ok_or(sqlx::Error::RowNotFound)?;
    let Some(data) = row.try_get::<Option<&str>, _>(3)? else { return Wanted::new(at, draft) };
    let own = row.try_get::<Option<&str>, _>(1)?.map(|keys| row.try_get(2).map(|created| (keys, created))).transpose()?;
    Wanted::changed(at, draft, own, data)
}
