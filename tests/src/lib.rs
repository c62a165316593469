//! What the workspace-level tests share: the types that `mastra engine generate` writes for a fixed store.

/// Generated, committed, and compared with a fresh run by a test.
#[allow(missing_docs, dead_code, reason = "generated for users, who decide themselves")]
pub mod generated;
pub mod measured;
pub mod postgres;

/// The page's examples run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/adding-a-backend.md")]
struct AddingABackend;

use mastra_core::{Engine, NewEntity, NewRecord, Result, SyncBatch};
use serde_json::{Value, json};

/// Loads the store that the committed types were generated from: one entity by sample, one by schema, and awkward keys.
pub async fn load_types_fixture(engine: &dyn Engine) -> Result<()> {
    engine.sync_records(&SyncBatch::new("Contacts", "crm", (0..60).map(contact))).await?;
    engine.create_entity(&NewEntity::new("Tree Nodes", "docs").schema(tree_schema())).await?;
    let nodes =
        [NewRecord::new("root", json!({ "id": 1, "state": "open", "next": { "label": "leaf" }, "weights": { "a": 0.5 } }))];
    engine.sync_records(&SyncBatch::new("Tree Nodes", "docs", nodes)).await?;
    engine.create_entity(&NewEntity::new("Records", "empty")).await?;
    Ok(())
}

/// A contact with every shape that inference tells apart.
pub fn contact(number: usize) -> NewRecord {
    let mut data = json!({
        "name": format!("Person {number}"),
        "stage": if number.is_multiple_of(3) { "won" } else { "open" },
        "visits": number,
        "amount": number as f64 * 1.25,
        "lastSeen": "2026-01-31T09:30:00.000Z",
        "born": "1990-12-24",
        "tags": ["eu", format!("t{number}")],
        "company": { "name": format!("Company {}", number % 7), "type": "ltd", "2fa": true, "née": null, "": 1 },
        "score": if number.is_multiple_of(2) { json!(number) } else { json!(format!("n/a {number}")) },
        "history": [{ "at": "2026-01-01", "note": null }, { "at": "2026-01-02", "by": { "id": number } }],
        "extra": [1, 2.5, null],
        "*/ odd \"key\"\n": false,
        "big": 9_007_199_254_740_993_i64,
        "nothing": null,
    });
    if let (true, Some(map)) = (number.is_multiple_of(5), data.as_object_mut()) {
        map.insert("referrer".into(), Value::from(format!("c{}", number / 2)));
    }
    NewRecord::new(format!("c{number}"), data)
}

fn tree_schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "state"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "integer", "description": "Unique in the tree" },
            "state": { "enum": ["open", "closed", null], "description": "Whether it is */ done" },
            "next": { "$ref": "#/$defs/node" },
            "children": { "type": "array", "items": { "$ref": "#/$defs/node" } },
            "weights": { "type": "object", "additionalProperties": { "type": "number" } },
            "owner": { "anyOf": [{ "type": "string" }, { "type": "object", "properties": { "id": { "type": "integer" } } }] },
            "updated": { "type": ["string", "null"], "format": "date-time" },
        },
        "$defs": {
            "node": {
                "type": "object",
                "properties": { "label": { "type": "string" }, "next": { "$ref": "#/$defs/node" } },
            },
        },
    })
}
