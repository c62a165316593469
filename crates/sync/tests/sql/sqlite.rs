//! What only SQLite has.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn values_are_what_is_stored_whatever_their_column_was_declared_as() {
    let mut database = Database::sqlite().await;
    database.run("CREATE TABLE r (id INTEGER PRIMARY KEY, at DATETIME, b BOOLEAN, x)").await;
    database
        .run("INSERT INTO r VALUES (1, '2026-01-01', 1, 9223372036854775807), (2, 1700000000, 'yes', 0.1), (3, NULL, NULL, x'00ff'), (4, 1.5, 0, 9e999), (5, '', '', CAST(x'ff' AS TEXT))")
        .await;
    let items = read(&database.source("SELECT * FROM r"), None).await.0;
    assert_eq!(items[0], r#"1={"at":"2026-01-01","b":1,"id":1,"x":9223372036854775807}"#);
    assert_eq!(items[1], r#"2={"at":1700000000,"b":"yes","id":2,"x":0.1}"#);
    assert_eq!(items[2], "!3: the value is a blob, which JSON cannot hold; write hex(column) in the query (column=x)");
    assert_eq!(items[3], "!4: the value is infinite, as no number in JSON (column=x)");
    assert_eq!(items[4], "!5: the text is not UTF-8 (column=x)");
    database.end().await;
}

#[tokio::test]
async fn keys_of_mixed_types_and_loose_collations_hide_no_row() {
    let mut database = Database::sqlite().await;
    database.run("CREATE TABLE r (id COLLATE NOCASE); INSERT INTO r VALUES ('b'), ('A'), ('a'), ('B'), (2), (10), (-1.5), ('10'), ('2')").await;
    let source = database.source("SELECT * FROM r").page_rows(1);
    let all = pages(&source, Position::start()).await.unwrap();
    assert_eq!(ids(&shown(&all)), ["-1.5", "2", "10", "10", "2", "A", "B", "a", "b"]);
    for (index, page) in all.iter().enumerate().take(8) {
        assert_eq!(read(&source, page.cursor.as_deref()).await.0, shown(&all[index + 1..]));
    }
    database.run("CREATE TABLE k (id BLOB); INSERT INTO k VALUES (x'00')").await;
    let error = pages(&database.source("SELECT * FROM k"), Position::start()).await.unwrap_err();
    assert_eq!(error.to_string(), "rows cannot be read in the order of a blob; write hex(column) in the query (column=id)");
    database.end().await;
}

#[tokio::test]
async fn overlap_in_time() {
    let mut database = Database::sqlite().await;
    for (low, late, high) in [
        ("2026-01-01 12:00:00", "2026-01-01 12:00:01.5", "2026-01-01 12:00:03.25"),
        ("2026-01-01T12:00:00Z", "2026-01-01T12:00:01.5Z", "2026-01-01T12:00:03.25Z"),
    ] {
        database
            .run(&format!(
                "DROP TABLE IF EXISTS r; CREATE TABLE r (id, at); INSERT INTO r VALUES ('a', '{low}'), ('b', '{high}')"
            ))
            .await;
        let source = database.source("SELECT * FROM r").high_water("at").overlap(Duration::from_secs(2));
        let (_, cursor) = read(&source, None).await;
        database.run(&format!("INSERT INTO r VALUES ('late', '{late}')")).await;
        assert_eq!(ids(&read(&source, cursor.as_deref()).await.0), ["late", "b"]);
    }
    database.run("DELETE FROM r; INSERT INTO r VALUES ('a', 'someday')").await;
    let source = database.source("SELECT * FROM r").high_water("at").overlap(Duration::from_secs(2));
    assert_eq!(pages(&source, Position::start()).await.unwrap_err().kind(), mastra_core::ErrorKind::InvalidInput);
    database.end().await;
}
