//! Files that change between runs, and under the reader.

use super::*;
use mastra_core::ErrorKind;
use mastra_sync::source::files::{Csv, FileOptions, JsonLines};

fn lines(path: &Path) -> JsonLines {
    JsonLines::new(FileOptions::new(path).id_field("id").page_items(2))
}

fn ids(items: &[String]) -> Vec<&str> {
    items.iter().map(|item| item.split_once('=').map_or(item.as_str(), |(id, _)| id)).collect()
}

fn numbered(range: std::ops::Range<u32>) -> String {
    range.map(|id| format!("{{\"id\":{id}}}\n")).collect()
}

#[tokio::test]
async fn what_is_appended_is_read_alone() {
    let (_folder, path) = file("c.jsonl", numbered(0..3));
    let source = lines(&path);
    let cursor = end(&source).await;
    assert!(rest(&source, &cursor).await.0.is_empty());
    append(&path, &numbered(3..6));
    let (items, cursor) = rest(&source, &cursor).await;
    assert_eq!(ids(&items), ["3", "4", "5"]);
    append(&path, "bad\n");
    assert_eq!(rest(&source, &cursor).await.0, ["!: the line is not valid JSON (column=1, file=c.jsonl, line=7)"]);
}

#[tokio::test]
async fn a_line_that_was_half_written_is_read_again_when_it_is_whole() {
    let (_folder, path) = file("c.jsonl", "{\"id\":1}\n{\"id\":2,");
    let source = lines(&path);
    let cursor = end(&source).await;
    append(&path, "\"n\":1}\n{\"id\":3}");
    let (items, cursor) = rest(&source, &cursor).await;
    assert_eq!(items, [r#"2={"id":2,"n":1}"#, r#"3={"id":3}"#]);
    // A whole document needs no line break to be settled.
    append(&path, "\n{\"id\":4}\n");
    assert_eq!(rest(&source, &cursor).await.0, [r#"4={"id":4}"#]);

    let (_folder, path) = file("c.csv", "id,name\n1,one\n2,tw");
    let source = Csv::new(FileOptions::new(&path).id_field("id"));
    let cursor = end(&source).await;
    append(&path, "o\n3,\"th");
    let (items, cursor) = rest(&source, &cursor).await;
    assert_eq!(items[0], r#"2={"id":"2","name":"two"}"#);
    append(&path, "r\nee\"\n");
    assert_eq!(rest(&source, &cursor).await.0, [r#"3={"id":"3","name":"thr\nee"}"#]);
}

#[tokio::test]
async fn a_rewritten_file_is_read_anew() {
    for rewritten in
        ["{\"id\":7}\n{\"id\":1}\n{\"id\":2}\n", "{\"id\":0}\n", "", "{\"id\":0}\n{\"id\":1}\n{\"id\":3}\n{\"id\":4}\n"]
    {
        let (_folder, path) = file("c.jsonl", numbered(0..3));
        let source = lines(&path);
        let cursor = end(&source).await;
        std::fs::write(&path, rewritten).unwrap();
        assert_eq!(rest(&source, &cursor).await.0, all(&source).await, "{rewritten}");
    }
}

#[tokio::test]
async fn a_cursor_holds_for_the_options_it_was_made_under() {
    let (_folder, path) = file("c.csv", "id,name\n1,one\n2,two\n");
    let source = Csv::new(FileOptions::new(&path).id_field("id"));
    let cursor = end(&source).await;
    assert!(rest(&source, &cursor).await.0.is_empty());
    assert_eq!(rest(&source.clone().infer(), &cursor).await.0.len(), 2);
    let other = Csv::new(FileOptions::new(&path).id_field("name"));
    assert_eq!(ids(&rest(&other, &cursor).await.0), ["one", "two"]);
    for foreign in ["", "7", "{}", &cursor.replace("csv", "jsonl"), &cursor.replace("offset", "off")] {
        let error = pages(&source, behind(foreign)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{foreign}");
    }
}

#[tokio::test]
async fn a_file_that_changes_under_the_reader_is_no_whole() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("cut off", |path| std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(9).unwrap()),
        ("emptied", |path| std::fs::write(path, "").unwrap()),
        ("rewritten at the same size", |path| std::fs::write(path, numbered(0..9).replace('8', "7")).unwrap()),
        ("replaced", |path| {
            std::fs::write(path.with_extension("new"), numbered(5..15)).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }),
        ("removed", |path| std::fs::remove_file(path).unwrap()),
    ];
    for (what, change) in changes {
        let (_folder, path) = file("c.jsonl", numbered(0..9));
        let error = interrupted(&lines(&path), || change(&path)).await.expect_err(what);
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Conflict, true), "{what}");
    }
}

#[tokio::test]
async fn what_grows_or_is_only_touched_is_what_it_was() {
    let (_folder, path) = file("c.jsonl", numbered(0..9));
    let source = lines(&path);
    let read = interrupted(&source, || append(&path, &numbered(9..12))).await.unwrap();
    assert_eq!(ids(&shown(&read)).len(), 9);
    let cursor = read.last().unwrap().cursor.clone().unwrap();
    assert_eq!(ids(&rest(&source, &cursor).await.0), ["9", "10", "11"]);
    let same = std::fs::read(&path).unwrap();
    assert_eq!(shown(&interrupted(&source, || std::fs::write(&path, &same).unwrap()).await.unwrap()).len(), 12);
}

#[tokio::test]
async fn nothing_there_is_an_error_and_an_empty_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("absent.jsonl")] {
        assert!(pages(&lines(&path), Position::start()).await.unwrap_err().is_not_found());
    }
    #[cfg(unix)]
    assert_eq!(pages(&lines(Path::new("/dev/null")), Position::start()).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    std::fs::write(folder.path().join("notes.txt"), "{}").unwrap();
    std::fs::write(folder.path().join(".hidden.jsonl"), "{}").unwrap();
    assert!(pages(&lines(folder.path()), Position::start()).await.unwrap_err().is_not_found());
    std::fs::write(folder.path().join("empty.jsonl"), "").unwrap();
    assert!(pages(&lines(folder.path()), Position::start()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_is_read_in_the_order_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("b.jsonl"), numbered(10..13)).unwrap();
    std::fs::write(at("a.NDJSON"), numbered(0..3)).unwrap();
    let source = lines(folder.path());
    assert_eq!(ids(&all(&source).await), ["0", "1", "2", "10", "11", "12"]);
    let cursor = end(&source).await;
    append(&at("b.jsonl"), &numbered(13..14));
    std::fs::write(at("c.jsonl"), numbered(20..21)).unwrap();
    let (items, cursor) = rest(&source, &cursor).await;
    assert_eq!(ids(&items), ["13", "20"]);
    // A change in front of the place is not passed over: everything is read again.
    append(&at("a.NDJSON"), &numbered(3..4));
    assert_eq!(rest(&source, &cursor).await.0, all(&source).await);
    std::fs::remove_file(at("a.NDJSON")).unwrap();
    assert_eq!(rest(&source, &cursor).await.0, all(&source).await);
}

#[tokio::test]
async fn files_that_are_rotated_under_the_reader_are_no_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("log.1.jsonl"), numbered(0..5)).unwrap();
    std::fs::write(at("log.jsonl"), numbered(5..9)).unwrap();
    let source = lines(folder.path());
    let error = interrupted(&source, || {
        std::fs::rename(at("log.1.jsonl"), at("log.2.jsonl")).unwrap();
        std::fs::rename(at("log.jsonl"), at("log.1.jsonl")).unwrap();
        std::fs::write(at("log.jsonl"), "").unwrap();
    });
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Conflict);
    // A file that was read already, and then rewritten.
    let error = interrupted(&source, || std::fs::write(at("log.1.jsonl"), numbered(0..2)).unwrap());
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_source_says_that_nothing_changed_only_where_nothing_did() {
    let (_folder, path) = file("c.jsonl", numbered(0..5));
    let source = lines(&path);
    let last = |cursor: &str| Position { last: Some(cursor.to_owned()), ..Position::default() };
    let read = pages(&source, Position::start()).await.unwrap();
    let cursors: Vec<&str> = read.iter().map(|page| page.cursor.as_deref().unwrap()).collect();
    let again = pages(&source, last(cursors[2])).await.unwrap();
    assert!(again.len() == 1 && again[0].unchanged && again[0].items.is_empty());
    assert_eq!(again[0].cursor.as_deref(), Some(cursors[2]));
    for earlier in [cursors[0], cursors[1], "another source's"] {
        assert_eq!(shown(&pages(&source, last(earlier)).await.unwrap()), shown(&read), "{earlier}");
    }
    append(&path, &numbered(5..6));
    assert_eq!(pages(&source, last(cursors[2])).await.unwrap().iter().map(|page| page.items.len()).sum::<usize>(), 6);
}
