//! Upserts.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, entity, external_ids, filled, get, put, there};
use crate::model::Model;
use crate::random::Random;
use mastra_core::{
    EntityRef, ErrorKind, NewRecord, Record, RecordQuery, RecordSelector, RecordStore, UpsertMode, UpsertOptions, UpsertReport,
    UpsertedRecord,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn mode(mode: UpsertMode) -> UpsertOptions {
    UpsertOptions { mode }
}

fn listed(list: &[UpsertedRecord]) -> Vec<&str> {
    list.iter().map(|record| record.external_id.as_str()).collect()
}

/// How many were created, updated and unchanged.
fn counts(report: &UpsertReport) -> (usize, usize, usize) {
    (report.created.len(), report.updated.len(), report.unchanged.len())
}

/// New records are stored whole and reported with the ids under which they are read.
pub async fn new_records_are_created(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "Contacts").await?;
    let records = [
        NewRecord::new("c-1", json!({ "name": "Ada", "tags": ["x", { "y": null }] })),
        NewRecord::new("c-2", json!({})).entity_type("Lead"),
    ];
    let report = store.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
    ensure_eq!(counts(&report), (2, 0, 0), "created, updated, unchanged");
    ensure_eq!(listed(&report.created), ["c-1", "c-2"], "the order of the report");
    for (new, upserted) in records.iter().zip(&report.created) {
        let record = store.get_record(upserted.id).await?;
        ensure_eq!(record.external_id, new.external_id, "the external id");
        ensure_eq!(record.data, new.data, "the data");
        ensure_eq!(record.id.as_uuid().get_version_num(), 7, "the version of its UUID");
        ensure_eq!(EntityRef::Id(record.entity_id), entity, "its entity");
        ensure_eq!(record.created_at, record.updated_at, "the times of a new record");
        ensure_eq!(record.deleted_at, None, "a live record");
        ensure!(record.generation > 0, "a generation of {}; 0 stands for no record", record.generation);
    }
    ensure_eq!(there(store, &entity, "c-1").await?.entity_type, "Contacts", "the entity type where none is given");
    ensure_eq!(there(store, &entity, "c-2").await?.entity_type, "Lead", "the entity type that was given");
    Ok(())
}

/// Merging puts the top-level keys of the new data in place of the old, whole.
pub async fn merging_replaces_top_level_keys(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": { "x": 1 }, "b": [1], "c": 3 }))]).await?;
    let report = put(store, &entity, [("1", json!({ "a": { "y": 2 }, "b": null, "d": "new" }))]).await?;
    ensure_eq!(counts(&report), (0, 1, 0), "created, updated, unchanged");
    let expected = json!({ "a": { "y": 2 }, "b": null, "c": 3, "d": "new" });
    ensure_eq!(there(store, &entity, "1").await?.data, expected, "the merged data");
    Ok(())
}

/// Replacing leaves nothing of the old data.
pub async fn replacing_takes_the_place_of_all_data(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": { "x": 1 }, "c": 3 }))]).await?;
    let new = [NewRecord::new("1", json!({ "a": { "y": 2 } })), NewRecord::new("2", json!({ "z": 1 }))];
    let report = store.upsert_records(&entity, &new, &mode(UpsertMode::Replace)).await?;
    ensure_eq!(counts(&report), (1, 1, 0), "created, updated, unchanged");
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "a": { "y": 2 } }), "the new data");
    store.upsert_records(&entity, &[NewRecord::new("1", json!({}))], &mode(UpsertMode::Replace)).await?;
    ensure_eq!(there(store, &entity, "1").await?.data, json!({}), "replaced with nothing");
    Ok(())
}

/// A deep merge joins objects at every level; null is a value, arrays are replaced.
pub async fn deep_merging_joins_objects_at_every_level(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": { "x": { "p": 1 }, "l": [1, 2] }, "s": 1 }))]).await?;
    let patch = json!({ "a": { "x": { "q": null }, "l": [3] }, "s": { "now": "an object" } });
    store.upsert_records(&entity, &[NewRecord::new("1", patch)], &mode(UpsertMode::DeepMerge)).await?;
    let expected = json!({ "a": { "x": { "p": 1, "q": null }, "l": [3] }, "s": { "now": "an object" } });
    ensure_eq!(there(store, &entity, "1").await?.data, expected, "the merged data");
    store.upsert_records(&entity, &[NewRecord::new("1", json!({ "a": 5 }))], &mode(UpsertMode::DeepMerge)).await?;
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "a": 5, "s": { "now": "an object" } }), "an object replaced");
    Ok(())
}

