//! Claims are checked both ways: what is claimed works, what is not is refused as `Unsupported`.

use crate::failure::{Failure, Outcome, ensure, ensure_eq, not_claimed, refused};
use crate::fixture::{CONNECTION, count, entity, filled, found, get, matching, put};
use crate::harness::TestEngine;
use mastra_core::{
    Capabilities, CountQuery, Engine, ErrorKind, Filter, NewRecord, RecordQuery, RecordSelector, RecordStore,
    RecordStoreExt as _, Result, SortKey, TextSearch, UpsertMode, UpsertOptions, time::now,
};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::sync::Arc;

/// Refusing is not a way to pass: every engine has the whole filter language, all reads, writes and searches.
pub async fn the_required_capabilities_are_claimed(engine: Arc<dyn Engine>) -> Outcome {
    let (has, all) = (engine.capabilities(), Capabilities::all());
    ensure_eq!(has.filter, all.filter, "the filter language");
    ensure_eq!(has.query, all.query, "reading");
    ensure_eq!(has.write, all.write, "writing");
    ensure_eq!(has.text, all.text, "full-text search");
    Ok(())
}

#[track_caller]
fn held<T: Debug>(claimed: bool, result: Result<T>, what: &str) -> Outcome<Option<T>> {
    if claimed {
        return result.map(Some).map_err(|error| Failure::from(error).about(format!("{what} is claimed")));
    }
    refused(result, ErrorKind::Unsupported).map_err(|failure| failure.about(format!("{what} is not claimed")))?;
    Ok(None)
}

/// Every operator that is claimed answers, in pages, counts, deletes, searches and streams; every other is refused in all of them.
pub async fn filter_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    let rows = [("yes", json!({ "a": [1, "x"], "b": { "c": 5 }, "t": "word" })), ("no", json!({ "z": 0, "t": "word" }))];
    let entity = filled(&*engine, "E", rows).await?;
    engine.declare_text_index(&entity, &["t".parse()?]).await?;
    let can = engine.capabilities().filter;
    for (claimed, filter) in [
        (can.eq, json!({ "a": 1 })),
        (can.is_in, json!({ "a": { "$in": [1, 2] } })),
        (can.all, json!({ "a": { "$all": [1, "x"] } })),
        (can.range, json!({ "b.c": { "$gt": 4 } })),
        (can.size, json!({ "a": { "$size": 2 } })),
        (can.exists, json!({ "a": { "$exists": true } })),
        (can.regex, json!({ "a": { "$regex": "^x$" } })),
        (can.contains, json!({ "a": { "$contains": "X" } })),
        (can.elem_match && can.eq, json!({ "a": { "$elemMatch": { "$eq": "x" } } })),
        (can.not && can.eq, json!({ "$not": { "z": 0 } })),
        (can.or && can.eq, json!({ "$or": [{ "a": 7 }, { "a": "x" }] })),
    ] {
        let what = filter.to_string();
        let filter = Filter::from_json(&filter)?;
        let query = RecordQuery::new().filter(filter.clone());
        if let Some(ids) = held(claimed, matching(&*engine, &entity, filter.clone()).await, &what)? {
            ensure_eq!(ids, ["yes"], "{what}");
        }
        let counted = CountQuery { filter: filter.clone(), ..CountQuery::default() };
        held(claimed, engine.count_records(&entity, &counted).await, &what)?;
        let streamed = engine.stream_records(&entity, &query).await.map(|_| "a stream");
        held(claimed, streamed, &what)?;
        if engine.capabilities().text.filter && engine.capabilities().text.words {
            held(claimed, engine.search_text(&entity, &TextSearch::new("word").filter(filter.clone())).await, &what)?;
        }
        let both = filter & Filter::And(vec![query.filter]);
        if let Some(report) = held(claimed, engine.delete_records(&entity, &RecordSelector::Filter(both)).await, &what)? {
            ensure_eq!(report.deleted, 1, "deleted by {what}");
            put(&*engine, &entity, [("yes", json!({ "a": [1, "x"], "b": { "c": 5 }, "t": "word" }))]).await?;
        }
    }
    Ok(())
}

