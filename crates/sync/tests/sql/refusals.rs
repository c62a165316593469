//! What is refused, in words that hold neither data nor secrets.

use super::*;
use mastra_core::ErrorKind;
use std::time::Duration;

async fn refused(source: &SqlSource) -> mastra_core::Error {
    pages(source, Position::start()).await.expect_err("this is to be refused")
}

#[tokio::test]
async fn a_query_that_cannot_be_read_by_key() {
    for mut database in Database::both().await {
        database.run("CREATE TABLE @r (id integer, mark integer); INSERT INTO @r VALUES (1, 1), (2, NULL)").await;
        let error = refused(&database.source("SELECT * FROM @r").high_water("mark")).await;
        let text = "rows have no value in the high-water column; give them one with coalesce() in the query (column=mark)";
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, text));
        let error = refused(&database.source("SELECT id AS \"ID\", mark FROM @r")).await;
        assert_eq!(error.to_string(), "the query gives no column of the id column's name (column=id, columns=ID, mark)");
        let error = refused(&database.source("SELECT * FROM @r").high_water("at")).await;
        assert!(error.to_string().starts_with("the query gives no column of the high-water column's name (column=at"), "{error}");
        for query in [
            "SELECT FROM WHERE",
            "SELECT nothing FROM @r",
            "SELECT * FROM @absent",
            "DELETE FROM @r RETURNING *",
            "SELECT 1 AS id) AS x; DELETE FROM @r; SELECT * FROM (SELECT 1 AS id",
        ] {
            let error = refused(&database.source(query)).await;
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{query}: {error}");
        }
        assert_eq!(ids(&read(&database.source("SELECT * FROM @r"), None).await.0), ["1", "2"]);
        assert_eq!(refused(&database.source("SELECT * FROM @r").page_rows(0)).await.kind(), ErrorKind::InvalidInput);
        database.end().await;
    }
}

#[tokio::test]
async fn errors_hold_neither_data_nor_the_url() {
    let mut database = Database::postgres().await;
    database.run("CREATE TABLE @r (id text); INSERT INTO @r VALUES ('top secret')").await;
    for query in ["SELECT id::integer AS id FROM @r", "SELECT 1 / (length(id) - 10) AS id FROM @r"] {
        let error = refused(&database.source(query)).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    database.end().await;
    for url in
        ["postgres://me:hunter2@127.0.0.1:1/x", "postgres://me:hunter2@127.0.0.1:port/x", "sqlite:///no/such/hunter2/file.db"]
    {
        let source = SqlSource::new(url, "SELECT 1 AS id", "id").unwrap();
        let error = refused(&source).await;
        assert!(!format!("{error} {error:?} {source:?}").contains("hunter2"), "{error:?}");
    }
    let absent = SqlSource::new("sqlite:///no/such/file.db", "SELECT 1 AS id", "id").unwrap();
    assert!(refused(&absent).await.is_not_found());
}

#[test]
fn what_can_be_seen_without_a_database() {
    for (url, query) in [("mysql://x", "SELECT 1"), ("", "SELECT 1"), ("postgres://x", " ;\n; "), ("sqlite://x", "")] {
        assert_eq!(SqlSource::new(url, query, "id").unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_statement_that_runs_too_long() {
    let forever = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT (id + 1) % 1000 FROM n) SELECT id FROM n WHERE id < 0";
    for database in Database::both().await {
        let error = refused(&database.source(forever).statement_timeout(Duration::from_millis(50))).await;
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true), "{error}");
        database.end().await;
    }
}
