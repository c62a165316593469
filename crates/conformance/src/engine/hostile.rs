//! Data that backends are known to break: it comes back as it was, or is refused by its path.

use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use crate::fixture::{entity, external_ids, filled, found, get, matching, put, there};
use mastra_core::{
    EntityQuery, EntityRef, EntityUpdate, ErrorKind, Filter, NewEntity, NewRecord, Path, RecordQuery, RecordSelector,
    RecordStore, SortKey, SyncBatch, TextSearch, UpsertMode, UpsertOptions, data::MAX_DEPTH, number::values_equal,
};
use serde_json::{Map, Value, json};

/// Strings that mean something to some database, shell, format or renderer.
pub(crate) const STRINGS: &[&str] = &[
    "",
    " ",
    "'",
    "''",
    "\"",
    "\\",
    "\\\\",
    "\\'",
    "`",
    "$",
    "$$",
    "$1",
    "$tag$",
    "?",
    "?1",
    ":name",
    "@",
    "%",
    "_",
    "*",
    "[",
    "]",
    "[0]",
    "{}",
    "{",
    "}",
    "(",
    "--",
    "/*",
    "*/",
    ";",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\u{1}",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\\u0000",
    "\\x00",
    "\\n",
    "null",
    "true",
    "NaN",
    "undefined",
    "1",
    "0x1",
    "1e5",
    "a.b",
    "a'b\"c\\d",
    "' OR '1'='1",
    "'; DROP TABLE records; --",
    "$.a",
    "strict $",
    "&&",
    "||",
    "<script>",
    "é",
    "e\u{301}",
    "ß",
    "İ",
    "ı",
    "ﬁ",
    "\u{ad}",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}bom",
    "\u{202e}right-to-left",
    "שלום",
    "مرحبا",
    "日本語",
    "🦀",
    "👩‍👩‍👧",
    "🇩🇪",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "Z̢a͏l̷g̶o̸",
    "__proto__",
    "constructor",
    "id",
    "data",
    "external_id",
    "deleted_at",
    "0",
    "-1",
    "00",
    "é.à",
    "$where",
    "$eq",
    "\\$x",
];

fn keys() -> impl Iterator<Item = &'static str> {
    STRINGS.iter().copied().filter(|key| !key.is_empty())
}

/// Every string comes back, and is found by equality, membership, range, substring and sort.
pub async fn strings_round_trip(store: &dyn RecordStore) -> Outcome {
    let rows = STRINGS
        .iter()
        .enumerate()
        .map(|(at, text)| (at.to_string(), json!({ "v": text, "list": [text, "other"], "in": { "v": text } })));
    let entity = filled(store, "E", rows).await?;
    for (at, text) in STRINGS.iter().enumerate() {
        let id = at.to_string();
        let data = there(store, &entity, &id).await?.data;
        ensure_eq!(data, json!({ "v": text, "list": [text, "other"], "in": { "v": text } }), "the record of {text:?}");
        for path in ["v", "list", "in.v"] {
            ensure_eq!(matching(store, &entity, Filter::eq(path, *text)?).await?, [id.as_str()], "{path} = {text:?}");
        }
        let here = async |filter: Filter| matching(store, &entity, filter).await.map(|ids| ids.contains(&id));
        ensure!(here(Filter::contains("v", *text)?).await?, "$contains does not find {text:?}");
        ensure!(here(Filter::gte("v", *text)? & Filter::lte("v", *text)?).await?, "a range does not hold {text:?}");
        ensure!(!here(Filter::ne("list", *text)?).await?, "$ne finds {text:?}");
        ensure!(!here(Filter::gt("v", *text)?).await?, "{text:?} is greater than itself");
    }
    let mut by_code_point: Vec<(Vec<char>, usize)> = STRINGS.iter().map(|text| text.chars().collect()).zip(0..).collect();
    by_code_point.sort();
    let expected: Vec<String> = by_code_point.iter().map(|(_, at)| at.to_string()).collect();
    ensure_eq!(found(store, &entity, &RecordQuery::new().sort(SortKey::ascending("v")?)).await?, expected, "sorted");
    Ok(())
}

