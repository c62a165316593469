//! The databases that a killed process leaves behind.

use mastra_core::Engine;
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

    pub(crate) async fn end(self) {
        self.engine.close().await.unwrap();
        drop(self.folder);
        if let Some(postgres) = self.postgres {
            postgres.drop_schema().await;
        }
    }
}
