//! Field indexes: made, listed, dropped, and above all read by.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{Random, memory};
use mastra_core::{
    Checked, Engine as _, EntityRef, ErrorKind, Explanation, FieldIndexKind, Filter, NewEntity, NewRecord, RecordQuery,
    RecordStore as _, SortKey, UpsertOptions,
};
use mastra_sqlite::SqliteEngine;
use serde_json::{Value, json};

/// Two thousand deals, the amounts in no order, the stage one of four, the email their own.
async fn deals() -> (Checked<SqliteEngine>, EntityRef) {
    let engine = memory().await;
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Deals", "crm")).await.unwrap());
    let mut random = Random::new(7);
    let records: Vec<NewRecord> = (0..2_000)
        .map(|id| {
            let stage = *random.pick(&["lead", "open", "won", "lost"]);
            let amount = random.below(1_000_000) as f64 / 100.0;
            let data = json!({ "stage": stage, "amount": amount, "email": format!("u{id}@x.example"), "tags": [stage, "all"], "company": { "size": id } });
            NewRecord::new(format!("d{id}"), data)
        })
        .collect();
    engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
    (engine, entity)
}

/// The plan of the statement that production runs, once it has run often enough for any plan to settle.
async fn settled_plan(engine: &Checked<SqliteEngine>, entity: &EntityRef, query: &RecordQuery) -> Explanation {
    for _ in 0..12 {
        engine.get_records(entity, query).await.unwrap();
    }
    engine.explain(entity, query).await.unwrap()
}

fn filter(json: Value) -> Filter {
    Filter::from_json(&json).unwrap()
}

#[tokio::test]
async fn filters_ranges_and_sorts_read_by_a_scalar_index() {
    let (engine, entity) = deals().await;
    let amount = engine.create_field_index(&entity, &"amount".parse().unwrap(), FieldIndexKind::Scalar).await.unwrap().name;
    let email = engine.create_field_index(&entity, &"email".parse().unwrap(), FieldIndexKind::Scalar).await.unwrap().name;
    let size = engine.create_field_index(&entity, &"company.size".parse().unwrap(), FieldIndexKind::Scalar).await.unwrap().name;
    let descending = || SortKey::descending("amount").unwrap();
    let page = engine.get_records(&entity, &RecordQuery::new().sort(descending()).limit(10)).await.unwrap();
    let cases = [
        (RecordQuery::new().filter(filter(json!({ "email": "u5@x.example" }))), &email),
        (RecordQuery::new().filter(filter(json!({ "email": { "$in": ["u5@x.example", "u6@x.example"] } }))).limit(5), &email),
        (RecordQuery::new().filter(filter(json!({ "email": { "$gte": "u5", "$lt": "u6" } }))), &email),
        (RecordQuery::new().filter(filter(json!({ "amount": { "$gt": 9_990 } }))), &amount),
        (RecordQuery::new().filter(filter(json!({ "company.size": { "$lte": 3 } }))), &size),
        (RecordQuery::new().filter(filter(json!({ "email": "u5@x.example" }))).sort(descending()).limit(10), &email),
        (RecordQuery::new().sort(descending()).limit(10), &amount),
        (RecordQuery::new().sort(SortKey::ascending("amount").unwrap()).limit(10), &amount),
        (RecordQuery::new().sort(descending()).sort(SortKey::ascending("email").unwrap()).limit(10), &amount),
        (RecordQuery::new().filter(filter(json!({ "stage": "won" }))).sort(descending()).limit(10), &amount),
        (
            RecordQuery::new().filter(filter(json!({ "stage": "won", "amount": { "$gt": 5_000 } }))).sort(descending()).limit(50),
            &amount,
        ),
        (RecordQuery::new().sort(descending()).limit(10).cursor(page.next_cursor.clone().unwrap()), &amount),
    ];
    for (query, index) in cases {
        let explained = settled_plan(&engine, &entity, &query).await;
        assert_eq!(explained.indexes, std::slice::from_ref(index), "{query:?}: {:#?}", explained.plan);
        assert!(
            explained.plan.iter().all(|line| !line.starts_with("SCAN r") || line.contains(index.as_str())),
            "{:#?}",
            explained.plan
        );
    }
}

