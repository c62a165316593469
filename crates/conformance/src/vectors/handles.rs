//! What a factory says of its store beyond the store itself: transactions that it shares, and opening it again.

use super::{
    fixture::{found, get, index, point, put},
    harness::TestVectors,
};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, not_claimed, refused};
use mastra_core::{
    Engine, EntityRef, ErrorKind, NewEntity, NewRecord, RecordStore as _, UpsertOptions,
    vector::{NewPoint, PointCountQuery, PointSelector, PointUpsertOptions, Scope, VectorOperations as _, VectorQuery},
};
use serde_json::json;
use std::sync::Arc;

/// The engine whose transactions hold points too, where the store claims it.
fn sharing(fresh: &TestVectors) -> Outcome<Option<&Arc<dyn Engine>>> {
    let claimed = fresh.store.capabilities().write.transactions;
    match &fresh.engine {
        Some(engine) if claimed => Ok(Some(engine)),
        None if claimed => Err(Failure::new("transactions are claimed, and the test's factory does not say with which engine")),
        _ => Ok(None),
    }
}

/// Points are in a transaction of the engine exactly where that is claimed.
pub async fn transactions_hold_points_as_claimed(fresh: &TestVectors) -> Outcome {
    let claimed = fresh.store.capabilities().write.transactions;
    sharing(fresh)?;
    if let Some(engine) = &fresh.engine {
        let transaction = engine.begin().await?;
        let offered = transaction.vectors().is_some();
        transaction.rollback().await?;
        ensure_eq!(offered, claimed, "whether a transaction has vectors");
    }
    Ok(())
}

/// Records and points become visible together.
pub async fn records_and_points_commit_together(fresh: &TestVectors) -> Outcome {
    let Some(engine) = sharing(fresh)? else { return not_claimed("write.transactions") };
    let store = &*fresh.store;
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("old", [1.0, 0.0], json!({ "n": 1 })).text("before")]).await?;
    let entity = EntityRef::Id(engine.create_entity(&NewEntity::new("Documents", "conformance")).await?.id);

    let transaction = engine.begin().await?;
    transaction.upsert_records(&entity, &[NewRecord::new("r", json!({ "n": 1 }))], &UpsertOptions::default()).await?;
    {
        let vectors = transaction.vectors().ok_or_else(|| Failure::new("the transaction has no vectors"))?;
        let options = PointUpsertOptions::new();
        vectors
            .upsert(&scope, &[NewPoint::new("new", [1.0, 0.0]), point("old", [0.0, 1.0], json!({ "n": 2 }))], &options)
            .await?;
        let inside = vectors.query(&scope, &VectorQuery::vector([1.0, 0.0])).await?;
        ensure_eq!(super::fixture::ids(&inside), ["new", "old"], "what the transaction finds");
        ensure_eq!(vectors.count(&scope, &PointCountQuery::new()).await?.value, 2, "what the transaction counts");
        refused(vectors.upsert(&scope, &[NewPoint::new("bad", [1.0])], &options).await, ErrorKind::InvalidInput)?;
        refused(vectors.query(&Scope::index("absent"), &VectorQuery::vector([1.0])).await, ErrorKind::NotFound)?;
        ensure_eq!(vectors.count(&scope, &PointCountQuery::new()).await?.value, 2, "what it counts after refusals");
    }
    transaction.commit().await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["new", "old"], "points after the commit");
    ensure_eq!(engine.get_records_by_external_ids(&entity, &["r".to_owned()]).await?.len(), 1, "records after the commit");
    Ok(())
}

/// A rollback, and a transaction that is dropped, leave neither records nor points, and what was changed is as it was.
pub async fn a_rollback_undoes_points_too(fresh: &TestVectors) -> Outcome {
    let Some(engine) = sharing(fresh)? else { return not_claimed("write.transactions") };
    let store = &*fresh.store;
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("old", [1.0, 0.0], json!({ "n": 1 })).text("before"), NewPoint::new("gone", [0.0, 1.0])]).await?;
    let before = (get(store, &scope, "old").await?, get(store, &scope, "gone").await?);
    for dropped in [false, true] {
        let transaction = engine.begin().await?;
        {
            let vectors = transaction.vectors().ok_or_else(|| Failure::new("the transaction has no vectors"))?;
            let batch = [NewPoint::new("new", [1.0, 0.0]).text("fresh"), point("old", [0.0, 1.0], json!({}))];
            vectors.upsert(&scope, &batch, &PointUpsertOptions::new()).await?;
            ensure_eq!(vectors.delete(&scope, &PointSelector::id("gone")).await?, 1, "deleted inside");
        }
        transaction.create_entity(&NewEntity::new("Documents", "conformance")).await?;
        if dropped {
            drop(transaction);
        } else {
            transaction.rollback().await?;
        }
        // A dropped transaction may take a moment to end: the next write waits for it.
        put(store, &scope, &[NewPoint::new("next", [0.0, -1.0])]).await?;
        ensure_eq!((get(store, &scope, "old").await?, get(store, &scope, "gone").await?), before.clone(), "points after undoing");
        ensure_eq!(get(store, &scope, "new").await?, None, "a point that was never committed");
        ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 3, "points");
        ensure_eq!(engine.list_entities(&Default::default()).await?.items.len(), 0, "entities after undoing");
        if store.capabilities().search.text {
            ensure_eq!(found(store, &scope, &VectorQuery::text("fresh")).await?.len(), 0, "words that were never committed");
            ensure_eq!(found(store, &scope, &VectorQuery::text("before")).await?, ["old"], "words that are there again");
        }
    }
    Ok(())
}

