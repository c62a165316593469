//! Names that would be commands, roles with few rights, poolers, and schemas that are not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "support/bouncer.rs"]
mod bouncer;
mod common;
#[path = "support/points.rs"]
mod points;

use bouncer::Bouncer;
use common::{TestSchema, fresh_name, run, url};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        IndexKind, IndexSpec, NewPoint, PointCountQuery, PointSelector, PointUpdate, PointUpsertOptions, Scope, ScrollQuery,
        VectorOperations as _, VectorQuery, VectorStore as _,
    },
};
use mastra_pgvector::{BuildOptions, PgVector, Pooler};
use points::{Random, clustered};
use serde_json::json;
use std::sync::Arc;

const HOSTILE: [&str; 6] = ["'; DROP SCHEMA public; --", "a\"b", "$1", "\\", "a.b%_", "ü\u{202e}😀"];

#[tokio::test]
async fn names_and_values_are_data() {
    let schema = TestSchema::named(&format!("{} \"o'dd\\ name", fresh_name())).await;
    let store = schema.store().await;
    for name in HOSTILE {
        let spec = IndexSpec::new(name, 2).kind(IndexKind::hnsw()).field(mastra_core::Path::from_segments([name]).unwrap());
        store.create_index(&spec).await.unwrap();
        for namespace in HOSTILE {
            let scope = Scope::index(name).in_namespace(namespace);
            let points: Vec<NewPoint> =
                HOSTILE.iter().map(|id| NewPoint::new(*id, [1.0, 0.5]).metadata(json!({*id: namespace})).text(*id)).collect();
            store.upsert(&scope, &points, &Default::default()).await.unwrap();
            let filter = Filter::eq(mastra_core::Path::from_segments([name]).unwrap(), namespace).unwrap();
            assert_eq!(store.count(&scope, &PointCountQuery::new().filter(filter.clone())).await.unwrap().value, 1);
            let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.5]).filter(filter)).await.unwrap();
            assert_eq!(answer.hits.first().unwrap().id, name);
        }
        assert_eq!(store.list_namespaces(name).await.unwrap().len(), HOSTILE.len());
    }
    assert_eq!(store.list_indexes().await.unwrap().len(), HOSTILE.len());
    store.inner().build_index("$1", &BuildOptions::new()).await.unwrap();
    for name in HOSTILE {
        store.delete_index(name).await.unwrap();
    }
}

#[tokio::test]
async fn a_registry_that_is_missing_is_named() {
    let error = PgVector::builder(url()).schema(fresh_name()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("run `mastra vectors migrate`"), "{error}");
    let schema = TestSchema { url: url(), name: fresh_name() };
    let store = schema.builder().auto_migrate(true).connect().await.unwrap();
    assert!(store.list_indexes().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_extension_need_not_be_on_the_search_path() {
    let schema = TestSchema::new().await;
    let separator = if schema.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options[search_path]=pg_catalog", schema.url);
    // The extension first, where the usual path puts it.
    schema.store().await.create_index(&IndexSpec::new("first", 2)).await.unwrap();
    let store = PgVector::builder(url).schema(schema.name.clone()).connect().await.unwrap();
    store.create_index(&IndexSpec::new("docs", 2).kind(IndexKind::hnsw())).await.unwrap();
    let scope = Scope::index("docs");
    let point = [NewPoint::new("a", [1.0, 0.0])];
    store.upsert(&scope, &point, &Default::default()).await.unwrap();
    store.upsert(&scope, &point, &Default::default()).await.unwrap();
    let include = mastra_core::vector::Include::ALL;
    let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.0]).include(include)).await.unwrap();
    assert_eq!(answer.hits.first().unwrap().score, 1.0);
}

#[tokio::test]
async fn a_role_with_rights_on_data_alone_does_everything_but_administration() {
    let schema = TestSchema::new().await;
    let owner = schema.store().await;
    owner.create_index(&IndexSpec::new("docs", 2).kind(IndexKind::hnsw())).await.unwrap();
    let mut conn = schema.connection().await;
    let role = fresh_name();
    let grants = mastra_pgvector::grants(&schema.name, &role).unwrap();
    run(&mut conn, &format!("CREATE ROLE {role} LOGIN; GRANT {role} TO CURRENT_USER; {grants}")).await;
    let separator = if schema.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}options[role]={role}", schema.url);
    let store = PgVector::builder(url).schema(schema.name.clone()).connect().await.unwrap();
    let scope = Scope::index("docs");
    store.upsert(&scope, &[NewPoint::new("a", [1.0, 0.0]), NewPoint::new("b", [0.5, 0.5])], &Default::default()).await.unwrap();
    assert_eq!(store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await.unwrap().hits.len(), 2);
    assert_eq!(store.delete(&scope, &PointSelector::id("a")).await.unwrap(), 1);
    store.truncate_index("docs").await.unwrap();
    assert_eq!(store.describe_index("docs").await.unwrap().count, 0);

    let spec = IndexSpec::new("more", 2).kind(IndexKind::hnsw());
    let refused = store.create_index(&spec).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    run(&mut conn, refused.get("sql").unwrap()).await;
    let scope = Scope::index("more");
    store.upsert(&scope, &[NewPoint::new("a", [1.0, 0.0])], &Default::default()).await.unwrap();
    for refused in [
        store.delete_index("more").await.unwrap_err(),
        store.inner().build_index("more", &BuildOptions::new()).await.unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        assert!(refused.get("sql").is_some());
    }
    drop(store);
    run(&mut conn, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn everything_works_behind_a_transaction_pooler() {
    let schema = TestSchema::new().await;
    let bouncer = Bouncer::start().await;
    schema.store().await.create_index(&IndexSpec::new("docs", 8).kind(IndexKind::hnsw())).await.unwrap();
    let builder = PgVector::builder(bouncer.url.clone()).schema(schema.name.clone()).pooler(Pooler::Transaction);
    let store = Arc::new(builder.max_connections(12).connect().await.unwrap());
    let points = Arc::new(clustered(&mut Random(2), 1_500, 8));
    store.upsert(&Scope::index("docs"), &points, &Default::default()).await.unwrap();
    let clients: Vec<_> = (0..12)
        .map(|client: usize| {
            let (store, points) = (Arc::clone(&store), Arc::clone(&points));
            tokio::spawn(async move {
                let all = Scope::index("docs");
                let own = Scope::index("docs").in_namespace(format!("client {client}"));
                for round in 0..15 {
                    let point = points.get(client * 100 + round).unwrap();
                    let answer = store.query(&all, &VectorQuery::vector(point.vector.clone()).top_k(3)).await.unwrap();
                    assert_eq!(Some(&answer.hits.first().unwrap().id), point.id.as_ref());
                    let mine = Filter::eq("n", client * 100 + round).unwrap();
                    let answer = store.query(&all, &VectorQuery::vector(point.vector.clone()).filter(mine)).await.unwrap();
                    assert_eq!(answer.hits.iter().map(|hit| &hit.id).collect::<Vec<_>>(), [point.id.as_ref().unwrap()]);
                    store.upsert(&own, std::slice::from_ref(point), &PointUpsertOptions::new()).await.unwrap();
                    let change = PointUpdate::new().vector(point.vector.clone()).merge(json!({"round": round}));
                    assert_eq!(store.update(&own, &PointSelector::id(point.id.clone().unwrap()), &change).await.unwrap(), 1);
                }
                assert_eq!(store.scroll(&own, &ScrollQuery::new()).await.unwrap().items.len(), 15);
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}