/// Every way of reading that is claimed works, and every other is refused.
pub async fn query_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", (0..4).map(|n| (n.to_string(), json!({ "n": 3 - n, "m": 1 })))).await?;
    engine.delete_records(&entity, &RecordSelector::ExternalIds(vec!["3".into()])).await?;
    let can = engine.capabilities().query;
    let ask = async |query: &RecordQuery| found(&*engine, &entity, query).await;
    if let Some(ids) = held(can.sort, ask(&RecordQuery::new().sort(SortKey::ascending("n")?)).await, "sort")? {
        ensure_eq!(ids, ["2", "1", "0"], "sorted");
    }
    if let Some(ids) = held(can.offset, ask(&RecordQuery::new().offset(2)).await, "offset")? {
        ensure_eq!(ids.len(), 1, "rows behind the offset");
    }
    if let Some(ids) = held(can.include_deleted, ask(&RecordQuery::new().include_deleted()).await, "include_deleted")? {
        ensure_eq!(ids.len(), 4, "rows with the deleted one");
    }
    let past = now() - chrono::TimeDelta::days(1);
    if let Some(ids) = held(can.updated_after, ask(&RecordQuery::new().updated_after(past)).await, "updated_after")? {
        ensure_eq!(ids.len(), 3, "rows changed since yesterday");
    }
    let fields = RecordQuery::new().fields(["m".parse()?]);
    if let Some(page) = held(can.fields, engine.get_records(&entity, &fields).await, "fields")? {
        ensure!(page.items.iter().all(|record| record.data == json!({ "m": 1 })), "other fields are shown");
    }
    let first = engine.get_records(&entity, &RecordQuery::new().limit(2)).await?;
    ensure!(first.next_cursor.is_some() || !can.cursor, "cursors are claimed, and a page that goes on has none");
    if let Some(cursor) = first.next_cursor {
        held(can.cursor, ask(&RecordQuery::new().cursor(cursor)).await, "cursor")?;
    }
    held(can.explain, engine.explain(&entity, &RecordQuery::new()).await, "explain")?;
    let deleted = CountQuery { include_deleted: true, ..CountQuery::default() };
    held(can.include_deleted, engine.count_records(&entity, &deleted).await, "include_deleted in a count")?;
    let changed = CountQuery { updated_after: Some(past), ..CountQuery::default() };
    held(can.updated_after, engine.count_records(&entity, &changed).await, "updated_after in a count")?;
    Ok(())
}

/// Every way of writing that is claimed works, and every other is refused without an effect.
pub async fn write_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", [("1", json!({ "a": { "b": 1 }, "c": 2 }))]).await?;
    let can = engine.capabilities().write;
    ensure_eq!(engine.changes().is_some(), can.change_queue, "a queue of changes, as claimed");
    ensure_eq!(engine.syncs().is_some(), can.sync_store, "what is remembered of syncs, as claimed");
    let write =
        async |record: NewRecord, mode: UpsertMode| engine.upsert_records(&entity, &[record], &UpsertOptions { mode }).await;
    let data = async || get(&*engine, &entity, "1").await.map(|record| record.map(|record| record.data));
    let deep = write(NewRecord::new("1", json!({ "a": { "d": 3 } })), UpsertMode::DeepMerge).await;
    let expected = match held(can.deep_merge, deep, "deep_merge")? {
        Some(_) => json!({ "a": { "b": 1, "d": 3 }, "c": 2 }),
        None => json!({ "a": { "b": 1 }, "c": 2 }),
    };
    ensure_eq!(data().await?, Some(expected), "after a deep merge");
    if held(can.replace, write(NewRecord::new("1", json!({ "c": 2 })), UpsertMode::Replace).await, "replace")?.is_some() {
        ensure_eq!(data().await?, Some(json!({ "c": 2 })), "after replacing");
    }
    let removed = write(NewRecord::new("1", json!({})).remove_keys(["c"]), UpsertMode::Merge).await;
    let gone = held(can.remove_keys, removed, "remove_keys")?.is_some();
    ensure_eq!(data().await?.and_then(|data| data.get("c").cloned()).is_none(), gone, "whether the key is gone");
    held(
        can.expected_generation,
        write(NewRecord::new("new", json!({})).expect_generation(0), UpsertMode::Merge).await,
        "expected_generation",
    )?;
    ensure_eq!(get(&*engine, &entity, "new").await?.is_some(), can.expected_generation, "whether the guarded write happened");
    held(can.transactions, engine.begin().await.map(|_| "a transaction"), "transactions")?;
    Ok(())
}

