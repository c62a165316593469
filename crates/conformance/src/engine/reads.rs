//! Reading records.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{CONNECTION, count, entity, external_ids, filled, found, put, there};
use mastra_core::{
    Count, CountQuery, EntityRef, ErrorKind, Filter, NewRecord, Path, Record, RecordId, RecordQuery, RecordSelector, RecordStore,
    RecordStoreExt as _, SortKey, UpsertOptions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A live record is read by its id, of whatever entity; deleted and unknown ones are not found.
pub async fn a_record_is_read_by_its_id(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "n": 1 })), ("2", json!({ "n": 2 }))]).await?;
    let record = there(store, &entity, "2").await?;
    ensure_eq!(store.get_record(record.id).await?, record, "the record");
    store.delete_records(&entity, &RecordSelector::Ids(vec![record.id])).await?;
    refused(store.get_record(record.id).await, ErrorKind::NotFound)?;
    refused(store.get_record(RecordId::generate()).await, ErrorKind::NotFound)?;
    Ok(())
}

/// Records by external ids come in the order of the ids, each once; deleted and absent ones are left out.
pub async fn external_ids_are_answered_in_their_order(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", ["a", "b", "c", "d"].map(|id| (id, json!({ "id": id })))).await?;
    filled(store, "Other", [("z", json!({}))]).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["b".into()])).await?;
    let asked: Vec<String> = ["d", "b", "z", "a", "d", "absent", "c", "a"].map(str::to_owned).to_vec();
    let read = store.get_records_by_external_ids(&entity, &asked).await?;
    ensure_eq!(external_ids(&read), ["d", "a", "c"], "the records");
    ensure!(read.iter().all(|record| record.data == json!({ "id": record.external_id })), "a record has the data of another");
    ensure!(store.get_records_by_external_ids(&entity, &[]).await?.is_empty(), "no ids gave records");
    let many: Vec<String> = (0..2_500).map(|n| format!("absent-{n}")).chain(["a".to_owned()]).collect();
    ensure_eq!(external_ids(&store.get_records_by_external_ids(&entity, &many).await?), ["a"], "one of many ids");
    Ok(())
}

/// Without sort keys records come in order of id, which is that of their creation, whatever happened to them since.
pub async fn records_come_in_order_of_creation(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let ids = ["m", "a", "z", "b", "y"];
    for id in ids {
        put(store, &entity, [(id, json!({ "n": 1 }))]).await?;
    }
    put(store, &entity, [("m", json!({ "n": 2 }))]).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["a".into()])).await?;
    put(store, &entity, [("a", json!({ "n": 3 }))]).await?;
    let rows = store.get_records(&entity, &RecordQuery::new()).await?.items;
    ensure_eq!(external_ids(&rows), ids, "the order");
    ensure!(rows.is_sorted_by_key(|record| record.id), "the ids do not ascend");
    Ok(())
}

/// Limit and offset cut the list where they say; a limit of 0 gives nothing, none gives all.
pub async fn limit_and_offset_cut_the_list(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    for n in 0..10 {
        put(store, &entity, [(n.to_string(), json!({ "n": 9 - n, "odd": n % 2 == 1, "text": format!("t{n}") }))]).await?;
    }
    let base = RecordQuery::new();
    let sorted = RecordQuery::new().sort(SortKey::ascending("n")?);
    let filtered = RecordQuery::new().filter(Filter::eq("odd", true)?);
    let finished = RecordQuery::new().filter(Filter::regex("text", "^t[^3]$", "")?);
    for query in [base, sorted, filtered, finished] {
        let whole = found(store, &entity, &query).await?;
        for offset in [0, 1, 3, 9, 10, 11, u64::MAX] {
            for limit in [None, Some(0), Some(1), Some(4), Some(10), Some(1_000), Some(u64::MAX)] {
                let page = store.get_records(&entity, &RecordQuery { limit, offset, ..query.clone() }).await?;
                let skip = usize::try_from(offset).unwrap_or(usize::MAX);
                let take = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
                let expected: Vec<&String> = whole.iter().skip(skip).take(take).collect();
                ensure_eq!(
                    external_ids(&page.items).iter().collect::<Vec<_>>(),
                    expected,
                    "limit {limit:?} behind {offset} of {query:?}"
                );
                let more = take > 0 && limit.is_some() && skip.saturating_add(take) < whole.len();
                ensure_eq!(page.next_cursor.is_some(), more, "a cursor at limit {limit:?} behind {offset} of {query:?}");
            }
        }
    }
    Ok(())
}

