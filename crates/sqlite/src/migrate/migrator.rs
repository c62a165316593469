//! The migrator of one file.

use super::{bookkeeping, migrations, run, script};
use crate::error::Mapped as _;
use async_trait::async_trait;
use mastra_core::migrate::{Applied, Assessment, Migration, Migrator, Progress, assess, check_series};
use mastra_core::{EngineInfo, Error, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Migrates one SQLite file; see the [module](super).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_core::migrate::{Migrator as _, silent};
/// use mastra_sqlite::migrate::SqliteMigrator;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("app.db");
/// let migrator = SqliteMigrator::open(&path)?;
/// assert!(!migrator.plan().await?.is_up_to_date());
/// migrator.apply(&silent).await?;
/// assert!(migrator.plan().await?.is_up_to_date());
/// # Ok(())
/// # }
/// ```
pub struct SqliteMigrator {
    info: EngineInfo,
    path: PathBuf,
    known: Cow<'static, [Migration]>,
    options: MigrateOptions,
}

/// Settings of a [`SqliteMigrator`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// How long to wait, in all, for other processes that write to the file. 30 seconds by default.
    pub timeout: Duration,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30) }
    }
}

impl MigrateOptions {
    /// Sets [`MigrateOptions::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl SqliteMigrator {
    /// The migrator of that file, which [`Migrator::apply`] creates where it is missing. Touches nothing yet.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
            return Err(Error::invalid_input("only a file can be migrated; a database in memory migrates itself"));
        }
        Ok(Self {
            info: EngineInfo { system: "sqlite", namespace: path.display().to_string() },
            path,
            known: Cow::Borrowed(migrations()),
            options: MigrateOptions::default(),
        })
    }

    /// Sets how patient it is.
    #[must_use]
    pub fn options(mut self, options: MigrateOptions) -> Self {
        self.options = options;
        self
    }

    /// Migrates by other migrations than [`migrations`]: those of another version of this crate, as upgrade tests need.
    pub fn with_migrations(mut self, migrations: Vec<Migration>) -> Result<Self> {
        check_series(&migrations)?;
        self.known = Cow::Owned(migrations);
        Ok(self)
    }

    async fn connect(&self, create: bool) -> Result<SqliteConnection> {
        let connected = SqliteConnectOptions::new()
            .filename(&self.path)
            .create_if_missing(create)
            .foreign_keys(true)
            // Short, so that waiting can be told; the migrator waits by itself.
            .busy_timeout(Duration::from_millis(500))
            .disable_statement_logging()
            .connect()
            .await;
        connected.mapped().map_err(|error| error.with("path", self.path.display()))
    }

    /// What the file remembers; nothing where there is none, which is then not created.
    async fn applied(&self) -> Result<Vec<Applied>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let mut conn = self.connect(false).await?;
        let applied = bookkeeping::read(&mut conn).await.map_err(|error| error.with("path", self.path.display()))?;
        conn.close().await.mapped()?;
        Ok(applied)
    }
}

#[async_trait]
impl Migrator for SqliteMigrator {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn plan(&self) -> Result<Assessment> {
        let applied = self.applied().await.map_err(|error| error.with_operation("plan"))?;
        Ok(assess(&self.known, &applied))
    }

    async fn apply(&self, progress: Progress<'_>) -> Result<Vec<Applied>> {
        let mut conn = self.connect(true).await?;
        let applied = run::apply(&mut conn, &self.known, self.options.timeout, progress).await;
        let applied = applied.map_err(|error| error.with("path", self.path.display()).with_operation("migrate"))?;
        conn.close().await.mapped()?;
        Ok(applied)
    }

    async fn sql(&self) -> Result<String> {
        Ok(script::write(&self.known, self.plan().await?.to_apply()?))
    }
}

impl fmt::Debug for SqliteMigrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteMigrator").field("namespace", &self.info.namespace).finish_non_exhaustive()
    }
}