/// Keys are removed from what is stored, then the data is merged; removing what is not there is no change.
pub async fn keys_are_removed_before_the_merge(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": 1, "b": { "c": 2 }, "d.e": 3 }))]).await?;
    let upsert = async |record: NewRecord| store.upsert_records(&entity, &[record], &UpsertOptions::default()).await;
    let report = upsert(NewRecord::new("1", json!({})).remove_keys(["absent", "b.c"])).await?;
    ensure_eq!(counts(&report), (0, 0, 1), "removing keys that are not there: created, updated, unchanged");
    upsert(NewRecord::new("1", json!({ "f": 4 })).remove_keys(["a", "d.e"])).await?;
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "b": { "c": 2 }, "f": 4 }), "after removing a and d.e");
    upsert(NewRecord::new("1", json!({ "b": 7 })).remove_keys(["b"])).await?;
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "b": 7, "f": 4 }), "a key removed and set again");
    upsert(NewRecord::new("2", json!({ "x": 1 })).remove_keys(["x", "y"])).await?;
    ensure_eq!(there(store, &entity, "2").await?.data, json!({ "x": 1 }), "removing from a new record");
    let record = NewRecord::new("1", json!({ "b": { "z": 1 } })).remove_keys(["f"]);
    store.upsert_records(&entity, &[record], &mode(UpsertMode::DeepMerge)).await?;
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "b": { "z": 1 } }), "removing in a deep merge");
    Ok(())
}

/// A record that would not change is reported with its id, and nothing of it moves.
pub async fn unchanged_records_are_left_alone(store: &dyn RecordStore) -> Outcome {
    let data = json!({ "a": 1, "b": { "x": [1, { "y": null }], "z": "t" }, "c": 2.5 });
    let entity = filled(store, "E", [("1", data.clone()), ("2", json!({ "a": 2 }))]).await?;
    let before = store.get_records(&entity, &RecordQuery::new()).await?.items;
    let ids: Vec<_> = before.iter().map(|record| record.id).collect();
    let other_order: Value = serde_json::from_str(r#"{ "c": 2.5, "b": { "z": "t", "x": [1, { "y": null }] }, "a": 1 }"#)?;
    for (options, patch) in [
        (UpsertMode::Merge, json!({ "a": 1 })),
        (UpsertMode::Merge, json!({})),
        (UpsertMode::Merge, other_order.clone()),
        (UpsertMode::Replace, data.clone()),
        (UpsertMode::Replace, other_order),
        (UpsertMode::DeepMerge, json!({ "b": { "z": "t" } })),
        (UpsertMode::DeepMerge, json!({ "b": {} })),
    ] {
        let second = if options == UpsertMode::Replace { json!({ "a": 2 }) } else { json!({}) };
        let records = [NewRecord::new("1", patch.clone()), NewRecord::new("2", second)];
        let report = store.upsert_records(&entity, &records, &mode(options)).await?;
        ensure_eq!(counts(&report), (0, 0, 2), "{options:?} of {patch}: created, updated, unchanged");
        ensure_eq!(report.unchanged.iter().map(|record| record.id).collect::<Vec<_>>(), ids, "the ids reported");
        let after = store.get_records(&entity, &RecordQuery::new()).await?.items;
        ensure_eq!(after, before, "the records after {options:?} of {patch}");
    }
    Ok(())
}

/// Numbers that are spelled otherwise and have the same decimal value are no change; other values are.
pub async fn a_change_of_spelling_is_no_change(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let spellings = [("1", "1.0"), ("100", "1e2"), ("-0.0", "0"), ("2.50", "2.5"), ("9007199254740993", "9007199254740993.0")];
    for (at, (first, second)) in spellings.iter().enumerate() {
        let (Ok(first), Ok(second)) = (serde_json::from_str::<Value>(first), serde_json::from_str::<Value>(second)) else {
            continue;
        };
        // Without exact numbers the last pair is two values.
        if !mastra_core::number::values_equal(&first, &second) {
            continue;
        }
        let id = at.to_string();
        put(store, &entity, [(id.as_str(), json!({ "n": first, "l": [{ "m": first }] }))]).await?;
        let before = there(store, &entity, &id).await?;
        let report = put(store, &entity, [(id.as_str(), json!({ "n": second, "l": [{ "m": second }] }))]).await?;
        ensure_eq!(counts(&report), (0, 0, 1), "{first} to {second}: created, updated, unchanged");
        ensure_eq!(there(store, &entity, &id).await?, before, "the record that was {first} and is {second}");
    }
    for (first, second) in [
        (json!(1), json!(true)),
        (json!(1), json!("1")),
        (json!(0), json!(false)),
        (json!(null), json!(false)),
        (json!("a"), json!("A")),
        (json!([]), json!({})),
        (json!([1, 2]), json!([2, 1])),
        (json!(9_007_199_254_740_992_i64), json!(9_007_199_254_740_993_i64)),
    ] {
        put(store, &entity, [("x", json!({ "v": first }))]).await?;
        let report = put(store, &entity, [("x", json!({ "v": second }))]).await?;
        ensure_eq!(counts(&report), (0, 1, 0), "{first} to {second}: created, updated, unchanged");
        ensure_eq!(there(store, &entity, "x").await?.data, json!({ "v": second }), "the new value");
    }
    let report = put(store, &entity, [("x", json!({ "w": null }))]).await?;
    ensure_eq!(counts(&report), (0, 1, 0), "null where nothing was: created, updated, unchanged");
    Ok(())
}

/// An entity type is kept where none is given; another alone is a change.
pub async fn an_entity_type_is_kept_and_changed(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "Contacts").await?;
    let upsert = async |record: NewRecord| store.upsert_records(&entity, &[record], &UpsertOptions::default()).await;
    upsert(NewRecord::new("1", json!({ "a": 1 })).entity_type("Lead")).await?;
    let before = there(store, &entity, "1").await?;
    ensure_eq!(counts(&upsert(NewRecord::new("1", json!({ "a": 1 }))).await?), (0, 0, 1), "no type given");
    ensure_eq!(counts(&upsert(NewRecord::new("1", json!({})).entity_type("Lead")).await?), (0, 0, 1), "the same type given");
    ensure_eq!(there(store, &entity, "1").await?, before, "the record so far");
    ensure_eq!(counts(&upsert(NewRecord::new("1", json!({})).entity_type("Customer")).await?), (0, 1, 0), "another type given");
    let after = there(store, &entity, "1").await?;
    ensure_eq!((after.entity_type.as_str(), &after.data), ("Customer", &json!({ "a": 1 })), "type and data");
    ensure!(after.updated_at > before.updated_at && after.generation > before.generation, "a new type did not move the record");
    Ok(())
}

