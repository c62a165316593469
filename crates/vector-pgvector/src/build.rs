//! Building the graph or the clusters of an index, after a load or anew.

use crate::{
    ddl::{neighbours, refused, run},
    index::Index,
    registry,
    store::PgVector,
};
use mastra_core::{Error, Result, vector::IndexKind};
use mastra_postgres::foundation::{driver_error, identifier, literal};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::{fmt, pin::pin, sync::Arc, time::Duration};
use uuid::Uuid;

/// How often progress is told, and the lock between builders asked for.
const POLLED: Duration = Duration::from_millis(250);

/// What is told how far a build is.
pub type Tell = Arc<dyn Fn(&BuildProgress) + Send + Sync>;

/// How an index is built.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct BuildOptions {
    /// Whether points can be written meanwhile; building then takes longer. Off by default.
    pub concurrently: bool,
    /// What is told now and then how far it is.
    pub progress: Option<Tell>,
}

impl BuildOptions {
    /// A build that holds off writers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets points be written meanwhile.
    #[must_use]
    pub fn concurrently(mut self) -> Self {
        self.concurrently = true;
        self
    }

    /// Tells how far it is, a few times a second.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(&BuildProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }
}

impl fmt::Debug for BuildOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildOptions").field("concurrently", &self.concurrently).finish_non_exhaustive()
    }
}

/// How far a build is, as the server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildProgress {
    /// What it does now, such as `building index: loading tuples`.
    pub phase: String,
    /// Parts of the table that were read, and how many there are.
    pub blocks: (u64, u64),
    /// Points that were taken up, and how many there are; both 0 where the server does not say.
    pub points: (u64, u64),
}

impl PgVector {
    /// Builds the graph or the clusters of an index, over whatever points it has; one that is there is replaced, and serves until then.
    ///
    /// An administrative act, which needs the table's ownership. Where it is given up in the middle the index stays as it was, and the
    /// next build takes away what was left.
    pub async fn build_index(&self, name: &str, options: &BuildOptions) -> Result<()> {
        self.build(name, options).await.map_err(|error| error.with("index", name).with_operation("build_index"))
    }

    async fn build(&self, name: &str, options: &BuildOptions) -> Result<()> {
        let index = self.index_now(name).await?;
        if index.spec.kind == IndexKind::Flat {
            return Err(Error::invalid_input("a flat index has nothing to build"));
        }
        let mut conn = self.database.connect_options().connect().await.map_err(driver_error)?;
        let parallel = if index.extension.builds_in_parallel() { "" } else { "; SET max_parallel_maintenance_workers = 0" };
        run(&mut conn, &format!("SET statement_timeout = 0; SET lock_timeout = 0{parallel}")).await.map_err(driver_error)?;
        self.take_turn(&mut conn).await?;
        let before = existing(&mut conn, &index).await?;
        let (valid, broken): (Vec<_>, Vec<_>) = before.into_iter().partition(|(_, valid)| *valid);
        let drop =
            |name: &str| format!("DROP INDEX CONCURRENTLY IF EXISTS {}.{}", identifier(&index.table_schema), identifier(name));
        for (left, _) in &broken {
            run(&mut conn, &drop(left)).await.map_err(|error| refused(error, &drop(left)))?;
        }
        let fresh = format!("neighbours_{}", Uuid::now_v7().simple());
        let (quoted, column) = (identifier(&fresh), identifier(&index.layout.vector));
        let create = neighbours(&index.extension, &index.spec, &quoted, &index.table(), &column, options.concurrently)?;
        let built = format!(
            "UPDATE {} SET built = TRUE WHERE name = {} AND table_name = {}",
            registry::table(&self.database),
            literal(name),
            literal(&index.table_name)
        );
        if let Err(error) = self.watched(&mut conn, &create, options).await {
            // What a failed building leaves is paid for by every write; where this fails too, the next build does it.
            let _ = run(&mut conn, &drop(&fresh)).await;
            return Err(refused(error, &format!("{create}; {built}")));
        }
        for (old, _) in &valid {
            run(&mut conn, &drop(old)).await.map_err(|error| refused(error, &drop(old)))?;
        }
        // The planner knows a table that was just loaded by what it looks at now.
        run(&mut conn, &format!("ANALYZE {}", index.table())).await.map_err(driver_error)?;
        run(&mut conn, &built).await.map_err(|error| refused(error, &built))?;
        self.common.known.forget(name);
        conn.close().await.map_err(driver_error)
    }

    /// One builder of the schema at a time. Asked for again and again: who waits inside a statement holds a snapshot, for the end of
    /// which a concurrent build waits in turn.
    async fn take_turn(&self, conn: &mut PgConnection) -> Result<()> {
        let attempt = format!("SELECT pg_try_advisory_lock({})", self.database.advisory_key("mastra vector index builds"));
        loop {
            let row = sqlx::raw_sql(AssertSqlSafe(attempt.as_str())).fetch_one(&mut *conn).await.map_err(driver_error)?;
            if row.try_get::<bool, _>(0).map_err(driver_error)? {
                return Ok(());
            }
            tokio::time::sleep(POLLED).await;
        }
    }

    /// Runs a build, and tells how far it is.
    async fn watched(&self, conn: &mut PgConnection, create: &str, options: &BuildOptions) -> sqlx::Result<()> {
        let Some(tell) = &options.progress else { return run(conn, create).await };
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").persistent(false).fetch_one(&mut *conn).await?;
        let mut building = pin!(run(conn, create));
        loop {
            match tokio::time::timeout(POLLED, building.as_mut()).await {
                Ok(done) => return done,
                Err(_) => {
                    // That nobody can be told does not stop the build.
                    if let Ok(Some(progress)) = self.progress_of(pid).await {
                        tell(&progress);
                    }
                }
            }
        }
    }

    async fn progress_of(&self, pid: i32) -> Result<Option<BuildProgress>> {
        let mut work = self.database.read().await?;
        let statement = "SELECT phase, blocks_done, blocks_total, tuples_done, tuples_total FROM pg_stat_progress_create_index \
                         WHERE pid = $1";
        let row = sqlx::query(statement).persistent(false).bind(pid).fetch_optional(work.conn()?).await.map_err(driver_error)?;
        work.finish().await?;
        let Some(row) = row else { return Ok(None) };
        let number = |at: usize| {
            row.try_get::<Option<i64>, _>(at).map(|n| u64::try_from(n.unwrap_or(0)).unwrap_or(0)).map_err(driver_error)
        };
        Ok(Some(BuildProgress {
            phase: row.try_get(0).map_err(driver_error)?,
            blocks: (number(1)?, number(2)?),
            points: (number(3)?, number(4)?),
        }))
    }
}

/// The indexes on the vectors of the table that were built by this crate, and whether each is whole.
async fn existing(conn: &mut PgConnection, index: &Index) -> Result<Vec<(String, bool)>> {
    let rows = sqlx::query(
        "SELECT c.relname::text, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam \
         WHERE i.indrelid = to_regclass($1) AND a.amname IN ('hnsw', 'ivfflat') \
         AND (c.relname LIKE 'neighbours\\_%' OR c.relname LIKE 'vectors\\_%\\_graph')",
    )
    .persistent(false)
    .bind(index.table())
    .fetch_all(conn)
    .await
    .map_err(driver_error)?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<sqlx::Result<_>>().map_err(driver_error)
}