/// Every key comes back, at the top and below, and can be asked for, sorted by, selected, searched and removed.
pub async fn keys_round_trip_and_can_be_asked_for(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let mut all = Map::new();
    for key in STRINGS {
        all.insert((*key).to_owned(), json!({ *key: key }));
    }
    put(store, &entity, [("all", Value::Object(all.clone())), ("none", json!({ "other": 1 }))]).await?;
    ensure_eq!(there(store, &entity, "all").await?.data, Value::Object(all), "a record with every key");
    for key in keys() {
        let path = Path::from_segments([key])?;
        let below = Path::from_segments([key, key])?;
        let ask = async |filter: Filter| matching(store, &entity, filter).await;
        ensure_eq!(ask(Filter::eq(&below, key)?).await?, ["all"], "{below} = {key:?}");
        ensure_eq!(ask(Filter::eq(&path, json!({ key: key }))?).await?, ["all"], "{path} = an object");
        ensure_eq!(ask(Filter::exists(&path)?).await?, ["all"], "{path} exists");
        ensure_eq!(ask(!Filter::exists(&below)?).await?, ["none"], "{below} does not exist");
        ensure_eq!(ask(Filter::contains(&below, key)?).await?, ["all"], "{below} contains");
        ensure_eq!(ask(Filter::gte(&below, key)?).await?, ["all"], "{below} >=");
        ensure_eq!(ask(Filter::eq(&below, Value::Null)?).await?, ["none"], "{below} is null");
        let sorted = RecordQuery::new().sort(SortKey::descending(&below)?).fields([below.clone()]);
        let rows = store.get_records(&entity, &sorted).await?.items;
        ensure_eq!(external_ids(&rows), ["all", "none"], "sorted by {below}");
        let shown: Vec<&Value> = rows.iter().map(|record| &record.data).collect();
        ensure_eq!(shown, [&json!({ key: { key: key } }), &json!({})], "{below} alone");
    }
    let hostile: Vec<Path> = keys().map(|key| Path::from_segments([key, key])).collect::<Result<_, _>>()?;
    store.declare_text_index(&entity, &hostile).await?;
    ensure_eq!(store.resolve_entity(&entity).await?.text_fields, hostile, "the declared fields");
    ensure_eq!(store.search_text(&entity, &TextSearch::new("drop table records")).await?.total, 1, "hits in hostile fields");
    let removing = NewRecord::new("all", json!({})).remove_keys(STRINGS.iter().copied());
    store.upsert_records(&entity, &[removing], &UpsertOptions::default()).await?;
    ensure_eq!(there(store, &entity, "all").await?.data, json!({}), "all keys removed");
    for mode in [UpsertMode::Merge, UpsertMode::DeepMerge] {
        for key in STRINGS {
            let record = NewRecord::new("one by one", json!({ *key: { *key: 1 } }));
            store.upsert_records(&entity, &[record], &UpsertOptions { mode }).await?;
        }
        let data = there(store, &entity, "one by one").await?.data;
        ensure_eq!(data.as_object().map_or(0, Map::len), STRINGS.len(), "keys merged one by one by {mode:?}");
    }
    Ok(())
}

/// Numbers come back with their decimal value, and are found by it; what a backend cannot keep it refuses by path.
pub async fn numbers_keep_their_decimal_value(store: &dyn RecordStore) -> Outcome {
    let texts = [
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "-1",
        "0.1",
        "0.2",
        "0.30000000000000004",
        "1e5",
        "1E+5",
        "1e-7",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901234567890",
        "0.1000000000000000055511151231257827",
        "1234567890.123456789012345678901234567890",
        "1e20",
        "1e21",
        "1e22",
        "1e300",
        "1.7976931348623157e308",
        "5e-324",
        "1e-300",
        "1e400",
        "1e-400",
        "-1e5000",
        "1e131071",
        "1e200000",
        "1e-16383",
        "1e-20000",
        "1e1000000000",
    ];
    let entity = entity(store, "E").await?;
    let mut kept: Vec<(String, Value)> = Vec::new();
    // Without exact numbers serde_json refuses some of them, or makes floats of them.
    let parsed = texts.iter().filter_map(|text| Some((*text, serde_json::from_str::<Value>(text).ok()?)));
    for (text, number) in parsed {
        match put(store, &entity, [(text, json!({ "n": number, "list": ["x", { "n": [number] }] }))]).await {
            Ok(_) => kept.push((text.to_owned(), number)),
            Err(error) => {
                ensure!(
                    !store.capabilities().data.unbounded_numbers,
                    "{text} is refused, though unbounded numbers are claimed: {error}"
                );
                let by_path = matches!(error.get("path"), Some("n" | "list.1.n.0"));
                ensure!(error.kind() == ErrorKind::InvalidInput && by_path, "{text} is refused without its path: {error}");
                ensure!(text.contains('e') && text.len() < 13, "{text} is no number that a backend may refuse: {error}");
            }
        }
    }
    ensure!(kept.len() >= 20, "only {} numbers were kept", kept.len());
    for (text, number) in &kept {
        let data = there(store, &entity, text).await?.data;
        let expected = json!({ "n": number, "list": ["x", { "n": [number] }] });
        ensure!(values_equal(&data, &expected), "{text} came back as {data}");
    }
    for (text, number) in &kept {
        let mut equal: Vec<&str> =
            kept.iter().filter(|(_, other)| values_equal(number, other)).map(|(text, _)| text.as_str()).collect();
        equal.sort_unstable();
        for path in ["n", "list.n"] {
            ensure_eq!(matching(store, &entity, Filter::eq(path, number.clone())?).await?, equal, "{path} = {text}");
        }
        let range = Filter::from_json(&json!({ "n": { "$gte": number, "$lte": number } }))?;
        ensure_eq!(matching(store, &entity, range).await?, equal, "the range from {text} to itself");
        let outside = Filter::from_json(&json!({ "$or": [{ "n": { "$gt": number } }, { "n": { "$lt": number } }] }))?;
        ensure_eq!(matching(store, &entity, outside).await?.len(), kept.len() - equal.len(), "outside of {text}");
    }
    Ok(())
}

