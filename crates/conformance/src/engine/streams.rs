//! Streams.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, entity, external_ids, filled, put};
use futures::{StreamExt as _, TryStreamExt as _};
use mastra_core::{Engine, ErrorKind, Filter, Record, RecordQuery, RecordSelector, RecordStore as _, SortKey};
use serde_json::json;
use std::sync::Arc;

/// A stream gives the rows of the page that the same query gives, in the same order.
pub async fn a_stream_equals_its_pages(engine: Arc<dyn Engine>) -> Outcome {
    let rows = (0..200).map(|n| (n.to_string(), json!({ "n": n % 17, "text": format!("t{n}"), "more": { "x": n } })));
    let entity = filled(&*engine, "E", rows).await?;
    engine.delete_records(&entity, &RecordSelector::Filter(Filter::eq("n", 5)?)).await?;
    let sorted = RecordQuery::new().sort(SortKey::descending("n")?);
    let Some(cursor) = engine.get_records(&entity, &sorted.clone().limit(50)).await?.next_cursor else {
        return Err(crate::Failure::new("no cursor"));
    };
    let queries = [
        RecordQuery::new(),
        RecordQuery::new().include_deleted(),
        RecordQuery::new().limit(0),
        RecordQuery::new().limit(30).offset(10),
        RecordQuery::new().filter(Filter::gt("n", 8)?),
        RecordQuery::new().filter(Filter::regex("text", "1", "")?).limit(40).offset(3),
        sorted.clone(),
        sorted.clone().cursor(cursor).limit(60).offset(2),
        sorted.filter(Filter::regex("text", "[2-4]$", "")?).fields(["more.x".parse()?]),
        RecordQuery::new().filter(Filter::none()),
    ];
    for query in queries {
        let page = engine.get_records(&entity, &query).await?.items;
        let streamed: Vec<Record> = engine.stream_records(&entity, &query).await?.try_collect().await?;
        ensure_eq!(external_ids(&streamed), external_ids(&page), "the rows of {query:?}");
        ensure!(streamed == page, "the records of {query:?} differ from those of its page");
    }
    Ok(())
}

/// A stream goes on with the state of its beginning, whatever is written meanwhile.
pub async fn a_stream_sees_one_state(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", (0..2_000).map(|n| (n.to_string(), json!({ "v": 1, "text": "x".repeat(200) })))).await?;
    let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await?;
    let mut seen = Vec::new();
    if let Some(first) = stream.next().await {
        seen.push(first?);
    }
    put(&*engine, &entity, (500..2_500).map(|n| (n.to_string(), json!({ "v": 2 })))).await?;
    engine.delete_records(&entity, &RecordSelector::ExternalIds((0..500).map(|n| n.to_string()).collect())).await?;
    while let Some(record) = stream.next().await {
        seen.push(record?);
    }
    ensure_eq!(seen.len(), 2_000, "records of the stream");
    let changed = seen.iter().filter(|record| record.data.get("v") != Some(&json!(1))).count();
    ensure_eq!(changed, 0, "records that show a change behind the beginning of the stream");
    ensure_eq!(count(&*engine, &entity).await?, 2_000, "records that are live now");
    Ok(())
}

/// A stream that is dropped early leaves the engine as it was; many of them at once exhaust nothing.
pub async fn a_dropped_stream_blocks_nobody(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", (0..1_000).map(|n| (n.to_string(), json!({ "v": 1 })))).await?;
    for _ in 0..40 {
        let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await?;
        ensure!(stream.next().await.is_some(), "a stream without rows");
    }
    put(&*engine, &entity, [("0", json!({ "v": 2 }))]).await?;
    ensure_eq!(count(&*engine, &entity).await?, 1_000, "records");
    Ok(())
}

/// The absence of an entity is known before the first row.
pub async fn a_stream_of_an_absent_entity_is_not_found(engine: Arc<dyn Engine>) -> Outcome {
    refused(engine.stream_records(&"Absent".into(), &RecordQuery::new()).await.map(drop), ErrorKind::NotFound)?;
    refused(engine.stream_records(&" ".into(), &RecordQuery::new()).await.map(drop), ErrorKind::InvalidInput)?;
    let entity = entity(&*engine, "Empty").await?;
    let none: Vec<Record> = engine.stream_records(&entity, &RecordQuery::new()).await?.try_collect().await?;
    ensure!(none.is_empty(), "an empty entity streamed {} records", none.len());
    Ok(())
}

/// Thousands of records are streamed, each once, in order.
pub async fn many_records_are_streamed(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    for batch in 0..5 {
        put(&*engine, &entity, (0..2_000).map(|n| (format!("{batch}-{n}"), json!({ "n": n })))).await?;
    }
    let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await?;
    let (mut rows, mut last) = (0, None);
    while let Some(record) = stream.next().await {
        let id = Some(record?.id);
        ensure!(id > last, "row {rows} is out of order");
        last = id;
        rows += 1;
    }
    ensure_eq!(rows, 10_000, "records of the stream");
    Ok(())
}
