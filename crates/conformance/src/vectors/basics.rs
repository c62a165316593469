//! What every store can do: make an index, write, search, delete by ids.

use super::fixture::{ask, close, found, index, made, metrics, point, put, remove, same_vector, spec};
use crate::{
    failure::{Outcome, ensure, ensure_eq, refused},
    random::Random,
};
use mastra_core::{
    ErrorKind,
    vector::{Exactness, Include, IndexKind, NewPoint, PointUpsertOptions, Scope, Shortfall, VectorQuery, VectorStore},
};
use serde_json::json;

/// An index that was made is known by its name, empty, and as it was asked for.
pub async fn a_made_index_is_known(store: &dyn VectorStore) -> Outcome {
    let metrics = metrics(store.capabilities());
    ensure!(!metrics.is_empty(), "no metric is claimed");
    for (number, metric) in metrics.into_iter().enumerate() {
        let spec = spec(store, &format!("docs-{number}"), 3).metric(metric);
        store.create_index(&spec).await?;
        ensure_eq!(*store.get_index(&spec.name).await?, spec, "the index as it is known");
        let described = store.describe_index(&spec.name).await?;
        ensure_eq!(described.spec, spec, "the index as it is described");
        ensure_eq!(described.count, 0, "points in a fresh index");
    }
    Ok(())
}

/// Under each metric the nearest stand first.
pub async fn the_nearest_come_first(store: &dyn VectorStore) -> Outcome {
    let metrics = metrics(store.capabilities());
    ensure!(!metrics.is_empty(), "no metric is claimed");
    for metric in metrics {
        let scope = made(store, &spec(store, &format!("by-{metric}"), 2).metric(metric)).await?;
        let points =
            [point("far", [-1.0, 0.0], json!({})), point("near", [1.0, 0.0], json!({})), point("side", [0.0, 1.0], json!({}))];
        let report = put(store, &scope, &points).await?;
        ensure_eq!(report.ids, ["far", "near", "side"], "the ids of the report");
        ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["near", "side", "far"], "{metric}");
        ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0]).top_k(2)).await?, ["near", "side"], "{metric}, two");
        let other = found(store, &scope, &VectorQuery::vector([-1.0, 0.1])).await?;
        ensure_eq!(other, ["far", "side", "near"], "{metric}, from the other side");
    }
    Ok(())
}

/// A point takes the place of the one of its id: vector, metadata and text.
pub async fn an_upsert_replaces_the_whole_point(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(
        store,
        &scope,
        &[point("a", [1.0, 0.0], json!({ "n": 1, "old": true })).text("first words"), point("b", [0.0, 1.0], json!({}))],
    )
    .await?;
    put(store, &scope, &[point("a", [0.0, -1.0], json!({ "n": 2 }))]).await?;
    let everything = VectorQuery::vector([0.0, -1.0]).include(Include::ALL);
    let answer = ask(store, &scope, &everything).await?;
    ensure_eq!(super::fixture::ids(&answer), ["a", "b"], "the points");
    for hit in &answer.hits {
        let (vector, metadata) = if hit.id == "a" { ([0.0, -1.0], json!({ "n": 2 })) } else { ([0.0, 1.0], json!({})) };
        same_vector(store.capabilities(), &*store.get_index(&scope.index).await?, hit.vector.as_ref(), &vector)?;
        ensure_eq!(hit.metadata, Some(metadata), "the metadata of {}", hit.id);
        ensure_eq!(hit.text, None, "the text of {}", hit.id);
    }
    ensure_eq!(store.describe_index(&scope.index).await?.count, 2, "points");
    Ok(())
}

/// Points without an id are given one each, by which they are found and deleted.
pub async fn ids_are_made_where_none_is_given(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let points = [NewPoint::without_id([1.0, 0.0]), point("mine", [0.0, 1.0], json!({})), NewPoint::without_id([1.0, 0.0])];
    let made = put(store, &scope, &points).await?.ids;
    ensure_eq!(made.len(), 3, "ids of the report");
    let (Some(first), Some(third)) = (made.first(), made.get(2)) else { return Ok(()) };
    ensure!(first != third && !first.is_empty() && first != "mine", "the made ids are {made:?}");
    ensure_eq!(made.get(1).map(String::as_str), Some("mine"), "the given id");
    let mut ids = found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?;
    ids.sort();
    let mut expected = made.clone();
    expected.sort();
    ensure_eq!(ids, expected, "the points");
    put(store, &scope, &[NewPoint::without_id([1.0, 0.0])]).await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?.len(), 4, "points after one more");
    ensure_eq!(remove(store, &scope, &[first]).await?, 1, "deleted by a made id");
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?.len(), 3, "points after deleting one");
    Ok(())
}

