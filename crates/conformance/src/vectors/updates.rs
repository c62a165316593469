//! Changing points that are there.

use super::fixture::{found, index, named, point, put, same_vector, there};
use crate::failure::{Outcome, ensure_eq, not_claimed, refused};
use mastra_core::{
    ErrorKind, Filter,
    vector::{Include, PointSelector, PointUpdate, Provenance, Scope, VectorQuery, VectorStore},
};
use serde_json::{Value, json};

/// An index of three points.
async fn three(store: &dyn VectorStore) -> Outcome<Scope> {
    let scope = index(store, "docs", 2).await?;
    let points = [
        point("a", [1.0, 0.0], json!({ "n": 1, "deep": { "x": 1, "y": 1 }, "kept": true })).text("first text"),
        point("b", [0.0, 1.0], json!({ "n": 2, "kept": true })).text("second text"),
        point("c", [0.0, -1.0], json!({ "n": 3, "kept": true })),
    ];
    put(store, &scope, &points).await?;
    Ok(scope)
}

/// What stands there of a point.
async fn is(store: &dyn VectorStore, scope: &Scope, id: &str, vector: [f32; 2], metadata: Value, text: Option<&str>) -> Outcome {
    let point = there(store, scope, id).await?;
    let spec = store.get_index(&scope.index).await?;
    same_vector(store.capabilities(), &spec, point.vector.as_ref(), &vector).map_err(|error| error.about(id))?;
    ensure_eq!(point.metadata, Some(metadata), "the metadata of {id}");
    ensure_eq!(point.text.as_deref(), text, "the text of {id}");
    Ok(())
}

/// Another vector moves a point and touches neither its metadata nor its text.
pub async fn another_vector_leaves_metadata_alone(store: &dyn VectorStore) -> Outcome {
    let scope = three(store).await?;
    let moved = PointUpdate::new().vector([0.0, 2.0]);
    ensure_eq!(store.update(&scope, &PointSelector::id("a"), &moved).await?, 1, "changed");
    is(store, &scope, "a", [0.0, 2.0], json!({ "n": 1, "deep": { "x": 1, "y": 1 }, "kept": true }), Some("first text")).await?;
    is(store, &scope, "b", [0.0, 1.0], json!({ "n": 2, "kept": true }), Some("second text")).await?;
    let near = VectorQuery::vector([0.0, 1.0]).min_score(0.5);
    let mut ids = found(store, &scope, &near).await?;
    ids.sort();
    ensure_eq!(ids, ["a", "b"], "found where it lies now");
    let filtered = VectorQuery::vector([0.0, 1.0]).filter(Filter::eq("deep.x", 1)?);
    ensure_eq!(found(store, &scope, &filtered).await?, ["a"], "found by its metadata");
    Ok(())
}

/// Metadata is merged by top-level keys or replaced; vector and text stay.
pub async fn metadata_leaves_the_vector_alone(store: &dyn VectorStore) -> Outcome {
    let scope = three(store).await?;
    let merged = PointUpdate::new().merge(json!({ "deep": { "z": 2 }, "new": [1], "n": null }));
    ensure_eq!(store.update(&scope, &PointSelector::id("a"), &merged).await?, 1, "merged");
    let expected = json!({ "n": null, "deep": { "z": 2 }, "kept": true, "new": [1] });
    is(store, &scope, "a", [1.0, 0.0], expected, Some("first text")).await?;
    let replaced = PointUpdate::new().replace(json!({ "only": "this" }));
    ensure_eq!(store.update(&scope, &PointSelector::id("b"), &replaced).await?, 1, "replaced");
    is(store, &scope, "b", [0.0, 1.0], json!({ "only": "this" }), Some("second text")).await?;
    let nothing = PointUpdate::new().merge(json!({}));
    store.update(&scope, &PointSelector::id("c"), &nothing).await?;
    is(store, &scope, "c", [0.0, -1.0], json!({ "n": 3, "kept": true }), None).await?;
    let emptied = PointUpdate::new().replace(json!({}));
    store.update(&scope, &PointSelector::id("c"), &emptied).await?;
    is(store, &scope, "c", [0.0, -1.0], json!({}), None).await?;
    let near = VectorQuery::vector([0.0, 1.0]);
    let by = async |filter: Filter| found(store, &scope, &near.clone().filter(filter)).await;
    ensure_eq!(by(Filter::eq("only", "this")?).await?, ["b"], "found by new metadata");
    ensure_eq!(by(Filter::eq("kept", true)?).await?, ["a"], "found by metadata that was kept");
    ensure_eq!(by(Filter::exists("deep.x")?).await?.len(), 0, "found by metadata that is gone");
    Ok(())
}