/// With every change `updated_at` and the generation of a record grow; id and `created_at` stay.
pub async fn updated_at_and_generation_only_move_forward(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "n": 0 }))]).await?;
    let first = there(store, &entity, "1").await?;
    let mut last = first.clone();
    for n in 1..=40 {
        put(store, &entity, [("1", json!({ "n": n }))]).await?;
        let now = there(store, &entity, "1").await?;
        ensure!(now.updated_at > last.updated_at, "updated_at went from {} to {}", last.updated_at, now.updated_at);
        ensure!(now.generation > last.generation, "the generation went from {} to {}", last.generation, now.generation);
        ensure_eq!((now.id, now.created_at), (first.id, first.created_at), "id and created_at");
        last = now;
    }
    Ok(())
}

/// Creating, changing, deleting and reviving take a higher generation than any record of the store had before.
pub async fn generations_grow_over_the_whole_store(store: &dyn RecordStore) -> Outcome {
    let entities = [entity(store, "A").await?, entity(store, "B").await?];
    let mut highest = 0;
    for round in 0..4 {
        for (at, entity) in entities.iter().enumerate() {
            match round {
                0 | 1 | 3 => put(store, entity, [("1", json!({ "n": round }))]).await.map(drop)?,
                _ => store.delete_records(entity, &RecordSelector::All).await.map(drop)?,
            }
            let rows = store.get_records(entity, &RecordQuery::new().include_deleted()).await?.items;
            let generation = rows.first().map_or(0, |record| record.generation);
            ensure!(generation > highest, "round {round} of entity {at}: generation {generation} behind {highest}");
            highest = generation;
        }
    }
    let entity = filled(store, "Batch", (0..50).map(|n| (n.to_string(), json!({})))).await?;
    let rows = store.get_records(&entity, &RecordQuery::new()).await?.items;
    let distinct: BTreeSet<i64> = rows.iter().map(|record| record.generation).collect();
    ensure_eq!(distinct.len(), 50, "distinct generations of one batch");
    ensure!(distinct.first().is_some_and(|lowest| *lowest > highest), "a batch took a generation that was passed");
    Ok(())
}

