//! The Qdrant twin: what a good engineer writes by hand for the same work, with the public client alone.

use super::backend::RawHit;
use mastra_conformance::bench::Among;
use qdrant_client::{
    Payload, Qdrant, QdrantError,
    qdrant::{
        Condition, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, Filter,
        HnswConfigDiffBuilder, PointStruct, QueryPointsBuilder, Range, SearchParamsBuilder, UpsertPointsBuilder,
        VectorParamsBuilder,
    },
};
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// A point to store.
pub(in crate::bench) struct RawPoint {
    pub(super) id: String,
    pub(super) vector: Vec<f32>,
    pub(super) metadata: Value,
}

/// One collection.
#[derive(Clone)]
pub(in crate::bench) struct RawQdrant {
    client: Arc<Qdrant>,
    collection: Arc<str>,
}

type Failure = Box<QdrantError>;

impl RawQdrant {
    pub(super) fn connect(url: &str, key: Option<String>, collection: &str) -> Result<Self, Failure> {
        let client = Qdrant::from_url(url).api_key(key).skip_compatibility_check().build()?;
        Ok(Self { client: Arc::new(client), collection: collection.into() })
    }

    pub(super) async fn create(&self, dimension: usize) -> Result<(), Failure> {
        let (client, collection) = (&self.client, &*self.collection);
        let graph = HnswConfigDiffBuilder::default().m(16).ef_construct(64);
        let vectors = VectorParamsBuilder::new(dimension as u64, Distance::Cosine).hnsw_config(graph);
        client.create_collection(CreateCollectionBuilder::new(collection).vectors_config(vectors)).await?;
        for (field, kind) in [("category", FieldType::Keyword), ("price", FieldType::Integer)] {
            client.create_field_index(CreateFieldIndexCollectionBuilder::new(collection, field, kind).wait(true)).await?;
        }
        Ok(())
    }

    pub(super) async fn upsert(&self, points: &[RawPoint]) -> Result<(), Failure> {
        let mut structs = Vec::with_capacity(points.len());
        for point in points {
            let mut payload = Payload::try_from(point.metadata.clone())?;
            payload.insert("id", point.id.as_str());
            structs.push(PointStruct::new(id(&point.id), point.vector.clone(), payload));
        }
        self.client.upsert_points(UpsertPointsBuilder::new(&*self.collection, structs).wait(true)).await?;
        Ok(())
    }

    pub(super) async fn ask(&self, among: Among, question: &[f32]) -> Result<Vec<RawHit>, Failure> {
        let mut query = QueryPointsBuilder::new(&*self.collection)
            .query(question.to_vec())
            .limit(10)
            .with_payload(true)
            .params(SearchParamsBuilder::default().hnsw_ef(100));
        if among == Among::Matching {
            let price = Range { lt: Some(500.0), ..Range::default() };
            query =
                query.filter(Filter::must([Condition::matches("category", "a".to_owned()), Condition::range("price", price)]));
        }
        let answer = self.client.query(query).await?;
        let hit = |mut point: qdrant_client::qdrant::ScoredPoint| {
            let id = point.payload.remove("id").and_then(|id| id.as_str().cloned()).unwrap_or_default();
            let metadata = Payload::from(point.payload).into();
            RawHit { id, distance: 1.0 - f64::from(point.score), metadata }
        };
        Ok(answer.result.into_iter().map(hit).collect())
    }

    pub(super) async fn delete(&self) -> Result<(), Failure> {
        self.client.delete_collection(&*self.collection).await?;
        Ok(())
    }
}

/// Qdrant takes numbers and UUIDs: a name becomes one of the latter.
fn id(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}
