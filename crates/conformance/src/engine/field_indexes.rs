//! Indexes on a field of an entity.

use crate::failure::{Outcome, ensure, ensure_eq, not_claimed, refused};
use crate::fixture::{entity, filled, found};
use mastra_core::{Engine, ErrorKind, FieldIndex, FieldIndexKind, Filter, Path, RecordQuery, RecordStore as _, SortKey};
use serde_json::json;
use std::sync::Arc;

/// An index is built once, listed, and dropped; without the capability all of it is refused.
pub async fn an_index_is_built_listed_and_dropped(engine: Arc<dyn Engine>) -> Outcome {
    let one = entity(&*engine, "One").await?;
    let other = entity(&*engine, "Other").await?;
    let path: Path = r"amount.a\.b".parse()?;
    if !engine.capabilities().admin.field_indexes {
        refused(engine.create_field_index(&one, &path, FieldIndexKind::Scalar).await, ErrorKind::Unsupported)?;
        refused(engine.drop_field_index(&one, &path, FieldIndexKind::Scalar).await, ErrorKind::Unsupported)?;
        return not_claimed("admin.fieldIndexes");
    }
    let built = engine.create_field_index(&one, &path, FieldIndexKind::Scalar).await?;
    ensure_eq!((&built.path, built.kind), (&path, FieldIndexKind::Scalar), "the index");
    ensure_eq!(mastra_core::EntityRef::Id(built.entity_id), one, "its entity");
    ensure_eq!(engine.create_field_index(&one, &path, FieldIndexKind::Scalar).await?, built, "the index built again");
    let multi = engine.create_field_index(&one, &path, FieldIndexKind::Multi).await?;
    let elsewhere = engine.create_field_index(&other, &path, FieldIndexKind::Scalar).await?;
    ensure!(
        built.name != multi.name && built.name != elsewhere.name || built.entity_id != elsewhere.entity_id,
        "indexes share a name"
    );
    let mut listed = engine.list_field_indexes(&one).await?;
    listed.sort_by_key(|index| index.kind == FieldIndexKind::Multi);
    ensure_eq!(listed, [built.clone(), multi.clone()], "the indexes of the entity");
    engine.drop_field_index(&one, &path, FieldIndexKind::Scalar).await?;
    refused(engine.drop_field_index(&one, &path, FieldIndexKind::Scalar).await, ErrorKind::NotFound)?;
    ensure_eq!(engine.list_field_indexes(&one).await?, [multi], "the indexes after dropping one");
    ensure_eq!(engine.list_field_indexes(&other).await?, [elsewhere], "the indexes of the other entity");
    refused(engine.create_field_index(&"Absent".into(), &path, FieldIndexKind::Scalar).await, ErrorKind::NotFound)?;
    refused(engine.list_field_indexes(&"Absent".into()).await, ErrorKind::NotFound)?;
    refused(engine.create_field_index(&one, &Path::this(), FieldIndexKind::Scalar).await, ErrorKind::InvalidInput)?;
    let id = engine.resolve_entity(&one).await?.id;
    engine.delete_entity_by_id(id).await?;
    let again = entity(&*engine, "One").await?;
    ensure_eq!(engine.list_field_indexes(&again).await?, Vec::<FieldIndex>::new(), "the indexes of a new entity of that name");
    Ok(())
}

/// An index changes no answer: mixed types, missing values, lists on the way, hostile paths.
pub async fn answers_are_the_same_with_an_index(engine: Arc<dyn Engine>) -> Outcome {
    let values = [
        json!(1),
        json!(1.5),
        json!("1"),
        json!("é"),
        json!(true),
        json!(null),
        json!([1, "x"]),
        json!({ "k": 1 }),
        json!([]),
        json!([{ "k": 2 }]),
    ];
    let rows = (0..100_usize).map(|n| {
        let value = values.get(n % 11);
        let row = value.map_or(json!({ "n": n }), |value| json!({ "n": n, "v": value, "it's \"odd\"": { "v": value } }));
        (n.to_string(), row)
    });
    let entity = filled(&*engine, "E", rows).await?;
    let mut queries = Vec::new();
    for path in ["v", "it's \"odd\".v", "v.k", "v.0"] {
        for operand in [
            json!(1),
            json!("x"),
            json!(null),
            json!([]),
            json!({ "$gt": 0 }),
            json!({ "$lte": "é" }),
            json!({ "$ne": 1 }),
            json!({ "$in": [1, null] }),
            json!({ "$exists": true }),
        ] {
            queries.push(
                RecordQuery::new().filter(Filter::from_json(
                    &json!({ path: if operand == json!([]) { json!({ "$eq": [] }) } else { operand } }),
                )?),
            );
        }
        for key in [SortKey::ascending(path)?, SortKey::descending(path)?] {
            queries.push(RecordQuery::new().sort(key.clone()).limit(20));
            queries.push(RecordQuery::new().sort(key).filter(Filter::gt("n", 40)?).offset(3).limit(20));
        }
    }
    let mut before = Vec::new();
    for query in &queries {
        before.push(found(&*engine, &entity, query).await?);
    }
    if engine.capabilities().admin.field_indexes {
        for (path, plain) in [("v", true), ("v.k", true), ("it's \"odd\".v", false), ("v.0", false)] {
            for kind in [FieldIndexKind::Scalar, FieldIndexKind::Multi] {
                match engine.create_field_index(&entity, &path.parse()?, kind).await {
                    // An index is for speed: one on an odd path may be refused, and then changes no answer either.
                    Err(error) if !plain && error.kind() == ErrorKind::Unsupported => {}
                    built => drop(built?),
                }
            }
        }
    }
    for (query, expected) in queries.iter().zip(before) {
        ensure_eq!(found(&*engine, &entity, query).await?, expected, "with indexes: {query:?}");
    }
    Ok(())
}
