//! Many at once on one store.

use super::fixture::{index, named, point, put, spec};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, not_claimed};
use futures::future::join_all;
use mastra_core::{
    ErrorKind, Filter, Result,
    vector::{
        Include, NewPoint, PointCountQuery, PointSelector, PointUpdate, PointUpsertOptions, ScrollQuery, VectorQuery, VectorStore,
    },
};
use serde_json::{Value, json};
use std::{future::Future, sync::Arc};

/// Runs tasks at the same time, each on a thread of the runtime.
async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Outcome<Vec<T>> {
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(task(number))).collect();
    join_all(tasks)
        .await
        .into_iter()
        .map(|done| done.map_err(|error| Failure::new(format!("a task panicked: {error}"))))
        .collect()
}

/// Batches of the same ids in different orders, from many writers: none fails, and each point is as one of them wrote it.
pub async fn many_writers_of_the_same_ids(store: Arc<dyn VectorStore>) -> Outcome {
    const IDS: usize = 30;
    let scope = index(&*store, "docs", 2).await?;
    let outcomes = at_once(12, |writer| {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        async move {
            for round in 0..4 {
                let mut points: Vec<NewPoint> = (0..IDS)
                    .map(|n| {
                        let mark = format!("{writer}-{round}");
                        point(format!("p{n}"), [writer as f32 + 1.0, 0.0], json!({ "by": writer, "mark": mark })).text(mark)
                    })
                    .collect();
                if writer % 2 == 1 {
                    points.reverse();
                }
                points.rotate_left(writer + round);
                put(&*store, &scope, &points).await?;
            }
            Ok::<_, mastra_core::Error>(())
        }
    })
    .await?;
    outcomes.into_iter().collect::<Result<Vec<()>>>()?;
    let ids: Vec<String> = (0..IDS).map(|n| format!("p{n}")).collect();
    let points = store.get(&scope, &ids, Include::ALL).await?;
    ensure_eq!(points.len(), IDS, "points");
    ensure_eq!(store.describe_index("docs").await?.count, IDS as u64, "points that are counted");
    for point in &points {
        let metadata = point.metadata.clone().unwrap_or_default();
        ensure_eq!(
            point.text.as_deref(),
            metadata.get("mark").and_then(Value::as_str),
            "text and metadata of {} are of one writer",
            point.id
        );
        let exact = store.capabilities().data.exact_vectors;
        let first = point.vector.as_ref().and_then(|vector| vector.as_slice().first().copied());
        let own = metadata.get("by").and_then(Value::as_u64).map(|by| by as f32 + 1.0);
        ensure!(!exact || first == own, "vector and metadata of {} are of two writers: {first:?}, {metadata}", point.id);
    }
    Ok(())
}

/// Writers that merge different keys into the same points, by id and by filter, beside one that moves them: every key is there in the end.
pub async fn merges_of_different_keys_lose_nothing(store: Arc<dyn VectorStore>) -> Outcome {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 4;
    let scope = index(&*store, "docs", 2).await?;
    let points: Vec<NewPoint> = (0..4).map(|n| point(format!("p{n}"), [1.0, 1.0], json!({ "all": true, "n": n }))).collect();
    put(&*store, &scope, &points).await?;
    let by_filter = store.capabilities().write.update_by_filter;
    // A null is a value like others, and a number beyond 64 bits one that a store may have to keep apart.
    let long = store.capabilities().data.exact_numbers;
    let value = move |round: usize| match round {
        2 => Value::Null,
        _ if long => json!(u64::MAX - round as u64),
        _ => json!(round),
    };
    let outcomes = at_once(WRITERS + 1, |writer| {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        async move {
            for round in 0..ROUNDS {
                let ids = PointSelector::ids((0..4).map(|n| format!("p{n}")));
                let selector = if by_filter && round % 2 == 1 { PointSelector::Filter(Filter::eq("all", true)?) } else { ids };
                let change = match writer {
                    WRITERS => PointUpdate::new().vector([1.0, round as f32]),
                    _ => PointUpdate::new().merge(json!({ format!("w{writer}-{round}"): value(round) })),
                };
                ensure_eq!(store.update(&scope, &selector, &change).await?, 4, "points that are changed");
            }
            Outcome::Ok(())
        }
    })
    .await?;
    outcomes.into_iter().collect::<Outcome<Vec<()>>>()?;
    let ids: Vec<String> = (0..4).map(|n| format!("p{n}")).collect();
    for point in store.get(&scope, &ids, Include::ALL).await? {
        let metadata = point.metadata.unwrap_or_default();
        for (writer, round) in (0..WRITERS).flat_map(|writer| (0..ROUNDS).map(move |round| (writer, round))) {
            ensure_eq!(
                metadata.get(format!("w{writer}-{round}")),
                Some(&value(round)),
                "what writer {writer} merged into {}",
                point.id
            );
        }
    }
    Ok(())
}

