//! Claims are checked both ways: what is claimed works, what is not is refused as `Unsupported`.

use super::fixture::{ids, made, named, point, put, same_vector, spec, there};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, not_claimed, refused};
use mastra_core::{
    ErrorKind, Filter, Result,
    vector::{
        Element, Exactness, Include, IndexKind, IndexSpec, Metric, NewPoint, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, Scope, ScrollQuery, VectorQuery, VectorStore,
    },
};
use serde_json::{Value, json};
use std::fmt::Debug;

#[track_caller]
fn held<T: Debug>(claimed: bool, result: Result<T>, what: &str) -> Outcome<Option<T>> {
    if claimed {
        return result.map(Some).map_err(|error| Failure::from(error).about(format!("{what} is claimed")));
    }
    refused(result, ErrorKind::Unsupported).map_err(|failure| failure.about(format!("{what} is not claimed")))?;
    Ok(None)
}

/// The metadata that every filter of the claims matches, and that of its opposite.
fn two() -> [NewPoint; 2] {
    let yes = json!({ "a": [1, "x"], "b": { "c": 5 }, "t": "word" });
    [point("yes", [1.0, 0.0], yes).text("word"), point("no", [1.0, 0.0], json!({ "z": 0, "t": "word" })).text("word")]
}

/// Every operator that is claimed answers, in queries, counts, walks, changes, deletes and swaps; every other is refused in all of them.
pub async fn filter_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let scope = made(store, &spec(store, "docs", 2)).await?;
    put(store, &scope, &two()).await?;
    let can = *store.capabilities();
    let filters = can.filter;
    for (claimed, filter) in [
        (filters.eq, json!({ "a": 1 })),
        (filters.is_in, json!({ "a": { "$in": [1, 2] } })),
        (filters.all, json!({ "a": { "$all": [1, "x"] } })),
        (filters.range, json!({ "b.c": { "$gt": 4 } })),
        (filters.size, json!({ "a": { "$size": 2 } })),
        (filters.exists, json!({ "a": { "$exists": true } })),
        (filters.regex, json!({ "a": { "$regex": "^x$" } })),
        (filters.contains, json!({ "a": { "$contains": "X" } })),
        (filters.elem_match && filters.eq, json!({ "a": { "$elemMatch": { "$eq": "x" } } })),
        (filters.not && filters.eq, json!({ "$not": { "z": 0 } })),
        (filters.or && filters.eq, json!({ "$or": [{ "a": 7 }, { "a": "x" }] })),
    ] {
        let what = filter.to_string();
        let filter = Filter::from_json(&filter)?;
        let near = VectorQuery::vector([1.0, 0.0]).filter(filter.clone());
        if let Some(answer) = held(claimed, store.query(&scope, &near).await, &what)? {
            ensure_eq!(ids(&answer), ["yes"], "found by {what}");
        }
        let batch = store.query_batch(&scope, &[VectorQuery::vector([1.0, 0.0]), near]).await;
        if let Some(answers) = held(claimed, batch, &what)? {
            ensure_eq!(answers.last().map(ids), Some(named(&["yes"])), "found in a batch by {what}");
        }
        if let Some(counted) = held(claimed, store.count(&scope, &PointCountQuery::new().filter(filter.clone())).await, &what)? {
            ensure_eq!(counted.value, 1, "counted by {what}");
        }
        if can.search.scroll {
            let walk = store.scroll(&scope, &ScrollQuery::new().filter(filter.clone())).await;
            if let Some(page) = held(claimed, walk, &what)? {
                ensure_eq!(super::fixture::point_ids(&page.items), ["yes"], "walked over by {what}");
            }
        }
        for (offered, query) in
            [(can.search.text, VectorQuery::text("word")), (can.search.hybrid, VectorQuery::hybrid([1.0, 0.0], "word"))]
        {
            if offered && let Some(answer) = held(claimed, store.query(&scope, &query.filter(filter.clone())).await, &what)? {
                ensure_eq!(ids(&answer), ["yes"], "found by words and {what}");
            }
        }
        let selector = PointSelector::Filter(filter.clone());
        if can.write.update_by_filter {
            let update = PointUpdate::new().merge(json!({ "seen": true }));
            if let Some(changed) = held(claimed, store.update(&scope, &selector, &update).await, &what)? {
                ensure_eq!(changed, 1, "changed by {what}");
            }
        }
        if can.write.delete_by_filter
            && let Some(deleted) = held(claimed, store.delete(&scope, &selector).await, &what)?
        {
            ensure_eq!(deleted, 1, "deleted by {what}");
            put(store, &scope, &two()).await?;
        }
        if can.write.replace_where {
            let options = PointUpsertOptions::new().replace_where(filter);
            let [_, no] = two();
            if let Some(report) = held(claimed, store.upsert(&scope, &[no], &options).await, &what)? {
                ensure_eq!(report.removed.unwrap_or(1), 1, "swapped by {what}");
                put(store, &scope, &two()).await?;
            }
        }
        ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 2, "points after {what}");
    }
    Ok(())
}

