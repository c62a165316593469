//! Collections are made, described, changed and deleted.

use std::collections::HashMap;

use qdrant_client::Payload;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CollectionStatus, CreateCollectionBuilder, Distance, HnswConfigDiffBuilder, ScalarQuantizationBuilder,
    StrictModeConfigBuilder, UpdateCollectionBuilder, VectorParamsBuilder, VectorsConfigBuilder, quantization_config,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code};

fn object(value: &serde_json::Value) -> HashMap<String, serde_json::Value> {
    value.as_object().unwrap().clone().into_iter().collect()
}

#[tokio::test]
async fn a_collection_is_described_as_it_was_asked_for() {
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params("dense", VectorParamsBuilder::new(3, Distance::Cosine));
    let metadata = json!({ "owner": "me", "n": 7, "deep": { "list": [1.5, null] } });
    let target = Target::created(|name| {
        CreateCollectionBuilder::new(name)
            .vectors_config(vectors)
            .hnsw_config(HnswConfigDiffBuilder::default().m(8).payload_m(16))
            .quantization_config(ScalarQuantizationBuilder::default().always_ram(true))
            .strict_mode_config(StrictModeConfigBuilder::default().enabled(true).max_query_limit(50))
            .metadata(object(&metadata))
    })
    .await;
    target.fill_named("dense", [json!({}), json!({})]).await;
    let info = target.client.collection_info(&target.name).await.unwrap().result.unwrap();
    assert_eq!(info.status(), CollectionStatus::Green);
    assert_eq!(info.points_count, Some(2));
    let config = info.config.unwrap();
    let hnsw = config.hnsw_config.unwrap();
    assert_eq!((hnsw.m, hnsw.payload_m, hnsw.ef_construct), (Some(8), Some(16), Some(100)));
    assert!(matches!(
        config.quantization_config.unwrap().quantization.unwrap(),
        quantization_config::Quantization::Scalar(scalar) if scalar.r#type == 1
    ));
    let strict = config.strict_mode_config.unwrap();
    assert_eq!((strict.enabled, strict.max_query_limit), (Some(true), Some(50)));
    assert_eq!(serde_json::Value::from(Payload::from(config.metadata)), metadata);
    match config.params.unwrap().vectors_config.unwrap().config.unwrap() {
        Config::ParamsMap(map) => {
            assert_eq!((map.map["dense"].size, map.map["dense"].distance()), (3, Distance::Cosine));
        }
        Config::Params(params) => panic!("{params:?}"),
    }
    target.finish().await;
}

#[tokio::test]
async fn a_change_leaves_the_rest() {
    let target = Target::created(|name| {
        CreateCollectionBuilder::new(name)
            .vectors_config(VectorParamsBuilder::new(2, Distance::Dot))
            .metadata(object(&json!({ "a": 1, "b": 2 })))
    })
    .await;
    let change = UpdateCollectionBuilder::new(&target.name)
        .hnsw_config(HnswConfigDiffBuilder::default().ef_construct(40))
        .strict_mode_config(StrictModeConfigBuilder::default().enabled(true))
        .metadata(object(&json!({ "b": 3 })));
    target.client.update_collection(change).await.unwrap();
    let config = target.client.collection_info(&target.name).await.unwrap().result.unwrap().config.unwrap();
    let hnsw = config.hnsw_config.unwrap();
    assert_eq!((hnsw.m, hnsw.ef_construct), (Some(16), Some(40)));
    assert_eq!(config.strict_mode_config.unwrap().enabled, Some(true));
    assert_eq!(serde_json::Value::from(Payload::from(config.metadata)), json!({ "a": 1, "b": 3 }));
    target.finish().await;
}

#[tokio::test]
async fn collections_are_listed_found_and_deleted() {
    let target = Target::new().await;
    let names = target.client.list_collections().await.unwrap().collections;
    assert!(names.iter().any(|collection| collection.name == target.name));
    assert!(target.client.collection_exists(&target.name).await.unwrap());
    assert!(target.client.delete_collection(&target.name).await.unwrap().result);
    assert!(!target.client.collection_exists(&target.name).await.unwrap());
    assert!(!target.client.delete_collection(&target.name).await.unwrap().result, "deleting nothing is told, and no error");
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let target = Target::new().await;
    let vectors = || VectorParamsBuilder::new(2, Distance::Dot);
    let again = CreateCollectionBuilder::new(&target.name).vectors_config(vectors());
    assert_eq!(code(target.client.create_collection(again).await), Code::AlreadyExists);

    let fresh = Target::without().await;
    let create = |collection: CreateCollectionBuilder| fresh.client.create_collection(collection);
    let named = |name: &str| CreateCollectionBuilder::new(name).vectors_config(vectors());
    for name in ["", "a/b", "a*b", "a?b", &"x".repeat(256)] {
        assert_eq!(code(create(named(name)).await), Code::InvalidArgument, "{name}");
    }
    for size in [0, 65_537] {
        let collection = CreateCollectionBuilder::new(&fresh.name).vectors_config(VectorParamsBuilder::new(size, Distance::Dot));
        assert_eq!(code(create(collection).await), Code::InvalidArgument, "{size}");
    }
    let unknown =
        CreateCollectionBuilder::new(&fresh.name).vectors_config(VectorParamsBuilder::new(2, Distance::UnknownDistance));
    assert_eq!(code(create(unknown).await), Code::InvalidArgument);
    let narrow = named(&fresh.name).hnsw_config(HnswConfigDiffBuilder::default().ef_construct(3));
    assert_eq!(code(create(narrow).await), Code::InvalidArgument);
    assert_eq!(code(fresh.client.collection_info(&fresh.name).await), Code::NotFound);
    assert_eq!(code(fresh.client.update_collection(UpdateCollectionBuilder::new(&fresh.name)).await), Code::NotFound);
    target.finish().await;
}

#[tokio::test]
async fn the_server_names_itself() {
    let target = Target::without().await;
    let reply = target.client.health_check().await.unwrap();
    assert!(reply.title.starts_with("qdrant"), "{}", reply.title);
    assert!(reply.version.starts_with("1."), "{}", reply.version);
}
