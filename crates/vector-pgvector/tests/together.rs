//! Records and vectors in one transaction; writers side by side; servers that go away.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;
#[path = "support/points.rs"]
mod points;

use common::TestSchema;
use mastra_core::{
    Engine as _, ErrorKind, NewEntity, RecordStore as _,
    vector::{
        IndexKind, IndexSpec, NewPoint, PointCountQuery, PointSelector, Scope, VectorOperations as _, VectorQuery,
        VectorStore as _,
    },
};
use mastra_pgvector::PgVector;
use points::{Random, clustered};
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn records_and_vectors_commit_together_or_not_at_all() {
    let schema = TestSchema::with_engine().await;
    let engine = schema.engine().await;
    assert!(engine.begin().await.unwrap().vectors().is_none(), "nobody has asked for vectors yet");
    let store = PgVector::of(&engine).await.unwrap();
    store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
    let scope = Scope::index("docs");
    for commit in [false, true] {
        let transaction = engine.begin().await.unwrap();
        transaction.create_entity(&NewEntity::new("Pages", "web")).await.unwrap();
        let vectors = transaction.vectors().unwrap();
        vectors.upsert(&scope, &[NewPoint::new("a", [1.0, 0.0])], &Default::default()).await.unwrap();
        // A call that the server refuses undoes itself alone.
        let none = vectors.upsert(&Scope::index("none"), &[NewPoint::new("a", [1.0])], &Default::default()).await;
        assert_eq!(none.unwrap_err().kind(), ErrorKind::NotFound);
        let seen = vectors.query(&scope, &VectorQuery::vector([1.0, 0.0])).await.unwrap();
        assert_eq!(seen.hits.len(), 1, "its own writes are seen");
        assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, 0, "and by nobody else");
        drop(vectors);
        if commit {
            transaction.commit().await.unwrap()
        } else {
            transaction.rollback().await.unwrap()
        }
        let there = u64::from(commit);
        assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, there);
        assert_eq!(engine.list_entities(&Default::default()).await.unwrap().items.len() as u64, there);
    }
}

