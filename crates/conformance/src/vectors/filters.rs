//! The filter language on metadata: the law is the records' own, and so are the case files.

use super::{
    case_file::{VECTOR_BUILT_IN, run_vector_case_file},
    differential::compare,
    fixture::{found, index, matching, point, put},
};
use crate::failure::{Failure, Outcome, ensure_eq};
use mastra_core::{
    Filter,
    vector::{NewPoint, VectorQuery, VectorStore},
};
use serde_json::json;

macro_rules! files {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        $($(#[$doc])* pub async fn $name(store: &dyn VectorStore) -> Outcome {
            file(store, stringify!($name)).await
        })*

        #[cfg(test)]
        const RUN: &[&str] = &[$(stringify!($name)),*];
    };
}

files! {
    /// Typed equality by decimal value; lists and objects as values.
    equality,
    /// What a path leads to.
    paths,
    /// Negation is NOT of the positive form over the whole metadata.
    negation,
    /// Null, missing, present.
    null_and_presence,
    /// `$in`, `$all`, `$size`, `$elemMatch`.
    lists,
    /// `$gt` and kin.
    ranges,
    /// `$contains` and `$regex`.
    strings,
    /// `$and`, `$or`, `$nor`, `$not`, and what is refused.
    logic,
    /// Keys that a store may use itself, values at the edge of their types, and rows that come and go.
    metadata_corners,
}

async fn file(store: &dyn VectorStore, name: &str) -> Outcome {
    let found = VECTOR_BUILT_IN.iter().find(|(file, _)| *file == name);
    let (_, json) = found.ok_or_else(|| Failure::new(format!("there is no case file {name}")))?;
    run_vector_case_file(store, json).await?.outcome()
}

/// The filter is asked of every point before the best are cut off, however few match and however far they lie.
pub async fn a_filter_comes_before_the_cut(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    let near: Vec<NewPoint> =
        (0..400).map(|n| point(format!("n{n}"), [1.0, 0.001 * (n % 9) as f32], json!({ "rare": false }))).collect();
    put(store, &scope, &near).await?;
    let rare = |id: &str, vector: [f32; 2]| point(id, vector, json!({ "rare": true, "name": format!("Ä{id}") }));
    put(store, &scope, &[rare("far", [-1.0, 0.0]), rare("side", [0.0, 1.0]), rare("turned", [-1.0, 0.5])]).await?;
    for filter in [
        json!({ "rare": true }),
        json!({ "rare": { "$ne": false } }),
        json!({ "name": { "$contains": "ä" } }),
        json!({ "name": { "$regex": "^Ä" } }),
        json!({ "name": { "$exists": true } }),
    ] {
        let query = VectorQuery::vector([1.0, 0.0]).filter(Filter::from_json(&filter)?);
        ensure_eq!(found(store, &scope, &query.clone().top_k(3)).await?, ["side", "turned", "far"], "all that {filter} leaves");
        ensure_eq!(found(store, &scope, &query.clone().top_k(1)).await?, ["side"], "the best that {filter} leaves");
        ensure_eq!(found(store, &scope, &query.top_k(10)).await?.len(), 3, "fewer than asked for, by {filter}");
    }
    Ok(())
}

/// What the store finds is what core finds, over random points and filters drawn from them: ids, order, scores and number.
pub async fn differential(store: &dyn VectorStore) -> Outcome {
    let soak = std::env::var("MASTRA_TEST_SOAK").is_ok_and(|soak| soak == "1");
    let pairs = super::VECTOR_PAIRS * if soak { 25 } else { 1 };
    compare(&[("the store", store)], pairs).await.map(drop)
}

/// A filter of nothing leaves everything, also points without metadata.
pub async fn an_empty_filter_finds_everything(store: &dyn VectorStore) -> Outcome {
    let scope = index(store, "docs", 2).await?;
    put(store, &scope, &[point("a", [1.0, 0.0], json!({})), point("b", [1.0, 1.0], json!({ "n": 1 }))]).await?;
    for filter in [Filter::all(), Filter::from_json(&json!({}))?, Filter::from_json(&json!({ "$and": [] }))?] {
        ensure_eq!(matching(store, &scope, &[1.0, 0.0], filter.clone()).await?, ["a", "b"], "found by {filter:?}");
    }
    let none = Filter::from_json(&json!({ "$or": [] }))?;
    ensure_eq!(matching(store, &scope, &[1.0, 0.0], none).await?.len(), 0, "found by nothing");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_file_is_run() {
        let files: Vec<&str> = VECTOR_BUILT_IN.iter().map(|(name, _)| *name).collect();
        assert_eq!(RUN, files);
    }
}
