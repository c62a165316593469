//! The filter law against core's evaluator: the server's answers over hostile documents, whatever plan they come by.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "support/generate.rs"]
mod generate;
#[path = "support/store.rs"]
mod store;

use common::TestSchema;
use generate::{Balance, OPERATORS, Random};
use mastra_core::{CountQuery, Engine as _, EntityId, FieldIndexKind, Filter, Path, RecordQuery, RecordStore};
use serde_json::Value;
use store::{engine_with, store};

/// Filters drawn for each operator, in one run.
const FILTERS: usize = 200;
const DOCUMENTS: usize = 250;

/// The positions of the documents that the engine returns.
async fn answer(engine: &impl RecordStore, entity: EntityId, filter: &Filter) -> Vec<usize> {
    let page = engine.get_records(&entity.into(), &RecordQuery::new().filter(filter.clone())).await;
    let page = page.unwrap_or_else(|error| panic!("{error:?} for {filter:?}"));
    let mut found: Vec<usize> = page.into_iter().map(|record| record.external_id.parse().unwrap()).collect();
    found.sort_unstable();
    found
}

async fn differential(engine: &impl RecordStore, entity: EntityId, documents: &[Value], random: &mut Random) {
    let mut balance = Balance::default();
    for operator in OPERATORS {
        for _ in 0..FILTERS {
            let (filter, origin) = generate::filter(random, operator, documents);
            let matcher = filter.clone().matcher();
            let wanted: Vec<usize> = (0..documents.len()).filter(|at| matcher.matches(&documents[*at])).collect();
            let found = answer(engine, entity, &filter).await;
            if let Some(at) = (0..documents.len()).find(|at| wanted.contains(at) != found.contains(at)) {
                panic!("{filter:?}\nof {}\nshould be {}", documents[at], wanted.contains(&at));
            }
            let cap = random.one_in(2).then(|| random.below(wanted.len() + 2) as u64);
            let query = CountQuery { filter: filter.clone(), cap, ..CountQuery::default() };
            let count = engine.count_records(&entity.into(), &query).await.unwrap();
            let most = cap.unwrap_or(u64::MAX);
            let all = wanted.len() as u64;
            assert_eq!((count.value, count.capped), (all.min(most), all > most), "{query:?}");
            let other = random.below(documents.len());
            balance.count(operator, wanted.contains(&origin));
            balance.count(operator, wanted.contains(&other));
        }
    }
    balance.check();
}

#[tokio::test]
async fn every_operator_agrees_with_the_evaluator() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let mut random = Random::new(generate::seed("every_operator_agrees_with_the_evaluator"));
    let documents = generate::documents(&mut random, DOCUMENTS);
    let entity = store(&engine, &documents).await;
    differential(&engine, entity, &documents, &mut random).await;
}

#[tokio::test]
async fn every_operator_agrees_with_the_evaluator_through_a_gin_index_on_the_documents() {
    let schema = TestSchema::new().await;
    let engine = engine_with(&schema, &[("enable_seqscan", "off"), ("enable_indexscan", "off"), ("jit", "off")]).await;
    let mut random = Random::new(generate::seed("every_operator_agrees_with_the_evaluator_through_a_gin_index_on_the_documents"));
    let documents = generate::documents(&mut random, DOCUMENTS);
    let entity = store(&engine, &documents).await;
    let mut conn = schema.connection().await;
    // Over so few rows every other index would be cheaper.
    let only = "CREATE INDEX by_data ON records USING gin (data jsonb_path_ops); DROP INDEX records_entity_idx; \
                ALTER TABLE records DROP CONSTRAINT records_external_id_key";
    sqlx::raw_sql(only).execute(&mut conn).await.unwrap();
    let filter = Filter::eq("a", 1).unwrap();
    let plan = engine.explain(&entity.into(), &RecordQuery::new().filter(filter)).await.unwrap();
    assert!(plan.indexes.contains(&"by_data".to_owned()), "{plan:?}");
    differential(&engine, entity, &documents, &mut random).await;
}

#[tokio::test]
async fn every_operator_agrees_with_the_evaluator_through_field_indexes() {
    let schema = TestSchema::new().await;
    let engine = engine_with(&schema, &[("enable_seqscan", "off"), ("jit", "off")]).await;
    let mut random = Random::new(generate::seed("every_operator_agrees_with_the_evaluator_through_field_indexes"));
    let documents = generate::documents(&mut random, DOCUMENTS);
    let entity = store(&engine, &documents).await;
    for path in ["a", "b", "c", "0", "a.a", "a.b", "b.a", "a.0", "a.a.b"] {
        let path: Path = path.parse().unwrap();
        engine.create_field_index(&entity.into(), &path, FieldIndexKind::Scalar).await.unwrap();
    }
    for path in ["a", "c", "a.c", "b.b", "b.0"] {
        let path: Path = path.parse().unwrap();
        engine.create_field_index(&entity.into(), &path, FieldIndexKind::Multi).await.unwrap();
    }
    differential(&engine, entity, &documents, &mut random).await;
}
