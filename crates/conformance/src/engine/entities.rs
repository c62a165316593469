//! Entities.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{CONNECTION, count, entity, filled, found, put};
use mastra_core::{
    CountQuery, Cursor, Entity, EntityId, EntityQuery, EntityRef, EntityUpdate, ErrorKind, NewEntity, NewRecord, PurgeOptions,
    RecordQuery, RecordSelector, RecordStore, RecordStoreExt as _, SyncBatch, TextSearch, UpsertOptions,
    validate::MAX_NAME_BYTES,
};
use serde_json::json;

/// A created entity is returned as it is stored, and found by id, by name, and by name and connection.
pub async fn a_created_entity_reads_back(store: &dyn RecordStore) -> Outcome {
    let schema = json!({ "type": "object", "properties": { "name": { "type": "string" }, "n": { "minimum": 1.5 } } });
    let created = store.create_entity(&NewEntity::new("Contacts", "crm").schema(schema.clone())).await?;
    ensure_eq!((created.name.as_str(), created.connection_id.as_str()), ("Contacts", "crm"), "what was asked for");
    ensure_eq!(created.schema, Some(schema), "the schema");
    ensure_eq!(created.last_sync_id, None, "no sync yet");
    ensure!(created.text_fields.is_empty(), "no text fields yet");
    ensure_eq!(created.created_at, created.updated_at, "the times of a new entity");
    ensure_eq!(created.id.as_uuid().get_version_num(), 7, "the version of its UUID");
    ensure_eq!(store.get_entity_by_id(created.id).await?, created, "by id");
    ensure_eq!(store.resolve_entity(&"Contacts".into()).await?, created, "by name");
    ensure_eq!(
        store.resolve_entity(&EntityRef::named("Contacts").in_connection("crm")).await?,
        created,
        "by name and connection"
    );
    Ok(())
}

/// A connection has one entity of a name; another connection may have one too.
pub async fn an_entity_that_exists_is_refused(store: &dyn RecordStore) -> Outcome {
    let first = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    refused(store.create_entity(&NewEntity::new("Contacts", "crm").schema(json!({}))).await, ErrorKind::AlreadyExists)?;
    ensure_eq!(store.get_entity_by_id(first.id).await?, first, "the entity that was there");
    let other = store.create_entity(&NewEntity::new("Contacts", "shop")).await?;
    ensure!(other.id != first.id, "two entities have one id");
    Ok(())
}

/// A name that several connections share is a conflict wherever it stands, and lists them.
pub async fn a_shared_name_is_a_conflict_that_lists_the_matches(store: &dyn RecordStore) -> Outcome {
    let crm = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    let shop = store.create_entity(&NewEntity::new("Contacts", "shop")).await?;
    for error in on_every_operation(store, &EntityRef::named("Contacts")).await {
        let (operation, result) = error;
        let error = refused(result, ErrorKind::Conflict).map_err(|failure| failure.about(operation))?;
        ensure!(!error.is_retryable(), "{operation}: trying again cannot help");
        let matches = error.get("matches").unwrap_or_default();
        for entity in [&crm, &shop] {
            ensure!(matches.contains(&entity.id.to_string()), "{operation}: the matches do not list {}: {matches}", entity.id);
            ensure!(matches.contains(&entity.connection_id), "{operation}: the matches name no connection: {matches}");
        }
    }
    let exactly = EntityRef::named("Contacts").in_connection("shop");
    put(store, &exactly, [("1", json!({}))]).await?;
    ensure_eq!(count(store, &EntityRef::Id(shop.id)).await?, 1, "records of the entity that was meant");
    ensure_eq!(count(store, &EntityRef::Id(crm.id)).await?, 0, "records of the other");
    Ok(())
}

/// `get_entity` takes a name, a connection, or both; neither is refused, several matches are a conflict.
pub async fn get_entity_takes_a_name_a_connection_or_both(store: &dyn RecordStore) -> Outcome {
    let contacts = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    let deals = store.create_entity(&NewEntity::new("Deals", "crm")).await?;
    let orders = store.create_entity(&NewEntity::new("Orders", "shop")).await?;
    ensure_eq!(store.get_entity(Some("Contacts"), None).await?, contacts, "by name");
    ensure_eq!(store.get_entity(None, Some("shop")).await?, orders, "by connection");
    ensure_eq!(store.get_entity(Some("Deals"), Some("crm")).await?, deals, "by both");
    let error = refused(store.get_entity(None, Some("crm")).await, ErrorKind::Conflict)?;
    let matches = error.get("matches").unwrap_or_default();
    ensure!(matches.contains("Contacts") && matches.contains("Deals"), "the matches are not listed: {matches}");
    refused(store.get_entity(Some("Contacts"), Some("shop")).await, ErrorKind::NotFound)?;
    refused(store.get_entity(None, None).await, ErrorKind::InvalidInput)?;
    Ok(())
}

