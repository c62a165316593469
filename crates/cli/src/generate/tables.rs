//! The rows of the schema's tables, as `row_to_json` and the JSON of other clients give them.
//!
//! Written here once, and held to the real schema by a test that reads the catalogue of a migrated Postgres.

use super::shape::{Document, Field, Object, Shape};
use std::collections::BTreeMap;

/// A column: its name, what it holds, whether it may be null, and what it is.
pub(crate) type Column = (&'static str, Kind, bool, &'static str);

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Uuid,
    Text,
    Texts,
    Json,
    JsonObject,
    BigInt,
    Time,
}

/// The tables that applications share, with their columns.
pub(crate) const TABLES: &[(&str, &str, &[Column])] = &[
    (
        "entities",
        "A row of `entities`: a named collection of records.",
        &[
            ("id", Kind::Uuid, false, "The engine's id, a UUIDv7."),
            ("connection_id", Kind::Text, false, "The connection that it comes from."),
            ("name", Kind::Text, false, "What the application calls it; unique in its connection."),
            ("last_sync_id", Kind::Text, true, "The cursor of the last sync that committed."),
            ("json_schema", Kind::Json, true, "The JSON Schema that its records' data is declared to follow."),
            ("text_fields", Kind::Texts, false, "The fields that full-text search covers."),
            ("created_at", Kind::Time, false, "When it was created."),
            ("updated_at", Kind::Time, false, "When the entity itself last changed."),
        ],
    ),
    (
        "records",
        "A row of `records`: one document of an entity.",
        &[
            ("id", Kind::Uuid, false, "The engine's id, a UUIDv7."),
            ("entity_id", Kind::Uuid, false, "The entity that holds it."),
            ("external_id", Kind::Text, false, "The id that its source gave it; unique in its entity."),
            ("entity_type", Kind::Text, false, "What kind of thing it is."),
            ("data", Kind::JsonObject, false, "The document."),
            ("generation", Kind::BigInt, false, "Grows, over the whole store, with every change to a record."),
            ("created_at", Kind::Time, false, "When it was first stored."),
            ("updated_at", Kind::Time, false, "When its data last changed."),
            ("deleted_at", Kind::Time, true, "When it was deleted; null while it lives."),
        ],
    ),
];

/// The tables as documents, one a table.
pub(crate) fn documents() -> Vec<Document> {
    let documents = TABLES.iter().map(|(table, comment, columns)| Document {
        name: format!("{table} row"),
        origin: (*comment).to_owned(),
        shape: Shape::Object(Object { fields: columns.iter().map(field).collect(), closed: true }),
        definitions: BTreeMap::new(),
    });
    documents.collect()
}

fn field((name, kind, nullable, comment): &Column) -> (String, Field) {
    let shape = match kind {
        Kind::Uuid | Kind::Text => Shape::String,
        Kind::Texts => Shape::Array(Box::new(Shape::String)),
        Kind::Json => Shape::Any,
        Kind::JsonObject => Shape::Map(Box::new(Shape::Any)),
        Kind::BigInt => Shape::Integer,
        Kind::Time => Shape::DateTime,
    };
    let shape = match (nullable, shape) {
        // Anything takes in null already.
        (true, Shape::Any) | (false, Shape::Any) => Shape::Any,
        (true, shape) => Shape::union([shape, Shape::Null]),
        (false, shape) => shape,
    };
    ((*name).to_owned(), Field { shape, optional: false, description: Some((*comment).to_owned()) })
}