/// A write with an expected generation happens only while that is stored; 0 stands for no live record.
pub async fn an_expected_generation_guards_the_write(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let upsert = async |records: &[NewRecord]| store.upsert_records(&entity, records, &UpsertOptions::default()).await;
    let expecting = |generation: i64, data: Value| NewRecord::new("1", data).expect_generation(generation);
    let absent = refused(upsert(&[expecting(7, json!({}))]).await, ErrorKind::Conflict)?;
    ensure_eq!(absent.get("externalId"), Some("1"), "the record that the conflict names");
    ensure!(!absent.is_retryable(), "the same call again cannot succeed");
    upsert(&[expecting(0, json!({ "n": 1 }))]).await?;
    refused(upsert(&[expecting(0, json!({ "n": 2 }))]).await, ErrorKind::Conflict)?;
    let first = there(store, &entity, "1").await?;
    upsert(&[expecting(first.generation, json!({ "n": 2 }))]).await?;
    let second = there(store, &entity, "1").await?;
    ensure_eq!(second.data, json!({ "n": 2 }), "the guarded write");
    refused(
        upsert(&[NewRecord::new("new", json!({})), expecting(first.generation, json!({ "n": 3 }))]).await,
        ErrorKind::Conflict,
    )?;
    ensure_eq!(there(store, &entity, "1").await?, second, "the record after the conflict");
    ensure_eq!(get(store, &entity, "new").await?, None, "the rest of a refused batch");
    refused(upsert(&[expecting(first.generation, json!({ "n": 2 }))]).await, ErrorKind::Conflict)?;
    ensure_eq!(
        counts(&upsert(&[expecting(second.generation, json!({ "n": 2 }))]).await?),
        (0, 0, 1),
        "no change, rightly expected"
    );
    store.delete_records(&entity, &RecordSelector::All).await?;
    refused(upsert(&[expecting(second.generation, json!({ "n": 4 }))]).await, ErrorKind::Conflict)?;
    ensure_eq!(counts(&upsert(&[expecting(0, json!({ "n": 4 }))]).await?), (1, 0, 0), "a deleted record counts as none");
    Ok(())
}

/// After the first write of a batch the second could not hold.
pub async fn a_repeated_id_with_an_expected_generation_is_refused(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let plain = NewRecord::new("1", json!({ "n": 1 }));
    let expecting = NewRecord::new("1", json!({ "n": 2 })).expect_generation(0);
    for batch in [[plain.clone(), expecting.clone()], [expecting.clone(), plain]] {
        refused(store.upsert_records(&entity, &batch, &UpsertOptions::default()).await, ErrorKind::InvalidInput)?;
    }
    ensure_eq!(count(store, &entity).await?, 0, "records after the refusals");
    Ok(())
}

/// Upserting a deleted id revives the record: its id and `created_at`, the new data only, counted as created.
pub async fn a_deleted_record_is_revived_with_the_new_data_only(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "Contacts").await?;
    for (at, options) in [UpsertMode::Merge, UpsertMode::Replace, UpsertMode::DeepMerge].into_iter().enumerate() {
        let id = at.to_string();
        let old = NewRecord::new(&id, json!({ "old": 1, "same": { "a": 1 } })).entity_type("Lead");
        store.upsert_records(&entity, &[old], &mode(options)).await?;
        let live = there(store, &entity, &id).await?;
        store.delete_records(&entity, &RecordSelector::Ids(vec![live.id])).await?;
        let rows = store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
        let deleted = rows.into_iter().find(|record| record.external_id == id);
        let deleted_generation = deleted.map_or(0, |record| record.generation);
        let report = store.upsert_records(&entity, &[NewRecord::new(&id, json!({ "same": { "b": 2 } }))], &mode(options)).await?;
        ensure_eq!(counts(&report), (1, 0, 0), "{options:?}: created, updated, unchanged");
        let revived = there(store, &entity, &id).await?;
        ensure_eq!(revived.data, json!({ "same": { "b": 2 } }), "{options:?}: the data of the revived record");
        ensure_eq!((revived.id, revived.created_at), (live.id, live.created_at), "{options:?}: id and created_at");
        ensure_eq!(report.created.iter().map(|record| record.id).collect::<Vec<_>>(), [live.id], "{options:?}: the id reported");
        ensure_eq!(revived.deleted_at, None, "{options:?}: it lives");
        ensure_eq!(revived.entity_type, "Contacts", "{options:?}: the entity type is the new one, that is the entity's name");
        ensure!(revived.updated_at > live.updated_at, "{options:?}: updated_at stood still");
        ensure!(revived.generation > deleted_generation, "{options:?}: the generation stood still");
    }
    Ok(())
}

