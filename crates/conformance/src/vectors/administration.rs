//! Making, listing, describing, emptying and dropping indexes.

use super::fixture::{found, index, made, metrics, point, put, spec};
use crate::failure::{Outcome, ensure_eq, refused};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        Element, IndexKind, IndexSpec, NewPoint, PointUpsertOptions, Provenance, Scope, VectorCapabilities, VectorQuery,
        VectorStore,
    },
};
use serde_json::json;

/// The kinds of index that a store offers.
pub(crate) fn kinds(can: &VectorCapabilities) -> Vec<IndexKind> {
    let kinds =
        [IndexKind::Flat, IndexKind::hnsw(), IndexKind::Hnsw { m: 8, ef_construction: 40 }, IndexKind::IvfFlat { lists: 4 }];
    kinds.into_iter().filter(|kind| can.kind.offers(*kind)).collect()
}

/// Every form that is offered is made, is known as it was asked for, and serves.
pub async fn every_form_is_made_and_described(store: &dyn VectorStore) -> Outcome {
    let can = *store.capabilities();
    let mut specs: Vec<IndexSpec> = Vec::new();
    for kind in kinds(&can) {
        for metric in metrics(&can) {
            for element in [Element::F32, Element::F16] {
                if can.kind.offers_element(element) {
                    let name = format!("form-{:02}", specs.len());
                    specs.push(IndexSpec::new(name, 3).kind(kind).metric(metric).element(element));
                }
            }
        }
    }
    if let Some(spec) = specs.first_mut() {
        *spec = spec.clone().field("lang".parse()?).list_field("tags".parse()?).field("a.b".parse()?);
        *spec = spec.clone().provenance(Provenance::new("local/small").revision("2024-01").chunker("lines of 200"));
    }
    for spec in &specs {
        let scope = made(store, spec).await?;
        put(store, &scope, &[NewPoint::new("a", [1.0, 0.0, 0.0]), NewPoint::new("b", [0.0, 1.0, 0.0])]).await?;
    }
    for spec in &specs {
        ensure_eq!(*store.get_index(&spec.name).await?, *spec, "the index as it is known");
        let described = store.describe_index(&spec.name).await?;
        ensure_eq!((&described.spec, described.count), (spec, 2), "the index as it is described");
        let ids = found(store, &Scope::index(&spec.name), &VectorQuery::vector([0.9, 0.1, 0.0])).await?;
        ensure_eq!(ids, ["a", "b"], "the hits of {spec:?}");
    }
    ensure_eq!(store.list_indexes().await?, specs, "the list");
    Ok(())
}

/// A name is an index's own: making it again is refused, however it was made, and changes nothing.
pub async fn an_index_that_exists_is_refused(store: &dyn VectorStore) -> Outcome {
    let spec = spec(store, "docs", 2);
    let scope = made(store, &spec).await?;
    put(store, &scope, &[NewPoint::new("a", [1.0, 0.0])]).await?;
    refused(store.create_index(&spec).await, ErrorKind::AlreadyExists)?;
    let mut other = spec.clone();
    other.dimension = 3;
    let error = refused(store.create_index(&other).await, ErrorKind::AlreadyExists)?;
    ensure_eq!(error.get("index"), Some("docs"), "the index that the error names");
    ensure_eq!(error.operation(), Some("create_index"), "the operation that the error names");
    ensure_eq!(*store.get_index("docs").await?, spec, "the index");
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["a"], "its points");
    Ok(())
}

/// A dropped index is gone with its points; another of its name is another, of any dimension.
pub async fn a_dropped_index_is_gone(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let kept = index(store, "kept", 2).await?;
    let points = [point("a", [1.0, 0.0], json!({ "n": 1 })).text("words")];
    put(store, &scope, &points).await?;
    put(store, &kept, &points).await?;
    store.delete_index("docs").await?;
    let gone = ErrorKind::NotFound;
    refused(store.query(&scope, &VectorQuery::vector([1.0, 0.0])).await, gone)?;
    refused(put(store, &scope, &points).await, gone)?;
    refused(store.delete_index("docs").await, gone)?;
    refused(store.describe_index("docs").await, gone)?;
    refused(store.truncate_index("docs").await, gone)?;
    ensure_eq!(store.list_indexes().await?.len(), 1, "indexes that are left");
    ensure_eq!(found(store, &kept, &VectorQuery::vector([1.0, 0.0])).await?, ["a"], "the points of another index");

    store.create_index(&spec(store, "docs", 3)).await?;
    ensure_eq!(store.describe_index("docs").await?.count, 0, "points in the new index");
    refused(put(store, &scope, &points).await, ErrorKind::InvalidInput)?;
    put(store, &scope, &[NewPoint::new("b", [1.0, 0.0, 0.0])]).await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0, 0.0])).await?, ["b"], "its points");
    if store.capabilities().search.text {
        ensure_eq!(found(store, &scope, &VectorQuery::text("words")).await?.len(), 0, "words of the dropped index");
    }
    Ok(())
}

