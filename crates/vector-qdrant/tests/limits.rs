//! Requests of bounded size, limits of strict mode, and that Qdrant is asked no more than needed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use mastra_conformance::{Random, differential};
use mastra_core::{
    ErrorKind, Filter,
    capabilities::DataCapabilities,
    vector::{
        CheckedVectors, Exactness, Include, IndexKind, IndexSpec, NewPoint, PointCountQuery, PointSelector, PointUpsertOptions,
        Scope, ScrollQuery, VectorOperations as _, VectorQuery, VectorStore as _,
    },
};
use mastra_doubles::Qdrant;
use mastra_qdrant::{QdrantBuilder, QdrantVectors};
use qdrant_client::qdrant::{StrictModeConfig, UpdateCollectionBuilder};
use serde_json::{Value, json};

async fn fresh(
    spec: IndexSpec,
    settings: impl FnOnce(QdrantBuilder) -> QdrantBuilder,
) -> (Qdrant, CheckedVectors<QdrantVectors>, Scope) {
    let double = Qdrant::start().await.unwrap();
    let store = settings(QdrantVectors::builder(&double.url()).unwrap()).connect().await.unwrap();
    store.create_index(&spec).await.unwrap();
    (double, store, Scope::from(spec.name.as_str()))
}

async fn limit(double: &Qdrant, strict: StrictModeConfig) {
    let client = qdrant_client::Qdrant::from_url(&double.url()).skip_compatibility_check().build().unwrap();
    let strict = StrictModeConfig { enabled: Some(true), ..strict };
    client.update_collection(UpdateCollectionBuilder::new("docs").strict_mode_config(strict)).await.unwrap();
}

fn points(count: usize) -> Vec<NewPoint> {
    let metadata = |n: usize| json!({"n": n, "even": n.is_multiple_of(2), "word": format!("w{}", n % 10)});
    (0..count).map(|n| NewPoint::new(format!("a long common beginning {n:05}"), [1.0, n as f32]).metadata(metadata(n))).collect()
}

#[tokio::test]
async fn requests_are_bounded_by_bytes_and_points() {
    for settings in [|builder: QdrantBuilder| builder.batch_bytes(4_000), |builder: QdrantBuilder| builder.batch_points(10)] {
        let (double, store, scope) = fresh(IndexSpec::new("docs", 2), settings).await;
        store.upsert(&scope, &points(100), &Default::default()).await.unwrap();
        assert!(double.faults().calls("UpdateBatch") >= 1);
        assert_eq!(store.count(&scope, &Default::default()).await.unwrap().value, 100);
    }
    let (double, store, scope) = fresh(IndexSpec::new("docs", 2), |builder| builder.batch_bytes(4_000)).await;
    store.upsert(&scope, &points(100), &Default::default()).await.unwrap();
    assert!(double.faults().calls("UpdateBatch") > 3, "several requests");
    let (double, store, scope) = fresh(IndexSpec::new("docs", 2), |builder| builder).await;
    store.upsert(&scope, &points(100), &Default::default()).await.unwrap();
    assert_eq!(double.faults().calls("UpdateBatch"), 1, "one request");
}

#[tokio::test]
async fn what_qdrant_decides_alone_is_one_call() {
    let (double, store, scope) = fresh(IndexSpec::new("docs", 2), |builder| builder).await;
    store.upsert(&scope, &points(2_500), &Default::default()).await.unwrap();
    let filter = Filter::eq("even", true).unwrap() & Filter::ne("word", "w4").unwrap();
    let before = double.faults().all_calls();
    assert_eq!(store.count(&scope, &PointCountQuery::new().filter(filter.clone())).await.unwrap().value, 1_000);
    assert_eq!(double.faults().all_calls() - before, 1);
    let query = VectorQuery::vector([1.0, 0.0]).filter(filter.clone());
    assert_eq!(store.query(&scope, &query).await.unwrap().hits.len(), 10);
    assert_eq!(double.faults().all_calls() - before, 2);
    assert_eq!(store.delete(&scope, &PointSelector::Filter(filter)).await.unwrap(), 1_000);
    assert_eq!(double.faults().all_calls() - before, 4, "counted, and deleted");
}