/// Every form of search that is claimed works, and every other is refused.
pub async fn text_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", [("1", json!({ "t": "one two" })), ("2", json!({ "t": "two one" }))]).await?;
    engine.declare_text_index(&entity, &["t".parse()?]).await?;
    let can = engine.capabilities().text;
    for (claimed, search, total) in [
        (can.words, TextSearch::new("one"), 2),
        (can.words && can.phrases, TextSearch::new("\"one two\""), 1),
        (can.words && can.prefixes, TextSearch::new("on*"), 2),
        (
            can.words && can.filter && engine.capabilities().filter.eq,
            TextSearch::new("one").filter(Filter::eq("t", "two one")?),
            1,
        ),
    ] {
        if let Some(found) = held(claimed, engine.search_text(&entity, &search).await, &search.query)? {
            ensure_eq!(found.total, total, "hits of {search:?}");
        }
    }
    Ok(())
}

/// U+0000 and numbers without bounds are kept where that is claimed, and refused by path where not.
pub async fn data_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    let can = engine.capabilities().data;

    let exact = |text: &str| serde_json::from_str::<Value>(text).ok().filter(|number| format!("{number}").contains('e'));
    let (huge, tiny) = (exact("1e200000"), exact("1e-20000"));
    let cases = [(can.nul_characters, Some(json!("\0"))), (can.unbounded_numbers, huge), (can.unbounded_numbers, tiny)];
    for (claimed, value) in cases {
        // Numbers that serde_json itself cannot hold never reach a backend.
        let Some(value) = value else { continue };
        let stored = put(&*engine, &entity, [("1", json!({ "v": value }))]).await;
        if claimed {
            stored?;
            let back = get(&*engine, &entity, "1").await?.map(|record| record.data);
            ensure_eq!(back, Some(json!({ "v": value })), "what was stored");
        } else {
            let error = refused(stored, ErrorKind::InvalidInput)?;
            ensure_eq!(error.get("path"), Some("v"), "the path of the refusal");
        }
    }
    Ok(())
}

/// Indexes are built where that is claimed, and refused where not.
pub async fn administration_claims_are_true(engine: Arc<dyn Engine>) -> Outcome {
    match super::field_indexes::an_index_is_built_listed_and_dropped(engine).await {
        // The refusal is what this case asks for.
        Err(failure) if failure.lacking().is_some() => Ok(()),
        outcome => outcome,
    }
}

/// What is claimed to be shared by processes is seen through a second handle; what is claimed to persist is there after closing.
///
/// A backend that claims neither keeps nothing for a second handle that is opened after the first was closed.
pub async fn a_second_handle_sees_what_is_claimed(fresh: &TestEngine) -> Outcome {
    let engine = &fresh.engine;
    let can = engine.capabilities().admin;
    let Some(reopen) = &fresh.reopen else {
        let unproven = can.persistent || can.multi_process;
        ensure!(!unproven, "persistence or sharing is claimed, and the test's factory does not say how to open the data again");
        return not_claimed("admin.persistent or admin.multiProcess");
    };
    let entity = filled(&**engine, "E", [("1", json!({ "n": 1 }))]).await?;
    if can.multi_process {
        let second = reopen().await?;
        ensure_eq!(count(&*second, &entity).await?, 1, "records that a second handle sees");
        put(&*second, &entity, [("2", json!({}))]).await?;
        ensure_eq!(count(&**engine, &entity).await?, 2, "records that the first handle sees");
        second.close().await?;
        ensure_eq!(count(&**engine, &entity).await?, 2, "records after closing the second handle");
    }
    let before = count(&**engine, &entity).await?;
    engine.close().await?;
    let later = reopen().await?;
    let there = later.get_entity(Some("E"), Some(CONNECTION)).await.is_ok();
    ensure_eq!(there, can.persistent, "whether the entity is there after closing");
    if there {
        ensure_eq!(count(&*later, &entity).await?, before, "records after closing");
    }
    later.close().await?;
    Ok(())
}
