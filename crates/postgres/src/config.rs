//! How to reach the server, and how the engine behaves on the way.

use crate::{
    engine::PostgresEngine,
    error::driver,
    field_index::FieldIndexes,
    kept::Kept,
    migrate::{self, MigrationSet, PostgresMigrator},
    pool::{self, PoolSettings},
    pooler::Pooler,
    quote::Schema,
    store::{PgStore, Shared},
    syncs::Watch,
    url::EngineUrl,
};
use mastra_core::{Capabilities, Checked, EngineInfo, Error, Result, capabilities::DataCapabilities};
use sqlx::{Connection as _, PgConnection, PgPool};
use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::Duration,
};

/// The schema where none is named.
pub const DEFAULT_SCHEMA: &str = "mastra";

/// Settings of a [`PostgresEngine`], and the way to connect it.
///
/// ```no_run
/// use mastra_postgres::PostgresEngine;
/// use std::time::Duration;
///
/// # async fn example() -> mastra_core::Result<()> {
/// let engine = PostgresEngine::builder("postgres://app@primary/app?sslmode=verify-full")
///     .reader_url("postgres://app@replica/app?sslmode=verify-full")
///     .schema("mastra")
///     .max_connections(20)
///     .statement_timeout(Duration::from_secs(30))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it connects"]
pub struct PostgresEngineBuilder {
    writer: Target,
    reader: Option<Target>,
    schema: Option<String>,
    pooler: Option<Pooler>,
    settings: PoolSettings,
    auto_migrate: bool,
}

enum Target {
    Url(String),
    Pool(PgPool),
}

