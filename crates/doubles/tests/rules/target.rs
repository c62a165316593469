//! What the rules run against, and short forms of what they ask it.

use mastra_doubles::Qdrant as Double;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType, Filter, GetPointsBuilder, NamedVectors,
    PointId, PointStruct, QueryPoints, ScrollPointsBuilder, UpsertPointsBuilder, VectorParamsBuilder, VectorsConfig,
};
use qdrant_client::{Payload, Qdrant, QdrantError};
use serde_json::Value;
use tonic::Code;
use uuid::Uuid;

/// A server with one collection for one test.
pub(crate) struct Target {
    _double: Option<Double>,
    pub(crate) client: Qdrant,
    pub(crate) name: String,
}

impl Target {
    /// With a collection of unnamed vectors of two dimensions.
    pub(crate) async fn new() -> Self {
        Self::with(VectorParamsBuilder::new(2, Distance::Dot)).await
    }

    /// With a collection of these vectors.
    pub(crate) async fn with(vectors: impl Into<VectorsConfig>) -> Self {
        Self::created(|name| CreateCollectionBuilder::new(name).vectors_config(vectors)).await
    }

    /// With this collection.
    pub(crate) async fn created(collection: impl FnOnce(&str) -> CreateCollectionBuilder) -> Self {
        let target = Self::without().await;
        target.client.create_collection(collection(&target.name)).await.unwrap();
        target
    }

    /// With a name that no collection has.
    pub(crate) async fn without() -> Self {
        let name = format!("doubles_{}", Uuid::now_v7().simple());
        let (double, url) = match std::env::var("QDRANT_URL") {
            Ok(url) => (None, url),
            Err(_) => {
                let double = Double::start().await.unwrap();
                let url = double.url();
                (Some(double), url)
            }
        };
        let client = Qdrant::from_url(&url).skip_compatibility_check().api_key(std::env::var("QDRANT_API_KEY"));
        Self { _double: double, client: client.build().unwrap(), name }
    }

    /// Whether the server is of this version 1.x or a later one. What an earlier one answers stands in the rule, as seen on 1.18.
    pub(crate) async fn is_from(&self, minor: u32) -> bool {
        let version = self.client.health_check().await.unwrap().version;
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap()) >= (1, minor)
    }

    /// Deletes the collection.
    pub(crate) async fn finish(self) {
        self.client.delete_collection(&self.name).await.unwrap();
    }

    /// Points 1, 2, … with these payloads and the vector `[id, 0]`.
    pub(crate) async fn fill(&self, payloads: impl IntoIterator<Item = Value>) {
        let points = (1..).zip(payloads).map(|(id, payload)| point(id, vec![id as f32, 0.0], payload)).collect();
        self.upsert(points).await.unwrap();
    }

    /// Points 1, 2, … with these payloads and the vector `[id, 0, 0]` under this name.
    pub(crate) async fn fill_named(&self, name: &str, payloads: impl IntoIterator<Item = Value>) {
        let vectors = |id: u64| NamedVectors::default().add_vector(name, vec![id as f32, 0.0, 0.0]);
        let points =
            (1..).zip(payloads).map(|(id, payload)| PointStruct::new(id, vectors(id), Payload::try_from(payload).unwrap()));
        self.upsert(points.collect()).await.unwrap();
    }

    pub(crate) async fn upsert(&self, points: Vec<PointStruct>) -> Result<(), QdrantError> {
        self.client.upsert_points(UpsertPointsBuilder::new(&self.name, points).wait(true)).await.map(drop)
    }

    pub(crate) async fn index(&self, key: &str, kind: FieldType) {
        let index = CreateFieldIndexCollectionBuilder::new(&self.name, key, kind).wait(true);
        self.client.create_field_index(index).await.unwrap();
    }

    /// The ids of all points that a filter holds for.
    pub(crate) async fn ids(&self, filter: Filter) -> Result<Vec<u64>, QdrantError> {
        let found = self.client.scroll(ScrollPointsBuilder::new(&self.name).filter(filter).limit(1000)).await?;
        Ok(found.result.into_iter().map(|point| number(point.id)).collect())
    }

    /// Asserts a table of filters and the points that they hold for.
    pub(crate) async fn assert_table(&self, table: Vec<(&str, Filter, &[u64])>) {
        let mut wrong = Vec::new();
        for (name, filter, expected) in table {
            match self.ids(filter).await {
                Ok(found) if found == expected => {}
                other => wrong.push(format!("{name}: expected {expected:?}, got {other:?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// The payload of a point.
    pub(crate) async fn payload(&self, id: u64) -> Value {
        let found = self.client.get_points(GetPointsBuilder::new(&self.name, vec![id.into()]).with_payload(true)).await.unwrap();
        Payload::from(found.result[0].payload.clone()).into()
    }

    /// The ids and scores that a query answers with.
    pub(crate) async fn ranked(&self, query: impl Into<QueryPoints>) -> Result<Vec<(u64, f32)>, QdrantError> {
        let answer = self.client.query(query).await?;
        Ok(answer.result.into_iter().map(|point| (number(point.id), point.score)).collect())
    }
}

pub(crate) fn point(id: u64, vector: Vec<f32>, payload: Value) -> PointStruct {
    PointStruct::new(id, vector, Payload::try_from(payload).unwrap())
}

pub(crate) fn number(id: Option<PointId>) -> u64 {
    match id.unwrap().point_id_options.unwrap() {
        PointIdOptions::Num(number) => number,
        PointIdOptions::Uuid(uuid) => panic!("{uuid} is no number"),
    }
}

/// The code that a call failed with.
#[track_caller]
pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, QdrantError>) -> Code {
    match result.unwrap_err() {
        QdrantError::ResponseError { status } | QdrantError::ResourceExhaustedError { status, .. } => status.code(),
        other => panic!("no status: {other:?}"),
    }
}

/// Scores that differ by rounding at most.
#[track_caller]
pub(crate) fn assert_scores(found: &[(u64, f32)], expected: &[(u64, f32)]) {
    let near = |(a, b): (&(u64, f32), &(u64, f32))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-5;
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(near), "expected {expected:?}, got {found:?}");
}
