//! Behind pgbouncer in transaction mode, with more clients than server connections.
#![cfg(feature = "engine")]

mod common;

use common::{TestSchema, bouncer::Bouncer};
use futures::{TryStreamExt as _, future::join_all};
use mastra_core::{
    Engine as _, EngineExt as _, EntityRef, ErrorKind, Filter, NewRecord, RecordQuery, RecordStore as _, SyncBatch, TextSearch,
    UpsertOptions, sort::SortKey,
};
use mastra_postgres::{Pooler, PostgresEngine};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Each client asks for records that no other asks for, and looks at everything that comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_client_gets_its_own_answers() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    const CLIENTS: usize = 24;
    const TURNS: usize = 12;
    let clients = (0..CLIENTS).map(|client| {
        let (url, name) = (bouncer.url.clone(), schema.name.clone());
        tokio::spawn(async move {
            let engine = PostgresEngine::builder(url)
                .schema(name)
                .pooler(Pooler::Transaction)
                .statement_timeout(Duration::from_secs(60))
                .max_connections(2)
                .connect()
                .await
                .unwrap();
            let mine = format!("client {client}");
            let records = (0..TURNS).map(|turn| {
                NewRecord::new(
                    format!("{client}/{turn}"),
                    json!({ "client": client, "turn": turn, "text": format!("word{client} {turn}") }),
                )
            });
            let entity = engine.sync_records(&SyncBatch::new(&mine, "c", records)).await.unwrap().entity;
            engine.declare_text_index(&EntityRef::from(&entity), &["text".parse().unwrap()]).await.unwrap();
            for turn in 0..TURNS {
                let id = format!("{client}/{turn}");
                let found =
                    engine.get_records_by_external_ids(&EntityRef::named(&mine), std::slice::from_ref(&id)).await.unwrap();
                assert_eq!((found.len(), found[0].external_id.as_str(), &found[0].data["client"]), (1, &*id, &json!(client)));
                let query = RecordQuery::new()
                    .filter(Filter::and([
                        Filter::eq("client", client as u64).unwrap(),
                        Filter::gte("turn", turn as u64).unwrap(),
                    ]))
                    .sort(SortKey::descending("turn").unwrap());
                let page = engine.get_records(&EntityRef::Id(entity.id), &query).await.unwrap().items;
                assert_eq!(page.len(), TURNS - turn);
                assert!(page.iter().all(|record| record.data["client"] == json!(client)));
                let counted = engine.count_records(&EntityRef::Id(entity.id), &Default::default()).await.unwrap();
                assert_eq!(counted.value, TURNS as u64);
                let hits =
                    engine.search_text(&EntityRef::Id(entity.id), &TextSearch::new(format!("word{client}"))).await.unwrap();
                assert_eq!(hits.total, TURNS as u64);
                let change = NewRecord::new(id, json!({ "seen": turn }));
                let report =
                    engine.upsert_records(&EntityRef::Id(entity.id), &[change], &UpsertOptions::default()).await.unwrap();
                assert_eq!((report.updated.len(), report.updated[0].id), (1, found[0].id));
                let streamed: Vec<_> = engine
                    .stream_records(&EntityRef::Id(entity.id), &RecordQuery::new())
                    .await
                    .unwrap()
                    .try_collect()
                    .await
                    .unwrap();
                assert!(streamed.len() == TURNS && streamed.iter().all(|record| record.data["client"] == json!(client)));
                engine.ping().await.unwrap();
                let inside = engine
                    .transaction(async |transaction| {
                        let own = NewRecord::new("in a transaction", json!({ "turn": turn }));
                        transaction.upsert_records(&EntityRef::Id(entity.id), &[own], &UpsertOptions::default()).await?;
                        transaction.get_records_by_external_ids(&EntityRef::Id(entity.id), &["in a transaction".into()]).await
                    })
                    .await
                    .unwrap();
                assert_eq!(inside[0].data, json!({ "turn": turn }));
                let gone = mastra_core::RecordSelector::ExternalIds(vec!["in a transaction".into()]);
                assert_eq!(engine.delete_records(&EntityRef::Id(entity.id), &gone).await.unwrap().deleted, 1);
            }
            engine.close().await.unwrap();
        })
    });
    for done in join_all(clients).await {
        done.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_batches_and_the_statement_timeout_work_behind_it() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    let url = format!("{}&pooler=transaction&schema={}", bouncer.url, schema.name);
    let engine = Arc::new(mastra_postgres::connect(&url).await.unwrap());
    let syncs = (0..4).map(|sync| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let records = (0..5_000).map(|n| NewRecord::new(format!("r{n}"), json!({ "sync": sync })));
            engine.sync_records(&SyncBatch::new(format!("E{sync}"), "c", records)).await.unwrap().records.created.len()
        })
    });
    assert!(join_all(syncs).await.into_iter().all(|created| created.unwrap() == 5_000));

    let impatient = PostgresEngine::builder(bouncer.url.clone())
        .schema(schema.name.clone())
        .pooler(Pooler::Transaction)
        .statement_timeout(Duration::from_millis(200))
        .connect()
        .await
        .unwrap();
    let mut blocker = schema.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE entities IN ACCESS EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    let error = impatient.resolve_entity(&"E0".into()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
    impatient.resolve_entity(&"E0".into()).await.unwrap();
}

/// Behind a transaction pooler nobody holds a session, so the right to build is held by a transaction of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_indexes_are_built_and_dropped_by_many_clients() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    let build = async || {
        let builder = PostgresEngine::builder(bouncer.url.clone()).schema(schema.name.clone()).pooler(Pooler::Transaction);
        builder.max_connections(1).connect().await.unwrap()
    };
    let batch = SyncBatch::new("Contacts", "c", [NewRecord::new("1", json!({ "a": 1 }))]);
    let entity = EntityRef::Id(build().await.sync_records(&batch).await.unwrap().entity.id);
    let clients = join_all((0..4).map(|_| build())).await.into_iter().enumerate().map(|(client, engine)| {
        let entity = entity.clone();
        let field = ["a", "b"][client % 2].parse().unwrap();
        tokio::spawn(async move {
            let kind = mastra_core::FieldIndexKind::Scalar;
            for _ in 0..2 {
                engine.create_field_index(&entity, &field, kind).await.unwrap();
                match engine.drop_field_index(&entity, &field, kind).await {
                    Ok(()) => {}
                    // Another client was first.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
            }
            engine.create_field_index(&entity, &field, kind).await.unwrap();
        })
    });
    for client in join_all(clients).await {
        client.unwrap();
    }
    assert_eq!(build().await.list_field_indexes(&entity).await.unwrap().len(), 2);
}
