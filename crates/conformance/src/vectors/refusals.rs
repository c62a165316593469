//! What is refused before anything is written or asked.

use super::fixture::{found, index, made, metrics, point, put, spec};
use crate::failure::{Outcome, ensure, ensure_eq, refused};
use mastra_core::{
    ErrorKind,
    vector::{Element, Metric, NewPoint, PointSelector, PointUpsertOptions, Provenance, Scope, VectorQuery, VectorStore},
};
use serde_json::json;

const INVALID: ErrorKind = ErrorKind::InvalidInput;

/// Another dimension, what is no finite number, what has no length: refused as a point and as a question, and nothing is written.
pub async fn vectors_that_do_not_fit(store: &dyn VectorStore) -> Outcome {
    let can = store.capabilities();
    for metric in metrics(can) {
        let scope = made(store, &spec(store, &format!("by-{metric}"), 2).metric(metric)).await?;
        let mut bad = vec![
            vec![],
            vec![1.0],
            vec![1.0, 0.0, 0.0],
            vec![f32::NAN, 0.0],
            vec![0.0, f32::INFINITY],
            vec![f32::NEG_INFINITY, 1.0],
            // Squares that add up beyond 32 bits.
            vec![1e20, 0.0],
            vec![1.4e19, 1.4e19],
        ];
        if metric == Metric::Cosine {
            bad.extend([vec![0.0, 0.0], vec![-0.0, 0.0], vec![1e-20, 0.0], vec![1e-30, 1e-30]]);
        } else {
            let nowhere = [point("zero", [0.0, 0.0], json!({}))];
            put(store, &scope, &nowhere).await?;
            found(store, &scope, &VectorQuery::vector([0.0, 0.0])).await?;
            super::fixture::remove(store, &scope, &["zero"]).await?;
        }
        for vector in bad {
            let what = format!("{metric} {vector:?}");
            refused(put(store, &scope, &[NewPoint::new("a", vector.clone())]).await, INVALID)
                .map_err(|error| error.about(&what))?;
            refused(store.query(&scope, &VectorQuery::vector(vector)).await, INVALID).map_err(|error| error.about(&what))?;
        }
        ensure_eq!(store.describe_index(&scope.index).await?.count, 0, "points after refusals");
        if can.kind.f16 {
            let half = made(store, &spec(store, &format!("half-{metric}"), 2).metric(metric).element(Element::F16)).await?;
            refused(put(store, &half, &[NewPoint::new("a", [70_000.0, 1.0])]).await, INVALID)?;
            refused(store.query(&half, &VectorQuery::vector([1.0, -70_000.0])).await, INVALID)?;
            put(store, &half, &[NewPoint::new("a", [65_504.0, 1.0])]).await?;
            if metric == Metric::Cosine {
                // 16 bits round it to nothing.
                refused(put(store, &half, &[NewPoint::new("b", [1e-9, 0.0])]).await, INVALID)?;
            }
        }
    }
    Ok(())
}

/// Blank and repeated ids, names with U+0000, metadata that is no object or too deep.
pub async fn points_that_are_none(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let at = |id: &str| NewPoint::new(id, [1.0, 0.0]);
    let deep = (0..150).fold(json!(1), |inner, _| json!([inner]));
    let long = "l".repeat(1_025);
    let mut bad = vec![
        vec![at("")],
        vec![at(" \t")],
        vec![at("a\0b")],
        vec![at(&long)],
        vec![at("a"), at("b"), at("a")],
        vec![at("a").metadata(json!([1]))],
        vec![at("a").metadata(json!("text"))],
        vec![at("a").metadata(json!(null))],
        vec![at("fine"), at("a").metadata(json!({ "deep": deep }))],
    ];
    if !store.capabilities().data.nul_characters {
        bad.extend([
            vec![at("a").metadata(json!({ "k": "\0" }))],
            vec![at("a").metadata(json!({ "\0": 1 }))],
            vec![at("a").text("\0")],
        ]);
    }
    if let Some(most) = store.capabilities().limits.metadata_bytes {
        bad.push(vec![at("a").metadata(json!({ "k": "x".repeat(most) }))]);
        put(store, &scope, &[at("large").metadata(json!({ "k": "x".repeat(most - 8) }))]).await?;
        super::fixture::remove(store, &scope, &["large"]).await?;
    }
    for points in bad {
        let ids: Vec<_> = points.iter().filter_map(|point| point.id.clone()).collect();
        let error = refused(put(store, &scope, &points).await, INVALID).map_err(|error| error.about(format!("{ids:?}")))?;
        ensure!(error.get("point").is_some(), "the error does not say which point: {error}");
        ensure!(!error.to_string().contains('\0'), "the error shows what it was given: {error}");
    }
    for blank in ["", "  ", "\0"] {
        refused(store.delete(&scope, &PointSelector::id(blank)).await, INVALID)?;
    }
    for bad in ["", " ", "a\0"] {
        refused(put(store, &Scope::index(bad), &[at("a")]).await, INVALID)?;
        refused(store.query(&Scope::index(bad), &VectorQuery::vector([1.0, 0.0])).await, INVALID)?;
    }
    ensure_eq!(store.describe_index("docs").await?.count, 0, "points after refusals");
    Ok(())
}

