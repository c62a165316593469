//! Merging documents.

use serde_json::{Map, Value};

/// Puts the top-level keys of `patch` into `base`; where either is no object, `patch` takes its place.
///
/// ```
/// use mastra_core::upsert::shallow_merge;
/// use serde_json::json;
///
/// let mut data = json!({ "a": { "x": 1 }, "b": 2 });
/// shallow_merge(&mut data, json!({ "a": { "y": 3 } }));
/// assert_eq!(data, json!({ "a": { "y": 3 }, "b": 2 }));
/// ```
pub fn shallow_merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => base.extend(patch),
        (base, patch) => *base = patch,
    }
}

/// Merges objects with objects at every level; anything else of `patch` replaces what `base` holds there. Null is a value.
///
/// ```
/// use mastra_core::upsert::deep_merge;
/// use serde_json::json;
///
/// let mut data = json!({ "a": { "x": 1 }, "b": 2 });
/// deep_merge(&mut data, json!({ "a": { "y": null } }));
/// assert_eq!(data, json!({ "a": { "x": 1, "y": null }, "b": 2 }));
/// ```
pub fn deep_merge(base: &mut Value, patch: Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => merge_maps(base, patch),
        (base, patch) => *base = patch,
    }
}

fn merge_maps(base: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, value) in patch {
        match base.get_mut(&key) {
            Some(present) => deep_merge(present, value),
            None => {
                base.insert(key, value);
            }
        }
    }
}