/// Every operation that takes an entity, on one that is named so.
async fn on_every_operation(store: &dyn RecordStore, entity: &EntityRef) -> Vec<(&'static str, mastra_core::Result<()>)> {
    let query = RecordQuery::new();
    let options = UpsertOptions::default();
    let records = [NewRecord::new("1", json!({ "a": 1 }))];
    let path = ["a".parse().unwrap_or_default()];
    let update = EntityUpdate { last_sync_id: Some(Some("x".into())), ..EntityUpdate::default() };
    vec![
        ("resolve_entity", store.resolve_entity(entity).await.map(drop)),
        ("update_entity", store.update_entity(entity, &update).await.map(drop)),
        ("update_entity, empty", store.update_entity(entity, &EntityUpdate::default()).await.map(drop)),
        ("upsert_records", store.upsert_records(entity, &records, &options).await.map(drop)),
        ("upsert_records, empty", store.upsert_records(entity, &[], &options).await.map(drop)),
        ("get_records", store.get_records(entity, &query).await.map(drop)),
        ("get_records, limit 0", store.get_records(entity, &RecordQuery::new().limit(0)).await.map(drop)),
        ("get_records_by_external_ids", store.get_records_by_external_ids(entity, &["1".into()]).await.map(drop)),
        ("get_records_by_external_ids, empty", store.get_records_by_external_ids(entity, &[]).await.map(drop)),
        ("count_records", store.count_records(entity, &CountQuery::default()).await.map(drop)),
        (
            "count_records, cap 0",
            store.count_records(entity, &CountQuery { cap: Some(0), ..CountQuery::default() }).await.map(drop),
        ),
        ("delete_records", store.delete_records(entity, &RecordSelector::All).await.map(drop)),
        ("delete_records, empty", store.delete_records(entity, &RecordSelector::Ids(Vec::new())).await.map(drop)),
        ("purge_records", store.purge_records(entity, &PurgeOptions::default()).await.map(drop)),
        ("declare_text_index", store.declare_text_index(entity, &path).await.map(drop)),
        ("search_text", store.search_text(entity, &TextSearch::new("word")).await.map(drop)),
        ("explain", store.explain(entity, &query).await.map(drop)),
    ]
}

/// An absent entity is not found, by id, name, or name and connection, on reads as on writes.
pub async fn an_absent_entity_is_not_found_everywhere(store: &dyn RecordStore) -> Outcome {
    store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    let absent = [
        EntityRef::Id(EntityId::generate()),
        EntityRef::named("Absent"),
        EntityRef::named("Contacts").in_connection("shop"),
        EntityRef::named("Absent").in_connection("crm"),
    ];
    for entity in &absent {
        for (operation, result) in on_every_operation(store, entity).await {
            refused(result, ErrorKind::NotFound).map_err(|failure| failure.about(format!("{operation} of {entity:?}")))?;
        }
    }
    refused(store.delete_entity_by_id(EntityId::generate()).await, ErrorKind::NotFound)?;
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 1, "entities: none was created by the way");
    Ok(())
}

