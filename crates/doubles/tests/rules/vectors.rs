//! What becomes of vectors, by metric and by name.

use qdrant_client::Payload;
use qdrant_client::qdrant::vectors_output::VectorsOptions;
use qdrant_client::qdrant::{
    Condition, Datatype, Distance, Filter, GetPointsBuilder, NamedVectors, PointStruct, PointVectors, UpdatePointVectorsBuilder,
    VectorParamsBuilder, VectorsConfigBuilder, VectorsSelector, vector_output,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code, point};

impl Target {
    /// The unnamed vector of a point.
    async fn vector(&self, id: u64) -> Vec<f32> {
        let get = GetPointsBuilder::new(&self.name, vec![id.into()]).with_vectors(true);
        match self.client.get_points(get).await.unwrap().result.remove(0).vectors.unwrap().vectors_options.unwrap() {
            VectorsOptions::Vector(vector) => dense(vector.into_vector()),
            VectorsOptions::Vectors(named) => panic!("{named:?}"),
        }
    }

    /// The named vectors of a point, by name.
    async fn named(&self, id: u64, names: Option<&[&str]>) -> Vec<(String, Vec<f32>)> {
        let get = GetPointsBuilder::new(&self.name, vec![id.into()]);
        let get = match names {
            Some(names) => get.with_vectors(VectorsSelector { names: names.iter().map(|name| (*name).to_owned()).collect() }),
            None => get.with_vectors(true),
        };
        match self.client.get_points(get).await.unwrap().result.remove(0).vectors.and_then(|vectors| vectors.vectors_options) {
            Some(VectorsOptions::Vectors(named)) => {
                let mut all: Vec<_> =
                    named.vectors.into_iter().map(|(name, vector)| (name, dense(vector.into_vector()))).collect();
                all.sort_by(|a, b| a.0.cmp(&b.0));
                all
            }
            Some(VectorsOptions::Vector(vector)) => panic!("{vector:?}"),
            None => Vec::new(),
        }
    }
}

