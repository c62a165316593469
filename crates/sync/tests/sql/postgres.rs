//! What only Postgres has.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn keys_of_every_type_keep_their_digits() {
    let mut database = Database::postgres().await;
    let types = [
        ("smallint", "-32768", "32767"),
        ("integer", "-5", "7"),
        ("bigint", "-9223372036854775808", "9223372036854775807"),
        ("numeric", "0.10000000000000000000000000000000001", "12345678901234567890123.5"),
        ("real", "0.1", "0.10000001"),
        ("double precision", "0.1", "0.10000000000000002"),
        ("text", "a", "ä"),
        ("varchar(9)", "a", "b"),
        ("char(9)", "a", "b"),
        ("name", "a", "b"),
        ("uuid", "00000000-0000-0000-0000-000000000001", "ffffffff-0000-0000-0000-000000000001"),
        ("date", "-infinity", "2026-11-21"),
        ("timestamp", "2026-11-21 12:00:00.000001", "2026-11-21 12:00:00.000002"),
        ("timestamptz", "2026-11-21 12:00:00.000001+02", "2026-11-21 12:00:00.000002+02"),
        ("oid", "1", "4294967295"),
    ];
    for (index, (kind, low, high)) in types.into_iter().enumerate() {
        database.run(&format!("CREATE TABLE @r{index} (key {kind}, n integer)")).await;
        database.run(&format!("INSERT INTO @r{index} VALUES ('{high}', 2), ('{low}', 1)")).await;
        // As an id.
        let source = database.source(&format!("SELECT key AS id, n FROM @r{index}")).page_rows(1);
        let all = pages(&source, Position::start()).await.unwrap();
        assert_eq!(all.len(), 2, "{kind}");
        assert!(shown(&all)[0].contains("\"n\":1") && shown(&all)[1].contains("\"n\":2"), "{kind}: {:?}", shown(&all));
        assert_eq!(read(&source, all[0].cursor.as_deref()).await.0, shown(&all[1..]), "{kind}");
        // As a mark: of two that differ in the last digit, only the higher one is read from it on.
        let source = database.source(&format!("SELECT n AS id, key FROM @r{index}")).high_water("key").page_rows(1);
        let (items, cursor) = read(&source, None).await;
        assert_eq!(ids(&items), ["1", "2"], "{kind}");
        let (items, cursor) = read(&source, cursor.as_deref()).await;
        assert_eq!(ids(&items), ["2"], "{kind}");
        assert!(read(&source, cursor.as_deref()).await.0.is_empty(), "{kind}");
    }
    database.end().await;
}

#[tokio::test]
async fn the_server_writes_the_document() {
    let mut database = Database::postgres().await;
    let source = database.source(
        "SELECT 1 AS id, 0.10::numeric AS n, '2026-01-01 00:00:00.000001+02'::timestamptz AS at, NULL::text AS none, '{\"a\":[1]}'::jsonb AS j,
         ARRAY[1,2] AS list, true AS yes, '\\x00ff'::bytea AS raw, 'NaN'::float8 AS nan",
    );
    let items = read(&source, None).await.0;
    let data: serde_json::Value = serde_json::from_str(items[0].strip_prefix("1=").unwrap()).unwrap();
    assert_eq!(data["at"], "2025-12-31T22:00:00.000001+00:00");
    assert_eq!((data["n"].as_f64(), &data["none"], &data["yes"]), (Some(0.1), &serde_json::Value::Null, &true.into()));
    assert_eq!((&data["j"], &data["list"]), (&serde_json::json!({ "a": [1] }), &serde_json::json!([1, 2])));
    assert_eq!((&data["raw"], &data["nan"]), (&"\\x00ff".into(), &"NaN".into()));
    // A type without an order that is known is refused as a key, by name.
    database.run("CREATE TABLE @r (id jsonb, n integer)").await;
    let error = pages(&database.source("SELECT * FROM @r"), Position::start()).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the id column is of a type that rows cannot be read in order of (column=id, type=JSONB"),
        "{error}"
    );
    database.end().await;
}

#[tokio::test]
async fn overlap_in_time() {
    let mut database = Database::postgres().await;
    for kind in ["timestamptz", "timestamp", "date"] {
        database.run(&format!("DROP TABLE IF EXISTS @r; CREATE TABLE @r (id text, at {kind})")).await;
        database.run("INSERT INTO @r VALUES ('a', '2026-01-02'), ('b', '2026-01-05')").await;
        let source = database.source("SELECT * FROM @r").high_water("at").overlap(Duration::from_secs(2 * 24 * 3_600));
        let (_, cursor) = read(&source, None).await;
        database.run("INSERT INTO @r VALUES ('late', '2026-01-03'), ('too late', '2026-01-02')").await;
        assert_eq!(ids(&read(&source, cursor.as_deref()).await.0), ["late", "b"], "{kind}");
        let wrong = source.overlap(7);
        assert_eq!(pages(&wrong, Position::start()).await.unwrap_err().kind(), mastra_core::ErrorKind::InvalidInput);
    }
    database.end().await;
}
