//! Filters, sorts and pages against core's evaluator, over documents made to be awkward.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{
    Random,
    awkward::{condition, object, path, scalar},
};
use mastra_core::{
    Checked, CountQuery, Engine as _, EntityRef, FieldIndexKind, Filter, NewEntity, NewRecord, Position, Record, RecordQuery,
    RecordSelector, RecordStore as _, SortKey, UpsertOptions, sort::Direction,
};
use mastra_sqlite::{SqliteEngine, connect};
use serde_json::json;

fn sort(random: &mut Random) -> Vec<SortKey> {
    (0..random.below(3))
        .map(|_| {
            let direction = if random.below(2) == 0 { Direction::Ascending } else { Direction::Descending };
            SortKey { path: path(random).parse().unwrap(), direction }
        })
        .collect()
}

struct World {
    engine: Checked<SqliteEngine>,
    entity: EntityRef,
    records: Vec<Record>,
}

async fn world(random: &mut Random, exotic: bool) -> World {
    let engine = connect("sqlite::memory:").await.unwrap();
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Things", "test")).await.unwrap());
    let records: Vec<NewRecord> = (0..250).map(|id| NewRecord::new(format!("r{id}"), object(random, 3, exotic))).collect();
    engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
    let records = engine.get_records(&entity, &RecordQuery::new()).await.unwrap().items;
    assert_eq!(records.len(), 250);
    World { engine, entity, records }
}

impl World {
    /// The ids of what a query without limit, offset and cursor gives, by core alone.
    fn expected(&self, query: &RecordQuery) -> Vec<&str> {
        let mut found: Vec<_> = self.records.iter().filter(|record| query.selects(record)).collect();
        let place = |record: &Record| Position::of(&query.sort, &record.data, record.id);
        found.sort_by(|a, b| place(a).compare(&place(b), &query.sort));
        found.into_iter().map(|record| record.external_id.as_str()).collect()
    }

    async fn agree(&self, random: &mut Random, exotic: bool) -> bool {
        let json = condition(random, 2, exotic);
        let Ok(filter) = Filter::from_json(&json) else { return false };
        let mut query = RecordQuery::new().filter(filter.clone());
        query.sort = sort(random);
        let expected = self.expected(&query);
        let told = || format!("filter {json} sort {:?}", query.sort);
        let page = self.engine.get_records(&self.entity, &query).await.unwrap_or_else(|error| panic!("{error}: {}", told()));
        let found: Vec<&str> = page.items.iter().map(|record| record.external_id.as_str()).collect();
        assert_eq!(found, expected, "{}", told());

        let count = CountQuery { filter: filter.clone(), cap: Some(20), ..CountQuery::default() };
        let count = self.engine.count_records(&self.entity, &count).await.unwrap();
        assert_eq!((count.value, count.capped), (expected.len().min(20) as u64, expected.len() > 20), "count {}", told());

        let (limit, offset) = (1 + random.below(40) as u64, random.below(3) as u64);
        let mut walked: Vec<String> = expected.iter().take(offset as usize).map(|id| (*id).to_owned()).collect();
        let mut step = RecordQuery { limit: Some(limit), offset, ..query.clone() };
        loop {
            let page = self.engine.get_records(&self.entity, &step).await.unwrap_or_else(|error| panic!("{error}: {step:?}"));
            assert!(page.items.len() as u64 <= limit);
            walked.extend(page.items.into_iter().map(|record| record.external_id));
            let Some(cursor) = page.next_cursor else { break };
            step = RecordQuery { limit: Some(limit), cursor: Some(cursor), ..query.clone() };
        }
        assert_eq!(walked, expected, "pages of {limit} behind {offset}: {}", told());
        !expected.is_empty()
    }
}

/// Every query agrees with core, whatever indexes there are.
async fn agrees(seed: u64, exotic: bool, rounds: usize) {
    let mut random = Random::new(seed);
    for stage in 0..3 {
        let world = world(&mut random, exotic).await;
        if stage > 0 {
            for key in ["a", "b", "a.b", "é", "a'b", "c.a.b"] {
                let kind = if stage == 1 || key == "b" { FieldIndexKind::Scalar } else { FieldIndexKind::Multi };
                world.engine.create_field_index(&world.entity, &key.parse().unwrap(), kind).await.unwrap();
            }
        }
        let mut matched = 0;
        for _ in 0..rounds {
            matched += usize::from(world.agree(&mut random, exotic).await);
        }
        assert!(matched * 10 > rounds, "only {matched} of {rounds} filters matched anything");
    }
}

#[tokio::test]
async fn ordinary_documents_agree_with_core() {
    agrees(0x5eed_0001, false, 400).await;
}

#[tokio::test]
async fn documents_that_sql_cannot_judge_agree_with_core() {
    agrees(0x5eed_0002, true, 300).await;
}

/// Indexes on a field that never holds an array are read by, so they get documents of that kind.
#[tokio::test]
async fn flat_documents_agree_with_core_by_index() {
    let mut random = Random::new(0x5eed_0003);
    for exotic in [false, true] {
        let engine = connect("sqlite::memory:").await.unwrap();
        let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Things", "test")).await.unwrap());
        for key in ["a", "b", "c.a"] {
            engine.create_field_index(&entity, &key.parse().unwrap(), FieldIndexKind::Scalar).await.unwrap();
        }
        let flat = |random: &mut Random| loop {
            let found = scalar(random, exotic);
            if !found.is_array() {
                return found;
            }
        };
        let records: Vec<NewRecord> = (0..250)
            .map(|id| {
                let mut data = json!({ "a": flat(&mut random), "b": flat(&mut random), "c": { "a": flat(&mut random) } });
                if random.below(8) == 0 {
                    data.as_object_mut().unwrap().remove(*random.pick(&["a", "b", "c"]));
                }
                NewRecord::new(format!("r{id}"), data)
            })
            .collect();
        engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
        let records = engine.get_records(&entity, &RecordQuery::new()).await.unwrap().items;
        let world = World { engine, entity, records };
        for _ in 0..400 {
            world.agree(&mut random, exotic).await;
        }
    }
}

#[tokio::test]
async fn deleting_by_filter_deletes_exactly_what_matches() {
    let mut random = Random::new(0x5eed_0004);
    for exotic in [false, true] {
        let mut world = world(&mut random, exotic).await;
        for _ in 0..12 {
            let Ok(filter) = Filter::from_json(&condition(&mut random, 2, exotic)) else { continue };
            if filter.is_trivially_true() {
                continue;
            }
            let (gone, kept): (Vec<Record>, Vec<Record>) =
                world.records.into_iter().partition(|record| filter.matches(&record.data));
            let report = world.engine.delete_records(&world.entity, &RecordSelector::Filter(filter)).await.unwrap();
            assert_eq!(report.deleted, gone.len() as u64);
            let left = world.engine.get_records(&world.entity, &RecordQuery::new()).await.unwrap().items;
            assert_eq!(left, kept);
            world.records = kept;
        }
    }
}