/// Writers of different points lose nothing.
pub async fn writers_of_different_points_lose_nothing(store: Arc<dyn VectorStore>) -> Outcome {
    let scope = index(&*store, "docs", 2).await?;
    let outcomes = at_once(10, |writer| {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        async move {
            for round in 0..5 {
                let points: Vec<NewPoint> =
                    (0..10).map(|n| point(format!("{writer}-{round}-{n}"), [1.0, 0.0], json!({ "by": writer }))).collect();
                put(&*store, &scope, &points).await?;
            }
            let own = PointCountQuery::new().filter(Filter::eq("by", writer as u64)?);
            store.count(&scope, &own).await
        }
    })
    .await?;
    for counted in outcomes {
        ensure_eq!(counted?.value, 50, "points that a writer sees of its own");
    }
    ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 500, "points");
    Ok(())
}

/// A batch, and a swap of all pieces of a document, are seen whole or not at all, where that is claimed.
pub async fn a_write_is_seen_whole(store: Arc<dyn VectorStore>) -> Outcome {
    if !store.capabilities().write.atomic || !store.capabilities().write.replace_where {
        return not_claimed("write.atomic with write.replaceWhere");
    }
    let scope = index(&*store, "docs", 2).await?;
    let pieces = |version: usize| -> Vec<NewPoint> {
        let count = if version.is_multiple_of(2) { 40 } else { 25 };
        (0..count).map(|n| point(format!("{}-{n}", version % 3), [1.0, 0.0], json!({ "doc": "d", "version": version }))).collect()
    };
    put(&*store, &scope, &pieces(0)).await?;
    let writer = {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        tokio::spawn(async move {
            for version in 1..40 {
                let options = PointUpsertOptions::new().replace_where(Filter::eq("doc", "d")?);
                store.upsert(&scope, &pieces(version), &options).await?;
            }
            Ok::<_, mastra_core::Error>(())
        })
    };
    let mut looked = 0;
    while !writer.is_finished() || looked < 3 {
        let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.0]).top_k(100)).await?;
        let versions: Vec<u64> = answer
            .hits
            .iter()
            .filter_map(|hit| hit.metadata.as_ref().and_then(|metadata| metadata["version"].as_u64()))
            .collect();
        let Some(first) = versions.first() else { return Err(Failure::new("the document is not there for a moment")) };
        let whole = versions.len() == if first.is_multiple_of(2) { 40 } else { 25 };
        ensure!(whole && versions.iter().all(|version| version == first), "a swap is seen half done: {versions:?}");
        looked += 1;
    }
    writer.await.map_err(|error| Failure::new(format!("the writer panicked: {error}")))??;
    ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 25, "pieces in the end");
    Ok(())
}