/// An empty batch does nothing to an entity that exists.
pub async fn an_empty_batch_is_a_no_op(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({}))]).await?;
    let before = store.resolve_entity(&entity).await?;
    ensure_eq!(store.upsert_records(&entity, &[], &UpsertOptions::default()).await?, UpsertReport::default(), "the report");
    ensure_eq!(store.resolve_entity(&entity).await?, before, "the entity");
    Ok(())
}

/// Anything but an object is refused, and the error says which record it was.
pub async fn data_has_to_be_an_object(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    for data in [json!(null), json!(1), json!("text"), json!([{}]), json!(true)] {
        let error = refused(put(store, &entity, [("ok", json!({})), ("bad", data)]).await, ErrorKind::InvalidInput)?;
        ensure_eq!(error.get("record"), Some("1"), "the position that the error names");
    }
    ensure_eq!(count(store, &entity).await?, 0, "records after the refusals");
    Ok(())
}

/// A batch is stored whole or not at all.
pub async fn a_refused_record_refuses_the_batch(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("there", json!({ "n": 1 }))]).await?;
    let before = there(store, &entity, "there").await?;
    let mut batch: Vec<NewRecord> = (0..200).map(|n| NewRecord::new(format!("new-{n}"), json!({ "n": n }))).collect();
    batch.push(NewRecord::new("there", json!({ "n": 2 })));
    batch.push(NewRecord::new("stale", json!({})).expect_generation(1));
    refused(store.upsert_records(&entity, &batch, &UpsertOptions::default()).await, ErrorKind::Conflict)?;
    ensure_eq!(count(store, &entity).await?, 1, "records after the refusal");
    ensure_eq!(there(store, &entity, "there").await?, before, "the record that was there");
    Ok(())
}

/// Each id stands in one list, in the order of its first mention.
pub async fn a_report_follows_the_order_of_first_mention(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", ["u2", "s2", "u1", "s1"].map(|id| (id, json!({ "n": 0 })))).await?;
    let batch = [("c2", 1), ("s2", 0), ("u2", 1), ("c1", 1), ("u1", 1), ("s1", 0), ("c2", 2), ("u2", 2)];
    let report = put(store, &entity, batch.map(|(id, n)| (id, json!({ "n": n })))).await?;
    ensure_eq!(listed(&report.created), ["c2", "c1"], "created");
    ensure_eq!(listed(&report.updated), ["u2", "u1"], "updated");
    ensure_eq!(listed(&report.unchanged), ["s2", "s1"], "unchanged");
    ensure_eq!(report.total(), 6, "records that the call spoke of");
    for upserted in report.created.iter().chain(&report.updated).chain(&report.unchanged) {
        ensure_eq!(there(store, &entity, &upserted.external_id).await?.id, upserted.id, "the id of {}", upserted.external_id);
    }
    Ok(())
}

/// Without a sort, records stand in the order in which they were made: those of one batch in its order, whatever the mode.
pub async fn records_stand_in_the_order_of_their_batch(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let mut expected = Vec::new();
    for (round, mode) in [UpsertMode::Merge, UpsertMode::Replace, UpsertMode::DeepMerge].into_iter().enumerate() {
        let ids: Vec<String> = ["m", "z", "a", "q", "b"].iter().map(|id| format!("{id}{round}")).collect();
        let batch: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(id, json!({ "n": round }))).collect();
        store.upsert_records(&entity, &batch, &UpsertOptions { mode }).await?;
        expected.extend(ids);
    }
    let batch = ["y", "c"].map(|id| NewRecord::new(id, json!({})).expect_generation(0));
    store.upsert_records(&entity, &batch, &UpsertOptions::default()).await?;
    expected.extend(["y", "c"].map(str::to_owned));
    let found = store.get_records(&entity, &RecordQuery::new()).await?.items;
    ensure_eq!(external_ids(&found), expected, "the order of creation");
    Ok(())
}

