//! What stands between a caller and the points of the mock: refusals before any call, what is remembered of an index, faults, stores that
//! several handles share.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test an error is a failure")]

use mastra_core::{
    Engine as _, Error, ErrorKind, Filter, RecordStore as _, Result,
    vector::{
        CheckedVectors, Include, IndexSpec, Metric, NamespaceHandle, NewPoint, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, Provenance, Scope, ScrollQuery, VectorOperations, VectorOperationsExt as _, VectorQuery, VectorStore,
    },
};
use mastra_mock::{Fault, MockEngine, connect_vectors};
use serde_json::json;
use std::sync::Arc;

type Store = CheckedVectors<MockEngine>;

/// Every operation on points.
const OPERATIONS: [&str; 9] = ["upsert", "get", "update", "delete", "delete_all", "query", "query_batch", "scroll", "count"];

fn docs() -> Scope {
    Scope::index("docs")
}

fn near() -> VectorQuery {
    VectorQuery::vector([1.0, 0.0])
}

fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

async fn with_index(spec: IndexSpec) -> Store {
    let store = MockEngine::new().vectors();
    store.create_index(&spec).await.unwrap();
    store
}

async fn put(store: &dyn VectorOperations, id: &str, vector: [f32; 2]) -> Result<()> {
    store.upsert(&docs(), &[NewPoint::new(id, vector)], &PointUpsertOptions::new()).await.map(drop)
}

async fn count(store: &dyn VectorOperations) -> u64 {
    store.count(&docs(), &PointCountQuery::new()).await.unwrap().value
}

