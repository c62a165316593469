//! Nothing that a caller passes is ever read as code.

use super::hostile::STRINGS;
use crate::failure::{Outcome, ensure, ensure_eq};
use crate::fixture::{CONNECTION, entity, filled, found, matching, put};
use mastra_core::{
    CountQuery, EntityQuery, EntityRef, Filter, NewRecord, Path, Record, RecordQuery, RecordSelector, RecordStore, SortKey,
    SyncBatch, TextSearch, UpsertOptions,
};
use serde_json::{Value, json};

/// Attempts in the languages of the databases that stand behind.
const ATTACKS: &[&str] = &[
    "' OR '1'='1",
    "' OR 1=1 --",
    "'; DELETE FROM records; --",
    "'); DROP TABLE entities; --",
    "x' UNION SELECT * FROM entities --",
    "\" OR \"\"=\"",
    "\\'; DROP SCHEMA mastra CASCADE; --",
    "$$; DROP TABLE records; $$",
    "1; SELECT pg_sleep(10)",
    "%' OR data LIKE '%",
    "') OR true OR ('",
    "\" ? (true) || exists($.*) || \"",
    "\") || (1 == 1) || (@ == \"",
    "$.**",
    "$ ? (1 == 1)",
    "\" == \"\" || \"",
    "a\" || true || $.\"b",
    "data') IS NOT NULL OR ('",
    "records.data",
    "entity_id",
    "1) OR (1=1",
    "{$gt: ''}",
    "${jndi:x}",
    "a OR b NOT c",
    "NEAR(a b)",
    "col : x",
    "^x",
    "a & !b",
    "a <-> b",
    ":*",
    "x:*A",
];

fn attacks() -> impl Iterator<Item = &'static str> {
    ATTACKS.iter().chain(STRINGS).copied().filter(|text| !text.trim().is_empty())
}

/// Records that must never be touched, and never be seen through another entity.
async fn canary(store: &dyn RecordStore) -> mastra_core::Result<(EntityRef, Vec<Record>)> {
    let canary = filled(store, "Canary", (0..3).map(|n| (n.to_string(), json!({ "secret": n })))).await?;
    let rows = store.get_records(&canary, &RecordQuery::new()).await?.items;
    Ok((canary, rows))
}

async fn lives(store: &dyn RecordStore, (canary, rows): &(EntityRef, Vec<Record>)) -> Outcome {
    ensure_eq!(store.get_records(canary, &RecordQuery::new()).await?.items, *rows, "the records of another entity");
    Ok(())
}

/// A value in a filter is compared, and that is all.
pub async fn values_are_values(store: &dyn RecordStore) -> Outcome {
    let canary = canary(store).await?;
    let entity = filled(store, "E", [("a", json!({ "v": "plain", "w": ["plain"] })), ("b", json!({ "v": 1 }))]).await?;
    for attack in attacks() {
        for filter in [
            json!({ "v": attack }),
            json!({ "v": { "$in": [attack, [attack]] } }),
            json!({ "w": { "$all": [attack] } }),
            json!({ "v": { "$contains": attack } }),
            json!({ "v": { "$gte": attack, "$lte": attack } }),
            json!({ "v": { "$regex": format!("^{}$", escaped(attack)) } }),
            json!({ "w": { "$elemMatch": { "$eq": attack } } }),
            json!({ "v": { attack.replace('$', "x"): attack } }),
            json!({ "v": { "$eq": { attack: attack } } }),
        ] {
            let Ok(filter) = Filter::from_json(&filter) else { continue };
            // Some are honest substrings of `plain`, or equal the number's spelling nowhere.
            let honest: Vec<&str> = [("a", json!({ "v": "plain", "w": ["plain"] })), ("b", json!({ "v": 1 }))]
                .iter()
                .filter(|(_, data)| filter.matches(data))
                .map(|(id, _)| *id)
                .collect();
            ensure_eq!(matching(store, &entity, filter.clone()).await?, honest, "{filter:?}");
            let deleted = store.delete_records(&entity, &RecordSelector::Filter(filter & Filter::eq("v", "never")?)).await?;
            ensure_eq!(deleted.deleted, 0, "deleted by {attack:?}");
        }
    }
    lives(store, &canary).await
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_ascii_punctuation() { vec!['\\', c] } else { vec![c] }).collect()
}