/// `top_k` of 0 or past the limit, bounds that are no number, knobs out of range.
pub async fn queries_that_are_none(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[NewPoint::new("a", [1.0, 0.0])]).await?;
    let near = || VectorQuery::vector([1.0, 0.0]);
    let mut bad = vec![
        near().top_k(0),
        near().min_score(f64::NAN),
        near().ef(0),
        near().probes(0),
        near().ef(u32::MAX),
        near().probes(u32::MAX),
    ];
    match store.capabilities().limits.top_k {
        Some(most) => {
            bad.push(near().top_k(most + 1));
            ensure_eq!(found(store, &scope, &near().top_k(most)).await?, ["a"], "at the limit of top_k");
        }
        None => ensure_eq!(found(store, &scope, &near().top_k(1_000_000)).await?, ["a"], "without a limit of top_k"),
    }
    for query in bad {
        refused(store.query(&scope, &query).await, INVALID).map_err(|error| error.about(format!("{query:?}")))?;
    }
    Ok(())
}

/// One bad point, and nothing of its batch is written.
pub async fn a_refused_batch_leaves_no_trace(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("a", [1.0, 0.0], json!({ "v": 1 }))]).await?;
    let batch = [point("a", [0.0, 1.0], json!({ "v": 2 })), NewPoint::new("b", [1.0, 1.0]), NewPoint::new("c", [1.0])];
    let error = refused(put(store, &scope, &batch).await, INVALID)?;
    ensure_eq!(error.get("point"), Some("2"), "the point that the error names");
    ensure_eq!(error.operation(), Some("upsert"), "the operation that the error names");
    let answer = super::fixture::ask(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?;
    ensure_eq!(super::fixture::ids(&answer), ["a"], "the points");
    ensure_eq!(answer.hits.first().and_then(|hit| hit.metadata.clone()), Some(json!({ "v": 1 })), "the metadata");
    Ok(())
}

/// An index that says what made its vectors takes none of another model, neither as points nor as questions.
pub async fn another_model_is_refused(store: &dyn VectorStore) -> Outcome {
    let provenance = Provenance::new("local/small").revision("2").chunker("lines");
    let scope = made(store, &spec(store, "docs", 2).provenance(provenance.clone())).await?;
    ensure_eq!(store.get_index("docs").await?.provenance.as_ref(), Some(&provenance), "the provenance");
    let (same, other) = (PointUpsertOptions::new().model("local/small"), PointUpsertOptions::new().model("local/large"));
    let points = [NewPoint::new("a", [1.0, 0.0])];
    refused(store.upsert(&scope, &points, &other).await, INVALID)?;
    store.upsert(&scope, &points, &same).await?;
    store.upsert(&scope, &points, &PointUpsertOptions::new()).await?;
    let near = || VectorQuery::vector([1.0, 0.0]);
    let error = refused(store.query(&scope, &near().model("local/large")).await, INVALID)?;
    ensure!(error.to_string().contains("model"), "the error does not name the model: {error}");
    ensure_eq!(found(store, &scope, &near().model("local/small")).await?, ["a"], "asked by the index's model");
    ensure_eq!(found(store, &scope, &near()).await?, ["a"], "asked without a model");
    let free = index(store, "free", 2).await?;
    store.upsert(&free, &points, &other).await?;
    ensure_eq!(found(store, &free, &near().model("local/small")).await?, ["a"], "an index that names no model");
    Ok(())
}
