//! Plans of queries.

use crate::failure::{Outcome, ensure, ensure_eq};
use crate::fixture::{filled, found};
use mastra_core::{Filter, RecordQuery, RecordStore, SortKey};
use serde_json::json;

/// Every query has a plan; asking for it changes and returns nothing.
pub async fn a_plan_is_given_for_every_query(store: &dyn RecordStore) -> Outcome {
    let rows = (0..30).map(|n| (n.to_string(), json!({ "n": n, "secret": "do not print" })));
    let entity = filled(store, "E", rows).await?;
    let queries = [
        RecordQuery::new(),
        RecordQuery::new().filter(Filter::eq("n", 3)?).sort(SortKey::descending("n")?).limit(5),
        RecordQuery::new().filter(Filter::regex("secret", "print$", "")?).offset(2),
        RecordQuery::new().include_deleted().limit(0),
        RecordQuery::new().filter(Filter::none()),
    ];
    for query in queries {
        let explained = store.explain(&entity, &query).await?;
        ensure!(explained.plan.iter().any(|line| !line.trim().is_empty()), "no plan of {query:?}");
        ensure!(!format!("{explained:?}").contains("do not print"), "the plan of {query:?} shows data");
        ensure!(explained.indexes.iter().all(|index| !index.is_empty()), "an index without a name of {query:?}");
    }
    ensure_eq!(found(store, &entity, &RecordQuery::new()).await?.len(), 30, "records behind the explaining");
    Ok(())
}

/// What core is said to finish is an operator of the query; a query without a filter leaves nothing to finish.
pub async fn what_is_finished_in_core_was_asked_for(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": "x" }))]).await?;
    for (filter, operators) in [
        (json!({}), &[][..]),
        (json!({ "a": "x" }), &["$eq"]),
        (json!({ "a": { "$regex": "x" }, "b": { "$gt": 1 } }), &["$regex", "$gt", "$and"]),
        (json!({ "$or": [{ "a": { "$contains": "x" } }, { "b": { "$size": 1 } }] }), &["$or", "$contains", "$size"]),
        (json!({ "a": { "$not": { "$elemMatch": { "$in": [1] } } } }), &["$not", "$elemMatch", "$in"]),
    ] {
        let query = RecordQuery::new().filter(Filter::from_json(&filter)?);
        let finished = store.explain(&entity, &query).await?.finished_in_core;
        let foreign = finished.iter().find(|operator| !operators.contains(&operator.as_str()));
        ensure_eq!(foreign, None, "an operator said to be finished in core that {filter} does not hold");
    }
    Ok(())
}
