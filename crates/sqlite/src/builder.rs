//! Opening an engine.

use crate::{
    capabilities,
    connection::{Role, Slots},
    error::{Code, statement},
    location::{Location, Mode, Place},
    migrate,
    shadow::Shadow,
    store::{SqliteEngine, SqliteStore},
    unit::Pools,
};
use mastra_core::{Checked, EngineInfo, Error, Result};
use sqlx::{
    SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for a lock or a connection where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// How to open a [`SqliteEngine`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_sqlite::SqliteEngine;
/// use std::time::Duration;
///
/// let engine = SqliteEngine::builder(":memory:").acquire_timeout(Duration::from_secs(5)).connect().await?;
/// # let _ = engine;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SqliteEngineBuilder {
    location: Result<Location, &'static str>,
    auto_migrate: bool,
    readers: usize,
    acquire_timeout: Duration,
    busy_timeout: Duration,
}

impl SqliteEngineBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        let place = match path.to_str() {
            Some(text) => Place::of(text).map_err(|_| "the path names no file"),
            None => Err("a database's path has to be valid UTF-8"),
        };
        Self::with(place.map(|place| Location { place, mode: Mode::default() }))
    }

    pub(crate) fn at(location: Location) -> Self {
        Self::with(Ok(location))
    }

    fn with(location: Result<Location, &'static str>) -> Self {
        Self { location, auto_migrate: true, readers: 4, acquire_timeout: PATIENCE, busy_timeout: PATIENCE }
    }

    /// Whether to bring the schema up to date; on by default. Off, an older schema is `SchemaMismatch` with the command to run.
    #[must_use]
    pub fn auto_migrate(mut self, yes: bool) -> Self {
        self.auto_migrate = yes;
        self
    }

    /// Opens for reading only; the file has to exist, and every write is `PermissionDenied`.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        if let Ok(location) = &mut self.location {
            location.mode = Mode::ReadOnly;
        }
        self
    }

    /// How many connections read at once; 4 by default, at least 1. In memory there is one connection for everything.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// How long to wait for a connection, and so for another transaction of this engine; 30 seconds by default.
    #[must_use]
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long to wait for another process that writes; 30 seconds by default.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Opens the engine.
    pub async fn connect(self) -> Result<Checked<SqliteEngine>> {
        let location = self.location.clone().map_err(Error::invalid_input)?;
        let (namespace, options) = self.options(&location)?;
        let memory = location.place == Place::Memory;
        let role = if memory { Role::Only } else { Role::Writer };
        let writer = Slots::new(options.clone(), role, 1, self.acquire_timeout);
        let read_only = location.mode == Mode::ReadOnly;
        let mut lease = writer.lease().await.map_err(|error| explain_open(error, &location))?;
        self.prepare(lease.connection()?, &namespace, read_only).await?;
        drop(lease);
        let shadow = memory.then(|| Shadow::new(options.clone(), self.acquire_timeout));
        let readers = if memory {
            Arc::clone(&writer)
        } else {
            // Readers never write, whatever statement reaches them.
            Slots::new(options.pragma("query_only", "ON"), Role::Reader, self.readers, self.acquire_timeout)
        };
        let info = Arc::new(EngineInfo { system: "sqlite", namespace });
        let can = if memory { &capabilities::MEMORY } else { &capabilities::FILE };
        Ok(Checked::new(SqliteStore::new(Pools { writer, readers, shadow }, info, can)))
    }

    /// What traces call the database, and how its connections are opened.
    fn options(&self, location: &Location) -> Result<(String, SqliteConnectOptions)> {
        let options = SqliteConnectOptions::new()
            .busy_timeout(self.busy_timeout.min(Duration::from_secs(3_600)))
            .foreign_keys(true)
            // The default without WAL too, said aloud: an acknowledged write is on the disk.
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-16384")
            .pragma("temp_store", "MEMORY")
            .row_buffer_size(128)
            .thread_name(|index| format!("mastra-sqlite-{index}"));
        Ok(match &location.place {
            Place::Memory => (":memory:".to_owned(), options.in_memory(true)),
            Place::File(path) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
                    return Err(Error::not_found("the database's directory does not exist; create it first")
                        .with("directory", parent.display()));
                }
                if path.is_dir() {
                    return Err(Error::invalid_input("the database's path is a directory").with("path", path.display()));
                }
                if location.mode != Mode::Create && !path.exists() {
                    return Err(Error::not_found("the database file does not exist").with("path", path.display()));
                }
                // Resolved now: the process may change its directory before the next connection is opened.
                let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                let options = options
                    .filename(&absolute)
                    .create_if_missing(location.mode == Mode::Create)
                    .read_only(location.mode == Mode::ReadOnly);
                (path.display().to_string(), options)
            }
        })
    }

    /// Looks at the file before changing anything of it, then makes it a database of ours.
    async fn prepare(&self, connection: &mut SqliteConnection, namespace: &str, read_only: bool) -> Result<()> {
        if read_only {
            return migrate::verify(connection, namespace).await.map(drop);
        }
        // Before anything is changed: the switch to a write-ahead log is written into the file.
        migrate::refuse_foreign(connection).await?;
        use_wal(connection, self.busy_timeout).await?;
        if self.auto_migrate {
            migrate::ensure(connection, namespace, self.busy_timeout).await.map(drop)
        } else {
            migrate::verify(connection, namespace).await.map(drop)
        }
    }
}

/// Switches to write-ahead logging, which lasts. Several processes may open a new file at once, and SQLite does not wait for
/// the lock that the switch needs (<https://www.sqlite.org/wal.html>), so this does.
async fn use_wal(connection: &mut SqliteConnection, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        match sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await {
            Ok(mode) if mode == "wal" || mode == "memory" => return Ok(()),
            Ok(_) => return Err(Error::unsupported("the file system cannot hold a database with a write-ahead log")),
            Err(error) if Code::of(&error) == Some(Code::Busy) && begun.elapsed() < patience => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(statement(error)),
        }
    }
}

fn explain_open(error: Error, location: &Location) -> Error {
    match &location.place {
        Place::File(path) => error.with("path", path.display()),
        Place::Memory => error,
    }
}
