//! What goes wrong between store and server comes as the right kind of error, is repeated where that helps, and leaves nothing half done.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use mastra_core::{
    ErrorKind, Filter, Result,
    vector::{
        CheckedVectors, IndexKind, IndexSpec, NewPoint, PointSelector, PointUpdate, Scope, VectorOperations as _, VectorQuery,
        VectorStore as _,
    },
};
use mastra_doubles::{
    Qdrant,
    qdrant::{Fault, Settings},
};
use mastra_qdrant::QdrantVectors;
use qdrant_client::qdrant::UpdateCollectionBuilder;
use serde_json::json;
use std::{collections::HashMap, time::Duration};
use tonic::Code;

type Store = CheckedVectors<QdrantVectors>;

async fn connect(double: &Qdrant) -> Store {
    QdrantVectors::builder(&double.url()).unwrap().retries(1).connect().await.unwrap()
}

async fn with_points() -> (Qdrant, Store, Scope) {
    let double = Qdrant::start().await.unwrap();
    let store = connect(&double).await;
    store.create_index(&IndexSpec::new("docs", 2).kind(IndexKind::hnsw())).await.unwrap();
    let scope = Scope::index("docs");
    let points = [point("a", "x"), point("b", "y")];
    store.upsert(&scope, &points, &Default::default()).await.unwrap();
    (double, store, scope)
}

fn point(id: &str, kind: &str) -> NewPoint {
    NewPoint::new(id, [1.0, 0.5]).metadata(json!({ "kind": kind }))
}

async fn count(store: &Store, scope: &Scope) -> u64 {
    store.count(scope, &Default::default()).await.unwrap().value
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: Result<T>) -> (ErrorKind, bool) {
    let error = result.unwrap_err();
    (error.kind(), error.is_retryable())
}

const AWAY: (ErrorKind, bool) = (ErrorKind::Unavailable, true);

#[tokio::test]
async fn a_server_that_is_not_there() {
    let (double, store, scope) = with_points().await;
    let url = double.url();
    drop(double);
    assert_eq!(kind(store.count(&scope, &Default::default()).await), AWAY);
    assert_eq!(kind(store.list_indexes().await), AWAY);
    let error = QdrantVectors::builder(&url).unwrap().retries(0).connect().await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some("connect")));
    assert!(!format!("{error:?}").contains("127.0.0.1"), "{error:?}");
}