/// An id is what the caller says: not a number, not a UUID, not code, and not folded.
pub async fn ids_are_data(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let hostile = [
        "1",
        "01",
        "A",
        "a",
        " a ",
        "é",
        "e\u{301}",
        "🦀",
        "x'; DROP TABLE points; --",
        "\"quoted\"",
        "a\\b",
        "a/b?c=d#e",
        "%_*",
        "line\nbreak",
        "{\"json\": true}",
        "00000000-0000-0000-0000-000000000000",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
        "null",
        "-1",
    ];
    let long = "l".repeat(1_024);
    let ids: Vec<&str> = hostile.into_iter().chain([long.as_str()]).collect();
    let points: Vec<NewPoint> = ids.iter().map(|id| NewPoint::new(*id, [1.0, 0.5])).collect();
    put(store, &scope, &points).await?;
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    // All score the same: their order is that of code points.
    let query = VectorQuery::vector([1.0, 0.0]).top_k(50);
    ensure_eq!(found(store, &scope, &query).await?, sorted, "the ids");
    for id in &ids {
        ensure_eq!(remove(store, &scope, &[id]).await?, 1, "deleted by the id {id:?}");
        sorted.retain(|kept| kept != id);
        ensure_eq!(found(store, &scope, &query).await?, sorted, "the ids after deleting {id:?}");
    }
    Ok(())
}

/// A deleted point is gone; deleting counts what was there, and each point once.
pub async fn deleted_points_are_found_no_more(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &["a", "b", "c"].map(|id| NewPoint::new(id, [1.0, 0.0]))).await?;
    ensure_eq!(remove(store, &scope, &["a", "absent", "a"]).await?, 1, "deleted");
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["b", "c"], "the rest");
    ensure_eq!(remove(store, &scope, &["a"]).await?, 0, "deleted again");
    ensure_eq!(remove(store, &scope, &[]).await?, 0, "deleted by no id");
    put(store, &scope, &[NewPoint::new("a", [1.0, 0.0])]).await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["a", "b", "c"], "after writing it again");
    ensure_eq!(store.describe_index(&scope.index).await?.count, 3, "points that are counted");
    Ok(())
}

/// Every operation on an index that is not there is `NotFound`, and makes none.
pub async fn an_absent_index_is_not_found(store: &dyn VectorStore) -> Outcome {
    let absent = Scope::index("absent");
    let gone = ErrorKind::NotFound;
    refused(store.get_index("absent").await, gone)?;
    refused(store.describe_index("absent").await, gone)?;
    refused(put(store, &absent, &[NewPoint::new("a", [1.0])]).await, gone)?;
    refused(put(store, &absent, &[]).await, gone)?;
    refused(store.query(&absent, &VectorQuery::vector([1.0])).await, gone)?;
    refused(remove(store, &absent, &["a"]).await, gone)?;
    let error = refused(store.query(&absent, &VectorQuery::vector([1.0])).await, gone)?;
    ensure_eq!(error.get("index"), Some("absent"), "the index that the error names");
    ensure_eq!(error.operation(), Some("query"), "the operation that the error names");
    refused(store.get_index("absent").await, gone)?;
    Ok(())
}

