//! pgvector: a schema for each side, on the server that the environment names.

use super::{
    backend::{RawHit, RawVectors, VectorBackend},
    raw_pgvector::{CONNECTIONS, RawPgVector, RawPoint},
};
use crate::bench::{postgres::Postgres, twin::raw_error};
use mastra_conformance::bench::Among;
use mastra_core::{
    Result,
    migrate::{Migrator as _, silent},
    vector::{NewPoint, VectorStore},
};
use mastra_pgvector::PgVector;
use std::sync::Arc;

const SIDES: [&str; 2] = ["vectors", "raw_vectors"];

/// The schemas of a run.
pub(in crate::bench) struct Pgvector<'p>(pub(in crate::bench) &'p Postgres);

impl Pgvector<'_> {
    /// A store over a URL, in the schema of that number, which it makes.
    pub(super) async fn open(url: &str, number: usize) -> Result<Arc<dyn VectorStore>> {
        let schema = Postgres::schema(SIDES[0], number);
        mastra_pgvector::migrator(url, &schema).await?.apply(&silent).await?;
        let store = PgVector::builder(url).schema(schema).max_connections(CONNECTIONS).connect().await?;
        Ok(Arc::new(store))
    }

    /// Statistics and vacuum of the store alone.
    pub(super) async fn settle_ours(&self, number: usize) -> Result<()> {
        self.0.vacuum_all(&Postgres::schema(SIDES[0], number)).await
    }
}

impl VectorBackend for Pgvector<'_> {
    type Raw = RawPgVector;

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let sql = "SELECT 'pgvector ' || extversion FROM pg_extension WHERE extname = 'vector'";
        let version = self.0.text(sql).await?;
        Ok(vec![("vectors", version), ("graph", "m 16, ef_construction 64, ef 100".into())])
    }

    async fn ours(&self, number: usize) -> Result<Arc<dyn VectorStore>> {
        Self::open(self.0.url(), number).await
    }

    async fn raw(&self, number: usize, dimension: usize) -> Result<RawPgVector> {
        RawPgVector::create(self.0.url(), &Postgres::schema(SIDES[1], number), dimension).await.map_err(raw_error)
    }

    async fn settle(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.0.vacuum_all(&Postgres::schema(side, number)).await?;
        }
        Ok(())
    }

    async fn remove(&self, number: usize) -> Result<()> {
        for side in SIDES {
            self.0.drop_schema(&Postgres::schema(side, number)).await?;
        }
        Ok(())
    }
}

impl RawVectors for RawPgVector {
    type Batch = Vec<RawPoint>;

    fn batch(points: &[NewPoint]) -> Self::Batch {
        let point = |point: &NewPoint| RawPoint {
            id: point.id.clone().unwrap_or_default(),
            vector: point.vector.as_slice().to_vec(),
            metadata: point.metadata.clone(),
        };
        points.iter().map(point).collect()
    }

    async fn upsert(&self, batch: &Self::Batch) -> Result<()> {
        Self::upsert(self, batch).await.map_err(raw_error)
    }

    async fn ask(&self, among: Among, question: &[f32]) -> Result<Vec<RawHit>> {
        Self::ask(self, among, question).await.map_err(raw_error)
    }

    fn is_exact(among: Among) -> bool {
        among == Among::Matching
    }

    async fn close(self) -> Result<()> {
        Self::close(self).await;
        Ok(())
    }
}