/// Emptying an index takes the points of all its namespaces and keeps how it was made.
pub async fn a_truncated_index_is_empty(store: &dyn VectorStore) -> Outcome {
    let made_as = spec(store, "docs", 2).provenance(Provenance::new("local/small"));
    let scope = made(store, &made_as).await?;
    let other = index(store, "other", 2).await?;
    let mut namespaces = vec![scope.clone()];
    if store.capabilities().admin.namespaces {
        namespaces.extend(["a", "b"].map(|name| scope.clone().in_namespace(name)));
    }
    for scope in namespaces.iter().chain([&other]) {
        put(store, scope, &[NewPoint::new("1", [1.0, 0.0]).text("words"), NewPoint::new("2", [1.0, 0.0])]).await?;
    }
    store.truncate_index("docs").await?;
    for scope in &namespaces {
        ensure_eq!(found(store, scope, &VectorQuery::vector([1.0, 0.0])).await?.len(), 0, "points in {:?}", scope.namespace);
    }
    let described = store.describe_index("docs").await?;
    ensure_eq!((described.count, described.spec), (0, made_as), "the emptied index");
    ensure_eq!(found(store, &other, &VectorQuery::vector([1.0, 0.0])).await?, ["1", "2"], "the points of another index");
    if store.capabilities().admin.namespaces {
        ensure_eq!(store.list_namespaces("docs").await?, [], "its namespaces");
    }
    put(store, &scope, &[NewPoint::new("1", [1.0, 0.0])]).await?;
    ensure_eq!(found(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?, ["1"], "points that are written after it");
    Ok(())
}

/// Indexes are listed in order of their names, and do not see one another's points.
pub async fn indexes_are_apart(store: &dyn VectorStore) -> Outcome {
    ensure_eq!(store.list_indexes().await?, [], "indexes of a fresh store");
    let plain = store.capabilities().limits.plain_index_names;
    let most = store.capabilities().limits.index_name_bytes.unwrap_or(200).min(200);
    let long = "l".repeat(most);
    let mut names: Vec<&str> = vec!["b", "a", "a-b", "10", "9", "docs", &long];
    if !plain {
        names.extend([
            "A",
            "a b",
            "é",
            "e\u{301}",
            "🦀",
            "a'b",
            "a\"; DROP TABLE x; --",
            "select",
            "a.b",
            "a/b",
            "%",
            "_a",
            "a_b",
            "Docs",
        ]);
        names.retain(|name| name.len() <= most);
    }
    for name in &names {
        let scope = index(store, name, 2).await?;
        put(store, &scope, &[point("p", [1.0, 0.0], json!({ "of": name })).text("word")]).await?;
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    let listed: Vec<String> = store.list_indexes().await?.into_iter().map(|spec| spec.name).collect();
    ensure_eq!(listed, sorted, "the names in order");
    for name in &names {
        let scope = Scope::index(*name);
        let answer = super::fixture::ask(store, &scope, &VectorQuery::vector([1.0, 0.0])).await?;
        let metadata: Vec<_> = answer.hits.iter().filter_map(|hit| hit.metadata.clone()).collect();
        ensure_eq!(metadata, [json!({ "of": name })], "the points of {name:?}");
        ensure_eq!(store.describe_index(name).await?.count, 1, "the number of points of {name:?}");
    }
    for name in &names {
        store.delete_index(name).await?;
        sorted.retain(|kept| kept != name);
        let listed: Vec<String> = store.list_indexes().await?.into_iter().map(|spec| spec.name).collect();
        ensure_eq!(listed, sorted, "the names after dropping {name:?}");
    }
    Ok(())
}

/// Refused: a name the store cannot take, a dimension of 0 or too much, knobs out of range, a field twice.
pub async fn specs_that_are_none_are_refused(store: &dyn VectorStore) -> Outcome {
    let can = *store.capabilities();
    let base = |name: &str| spec(store, name, 2);
    let mut bad = vec![base(""), base("  "), base("a\0b"), base(&"l".repeat(2_000))];
    if can.limits.plain_index_names {
        bad.extend(["A", "a b", "a_b", "é", "a.b"].map(base));
    }
    if let Some(most) = can.limits.index_name_bytes {
        bad.push(base(&"l".repeat(most + 1)));
    }
    for dimension in [0, 65_537, usize::MAX] {
        bad.push(spec(store, "docs", dimension));
    }
    if let Some(most) = can.limits.dimension {
        bad.push(spec(store, "docs", most + 1));
    }
    if let (Some(most), true) = (can.limits.indexed_dimension, can.kind.hnsw) {
        bad.push(spec(store, "docs", most + 1).kind(IndexKind::hnsw()));
    }
    if let (Some(most), true) = (can.limits.dimension_f16, can.kind.f16) {
        bad.push(spec(store, "docs", most + 1).element(Element::F16));
    }
    if can.kind.hnsw {
        for (m, ef_construction) in [(0, 64), (1, 64), (101, 1_000), (16, 0), (16, 31), (16, 1_001)] {
            bad.push(base("docs").kind(IndexKind::Hnsw { m, ef_construction }));
        }
    }
    if can.kind.ivf_flat {
        bad.extend([0, 32_769].map(|lists| base("docs").kind(IndexKind::IvfFlat { lists })));
    }
    bad.push(base("docs").field("a".parse()?).field("a".parse()?));
    bad.push(base("docs").provenance(Provenance::new(" ")));
    for spec in bad {
        let what = format!("{:.60} {} {:?}", spec.name, spec.dimension, spec.kind);
        refused(store.create_index(&spec).await, ErrorKind::InvalidInput).map_err(|error| error.about(what))?;
    }
    ensure_eq!(store.list_indexes().await?, [], "indexes after refusals");
    Ok(())
}

/// Naming metadata fields changes how filters are served, never what they find.
pub async fn answers_are_the_same_with_fields(store: &dyn VectorStore) -> Outcome {
    let spec = spec(store, "served", 2).field("n".parse()?).field("deep.s".parse()?).list_field("tags".parse()?);
    let served = made(store, &spec).await?;
    let plain = index(store, "plain", 2).await?;
    let values = [
        json!({ "n": 1, "deep": { "s": "a" }, "tags": ["x", "y"] }),
        json!({ "n": 1.0, "deep": { "s": ["a", "b"] }, "tags": "x" }),
        json!({ "n": "1", "deep": [{ "s": "a" }, { "s": 5 }], "tags": [] }),
        json!({ "n": [1, 2], "deep": "s", "tags": [["x"]] }),
        json!({ "n": null, "deep": { "s": null }, "tags": [null, 1, "X"] }),
        json!({ "n": true, "tags": { "x": 1 } }),
        json!({ "n": 9_007_199_254_740_993_i64 }),
        json!({ "n": { "x": 1 } }),
        json!({}),
    ];
    let points: Vec<NewPoint> =
        (0..).zip(&values).map(|(n, value): (usize, _)| point(format!("p{n}"), [1.0, 0.0], value.clone())).collect();
    put(store, &served, &points).await?;
    put(store, &plain, &points).await?;
    for filter in [
        json!({ "n": 1 }),
        json!({ "n": { "$ne": 1 } }),
        json!({ "n": null }),
        json!({ "n": { "$gte": 1, "$lt": 3 } }),
        json!({ "n": { "$gt": 9_007_199_254_740_992_i64 } }),
        json!({ "n": { "$in": [1, "1", null] } }),
        json!({ "n": { "$exists": true } }),
        json!({ "n": [1, 2] }),
        json!({ "n": { "$eq": [1, 2] } }),
        json!({ "deep.s": "a" }),
        json!({ "deep.s": { "$gt": "a" } }),
        json!({ "deep.s": { "$nin": ["a"] } }),
        json!({ "deep.s": { "$regex": "^a" } }),
        json!({ "tags": "x" }),
        json!({ "tags": { "$all": ["x", "y"] } }),
        json!({ "tags": { "$size": 2 } }),
        json!({ "tags": { "$in": ["y", 1] } }),
        json!({ "tags": { "$contains": "x" } }),
        json!({ "tags": { "$elemMatch": { "$eq": "x" } } }),
        json!({ "tags": "x", "n": 1 }),
        json!({ "$or": [{ "tags": "y" }, { "n": null }] }),
    ] {
        let parsed = Filter::from_json(&filter)?;
        let expected: Vec<String> =
            (0..).zip(&values).filter(|(_, value)| parsed.matches(value)).map(|(n, _): (usize, _)| format!("p{n}")).collect();
        for scope in [&served, &plain] {
            let ids = found(store, scope, &VectorQuery::vector([1.0, 0.0]).top_k(20).filter(parsed.clone())).await?;
            ensure_eq!(ids, expected, "found by {filter} in {}", scope.index);
        }
    }
    store.upsert(&served, &points, &PointUpsertOptions::new()).await?;
    Ok(())
}

/// A store that is there answers.
pub async fn a_ping_is_answered(store: &dyn VectorStore) -> Outcome {
    store.ping().await?;
    let info = store.info();
    ensure_eq!(info.system.is_empty(), false, "whether the backend has no name");
    Ok(())
}
