//! The migrator of one schema.

use super::options::MigrateOptions;
use super::{MigrationSet, bookkeeping, direct, privileges, run, script};
use crate::quote::Schema;
use async_trait::async_trait;
use mastra_core::migrate::{Applied, Assessment, Migration, Migrator, Progress, assess, check_series};
use mastra_core::{EngineInfo, Error, ErrorKind, Result};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use std::borrow::Cow;
use std::fmt;
use tokio::sync::Mutex;

/// Migrates one schema of a Postgres database; see the [module](super).
///
/// ```no_run
/// use mastra_core::migrate::{Migrator as _, silent};
/// use mastra_postgres::migrate::PostgresMigrator;
///
/// # async fn example() -> mastra_core::Result<()> {
/// let migrator = PostgresMigrator::connect("postgres://owner@localhost/app", "mastra").await?;
/// println!("{}", migrator.plan().await?);
/// migrator.apply(&silent).await?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresMigrator {
    info: EngineInfo,
    target: Target,
    /// Kept between calls; taken out by each, so that a call that failed or was dropped leaves none behind.
    conn: Mutex<Option<PgConnection>>,
}

/// What is migrated to what.
pub(super) struct Target {
    pub(super) connect: PgConnectOptions,
    pub(super) schema: Schema,
    pub(super) known: Cow<'static, [Migration]>,
    pub(super) options: MigrateOptions,
}

impl PostgresMigrator {
    /// Connects to the server itself.
    ///
    /// `InvalidInput` where the URL is malformed, leads to a connection pooler, or the schema name cannot be one.
    pub async fn connect(url: &str, schema: &str) -> Result<Self> {
        Self::connect_with(direct::parse(url)?, schema).await
    }

    /// As [`PostgresMigrator::connect`], for another series of migrations than the engine's.
    pub async fn connect_for(url: &str, schema: &str, set: MigrationSet) -> Result<Self> {
        Self::connect_with_set(direct::parse(url)?, schema, set).await
    }

    /// Connects with options of the driver, for certificates and the like.
    pub async fn connect_with(connect: PgConnectOptions, schema: &str) -> Result<Self> {
        Self::connect_with_set(connect, schema, MigrationSet::ENGINE).await
    }

    pub(crate) async fn connect_with_set(connect: PgConnectOptions, schema: &str, set: MigrationSet) -> Result<Self> {
        let schema = Schema::new(schema)?.remembering_in(set.table);
        let conn = direct::connect(&connect).await?;
        let database = connect.get_database().unwrap_or_else(|| connect.get_username());
        let info = EngineInfo { system: "postgresql", namespace: format!("{database}|{}", schema.name()) };
        let target = Target { connect, schema, known: Cow::Borrowed(set.migrations), options: MigrateOptions::default() };
        Ok(Self { info, target, conn: Mutex::new(Some(conn)) })
    }

    /// Sets how patient it is.
    #[must_use]
    pub fn options(mut self, options: MigrateOptions) -> Self {
        self.target.options = options;
        self
    }

    /// Migrates by other migrations than this version's: those of another version of this crate, as upgrade tests need.
    pub fn with_migrations(mut self, migrations: Vec<Migration>) -> Result<Self> {
        check_series(&migrations)?;
        self.target.known = Cow::Owned(migrations);
        Ok(self)
    }

    async fn conn(&self) -> Result<(tokio::sync::MutexGuard<'_, Option<PgConnection>>, PgConnection)> {
        let mut slot = self.conn.lock().await;
        let conn = match slot.take() {
            Some(conn) => conn,
            None => direct::connect(&self.target.connect).await?,
        };
        Ok((slot, conn))
    }

    async fn explain(&self, conn: &mut PgConnection, error: Error) -> Error {
        match error.kind() {
            ErrorKind::PermissionDenied => privileges::explain(conn, &self.target.schema, error).await,
            _ => error,
        }
    }
}

#[async_trait]
impl Migrator for PostgresMigrator {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn plan(&self) -> Result<Assessment> {
        let (mut slot, mut conn) = self.conn().await?;
        match bookkeeping::read(&mut conn, &self.target.schema).await {
            Ok(applied) => {
                *slot = Some(conn);
                Ok(assess(&self.target.known, &applied))
            }
            Err(error) => Err(self.explain(&mut conn, error).await.with_operation("plan")),
        }
    }

    async fn apply(&self, progress: Progress<'_>) -> Result<Vec<Applied>> {
        let (mut slot, mut conn) = self.conn().await?;
        match run::apply(&mut conn, &self.target, progress).await {
            Ok(applied) => {
                *slot = Some(conn);
                Ok(applied)
            }
            Err(error) => Err(self.explain(&mut conn, error).await.with_operation("migrate")),
        }
    }

    async fn sql(&self) -> Result<String> {
        let assessment = match self.plan().await {
            Ok(assessment) => assessment,
            // Whoever may not even look gets everything: each step of the script refuses to run twice.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => assess(&self.target.known, &[]),
            Err(error) => return Err(error),
        };
        script::write(&self.target, assessment.to_apply()?)
    }
}

impl fmt::Debug for PostgresMigrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresMigrator").field("namespace", &self.info.namespace).finish_non_exhaustive()
    }
}