impl PostgresEngineBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self::with(Target::Url(url.into()))
    }

    pub(crate) fn from_pool(pool: PgPool) -> Self {
        Self::with(Target::Pool(pool))
    }

    fn with(writer: Target) -> Self {
        Self { writer, reader: None, schema: None, pooler: None, settings: PoolSettings::default(), auto_migrate: false }
    }

    /// Reads from another server, such as a streaming replica, except inside transactions. What was just written may not be
    /// there yet.
    pub fn reader_url(mut self, url: impl Into<String>) -> Self {
        self.reader = Some(Target::Url(url.into()));
        self
    }

    /// As [`reader_url`](Self::reader_url), over a pool of yours.
    pub fn reader_pool(mut self, pool: PgPool) -> Self {
        self.reader = Some(Target::Pool(pool));
        self
    }

    /// The schema that holds the engine's tables: `mastra` by default, or the URL's parameter `schema`. Statements name it, so
    /// no `search_path` matters.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
        self
    }

    /// What stands between the engine and the server: nothing by default, or what the URL's parameter `pooler` says.
    pub fn pooler(mut self, pooler: Pooler) -> Self {
        self.pooler = Some(pooler);
        self
    }

    /// At most this many connections a pool; 10 by default. A pool of yours keeps its own settings.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.settings.max_connections = connections.max(1);
        self
    }

    /// Keeps this many connections open; none by default.
    pub fn min_connections(mut self, connections: u32) -> Self {
        self.settings.min_connections = connections;
        self
    }

    /// How long a call waits for a free connection before it fails as `Timeout`; 30 seconds by default.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.settings.acquire_timeout = timeout;
        self
    }

    /// How long a connection may idle before it is closed; ten minutes by default, `None` for ever.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.idle_timeout = timeout.into();
        self
    }

    /// How long one statement may run before the server cancels it and the call fails as `Timeout`; the server's own setting by
    /// default. On a pool of yours and behind a transaction pooler it is set anew in each transaction.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.settings.statement_timeout = Some(timeout);
        self
    }

    /// What the server's lists of sessions show; `mastra` by default, or what the URL says.
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.settings.application_name = Some(name.into());
        self
    }

    /// Applies pending migrations before connecting. Off by default: an engine creates nothing that it was not told to. The URL
    /// has to lead to the server itself, with a role that may create tables.
    pub fn auto_migrate(mut self, auto_migrate: bool) -> Self {
        self.auto_migrate = auto_migrate;
        self
    }

    /// Connects, and checks that the schema is one that this version serves.
    ///
    /// Errors: `InvalidInput` for a malformed URL or schema name, `SchemaMismatch` with the command to run where the schema is
    /// missing, too old or too new, `Unavailable` where no server answers, `PermissionDenied`.
    pub async fn connect(self) -> Result<Checked<PostgresEngine>> {
        Ok(Checked::new(PostgresEngine::new(self.open(MigrationSet::ENGINE).await?)))
    }

    /// Connects to a schema of this series of migrations.
    pub(crate) async fn open(self, set: MigrationSet) -> Result<PgStore> {
        let url = match &self.writer {
            Target::Url(url) => EngineUrl::parse(url)?,
            Target::Pool(_) => EngineUrl::default(),
        };
        let pooler = self.pooler.or(url.pooler).unwrap_or_default();
        let schema = Schema::new(self.schema.as_deref().or(url.schema.as_deref()).unwrap_or(DEFAULT_SCHEMA))?;
        let lent = matches!(self.writer, Target::Pool(_)) || matches!(self.reader, Some(Target::Pool(_)));
        let writer = self.writer.pool(&self.settings, pooler)?;
        let split = self.reader.is_some();
        let reader = match self.reader {
            Some(reader) => reader.pool(&self.settings, pooler)?,
            None => writer.clone(),
        };
        if self.auto_migrate {
            let options = writer.connect_options();
            let migrator = PostgresMigrator::connect_with_set(options.as_ref().clone(), schema.name(), set).await?;
            mastra_core::migrate::Migrator::apply(&migrator, &mastra_core::migrate::silent).await?;
        }
        let options = writer.connect_options();
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let shared = Shared {
            info: EngineInfo { system: "postgresql", namespace: format!("{database}|{}", schema.name()) },
            capabilities: capabilities(),
            local_timeout: self.settings.statement_timeout.filter(|_| lent || pooler == Pooler::Transaction),
            schema,
            pooler,
            kept: Kept::new(&reader, !lent),
            reader,
            writer,
            lent,
            split,
            closed: AtomicBool::new(false),
            field_indexes: FieldIndexes::default(),
            vectors: OnceLock::new(),
            watch: Watch::default(),
        };
        if lent {
            let mut conn = shared.writer.acquire().await.map_err(driver)?;
            migrate::verify_schema(&mut conn, &shared.schema, set).await?;
        } else {
            // The pool would try a port that refuses again and again until its time runs out. A first connection of our own
            // says at once why there is none.
            let wait = self.settings.acquire_timeout;
            let late = |_| Error::unavailable("the server did not answer in time; is the address right?");
            let connecting = PgConnection::connect_with(&options);
            let mut conn = tokio::time::timeout(wait, connecting).await.map_err(late)?.map_err(driver)?;
            migrate::verify_schema(&mut conn, &shared.schema, set).await?;
            conn.close().await.map_err(driver)?;
        }
        Ok(PgStore::pools(Arc::new(shared)))
    }
}

impl Target {
    fn pool(self, settings: &PoolSettings, pooler: Pooler) -> Result<PgPool> {
        match self {
            Self::Pool(pool) => Ok(pool),
            Self::Url(url) => pool::open(&EngineUrl::parse(&url)?.rest, settings, pooler),
        }
    }
}

/// Everything, but for what `text` and `numeric` cannot hold.
fn capabilities() -> Capabilities {
    Capabilities { data: DataCapabilities { nul_characters: false, unbounded_numbers: false }, ..Capabilities::all() }
}

impl fmt::Debug for PostgresEngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        f.debug_struct("PostgresEngineBuilder")
            .field("schema", &self.schema)
            .field("pooler", &self.pooler)
            .field("settings", &self.settings)
            .field("auto_migrate", &self.auto_migrate)
            .finish_non_exhaustive()
    }
}
