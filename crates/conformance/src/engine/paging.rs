//! Keyset cursors.

use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use crate::fixture::{entity, external_ids, filled, found, put};
use mastra_core::{Cursor, EntityRef, ErrorKind, Filter, RecordQuery, RecordSelector, RecordStore, SortKey, time::now};
use serde_json::{Value, json};

/// Rows of every type, with ties on every key.
fn rows() -> impl Iterator<Item = (String, Value)> {
    let values = [
        json!(1),
        json!(1.0),
        json!(2.5),
        json!(-3),
        json!("a"),
        json!("b"),
        json!("a"),
        json!(""),
        json!(true),
        json!(false),
        json!(null),
        json!(null),
        json!([]),
        json!([1]),
        json!({}),
        json!({ "x": 1 }),
        json!(9_007_199_254_740_993_i64),
    ];
    (0..60_usize).map(move |n| {
        let mut row = json!({ "group": n % 3, "text": format!("t{}", n % 7), "tags": [n % 2, "t"] });
        if let (Some(value), Value::Object(map)) = (values.get(n % 20), &mut row) {
            map.insert("v".into(), value.clone());
        }
        (format!("r{n}"), row)
    })
}

async fn pages(
    store: &dyn RecordStore,
    entity: &EntityRef,
    query: &RecordQuery,
    limit: u64,
    whole: usize,
) -> Outcome<Vec<String>> {
    let mut query = RecordQuery { limit: Some(limit), ..query.clone() };
    let mut ids = Vec::new();
    loop {
        let page = store.get_records(entity, &query).await?;
        ensure!(page.items.len() as u64 <= limit, "a page of {} where {limit} were asked for", page.items.len());
        ids.extend(external_ids(&page.items));
        let Some(cursor) = page.next_cursor else { return Ok(ids) };
        ensure!(!page.items.is_empty(), "an empty page with a cursor");
        ensure!(ids.len() < whole, "a cursor behind the last row");
        query.cursor = Some(cursor);
    }
}

/// Pages of any size, put together, are the one big page: under every sort, with ties, and with filters that core finishes.
pub async fn pages_by_cursor_equal_one_big_page(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["r5".into(), "r31".into()])).await?;
    let sorts = [
        vec![],
        vec![SortKey::ascending("v")?],
        vec![SortKey::descending("v")?],
        vec![SortKey::ascending("group")?, SortKey::descending("v")?],
        vec![SortKey::descending("group")?, SortKey::ascending("text")?, SortKey::descending("v")?],
        vec![SortKey::ascending("tags.0")?],
        vec![SortKey::ascending("absent")?],
    ];
    let filters = [
        Filter::all(),
        Filter::ne("group", 1)?,
        Filter::regex("text", "[135]$", "")?,
        Filter::contains("text", "T")? & Filter::eq("tags", 0)?,
        Filter::none(),
    ];
    for sort in &sorts {
        for filter in &filters {
            for include_deleted in [false, true] {
                let query = RecordQuery { filter: filter.clone(), sort: sort.clone(), include_deleted, ..RecordQuery::new() };
                let whole = found(store, &entity, &query).await?;
                for limit in [1, 7, 20, whole.len().max(1) as u64, 1_000] {
                    let paged = pages(store, &entity, &query, limit, whole.len()).await?;
                    ensure_eq!(paged, whole, "pages of {limit} of {query:?}");
                }
            }
        }
    }
    Ok(())
}

/// The offset is counted behind the cursor.
pub async fn an_offset_stands_behind_the_cursor(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    for sort in [vec![], vec![SortKey::descending("v")?]] {
        let query = RecordQuery { sort, ..RecordQuery::new() };
        let whole = found(store, &entity, &query).await?;
        let first = store.get_records(&entity, &query.clone().limit(10)).await?;
        let Some(cursor) = first.next_cursor else { return Err(Failure::new("no cursor behind the first page")) };
        let second = found(store, &entity, &query.clone().cursor(cursor).offset(5).limit(7)).await?;
        ensure_eq!(second.iter().collect::<Vec<_>>(), whole.iter().skip(15).take(7).collect::<Vec<_>>(), "5 behind the cursor");
    }
    Ok(())
}

