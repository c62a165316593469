//! Swapping, deleting, and what many calls come to.

use super::{
    fixture::{found, index, point, point_ids, put, same_json, same_vector},
    model::Model,
};
use crate::{
    differential::{Operator, documents, filter as drawn},
    failure::{Outcome, ensure, ensure_eq, not_claimed, refused},
    random::Random,
};
use mastra_core::{
    ErrorKind, Filter,
    capabilities::DataCapabilities,
    vector::{
        Include, NewPoint, PointCountQuery, PointSelector, PointUpdate, PointUpsertOptions, Scope, VectorCapabilities,
        VectorQuery, VectorStore,
    },
};
use serde_json::{Value, json};

/// The points of a document are swapped in one step: those that match and are not written again go, others stay.
pub async fn replace_where_swaps_all_that_match(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let piece = |id: &str, doc: &str| point(id, [1.0, 0.0], json!({ "doc": doc })).text(id);
    put(
        store,
        &scope,
        &[piece("a0", "a"), piece("a1", "a"), piece("a2", "a"), piece("b0", "b"), NewPoint::new("bare", [1.0, 0.0])],
    )
    .await?;
    if !store.capabilities().write.replace_where {
        return not_claimed("write.replaceWhere");
    }
    let of = |doc: &str| Ok::<_, mastra_core::Error>(PointUpsertOptions::new().replace_where(Filter::eq("doc", doc)?));
    let near = VectorQuery::vector([1.0, 0.0]).top_k(20);

    let report =
        store.upsert(&scope, &[piece("a1", "a").metadata(json!({ "doc": "a", "v": 2 })), piece("a3", "a")], &of("a")?).await?;
    ensure_eq!(report.ids, ["a1", "a3"], "the ids of the report");
    ensure_eq!(report.removed.unwrap_or(2), 2, "points that were removed");
    ensure_eq!(found(store, &scope, &near).await?, ["a1", "a3", "b0", "bare"], "after the swap");
    let swapped = super::fixture::there(store, &scope, "a1").await?;
    ensure_eq!(swapped.metadata, Some(json!({ "doc": "a", "v": 2 })), "the metadata of a point that is written again");

    // A point that the filter does not match can be written by the swap, and takes the place of the one of its id.
    let report = store.upsert(&scope, &[piece("b0", "a")], &of("a")?).await?;
    ensure_eq!(report.removed.unwrap_or(2), 2, "points removed by the second swap");
    ensure_eq!(found(store, &scope, &near).await?, ["b0", "bare"], "after the second swap");

    // A document without pieces is one whose pieces are removed.
    let report = store.upsert(&scope, &[], &of("a")?).await?;
    ensure_eq!(report.removed.unwrap_or(1), 1, "points removed for no others");
    ensure_eq!(found(store, &scope, &near).await?, ["bare"], "after removing all pieces");
    let report = store.upsert(&scope, &[piece("c", "c")], &of("absent")?).await?;
    ensure_eq!(report.removed.unwrap_or(0), 0, "points removed where none match");
    let report = store.upsert(&scope, &[NewPoint::without_id([1.0, 0.0]).metadata(json!({ "doc": "c" }))], &of("c")?).await?;
    let mut expected = vec!["bare".to_owned()];
    expected.extend(report.ids);
    expected.sort();
    let mut ids = found(store, &scope, &near).await?;
    ids.sort();
    ensure_eq!(ids, expected, "after a swap for a point without an id");
    Ok(())
}

/// A swap that takes everything has to be asked for otherwise; a refused one changes nothing.
pub async fn a_refused_swap_changes_nothing(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let points = [point("a", [1.0, 0.0], json!({ "doc": "a" })), point("b", [1.0, 0.0], json!({ "doc": "b" }))];
    put(store, &scope, &points).await?;
    if !store.capabilities().write.replace_where {
        return not_claimed("write.replaceWhere");
    }
    let swap = async |points: &[NewPoint], filter: Filter| {
        store.upsert(&scope, points, &PointUpsertOptions::new().replace_where(filter)).await
    };
    refused(swap(&[NewPoint::new("c", [1.0, 0.0])], Filter::all()).await, ErrorKind::InvalidInput)?;
    refused(swap(&[], Filter::from_json(&json!({}))?).await, ErrorKind::InvalidInput)?;
    refused(swap(&[NewPoint::new("c", [1.0])], Filter::eq("doc", "a")?).await, ErrorKind::InvalidInput)?;
    refused(
        swap(&[NewPoint::new("c", [1.0, 0.0]), NewPoint::new("c", [1.0, 0.0])], Filter::eq("doc", "a")?).await,
        ErrorKind::InvalidInput,
    )?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["a", "b"], "the points");
    Ok(())
}

