//! SQLite: a file for each side in one directory.

use super::{
    backend::{Backend, Bulk},
    data::{CONNECTION, Document, ENTITY},
    raw_sqlite::RawSqlite,
    twin::{Ours, raw_error},
};
use mastra_core::{Error, Result};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::PathBuf, sync::Arc};
use tempfile::TempDir;

/// Tables that both sides have; the engine has more beside them.
const SHARED: &str = "SELECT m.name || ': ' || group_concat(x.name || ' ' || x.type || ' ' || x.\"notnull\", ', ') \
     FROM sqlite_schema m, pragma_table_info(m.name) x WHERE m.name IN ('entities', 'records', 'counters') GROUP BY m.name \
     UNION ALL SELECT m.name || ' on ' || m.tbl_name || ': ' || group_concat(coalesce(x.name, '?') || ' ' || x.\"desc\", ', ') \
     FROM sqlite_schema m, pragma_index_xinfo(m.name) x WHERE m.type = 'index' AND m.tbl_name IN ('entities', 'records') AND x.key = 1 \
     GROUP BY m.name ORDER BY 1";

/// The files of a run.
#[derive(Debug)]
pub(super) struct Sqlite {
    directory: TempDir,
}

impl Sqlite {
    pub(super) fn new() -> Result<Self> {
        let directory = tempfile::tempdir()
            .map_err(|source| Error::unavailable("cannot make a directory for the files").with_source(source))?;
        Ok(Self { directory })
    }

    pub(super) fn path(&self, side: &str, number: usize) -> PathBuf {
        self.directory.path().join(format!("{side}-{number}.db"))
    }

    /// Removes a file with what SQLite puts beside it.
    pub(super) fn remove_file(&self, side: &str, number: usize) -> Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path(side, number).into_os_string();
            path.push(suffix);
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::unavailable("cannot remove a file of the benchmark").with_source(source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Where a store of the engine's is, as a URL.
    pub(super) fn url(&self, number: usize) -> String {
        format!("sqlite:{}", self.path("ours", number).display())
    }
}

impl Backend for Sqlite {
    type Raw = RawSqlite;

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.map_err(raw_error)?;
        let version: String =
            sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.map_err(raw_error)?;
        Ok(vec![("database", format!("SQLite {version}")), ("durability", "WAL, synchronous FULL".into())])
    }

    async fn ours(&self, number: usize) -> Result<Ours> {
        Ok(Ours::new(Arc::new(mastra_sqlite::connect(&self.url(number)).await?)))
    }

    async fn raw(&self, number: usize) -> Result<RawSqlite> {
        RawSqlite::create(&self.path("raw", number), ENTITY, CONNECTION).await.map_err(raw_error)
    }

    async fn compare(&self, number: usize) -> Result<()> {
        let mut sides = Vec::new();
        for side in ["ours", "raw"] {
            let options = SqliteConnectOptions::new().filename(self.path(side, number)).read_only(true);
            let mut connection = options.connect().await.map_err(raw_error)?;
            let shape: Vec<String> = sqlx::query_scalar(SHARED).fetch_all(&mut connection).await.map_err(raw_error)?;
            connection.close().await.map_err(raw_error)?;
            sides.push(shape);
        }
        if sides.first() != sides.last() {
            return Err(Error::internal("the twin's tables are not the engine's").with("tables", format!("{sides:#?}")));
        }
        Ok(())
    }

    async fn settle(&self, _number: usize) -> Result<()> {
        // Both sides keep their connections open, and SQLite has no work of its own to catch up with.
        Ok(())
    }

    async fn logged(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    async fn bulk(&self, _number: usize, _documents: &[Document]) -> Result<Option<Bulk>> {
        Ok(None)
    }

    async fn remove(&self, number: usize) -> Result<()> {
        ["ours", "raw"].iter().try_for_each(|side| self.remove_file(side, number))
    }
}