/// A long string, a long list, many keys and long keys.
pub async fn a_megabyte_and_many_keys(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let long = "long é🦀 \"text\" ".repeat(65_536);
    let many: Map<String, Value> = (0..5_000).map(|n| (format!("key {n}"), json!(n))).collect();
    let long_key = "k".repeat(10_000);
    let rows = [
        ("long", json!({ "v": long })),
        ("many", Value::Object(many)),
        ("list", json!({ "v": (0..50_000).collect::<Vec<_>>() })),
        ("key", json!({ long_key.as_str(): { long_key.as_str(): 1 } })),
    ];
    put(store, &entity, rows.clone()).await?;
    for (id, data) in &rows {
        ensure!(there(store, &entity, id).await?.data == *data, "the record {id} came back otherwise");
    }
    ensure_eq!(matching(store, &entity, Filter::eq("v", long.as_str())?).await?, ["long"], "the long string by equality");
    ensure_eq!(matching(store, &entity, Filter::eq("v", 49_999)?).await?, ["list"], "the last member of the list");
    ensure_eq!(matching(store, &entity, Filter::size("v", 50_000)?).await?, ["list"], "the list by its size");
    let path = Path::from_segments([long_key.as_str(), long_key.as_str()])?;
    ensure_eq!(matching(store, &entity, Filter::eq(path, 1)?).await?, ["key"], "the value under long keys");
    let report = put(store, &entity, rows).await?;
    ensure_eq!(report.unchanged.len(), 4, "unchanged the second time");
    Ok(())
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(
        json!({ "leaf": true }),
        |inner, level| if level % 2 == 0 { json!({ "a": inner }) } else { json!({ "a": [inner, 1] }) },
    )
}

/// Data nests 100 levels deep; more is refused, and the error says where.
pub async fn a_hundred_levels_are_kept_and_more_refused_by_path(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let objects = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    let deepest = objects(MAX_DEPTH);
    put(store, &entity, [("deep", deepest.clone()), ("mixed", nested(MAX_DEPTH / 2))]).await?;
    ensure_eq!(there(store, &entity, "deep").await?.data, deepest, "the deepest record");
    ensure_eq!(there(store, &entity, "mixed").await?.data, nested(MAX_DEPTH / 2), "the deep record with arrays");
    let path = Path::from_segments(vec!["a"; MAX_DEPTH - 1])?;
    ensure_eq!(matching(store, &entity, Filter::eq(&path, json!({}))?).await?, ["deep"], "the deepest value");
    for mode in [UpsertMode::Merge, UpsertMode::DeepMerge] {
        let record = NewRecord::new("deep", objects(MAX_DEPTH));
        let report = store.upsert_records(&entity, &[record], &UpsertOptions { mode }).await?;
        ensure_eq!(report.unchanged.len(), 1, "unchanged by {mode:?}");
    }
    let error =
        refused(put(store, &entity, [("ok", json!({})), ("deeper", objects(MAX_DEPTH + 1))]).await, ErrorKind::InvalidInput)?;
    ensure!(error.get("path").is_some_and(|path| path.starts_with("a.a.a")), "the error names no path: {error}");
    ensure_eq!(get(store, &entity, "ok").await?, None, "a record of the refused batch");
    Ok(())
}

