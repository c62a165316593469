//! JSON lines.

use super::*;
use mastra_sync::source::files::{FileOptions, JsonLines};
use serde_json::Value;

#[tokio::test]
async fn bad_lines_fail_alone_and_say_where_they_stand() {
    let mut content = Vec::from("\u{feff}{\"id\":1,\"n\":\"ä'\\\"𝄞\"}\r\n");
    content.extend_from_slice(b"\n  \r\n{\"id\":2\n[1]\n7\n{\"id\":\"caf\xe9\"}\n");
    content.extend_from_slice(b"{\"id\":\" \"}\n{\"name\":\"Ada\"}\n{\"id\":null}\n{\"id\":[1]}\n{\"id\":true}\n");
    content.extend_from_slice(b"{\"id\":1.0}\n{\"id\":1e3}\n{\"id\":\"a\\u0000b\"}\n{\"id\":\" x \"}");
    let (_folder, path) = file("c.jsonl", content);
    let items = all(&JsonLines::new(FileOptions::new(path).id_field("id"))).await;
    assert_eq!(items[0], r#"1={"id":1,"n":"ä'\"𝄞"}"#);
    assert_eq!(items[1], "!: the line is not valid JSON (column=7, file=c.jsonl, line=4)");
    assert_eq!(items[2], "!: the line is no JSON object (file=c.jsonl, line=5)");
    assert_eq!(items[3], "!: the line is no JSON object (file=c.jsonl, line=6)");
    assert_eq!(items[4], "!: the line is not UTF-8 (file=c.jsonl, line=7)");
    assert_eq!(items[5], "!: the id is blank (field=id, file=c.jsonl, line=8)");
    assert_eq!(items[6], "!: the id is missing (field=id, file=c.jsonl, line=9)");
    assert_eq!(items[7], "!: the id is missing (field=id, file=c.jsonl, line=10)");
    assert_eq!(items[8], "!: the id is neither a text nor a number (field=id, file=c.jsonl, line=11)");
    assert_eq!(items[9], "!: the id is neither a text nor a number (field=id, file=c.jsonl, line=12)");
    assert!(items[10].starts_with("1={"), "{}", items[10]);
    assert!(items[11].starts_with("1000={"), "{}", items[11]);
    assert_eq!(items[12], "!: the id holds the character U+0000 (field=id, file=c.jsonl, line=15)");
    assert_eq!(items[13], r#" x ={"id":" x "}"#);
    assert_eq!(items.len(), 14);
}

#[tokio::test]
async fn what_failed_is_kept_as_it_stood() {
    let long = "x".repeat(40_000);
    let (_folder, path) = file("c.jsonl", format!("{{\"no\":\"id\"}}\nnot \"JSON\"\n{long}\n{{\"id\":\"{long}\"}}\n"));
    let pages =
        pages(&JsonLines::new(FileOptions::new(path).id_field("id").line_bytes(50_000)), Position::start()).await.unwrap();
    let raws: Vec<&Value> = pages
        .iter()
        .flat_map(|page| &page.items)
        .map(|item| match item {
            Item::Failed { raw, .. } => raw,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(raws[0], &serde_json::json!({ "no": "id" }));
    assert_eq!(raws[1], "not \"JSON\"");
    assert_eq!(raws[2].as_str().unwrap(), &long[..16 * 1024]);
    // A document that only lacks a usable id is kept whole: a corrected mapping can still store it.
    assert_eq!(raws[3]["id"].as_str().unwrap().len(), long.len());
}

#[tokio::test]
async fn a_line_past_the_bound_fails_and_the_next_is_read() {
    for giant in [101, 300_000, 3_000_000] {
        let ok = format!("{{\"id\":\"{}\"}}", "y".repeat(91));
        let (_folder, path) = file("c.jsonl", format!("{}\n{ok}\n{}", "z".repeat(giant), "z".repeat(giant)));
        let source = JsonLines::new(FileOptions::new(path).id_field("id").line_bytes(100));
        let items = all(&source).await;
        assert_eq!(items[0], "!: the line is too long (most_bytes=100, file=c.jsonl, line=1)");
        assert!(items[1].starts_with("yyy"), "{}", items[1]);
        assert_eq!(items[2], "!: the line is too long (most_bytes=100, file=c.jsonl, line=3)");
        assert_eq!(items.len(), 3);
    }
}

#[tokio::test]
async fn pages_end_at_whichever_bound_comes_first() {
    let (_folder, path) = file("c.jsonl", "{\"id\":1}\n".repeat(10));
    let sizes = async |options: FileOptions| {
        let pages = pages(&JsonLines::new(options), Position::start()).await.unwrap();
        pages.iter().map(|page| (page.items.len(), page.bytes)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(FileOptions::new(&path)).await, [(10, 90)]);
    assert_eq!(sizes(FileOptions::new(&path).page_items(4)).await, [(4, 36), (4, 36), (2, 18)]);
    assert_eq!(sizes(FileOptions::new(&path).page_bytes(40)).await, [(5, 45), (5, 45)]);
    let error = pages(&JsonLines::new(FileOptions::new(&path).page_items(0)), Position::start()).await.unwrap_err();
    assert_eq!(error.kind(), mastra_core::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn without_an_id_field_items_are_raw() {
    let (_folder, path) = file("c.jsonl", "{\"id\":1}\n");
    assert_eq!(all(&JsonLines::new(path)).await, [r#"={"id":1}"#]);
}

#[tokio::test]
async fn a_long_file_is_read_as_it_is_asked_for() {
    let lines: String =
        (0..200_000).map(|id| format!("{{\"id\":{id},\"text\":\"some words to fill the line with\"}}\n")).collect();
    let (_folder, path) = file("c.jsonl", &lines);
    let source = JsonLines::new(FileOptions::new(&path).id_field("id"));
    let mut stream = source.pages(Position::start());
    let (mut count, mut bytes) = (0, 0);
    while let Some(page) = stream.try_next().await.unwrap() {
        assert!(page.items.len() <= 500);
        assert_eq!(show(&page.items[0]), format!("{count}={{\"id\":{count},\"text\":\"some words to fill the line with\"}}"));
        (count, bytes) = (count + page.items.len(), bytes + page.bytes);
    }
    assert_eq!((count, bytes), (200_000, lines.len() as u64));
    // What is behind the first pages has not been read when they are given: cut off, it is missed.
    let mut stream = source.pages(Position::start());
    stream.try_next().await.unwrap().unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1_000_000).unwrap();
    let error = loop {
        match stream.try_next().await {
            Ok(page) => assert!(page.is_some(), "a file that was cut off is no whole"),
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), error.is_retryable()), (mastra_core::ErrorKind::Conflict, true));
}
