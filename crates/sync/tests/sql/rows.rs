//! What a row becomes.

use super::*;

#[tokio::test]
async fn rows_without_a_usable_id_fail_and_the_rest_goes_on() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @r (id text, n integer, mark integer NOT NULL)").await;
        database.run("INSERT INTO @r VALUES (NULL, 1, 1), ('', 2, 1), ('  ', 3, 1), ('a', 4, 1), (NULL, 5, 2)").await;
        let source = database.source("SELECT * FROM @r").high_water("mark");
        let (items, cursor) = read(&source, None).await;
        let failed: Vec<&str> = items.iter().filter(|item| item.starts_with('!')).map(String::as_str).collect();
        assert_eq!(
            failed,
            [
                "!: the id is NULL (column=id)",
                "!: the id is NULL (column=id)",
                "!: the id is blank (column=id)",
                "!: the id is blank (column=id)"
            ]
        );
        assert_eq!(items.last().unwrap(), r#"a={"id":"a","mark":1,"n":4}"#);
        assert_eq!(items.len(), 5);
        // From a mark on, only those that stand there.
        database.run("INSERT INTO @r VALUES (NULL, 6, 3), ('b', 7, 3)").await;
        assert_eq!(ids(&read(&source, cursor.as_deref()).await.0), ["!", "!", "b"]);
        let error = pages(&source.page_rows(2), Position::start()).await.unwrap_err();
        assert_eq!(error.to_string(), "too many rows have no id; leave them out in the query (column=id, more_than=2)");
        database.end().await;
    }
}

#[tokio::test]
async fn an_id_that_is_given_twice_fails_the_second_time_on_any_page() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @r (id text, n integer); INSERT INTO @r VALUES ('a', 1), ('b', 1), ('b', 2), ('c', 1)").await;
        for page in [1, 2, 3, 10] {
            let items = read(&database.source("SELECT * FROM @r").page_rows(page), None).await.0;
            assert_eq!(ids(&items), ["a", "b", "!b", "c"], "{page}");
            assert!(items[2].ends_with("the query gives this id more than once (column=id)"), "{}", items[2]);
        }
        database.end().await;
    }
}

#[tokio::test]
async fn names_are_quoted_and_never_taken_for_another() {
    for mut database in Database::both().await {
        let name = r#"we"ird "" näme; --"#;
        let quoted = name.replace('"', "\"\"");
        database
            .run(&format!("CREATE TABLE @r (\"{quoted}\" text, \"source\" integer, \"Source_\" integer, \"select\" integer)"))
            .await;
        database.run("INSERT INTO @r VALUES ('it''s', 1, 2, 3), ('zoë', 1, 2, 4), ('$1', 1, 2, 5)").await;
        let query = "SELECT * FROM @r".replace('@', &database.prefix);
        let source = SqlSource::new(&database.url, query, name).unwrap().high_water("select").page_rows(1);
        let (items, cursor) = read(&source, None).await;
        let mut found = ids(&items);
        found.sort_unstable();
        assert_eq!(found, ["$1", "it's", "zoë"]);
        assert!(items.iter().all(|item| item.contains("\"source\":1") && item.contains("\"Source_\":2")));
        assert_eq!(ids(&read(&source, cursor.as_deref()).await.0), ["$1"]);
        database.end().await;
    }
}