/// Selected fields come in the document's own shape; filter and sort see the whole document.
pub async fn fields_are_projected(store: &dyn RecordStore) -> Outcome {
    let data = json!({ "name": "Ada", "company": { "name": "x", "size": 3, "a.b": 1 }, "lines": [{ "n": 1, "t": "a" }, 5, { "n": 2 }], "n": 1 });
    let entity = filled(store, "E", [("1", data.clone()), ("2", json!({ "n": 2 }))]).await?;
    let paths = |texts: &[&str]| texts.iter().map(|text| text.parse()).collect::<Result<Vec<Path>, _>>();
    for (fields, expected) in [
        (vec!["name"], json!({ "name": "Ada" })),
        (vec!["company.size", "name"], json!({ "name": "Ada", "company": { "size": 3 } })),
        (vec![r"company.a\.b"], json!({ "company": { "a.b": 1 } })),
        (vec!["lines.n"], json!({ "lines": [{ "n": 1 }, { "n": 2 }] })),
        (vec!["company", "company.size"], json!({ "company": { "name": "x", "size": 3, "a.b": 1 } })),
        (vec!["absent"], json!({})),
        (vec![], json!({})),
    ] {
        let query = RecordQuery::new().filter(Filter::eq("n", 1)?).fields(paths(&fields)?);
        let rows = store.get_records(&entity, &query).await?.items;
        ensure_eq!(rows.iter().map(|record| &record.data).collect::<Vec<_>>(), [&expected], "the fields {fields:?}");
    }
    let query = RecordQuery::new().sort(SortKey::descending("n")?).limit(1).fields(paths(&["name"])?);
    let first = store.get_records(&entity, &query).await?;
    ensure_eq!(external_ids(&first.items), ["2"], "the first page, sorted by a field that is not shown");
    let Some(cursor) = first.next_cursor else { return Err(crate::Failure::new("no cursor behind the first page")) };
    ensure_eq!(found(store, &entity, &query.cursor(cursor)).await?, ["1"], "the second page");
    ensure_eq!(there(store, &entity, "1").await?.data, data, "the record itself");
    Ok(())
}

/// Deleted records are shown where they are asked for, with the time of their deletion, and nowhere else.
pub async fn deleted_records_are_shown_on_request(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", (0..4).map(|n| (n.to_string(), json!({ "n": n })))).await?;
    store.delete_records(&entity, &RecordSelector::Filter(Filter::gte("n", 2)?)).await?;
    ensure_eq!(found(store, &entity, &RecordQuery::new()).await?.len(), 2, "live records");
    let all = store.get_records(&entity, &RecordQuery::new().include_deleted().sort(SortKey::ascending("n")?)).await?.items;
    let deleted: Vec<(&str, bool)> =
        all.iter().map(|record| (record.external_id.as_str(), record.deleted_at.is_some())).collect();
    ensure_eq!(deleted, [("0", false), ("1", false), ("2", true), ("3", true)], "all records");
    ensure!(
        all.iter().all(|record| record.data == json!({ "n": record.data.get("n") })),
        "a deleted record lost its data before the purge"
    );
    let one = RecordQuery::new().include_deleted().filter(Filter::eq("n", 3)?);
    ensure_eq!(found(store, &entity, &one).await?, ["3"], "a deleted record by filter");
    let counted = CountQuery { include_deleted: true, ..CountQuery::default() };
    ensure_eq!(store.count_records(&entity, &counted).await?, Count { value: 4, capped: false }, "all records, counted");
    Ok(())
}

/// Records changed after a time, and, where deleted ones are asked for, those deleted after it.
pub async fn changes_after_a_time_are_found(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    for id in ["1", "2", "3"] {
        put(store, &entity, [(id, json!({ "n": 1 }))]).await?;
        // Two calls within one tick of a clock would share their time.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let at = there(store, &entity, "2").await?.updated_at;
    let after = RecordQuery::new().updated_after(at);
    ensure_eq!(found(store, &entity, &after).await?, ["3"], "changed after the second");
    put(store, &entity, [("1", json!({ "n": 2 })), ("2", json!({ "n": 1 }))]).await?;
    ensure_eq!(found(store, &entity, &after).await?, ["1", "3"], "after a change to the first, and none to the second");
    let counting = CountQuery { updated_after: Some(at), ..CountQuery::default() };
    ensure_eq!(store.count_records(&entity, &counting).await?.value, 2, "counted");
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["2".into()])).await?;
    ensure_eq!(found(store, &entity, &after).await?, ["1", "3"], "after deleting the second");
    ensure_eq!(found(store, &entity, &after.clone().include_deleted()).await?, ["1", "2", "3"], "with deleted ones");
    let counting = CountQuery { updated_after: Some(at), include_deleted: true, ..CountQuery::default() };
    ensure_eq!(store.count_records(&entity, &counting).await?.value, 3, "counted with deleted ones");
    let last = store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    let newest = last.iter().flat_map(|record| [Some(record.updated_at), record.deleted_at]).flatten().max();
    let none = RecordQuery { updated_after: newest, include_deleted: true, ..RecordQuery::new() };
    ensure!(found(store, &entity, &none).await?.is_empty(), "something changed after the newest change");
    Ok(())
}

