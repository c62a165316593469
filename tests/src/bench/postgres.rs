//! Postgres: a schema for each side, on the server that the environment names.

use super::{
    backend::{Backend, Bulk},
    data::{CONNECTION, Document, ENTITY},
    measure::{Spent, timed},
    raw_postgres::RawPostgres,
    twin::{Ours, Twin, raw_error},
};
use mastra_core::{Error, Result};
use mastra_postgres::PostgresEngine;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, postgres::PgConnectOptions};
use std::{process, sync::Arc};
use tokio::sync::Mutex;

/// Names the server.
pub(super) const URL_VARIABLE: &str = "MASTRA_TEST_POSTGRES_URL";

/// What both schemas have in common, without the schema's own name.
const SHARED: &str = "
SELECT format('%s.%s %s %s %s', c.table_name, c.column_name, c.data_type, c.is_nullable, c.collation_name)
FROM information_schema.columns c WHERE c.table_schema = $1 AND c.table_name IN ('entities', 'records')
UNION ALL
SELECT replace(indexdef, $1 || '.', '') FROM pg_indexes WHERE schemaname = $1 AND tablename IN ('entities', 'records')
UNION ALL
SELECT format('%s %s', n.conname, replace(pg_get_constraintdef(n.oid), $1 || '.', '')) FROM pg_constraint n
WHERE n.connamespace = $1::regnamespace AND n.conrelid::regclass::text ~ '(entities|records)$'
ORDER BY 1";

/// The schemas of a run.
#[derive(Debug)]
pub(super) struct Postgres {
    url: String,
    /// A connection beside those that are measured.
    aside: Mutex<PgConnection>,
}

impl Postgres {
    pub(super) async fn new() -> Result<Self> {
        let url = std::env::var(URL_VARIABLE).map_err(|_| {
            Error::invalid_input("no server is named; `cargo xtask bench` brings one up, or set the variable")
                .with("variable", URL_VARIABLE)
        })?;
        let options: PgConnectOptions = url.parse().map_err(|_| Error::invalid_input("the server's URL is malformed"))?;
        let aside = options.disable_statement_logging().connect().await.map_err(raw_error)?;
        Ok(Self { url, aside: Mutex::new(aside) })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, and how the URL spells them; `None` where it names none.
    pub(super) fn address(&self) -> Option<(String, u16, String)> {
        let options: PgConnectOptions = self.url.parse().ok()?;
        let (host, port) = (options.get_host().to_owned(), options.get_port());
        let spelled = format!("@{host}:{port}");
        self.url.contains(&spelled).then_some((host, port, spelled))
    }

    /// A schema's name: letters, digits and underscores alone.
    pub(super) fn schema(side: &str, number: usize) -> String {
        format!("mastra_bench_{}_{side}_{number}", process::id())
    }

    /// Runs statements that are made of constants and of schema names.
    async fn run(&self, statements: String) -> Result<()> {
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *self.aside.lock().await).await.map(drop).map_err(raw_error)
    }

    /// A text that a statement gives.
    pub(super) async fn text(&self, sql: &'static str) -> Result<String> {
        sqlx::query_scalar(sql).fetch_one(&mut *self.aside.lock().await).await.map_err(raw_error)
    }

    /// The lines that a statement gives, which is made of constants and of schema names.
    pub(super) async fn lines(&self, sql: String) -> Result<Vec<String>> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *self.aside.lock().await).await.map_err(raw_error)
    }

    /// Statistics and vacuum of every table of a schema.
    pub(super) async fn vacuum_all(&self, schema: &str) -> Result<()> {
        let query = sqlx::query_scalar("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = $1");
        let tables: Vec<String> = query.bind(schema).fetch_all(&mut *self.aside.lock().await).await.map_err(raw_error)?;
        for table in tables {
            self.run(format!("VACUUM (ANALYZE) {table}")).await?;
        }
        Ok(())
    }

    /// Removes a schema with all that it holds.
    pub(super) async fn drop_schema(&self, schema: &str) -> Result<()> {
        self.run(format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await
    }

    /// The engine over a URL, in a schema of its own, which it makes.
    pub(super) async fn engine(url: &str, schema: &str) -> Result<Ours> {
        let engine = PostgresEngine::builder(url).schema(schema).max_connections(4).auto_migrate(true).connect().await?;
        Ok(Ours::new(Arc::new(engine)))
    }
}