/// Random batches, with repeated ids in every mode, end as the same records sent one by one.
pub async fn batches_end_like_sequential_calls(store: &dyn RecordStore) -> Outcome {
    let mut random = Random::seeded("batches_end_like_sequential_calls");
    let entity = entity(store, "E").await?;
    let mut model = Model::new("E");
    for round in 0..40 {
        let options = match random.below(3) {
            0 => UpsertMode::Merge,
            1 => UpsertMode::Replace,
            _ => UpsertMode::DeepMerge,
        };
        let batch: Vec<NewRecord> = (0..random.within(1..12)).map(|_| random_record(&mut random)).collect();
        let before = model.clone();
        batch.iter().for_each(|record| model.upsert(record, options));
        let report = store.upsert_records(&entity, &batch, &mode(options)).await?;
        let shown = || {
            format!(
                "round {round}, {options:?} of {}",
                json!(batch.iter().map(|r| json!([r.external_id, r.data, r.remove_keys, r.entity_type])).collect::<Vec<_>>())
            )
        };
        let lists = [&report.created, &report.updated, &report.unchanged]
            .map(|list| list.iter().map(|r| r.external_id.clone()).collect::<BTreeSet<_>>());
        ensure_eq!(lists, model.compared_with(&before, &batch), "created, updated and unchanged of {}", shown());
        if random.one_in(4) {
            let id = random.below(6).to_string();
            model.delete(&id);
            store.delete_records(&entity, &RecordSelector::ExternalIds(vec![id])).await?;
        }
        let rows = store.get_records(&entity, &RecordQuery::new()).await?.items;
        let stored: BTreeMap<String, (Value, String)> =
            rows.into_iter().map(|r: Record| (r.external_id, (r.data, r.entity_type))).collect();
        ensure_eq!(&stored, model.live(), "what is stored after {}", shown());
    }
    Ok(())
}

fn random_record(random: &mut Random) -> NewRecord {
    let keys = ["a", "b", "c"];
    let mut record = NewRecord::new(random.below(6).to_string(), random_object(random, &keys, 2));
    if random.one_in(3) {
        record = record.remove_keys(random.pick(&keys).copied());
    }
    if random.one_in(4) {
        record = record.entity_type(random.one_of(["X", "Y", "E"]));
    }
    record
}

fn random_object(random: &mut Random, keys: &[&str], depth: usize) -> Value {
    let mut object = serde_json::Map::new();
    for key in keys {
        if random.one_in(2) {
            let value = match random.below(if depth > 0 { 6 } else { 4 }) {
                0 => json!(null),
                1 => json!(random.below(2)),
                2 => json!(random.one_of(["x", "y"])),
                3 => json!([random.below(2)]),
                _ => random_object(random, keys, depth - 1),
            };
            object.insert((*key).to_owned(), value);
        }
    }
    Value::Object(object)
}

/// Batches of thousands are stored whole, whatever way the backend takes for them, and told apart from what was there.
pub async fn large_batches_are_written_whole(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let document = |n: usize| json!({ "n": n, "text": format!("row {n} — é \"quoted\"\t\\"), "nested": { "list": [n, null] } });
    let total = 6_000;
    let report = put(store, &entity, (0..total).map(|n| (format!("id-{n}"), document(n)))).await?;
    ensure_eq!(counts(&report), (total, 0, 0), "the first time: created, updated, unchanged");
    let order: Vec<String> = (0..total).map(|n| format!("id-{n}")).collect();
    ensure_eq!(listed(&report.created), order, "the order of the report");
    let changed = |n: usize| if n.is_multiple_of(10) { json!({ "changed": true }) } else { document(n) };
    let batch = (0..total + 500).map(|n| (format!("id-{n}"), if n < total { changed(n) } else { document(n) }));
    let report = put(store, &entity, batch).await?;
    ensure_eq!(counts(&report), (500, total / 10, total - total / 10), "the second time: created, updated, unchanged");
    let rows = store.get_records(&entity, &RecordQuery::new()).await?.items;
    ensure_eq!(rows.len(), total + 500, "records");
    let by_id: BTreeMap<String, Value> = rows.iter().map(|record| (record.external_id.clone(), record.data.clone())).collect();
    ensure_eq!(by_id.len(), external_ids(&rows).len(), "distinct external ids");
    for n in 0..total + 500 {
        let mut expected = document(n);
        if n < total
            && n % 10 == 0
            && let Value::Object(map) = &mut expected
        {
            map.insert("changed".into(), json!(true));
        }
        ensure_eq!(by_id.get(&format!("id-{n}")), Some(&expected), "the record id-{n}");
    }
    Ok(())
}