/// Blank names, connections, external ids and entity types are refused, by whatever operation.
pub async fn blank_names_are_refused_everywhere(store: &dyn RecordStore) -> Outcome {
    let there = entity(store, "There").await?;
    let options = UpsertOptions::default();
    for blank in ["", " ", "\t\n", "\u{a0}\u{2003}"] {
        for named in [EntityRef::named(blank), EntityRef::named("There").in_connection(blank)] {
            for (operation, result) in on_every_operation(store, &named).await {
                refused(result, ErrorKind::InvalidInput).map_err(|failure| failure.about(format!("{operation} of {named:?}")))?;
            }
        }
        refused(store.create_entity(&NewEntity::new(blank, "crm")).await, ErrorKind::InvalidInput)?;
        refused(store.create_entity(&NewEntity::new("Name", blank)).await, ErrorKind::InvalidInput)?;
        refused(store.sync_records(&SyncBatch::new(blank, "crm", [])).await, ErrorKind::InvalidInput)?;
        refused(store.sync_records(&SyncBatch::new("Name", blank, [])).await, ErrorKind::InvalidInput)?;
        let rename = EntityUpdate { name: Some(blank.into()), ..EntityUpdate::default() };
        refused(store.update_entity(&there, &rename).await, ErrorKind::InvalidInput)?;
        let query = EntityQuery { name: Some(blank.into()), ..EntityQuery::default() };
        refused(store.list_entities(&query).await, ErrorKind::InvalidInput)?;
        let query = EntityQuery { connection_id: Some(blank.into()), ..EntityQuery::default() };
        refused(store.list_entities(&query).await, ErrorKind::InvalidInput)?;
        refused(put(store, &there, [("ok", json!({})), (blank, json!({}))]).await, ErrorKind::InvalidInput)?;
        let typed = [NewRecord::new("1", json!({})).entity_type(blank)];
        refused(store.upsert_records(&there, &typed, &options).await, ErrorKind::InvalidInput)?;
        refused(store.get_records_by_external_ids(&there, &[blank.into()]).await, ErrorKind::InvalidInput)?;
        let selector = RecordSelector::ExternalIds(vec![blank.into()]);
        refused(store.delete_records(&there, &selector).await, ErrorKind::InvalidInput)?;
    }
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 1, "entities after all the refusals");
    ensure_eq!(count(store, &there).await?, 0, "records after all the refusals");
    Ok(())
}

