//! Payloads are set, overwritten, deleted and cleared, at the top or below a key.

use std::collections::HashMap;

use qdrant_client::Payload;
use qdrant_client::qdrant::{
    ClearPayloadPointsBuilder, Condition, DeletePayloadPointsBuilder, Filter, GetPointsBuilder, PayloadExcludeSelector,
    PayloadIncludeSelector, PointsIdsList, SetPayloadPointsBuilder, Value, with_payload_selector::SelectorOptions,
};
use serde_json::json;
use tonic::Code;

use super::target::{Target, code};

fn ids(ids: &[u64]) -> PointsIdsList {
    PointsIdsList { ids: ids.iter().map(|id| (*id).into()).collect() }
}

fn payload(value: serde_json::Value) -> Payload {
    Payload::try_from(value).unwrap()
}

#[tokio::test]
async fn set_merges_the_top_and_a_null_removes() {
    let target = Target::new().await;
    target.fill([json!({ "a": { "x": 1, "y": 2 }, "b": 1, "c": 1 })]).await;
    let set = |value, key: Option<&str>| {
        let set = SetPayloadPointsBuilder::new(&target.name, payload(value)).points_selector(ids(&[1])).wait(true);
        target.client.set_payload(match key {
            Some(key) => set.key(key),
            None => set,
        })
    };
    set(json!({ "a": { "x": 3 }, "b": null, "d": 4 }), None).await.unwrap();
    assert_eq!(target.payload(1).await, json!({ "a": { "x": 3 }, "c": 1, "d": 4 }), "objects are replaced, not merged");
    set(json!({ "y": 5 }), Some("a")).await.unwrap();
    assert_eq!(target.payload(1).await["a"], json!({ "x": 3, "y": 5 }));
    set(json!({ "z": 1 }), Some("n[].m")).await.unwrap();
    assert_eq!(target.payload(1).await["n"], json!([]), "a list is made, and no member of it");
    set(json!({ "z": 1 }), Some("c.deep")).await.unwrap();
    assert_eq!(target.payload(1).await["c"], json!({ "deep": { "z": 1 } }), "what is in the way is replaced");
    assert_eq!(code(set(json!({}), Some("a..b")).await), Code::InvalidArgument);
    target.finish().await;
}

#[tokio::test]
async fn a_null_that_an_upsert_brings_stays() {
    let target = Target::new().await;
    target.fill([json!({ "a": null, "b": [1, 1.5, "x", { "c": false }] })]).await;
    assert_eq!(target.payload(1).await, json!({ "a": null, "b": [1, 1.5, "x", { "c": false }] }));
    target.finish().await;
}

#[tokio::test]
async fn overwrite_delete_and_clear() {
    let target = Target::new().await;
    target.fill([json!({ "a": { "x": 1 }, "l": [{ "m": 1, "n": 2 }, { "m": 3 }], "s": [1, 2] }), json!({ "a": 2 })]).await;
    let delete = |keys: &[&str]| {
        let keys = keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        target.client.delete_payload(DeletePayloadPointsBuilder::new(&target.name, keys).points_selector(ids(&[1])).wait(true))
    };
    delete(&["l[].m", "a.x", "s[0]", "none.at[].all"]).await.unwrap();
    assert_eq!(target.payload(1).await, json!({ "a": {}, "l": [{ "n": 2 }, {}], "s": [1, 2] }), "no single member is deleted");
    delete(&["s[]", "l"]).await.unwrap();
    assert_eq!(target.payload(1).await, json!({ "a": {}, "s": [] }), "all members are");

    let overwrite = SetPayloadPointsBuilder::new(&target.name, payload(json!({ "o": null })));
    target.client.overwrite_payload(overwrite.points_selector(ids(&[1])).wait(true)).await.unwrap();
    assert_eq!(target.payload(1).await, json!({ "o": null }));
    assert_eq!(target.payload(2).await, json!({ "a": 2 }));

    let filter = Filter::must([Condition::matches("a", 2)]);
    target.client.clear_payload(ClearPayloadPointsBuilder::new(&target.name).points(filter).wait(true)).await.unwrap();
    assert_eq!(target.payload(2).await, json!({}));
    target.finish().await;
}

#[tokio::test]
async fn a_missing_point_is_told_and_the_others_are_changed() {
    let target = Target::new().await;
    target.fill([json!({})]).await;
    let set = |wait| {
        let set =
            SetPayloadPointsBuilder::new(&target.name, payload(json!({ "a": wait }))).points_selector(ids(&[1, 9])).wait(wait);
        target.client.set_payload(set)
    };
    assert_eq!(code(set(true).await), Code::NotFound);
    assert_eq!(target.payload(1).await, json!({ "a": true }));
    let clear = ClearPayloadPointsBuilder::new(&target.name).points(ids(&[9])).wait(true);
    assert_eq!(code(target.client.clear_payload(clear).await), Code::NotFound);
    // Who does not wait is not told.
    assert!(set(false).await.is_ok());
    let none = SetPayloadPointsBuilder::new(&target.name, payload(json!({}))).points_selector(ids(&[])).wait(true);
    assert_eq!(code(target.client.set_payload(none).await), Code::InvalidArgument);
    let by_filter = SetPayloadPointsBuilder::new(&target.name, payload(json!({ "b": 1 })))
        .points_selector(Filter::must([Condition::matches("nothing", 1)]))
        .wait(true);
    assert!(target.client.set_payload(by_filter).await.is_ok(), "a filter may hold for nothing");
    target.finish().await;
}

#[tokio::test]
async fn an_answer_shows_what_is_selected() {
    let target = Target::new().await;
    target.fill([json!({ "a": { "x": 1, "y": 2 }, "l": [{ "m": 1, "n": 2 }, 3], "b": 1 })]).await;
    let get = async |selector: SelectorOptions| {
        let get = GetPointsBuilder::new(&target.name, vec![1.into()]).with_payload(selector);
        let found: HashMap<String, Value> = target.client.get_points(get).await.unwrap().result.remove(0).payload;
        serde_json::Value::from(Payload::from(found))
    };
    let include = |fields: &[&str]| {
        SelectorOptions::Include(PayloadIncludeSelector { fields: fields.iter().map(|field| (*field).to_owned()).collect() })
    };
    let exclude = |fields: &[&str]| {
        SelectorOptions::Exclude(PayloadExcludeSelector { fields: fields.iter().map(|field| (*field).to_owned()).collect() })
    };
    assert_eq!(get(SelectorOptions::Enable(false)).await, json!({}));
    assert_eq!(get(include(&["a.x", "b", "none"])).await, json!({ "a": { "x": 1 }, "b": 1 }));
    assert_eq!(get(include(&["l[].m"])).await, json!({ "l": [{ "m": 1 }, 3] }));
    assert_eq!(get(include(&[])).await, json!({}));
    assert_eq!(get(exclude(&["a", "l[].m"])).await, json!({ "l": [{ "n": 2 }, 3], "b": 1 }));
    target.finish().await;
}