/// A path names a key, in filters, sorts, selected and searched fields.
pub async fn paths_are_paths(store: &dyn RecordStore) -> Outcome {
    let canary = canary(store).await?;
    let entity = entity(store, "E").await?;
    for (id, v) in [("a", 2), ("b", 1)] {
        put(store, &entity, [(id, json!({ "v": v }))]).await?;
    }
    for attack in attacks() {
        let plain = Path::from_segments([attack])?;
        let deep = Path::from_segments(["v", attack, "0", attack])?;
        for path in [plain, deep] {
            ensure_eq!(matching(store, &entity, Filter::eq(&path, 1)?).await?, [""; 0], "{path} = 1");
            ensure_eq!(matching(store, &entity, Filter::exists(&path)?).await?, [""; 0], "{path} exists");
            ensure_eq!(matching(store, &entity, !Filter::gt(&path, "")?).await?, ["a", "b"], "not {path} > ''");
            for key in [SortKey::ascending(&path)?, SortKey::descending(&path)?] {
                let query = RecordQuery::new().sort(key).sort(SortKey::ascending("v")?).fields([path.clone()]);
                ensure_eq!(found(store, &entity, &query).await?, ["b", "a"], "sorted by {path}");
                let rows = store.get_records(&entity, &query).await?.items;
                let leaked = rows.iter().any(|row| row.data.to_string().contains("secret"));
                ensure!(!leaked, "the field {path} shows data of another entity");
            }
        }
    }
    let fields: Vec<Path> = attacks().map(|attack| Path::from_segments([attack])).collect::<Result<_, _>>()?;
    store.declare_text_index(&entity, &fields).await?;
    put(store, &entity, fields.iter().map(|path| (format!("f {path}"), json!({ path.segments().concat(): "needle" })))).await?;
    let hits = store.search_text(&entity, &TextSearch::new("needle")).await?;
    ensure_eq!(hits.total, fields.iter().collect::<std::collections::BTreeSet<_>>().len() as u64, "hits in the declared fields");
    lives(store, &canary).await
}

/// Names, connections, external ids, types, cursors and keys to remove are compared and stored, no more.
pub async fn names_are_names(store: &dyn RecordStore) -> Outcome {
    let canary = canary(store).await?;
    let options = UpsertOptions::default();
    let entity = filled(store, "E", [("keep", json!({ "a": 1 }))]).await?;
    for attack in attacks() {
        let named = store.list_entities(&EntityQuery { name: Some(attack.into()), ..EntityQuery::default() }).await?;
        ensure!(named.items.is_empty(), "entities named {attack:?}");
        let read = store.get_records_by_external_ids(&entity, &[attack.into()]).await?;
        ensure!(read.is_empty(), "records of the external id {attack:?}");
        let deleted = store.delete_records(&entity, &RecordSelector::ExternalIds(vec![attack.into()])).await?;
        ensure_eq!(deleted.deleted, 0, "deleted by the external id {attack:?}");
        let record = NewRecord::new("keep", json!({})).remove_keys([attack]);
        ensure_eq!(store.upsert_records(&entity, &[record], &options).await?.unchanged.len(), 1, "after removing {attack:?}");
        let batch = SyncBatch::new(attack, CONNECTION, [NewRecord::new(attack, json!({ attack: attack }))]).last_sync_id(attack);
        let id = store.sync_records(&batch).await?.entity.id;
        ensure_eq!(store.count_records(&EntityRef::Id(id), &CountQuery::default()).await?.value, 1, "records of {attack:?}");
        ensure_eq!(store.delete_entity_by_id(id).await?.records, 1, "records that went with {attack:?}");
    }
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 2, "entities");
    lives(store, &canary).await
}

/// A search looks for the words of its text; what is an operator to some full-text engine is none here.
pub async fn search_text_is_text(store: &dyn RecordStore) -> Outcome {
    let canary = canary(store).await?;
    let rows =
        [("1", json!({ "t": "alpha beta not or and near" })), ("2", json!({ "t": "gamma" })), ("3", json!({ "t": "t alpha" }))];
    let entity = filled(store, "E", rows).await?;
    store.declare_text_index(&entity, &["t".parse()?]).await?;
    let search = async |text: &str| store.search_text(&entity, &TextSearch::new(text)).await;
    for (text, ids) in [
        ("alpha OR gamma", vec![]),
        ("alpha NOT beta", vec!["1"]),
        ("alpha -beta", vec!["1"]),
        ("alpha AND beta", vec!["1"]),
        ("NEAR(alpha beta)", vec![]),
        ("t:alpha", vec!["3"]),
        ("^alpha", vec!["1", "3"]),
        ("alpha | gamma", vec![]),
        ("!alpha", vec!["1", "3"]),
        ("(alpha)", vec!["1", "3"]),
        ("alpha' OR '1'='1", vec![]),
        ("al:*", vec!["1", "3"]),
        ("a*", vec!["1", "3"]),
    ] {
        let found = search(text).await?;
        let mut hits: Vec<&str> = found.hits.iter().map(|hit| hit.record.external_id.as_str()).collect();
        hits.sort_unstable();
        ensure_eq!(hits, ids, "hits of {text}");
    }
    for attack in attacks() {
        match search(attack).await {
            Ok(found) => {
                ensure!(found.hits.iter().all(|hit| hit.record.data != Value::Null), "a hit without data for {attack:?}")
            }
            Err(error) => ensure_eq!(error.kind(), mastra_core::ErrorKind::InvalidInput, "the refusal of {attack:?}"),
        }
    }
    lives(store, &canary).await
}