/// What a unique index of some backend could not hold is refused alike on all; the longest name is kept.
pub async fn names_too_long_or_with_nul_are_refused(store: &dyn RecordStore) -> Outcome {
    let longest = "é".repeat(MAX_NAME_BYTES / 2);
    let created = store.create_entity(&NewEntity::new(&longest, &longest)).await?;
    let exactly = EntityRef::named(&longest).in_connection(&longest);
    ensure_eq!(store.resolve_entity(&exactly).await?, created, "the longest name");
    let record = NewRecord::new(&longest, json!({})).entity_type(&longest);
    store.upsert_records(&exactly, &[record], &UpsertOptions::default()).await?;
    let read = store.get_records_by_external_ids(&exactly, std::slice::from_ref(&longest)).await?;
    ensure!(read.iter().any(|record| record.external_id == longest && record.entity_type == longest), "the longest external id");
    for bad in [format!("{longest}x"), "a\0b".to_owned()] {
        refused(store.create_entity(&NewEntity::new(&bad, "crm")).await, ErrorKind::InvalidInput)?;
        refused(store.sync_records(&SyncBatch::new("Name", &bad, [])).await, ErrorKind::InvalidInput)?;
        refused(put(store, &exactly, [(bad.as_str(), json!({}))]).await, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

/// Names are compared by their characters alone: no case folding, no trimming, no normalisation, no wildcards.
pub async fn names_are_exact(store: &dyn RecordStore) -> Outcome {
    let names = [
        "Contacts",
        "contacts",
        "CONTACTS",
        "Contacts ",
        " Contacts",
        "Caf\u{e9}",
        "Cafe\u{301}",
        "Contact_",
        "%",
        "Straße",
        "Strasse",
    ];
    let mut created = Vec::new();
    for name in names {
        created.push(store.create_entity(&NewEntity::new(name, "crm")).await?);
    }
    for (name, entity) in names.iter().zip(&created) {
        ensure_eq!(store.resolve_entity(&EntityRef::named(*name)).await?.id, entity.id, "the entity {name:?}");
        let listed = store.list_entities(&EntityQuery { name: Some((*name).into()), ..EntityQuery::default() }).await?.items;
        ensure_eq!(listed, std::slice::from_ref(entity), "the list of {name:?}");
    }
    let entity = EntityRef::Id(created.first().map(|entity| entity.id).unwrap_or_else(EntityId::generate));
    put(store, &entity, names.map(|name| (name, json!({ "name": name })))).await?;
    for name in names {
        let read = store.get_records_by_external_ids(&entity, &[name.to_owned()]).await?;
        ensure_eq!(read.iter().map(|record| &record.data).collect::<Vec<_>>(), [&json!({ "name": name })], "the record {name:?}");
    }
    Ok(())
}

/// An update changes what it names, leaves the rest, and moves `updated_at` forward.
pub async fn an_update_changes_what_it_names(store: &dyn RecordStore) -> Outcome {
    let created = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    let by_id = EntityRef::Id(created.id);
    let mut last = created.clone();
    let updates = [
        EntityUpdate { name: Some("People".into()), ..EntityUpdate::default() },
        EntityUpdate { last_sync_id: Some(Some("page-1".into())), ..EntityUpdate::default() },
        EntityUpdate { schema: Some(Some(json!({ "type": "object" }))), ..EntityUpdate::default() },
        EntityUpdate { last_sync_id: Some(None), schema: Some(None), name: Some("Persons".into()) },
    ];
    for update in updates {
        let updated = store.update_entity(&by_id, &update).await?;
        let expected = Entity {
            name: update.name.clone().unwrap_or_else(|| last.name.clone()),
            last_sync_id: update.last_sync_id.clone().unwrap_or_else(|| last.last_sync_id.clone()),
            schema: update.schema.clone().unwrap_or_else(|| last.schema.clone()),
            updated_at: updated.updated_at,
            ..last.clone()
        };
        ensure_eq!(updated, expected, "after {update:?}");
        ensure!(updated.updated_at > last.updated_at, "updated_at stood still at {update:?}");
        ensure_eq!(store.get_entity_by_id(created.id).await?, updated, "what is stored after {update:?}");
        last = updated;
    }
    refused(store.resolve_entity(&"Contacts".into()).await, ErrorKind::NotFound)?;
    let by_name = EntityUpdate { last_sync_id: Some(Some(String::new())), ..EntityUpdate::default() };
    let updated = store.update_entity(&"Persons".into(), &by_name).await?;
    ensure_eq!(updated.last_sync_id.as_deref(), Some(""), "an empty cursor is one");
    store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    Ok(())
}

/// An update that is empty, or sets what is there already, writes nothing.
pub async fn an_update_that_changes_nothing_leaves_the_entity_alone(store: &dyn RecordStore) -> Outcome {
    let schema = json!({ "type": "object", "minProperties": 1 });
    let created = store.create_entity(&NewEntity::new("Contacts", "crm").schema(schema.clone())).await?;
    let by_id = EntityRef::Id(created.id);
    let same = EntityUpdate { name: Some("Contacts".into()), last_sync_id: Some(None), schema: Some(Some(schema)) };
    for update in [EntityUpdate::default(), same] {
        ensure_eq!(store.update_entity(&by_id, &update).await?, created, "after {update:?}");
        ensure_eq!(store.get_entity_by_id(created.id).await?, created, "what is stored after {update:?}");
    }
    Ok(())
}

/// A name that another entity of the connection has cannot be taken.
pub async fn a_rename_onto_another_entity_is_refused(store: &dyn RecordStore) -> Outcome {
    let contacts = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    store.create_entity(&NewEntity::new("People", "crm")).await?;
    store.create_entity(&NewEntity::new("Persons", "shop")).await?;
    let rename = |name: &str| EntityUpdate { name: Some(name.into()), ..EntityUpdate::default() };
    refused(store.update_entity(&EntityRef::Id(contacts.id), &rename("People")).await, ErrorKind::AlreadyExists)?;
    ensure_eq!(store.get_entity_by_id(contacts.id).await?, contacts, "the entity after the refusal");
    store.update_entity(&EntityRef::Id(contacts.id), &rename("Persons")).await?;
    Ok(())
}

/// `update_entity_last_sync_id` sets the cursor.
pub async fn update_entity_last_sync_id_sets_the_cursor(store: &dyn RecordStore) -> Outcome {
    let created = store.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    let updated = store.update_entity_last_sync_id(created.id, "sync-7").await?;
    ensure_eq!(updated.last_sync_id.as_deref(), Some("sync-7"), "the cursor");
    ensure!(updated.updated_at > created.updated_at, "updated_at stood still");
    refused(store.update_entity_last_sync_id(EntityId::generate(), "x").await, ErrorKind::NotFound)?;
    Ok(())
}

/// Deleting an entity deletes its records, deleted ones included, and nothing of other entities.
pub async fn a_deleted_entity_takes_its_records_along(store: &dyn RecordStore) -> Outcome {
    let other = filled(store, "Other", [("1", json!({ "n": 1 }))]).await?;
    let doomed = filled(store, "Doomed", (0..5).map(|n| (n.to_string(), json!({ "n": n })))).await?;
    store.declare_text_index(&doomed, &["n".parse()?]).await?;
    let record = store.get_records(&doomed, &RecordQuery::new().limit(1)).await?.items.remove(0);
    store.delete_records(&doomed, &RecordSelector::ExternalIds(vec!["4".into()])).await?;
    let id = store.resolve_entity(&doomed).await?.id;
    ensure_eq!(store.delete_entity_by_id(id).await?.records, 5, "records that went with it");
    refused(store.delete_entity_by_id(id).await, ErrorKind::NotFound)?;
    refused(store.get_record(record.id).await, ErrorKind::NotFound)?;
    refused(store.get_records(&doomed, &RecordQuery::new()).await, ErrorKind::NotFound)?;
    let again = entity(store, "Doomed").await?;
    ensure!(again != doomed, "a new entity has the id of a deleted one");
    let all = found(store, &again, &RecordQuery::new().include_deleted()).await?;
    ensure!(all.is_empty(), "the new entity of that name holds {all:?}");
    ensure!(store.resolve_entity(&again).await?.text_fields.is_empty(), "the new entity has the text fields of the old");
    ensure_eq!(count(store, &other).await?, 1, "records of the other entity");
    Ok(())
}

/// Entities are listed in order of id, all or those of a name or connection.
pub async fn entities_are_listed_in_order_of_id(store: &dyn RecordStore) -> Outcome {
    let mut created = Vec::new();
    for connection in ["b", "a", "c"] {
        for name in ["Two", "One"] {
            created.push(store.create_entity(&NewEntity::new(name, connection)).await?);
        }
    }
    created.sort_by_key(|entity| entity.id);
    let query = |name: Option<&str>, connection: Option<&str>| EntityQuery {
        name: name.map(str::to_owned),
        connection_id: connection.map(str::to_owned),
        ..EntityQuery::default()
    };
    for (name, connection) in
        [(None, None), (Some("One"), None), (None, Some("a")), (Some("Two"), Some("c")), (Some("Two"), Some("x"))]
    {
        let listed = store.list_entities(&query(name, connection)).await?;
        let expected: Vec<Entity> = created
            .iter()
            .filter(|entity| name.is_none_or(|name| entity.name == name))
            .filter(|entity| connection.is_none_or(|connection| entity.connection_id == connection))
            .cloned()
            .collect();
        ensure_eq!(listed.items, expected, "entities of {name:?} in {connection:?}");
        ensure_eq!(listed.next_cursor, None, "the cursor of a whole list");
    }
    Ok(())
}

/// Pages of entities, put together, are the whole list; a cursor is bound to its list.
pub async fn pages_of_entities_equal_the_whole_list(store: &dyn RecordStore) -> Outcome {
    for n in 0..7 {
        store.create_entity(&NewEntity::new(format!("E{n}"), if n < 5 { CONNECTION } else { "other" })).await?;
    }
    for connection_id in [None, Some(CONNECTION.to_owned())] {
        let whole = EntityQuery { connection_id: connection_id.clone(), ..EntityQuery::default() };
        let whole = store.list_entities(&whole).await?.items;
        for limit in [1, 2, 5, 7, 100] {
            let mut query = EntityQuery { connection_id: connection_id.clone(), limit: Some(limit), ..EntityQuery::default() };
            let mut pages = Vec::new();
            loop {
                let page = store.list_entities(&query).await?;
                ensure!(page.items.len() as u64 <= limit, "a page of {} where {limit} were asked for", page.items.len());
                pages.extend(page.items);
                query.cursor = page.next_cursor;
                if query.cursor.is_none() {
                    break;
                }
                ensure!(pages.len() < whole.len(), "a cursor behind the last entity");
            }
            ensure_eq!(pages, whole, "pages of {limit}");
        }
    }
    let first = store.list_entities(&EntityQuery { limit: Some(1), ..EntityQuery::default() }).await?;
    let foreign = EntityQuery { name: Some("E1".into()), cursor: first.next_cursor, ..EntityQuery::default() };
    refused(store.list_entities(&foreign).await, ErrorKind::InvalidInput)?;
    let malformed = EntityQuery { cursor: Some(Cursor::from("?")), ..EntityQuery::default() };
    refused(store.list_entities(&malformed).await, ErrorKind::InvalidInput)?;
    let none = store.list_entities(&EntityQuery { limit: Some(0), ..EntityQuery::default() }).await?;
    ensure!(none.items.is_empty() && none.next_cursor.is_none(), "a limit of 0 gave {none:?}");
    Ok(())
}
