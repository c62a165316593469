//! SQLite and Postgres as homes of both sides.

use super::{
    raw::{RawCounts, RawInput, RawMode},
    raw_postgres::RawPostgres,
    raw_sqlite::RawSqlite,
};
use crate::bench::{
    backend::Backend,
    data::{CONNECTION, ENTITY},
    postgres::Postgres,
    sqlite::Sqlite,
    twin::raw_error,
};
use mastra_core::{Engine, Error, Result};
use mastra_postgres::PostgresEngine;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use std::{future::Future, sync::Arc};

const SIDES: [&str; 2] = ["syncs", "raw_syncs"];

/// A database that syncs are measured on.
pub(super) trait Home: Sync {
    /// The hand-written twin.
    type Raw: RawSync;

    /// The name of its tables in the documentation, and of its object in JSON.
    fn name(&self) -> &'static str;

    /// What the report says of the database.
    fn describe(&self) -> impl Future<Output = Result<Vec<(&'static str, String)>>> + Send;

    /// An empty engine; the number tells stores of one run apart.
    fn ours(&self, number: usize) -> impl Future<Output = Result<Arc<dyn Engine>>> + Send;

    /// Empty tables of the twin's.
    fn raw(&self, number: usize) -> impl Future<Output = Result<Self::Raw>> + Send;

    /// Fails unless the stores of that number have the same columns and indexes, where both have a table.
    fn compare_tables(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// Fails unless the stores of that number hold the same.
    fn compare_contents(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// Does now for both sides what the database would do at a moment of its own: statistics, vacuum.
    fn settle(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// How far the write-ahead log reaches, in bytes; `None` where the database does not tell.
    fn logged(&self) -> impl Future<Output = Result<Option<u64>>> + Send;

    /// Removes the stores of that number.
    fn remove(&self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

/// What a hand-written sync can do.
pub(super) trait RawSync: Send {
    /// Enters a run into the ledger.
    fn begin_run(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Holds the entity; begins an enumeration in full mode.
    fn open(&mut self, mode: RawMode) -> impl Future<Output = Result<()>> + Send;

    /// A page with its cursor, in one transaction.
    fn page(&mut self, records: Vec<RawInput>, cursor: &str) -> impl Future<Output = Result<()>> + Send;

    /// The records of a parent in place of those that it had, in one transaction.
    fn replace(&mut self, parent: &str, records: Vec<RawInput>) -> impl Future<Output = Result<()>> + Send;

    /// The end, with what was not seen deleted in full mode; the entity is let go.
    fn complete(&mut self) -> impl Future<Output = Result<RawCounts>> + Send;

    /// Says in the ledger that the run has ended.
    fn finish_run(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Indexes the field that tells the parent.
    fn index_parent(&mut self) -> impl Future<Output = Result<()>> + Send;

    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// What has to be the same on both sides, a line a row: records, stakes, what is seen, where the syncs stand.
fn contents(schema: &str, target: &str) -> String {
    let records = format!(
        "SELECT 'record ' || external_id || ' ' || entity_type || ' ' || (deleted_at IS NOT NULL) || ' ' || data AS line FROM {schema}records"
    );
    let stakes = format!(
        "SELECT 'stake ' || s.external_id || ' ' || s.created || ' ' || length(s.content) || ' ' || (s.generation = r.generation) || ' ' \
         || coalesce(s.version, '-') || ' ' || s.keys FROM {schema}sync_stakes s LEFT JOIN {schema}records r ON r.external_id = s.external_id"
    );
    let seen = format!("SELECT 'seen ' || external_id FROM {schema}sync_seen");
    let targets = format!(
        "SELECT 'target ' || coalesce(cursor, '-') || ' ' || (holder IS NULL) || ' ' || (enumeration_started IS NULL) FROM {schema}{target}"
    );
    format!("SELECT line FROM ({records} UNION ALL {stakes} UNION ALL {seen} UNION ALL {targets}) AS a ORDER BY 1")
}

fn same(sides: &[Vec<String>], what: &str) -> Result<()> {
    let (Some(ours), Some(raw)) = (sides.first(), sides.last()) else { return Ok(()) };
    if ours == raw {
        return Ok(());
    }
    let differ = ours.iter().zip(raw).find(|(ours, raw)| ours != raw);
    Err(Error::internal(format!("the twin's {what} are not the engine's"))
        .with("lines", format!("{} and {}", ours.len(), raw.len()))
        .with("first", format!("{differ:#?}")))
}

impl Home for Sqlite {
    type Raw = RawSqlite;

    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        Backend::describe(self).await
    }

    async fn ours(&self, number: usize) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(mastra_sqlite::connect(&format!("sqlite:{}", self.path(SIDES[0], number).display())).await?))
    }

    async fn raw(&self, number: usize) -> Result<RawSqlite> {
        RawSqlite::create(&self.path(SIDES[1], number), ENTITY, CONNECTION).await.map_err(raw_error)
    }

    async fn compare_tables(&self, number: usize) -> Result<()> {
        // The texts of the tables themselves, spaces and comments aside, and the indexes of both.
        let sql = "SELECT name || ': ' || (SELECT group_concat(x.name || ' ' || x.type || ' ' || x.\"notnull\" || ' ' || x.pk, ', ') \
                   FROM pragma_table_info(name) x) FROM sqlite_schema WHERE name IN ('entities', 'records', 'counters', 'sync_runs', \
                   'sync_run_targets', 'sync_targets', 'sync_stakes', 'sync_seen') \
                   UNION ALL SELECT m.name || ' on ' || m.tbl_name || ': ' || group_concat(coalesce(x.name, '?') || ' ' || x.\"desc\", ', ') \
                   FROM sqlite_schema m, pragma_index_xinfo(m.name) x WHERE m.type = 'index' AND x.key = 1 AND m.tbl_name IN ('entities', \
                   'records', 'sync_runs', 'sync_run_targets', 'sync_targets', 'sync_stakes', 'sync_seen') GROUP BY m.name ORDER BY 1";
        same(&lines(self, number, sql.to_owned()).await?, "tables")
    }

    async fn compare_contents(&self, number: usize) -> Result<()> {
        same(&lines(self, number, contents("", "sync_targets")).await?, "contents")
    }

    async fn settle(&self, _number: usize) -> Result<()> {
        Ok(())
    }

    async fn logged(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn remove(&self, number: usize) -> Result<()> {
        SIDES.iter().try_for_each(|side| self.remove_file(side, number))
    }
}

/// What a statement gives of both files.
async fn lines(home: &Sqlite, number: usize, sql: String) -> Result<Vec<Vec<String>>> {
    let mut sides = Vec::new();
    for side in SIDES {
        let options = SqliteConnectOptions::new().filename(home.path(side, number)).read_only(true);
        let mut connection = options.connect().await.map_err(raw_error)?;
        let query = sqlx::query_scalar(AssertSqlSafe(sql.as_str()));
        sides.push(query.fetch_all(&mut connection).await.map_err(raw_error)?);
        connection.close().await.map_err(raw_error)?;
    }
    Ok(sides)
}

impl Home for Postgres {
    type Raw = RawPostgres;

    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        Backend::describe(self).await
    }

    async fn ours(&self, number: usize) -> Result<Arc<dyn Engine>> {
        on_postgres(self.url(), number).await
    }

    async fn raw(&self, number: usize) -> Result<RawPostgres> {
        RawPostgres::create(self.url(), &Self::schema(SIDES[1], number), ENTITY, CONNECTION).await.map_err(raw_error)
    }

    async fn compare_tables(&self, number: usize) -> Result<()> {
        let tables = "'entities', 'records', 'sync_runs', 'sync_run_targets', 'sync_targets', 'sync_stakes', 'sync_seen'";
        let mut sides = Vec::new();
        for side in SIDES {
            let schema = Self::schema(side, number);
            sides.push(
                self.lines(format!(
                    "SELECT format('%s.%s %s %s %s', c.table_name, c.column_name, c.data_type, c.is_nullable, c.collation_name) \
                     FROM information_schema.columns c WHERE c.table_schema = '{schema}' AND c.table_name IN ({tables}) \
                     UNION ALL SELECT replace(indexdef, '{schema}.', '') FROM pg_indexes WHERE schemaname = '{schema}' AND tablename IN ({tables}) \
                     ORDER BY 1"
                ))
                .await?,
            );
        }
        same(&sides, "tables")
    }

    async fn compare_contents(&self, number: usize) -> Result<()> {
        let mut sides = Vec::new();
        for side in SIDES {
            sides.push(self.lines(contents(&format!("{}.", Self::schema(side, number)), "sync_targets")).await?);
        }
        same(&sides, "contents")
    }

    async fn settle(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.vacuum_all(&Self::schema(side, number)).await?;
        }
        Ok(())
    }

    async fn logged(&self) -> Result<Option<u64>> {
        Backend::logged(self).await
    }

    async fn remove(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.drop_schema(&Self::schema(side, number)).await?;
        }
        Ok(())
    }
}

/// Our side over a URL, in the schema of that number, which it makes.
pub(super) async fn on_postgres(url: &str, number: usize) -> Result<Arc<dyn Engine>> {
    let schema = Postgres::schema(SIDES[0], number);
    let engine = PostgresEngine::builder(url).schema(&schema).max_connections(4).auto_migrate(true).connect().await?;
    Ok(Arc::new(engine))
}

/// What both hand-written twins have in common.
macro_rules! raw {
    ($twin:ty) => {
        impl RawSync for $twin {
            async fn begin_run(&mut self) -> Result<()> {
                <$twin>::begin_run(self).await.map_err(raw_error)
            }

            async fn open(&mut self, mode: RawMode) -> Result<()> {
                <$twin>::open(self, mode).await.map_err(raw_error)
            }

            async fn page(&mut self, records: Vec<RawInput>, cursor: &str) -> Result<()> {
                <$twin>::page(self, records, cursor).await.map_err(raw_error)
            }

            async fn replace(&mut self, parent: &str, records: Vec<RawInput>) -> Result<()> {
                <$twin>::replace(self, parent, records).await.map_err(raw_error)
            }

            async fn complete(&mut self) -> Result<RawCounts> {
                <$twin>::complete(self).await.map_err(raw_error)
            }

            async fn finish_run(&mut self) -> Result<()> {
                <$twin>::finish_run(self).await.map_err(raw_error)
            }

            async fn index_parent(&mut self) -> Result<()> {
                <$twin>::index_parent(self).await.map_err(raw_error)
            }

            async fn close(self) -> Result<()> {
                <$twin>::close(self).await.map_err(raw_error)
            }
        }
    };
}

raw!(RawPostgres);
raw!(RawSqlite);