#[tokio::test]
async fn what_is_refused_never_reaches_the_store() {
    let mut can = *MockEngine::new().vectors().capabilities();
    (can.limits.top_k, can.limits.metadata_bytes, can.limits.id_bytes) = (Some(100), Some(64), Some(16));
    (can.limits.index_name_bytes, can.limits.plain_index_names) = (Some(16), true);
    let store = MockEngine::new().with_vector_capabilities(can).vectors();
    store.create_index(&IndexSpec::new("docs", 2).provenance(Provenance::new("local/small"))).await.unwrap();
    let faults = store.inner().faults();
    let made = faults.calls("create_index");

    let at = |id: &str, vector: Vec<f32>| vec![NewPoint::new(id, vector)];
    let fine = || vec![1.0, 0.0];
    let large = json!({ "k": "x".repeat(64) });
    for (what, points) in [
        ("another dimension", at("a", vec![1.0])),
        ("NaN", at("a", vec![f32::NAN, 0.0])),
        ("infinity", at("a", vec![0.0, f32::NEG_INFINITY])),
        ("zero under cosine", at("a", vec![0.0, 0.0])),
        ("an empty id", at("", fine())),
        ("an id too long", at(&"i".repeat(17), fine())),
        ("a repeated id", [at("a", fine()), at("a", fine())].concat()),
        ("large metadata", vec![NewPoint::new("a", fine()).metadata(large.clone())]),
        ("metadata that is no object", vec![NewPoint::new("a", fine()).metadata(json!([1]))]),
    ] {
        let error = store.upsert(&docs(), &points, &PointUpsertOptions::new()).await.unwrap_err();
        let named = (error.operation(), error.get("index"));
        assert_eq!((error.kind(), named), (ErrorKind::InvalidInput, (Some("upsert"), Some("docs"))), "{what}: {error}");
    }
    for (what, query) in [
        ("another dimension", VectorQuery::vector([1.0])),
        ("NaN", VectorQuery::vector([f32::NAN, 1.0])),
        ("zero under cosine", VectorQuery::vector([0.0, 0.0])),
        ("top_k 0", near().top_k(0)),
        ("top_k past the limit", near().top_k(101)),
        ("another model", near().model("local/large")),
        ("min_score on words", VectorQuery::text("words").min_score(0.5)),
    ] {
        assert_eq!(kind(store.query(&docs(), &query).await), Some(ErrorKind::InvalidInput), "{what}");
        let error = store.query_batch(&docs(), &[near(), query]).await.unwrap_err();
        assert_eq!((error.kind(), error.get("query")), (ErrorKind::InvalidInput, Some("1")), "{what}");
    }
    let invalid = [
        kind(store.upsert(&docs(), &at("a", fine()), &PointUpsertOptions::new().model("local/large")).await),
        kind(store.upsert(&docs(), &[], &PointUpsertOptions::new().replace_where(Filter::all())).await),
        kind(store.get(&docs(), &["".into()], Include::ALL).await),
        kind(store.update(&docs(), &PointSelector::id("a"), &PointUpdate::new().vector([1.0])).await),
        kind(store.update(&docs(), &PointSelector::id("a"), &PointUpdate::new().vector(fine()).model("local/large")).await),
        kind(store.update(&docs(), &PointSelector::id("a"), &PointUpdate::new().merge(large)).await),
        kind(store.update(&docs(), &PointSelector::Filter(Filter::all()), &PointUpdate::new().merge(json!({}))).await),
        kind(store.delete(&docs(), &PointSelector::Filter(Filter::all())).await),
        kind(store.delete(&docs(), &PointSelector::id(" ")).await),
        kind(store.delete_all(&Scope::index(" ")).await),
        kind(store.delete_all(&docs().in_namespace("\0")).await),
        kind(store.scroll(&docs(), &ScrollQuery::new().limit(0)).await),
        kind(store.create_index(&IndexSpec::new("Docs", 2)).await),
        kind(store.create_index(&IndexSpec::new("a-name-far-too-long", 2)).await),
        kind(store.create_index(&IndexSpec::new("none", 0)).await),
    ];
    assert_eq!(invalid, [Some(ErrorKind::InvalidInput); 15]);
    for operation in OPERATIONS {
        assert_eq!(faults.calls(operation), 0, "{operation}");
    }
    assert_eq!(faults.calls("create_index"), made);
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn an_index_that_is_not_there_is_said_at_once() {
    let store = MockEngine::new().vectors();
    for result in [
        kind(store.upsert(&docs(), &[], &PointUpsertOptions::new()).await),
        kind(put(&store, "a", [1.0, 0.0]).await),
        kind(store.query(&docs(), &near()).await),
        kind(store.query(&docs(), &VectorQuery::text("words")).await),
        kind(store.update(&docs(), &PointSelector::id("a"), &PointUpdate::new().vector([1.0, 0.0])).await),
    ] {
        assert_eq!(result, Some(ErrorKind::NotFound));
    }
    // Only whether it is there was asked.
    assert_eq!(["upsert", "query", "update"].map(|operation| store.inner().faults().calls(operation)), [0; 3]);
    for result in [
        kind(store.get(&docs(), &[], Include::ALL).await),
        kind(store.delete(&docs(), &PointSelector::id("a")).await),
        kind(store.delete_all(&docs()).await),
        kind(store.scroll(&docs(), &ScrollQuery::new()).await),
        kind(store.count(&docs(), &PointCountQuery::new()).await),
        kind(store.describe_index("docs").await),
        kind(store.delete_index("docs").await),
        kind(store.truncate_index("docs").await),
        kind(store.list_namespaces("docs").await),
        kind(store.delete_namespace("docs", "").await),
    ] {
        assert_eq!(result, Some(ErrorKind::NotFound));
    }
}

#[tokio::test]
async fn an_index_is_looked_up_once() {
    let store = with_index(IndexSpec::new("docs", 2)).await;
    for id in ["a", "b", "c"] {
        put(&store, id, [1.0, 0.0]).await.unwrap();
        store.query(&docs(), &near()).await.unwrap();
    }
    assert_eq!(store.inner().faults().calls("get_index"), 1);
    // What does not fit may fit the index as it is by now.
    assert_eq!(kind(store.query(&docs(), &VectorQuery::vector([1.0])).await), Some(ErrorKind::InvalidInput));
    assert_eq!(store.inner().faults().calls("get_index"), 2);
}

/// Two handles on one store: one remembers the index as it was, the other has made it again.
async fn made_again(name: &str, before: IndexSpec, after: IndexSpec) -> (Store, Store) {
    let url = format!("mock://{name}");
    let (one, other) = (connect_vectors(&url).await.unwrap(), connect_vectors(&url).await.unwrap());
    one.create_index(&before).await.unwrap();
    one.upsert(&docs(), &[], &PointUpsertOptions::new()).await.unwrap();
    other.delete_index("docs").await.unwrap();
    other.create_index(&after).await.unwrap();
    (one, other)
}

#[tokio::test]
async fn an_index_made_again_with_another_dimension() {
    let (one, other) = made_again("dimension", IndexSpec::new("docs", 3), IndexSpec::new("docs", 2)).await;
    put(&one, "a", [1.0, 0.0]).await.unwrap();
    assert_eq!(count(&other).await, 1);

    let (one, other) = made_again("dimension too", IndexSpec::new("docs", 2), IndexSpec::new("docs", 3)).await;
    assert_eq!(kind(put(&one, "a", [1.0, 0.0]).await), Some(ErrorKind::SchemaMismatch));
    // By now it knows.
    assert_eq!(kind(put(&one, "a", [1.0, 0.0]).await), Some(ErrorKind::InvalidInput));
    assert_eq!(count(&other).await, 0);
}

#[tokio::test]
async fn an_index_made_again_with_another_metric_or_model() {
    let plain = || IndexSpec::new("docs", 2);
    let (one, other) = made_again("metric", plain().metric(Metric::Dot), plain().metric(Metric::Cosine)).await;
    assert_eq!(kind(put(&one, "zero", [0.0, 0.0]).await), Some(ErrorKind::SchemaMismatch));
    assert_eq!(kind(put(&one, "zero", [0.0, 0.0]).await), Some(ErrorKind::InvalidInput));
    assert_eq!(count(&other).await, 0);

    let by = |model: &str| plain().provenance(Provenance::new(model));
    let asked = near().model("local/small");
    let (one, _other) = made_again("model of a query", by("local/small"), by("local/large")).await;
    assert_eq!(kind(one.query(&docs(), &asked).await), Some(ErrorKind::SchemaMismatch));
    assert_eq!(kind(one.query(&docs(), &asked).await), Some(ErrorKind::InvalidInput));

    let (one, other) = made_again("model of points", by("local/small"), by("local/large")).await;
    let options = PointUpsertOptions::new().model("local/small");
    let points = [NewPoint::new("a", [1.0, 0.0])];
    assert_eq!(kind(one.upsert(&docs(), &points, &options).await), Some(ErrorKind::SchemaMismatch));
    put(&other, "a", [1.0, 0.0]).await.unwrap();
    let (one, other) = (other, one);
    let update = PointUpdate::new().vector([0.0, 1.0]).model("local/small");
    for store in [&one, &other] {
        assert_eq!(kind(store.update(&docs(), &PointSelector::id("a"), &update).await), Some(ErrorKind::InvalidInput));
    }
}

#[tokio::test]
async fn a_named_store_is_shared_and_faults_are_not() {
    let (one, other) = (connect_vectors("mock://named").await.unwrap(), connect_vectors("mock://named").await.unwrap());
    one.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    one.inner().faults().add(Fault::on("upsert").every().fail(ErrorKind::Unavailable));
    assert_eq!(kind(put(&one, "a", [1.0, 0.0]).await), Some(ErrorKind::Unavailable));
    put(&other, "a", [1.0, 0.0]).await.unwrap();
    assert_eq!(count(&one).await, 1);
    assert_eq!(kind(connect_vectors("mock://").await.unwrap().describe_index("docs").await), Some(ErrorKind::NotFound));
    assert_eq!(kind(connect_vectors("sqlite://docs").await), Some(ErrorKind::InvalidInput));
    drop((one, other));
    assert_eq!(connect_vectors("mock://named").await.unwrap().list_indexes().await.unwrap(), []);
}

#[tokio::test]
async fn the_engine_of_a_url_holds_the_same_points() {
    let store = connect_vectors("mock://beside").await.unwrap();
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    let engine = mastra_mock::connect("mock://beside").await.unwrap();
    let transaction = engine.begin().await.unwrap();
    put(&transaction.vectors().unwrap(), "a", [1.0, 0.0]).await.unwrap();
    assert_eq!((count(&transaction.vectors().unwrap()).await, count(&store).await), (1, 0));
    transaction.commit().await.unwrap();
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn a_lost_request_wrote_nothing_and_a_lost_acknowledgement_all() {
    let store = with_index(IndexSpec::new("docs", 2)).await;
    store
        .inner()
        .faults()
        .set(vec![Fault::on("upsert").nth(1).lose_request(), Fault::on("upsert").nth(2).lose_acknowledgement()]);
    assert_eq!(kind(put(&store, "a", [1.0, 0.0]).await), Some(ErrorKind::Unavailable));
    assert_eq!(count(&store).await, 0);
    assert_eq!(kind(put(&store, "a", [1.0, 0.0]).await), Some(ErrorKind::Unavailable));
    assert_eq!(count(&store).await, 1);
    put(&store, "b", [1.0, 0.0]).await.unwrap();
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_deadlock_is_run_again_and_not_inside_a_transaction() {
    let engine = MockEngine::new();
    let (store, engine) = (engine.vectors(), engine.checked());
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    store.inner().faults().set(vec![Fault::on("upsert").nth(1).deadlock(), Fault::on("upsert").nth(2).deadlock()]);
    put(&store, "a", [1.0, 0.0]).await.unwrap();
    assert_eq!(store.inner().faults().calls("upsert"), 3);

    store.inner().faults().set(vec![Fault::on("upsert").nth(1).deadlock()]);
    let transaction = engine.begin().await.unwrap();
    let error: Error = put(&transaction.vectors().unwrap(), "b", [1.0, 0.0]).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true));
    assert_eq!(store.inner().faults().calls("upsert"), 4);
    transaction.rollback().await.unwrap();
    // Only what a retry can help is run again.
    store.inner().faults().set(vec![Fault::on("upsert").nth(1).fail(ErrorKind::Conflict)]);
    assert_eq!(kind(put(&store, "c", [1.0, 0.0]).await), Some(ErrorKind::Conflict));
    assert_eq!((store.inner().faults().calls("upsert"), count(&store).await), (5, 1));
}

#[tokio::test]
async fn a_transaction_has_vectors_where_that_is_claimed() {
    let mut can = *MockEngine::new().vectors().capabilities();
    can.write.transactions = false;
    let (with, without) = (MockEngine::new(), MockEngine::new().with_vector_capabilities(can));
    let kept = without.with_capabilities(*MockEngine::new().checked().capabilities());
    for (engine, offered) in [(with, true), (kept, false)] {
        let engine = engine.checked();
        let transaction = engine.begin().await.unwrap();
        assert_eq!(transaction.vectors().is_some(), offered);
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_handle_reaches_its_namespace_alone() {
    let store: Arc<dyn VectorStore> = Arc::new(with_index(IndexSpec::new("docs", 2)).await);
    let of = |tenant: &str| NamespaceHandle::new(Arc::clone(&store), tenant);
    let (one, other) = (of("one"), of("other"));
    for (handle, vector) in [(&one, [1.0, 0.0]), (&other, [0.0, 1.0])] {
        let points = [NewPoint::new("a", vector).metadata(json!({ "of": handle.name() }))];
        handle.index("docs").upsert(&points, &PointUpsertOptions::new()).await.unwrap();
    }
    let (one, other) = (one.index("docs"), other.index("docs"));
    assert_eq!(one.delete(&PointSelector::Filter(Filter::eq("of", "other").unwrap())).await.unwrap(), 0);
    assert_eq!(one.update(&PointSelector::id("a"), &PointUpdate::new().merge(json!({ "seen": true }))).await.unwrap(), 1);
    assert_eq!(other.get(&["a".into()], Include::ALL).await.unwrap()[0].metadata, Some(json!({ "of": "other" })));
    let cursor = store.namespace("one");
    let walk = ScrollQuery::new();
    let forged = walk.cursor_after(&docs().in_namespace("other"), "").unwrap();
    let refused = cursor.index("docs").scroll(&walk.clone().cursor(Some(forged))).await;
    assert_eq!(kind(refused), Some(ErrorKind::InvalidInput));
    assert_eq!(one.delete_all().await.unwrap(), 1);
    assert_eq!(other.count(&PointCountQuery::new()).await.unwrap().value, 1);
    assert_eq!(other.query(&near()).await.unwrap().hits.len(), 1);
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let store = with_index(IndexSpec::new("docs", 2)).await;
    put(&store, "a", [1.0, 0.0]).await.unwrap();
    store.close().await.unwrap();
    assert_eq!(kind(store.query(&docs(), &near()).await), Some(ErrorKind::Unavailable));
    assert_eq!(kind(store.ping().await), Some(ErrorKind::Unavailable));
}
