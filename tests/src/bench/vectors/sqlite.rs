//! SQLite: a file for each side in one directory.

use super::{
    backend::{RawHit, RawVectors, VectorBackend},
    raw_sqlite::{RawPoint, RawSqliteVectors},
};
use crate::bench::{sqlite::Sqlite, twin::raw_error};
use mastra_conformance::bench::Among;
use mastra_core::{
    Result,
    vector::{NewPoint, VectorStore},
};
use mastra_sqlite::SqliteEngine;
use std::sync::Arc;

const SIDES: [&str; 2] = ["vectors", "raw-vectors"];

/// The files of a run.
pub(in crate::bench) struct SqliteVectors<'s>(pub(in crate::bench) &'s Sqlite);

impl VectorBackend for SqliteVectors<'_> {
    type Raw = RawSqliteVectors;

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![("vectors", "every point is looked at, there is no graph".into())])
    }

    async fn ours(&self, number: usize) -> Result<Arc<dyn VectorStore>> {
        let engine = SqliteEngine::builder(self.0.path(SIDES[0], number)).connect().await?;
        Ok(Arc::new(engine.inner().vectors()))
    }

    async fn raw(&self, number: usize, _dimension: usize) -> Result<RawSqliteVectors> {
        RawSqliteVectors::create(&self.0.path(SIDES[1], number)).await.map_err(raw_error)
    }

    async fn settle(&self, _number: usize) -> Result<()> {
        Ok(())
    }

    async fn remove(&self, number: usize) -> Result<()> {
        SIDES.iter().try_for_each(|side| self.0.remove_file(side, number))
    }
}

impl RawVectors for RawSqliteVectors {
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

    fn is_exact(_among: Among) -> bool {
        true
    }

    async fn close(self) -> Result<()> {
        Self::close(self).await;
        Ok(())
    }
}
