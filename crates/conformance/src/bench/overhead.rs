//! What a call through `Arc<dyn VectorStore>` and its checks costs, on a store that does nothing.

use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Error, Page, Result,
    vector::{
        CheckedVectors, Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector,
        PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities,
        VectorOperations, VectorQuery, VectorStore,
    },
};
use std::{sync::Arc, time::Instant};

/// Calls of one turn.
const CALLS: u32 = 2_000;
/// Turns of each side; the quickest counts, since whatever else the machine does only adds.
const TURNS: usize = 15;

/// Microseconds that one query takes longer through `Arc<dyn VectorStore>` and [`CheckedVectors`], which validate, trace and remember how
/// the index was made, than on the concrete store. Takes about a tenth of a second.
pub async fn arc_dyn_call(dimension: usize) -> Result<f64> {
    let concrete = Nothing::new(dimension);
    let handed_out: Arc<dyn VectorStore> = Arc::new(CheckedVectors::new(Nothing::new(dimension)));
    let (scope, query) = (Scope::index("nothing"), VectorQuery::vector(vec![0.1_f32; dimension]));
    let (mut direct, mut through) = (f64::MAX, f64::MAX);
    for _ in 0..TURNS {
        let begun = Instant::now();
        for _ in 0..CALLS {
            std::hint::black_box(concrete.query(&scope, &query).await?);
        }
        direct = direct.min(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        for _ in 0..CALLS {
            std::hint::black_box(handed_out.query(&scope, &query).await?);
        }
        through = through.min(begun.elapsed().as_secs_f64());
    }
    Ok((through - direct).max(0.0) * 1e6 / f64::from(CALLS))
}

/// A store that knows one index and finds nothing in it.
#[derive(Debug)]
struct Nothing {
    spec: Arc<IndexSpec>,
    can: VectorCapabilities,
    info: EngineInfo,
}

impl Nothing {
    fn new(dimension: usize) -> Self {
        let info = EngineInfo { system: "nothing", namespace: String::new() };
        Self { spec: Arc::new(IndexSpec::new("nothing", dimension)), can: VectorCapabilities::all(), info }
    }
}

fn unsupported<T>() -> Result<T> {
    Err(Error::unsupported("a store that does nothing"))
}

#[async_trait]
impl VectorOperations for Nothing {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.can
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn get_index(&self, _: &str) -> Result<Arc<IndexSpec>> {
        Ok(Arc::clone(&self.spec))
    }

    async fn query(&self, _: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        Ok(VectorAnswer::exact(Vec::new(), query.top_k))
    }

    async fn upsert(&self, _: &Scope, _: &[NewPoint], _: &PointUpsertOptions) -> Result<PointUpsertReport> {
        unsupported()
    }

    async fn get(&self, _: &Scope, _: &[String], _: Include) -> Result<Vec<Point>> {
        unsupported()
    }

    async fn update(&self, _: &Scope, _: &PointSelector, _: &PointUpdate) -> Result<u64> {
        unsupported()
    }

    async fn delete(&self, _: &Scope, _: &PointSelector) -> Result<u64> {
        unsupported()
    }

    async fn delete_all(&self, _: &Scope) -> Result<u64> {
        unsupported()
    }

    async fn scroll(&self, _: &Scope, _: &ScrollQuery) -> Result<Page<Point>> {
        unsupported()
    }

    async fn count(&self, _: &Scope, _: &PointCountQuery) -> Result<Count> {
        unsupported()
    }
}

#[async_trait]
impl VectorStore for Nothing {
    async fn create_index(&self, _: &IndexSpec) -> Result<()> {
        unsupported()
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        unsupported()
    }

    async fn describe_index(&self, _: &str) -> Result<IndexDescription> {
        unsupported()
    }

    async fn delete_index(&self, _: &str) -> Result<()> {
        unsupported()
    }

    async fn truncate_index(&self, _: &str) -> Result<()> {
        unsupported()
    }

    async fn list_namespaces(&self, _: &str) -> Result<Vec<NamespaceInfo>> {
        unsupported()
    }

    async fn delete_namespace(&self, _: &str, _: &str) -> Result<u64> {
        unsupported()
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