/// Others see nothing of a transaction until it is committed.
pub async fn nothing_is_visible_before_the_commit(fresh: &TestVectors) -> Outcome {
    let Some(engine) = sharing(fresh)? else { return not_claimed("write.transactions") };
    let store = &*fresh.store;
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("old", [1.0, 0.0], json!({ "n": 1 }))]).await?;
    let transaction = engine.begin().await?;
    {
        let vectors = transaction.vectors().ok_or_else(|| Failure::new("the transaction has no vectors"))?;
        vectors.upsert(&scope, &[NewPoint::new("new", [1.0, 0.0])], &PointUpsertOptions::new()).await?;
        vectors.delete(&scope, &PointSelector::id("old")).await?;
        ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["old"], "what others find");
        ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 1, "what others count");
    }
    transaction.commit().await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["new"], "what others find after the commit");
    Ok(())
}

/// After closing, every call fails as `Unavailable`, and none hangs.
pub async fn nothing_works_after_closing(fresh: &TestVectors) -> Outcome {
    let store = &*fresh.store;
    let scope = index(store, "docs", 2).await?;
    store.close().await?;
    let closed = ErrorKind::Unavailable;
    refused(store.ping().await, closed)?;
    refused(store.list_indexes().await, closed)?;
    refused(store.describe_index("docs").await, closed)?;
    refused(store.delete_all(&scope).await, closed)?;
    refused(store.list_namespaces("docs").await, closed)?;
    store.close().await?;
    Ok(())
}

/// What is claimed to be shared by processes is seen through a second handle; what is claimed to persist is there after closing.
pub async fn a_second_handle_sees_what_is_claimed(fresh: &TestVectors) -> Outcome {
    let store = &fresh.store;
    let can = store.capabilities().admin;
    let Some(reopen) = &fresh.reopen else {
        let unproven = can.persistent || can.multi_process;
        ensure!(!unproven, "persistence or sharing is claimed, and the test's factory does not say how to open the data again");
        return not_claimed("admin.persistent or admin.multiProcess");
    };
    let scope = index(&**store, "docs", 2).await?;
    put(&**store, &scope, &[point("1", [3.0, 4.0], json!({ "n": 1 })).text("word")]).await?;
    let near = VectorQuery::vector([1.0, 0.0]);
    if can.multi_process {
        let second = reopen().await?;
        ensure_eq!(found(&*second, &scope, &near).await?, ["1"], "points that a second handle sees");
        put(&*second, &scope, &[NewPoint::new("2", [1.0, 0.0])]).await?;
        ensure_eq!(found(&**store, &scope, &near).await?, ["2", "1"], "points that the first handle sees");
        // An index that another handle makes anew is met as it is now.
        second.delete_index("docs").await?;
        second.create_index(&super::fixture::spec(&*second, "docs", 3)).await?;
        put(&**store, &scope, &[point("1", [0.0, 3.0, 4.0], json!({ "n": 1 })).text("word")]).await?;
        let error = refused(store.query(&scope, &near).await, ErrorKind::InvalidInput)?;
        ensure_eq!(error.get("expected"), Some("3"), "the dimension that the error names");
        second.delete_index("docs").await?;
        refused(put(&**store, &scope, &[NewPoint::new("1", [0.0, 3.0, 4.0])]).await, ErrorKind::NotFound)?;
        second.create_index(&super::fixture::spec(&*second, "docs", 2)).await?;
        put(&**store, &scope, &[point("1", [3.0, 4.0], json!({ "n": 1 })).text("word")]).await?;
        second.close().await?;
        ensure_eq!(found(&**store, &scope, &near).await?, ["1"], "points after closing the second handle");
    }
    let before = get(&**store, &scope, "1").await?;
    let spec = store.get_index("docs").await?;
    store.close().await?;
    let later = reopen().await?;
    let there = later.get_index("docs").await.ok();
    ensure_eq!(there.is_some(), can.persistent, "whether the index is there after closing");
    if let Some(there) = there {
        ensure_eq!(there, spec, "how the index was made, after closing");
        ensure_eq!(get(&*later, &scope, "1").await?, before, "the point after closing");
    }
    later.close().await?;
    Ok(())
}
