//! What a store has to be able to do.

use super::{fixture::metrics, harness::TestVectors};
use crate::failure::{Outcome, ensure};
use serde_json::{Value, json};

/// Refusing is not a way to pass: the filter language is answered as far as the factory says that it has to be, and there is some
/// metric and some kind of index.
pub async fn the_required_capabilities_are_claimed(fresh: &TestVectors) -> Outcome {
    let can = fresh.store.capabilities();
    let claims = |name: &str| serde_json::to_value(can.filter).map(|filter| filter.get(name).cloned());
    if let Value::Object(required) = serde_json::to_value(fresh.required)? {
        for (name, required) in required {
            ensure!(required == json!(false) || claims(&name)? == Some(json!(true)), "the filter language lacks {name}");
        }
    }
    ensure!(!metrics(can).is_empty(), "no metric is claimed");
    ensure!(can.kind.flat || can.kind.hnsw || can.kind.ivf_flat, "no kind of index is claimed");
    ensure!(can.admin.indexes, "making indexes is not claimed");
    ensure!(can.search.text || !can.search.hybrid, "hybrid search is claimed, and search by words is not");
    let limits = [can.limits.dimension, can.limits.top_k, can.limits.metadata_bytes, can.limits.index_name_bytes];
    ensure!(limits.iter().all(|limit| *limit != Some(0)), "a limit of 0 is claimed");
    Ok(())
}
