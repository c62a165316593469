//! Qdrant: collections for each side, on the server that the environment names, else on the loopback double.

use super::{
    backend::{RawHit, RawVectors, VectorBackend},
    raw_qdrant::{RawPoint, RawQdrant},
};
use mastra_conformance::bench::Among;
use mastra_core::{
    Error, RecordId, Result,
    vector::{NewPoint, VectorStore},
};
use mastra_qdrant::QdrantVectors;
use qdrant_client::QdrantError;
use std::sync::Arc;

/// Points where the double answers: it looks at each for every search, in this process.
const FEW: usize = 2_000;

/// A server, or what stands in for one.
pub(in crate::bench) struct Qdrant {
    url: String,
    key: Option<String>,
    /// What the names of a run's collections begin with.
    run: String,
    double: Option<mastra_doubles::Qdrant>,
}

impl Qdrant {
    pub(in crate::bench) async fn new() -> Result<Self> {
        let run = format!("b{}", RecordId::generate().as_uuid().simple());
        let key = std::env::var("QDRANT_API_KEY").ok();
        if let Ok(url) = std::env::var("QDRANT_URL") {
            return Ok(Self { url, key, run, double: None });
        }
        let double = mastra_doubles::Qdrant::start()
            .await
            .map_err(|source| Error::internal("the double does not start").with_source(source))?;
        Ok(Self { url: double.url(), key: None, run, double: Some(double) })
    }

    /// How many points to measure with where the command line does not say.
    pub(in crate::bench) fn most(&self) -> usize {
        if self.double.is_some() { FEW } else { usize::MAX }
    }

    fn raw_collection(&self, number: usize) -> String {
        format!("{}_raw_{number}", self.run)
    }

    async fn connect(&self, number: usize) -> Result<Arc<dyn VectorStore>> {
        let mut builder = QdrantVectors::builder(&self.url)?.prefix(format!("{}_{number}_", self.run));
        if let Some(key) = &self.key {
            builder = builder.api_key(key);
        }
        let builder = builder.numbers("price".parse()?);
        Ok(Arc::new(builder.connect().await?))
    }
}

impl VectorBackend for Qdrant {
    type Raw = RawQdrant;

    async fn describe(&self) -> Result<Vec<(&'static str, String)>> {
        let server = match &self.double {
            None => "a Qdrant server",
            Some(_) => {
                "the loopback double, in the measuring process: it looks at every point, so that the figures show what the client \
                 itself costs and nothing of a server's speed or recall"
            }
        };
        Ok(vec![("vectors", server.into()), ("graph", "m 16, ef_construct 64, ef 100".into())])
    }

    async fn ours(&self, number: usize) -> Result<Arc<dyn VectorStore>> {
        self.connect(number).await
    }

    async fn raw(&self, number: usize, dimension: usize) -> Result<RawQdrant> {
        let raw = RawQdrant::connect(&self.url, self.key.clone(), &self.raw_collection(number)).map_err(failed)?;
        raw.create(dimension).await.map_err(failed)?;
        Ok(raw)
    }

    async fn settle(&self, _number: usize) -> Result<()> {
        Ok(())
    }

    async fn remove(&self, number: usize) -> Result<()> {
        let store = self.connect(number).await?;
        for index in store.list_indexes().await? {
            store.delete_index(&index.name).await?;
        }
        store.close().await?;
        RawQdrant::connect(&self.url, self.key.clone(), &self.raw_collection(number))
            .map_err(failed)?
            .delete()
            .await
            .map_err(failed)
    }
}

impl RawVectors for RawQdrant {
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
        Self::upsert(self, batch).await.map_err(failed)
    }

    async fn ask(&self, among: Among, question: &[f32]) -> Result<Vec<RawHit>> {
        Self::ask(self, among, question).await.map_err(failed)
    }

    fn is_exact(_among: Among) -> bool {
        false
    }

    async fn close(self) -> Result<()> {
        Ok(())
    }
}

/// An error of the client outside of the store.
fn failed(error: Box<QdrantError>) -> Error {
    Error::internal("the hand-written twin failed").with_source(error)
}