/// Every way of searching that is claimed works, and every other is refused.
pub async fn search_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities().search;
    let scope = made(store, &spec(store, "docs", 2)).await?;
    put(store, &scope, &two()).await?;
    let both = ["no", "yes"];
    if let Some(answer) = held(can.text, store.query(&scope, &VectorQuery::text("word")).await, "search by words")? {
        ensure_eq!(ids(&answer), both, "found by words");
    }
    if let Some(answer) = held(can.hybrid, store.query(&scope, &VectorQuery::hybrid([1.0, 0.0], "word")).await, "hybrid search")?
    {
        ensure_eq!(ids(&answer), both, "found by both");
    }
    let exact = VectorQuery::vector([1.0, 0.0]).exact(true);
    if let Some(answer) = held(can.exact, store.query(&scope, &exact).await, "exact search")? {
        ensure_eq!(answer.exactness, Exactness::Exact, "a search that was asked to be exact");
        ensure_eq!(ids(&answer), both, "found exactly");
    }
    if let Some(page) = held(can.scroll, store.scroll(&scope, &ScrollQuery::new()).await, "scroll")? {
        ensure_eq!(page.items.len(), 2, "walked over");
    }
    Ok(())
}

/// Every metric, kind and element that is claimed makes an index, and every other is refused.
pub async fn index_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let can = *store.capabilities();
    let base = spec(store, "docs", 2);
    let made_or_refused = async |claimed: bool, name: &str, mut spec: IndexSpec| {
        name.clone_into(&mut spec.name);
        if held(claimed, store.create_index(&spec).await, name)?.is_some() {
            put(store, &Scope::index(name), &two()).await?;
            store.delete_index(name).await?;
        }
        Ok::<_, Failure>(())
    };
    for metric in Metric::ALL {
        made_or_refused(can.metric.offers(metric), metric.as_str(), base.clone().metric(metric)).await?;
    }
    for (name, kind) in [("flat", IndexKind::Flat), ("hnsw", IndexKind::hnsw()), ("ivfflat", IndexKind::IvfFlat { lists: 2 })] {
        made_or_refused(can.kind.offers(kind), name, base.clone().kind(kind)).await?;
    }
    made_or_refused(can.kind.f16, "f16", base.clone().element(Element::F16)).await
}

/// Every way of writing that is claimed works, and every other is refused without an effect.
pub async fn write_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    let scope = made(store, &spec(store, "docs", 2)).await?;
    let filter = Filter::eq("t", "word")?;
    if !can.filter.eq {
        return not_claimed("filter.eq");
    }
    put(store, &scope, &two()).await?;
    let selector = PointSelector::Filter(filter.clone());
    let update = PointUpdate::new().merge(json!({ "seen": true }));
    let changed = held(can.write.update_by_filter, store.update(&scope, &selector, &update).await, "update_by_filter")?;
    ensure_eq!(changed.unwrap_or(2), 2, "changed");
    let seen = there(store, &scope, "yes").await?.metadata.is_some_and(|metadata| metadata.get("seen").is_some());
    ensure_eq!(seen, can.write.update_by_filter, "whether the change is there");
    let options = PointUpsertOptions::new().replace_where(filter);
    let swapped = store.upsert(&scope, &[NewPoint::new("new", [1.0, 0.0])], &options).await;
    held(can.write.replace_where, swapped, "replace_where")?;
    let count = store.count(&scope, &PointCountQuery::new()).await?.value;
    ensure_eq!(count, if can.write.replace_where { 1 } else { 2 }, "points after the swap");
    put(store, &scope, &two()).await?;
    let before = store.count(&scope, &PointCountQuery::new()).await?.value;
    let deleted = held(can.write.delete_by_filter, store.delete(&scope, &selector).await, "delete_by_filter")?;
    ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, before - deleted.unwrap_or(0), "points that are left");
    Ok(())
}

