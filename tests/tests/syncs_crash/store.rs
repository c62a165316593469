//! The databases that a killed process leaves behind.

use mastra_core::{Checked, Engine};
use mastra_mock::MockEngine;
use mastra_tests::postgres::Postgres;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// Where a child finds its database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Place {
    File(PathBuf),
    Schema { url: String, schema: String },
}

impl Place {
    pub(crate) async fn open(&self) -> Arc<dyn Engine> {
        match self {
            Self::File(path) => Arc::new(mastra_sqlite::SqliteEngine::builder(path).connect().await.unwrap()),
            Self::Schema { url, schema } => {
                Arc::new(mastra_postgres::PostgresEngine::builder(url).schema(schema).max_connections(4).connect().await.unwrap())
            }
        }
    }
}

/// A database of a test's own.
pub(crate) struct Store {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) engine: Arc<dyn Engine>,
    folder: Option<tempfile::TempDir>,
    postgres: Option<Postgres>,
}

impl Store {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::File(folder.path().join("mastra.db"));
        Self { name: "SQLite", engine: place.open().await, place, folder: Some(folder), postgres: None }
    }

    pub(crate) async fn postgres() -> Self {
        let postgres = Postgres::fresh("syncs_crash").await;
        postgres.engine().await;
        let place = Place::Schema { url: postgres.url().to_owned(), schema: postgres.schema().to_owned() };
        Self { name: "Postgres", engine: place.open().await, place, folder: None, postgres: Some(postgres) }
    }

    /// In memory, with the engine whose clock can be set.
    pub(crate) fn mock() -> (Self, Arc<Checked<MockEngine>>) {
        let engine = Arc::new(MockEngine::new().checked());
        let same: Arc<dyn Engine> = Arc::clone(&engine) as _;
        (Self { name: "mock", engine: same, place: Place::File(PathBuf::new()), folder: None, postgres: None }, engine)
    }

    /// Writes the end of every lease, of runs and of targets, so many seconds from now.
    pub(crate) async fn set_leases(&self, seconds: i64) {
        match &self.place {
            Place::File(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
                let until = (mastra_core::time::now() + chrono::TimeDelta::seconds(seconds)).timestamp_micros();
                for sql in [
                    "UPDATE sync_targets SET lease_until = ?1 WHERE holder IS NOT NULL",
                    "UPDATE sync_runs SET lease_until = ?1 WHERE state = 'running'",
                ] {
                    sqlx::query(sql).bind(until).execute(&pool).await.unwrap();
                }
                pool.close().await;
            }
            Place::Schema { url, schema } => {
                let pool = sqlx::PgPool::connect(url).await.unwrap();
                for sql in [
                    format!(
                        r#"UPDATE "{schema}".sync_targets SET lease_until = now() + make_interval(secs => $1) WHERE holder IS NOT NULL"#
                    ),
                    format!(
                        r#"UPDATE "{schema}".sync_runs SET lease_until = now() + make_interval(secs => $1) WHERE state = 'running'"#
                    ),
                ] {
                    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(seconds as f64).execute(&pool).await.unwrap();
                }
                pool.close().await;
            }
        }
    }

    pub(crate) async fn end(self) {
        self.engine.close().await.unwrap();
        drop(self.folder);
        if let Some(postgres) = self.postgres {
            postgres.drop_schema().await;
        }
    }
}