/// An index without points answers with nothing, and an empty batch changes nothing.
pub async fn an_empty_index_answers(store: &dyn VectorStore) -> Outcome {
    let spec = spec(store, "docs", 2);
    let scope = made(store, &spec).await?;
    let report = put(store, &scope, &[]).await?;
    ensure!(report.ids.is_empty(), "ids of an empty batch: {:?}", report.ids);
    let answer = ask(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?;
    ensure_eq!(answer.hits.len(), 0, "hits in an empty index");
    if spec.kind == IndexKind::Flat {
        ensure_eq!(answer.exactness, Exactness::Exact, "an index that looks at every point");
        ensure_eq!(answer.shortfall, Some(Shortfall::NoMoreRows), "why there are no hits");
    }
    Ok(())
}

/// A batch is more than one request holds, and is written whole.
pub async fn large_batches_are_written_whole(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 16).await?;
    let mut random = Random::new(7);
    let numbers = |random: &mut Random| -> Vec<f32> { (0..16).map(|_| random.within(1..100) as f32).collect() };
    let points: Vec<NewPoint> =
        (0..2_500).map(|n| point(format!("p{n}"), numbers(&mut random), json!({ "n": n })).text(format!("text {n}"))).collect();
    let report = store.upsert(&scope, &points, &PointUpsertOptions::new()).await?;
    ensure_eq!(report.ids.len(), points.len(), "ids of the report");
    ensure_eq!(store.describe_index(&scope.index).await?.count, 2_500, "points");
    for at in [0, 1_234, 2_499] {
        let Some(point) = points.get(at) else { continue };
        let answer = ask(store, &scope, &VectorQuery::vector(point.vector.clone()).top_k(3)).await?;
        let hit = answer.hits.iter().find(|hit| Some(&hit.id) == point.id.as_ref());
        ensure_eq!(hit.and_then(|hit| hit.metadata.clone()), Some(json!({ "n": at })), "the metadata of point {at}");
    }
    let ids: Vec<String> = report.ids.iter().take(2_000).cloned().collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    ensure_eq!(remove(store, &scope, &ids).await?, 2_000, "deleted in one call");
    ensure_eq!(store.describe_index(&scope.index).await?.count, 500, "points that are left");
    Ok(())
}

/// A hit carries what was asked for and nothing else.
pub async fn parts_of_hits_are_read_on_request(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("a", [0.5, 0.25], json!({ "deep": [{ "n": 1.5 }, null] })).text("some words")]).await?;
    let spec = store.get_index(&scope.index).await?;
    for number in 0..8 {
        let include = Include { vector: number & 1 > 0, metadata: number & 2 > 0, text: number & 4 > 0 };
        let answer = ask(store, &scope, &VectorQuery::vector([1.0, 0.0]).include(include)).await?;
        let Some(hit) = answer.hits.first() else { return Err(crate::Failure::new("nothing was found")) };
        ensure_eq!(hit.text.as_deref(), include.text.then_some("some words"), "the text for {include:?}");
        ensure_eq!(hit.metadata, include.metadata.then(|| json!({ "deep": [{ "n": 1.5 }, null] })), "metadata for {include:?}");
        if include.vector {
            same_vector(store.capabilities(), &spec, hit.vector.as_ref(), &[0.5, 0.25])?;
        }
    }
    Ok(())
}

/// A batch of queries answers each as it would be answered alone.
pub async fn a_batch_of_queries_is_each_of_them(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let points: Vec<NewPoint> =
        (0_u8..20).map(|n| point(format!("p{n:02}"), [f32::from(n) + 1.0, 5.0], json!({ "n": n }))).collect();
    put(store, &scope, &points).await?;
    ensure_eq!(store.query_batch(&scope, &[]).await?.len(), 0, "answers to no query");
    let queries = [
        VectorQuery::vector([1.0, 0.0]),
        VectorQuery::vector([0.0, 1.0]).top_k(3),
        VectorQuery::vector([1.0, 1.0]).top_k(50).include(Include::ALL),
        VectorQuery::vector([1.0, 0.0]).include(Include::ID),
        VectorQuery::vector([3.0, 1.0]).min_score(0.9),
    ];
    let answers = store.query_batch(&scope, &queries).await?;
    ensure_eq!(answers.len(), queries.len(), "answers");
    for (query, answer) in queries.iter().zip(&answers) {
        let alone = ask(store, &scope, query).await?;
        ensure_eq!(super::fixture::ids(answer), super::fixture::ids(&alone), "the hits of {query:?}");
        for (one, other) in answer.hits.iter().zip(&alone.hits) {
            ensure!(close(one.score, other.score), "the score of {} is {} and {}", one.id, one.score, other.score);
            ensure_eq!(one.metadata, other.metadata, "the metadata of {}", one.id);
            ensure_eq!(one.vector, other.vector, "the vector of {}", one.id);
        }
        ensure_eq!(answer.shortfall, alone.shortfall, "why {query:?} is short");
    }
    refused(
        store.query_batch(&scope, &[VectorQuery::vector([1.0, 0.0]), VectorQuery::vector([1.0])]).await,
        ErrorKind::InvalidInput,
    )?;
    Ok(())
}