/// U+0000 comes back from a backend that claims it, and is refused by its path by others.
pub async fn nul_is_kept_or_refused_by_path(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    let rows = [
        ("value", json!({ "a": "x\0y" }), "a"),
        ("member", json!({ "a": ["x", "\0"] }), "a.1"),
        ("key", json!({ "a": { "k\0": 1 } }), "a.k\0"),
    ];
    for (id, data, path) in rows {
        let stored = put(store, &entity, [(id, data.clone())]).await;
        if store.capabilities().data.nul_characters {
            stored?;
            ensure_eq!(there(store, &entity, id).await?.data, data, "the record {id}");
        } else {
            let error = refused(stored, ErrorKind::InvalidInput)?;
            ensure_eq!(error.get("path"), Some(path), "the path that the error names");
        }
    }
    // A filter may ask for it on every backend: where it cannot be stored, nothing matches.
    let expected: &[&str] = if store.capabilities().data.nul_characters { &["value"] } else { &[] };
    ensure_eq!(matching(store, &entity, Filter::eq("a", "x\0y")?).await?, expected, "a = x\\0y");
    ensure_eq!(matching(store, &entity, Filter::contains("a", "x\0")?).await?, expected, "a contains x\\0");
    put(store, &entity, [("plain", json!({ "a": "x" }))]).await?;
    ensure_eq!(matching(store, &entity, Filter::eq("a", "x\0")?).await?, [""; 0], "a string that is cut at U+0000");
    let expected: &[&str] = if store.capabilities().data.nul_characters { &["key"] } else { &[] };
    ensure_eq!(matching(store, &entity, Filter::exists(Path::from_segments(["a", "k\0"])?)?).await?, expected, "a.k\\0 exists");
    Ok(())
}

/// External ids, entity names, connections, types and sync cursors of any spelling come back and are told apart.
pub async fn names_and_ids_are_data(store: &dyn RecordStore) -> Outcome {
    let names: Vec<&str> = STRINGS.iter().copied().filter(|name| !name.trim().is_empty()).collect();
    let options = UpsertOptions::default();
    for name in &names {
        let batch =
            SyncBatch::new(*name, *name, [NewRecord::new(*name, json!({ "name": name })).entity_type(*name)]).last_sync_id(*name);
        let synced = store.sync_records(&batch).await?;
        ensure_eq!(synced.entity.last_sync_id.as_deref(), Some(*name), "the cursor");
        let exactly = EntityRef::named(*name).in_connection(*name);
        ensure_eq!(store.resolve_entity(&exactly).await?, synced.entity, "the entity {name:?}");
        let record = there(store, &exactly, name).await?;
        ensure_eq!((record.external_id.as_str(), record.entity_type.as_str()), (*name, *name), "id and type of {name:?}");
    }
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), names.len(), "entities");
    let all = entity(store, "All of them").await?;
    let records: Vec<NewRecord> = names.iter().map(|name| NewRecord::new(*name, json!({ "name": name }))).collect();
    store.upsert_records(&all, &records, &options).await?;
    ensure_eq!(store.upsert_records(&all, &records, &options).await?.unchanged.len(), names.len(), "told apart");
    let asked: Vec<String> = names.iter().rev().map(|name| (*name).to_owned()).collect();
    ensure_eq!(external_ids(&store.get_records_by_external_ids(&all, &asked).await?), asked, "by external id");
    let schema =
        json!({ "title": STRINGS, "properties": STRINGS.iter().map(|key| ((*key).to_owned(), json!(1))).collect::<Map<_, _>>() });
    let update = EntityUpdate { schema: Some(Some(schema.clone())), ..EntityUpdate::default() };
    ensure_eq!(store.update_entity(&all, &update).await?.schema, Some(schema), "a hostile schema");
    let error =
        refused(store.create_entity(&NewEntity::new("S", "c").schema(json!({ "a": "\0" }))).await, ErrorKind::InvalidInput)?;
    if error.get("path") != Some("a") {
        return Err(Failure::new(format!("a refused schema without its path: {error}")));
    }
    let half: Vec<String> = asked.iter().step_by(2).cloned().collect();
    let deleted = store.delete_records(&all, &RecordSelector::ExternalIds(half.clone())).await?.deleted;
    ensure_eq!(deleted, half.len() as u64, "deleted by external id");
    Ok(())
}