#[tokio::test]
async fn a_walk_meets_every_point_of_ids_that_begin_alike() {
    let (_double, store, scope) = fresh(IndexSpec::new("docs", 2), |builder| builder).await;
    let mut all = points(2_500);
    all.extend(["", "a", "a long", "b", "é", "zz"].iter().filter(|id| !id.is_empty()).map(|id| NewPoint::new(*id, [1.0, 1.0])));
    store.upsert(&scope, &all, &Default::default()).await.unwrap();
    let mut expected: Vec<String> = all.iter().filter_map(|point| point.id.clone()).collect();
    expected.sort();
    let (mut met, mut query) = (Vec::new(), ScrollQuery::new().limit(1_100).include(Include::ID));
    loop {
        let page = store.scroll(&scope, &query).await.unwrap();
        met.extend(page.items.into_iter().map(|point| point.id));
        match page.next_cursor {
            Some(cursor) => query = query.cursor(Some(cursor)),
            None => break,
        }
    }
    assert_eq!(met, expected);
}

#[tokio::test]
async fn many_namespaces_are_read_off_the_points() {
    let (double, store, _) = fresh(IndexSpec::new("docs", 1), |builder| builder).await;
    for namespace in ["a", "b", "c"] {
        let scope = Scope::index("docs").in_namespace(namespace);
        store.upsert(&scope, &[NewPoint::new("x", [1.0])], &Default::default()).await.unwrap();
    }
    let counted = store.list_namespaces("docs").await.unwrap();
    limit(&double, StrictModeConfig { max_query_limit: Some(2), ..Default::default() }).await;
    assert_eq!(store.list_namespaces("docs").await.unwrap(), counted);
    assert_eq!(counted.len(), 3);
}