/// Every kind of write on the same points at once: none fails, and what is left is whole.
pub async fn all_kinds_of_writes_meet(store: Arc<dyn VectorStore>) -> Outcome {
    let scope = index(&*store, "docs", 2).await?;
    let can = *store.capabilities();
    let outcomes = at_once(12, |worker| {
        let (store, scope) = (Arc::clone(&store), scope.clone());
        async move {
            for round in 0..6 {
                let own: Vec<String> = (0..8).map(|n| format!("p{}", (n * 5 + worker + round) % 12)).collect();
                let batch: Vec<NewPoint> =
                    own.iter().map(|id| point(id, [1.0, 1.0], json!({ "n": round })).text("word")).collect();
                let all = PointSelector::ids(own.clone());
                match worker % 6 {
                    0 | 1 => put(&*store, &scope, &batch).await.map(drop)?,
                    2 => store.update(&scope, &all, &PointUpdate::new().merge(json!({ "m": worker }))).await.map(drop)?,
                    3 => store.delete(&scope, &all).await.map(drop)?,
                    4 if can.write.replace_where => {
                        let options = PointUpsertOptions::new().replace_where(Filter::lt("n", 3)?);
                        store.upsert(&scope, &batch, &options).await.map(drop)?;
                    }
                    5 if can.write.delete_by_filter => {
                        store.delete(&scope, &PointSelector::Filter(Filter::eq("n", round as u64)?)).await.map(drop)?;
                    }
                    _ => store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await.map(drop)?,
                }
            }
            Ok::<_, mastra_core::Error>(())
        }
    })
    .await?;
    outcomes.into_iter().collect::<Result<Vec<()>>>()?;
    let counted = store.count(&scope, &PointCountQuery::new()).await?.value;
    let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.0]).top_k(50)).await?;
    ensure_eq!(answer.hits.len() as u64, counted, "points that are found, and counted");
    for hit in &answer.hits {
        let whole = hit.text.as_deref() == Some("word") && hit.metadata.as_ref().is_some_and(|metadata| metadata["n"].is_u64());
        ensure!(whole, "a point is in pieces: {hit:?}");
    }
    if can.search.text {
        let words = store.query(&scope, &VectorQuery::text("word").top_k(50)).await?;
        ensure_eq!(words.hits.len() as u64, counted, "points that words find");
    }
    Ok(())
}

/// An index is made once, whoever comes first, and dropped once.
pub async fn an_index_is_made_once(store: Arc<dyn VectorStore>) -> Outcome {
    let made = at_once(8, |worker| {
        let store = Arc::clone(&store);
        async move { store.create_index(&spec(&*store, "docs", 2 + worker % 2)).await }
    })
    .await?;
    ensure_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "those that made it");
    let others = made.iter().filter_map(|made| made.as_ref().err()).find(|error| error.kind() != ErrorKind::AlreadyExists);
    ensure!(others.is_none(), "another one failed otherwise: {others:?}");
    ensure_eq!(store.list_indexes().await?.len(), 1, "indexes");
    let dropped = at_once(6, |_| {
        let store = Arc::clone(&store);
        async move { store.delete_index("docs").await }
    })
    .await?;
    ensure_eq!(dropped.iter().filter(|dropped| dropped.is_ok()).count(), 1, "those that dropped it");
    let others = dropped.iter().filter_map(|dropped| dropped.as_ref().err()).find(|error| error.kind() != ErrorKind::NotFound);
    ensure!(others.is_none(), "another one failed otherwise: {others:?}");
    Ok(())
}

/// Many readers beside one writer: every answer is lawful, and no point is seen twice.
pub async fn readers_are_not_disturbed(store: Arc<dyn VectorStore>) -> Outcome {
    let scope = index(&*store, "docs", 2).await?;
    let points: Vec<NewPoint> = (0..100).map(|n| point(format!("p{n}"), [n as f32 + 1.0, 5.0], json!({ "n": n }))).collect();
    put(&*store, &scope, &points).await?;
    let results = at_once(9, |worker| {
        let (store, scope, points) = (Arc::clone(&store), scope.clone(), points.clone());
        async move {
            for round in 0..8 {
                if worker == 0 {
                    put(&*store, &scope, points.get(round * 10..round * 10 + 10).unwrap_or_default()).await?;
                } else {
                    let query = VectorQuery::vector([1.0, 0.0]).top_k(100).filter(Filter::gte("n", 10)?);
                    let answer = store.query(&scope, &query).await?;
                    super::fixture::lawful(&answer, &query)?;
                    ensure_eq!(answer.hits.len(), 90, "hits beside a writer");
                    ensure_eq!(store.get(&scope, &named(&["p1", "p99"]), Include::ALL).await?.len(), 2, "points beside a writer");
                    if store.capabilities().search.scroll {
                        ensure_eq!(store.scroll(&scope, &ScrollQuery::new()).await?.items.len(), 100, "a page beside a writer");
                    }
                }
            }
            Outcome::Ok(())
        }
    })
    .await?;
    results.into_iter().collect::<Outcome<Vec<()>>>()?;
    Ok(())
}
