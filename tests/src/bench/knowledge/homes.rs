//! SQLite and Postgres as homes of both sides.

use super::{
    counting::DIMENSION,
    raw_postgres::RawPostgres,
    raw_sqlite::RawSqlite,
    side::{Chunks, Home, Place, RawKnowledge, RawPassage, RawRecord, Stores},
};
use crate::bench::{postgres::Postgres, sqlite::Sqlite, twin::raw_error};
use mastra_core::{
    Error, Result,
    migrate::{Migrator as _, silent},
};
use mastra_pgvector::{BuildOptions, PgVector};
use mastra_postgres::PostgresEngine;
use mastra_sqlite::SqliteEngine;
use std::sync::Arc;

const SIDES: [&str; 2] = ["knowledge", "raw_knowledge"];

/// Connections of our side: as many as there are searches at once.
const CONNECTIONS: u32 = 16;

/// What a graph of 200,000 points needs to be built in memory, on both sides.
const BUILDING: &str = "options[maintenance_work_mem]=1GB";

impl Home for Sqlite {
    type Raw = RawSqlite;

    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let mut about = crate::bench::backend::Backend::describe(self).await?;
        about.push(("vectors", "every point is looked at, there is no graph".into()));
        Ok(about)
    }

    fn has_graph(&self) -> bool {
        false
    }

    async fn ours(&self, number: usize) -> Result<Stores> {
        let engine = SqliteEngine::builder(self.path(SIDES[0], number)).connect().await?;
        let vectors = Arc::new(engine.inner().vectors());
        Ok(Stores { engine: Arc::new(engine), vectors, pgvector: None })
    }

    async fn without_graph(&self, _stores: &Stores, _index: &str) -> Result<()> {
        Ok(())
    }

    async fn build(&self, _stores: &Stores, _index: &str) -> Result<()> {
        Ok(())
    }

    async fn raw(&self, number: usize, _graph: bool) -> Result<RawSqlite> {
        RawSqlite::create(&self.path(SIDES[1], number)).await.map_err(raw_error)
    }

    async fn settle(&self, _number: usize) -> Result<()> {
        Ok(())
    }

    async fn remove(&self, number: usize) -> Result<()> {
        SIDES.iter().try_for_each(|side| self.remove_file(side, number))
    }
}

impl Home for Postgres {
    type Raw = RawPostgres;

    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let mut about = crate::bench::backend::Backend::describe(self).await?;
        let version = self.text("SELECT 'pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'").await?;
        about.push(("vectors", version));
        about.push(("graph", "m 16, ef_construction 64, ef 100".into()));
        Ok(about)
    }

    fn has_graph(&self) -> bool {
        true
    }

    async fn ours(&self, number: usize) -> Result<Stores> {
        on_postgres(&for_building(self.url()), number).await
    }

    async fn without_graph(&self, stores: &Stores, index: &str) -> Result<()> {
        let Some(store) = &stores.pgvector else { return Ok(()) };
        let spec = stores.vectors.get_index(index).await?;
        stores.vectors.delete_index(index).await?;
        store.inner().create_index_unbuilt(&spec).await
    }

    async fn build(&self, stores: &Stores, index: &str) -> Result<()> {
        let Some(store) = &stores.pgvector else { return Ok(()) };
        store.inner().build_index(index, &BuildOptions::new()).await
    }

    async fn raw(&self, number: usize, graph: bool) -> Result<RawPostgres> {
        let schema = Self::schema(SIDES[1], number);
        RawPostgres::create(&for_building(self.url()), &schema, DIMENSION, graph).await.map_err(raw_error)
    }

    async fn settle(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.vacuum_all(&Self::schema(side, number)).await?;
        }
        Ok(())
    }

    async fn remove(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.drop_schema(&Self::schema(side, number)).await?;
        }
        Ok(())
    }
}

/// Our side on Postgres over a URL, in the schema of that number, which it makes.
pub(super) async fn on_postgres(url: &str, number: usize) -> Result<Stores> {
    let schema = Postgres::schema(SIDES[0], number);
    let engine = PostgresEngine::builder(url).schema(&schema).max_connections(CONNECTIONS).auto_migrate(true).connect().await?;
    mastra_pgvector::migrator(url, &schema).await?.apply(&silent).await?;
    let store = Arc::new(PgVector::of(&engine).await?);
    let vectors = Arc::clone(&store);
    Ok(Stores { engine: Arc::new(engine), vectors, pgvector: Some(store) })
}

fn for_building(url: &str) -> String {
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}{BUILDING}")
}

/// What both hand-written twins have in common.
macro_rules! raw {
    ($twin:ty, $build:expr) => {
        impl RawKnowledge for $twin {
            async fn load(&self, records: &[RawRecord]) -> Result<()> {
                <$twin>::load(self, records).await.map_err(raw_error)
            }

            async fn index(&self, batch: usize, chunks: &Chunks) -> Result<usize> {
                <$twin>::index(self, batch, chunks).await.map_err(raw_error)
            }

            async fn build(&self) -> Result<()> {
                let build: fn(Self) -> futures::future::BoxFuture<'static, sqlx::Result<()>> = $build;
                build(self.clone()).await.map_err(raw_error)
            }

            async fn search(&self, words: &str, vector: &[f32]) -> Result<Vec<RawPassage>> {
                <$twin>::search(self, words, vector).await.map_err(raw_error)
            }

            async fn nearest(&self, vector: &[f32]) -> Result<Vec<Place>> {
                <$twin>::nearest(self, vector).await.map_err(raw_error)
            }

            async fn said(&self, words: &str) -> Result<Vec<Place>> {
                <$twin>::said(self, words).await.map_err(raw_error)
            }

            async fn close(self) -> Result<()> {
                <$twin>::close(self).await;
                Ok(())
            }
        }
    };
}

raw!(RawPostgres, |raw| Box::pin(async move { raw.build().await }));
raw!(RawSqlite, |_| Box::pin(async { Ok(()) }));

/// An error of the benchmark's own.
pub(super) fn wrong(message: &str) -> Error {
    Error::internal(message)
}
