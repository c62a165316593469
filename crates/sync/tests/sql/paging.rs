//! Pages and cursors over rows that stand still.

use super::*;
use proptest::prelude::*;

/// Rows of id and mark.
async fn table(database: &mut Database, rows: &[(i64, i64)]) {
    let values: Vec<String> = rows.iter().map(|(id, mark)| format!("({id}, {mark})")).collect();
    database.run("DROP TABLE IF EXISTS @r; CREATE TABLE @r (id bigint NOT NULL, mark bigint)").await;
    if !values.is_empty() {
        database.run(&format!("INSERT INTO @r VALUES {}", values.join(", "))).await;
    }
}

fn sorted(mut rows: Vec<(i64, i64)>, by_mark: bool) -> Vec<String> {
    rows.sort_by_key(|(id, mark)| if by_mark { (*mark, *id) } else { (0, *id) });
    rows.into_iter().map(|(id, mark)| format!("{id}={{\"id\":{id},\"mark\":{mark}}}")).collect()
}

/// All rows, then those from the highest mark on, from every cursor of both.
async fn check(database: &mut Database, rows: Vec<(i64, i64)>, page: usize) {
    table(database, &rows).await;
    let source = database.source("SELECT id, mark FROM @r").high_water("mark").page_rows(page);
    let all = pages(&source, Position::start()).await.unwrap();
    assert_eq!(shown(&all), sorted(rows.clone(), false));
    let Some(highest) = rows.iter().map(|(_, mark)| *mark).max() else {
        assert!(all.is_empty());
        return;
    };
    for (index, page) in all.iter().enumerate().take(all.len() - 1) {
        assert_eq!(read(&source, page.cursor.as_deref()).await.0, shown(&all[index + 1..]));
    }
    // The rows of the highest mark are read again once: more of it may have come meanwhile.
    let (items, last) = read(&source, all.last().unwrap().cursor.as_deref()).await;
    assert_eq!(items, sorted(rows.iter().copied().filter(|(_, mark)| *mark == highest).collect(), true));
    let changed: Vec<(i64, i64)> = rows.iter().map(|(id, mark)| (id + 1_000, highest + 1 + (mark - highest).abs() % 3)).collect();
    let values: Vec<String> = changed.iter().map(|(id, mark)| format!("({id}, {mark})")).collect();
    database.run(&format!("INSERT INTO @r VALUES {}", values.join(", "))).await;
    let new = pages(&source, behind(last.as_deref().unwrap())).await.unwrap();
    assert_eq!(shown(&new), sorted(changed, true));
    for (index, page) in new.iter().enumerate() {
        assert_eq!(read(&source, page.cursor.as_deref()).await.0, shown(&new[index + 1..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn from_every_cursor_the_rest_follows(
        ids in prop::collection::btree_map(-20..20_i64, -3..3_i64, 0..25), page in 1..7_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            for mut database in Database::both().await {
                check(&mut database, ids.clone().into_iter().collect(), page).await;
                database.end().await;
            }
        });
    }
}

#[tokio::test]
async fn without_a_mark_the_last_cursor_is_the_beginning() {
    for mut database in Database::both().await {
        table(&mut database, &[(1, 0), (2, 0), (3, 0), (4, 0)]).await;
        let source = database.source("SELECT id FROM @r").page_rows(2);
        let all = pages(&source, Position::start()).await.unwrap();
        assert_eq!(all.iter().map(|page| page.items.len()).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(ids(&read(&source, all[0].cursor.as_deref()).await.0), ["3", "4"]);
        let last = all[1].cursor.as_deref();
        assert_eq!(ids(&read(&source, last).await.0), ["1", "2", "3", "4"]);
        // Where the rows behind a cursor went, the run ends at the beginning too, and the next one reads all.
        database.run("DELETE FROM @r WHERE id > 2").await;
        let (items, last) = read(&source, all[0].cursor.as_deref()).await;
        assert!(items.is_empty());
        assert_eq!(ids(&read(&source, last.as_deref()).await.0), ["1", "2"]);
        database.end().await;
    }
}

#[tokio::test]
async fn an_empty_table_has_no_page_and_is_read_once_it_has_rows() {
    for mut database in Database::both().await {
        table(&mut database, &[]).await;
        let source = database.source("SELECT id, mark FROM @r").high_water("mark");
        assert!(pages(&source, Position::start()).await.unwrap().is_empty());
        database.run("INSERT INTO @r VALUES (1, 1)").await;
        assert_eq!(ids(&read(&source, None).await.0), ["1"]);
        database.end().await;
    }
}

#[tokio::test]
async fn another_query_begins_anew_and_another_cursor_is_refused() {
    for mut database in Database::both().await {
        table(&mut database, &[(1, 1), (2, 2), (3, 3)]).await;
        let source = database.source("SELECT id, mark FROM @r").high_water("mark");
        let cursor = read(&source, None).await.1.unwrap();
        assert_eq!(ids(&read(&source, Some(&cursor)).await.0), ["3"]);
        let other = database.source("SELECT id, mark, 1 AS one FROM @r").high_water("mark");
        assert_eq!(ids(&read(&other, Some(&cursor)).await.0), ["1", "2", "3"]);
        let kind = if database.is_postgres() { "\"postgres\"" } else { "\"sqlite\"" };
        for foreign in ["", "{}", "3", &cursor.replace(kind, "\"mysql\""), &cursor.replace("stage", "page")] {
            let error = pages(&source, behind(foreign)).await.unwrap_err();
            assert_eq!(error.kind(), mastra_core::ErrorKind::InvalidInput, "{foreign}");
        }
        if database.is_postgres() {
            database.run("ALTER TABLE @r ALTER mark TYPE text").await;
            assert_eq!(ids(&read(&source, Some(&cursor)).await.0), ["1", "2", "3"]);
        }
        database.end().await;
    }
}

#[tokio::test]
async fn overlap_finds_what_was_committed_late() {
    for mut database in Database::both().await {
        table(&mut database, &[(1, 10), (2, 20)]).await;
        let strict = database.source("SELECT id, mark FROM @r").high_water("mark").page_rows(1);
        let source = strict.clone().overlap(6_u32);
        let (_, cursor) = read(&source, None).await;
        let (_, cursor) = read(&source, cursor.as_deref()).await;
        // Stamped before row 2, and committed after it was read.
        database.run("INSERT INTO @r VALUES (9, 15), (8, 13), (3, 21)").await;
        assert_eq!(ids(&read(&strict, cursor.as_deref()).await.0), ["3"]);
        let read_again = pages(&source, behind(cursor.as_deref().unwrap())).await.unwrap();
        assert_eq!(ids(&shown(&read_again)), ["9", "2", "3"]);
        // While rows in front of the cursor are read again, it stays where it is: a run that dies there does not fall back.
        assert_eq!(read_again[0].cursor, cursor);
        assert_eq!(ids(&read(&strict, read_again[2].cursor.as_deref()).await.0), [""; 0]);
        let wrong = strict.clone().overlap(std::time::Duration::from_secs(1));
        assert_eq!(pages(&wrong, Position::start()).await.unwrap_err().kind(), mastra_core::ErrorKind::InvalidInput);
        database.end().await;
    }
}