/// Deleting by a filter takes what matches; everything has to be asked for by name.
pub async fn points_are_deleted_by_a_filter(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let points: Vec<NewPoint> =
        (0..10).map(|n| point(format!("p{n}"), [1.0, 0.0], json!({ "n": n, "even": n % 2 == 0 }))).collect();
    put(store, &scope, &points).await?;
    let near = VectorQuery::vector([1.0, 0.0]).top_k(20);
    for empty in [json!({}), json!({ "$and": [] }), json!({ "$and": [{}] }), Value::Null] {
        let selector = PointSelector::Filter(Filter::from_json(&empty)?);
        let error = store.delete(&scope, &selector).await.err();
        let expected = if store.capabilities().write.delete_by_filter { ErrorKind::InvalidInput } else { ErrorKind::Unsupported };
        ensure_eq!(error.map(|error| error.kind()), Some(expected), "deleting by the empty filter {empty}");
    }
    ensure_eq!(found(store, &scope, &near).await?.len(), 10, "points after refusals");
    if !store.capabilities().write.delete_by_filter {
        return not_claimed("write.deleteByFilter");
    }
    let delete = async |filter: Filter| store.delete(&scope, &PointSelector::Filter(filter)).await;
    ensure_eq!(delete(Filter::eq("even", true)?).await?, 5, "deleted");
    ensure_eq!(found(store, &scope, &near).await?, ["p1", "p3", "p5", "p7", "p9"], "the rest");
    ensure_eq!(delete(Filter::eq("even", true)?).await?, 0, "deleted again");
    ensure_eq!(delete(Filter::from_json(&json!({ "$or": [] }))?).await?, 0, "deleted by a filter that matches nothing");
    ensure_eq!(delete(Filter::from_json(&json!({ "n": { "$not": { "$gt": 4 } } }))?).await?, 2, "deleted by a negation");
    ensure_eq!(found(store, &scope, &near).await?, ["p5", "p7", "p9"], "the rest of the rest");
    Ok(())
}

/// Emptying a namespace is a call of its own, and tells how much there was.
pub async fn everything_is_deleted_on_request(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    ensure_eq!(store.delete_all(&scope).await?, 0, "deleted where nothing is");
    let points: Vec<NewPoint> = (0..300).map(|n| point(format!("p{n}"), [1.0, 0.0], json!({ "n": n })).text("word")).collect();
    put(store, &scope, &points).await?;
    ensure_eq!(store.delete_all(&scope).await?, 300, "deleted");
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?.len(), 0, "points that are left");
    ensure_eq!(store.count(&scope, &PointCountQuery::new()).await?.value, 0, "points that are counted");
    put(store, &scope, &[NewPoint::new("p1", [1.0, 0.0])]).await?;
    let again = super::fixture::there(store, &scope, "p1").await?;
    ensure_eq!((again.metadata, again.text), (Some(json!({})), None), "a point that is written anew");
    refused(store.delete_all(&Scope::index("absent")).await, ErrorKind::NotFound)?;
    Ok(())
}

/// What a store can keep in metadata, in the words of the generator.
pub(crate) fn keeps(can: &VectorCapabilities) -> DataCapabilities {
    DataCapabilities { nul_characters: can.data.nul_characters, unbounded_numbers: can.data.exact_numbers }
}