/// A text is changed, and taken away, alone.
pub async fn texts_are_changed_alone(store: &dyn VectorStore) -> Outcome {
    let scope = three(store).await?;
    store.update(&scope, &PointSelector::id("a"), &PointUpdate::new().text(Some("other".into()))).await?;
    is(store, &scope, "a", [1.0, 0.0], json!({ "n": 1, "deep": { "x": 1, "y": 1 }, "kept": true }), Some("other")).await?;
    store.update(&scope, &PointSelector::id("b"), &PointUpdate::new().text(None)).await?;
    is(store, &scope, "b", [0.0, 1.0], json!({ "n": 2, "kept": true }), None).await?;
    store.update(&scope, &PointSelector::id("c"), &PointUpdate::new().text(Some(String::new()))).await?;
    is(store, &scope, "c", [0.0, -1.0], json!({ "n": 3, "kept": true }), Some("")).await
}

/// Everything at once, of several points, by ids: the number tells those that were there, each once.
pub async fn several_points_are_changed_at_once(store: &dyn VectorStore) -> Outcome {
    let scope = three(store).await?;
    let update = PointUpdate::new().vector([3.0, 3.0]).merge(json!({ "n": 9 })).text(Some("same".into()));
    let selector = PointSelector::ids(["a", "absent", "c", "a"]);
    ensure_eq!(store.update(&scope, &selector, &update).await?, 2, "changed");
    is(store, &scope, "a", [3.0, 3.0], json!({ "n": 9, "deep": { "x": 1, "y": 1 }, "kept": true }), Some("same")).await?;
    is(store, &scope, "b", [0.0, 1.0], json!({ "n": 2, "kept": true }), Some("second text")).await?;
    is(store, &scope, "c", [3.0, 3.0], json!({ "n": 9, "kept": true }), Some("same")).await?;
    ensure_eq!(store.update(&scope, &PointSelector::id("absent"), &update).await?, 0, "changed where nothing is");
    ensure_eq!(store.get(&scope, &named(&["absent"]), Include::ID).await?.len(), 0, "points that an update made");
    ensure_eq!(store.update(&scope, &PointSelector::ids::<String>([]), &update).await?, 0, "changed by no id");
    Ok(())
}

/// By a filter as by ids, also where the change makes the filter match no more.
pub async fn points_are_changed_by_a_filter(store: &dyn VectorStore) -> Outcome {
    let scope = three(store).await?;
    if !store.capabilities().write.update_by_filter {
        return not_claimed("write.updateByFilter");
    }
    let selector = PointSelector::Filter(Filter::lte("n", 2)?);
    let update = PointUpdate::new().vector([5.0, 1.0]).merge(json!({ "n": 10 }));
    ensure_eq!(store.update(&scope, &selector, &update).await?, 2, "changed");
    is(store, &scope, "a", [5.0, 1.0], json!({ "n": 10, "deep": { "x": 1, "y": 1 }, "kept": true }), Some("first text")).await?;
    is(store, &scope, "b", [5.0, 1.0], json!({ "n": 10, "kept": true }), Some("second text")).await?;
    is(store, &scope, "c", [0.0, -1.0], json!({ "n": 3, "kept": true }), None).await?;
    ensure_eq!(store.update(&scope, &selector, &update).await?, 0, "changed where nothing matches");
    for empty in [Filter::all(), Filter::from_json(&json!({ "$and": [{}] }))?] {
        refused(store.update(&scope, &PointSelector::Filter(empty), &update).await, ErrorKind::InvalidInput)?;
    }
    is(store, &scope, "c", [0.0, -1.0], json!({ "n": 3, "kept": true }), None).await
}

/// What an upsert refuses, an update refuses too.
pub async fn changes_that_do_not_fit_are_refused(store: &dyn VectorStore) -> Outcome {
    let spec = super::fixture::spec(store, "docs", 2).provenance(Provenance::new("local/small"));
    let scope = super::fixture::made(store, &spec).await?;
    put(store, &scope, &[point("a", [1.0, 0.0], json!({ "n": 1 })).text("text")]).await?;
    let id = PointSelector::id("a");
    for update in [
        PointUpdate::new().vector([1.0]),
        PointUpdate::new().vector([1.0, 0.0, 0.0]),
        PointUpdate::new().vector([f32::NAN, 0.0]),
        PointUpdate::new().vector([1e20, 0.0]),
        PointUpdate::new().merge(json!([1])),
        PointUpdate::new().replace(json!("text")),
        PointUpdate::new().vector([0.0, 1.0]).model("local/large"),
        PointUpdate::new().vector([0.0, 1.0]).merge(json!(null)),
    ] {
        refused(store.update(&scope, &id, &update).await, ErrorKind::InvalidInput)?;
    }
    refused(store.update(&scope, &PointSelector::id(" "), &PointUpdate::new().merge(json!({}))).await, ErrorKind::InvalidInput)?;
    let absent = Scope::index("absent");
    refused(store.update(&absent, &id, &PointUpdate::new().merge(json!({}))).await, ErrorKind::NotFound)?;
    is(store, &scope, "a", [1.0, 0.0], json!({ "n": 1 }), Some("text")).await?;
    store.update(&scope, &id, &PointUpdate::new().vector([0.0, 1.0]).model("local/small")).await?;
    is(store, &scope, "a", [0.0, 1.0], json!({ "n": 1 }), Some("text")).await
}