#[tokio::test]
async fn strict_mode_is_obeyed_where_that_can_be() {
    let (double, store, scope) =
        fresh(IndexSpec::new("docs", 2).kind(IndexKind::hnsw()).field("word".parse().unwrap()), |b| b).await;
    let strict = StrictModeConfig {
        max_query_limit: Some(50),
        upsert_max_batchsize: Some(20),
        search_allow_exact: Some(false),
        unindexed_filtering_retrieve: Some(false),
        unindexed_filtering_update: Some(false),
        ..StrictModeConfig::default()
    };
    limit(&double, strict).await;
    store.get_index("docs").await.unwrap();
    store.upsert(&scope, &points(200), &Default::default()).await.unwrap();
    assert_eq!(store.count(&scope, &Default::default()).await.unwrap().value, 200);
    let indexed = Filter::eq("word", "w1").unwrap();
    let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.0]).top_k(30).filter(indexed.clone())).await.unwrap();
    assert_eq!((answer.hits.len(), answer.exactness), (20, Exactness::Approximate));
    assert_eq!(store.list_namespaces("docs").await.unwrap().len(), 1);
    assert_eq!(store.scroll(&scope, &ScrollQuery::new().limit(150)).await.unwrap().items.len(), 150);
    for query in [
        VectorQuery::vector([1.0, 0.0]).exact(true),
        VectorQuery::vector([1.0, 0.0]).filter(Filter::eq("even", true).unwrap()),
        VectorQuery::vector([1.0, 0.0]).top_k(60),
    ] {
        let error = store.query(&scope, &query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    assert_eq!(store.delete(&scope, &PointSelector::Filter(indexed)).await.unwrap(), 20);
}

/// Indexes answer in the payload's place, each kind with corners of its own: none may change what matches.
#[tokio::test]
async fn filters_mean_the_same_with_indexes_and_without() {
    let mut random = Random::seeded("qdrant filters");
    let any = DataCapabilities { nul_characters: true, unbounded_numbers: true };
    let documents = differential::documents(&mut random, 60, any);
    let paths: Vec<mastra_core::Path> = documents
        .iter()
        .filter_map(Value::as_object)
        .flat_map(|document| document.keys())
        .filter_map(|key| mastra_core::Path::from_segments([key.clone()]).ok())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .take(40)
        .collect();
    let words = paths.iter().fold(IndexSpec::new("words", 1), |spec, path| spec.list_field(path.clone()));
    let numbers = paths.iter().fold(IndexSpec::new("numbers", 1), |spec, path| spec.field(path.clone()));
    let double = Qdrant::start().await.unwrap();
    let plain = QdrantVectors::builder(&double.url()).unwrap().connect().await.unwrap();
    let numeric = paths.iter().fold(QdrantVectors::builder(&double.url()).unwrap(), |b, path| b.numbers(path.clone()));
    plain.create_index(&IndexSpec::new("plain", 1)).await.unwrap();
    plain.create_index(&words).await.unwrap();
    numeric.connect().await.unwrap().create_index(&numbers).await.unwrap();
    let points: Vec<NewPoint> = documents
        .iter()
        .enumerate()
        .map(|(n, document)| NewPoint::new(format!("{n:03}"), [1.0]).metadata(document.clone()))
        .collect();
    let mut decided = 0;
    for index in ["plain", "words", "numbers"] {
        let scope = Scope::index(index);
        plain.upsert(&scope, &points, &Default::default()).await.unwrap();
        for operator in differential::Operator::ALL {
            for _ in 0..6 {
                let json = differential::filter(&mut random, operator, &documents);
                let filter = Filter::from_json(&json).unwrap();
                let expected: Vec<String> = (documents.iter().enumerate())
                    .filter(|(_, document)| filter.matches(document))
                    .map(|(n, _)| format!("{n:03}"))
                    .collect();
                let page = ScrollQuery::new().filter(filter.clone()).limit(100).include(Include::ID);
                let found: Vec<String> =
                    plain.scroll(&scope, &page).await.unwrap().items.into_iter().map(|point| point.id).collect();
                assert_eq!(found, expected, "{index}: scroll {json}");
                let before = double.faults().calls("Scroll");
                let count = plain.count(&scope, &PointCountQuery::new().filter(filter.clone())).await.unwrap();
                decided += u32::from(double.faults().calls("Scroll") == before);
                assert_eq!(count.value, expected.len() as u64, "{index}: count {json}");
                let query = VectorQuery::vector([1.0]).filter(filter.clone()).top_k(100).include(Include::ID);
                let hits = plain.query(&scope, &query).await.unwrap().hits;
                assert_eq!(hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>(), expected, "{index}: query {json}");
            }
        }
    }
    assert!(decided > 0, "Qdrant decided alone over {decided} counts");
}

#[tokio::test]
async fn a_swap_never_leaves_a_document_without_points() {
    let (double, store, scope) = fresh(IndexSpec::new("docs", 1), |builder| builder).await;
    let piece = |id: &str| NewPoint::new(id, [1.0]).metadata(json!({"doc": "d"}));
    store.upsert(&scope, &[piece("old-1"), piece("both")], &Default::default()).await.unwrap();
    let swap = PointUpsertOptions::new().replace_where(Filter::eq("doc", "d").unwrap());
    let before = double.faults().calls("UpdateBatch");
    let report = store.upsert(&scope, &[piece("both"), piece("new-1")], &swap).await.unwrap();
    assert_eq!(
        (report.removed, double.faults().calls("UpdateBatch") - before),
        (Some(1), 1),
        "written and removed by one request"
    );
    let left = store.scroll(&scope, &ScrollQuery::new()).await.unwrap().items;
    assert_eq!(left.iter().map(|point| point.id.as_str()).collect::<Vec<_>>(), ["both", "new-1"]);
}