/// A count is exact up to its cap, and says where more than the cap match.
pub async fn counting_and_its_cap(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", (0..20).map(|n| (n.to_string(), json!({ "n": n, "text": format!("t{}", n % 2) })))).await?;
    let filters = [(Filter::all(), 20), (Filter::gte("n", 15)?, 5), (Filter::regex("text", "1$", "")?, 10), (Filter::none(), 0)];
    for (filter, matching) in filters {
        for cap in [None, Some(0), Some(1), Some(matching), Some(matching + 1), Some(1_000)] {
            let counted =
                store.count_records(&entity, &CountQuery { filter: filter.clone(), cap, ..CountQuery::default() }).await?;
            let expected = match cap {
                Some(cap) if matching > cap => Count { value: cap, capped: true },
                _ => Count { value: matching, capped: false },
            };
            ensure_eq!(counted, expected, "{filter:?} with the cap {cap:?}");
        }
    }
    Ok(())
}

/// The conveniences find the same records, by name and by id.
pub async fn conveniences_over_names_and_ids(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "Contacts", (0..3).map(|n| (n.to_string(), json!({ "n": n })))).await?;
    let all: Vec<Record> = store.get_records(&entity, &RecordQuery::new()).await?.items;
    let EntityRef::Id(id) = entity else { return Ok(()) };
    ensure_eq!(store.get_records_by_entity_id(id).await?, all, "by the entity's id");
    ensure_eq!(store.get_records_by_entity_name("Contacts", None).await?, all, "by the entity's name");
    ensure_eq!(store.get_records_by_entity_name("Contacts", Some(CONNECTION)).await?, all, "by name and connection");
    refused(store.get_records_by_entity_name("Contacts", Some("other")).await, ErrorKind::NotFound)?;
    let one = store.get_records_by_entity_name_and_external_id("Contacts", None, "1").await?;
    ensure_eq!(external_ids(&one), ["1"], "by name and external id");
    ensure!(store.get_records_by_entity_name_and_external_id("Contacts", None, "9").await?.is_empty(), "an absent external id");
    ensure_eq!(store.get_record_by_external_id(&"Contacts".into(), "1").await?.external_id, "1", "by external id");
    refused(store.get_record_by_external_id(&"Contacts".into(), "9").await, ErrorKind::NotFound)?;
    ensure_eq!(count(store, &"Contacts".into()).await?, 3, "counted by name");
    Ok(())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Contact {
    name: String,
    age: Option<u32>,
}

/// Records are read and written as values of the application's types; what does not fit is `Corrupt`, and not quoted.
pub async fn typed_records_are_read_and_written(store: &dyn RecordStore) -> Outcome {
    entity(store, "Contacts").await?;
    let contacts = store.typed::<Contact>("Contacts");
    let ada = Contact { name: "Ada".into(), age: Some(36) };
    contacts.upsert([("1", &ada)]).await?;
    let read = contacts.get("1").await?;
    ensure_eq!(read.data, ada, "the value");
    ensure_eq!(read.record.data, json!({ "name": "Ada", "age": 36 }), "the record behind it");
    ensure_eq!(contacts.all().await?.len(), 1, "all values");
    let misfit: [(&str, Value); 1] = [("2", json!({ "name": ["secret"] }))];
    let records = misfit.map(|(id, data)| NewRecord::new(id, data));
    store.upsert_records(&"Contacts".into(), &records, &UpsertOptions::default()).await?;
    let error = refused(contacts.get("2").await, ErrorKind::Corrupt)?;
    ensure!(!error.to_string().contains("secret"), "the error quotes the data: {error}");
    refused(contacts.get("3").await, ErrorKind::NotFound)?;
    Ok(())
}