/// Vectors, U+0000 and numbers are kept as it is claimed.
pub async fn data_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let can = *store.capabilities();
    let spec = spec(store, "docs", 2);
    let scope = made(store, &spec).await?;
    // Of no length that a store would normalise to.
    let vectors = [[3.0, 4.0], [0.1, 0.2], [1e-3, 1e3]];
    for (number, vector) in vectors.iter().enumerate() {
        let id = format!("v{number}");
        put(store, &scope, &[NewPoint::new(&id, *vector)]).await?;
        let found = there(store, &scope, &id).await?.vector;
        same_vector(&can, &spec, found.as_ref(), vector).map_err(|failure| failure.about("what is claimed of vectors"))?;
    }
    if spec.metric == Metric::Cosine && !can.data.exact_vectors {
        let read = store.get(&scope, &named(&["v0", "v1", "v2"]), Include::ALL).await?;
        let kept = read
            .iter()
            .zip(&vectors)
            .all(|(point, vector)| point.vector.as_ref().is_some_and(|found| found.as_slice() == vector));
        ensure!(!kept, "vectors come back as they were written, and that is not claimed");
    }
    let mut cases = vec![
        (can.data.nul_characters, json!({ "v": "\0" }), "U+0000 in a value"),
        (can.data.nul_characters, json!({ "v\0": 1 }), "U+0000 in a key"),
    ];
    // Numbers that serde_json itself cannot hold never reach a store.
    let huge = serde_json::from_str::<Value>("1e200000").ok().filter(|number| number.to_string().contains('e'));
    cases.extend(huge.map(|huge| (can.data.exact_numbers, json!({ "v": huge }), "a number beyond every type")));
    for (claimed, metadata, what) in cases {
        let stored = put(store, &scope, &[point("m", [1.0, 0.0], metadata.clone())]).await;
        if claimed {
            stored.map_err(|error| Failure::from(error).about(format!("{what} is claimed")))?;
            ensure_eq!(there(store, &scope, "m").await?.metadata, Some(metadata), "{what}");
        } else {
            refused(stored, ErrorKind::InvalidInput).map_err(|failure| failure.about(format!("{what} is not claimed")))?;
            let update = PointUpdate::new().merge(metadata);
            refused(store.update(&scope, &PointSelector::id("v0"), &update).await, ErrorKind::InvalidInput)?;
        }
    }
    let text = put(store, &scope, &[NewPoint::new("t", [1.0, 0.0]).text("a\0b")]).await;
    if can.data.nul_characters {
        text?;
        ensure_eq!(there(store, &scope, "t").await?.text.as_deref(), Some("a\0b"), "U+0000 in a text");
    } else {
        refused(text, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// Limits are the store's own: at the limit it works, and beyond it is refused before any I/O.
pub async fn limits_are_true(store: &dyn VectorStore) -> Outcome {
    let limits = store.capabilities().limits;
    if let Some(most) = limits.dimension.filter(|most| *most <= 100_000) {
        let spec = spec(store, "wide", most);
        let indexed = spec.kind != IndexKind::Flat && limits.indexed_dimension.is_some_and(|indexed| indexed < most);
        if !indexed {
            let scope = made(store, &spec).await?;
            put(store, &scope, &[NewPoint::new("a", vec![1.0; most])]).await?;
            ensure_eq!(ids(&store.query(&scope, &VectorQuery::vector(vec![1.0; most])).await?), ["a"], "the longest vectors");
        }
    }
    if let (Some(most), true) = (limits.indexed_dimension, store.capabilities().kind.hnsw) {
        let scope = made(store, &spec(store, "wide-graph", most).kind(IndexKind::hnsw())).await?;
        put(store, &scope, &[NewPoint::new("a", vec![1.0; most])]).await?;
        ensure_eq!(
            ids(&store.query(&scope, &VectorQuery::vector(vec![1.0; most])).await?),
            ["a"],
            "the longest vectors of a graph"
        );
    }
    if let Some(most) = limits.index_name_bytes {
        made(store, &spec(store, &"n".repeat(most), 2)).await?;
    }
    Ok(())
}

/// Namespaces are there as claimed.
pub async fn administration_claims_are_true(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities().admin;
    let scope = made(store, &spec(store, "docs", 2)).await?;
    let tenant = scope.in_namespace("tenant");
    held(can.namespaces, put(store, &tenant, &two()).await, "namespaces")?;
    let found = held(can.namespaces, store.query(&tenant, &VectorQuery::vector([1.0, 0.0])).await, "namespaces")?;
    ensure_eq!(found.map_or(2, |answer| answer.hits.len()), 2, "points of the tenant");
    held(can.namespaces, store.delete_namespace("docs", "tenant").await, "namespaces").map(drop)
}