/// Calls drawn by chance end like the same calls on a map: reports, points and answers.
pub async fn calls_end_like_the_model(store: &dyn VectorStore) -> Outcome {
    const IDS: usize = 24;
    let can = *store.capabilities();
    let mut random = Random::seeded("calls");
    let spec = super::fixture::spec(store, "docs", 3);
    let scope = super::fixture::made(store, &spec).await?;
    let mut model = Model::new(&spec);
    let everyone: Vec<String> = (0..IDS).map(|n| format!("p{n}")).collect();
    let data = documents(&mut random, 60, keeps(&can));
    for step in 0..150 {
        let metadata = random.pick(&data).cloned().unwrap_or_default();
        let kind = *random.pick(&Operator::ALL).unwrap_or(&Operator::Eq);
        let present: Vec<Value> = model.points.values().map(|kept| kept.metadata.clone()).collect();
        let filter = Filter::from_json(&drawn(&mut random, kind, if present.is_empty() { &data } else { &present }))?;
        let by_filter = !filter.is_trivially_true() && random.one_in(2);
        let ids: Vec<String> = (0..random.within(1..4)).map(|_| format!("p{}", random.below(IDS))).collect();
        let selector = |allowed: bool| {
            if by_filter && allowed { PointSelector::Filter(filter.clone()) } else { PointSelector::Ids(ids.clone()) }
        };
        let vector = [random.within(1..9) as f32, random.below(9) as f32, 1.0];
        let what;
        match random.below(8) {
            0..4 => {
                let mut batch: Vec<NewPoint> = Vec::new();
                for n in 0..random.within(1..6) {
                    let id = format!("p{}", random.below(IDS));
                    if batch.iter().any(|point| point.id.as_ref() == Some(&id)) {
                        continue;
                    }
                    let new = point(id, [vector[0] + n as f32, vector[1], 1.0], random.pick(&data).cloned().unwrap_or_default());
                    batch.push(if random.one_in(2) { new.text(format!("text {n}")) } else { new });
                }
                let swap = by_filter && can.write.replace_where && random.one_in(3);
                let mut options = PointUpsertOptions::new();
                options.replace_where = swap.then(|| filter.clone());
                what = format!("step {step}, upsert replacing {:?}", options.replace_where);
                let report = store.upsert(&scope, &batch, &options).await?;
                let removed = model.upsert(&batch, options.replace_where.as_ref());
                ensure_eq!(report.removed.unwrap_or(removed), removed, "removed by {what}");
            }
            4 | 5 => {
                let selector = selector(can.write.update_by_filter);
                let mut update = PointUpdate::new();
                if random.one_in(2) {
                    update = update.vector(vector);
                }
                update = match random.below(3) {
                    0 => update.merge(metadata),
                    1 => update.replace(metadata),
                    _ => update.text(random.one_in(2).then(|| "changed".to_owned())),
                };
                what = format!("step {step}, update of {selector:?}");
                ensure_eq!(
                    store.update(&scope, &selector, &update).await?,
                    model.update(&selector, &update),
                    "changed by {what}"
                );
            }
            6 => {
                let selector = selector(can.write.delete_by_filter);
                what = format!("step {step}, delete of {selector:?}");
                ensure_eq!(store.delete(&scope, &selector).await?, model.delete(&selector), "deleted by {what}");
            }
            _ => {
                what = format!("step {step}, count of {filter:?}");
                let counted = store.count(&scope, &PointCountQuery::new().filter(filter.clone())).await?;
                ensure_eq!(counted.value, model.matching(&filter).len() as u64, "counted by {what}");
            }
        }
        let points = store.get(&scope, &everyone, Include::ALL).await?;
        let mut found = point_ids(&points);
        found.sort();
        ensure_eq!(found, model.points.keys().cloned().collect::<Vec<_>>(), "the points after {what}");
        for point in &points {
            let Some(kept) = model.points.get(&point.id) else { continue };
            let same = same_json(point.metadata.as_ref(), &kept.metadata);
            ensure!(same, "after {what} the metadata of {} is {:?} and has to be {}", point.id, point.metadata, kept.metadata);
            ensure_eq!(point.text, kept.text, "the text of {} after {what}", point.id);
            same_vector(&can, &spec, point.vector.as_ref(), &kept.vector).map_err(|error| error.about(&what))?;
        }
        if step % 5 == 0 {
            let query = VectorQuery::vector(vector).top_k(IDS).filter(filter);
            let answer = super::fixture::ask(store, &scope, &query).await?;
            let hits: Vec<_> = answer.hits.iter().map(|hit| (hit.id.as_str(), hit.score)).collect();
            let ranked = model.ranked(&query);
            super::scores::agrees(&hits, &ranked, ranked.len()).map_err(|error| error.about(what))?;
        }
    }
    Ok(())
}
