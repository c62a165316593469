//! Rows that come, go and change between pages.

use super::*;
use futures::StreamExt as _;
use std::collections::BTreeMap;

/// Reads page by page, with statements run behind each.
async fn read_while(source: &SqlSource, database: &mut Database, from: Position<'_>, changes: &[&str]) -> Vec<Page> {
    let mut stream = source.pages(from);
    let mut read = Vec::new();
    let mut changes = changes.iter();
    while let Some(page) = stream.next().await {
        read.push(page.unwrap());
        if let Some(change) = changes.next() {
            database.run(change).await;
        }
    }
    read
}

#[tokio::test]
async fn a_row_that_stays_is_read_once_in_a_reading_of_all() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @r (id integer PRIMARY KEY, mark integer NOT NULL, n integer)").await;
        let rows: Vec<String> = (0..40).map(|id| format!("({}, {}, 0)", id * 10, 100 - id)).collect();
        database.run(&format!("INSERT INTO @r VALUES {}", rows.join(", "))).await;
        let source = database.source("SELECT * FROM @r").high_water("mark").page_rows(7);
        let changes = [
            // Rows that were read come again, go and change; so do those that are next; marks run ahead and back.
            "DELETE FROM @r WHERE id IN (10, 70, 80); INSERT INTO @r VALUES (5, 500, 0), (75, 501, 0)",
            "UPDATE @r SET mark = 502, n = 1 WHERE id IN (20, 200, 210)",
            "UPDATE @r SET mark = -5 WHERE id IN (300, 310, 320)",
            "INSERT INTO @r VALUES (10, 503, 0), (395, 504, 0)",
        ];
        let read_pages = read_while(&source, &mut database, Position::start(), &changes).await;
        let shown_items = shown(&read_pages);
        let mut seen = BTreeMap::new();
        for id in ids(&shown_items) {
            *seen.entry(id.parse::<i64>().unwrap()).or_insert(0) += 1;
        }
        let stayed = (0..40).map(|id| id * 10).filter(|id| ![10, 70, 80].contains(id));
        assert!(stayed.into_iter().all(|id| seen.get(&id) == Some(&1)), "{seen:?}");
        assert!(seen.values().all(|times| *times == 1), "{seen:?}");
        assert_eq!((seen.contains_key(&75), seen.contains_key(&395), seen.contains_key(&80)), (true, true, false));
        // What changed behind the reader is what the next run reads, with all that stands from the mark on.
        let next = read(&source, read_pages.last().unwrap().cursor.as_deref()).await.0;
        assert_eq!(ids(&next), ["0", "5", "75", "20", "200", "210", "10", "395"]);
        database.end().await;
    }
}

#[tokio::test]
async fn a_change_ahead_is_read_and_one_behind_is_read_again() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @r (id integer PRIMARY KEY, mark integer NOT NULL); INSERT INTO @r VALUES (0, 0)").await;
        let source = database.source("SELECT * FROM @r").high_water("mark").page_rows(3);
        let (_, cursor) = read(&source, None).await;
        let rows: Vec<String> = (1..20).map(|id| format!("({id}, {})", id / 4 + 1)).collect();
        database.run(&format!("INSERT INTO @r VALUES {}", rows.join(", "))).await;
        let changes = [
            "UPDATE @r SET mark = 50 WHERE id IN (1, 10)",
            "DELETE FROM @r WHERE id = 12; INSERT INTO @r VALUES (100, 51)",
            "UPDATE @r SET mark = 52 WHERE id = 1",
        ];
        let read_pages = read_while(&source, &mut database, behind(cursor.as_deref().unwrap()), &changes).await;
        let shown_items = shown(&read_pages);
        let found = ids(&shown_items);
        let count = |id: &str| found.iter().filter(|found| **found == id).count();
        let still = (2..20).filter(|id| ![10, 12].contains(id)).map(|id| id.to_string());
        assert!(still.into_iter().all(|id| count(&id) == 1), "{found:?}");
        assert_eq!((count("1"), count("10"), count("12"), count("100")), (2, 1, 0, 1), "{found:?}");
        assert_eq!(shown_items.last().unwrap(), r#"1={"id":1,"mark":52}"#);
        database.end().await;
    }
}

#[tokio::test]
async fn a_query_without_an_index_on_its_key_is_read_all_the_same() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @a (k integer, v text); CREATE TABLE @b (k integer, w text)").await;
        let rows = |from: i32| (0..30).map(|id| format!("({id}, 'x{}')", id + from)).collect::<Vec<_>>().join(", ");
        database.run(&format!("INSERT INTO @a VALUES {}; INSERT INTO @b VALUES {}", rows(0), rows(5))).await;
        let source = database.source(
            "WITH joined AS (SELECT a.v || '/' || b.w AS id, count(*) AS n FROM @a AS a JOIN @b AS b ON a.k = b.k GROUP BY 1)
             SELECT id, n FROM joined ORDER BY n, id DESC -- the order is not ours; -- ; ",
        );
        let all = pages(&source.page_rows(4), Position::start()).await.unwrap();
        assert_eq!((all.len(), shown(&all).len()), (8, 30));
        assert_eq!(shown(&all)[0], r#"x0/x5={"id":"x0/x5","n":1}"#);
        database.end().await;
    }
}