#[tokio::test]
async fn a_field_that_holds_arrays_is_not_read_by_its_scalar_index_and_still_found() {
    let (engine, entity) = deals().await;
    let index = engine.create_field_index(&entity, &"email".parse().unwrap(), FieldIndexKind::Scalar).await.unwrap().name;
    let query = RecordQuery::new().filter(filter(json!({ "email": "u5@x.example" })));
    assert_eq!(engine.explain(&entity, &query).await.unwrap().indexes, [index]);
    let many = NewRecord::new("many", json!({ "email": ["other@x.example", "u5@x.example"] }));
    engine.upsert_records(&entity, &[many], &UpsertOptions::default()).await.unwrap();
    assert_eq!(engine.get_records(&entity, &query).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn membership_reads_by_a_multi_index_kept_up_to_date() {
    let (engine, entity) = deals().await;
    let all = |tag: &str| RecordQuery::new().filter(filter(json!({ "tags": { "$all": [tag, "all"] } })));
    let before = engine.get_records(&entity, &all("won")).await.unwrap().items;
    engine.create_field_index(&entity, &"tags".parse().unwrap(), FieldIndexKind::Multi).await.unwrap();
    assert_eq!(engine.get_records(&entity, &all("won")).await.unwrap().items, before);
    let explained = settled_plan(&engine, &entity, &RecordQuery::new().filter(filter(json!({ "tags": "won" })))).await;
    assert!(explained.plan.iter().any(|line| line.contains("field_values")), "{:#?}", explained.plan);
    assert!(!explained.plan.iter().any(|line| line.starts_with("SCAN r")), "{:#?}", explained.plan);

    let options = UpsertOptions::default();
    let changed: Vec<NewRecord> =
        before.iter().map(|record| NewRecord::new(&record.external_id, json!({ "tags": ["all", "new"] }))).collect();
    engine.upsert_records(&entity, &changed, &options).await.unwrap();
    assert_eq!(engine.get_records(&entity, &all("won")).await.unwrap().items.len(), 0);
    assert_eq!(engine.get_records(&entity, &all("new")).await.unwrap().items.len(), before.len());
    engine.upsert_records(&entity, &[NewRecord::new("extra", json!({ "tags": ["new", "all"] }))], &options).await.unwrap();
    assert_eq!(engine.get_records(&entity, &all("new")).await.unwrap().items.len(), before.len() + 1);
}

#[tokio::test]
async fn indexes_are_listed_made_once_and_dropped() {
    let (engine, entity) = deals().await;
    let path = "stage".parse().unwrap();
    let first = engine.create_field_index(&entity, &path, FieldIndexKind::Scalar).await.unwrap();
    assert_eq!(engine.create_field_index(&entity, &path, FieldIndexKind::Scalar).await.unwrap(), first);
    let multi = engine.create_field_index(&entity, &path, FieldIndexKind::Multi).await.unwrap();
    assert_eq!(engine.list_field_indexes(&entity).await.unwrap(), [first, multi]);
    for kind in [FieldIndexKind::Scalar, FieldIndexKind::Multi] {
        engine.drop_field_index(&entity, &path, kind).await.unwrap();
        assert_eq!(engine.drop_field_index(&entity, &path, kind).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(engine.list_field_indexes(&entity).await.unwrap(), []);
    engine.create_field_index(&entity, &path, FieldIndexKind::Scalar).await.unwrap();
    engine.create_field_index(&entity, &path, FieldIndexKind::Multi).await.unwrap();
    let EntityRef::Id(id) = entity else { unreachable!() };
    assert_eq!(engine.delete_entity_by_id(id).await.unwrap().records, 2_000);
}

#[tokio::test]
async fn paths_that_no_sql_index_can_spell_are_served_by_a_list() {
    let (engine, entity) = deals().await;
    let odd = NewRecord::new("odd", json!({ "it's \"odd\"": { "v": [7, "x"] }, "a\nb": 7 }));
    engine.upsert_records(&entity, &[odd], &UpsertOptions::default()).await.unwrap();
    for (path, wanted, found) in [("it's \"odd\".v", json!(7), 1), ("a\nb", json!(7), 1), ("tags.0", json!("won"), 2)] {
        let query = RecordQuery::new().filter(filter(json!({ path: wanted })));
        let before = engine.get_records(&entity, &query).await.unwrap().items;
        assert!(before.len() >= found, "{path}");
        for kind in [FieldIndexKind::Scalar, FieldIndexKind::Multi] {
            engine.create_field_index(&entity, &path.parse().unwrap(), kind).await.unwrap();
            let plan = settled_plan(&engine, &entity, &query).await.plan;
            assert!(plan.iter().any(|line| line.contains("field_values")), "{plan:#?}");
            assert_eq!(engine.get_records(&entity, &query).await.unwrap().items, before);
            engine.drop_field_index(&entity, &path.parse().unwrap(), kind).await.unwrap();
        }
    }
}