#[tokio::test]
async fn writers_of_the_same_points_wait_and_never_in_a_circle() {
    let schema = TestSchema::new().await;
    let store = Arc::new(schema.builder().max_connections(8).connect().await.unwrap());
    store.create_index(&IndexSpec::new("docs", 4)).await.unwrap();
    let writers: Vec<_> = (0..6_u64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let scope = Scope::index("docs");
                for round in 0..12_u64 {
                    // Each in an order of its own.
                    let mut points: Vec<NewPoint> = (0..150)
                        .map(|n| NewPoint::new(format!("p{n}"), [n as f32 + 1.0, writer as f32, round as f32, 1.0]))
                        .collect();
                    points.rotate_left(usize::try_from((writer * 37 + round * 11) % 150).unwrap());
                    if writer % 2 == 1 {
                        points.reverse();
                    }
                    // Past the wrapper, which would try again.
                    store.inner().upsert(&scope, &points, &Default::default()).await.unwrap();
                    if round % 4 == 0 {
                        let ids = (0..150).step_by(7).map(|n| format!("p{}", 149 - n));
                        store.inner().delete(&scope, &PointSelector::ids(ids)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(store.count(&Scope::index("docs"), &PointCountQuery::new()).await.unwrap().value, 150);
}

#[tokio::test]
async fn large_batches_that_collide_are_all_stored() {
    let schema = TestSchema::new().await;
    let store = Arc::new(schema.builder().max_connections(8).connect().await.unwrap());
    store.create_index(&IndexSpec::new("docs", 8)).await.unwrap();
    let mut points = clustered(&mut Random(1), 9_000, 8);
    for (n, point) in points.iter_mut().enumerate().step_by(3) {
        point.text = Some(format!("Point number {n}, äöü"));
    }
    let points = Arc::new(points);
    let writers: Vec<_> = [(0, 6_000), (2_000, 9_000), (1_000, 8_000)]
        .into_iter()
        .map(|(from, to)| {
            let (store, points) = (Arc::clone(&store), Arc::clone(&points));
            tokio::spawn(async move {
                let batch = points.get(from..to).unwrap();
                store.upsert(&Scope::index("docs"), batch, &Default::default()).await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let scope = Scope::index("docs");
    assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, 9_000);
    // What was copied reads and is found as what was merged.
    let one = store.get(&scope, &["p000003".to_owned()], mastra_core::vector::Include::ALL).await.unwrap();
    let expected = points.get(3).unwrap();
    let got = one.first().unwrap();
    assert_eq!((got.vector.as_ref(), got.metadata.as_ref()), (Some(&expected.vector), Some(&expected.metadata)));
    let found = store.query(&scope, &VectorQuery::text("ÄÖÜ 8997")).await.unwrap();
    assert_eq!(found.hits.first().unwrap().id, "p008997");
}

#[tokio::test]
async fn unchanged_points_are_not_rewritten() {
    let schema = TestSchema::new().await;
    let store = schema.store().await;
    store.create_index(&IndexSpec::new("docs", 2).kind(IndexKind::hnsw())).await.unwrap();
    let scope = Scope::index("docs");
    let points: Vec<NewPoint> = (0..50)
        .map(|n| NewPoint::new(format!("p{n}"), [n as f32, 1.0]).metadata(json!({"n": n})).text(format!("t {n}")))
        .collect();
    store.upsert(&scope, &points, &Default::default()).await.unwrap();
    let mut conn = schema.connection().await;
    let table: String = sqlx::query_scalar("SELECT table_name FROM vector_indexes").fetch_one(&mut conn).await.unwrap();
    let places = format!("SELECT array_agg(ctid::text ORDER BY id) FROM {table}");
    let before: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(places.clone())).fetch_one(&mut conn).await.unwrap();
    store.upsert(&scope, &points, &Default::default()).await.unwrap();
    let after: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(places)).fetch_one(&mut conn).await.unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_server_that_ends_a_writer_keeps_all_of_its_batch_or_nothing() {
    let schema = TestSchema::new().await;
    let store = Arc::new(schema.builder().application_name(&schema.name).connect().await.unwrap());
    store.create_index(&IndexSpec::new("docs", 64).kind(IndexKind::hnsw())).await.unwrap();
    let scope = Scope::index("docs");
    let mut random = Random(9);
    let mut landed = 0;
    for round in 0..40 {
        let points: Vec<NewPoint> = clustered(&mut random, 400, 64)
            .into_iter()
            .map(|mut point| {
                point.id = point.id.map(|id| format!("{round}-{id}"));
                point
            })
            .collect();
        let before = store.count(&scope, &PointCountQuery::new()).await.unwrap().value;
        let (writer, to) = (Arc::clone(&store), scope.clone());
        let writing = tokio::spawn(async move { writer.upsert(&to, &points, &Default::default()).await });
        let mut killer = schema.connection().await;
        tokio::time::sleep(std::time::Duration::from_millis(round * 5)).await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'INSERT%' \
                    AND state = 'active'";
        sqlx::query(kill).bind(&schema.name).execute(&mut killer).await.unwrap();
        let written = writing.await.unwrap();
        let mut after = store.count(&scope, &PointCountQuery::new()).await;
        for _ in 0..10 {
            if after.is_ok() {
                break;
            }
            after = store.count(&scope, &PointCountQuery::new()).await;
        }
        let after = after.unwrap().value;
        match written {
            Ok(_) => assert_eq!(after, before + 400),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                landed += 1;
                assert!(after == before || after == before + 400, "{before} {after}");
            }
        }
        if landed >= 3 {
            return;
        }
    }
    assert!(landed > 0, "no kill landed inside a write");
}

/// Polls a call so often, and drops it; whether it ended.
async fn poll_so_often(polls: usize, call: impl Future) -> bool {
    let mut call = std::pin::pin!(call);
    for _ in 0..polls {
        if std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_ready())).await {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    false
}

#[tokio::test]
async fn a_copy_that_is_given_up_misleads_nobody() {
    let schema = TestSchema::with_engine().await;
    let engine = schema.engine().await;
    let store = PgVector::of(&engine).await.unwrap();
    for index in ["known", "large"] {
        store.create_index(&IndexSpec::new(index, 8).kind(IndexKind::Flat)).await.unwrap();
    }
    let (known, large) = (Scope::index("known"), Scope::index("large"));
    let some = clustered(&mut Random(1), 3, 8);
    store.upsert(&known, &some, &Default::default()).await.unwrap();
    let many = clustered(&mut Random(2), 6_000, 8);
    let all = PointCountQuery::new();
    for polls in 0.. {
        let transaction = engine.begin().await.unwrap();
        let ended = {
            let vectors = transaction.vectors().unwrap();
            let ended = poll_so_often(polls, vectors.upsert(&large, &many, &Default::default())).await;
            for _ in 0..3 {
                match vectors.count(&known, &all).await {
                    Ok(count) => assert_eq!(count.value, 3, "inside, after {polls} polls"),
                    Err(error) => assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::InvalidInput), "{error}"),
                }
            }
            ended
        };
        drop(transaction);
        poll_so_often(polls, store.upsert(&large, &many, &Default::default())).await;
        for _ in 0..3 {
            assert_eq!(store.count(&known, &all).await.unwrap().value, 3, "outside, after {polls} polls");
        }
        store.delete_all(&large).await.unwrap();
        if ended {
            return;
        }
        assert!(polls < 400, "the call does not end");
    }
}

#[tokio::test]
async fn those_who_replace_the_same_leave_one_of_them() {
    let schema = TestSchema::new().await;
    let store = Arc::new(schema.builder().max_connections(8).connect().await.unwrap());
    store.create_index(&IndexSpec::new("docs", 2).field("document".parse().unwrap())).await.unwrap();
    for round in 0..15 {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let point =
                        |n: usize| NewPoint::new(format!("{round}.{writer}.{n}"), [1.0, 0.0]).metadata(json!({"document": "a"}));
                    let swap = mastra_core::vector::PointUpsertOptions::new()
                        .replace_where(mastra_core::Filter::eq("document", "a").unwrap());
                    let points: Vec<NewPoint> = (0..3).map(point).collect();
                    store.upsert(&Scope::index("docs"), &points, &swap).await.unwrap();
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(store.count(&Scope::index("docs"), &PointCountQuery::new()).await.unwrap().value, 3, "round {round}");
    }
}