fn dense(vector: vector_output::Vector) -> Vec<f32> {
    match vector {
        vector_output::Vector::Dense(dense) => dense.data,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_cosine_normalises() {
    for (distance, kept) in [
        (Distance::Cosine, [0.6, 0.8]),
        (Distance::Dot, [3.0, 4.0]),
        (Distance::Euclid, [3.0, 4.0]),
        (Distance::Manhattan, [3.0, 4.0]),
    ] {
        let target = Target::with(VectorParamsBuilder::new(2, distance)).await;
        target.upsert(vec![point(1, vec![3.0, 4.0], json!({})), point(2, vec![0.0, 0.0], json!({}))]).await.unwrap();
        let vector = target.vector(1).await;
        assert!(vector.iter().zip(kept).all(|(a, b)| (a - b).abs() < 1e-6), "{distance:?}: {vector:?}");
        assert_eq!(target.vector(2).await, [0.0, 0.0], "a zero vector stays one");
        target.finish().await;
    }
}

#[tokio::test]
async fn vectors_of_16_bits_are_rounded() {
    let half = VectorParamsBuilder::new(2, Distance::Dot).datatype(Datatype::Float16);
    let target = Target::with(half).await;
    target.upsert(vec![point(1, vec![0.1, 1.0], json!({}))]).await.unwrap();
    assert_eq!(target.vector(1).await, [0.099_975_586, 1.0]);
    target.finish().await;
}

async fn two_names() -> Target {
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params("a", VectorParamsBuilder::new(2, Distance::Dot));
    vectors.add_named_vector_params("b", VectorParamsBuilder::new(3, Distance::Dot));
    Target::with(vectors).await
}

#[tokio::test]
async fn a_point_needs_not_have_every_vector() {
    let target = two_names().await;
    let both = NamedVectors::default().add_vector("a", vec![1.0, 2.0]).add_vector("b", vec![1.0, 2.0, 3.0]);
    let one = NamedVectors::default().add_vector("b", vec![4.0, 5.0, 6.0]);
    target
        .upsert(vec![
            PointStruct::new(1, both, Payload::new()),
            PointStruct::new(2, one.clone(), Payload::new()),
            PointStruct::new(3, NamedVectors::default(), Payload::new()),
        ])
        .await
        .unwrap();
    let name = |name: &str, vector: &[f32]| (name.to_owned(), vector.to_vec());
    assert_eq!(target.named(1, None).await, [name("a", &[1.0, 2.0]), name("b", &[1.0, 2.0, 3.0])]);
    assert_eq!(target.named(1, Some(&["a"])).await, [name("a", &[1.0, 2.0])]);
    if target.is_from(19).await {
        assert_eq!(target.named(1, Some(&["a", "none"])).await, [name("a", &[1.0, 2.0])]);
    } else {
        let unknown = VectorsSelector { names: vec!["a".to_owned(), "none".to_owned()] };
        let get = GetPointsBuilder::new(&target.name, vec![1.into()]).with_vectors(unknown);
        assert_eq!(code(target.client.get_points(get).await), Code::InvalidArgument);
    }
    assert!(target.named(3, None).await.is_empty());
    target
        .assert_table(vec![
            ("with a", Filter::must([Condition::has_vector("a")]), &[1]),
            ("with b", Filter::must([Condition::has_vector("b")]), &[1, 2]),
        ])
        .await;
    target.upsert(vec![PointStruct::new(1, one, Payload::new())]).await.unwrap();
    assert_eq!(target.named(1, None).await, [name("b", &[4.0, 5.0, 6.0])], "an upsert replaces all vectors");
    target.finish().await;
}

#[tokio::test]
async fn an_update_of_vectors_leaves_the_others_and_the_payload() {
    let target = two_names().await;
    let both = NamedVectors::default().add_vector("a", vec![1.0, 2.0]).add_vector("b", vec![1.0, 2.0, 3.0]);
    target.upsert(vec![PointStruct::new(1, both, Payload::try_from(json!({ "p": 1 })).unwrap())]).await.unwrap();
    let update = |id: u64, vectors: NamedVectors| {
        let points = vec![PointVectors { id: Some(id.into()), vectors: Some(vectors.into()) }];
        target.client.update_vectors(UpdatePointVectorsBuilder::new(&target.name, points).wait(true))
    };
    let a = || NamedVectors::default().add_vector("a", vec![9.0, 9.0]);
    update(1, a()).await.unwrap();
    let expected = [("a".to_owned(), vec![9.0, 9.0]), ("b".to_owned(), vec![1.0, 2.0, 3.0])];
    assert_eq!(target.named(1, None).await, expected);
    assert_eq!(target.payload(1).await, json!({ "p": 1 }));
    assert_eq!(code(update(9, a()).await), Code::NotFound);
    assert_eq!(code(update(1, NamedVectors::default().add_vector("a", vec![9.0])).await), Code::InvalidArgument);
    assert_eq!(code(update(1, NamedVectors::default().add_vector("none", vec![9.0])).await), Code::InvalidArgument);
    let nothing = UpdatePointVectorsBuilder::new(&target.name, vec![]).wait(true);
    assert_eq!(code(target.client.update_vectors(nothing).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_nan_is_not() {
    let target = Target::new().await;
    assert_eq!(code(target.upsert(vec![]).await), Code::InvalidArgument);
    assert_eq!(code(target.upsert(vec![point(1, vec![1.0], json!({}))]).await), Code::InvalidArgument);
    assert_eq!(code(target.upsert(vec![point(1, vec![], json!({}))]).await), Code::InvalidArgument);
    let other = PointStruct::new(1, NamedVectors::default().add_vector("none", vec![1.0, 1.0]), Payload::new());
    assert_eq!(code(target.upsert(vec![other]).await), Code::InvalidArgument);
    let none = PointStruct { id: Some(1.into()), ..PointStruct::default() };
    assert_eq!(code(target.upsert(vec![none]).await), Code::InvalidArgument);
    assert!(target.ids(Filter::default()).await.unwrap().is_empty());
    target.upsert(vec![point(1, vec![f32::NAN, 1.0], json!({}))]).await.unwrap();
    assert!(target.vector(1).await[0].is_nan(), "the server does not look");
    target.finish().await;
}