/// A cursor is refused with another filter, sort, `include_deleted` or `updated_after`; limit, offset and fields are free.
pub async fn a_cursor_of_another_query_is_refused(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    let query = RecordQuery::new().filter(Filter::exists("text")?).sort(SortKey::ascending("v")?).limit(3);
    let Some(cursor) = store.get_records(&entity, &query).await?.next_cursor else { return Err(Failure::new("no cursor")) };
    let query = query.cursor(cursor);
    let others = [
        query.clone().filter(Filter::exists("group")?),
        query.clone().filter(Filter::all()),
        query.clone().sort(SortKey::ascending("group")?),
        RecordQuery { sort: vec![SortKey::descending("v")?], ..query.clone() },
        RecordQuery { sort: vec![SortKey::ascending("group")?], ..query.clone() },
        RecordQuery { sort: Vec::new(), ..query.clone() },
        query.clone().include_deleted(),
        query.clone().updated_after(now() - chrono::TimeDelta::days(1)),
    ];
    for other in others {
        refused(store.get_records(&entity, &other).await, ErrorKind::InvalidInput)
            .map_err(|failure| failure.about(format!("{other:?}")))?;
    }
    let free = query.limit(50).offset(1).fields(["v".parse()?]);
    ensure_eq!(found(store, &entity, &free).await?.len(), 50, "rows with another limit, offset and fields");
    Ok(())
}

/// What is no cursor is refused.
pub async fn a_malformed_cursor_is_refused(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    for text in ["", "x", "e30", "bnVsbA", "'; --", "🦀"] {
        let query = RecordQuery::new().cursor(Cursor::from(text));
        refused(store.get_records(&entity, &query).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// A cursor goes on where its page ended, whatever became of the row that it stands behind.
pub async fn a_cursor_outlives_its_row(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    put(store, &entity, (0..6).map(|n| (n.to_string(), json!({ "n": n * 10 })))).await?;
    let query = RecordQuery::new().sort(SortKey::ascending("n")?).limit(3);
    let Some(cursor) = store.get_records(&entity, &query).await?.next_cursor else { return Err(Failure::new("no cursor")) };
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["2".into()])).await?;
    put(store, &entity, [("before", json!({ "n": 5 })), ("behind", json!({ "n": 25 }))]).await?;
    let rest = found(store, &entity, &RecordQuery { limit: None, ..query.cursor(cursor) }).await?;
    ensure_eq!(rest, ["behind", "3", "4", "5"], "the rows behind the cursor");
    Ok(())
}

/// Sort values of any kind go through a cursor unharmed.
pub async fn a_cursor_keeps_hostile_values(store: &dyn RecordStore) -> Outcome {
    let texts =
        ["'", "\"", "\\", "$1", "%s", "\u{1}", "\n", "é", "e\u{301}", "\u{FFFD}", "🦀", "\u{202E}abc", "a\\u0000", "😀😀"];
    let numbers = [
        "9007199254740993",
        "-9223372036854775808",
        "18446744073709551615",
        "1e-7",
        "0.1",
        "1e300",
        "123456789012345678901234567890",
        "1e-400",
    ];
    let numbers = numbers.iter().filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let values: Vec<Value> = texts.iter().map(|text| json!(text)).chain(numbers).collect();
    let rows = values.iter().enumerate().map(|(at, value)| (at.to_string(), json!({ "v": value })));
    let entity = filled(store, "E", rows).await?;
    for key in [SortKey::ascending("v")?, SortKey::descending("v")?] {
        let query = RecordQuery::new().sort(key);
        let whole = found(store, &entity, &query).await?;
        ensure_eq!(whole.len(), values.len(), "rows");
        ensure_eq!(pages(store, &entity, &query, 1, whole.len()).await?, whole, "pages of 1 of {query:?}");
    }
    Ok(())
}