#[tokio::test]
async fn one_failure_is_not_noticed() {
    let (double, store, scope) = with_points().await;
    let query = VectorQuery::vector([1.0, 0.0]);
    for fault in [
        Fault::on("Query").fail(Code::Unavailable),
        Fault::on("Query").lose_request(),
        Fault::on("Query").truncate(),
        Fault::on("Count").throttle(Duration::ZERO),
        Fault::on("UpdateBatch").lose_acknowledgement(),
        Fault::on("UpdateBatch").lose_request(),
        Fault::on("Collections/Get").fail(Code::Unavailable),
    ] {
        double.faults().add(fault.clone());
        assert_eq!(store.query(&scope, &query).await.unwrap().hits.len(), 2, "{fault:?}");
        store.upsert(&scope, &[point("b", "z")], &Default::default()).await.unwrap();
        assert_eq!(store.get_index("docs").await.unwrap().dimension, 2);
        assert_eq!(count(&store, &scope).await, 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failure_that_stays_is_told_by_its_kind() {
    let (double, store, scope) = with_points().await;
    let query = VectorQuery::vector([1.0, 0.0]);
    for (fault, expected) in [
        (Fault::on("Query").every().fail(Code::Unavailable), AWAY),
        (Fault::on("Query").every().lose_request(), AWAY),
        (Fault::on("Query").every().truncate(), AWAY),
        (Fault::on("Query").every().throttle(Duration::from_secs(60)), AWAY),
        (Fault::on("Query").every().fail(Code::Internal), (ErrorKind::Internal, false)),
        (Fault::on("Query").every().fail(Code::DeadlineExceeded), (ErrorKind::Timeout, true)),
        (Fault::on("Query").every().fail(Code::PermissionDenied), (ErrorKind::PermissionDenied, false)),
        (Fault::on("Query").every().fail(Code::Unimplemented), (ErrorKind::Unsupported, false)),
        (Fault::on("Query").every().fail(Code::DataLoss), (ErrorKind::Corrupt, false)),
    ] {
        double.faults().add(fault.clone());
        assert_eq!(kind(store.query(&scope, &query).await), expected, "{fault:?}");
        double.faults().clear();
        assert_eq!(store.query(&scope, &query).await.unwrap().hits.len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_timeout() {
    let (double, _store, scope) = with_points().await;
    let hasty = QdrantVectors::builder(&double.url()).unwrap().timeout(Duration::from_millis(200)).connect().await.unwrap();
    double.faults().add(Fault::on("Count").every().delay(Duration::from_secs(20)));
    assert_eq!(kind(hasty.count(&scope, &Default::default()).await), (ErrorKind::Timeout, true));
    double.faults().clear();
    assert_eq!(count(&hasty, &scope).await, 2);
}

#[tokio::test]
async fn a_key_is_needed_and_never_told() {
    let double = Qdrant::start_with(Settings::default().api_key("the right one")).await.unwrap();
    let builder = || QdrantVectors::builder(&double.url()).unwrap();
    let stranger = builder().api_key("a secret").connect().await.unwrap();
    let error = stranger.list_indexes().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    for shown in [format!("{error:?}"), format!("{stranger:?}"), format!("{:?}", builder().api_key("a secret"))] {
        assert!(!shown.contains("secret"), "{shown}");
    }
    let guest = builder().api_key("the right one").connect().await.unwrap();
    assert!(guest.list_indexes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_index_that_was_not_finished_is_none() {
    let double = Qdrant::start().await.unwrap();
    let store = connect(&double).await;
    let spec = IndexSpec::new("docs", 2);
    for call in ["Collections/Create", "CreateFieldIndex", "Collections/Update"] {
        double.faults().add(Fault::on(call).every().fail(Code::Unavailable));
        assert_eq!(kind(store.create_index(&spec).await), AWAY, "{call}");
        double.faults().clear();
        assert!(store.list_indexes().await.unwrap().is_empty(), "{call}");
        store.create_index(&spec).await.unwrap();
        store.delete_index("docs").await.unwrap();
    }
    // Where not even the rest can be taken away, it is no index either.
    double.faults().add(Fault::on("CreateFieldIndex").every().fail(Code::Unavailable));
    double.faults().add(Fault::on("Collections/Delete").every().fail(Code::Unavailable));
    assert_eq!(kind(store.create_index(&spec).await), AWAY);
    double.faults().clear();
    assert!(store.list_indexes().await.unwrap().is_empty());
    assert_eq!(store.get_index("docs").await.unwrap_err().kind(), ErrorKind::NotFound);
    // It may be another caller's, who is about to finish.
    assert_eq!(store.create_index(&spec).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
    // A minute later it is not.
    let client = qdrant_client::Qdrant::from_url(&double.url()).skip_compatibility_check().build().unwrap();
    let begun = HashMap::from([("mastra_begun".to_owned(), json!(1))]);
    let long_ago = UpdateCollectionBuilder::new("docs").metadata(begun);
    client.update_collection(long_ago).await.unwrap();
    store.create_index(&IndexSpec::new("docs", 3)).await.unwrap();
    assert_eq!(store.get_index("docs").await.unwrap().dimension, 3);
}

#[tokio::test]
async fn a_write_that_failed_before_it_began_changes_nothing() {
    let (double, store, scope) = with_points().await;
    double.faults().add(Fault::on("UpdateBatch").every().fail(Code::Unavailable));
    let by_kind = PointSelector::Filter(Filter::eq("kind", "x").unwrap());
    let move_it = PointUpdate::new().vector([0.0, 1.0]).merge(json!({"kind": "moved"}));
    assert_eq!(kind(store.upsert(&scope, &[point("c", "x")], &Default::default()).await), AWAY);
    assert_eq!(kind(store.update(&scope, &by_kind, &move_it).await), AWAY);
    assert_eq!(kind(store.delete(&scope, &by_kind).await), AWAY);
    assert_eq!(kind(store.delete_all(&scope).await), AWAY);
    assert_eq!(kind(store.truncate_index("docs").await), AWAY);
    double.faults().clear();
    assert_eq!(count(&store, &scope).await, 2);
    let found = store.get(&scope, &["a".to_owned()], Default::default()).await.unwrap();
    assert_eq!(found[0].metadata, Some(json!({"kind": "x"})));
}

#[tokio::test]
async fn an_index_that_was_made_again_is_noticed() {
    let (double, store, scope) = with_points().await;
    let other = connect(&double).await;
    other.delete_index("docs").await.unwrap();
    assert_eq!(kind(store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await), (ErrorKind::NotFound, false));
    other.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    store.upsert(&scope, &[point("a", "x")], &Default::default()).await.unwrap();
    other.delete_index("docs").await.unwrap();
    other.create_index(&IndexSpec::new("docs", 2).metric(mastra_core::vector::Metric::Dot)).await.unwrap();
    // What was made for another metric is refused, never mixed in.
    let upsert = async || store.upsert(&scope, &[point("a", "x")], &Default::default()).await;
    assert_eq!(upsert().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
    upsert().await.unwrap();
    assert_eq!(store.query(&scope, &VectorQuery::vector([2.0, 0.0])).await.unwrap().hits[0].score, 2.0);
    other.delete_index("docs").await.unwrap();
    other.create_index(&IndexSpec::new("docs", 3)).await.unwrap();
    let error = store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SchemaMismatch | ErrorKind::InvalidInput), "{error}");
}