impl Backend for Postgres {
    type Raw = RawPostgres;

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let mut about = Vec::new();
        let mut aside = self.aside.lock().await;
        let mut show = async |name: &'static str, sql: &'static str| -> Result<()> {
            let value: String = sqlx::query_scalar(sql).fetch_one(&mut *aside).await.map_err(raw_error)?;
            about.push((name, value));
            Ok(())
        };
        show("database", "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)").await?;
        show(
            "durability",
            "SELECT format('fsync %s, synchronous_commit %s', current_setting('fsync'), current_setting('synchronous_commit'))",
        )
        .await?;
        show("shared buffers", "SHOW shared_buffers").await?;
        Ok(about)
    }

    async fn ours(&self, number: usize) -> Result<Ours> {
        Self::engine(&self.url, &Self::schema("ours", number)).await
    }

    async fn raw(&self, number: usize) -> Result<RawPostgres> {
        RawPostgres::create(&self.url, Self::schema("raw", number), ENTITY, CONNECTION).await.map_err(raw_error)
    }

    async fn compare(&self, number: usize) -> Result<()> {
        let mut sides = Vec::new();
        for side in ["ours", "raw"] {
            let query = sqlx::query_scalar(SHARED).bind(Self::schema(side, number));
            let shape: Vec<String> = query.fetch_all(&mut *self.aside.lock().await).await.map_err(raw_error)?;
            sides.push(shape);
        }
        if sides.first() != sides.last() {
            return Err(Error::internal("the twin's tables are not the engine's").with("tables", format!("{sides:#?}")));
        }
        Ok(())
    }

    async fn settle(&self, number: usize) -> Result<()> {
        for side in ["ours", "raw"] {
            self.run(format!("VACUUM (ANALYZE) {}.records", Self::schema(side, number))).await?;
        }
        Ok(())
    }

    async fn logged(&self) -> Result<Option<u64>> {
        let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8";
        let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&mut *self.aside.lock().await).await.map_err(raw_error)?;
        Ok(u64::try_from(bytes).ok())
    }

    async fn bulk(&self, number: usize, documents: &[Document]) -> Result<Option<Bulk>> {
        let (mut ours, mut raw) = (self.ours(number).await?, self.raw(number).await?);
        // Entities are made and statements prepared with the first document; what is timed is the rest.
        let (first, rest) = documents.split_at(documents.len().min(1));
        let cursor = || Some("bulk".to_owned());
        ours.sync(&Ours::batch(first, cursor())).await?;
        Twin::sync(&mut raw, &RawPostgres::batch(first, cursor())).await?;
        let (our_batch, raw_batch) = (Ours::batch(rest, cursor()), RawPostgres::batch(rest, cursor()));
        let mut spent = Bulk { ours: Spent::default(), raw: Spent::default() };
        let ours_first = number.is_multiple_of(2);
        for ours_now in [ours_first, !ours_first] {
            let (stored, side) = if ours_now {
                (timed(&mut spent.ours, ours.sync(&our_batch)).await?.0, "the engine")
            } else {
                let copied = timed(&mut spent.raw, raw.copy(&raw_batch.0, raw_batch.1.as_deref())).await.map_err(raw_error)?;
                (usize::try_from(copied).unwrap_or(usize::MAX), "the twin")
            };
            if stored != rest.len() {
                return Err(Error::internal("a bulk load did not store every record").with("side", side).with("stored", stored));
            }
        }
        super::runner::same_stores(&mut ours, &mut raw, documents.len()).await?;
        ours.close().await?;
        Twin::close(raw).await?;
        self.remove(number).await?;
        Ok(Some(spent))
    }

    async fn remove(&self, number: usize) -> Result<()> {
        for side in ["ours", "raw"] {
            self.drop_schema(&Self::schema(side, number)).await?;
        }
        Ok(())
    }
}
